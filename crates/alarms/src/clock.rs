//! The clock that alarms go by: it never goes back, whatever the wall clock does, and knows how long a
//! machine was off where the wall clock says so.

use serde::{Deserialize, Serialize};
use tagwerk_env::Moment;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmClock {
    boot: [u8; 16],
    moment_ns: u64,
    time_ns: i64,
}

impl AlarmClock {
    /// Goes on to a moment of some boot, and returns the time then. Within a boot the monotonic clock
    /// counts; from one to the next the wall clock, if it can be believed.
    pub fn reach(
        &mut self,
        boot: [u8; 16],
        moment: Moment,
        unix_ns: i64,
        synchronised: bool,
    ) -> i64 {
        if self.boot == boot {
            let passed = moment.0.saturating_sub(self.moment_ns);
            self.time_ns = self.time_ns.saturating_add_unsigned(passed);
            self.moment_ns = self.moment_ns.max(moment.0);
        } else {
            if synchronised || self.time_ns == 0 {
                self.time_ns = self.time_ns.max(unix_ns);
            }
            (self.boot, self.moment_ns) = (boot, moment.0);
        }
        self.time_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_never_back() {
        let (first, second) = ([1; 16], [2; 16]);
        let mut clock = AlarmClock::default();
        assert_eq!(clock.reach(first, Moment(50), 1_000, true), 1_000);
        assert_eq!(clock.reach(first, Moment(60), 5, true), 1_010);
        assert_eq!(clock.reach(first, Moment(55), 9_999, true), 1_010);
        assert_eq!(clock.reach(first, Moment(70), 0, true), 1_020);
        // A boot whose clock is not set yet, and may be years off.
        assert_eq!(clock.reach(second, Moment(7), 8_000_000, false), 1_020);
        assert_eq!(clock.reach(second, Moment(9), 0, false), 1_022);
        assert_eq!(clock.reach(first, Moment(1), 5_000, true), 5_000);
    }
}
