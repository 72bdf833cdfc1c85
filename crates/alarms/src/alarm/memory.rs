//! What a condition remembers of samples before: when the last one came, values of the past, or the
//! values of two tags.

use super::condition::{known, number};
use super::{Condition, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tagwerk_model::{Quality, ValueRef, limits};

/// Times are those of the alarms' clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    #[default]
    Nothing,
    /// When the last value came that was not bad, or since when one is waited for.
    Seen(i64),
    /// None came for so long that the condition was met.
    Silent,
    /// Values of the past and when they came, oldest first.
    Past(VecDeque<(i64, Exact)>),
    /// The value of the tag and of its reference, where they are known.
    Pair(Option<Exact>, Option<Exact>),
}

/// A number that is stored as its bits: what comes back is the same to the last digit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Exact(f64);

impl From<u64> for Exact {
    fn from(bits: u64) -> Exact {
        Exact(f64::from_bits(bits))
    }
}

impl From<Exact> for u64 {
    fn from(exact: Exact) -> u64 {
        exact.0.to_bits()
    }
}

/// Points are at least this part of the span apart, so that a span and both its ends have room.
const POINTS_OF_A_SPAN: i64 = limits::ALARM_RATE_POINTS_MAX as i64 - 2;

impl Condition {
    /// Judges a sample of the tag, and remembers it.
    pub fn take(
        &self,
        memory: &mut Memory,
        was: bool,
        at_ns: i64,
        (value, quality): (Option<ValueRef<'_>>, Quality),
    ) -> Verdict {
        let read = value.filter(|_| !quality.is_bad()).and_then(number);
        match self {
            Condition::Stale { .. } if quality.is_bad() => Verdict::Unknown,
            Condition::Stale { .. } => {
                *memory = Memory::Seen(at_ns);
                Verdict::NotMet
            }
            Condition::Rising { per_ns, .. } | Condition::Falling { per_ns, .. } => {
                let Some(read) = read else { return Verdict::Unknown };
                let change = memory.change(*per_ns, at_ns, read);
                known(change, |change| self.beyond(was, change))
            }
            Condition::Deviation { .. } => {
                *memory = Memory::Pair(read.map(Exact), memory.pair().1);
                self.compare(memory, was)
            }
            _ => self.judge(was, value, quality),
        }
    }

    /// Remembers a sample of the tag that is compared with.
    pub fn take_reference(
        &self,
        memory: &mut Memory,
        value: Option<ValueRef<'_>>,
        quality: Quality,
    ) {
        let read = value.filter(|_| !quality.is_bad()).and_then(number);
        *memory = Memory::Pair(memory.pair().0, read.map(Exact));
    }

    /// Judges the distance of two tags. While one of them is not known it stays as it is.
    pub fn compare(&self, memory: &Memory, was: bool) -> Verdict {
        let Memory::Pair(Some(own), Some(reference)) = memory else { return Verdict::Unknown };
        let distance = own.0 - reference.0;
        known(Some(distance).filter(|d| !d.is_nan()), |distance| self.beyond(was, distance))
    }

    /// When the condition is met if no sample comes until then.
    pub fn due_ns(&self, memory: &Memory) -> Option<i64> {
        match (self, memory) {
            (Condition::Stale { after_ns }, Memory::Seen(at_ns)) => {
                Some(at_ns.saturating_add(*after_ns))
            }
            _ => None,
        }
    }

    /// Begins to wait, where nothing has been seen yet.
    pub fn begin(&self, memory: &mut Memory, at_ns: i64) {
        if matches!((self, &*memory), (Condition::Stale { .. }, Memory::Nothing)) {
            *memory = Memory::Seen(at_ns);
        }
    }

    /// Whether what was remembered for this condition serves another.
    pub fn hands_over_to(&self, other: &Condition) -> bool {
        let stale = |condition: &Condition| matches!(condition, Condition::Stale { .. });
        self == other || (stale(self) && stale(other))
    }
}

impl Memory {
    /// By how much the value has changed in a span: the newest point that is a span old or older is
    /// compared with, and what lies between is taken as even. None before there is such a point.
    fn change(&mut self, per_ns: i64, at_ns: i64, value: f64) -> Option<f64> {
        if !matches!(self, Memory::Past(_)) {
            *self = Memory::Past(VecDeque::new());
        }
        let Memory::Past(points) = self else { return None };
        let age = |(then_ns, _): &(i64, Exact)| at_ns.saturating_sub(*then_ns);
        while points.get(1).is_some_and(|second| age(second) >= per_ns) {
            points.pop_front();
        }
        let from = points.front().filter(|first| age(first) >= per_ns.max(1)).copied();
        let apart = (per_ns / POINTS_OF_A_SPAN).max(1);
        if points.back().is_none_or(|last| age(last) >= apart) {
            if points.len() >= limits::ALARM_RATE_POINTS_MAX {
                points.pop_front();
            }
            points.push_back((at_ns, Exact(value)));
        }
        let (then_ns, then) = from?;
        let spans = (at_ns - then_ns) as f64 / per_ns as f64;
        Some((value - then.0) / spans).filter(|change| !change.is_nan())
    }

    fn pair(&self) -> (Option<Exact>, Option<Exact>) {
        match self {
            Memory::Pair(own, reference) => (*own, *reference),
            _ => (None, None),
        }
    }
}
