//! Times on the wire: 100-nanosecond ticks since 1601 (Part 6, 5.2.2.5).

/// Ticks from 1601-01-01 to 1970-01-01.
const EPOCH: i64 = 116_444_736_000_000_000;

/// Nanoseconds since 1970; `None` for "no time", and for what those cannot count.
pub fn unix_ns(ticks: i64) -> Option<i64> {
    if ticks <= 0 || ticks == i64::MAX {
        return None;
    }
    (ticks - EPOCH).checked_mul(100)
}

pub fn ticks(unix_ns: i64) -> i64 {
    unix_ns.div_euclid(100) + EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_nanoseconds_agree() {
        assert_eq!(unix_ns(ticks(1_795_234_506_789_000_100)), Some(1_795_234_506_789_000_100));
        assert_eq!(unix_ns(0), None);
        assert_eq!(unix_ns(i64::MIN), None);
        assert_eq!(unix_ns(i64::MAX - 1), None, "the year 30828");
        assert_eq!(unix_ns(EPOCH), Some(0));
    }
}
