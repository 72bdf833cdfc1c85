//! How long a login lasts. Measured on the monotonic clock: a step of the wall clock neither ends a
//! session nor keeps it alive. Moments of another boot do not compare; their sessions are over.

use std::time::Duration;

/// Unused for this long, a session ends.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// However much it is used, a session ends after this.
pub const SESSION_ABSOLUTE: Duration = Duration::from_secs(7 * 86_400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    pub boot_id: [u8; 16],
    pub created_ns: u64,
    pub seen_ns: u64,
}

impl SessionTimes {
    pub fn new(boot_id: [u8; 16], now_ns: u64) -> SessionTimes {
        SessionTimes { boot_id, created_ns: now_ns, seen_ns: now_ns }
    }

    pub fn alive(&self, boot_id: [u8; 16], now_ns: u64) -> bool {
        self.boot_id == boot_id
            && now_ns >= self.created_ns
            && now_ns - self.created_ns < SESSION_ABSOLUTE.as_nanos() as u64
            && now_ns.saturating_sub(self.seen_ns) < SESSION_IDLE.as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn sessions_end_when_idle_when_old_and_with_the_boot() {
        let check = |seen: u64, now: u64, boot: u8, alive: bool| {
            let times = SessionTimes { boot_id: [1; 16], created_ns: HOUR, seen_ns: seen * HOUR };
            assert_eq!(times.alive([boot; 16], now * HOUR), alive, "{seen} {now} {boot}");
        };
        check(1, 2, 1, true);
        check(1, 12, 1, true);
        check(1, 13, 1, false);
        check(12, 23, 1, true);
        check(168, 168, 1, true);
        check(168, 169, 1, false);
        check(1, 2, 2, false);
        check(1, 0, 1, false);
    }
}
