//! All alarms together: how many changes are written in a minute, and whether more alarms are announced
//! than one person can follow (ISA-18.2, alarm floods).

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tagwerk_model::limits;

const MINUTE_NS: i64 = 60_000_000_000;
const FLOOD_SPAN_NS: i64 = limits::ALARM_FLOOD_SPAN.as_nanos() as i64;

/// Changes in the minute that began with the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    from_ns: i64,
    written: u32,
    /// Counted instead.
    held: u64,
}

impl Quota {
    /// Whether one more is written.
    pub(super) fn admit(&mut self, at_ns: i64, written_max: u32) -> bool {
        let passed = at_ns.saturating_sub(self.from_ns);
        let over = self.written == 0 || !(0..MINUTE_NS).contains(&passed);
        if self.held == 0 && over {
            *self = Quota { from_ns: at_ns, ..Quota::default() };
        }
        let admitted = self.written < written_max;
        self.written += u32::from(admitted);
        self.held += u64::from(!admitted);
        admitted
    }

    /// When it is told how many were held.
    pub(super) fn due_ns(&self) -> Option<i64> {
        (self.held > 0).then(|| self.from_ns.saturating_add(MINUTE_NS))
    }

    /// Begins anew, and returns how many were held.
    pub(super) fn end(&mut self) -> u64 {
        std::mem::take(self).held
    }

    pub fn held(&self) -> u64 {
        self.held
    }
}

/// Alarms announced lately. An edge is one operator position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// Of the last that were announced, one more than can be followed.
    recent_ns: VecDeque<i64>,
    /// Since when, and how many have been announced since then.
    now: Option<(i64, u64)>,
}

impl Flood {
    pub(super) fn announce(&mut self, at_ns: i64) {
        self.now = self.at(at_ns);
        self.recent_ns.push_back(at_ns);
        if self.recent_ns.len() > limits::ALARM_FLOOD_ALARMS + 1 {
            self.recent_ns.pop_front();
        }
        if let Some((_, alarms)) = &mut self.now {
            *alarms += 1;
        } else if self.recent_ns.len() > limits::ALARM_FLOOD_ALARMS
            && let Some(first) = self.recent_ns.front()
            && at_ns.saturating_sub(*first) <= FLOOD_SPAN_NS
        {
            self.now = Some((*first, self.recent_ns.len() as u64));
        }
    }

    /// Since when there is a flood, and the alarms announced since then.
    pub fn at(&self, now_ns: i64) -> Option<(i64, u64)> {
        let last_needed = self.recent_ns.iter().rev().nth(limits::ALARM_FLOOD_ENDS - 1)?;
        self.now.filter(|_| now_ns.saturating_sub(*last_needed) <= FLOOD_SPAN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn what_is_over_the_quota_of_a_minute_is_counted() {
        let mut quota = Quota::default();
        let admitted = (0..10).filter(|second| quota.admit(second * S, 4)).count();
        assert_eq!((admitted, quota.held(), quota.due_ns()), (4, 6, Some(60 * S)));
        assert!(!quota.admit(59 * S, 4));
        assert_eq!(quota.end(), 7);
        assert!(quota.admit(60 * S, 4));
        assert_eq!(quota.due_ns(), None);
    }

    #[test]
    fn more_than_ten_alarms_in_ten_minutes_are_a_flood_until_there_are_fewer_than_five() {
        let mut flood = Flood::default();
        (0..10).for_each(|n| flood.announce(n * 60 * S));
        assert_eq!(flood.at(540 * S), None);
        flood.announce(601 * S);
        assert_eq!(flood.at(601 * S), None, "the first is longer ago than ten minutes");
        flood.announce(602 * S);
        assert_eq!(flood.at(602 * S), Some((60 * S, 11)));
        flood.announce(700 * S);
        assert_eq!(flood.at(700 * S), Some((60 * S, 12)));
        // The last five: 480, 540, 601, 602 and 700.
        assert_eq!(flood.at(1_080 * S), Some((60 * S, 12)));
        assert_eq!(flood.at(1_081 * S), None);
        flood.announce(1_100 * S);
        assert_eq!(flood.at(1_100 * S), None, "a flood that is over does not come back with one");
    }
}
