//! An alarm that changes too often by itself: the changes beyond a bound are counted, not told, until it
//! is steady again (ISA-18.2, chattering alarms).

use serde::{Deserialize, Serialize};
use tagwerk_model::limits;

/// More than so many changes within the span, counted from the first of them, are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatterBound {
    pub changes: u32,
    pub span_ns: i64,
    /// Without a change for so long it is over.
    pub steady_ns: i64,
}

impl Default for ChatterBound {
    fn default() -> ChatterBound {
        ChatterBound {
            changes: limits::ALARM_CHATTER_CHANGES_MAX,
            span_ns: limits::ALARM_CHATTER_SPAN.as_nanos() as i64,
            steady_ns: limits::ALARM_STEADY.as_nanos() as i64,
        }
    }
}

/// Of one alarm. Two numbers are kept of a span, not the time of every change: this is stored with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chatter {
    /// When the span began, and changes since.
    from_ns: i64,
    changes: u32,
    /// The last change, while it chatters.
    last_ns: i64,
    /// 0: it does not chatter.
    not_told: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    /// This one is the first that is not told; that it chatters is told in its place.
    Begins,
    No,
}

impl Chatter {
    pub fn count(&mut self, bound: &ChatterBound, at_ns: i64) -> Told {
        if self.not_told > 0 {
            self.not_told += 1;
            self.last_ns = at_ns;
            return Told::No;
        }
        let passed = at_ns.saturating_sub(self.from_ns);
        if self.changes == 0 || !(0..bound.span_ns).contains(&passed) {
            (self.from_ns, self.changes) = (at_ns, 0);
        }
        self.changes += 1;
        if self.changes <= bound.changes {
            return Told::Yes;
        }
        (self.not_told, self.last_ns) = (1, at_ns);
        Told::Begins
    }

    pub fn not_told(&self) -> Option<u64> {
        Some(self.not_told).filter(|count| *count > 0)
    }

    /// When it is over if nothing changes until then.
    pub fn steady_ns(&self, bound: &ChatterBound) -> Option<i64> {
        self.not_told().map(|_| self.last_ns.saturating_add(bound.steady_ns))
    }
}
