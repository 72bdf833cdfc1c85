//! Faults of the wire that a test asks for: which request they strike, and what becomes of the
//! answer. Who sends the bytes is `serve.rs`.

use serde::Deserialize;

use crate::codec::put_frame;
use crate::noise::Noise;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is carried out, and no answer comes.
    Silent,
    /// The answer comes `value` milliseconds late (default 1000).
    Slow,
    /// Not carried out, and refused with exception `value` (default 4).
    Exception,
    /// Carried out, and the connection is reset instead of an answer.
    Reset,
    /// `value` random bytes (default 32) instead of an answer.
    Garbage,
    /// A wrong answer with another transaction id, then the right one.
    WrongTransaction,
    /// A wrong answer with another unit id, and no right one.
    WrongUnit,
    /// The first `value` bytes of the answer (default half), and never the rest.
    Truncated,
    /// The answer and a repetition of it in one write.
    Merged,
    /// The answer byte by byte, `value` milliseconds apart (default 5).
    Trickle,
    /// The answer with a length field of 65535.
    AbsurdLength,
    /// Ends all faults of the unit.
    None,
}

/// The body of `POST /fault`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// One unit, or all.
    pub unit: Option<u8>,
    pub kind: Kind,
    pub seconds: Option<f64>,
    pub requests: Option<u64>,
    pub value: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Left {
    Requests(u64),
    UntilMs(u64),
}

#[derive(Clone, Debug)]
struct Active {
    unit: Option<u8>,
    kind: Kind,
    value: Option<u64>,
    left: Left,
}

/// A fault that strikes one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    pub kind: Kind,
    pub value: Option<u64>,
}

/// The faults asked for and not yet over, in the order of asking.
#[derive(Debug, Default)]
pub struct Faults {
    active: Vec<Active>,
}

/// More than any test asks for; beyond it the oldest ends.
const FAULTS_MAX: usize = 256;

impl Faults {
    pub fn add(&mut self, order: &Order, now_ms: u64) {
        if order.kind == Kind::None {
            self.active.retain(|active| order.unit.is_some() && active.unit != order.unit);
            return;
        }
        if self.active.len() == FAULTS_MAX {
            self.active.remove(0);
        }
        let left = match (order.requests, order.seconds) {
            (Some(requests), _) => Left::Requests(requests),
            (None, Some(seconds)) => Left::UntilMs(now_ms + (seconds.max(0.0) * 1000.0) as u64),
            (None, None) => Left::Requests(1),
        };
        self.active.push(Active { unit: order.unit, kind: order.kind, value: order.value, left });
    }

    /// The fault that strikes a request to `unit` now: the oldest that is not over.
    pub fn strike(&mut self, unit: u8, now_ms: u64) -> Option<Strike> {
        self.active.retain(|active| match active.left {
            Left::Requests(left) => left > 0,
            Left::UntilMs(until_ms) => now_ms < until_ms,
        });
        let active = self.active.iter_mut().find(|active| active.unit.is_none_or(|u| u == unit))?;
        if let Left::Requests(left) = &mut active.left {
            *left -= 1;
        }
        Some(Strike { kind: active.kind, value: active.value })
    }
}

impl Kind {
    /// Whether the master still gets the whole, right answer.
    pub fn answers(self) -> bool {
        matches!(
            self,
            Kind::Slow | Kind::WrongTransaction | Kind::Merged | Kind::Trickle | Kind::None
        )
    }
}

/// The bytes that go out instead of the plain answer `pdu`.
pub fn spoil(strike: Strike, transaction: u16, unit: u8, pdu: &[u8], noise: &mut Noise) -> Vec<u8> {
    let mut out = Vec::new();
    let wrong = decoy(pdu);
    match strike.kind {
        Kind::Silent | Kind::Reset => {}
        Kind::Slow | Kind::Exception | Kind::Trickle | Kind::None => {
            put_frame(&mut out, transaction, unit, pdu);
        }
        Kind::Garbage => {
            let bytes = strike.value.unwrap_or(32).min(4096);
            out.extend((0..bytes).map(|_| noise.next() as u8));
        }
        Kind::WrongTransaction => {
            put_frame(&mut out, transaction.wrapping_add(0x5555), unit, &wrong);
            put_frame(&mut out, transaction, unit, pdu);
        }
        Kind::WrongUnit => put_frame(&mut out, transaction, unit.wrapping_add(100), &wrong),
        Kind::Truncated => {
            put_frame(&mut out, transaction, unit, pdu);
            let half = out.len() / 2;
            out.truncate(strike.value.map_or(half, |bytes| bytes as usize).min(out.len() - 1));
        }
        Kind::Merged => {
            put_frame(&mut out, transaction, unit, pdu);
            put_frame(&mut out, transaction, unit, pdu);
        }
        Kind::AbsurdLength => {
            put_frame(&mut out, transaction, unit, pdu);
            out[4..6].copy_from_slice(&[0xff, 0xff]);
        }
    }
    out
}

/// The same answer with other data, so that a master which takes it is found out.
fn decoy(pdu: &[u8]) -> Vec<u8> {
    pdu.iter().enumerate().map(|(at, byte)| if at < 2 { *byte } else { !byte }).collect()
}
