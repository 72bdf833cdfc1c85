//! Answers that may still come. On a serial line nothing in an answer says which request it belongs
//! to, so one that is late could be taken for the next one's: of the same unit, function and
//! length. This knows when that is possible, and which request tells the two apart.

use std::collections::VecDeque;
use std::time::Duration;
use tagwerk_env::Moment;
use tagwerk_proto_modbus::{Function, Request};

/// Requests whose answers are still reckoned with.
const DEBTS_MAX: usize = 64;
/// Nobody answers as late as this.
const AGE_MAX: Duration = Duration::from_secs(30);

/// A request that got no answer in time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Debt {
    unit: u8,
    function: u8,
    answer_bytes: usize,
    /// The PDU.
    asked: Vec<u8>,
    /// Where and how much a read read.
    read: Option<(u16, u16)>,
    since: Moment,
}

#[derive(Default)]
pub struct Debts(VecDeque<Debt>);

/// A request whose answer no earlier request can have, and whether a refusal proves that as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub request: Request<'static>,
    pub proven_by: ProvenBy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenBy {
    /// Function or length of the data.
    Data,
    /// The function: a refusal names it too.
    Anything,
}

impl Debts {
    pub fn add(&mut self, unit: u8, request: &Request<'_>, asked: &[u8], now: Moment) {
        if self.0.len() >= DEBTS_MAX {
            self.0.pop_front();
        }
        let read = match *request {
            Request::ReadCoils { start, count }
            | Request::ReadDiscreteInputs { start, count }
            | Request::ReadHoldingRegisters { start, count }
            | Request::ReadInputRegisters { start, count } => Some((start, count)),
            _ => None,
        };
        let (function, answer_bytes) = (request.function().code(), request.answer_bytes());
        let asked = asked.to_vec();
        self.0.push_back(Debt { unit, function, answer_bytes, asked, read, since: now });
    }

    /// An answer came that is not the one waited for: whether it was owed.
    pub fn settle(&mut self, unit: u8, pdu: &[u8]) -> bool {
        let function = pdu.first().map_or(0, |code| code & 0x7F);
        let at = self.0.iter().position(|debt| debt.unit == unit && debt.function == function);
        at.and_then(|at| self.0.remove(at)).is_some()
    }

    /// The unit answered this request. Units answer in order, so what it owed before is void,
    /// unless the answer could as well have been an owed one.
    pub fn answered(&mut self, unit: u8, request: &Request<'_>) {
        let function = request.function().code();
        if !self.0.iter().any(|debt| debt.unit == unit && debt.function == function) {
            self.forgive(unit);
        }
    }

    /// The unit owes nothing any more.
    pub fn forgive(&mut self, unit: u8) {
        self.0.retain(|debt| debt.unit != unit);
    }

    /// Whether the answer to a request could be mistaken for an owed one. A read that is asked
    /// again gets the right data either way.
    pub fn confuse(&mut self, unit: u8, request: &Request<'_>, asked: &[u8], now: Moment) -> bool {
        self.0.retain(|debt| now.since(debt.since) < AGE_MAX);
        let function = request.function().code();
        let same = |debt: &Debt| debt.read.is_some() && debt.asked == asked;
        self.0.iter().any(|d| d.unit == unit && d.function == function && !same(d))
    }

    /// What to ask a unit so that the answer proves that nothing owed comes any more, most likely
    /// understood first.
    pub fn questions(&self, unit: u8, near: u16) -> Vec<Question> {
        let owed = || self.0.iter().filter(move |debt| debt.unit == unit);
        let mut questions = Vec::new();
        // Part of what the device is known to have, or at least to have been asked for.
        for debt in owed() {
            let Some((start, _)) = debt.read.filter(|(_, count)| *count > 1) else { continue };
            let Some(request) = read(debt.function, start, 1) else { continue };
            let bytes = request.answer_bytes();
            if owed().all(|d| d.function != debt.function || d.answer_bytes != bytes) {
                questions.push(Question { request, proven_by: ProvenBy::Data });
                break;
            }
        }
        for function in [3, 4, 1, 2] {
            if owed().all(|debt| debt.function != function)
                && let Some(request) = read(function, near, 1)
            {
                questions.push(Question { request, proven_by: ProvenBy::Anything });
                break;
            }
        }
        questions
    }
}

fn read(function: u8, start: u16, count: u16) -> Option<Request<'static>> {
    match Function::from_code(function)? {
        Function::ReadCoils => Some(Request::ReadCoils { start, count }),
        Function::ReadDiscreteInputs => Some(Request::ReadDiscreteInputs { start, count }),
        Function::ReadHoldingRegisters => Some(Request::ReadHoldingRegisters { start, count }),
        Function::ReadInputRegisters => Some(Request::ReadInputRegisters { start, count }),
        _ => None,
    }
}
