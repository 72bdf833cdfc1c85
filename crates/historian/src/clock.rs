//! What retention takes for the present. A wall clock that jumps must not make history old: a jump
//! ahead is believed only after the machine has run with it for a day.

use std::time::Duration;
use tagwerk_env::{Moment, WallTime};

/// A wall clock that goes ahead by more than this, against the monotonic clock, jumps.
const JUMP_NS: i64 = 3_600_000_000_000;
/// How long a jump ahead must last before it is believed.
const PATIENCE: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SteadyNow {
    unix_ns: i64,
    last: Option<Moment>,
    jumped: Option<Moment>,
}

impl SteadyNow {
    /// `unix_ns` is what was taken for the present before the program stopped; 0: nothing is known.
    pub fn resume(unix_ns: i64) -> SteadyNow {
        SteadyNow { unix_ns, last: None, jumped: None }
    }

    /// Nanoseconds since 1970; 0 when nothing is known yet.
    pub fn now(&self) -> i64 {
        self.unix_ns
    }

    pub fn observe(&mut self, moment: Moment, wall: WallTime) {
        if let Some(last) = self.last
            && self.unix_ns != 0
        {
            self.unix_ns = self.unix_ns.saturating_add(moment.since(last).as_nanos() as i64);
        }
        self.last = Some(moment);
        if !wall.synchronised {
            return;
        }
        let ahead = wall.unix_ns.saturating_sub(self.unix_ns);
        if self.unix_ns == 0 || ahead <= JUMP_NS {
            self.unix_ns = wall.unix_ns;
            self.jumped = None;
            return;
        }
        let since = *self.jumped.get_or_insert(moment);
        if moment.since(since) >= PATIENCE {
            self.unix_ns = wall.unix_ns;
            self.jumped = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_jump_ahead_is_believed_after_a_day() {
        let mut now = SteadyNow::default();
        let mut at = |seconds: u64, unix_s: i64, synchronised: bool| {
            let wall = WallTime { unix_ns: unix_s * SECOND as i64, synchronised };
            now.observe(Moment(seconds * SECOND), wall);
            now.now() / SECOND as i64
        };
        assert_eq!(at(1, 5, false), 0, "nothing is known");
        assert_eq!(at(2, 1_000_000, true), 1_000_000);
        assert_eq!(at(12, 1_000_011, true), 1_000_011);
        assert_eq!(at(22, 600_000_000, true), 1_000_021, "twenty years ahead");
        assert_eq!(at(32, 1_000_030, true), 1_000_030, "and back");
        assert_eq!(at(42, 10, false), 1_000_040, "not synchronised");
        assert_eq!(at(52, 2_000_000, true), 1_000_050);
        assert_eq!(at(52 + 86_399, 2_086_399, true), 1_086_449);
        assert_eq!(at(52 + 86_400, 2_086_400, true), 2_086_400, "a day later");
        assert_eq!(at(52 + 86_401, 500_000, true), 500_000, "back is believed at once");
    }
}
