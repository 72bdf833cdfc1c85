//! The brake on guessing: after some failures, each try by the same account or address must wait,
//! longer every time. Nobody is locked out for good: a flood of wrong passwords must not keep the
//! plant's own people away for longer than a minute.

use std::collections::HashMap;
use std::time::Duration;

/// Failures that cost nothing.
const FREE_FAILURES: u32 = 5;
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Without a failure for this long, all is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// Names and addresses remembered. More: the one whose last failure is oldest is forgotten.
const REMEMBERED_MAX: usize = 4_096;

#[derive(Default)]
pub struct Throttle {
    failures: HashMap<String, Failures>,
}

struct Failures {
    count: u32,
    last_ns: u64,
}

impl Throttle {
    pub fn new() -> Throttle {
        Throttle::default()
    }

    /// How long `key` must still wait before its next try.
    pub fn wait(&self, key: &str, now_ns: u64) -> Option<Duration> {
        let failures = self.failures.get(key)?;
        let passed = now_ns.saturating_sub(failures.last_ns);
        if passed >= FORGET_AFTER.as_nanos() as u64 || failures.count < FREE_FAILURES {
            return None;
        }
        let doublings = (failures.count - FREE_FAILURES).min(16);
        let wait = (WAIT_FIRST * 2u32.pow(doublings)).min(WAIT_MAX);
        wait.checked_sub(Duration::from_nanos(passed)).filter(|left| !left.is_zero())
    }

    pub fn failed(&mut self, key: &str, now_ns: u64) {
        let forget = FORGET_AFTER.as_nanos() as u64;
        if self.failures.len() >= REMEMBERED_MAX && !self.failures.contains_key(key) {
            self.failures.retain(|_, f| now_ns.saturating_sub(f.last_ns) < forget);
            let oldest = self.failures.iter().min_by_key(|(_, f)| f.last_ns);
            if self.failures.len() >= REMEMBERED_MAX
                && let Some(oldest) = oldest.map(|(key, _)| key.clone())
            {
                self.failures.remove(&oldest);
            }
        }
        let failures =
            self.failures.entry(key.to_owned()).or_insert(Failures { count: 0, last_ns: now_ns });
        if now_ns.saturating_sub(failures.last_ns) >= forget {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last_ns = now_ns;
    }

    pub fn succeeded(&mut self, key: &str) {
        self.failures.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn waits_grow_and_end() {
        let mut throttle = Throttle::new();
        let mut now = SECOND;
        for _ in 0..FREE_FAILURES - 1 {
            throttle.failed("anna", now);
            assert_eq!(throttle.wait("anna", now), None);
        }
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            throttle.failed("anna", now);
            assert_eq!(throttle.wait("anna", now), Some(Duration::from_secs(expected)));
            now += expected * SECOND;
            assert_eq!(throttle.wait("anna", now), None);
        }
        assert_eq!(throttle.wait("bert", now), None);
        throttle.failed("anna", now);
        now += FORGET_AFTER.as_nanos() as u64;
        throttle.failed("anna", now);
        assert_eq!(throttle.wait("anna", now), None, "forgotten");
        (0..9).for_each(|_| throttle.failed("anna", now));
        throttle.succeeded("anna");
        assert_eq!(throttle.wait("anna", now), None);
    }

    #[test]
    fn a_flood_of_names_takes_no_memory() {
        let mut throttle = Throttle::new();
        for i in 0..3 * REMEMBERED_MAX {
            throttle.failed(&format!("user {i}"), i as u64);
        }
        assert_eq!(throttle.failures.len(), REMEMBERED_MAX);
    }
}
