//! Confirmations of commands, and which command each is for. The protocol numbers no commands: a
//! confirmation repeats what it confirms. So a command that nobody waits for any more is
//! remembered, and its late confirmation is never taken for that of an equal one given after it.

use std::collections::VecDeque;
use std::time::Duration;
use tagwerk_env::Moment;
use tagwerk_proto_iec104::{Asdu, Cause, Element, Object, Sign, TypeId};

/// Commands given up whose late confirmations are still recognised; more, and the oldest is
/// forgotten.
const ABANDONED_MAX: usize = 64;
/// After this time no late confirmation is expected.
const ABANDONED_AGE_MAX: Duration = Duration::from_secs(60);

/// What the station said to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Confirmed,
    Terminated,
    /// Refused, with the cause that says why, if any.
    Refused(Cause),
}

/// A command that was given.
#[derive(Clone, Copy, Debug)]
struct Flight {
    common_address: u16,
    type_id: TypeId,
    object: Object,
    answer: Option<Answer>,
}

#[derive(Default)]
pub struct Counts {
    pub late: u64,
    pub foreign: u64,
}

#[derive(Default)]
pub struct Flights {
    present: Option<Flight>,
    abandoned: VecDeque<(Moment, Flight)>,
    pub counts: Counts,
}

impl Flights {
    pub fn begin(&mut self, common_address: u16, type_id: TypeId, object: Object) {
        self.present = Some(Flight { common_address, type_id, object, answer: None });
    }

    pub fn answer(&self) -> Option<Answer> {
        self.present.as_ref()?.answer
    }

    /// Nobody waits any more; `sent` when it has left and no confirmation came.
    pub fn end(&mut self, sent: Sent, now: Moment) {
        let Some(flight) = self.present.take() else { return };
        if sent == Sent::Unconfirmed {
            if self.abandoned.len() >= ABANDONED_MAX {
                self.abandoned.pop_front();
            }
            self.abandoned.push_back((now, flight));
        }
    }

    /// A command's type came back.
    pub fn take(&mut self, asdu: &Asdu<'_>, now: Moment) {
        let header = &asdu.header;
        let negative = header.sign == Sign::Negative || header.cause.is_unknown();
        let answer = match header.cause {
            cause if negative => Answer::Refused(cause),
            Cause::ACTIVATION_CONFIRMATION => Answer::Confirmed,
            Cause::ACTIVATION_TERMINATION => Answer::Terminated,
            _ => {
                self.counts.foreign += 1;
                return;
            }
        };
        self.abandoned.retain(|(since, _)| now.since(*since) < ABANDONED_AGE_MAX);
        for object in asdu.objects() {
            let is_of = |flight: &Flight| {
                flight.common_address == header.common_address
                    && flight.type_id == asdu.type_id
                    && flight.object.address == object.address
            };
            let late = self.abandoned.iter().position(|(_, flight)| {
                is_of(flight) && flight.object == object && answer != Answer::Terminated
            });
            if let Some(position) = late {
                self.abandoned.remove(position);
                self.counts.late += 1;
                continue;
            }
            let matches = |flight: &&mut Flight| {
                is_of(flight)
                    && (matches!(answer, Answer::Refused(_))
                        || mirrors(&flight.object.element, &object.element))
            };
            match self.present.as_mut().filter(matches) {
                Some(flight) => flight.hear(answer),
                // Stations that terminate commands do so after nobody waits for it.
                None if answer == Answer::Terminated => {}
                None => self.counts.foreign += 1,
            }
        }
    }
}

impl Flight {
    fn hear(&mut self, answer: Answer) {
        match (self.answer, answer) {
            // An end without a confirmation is that of an earlier command.
            (None, Answer::Terminated) | (Some(Answer::Refused(_) | Answer::Terminated), _) => {}
            _ => self.answer = Some(answer),
        }
    }
}

/// Whether a command that was given up may still be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Settled,
    Unconfirmed,
}

/// Whether a confirmation repeats a command: the same stage and value. Some stations change
/// qualifier and time.
fn mirrors(given: &Element, confirmed: &Element) -> bool {
    if given.stage() != confirmed.stage() {
        return false;
    }
    match (given, confirmed) {
        (Element::SingleCommand { on: a, .. }, Element::SingleCommand { on: b, .. }) => a == b,
        (Element::DoubleCommand { state: a, .. }, Element::DoubleCommand { state: b, .. }) => {
            a == b
        }
        (Element::StepCommand { direction: a, .. }, Element::StepCommand { direction: b, .. }) => {
            a == b
        }
        (Element::SetNormalized { raw: a, .. }, Element::SetNormalized { raw: b, .. }) => a == b,
        (Element::SetScaled { value: a, .. }, Element::SetScaled { value: b, .. }) => a == b,
        (Element::SetFloat { value: a, .. }, Element::SetFloat { value: b, .. }) => a == b,
        (Element::SetBits { bits: a }, Element::SetBits { bits: b }) => a == b,
        _ => false,
    }
}
