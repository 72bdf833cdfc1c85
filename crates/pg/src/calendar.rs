//! Days, times and intervals as PostgreSQL writes them.

use tagwerk_model::time::civil_from_days;

/// 2000-01-01, from which PostgreSQL counts, in days and microseconds since 1970.
pub const EPOCH_DAYS: i32 = 10_957;
pub const EPOCH_MICROS: i64 = 946_684_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// `2026-11-01`; none beyond the years 1 to 9999.
pub fn date(days: i32) -> Option<String> {
    let (year, month, day) = civil_from_days(i64::from(days));
    (1..=9_999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// `2026-11-01 06:00:00.25`, with `between` between day and time.
pub fn instant(unix_micros: i64, between: char) -> Option<String> {
    let day = date(i32::try_from(unix_micros.div_euclid(DAY_MICROS)).ok()?)?;
    Some(format!("{day}{between}{}", time(unix_micros.rem_euclid(DAY_MICROS))))
}

/// `06:00:00.25`
pub fn time(micros: i64) -> String {
    let (seconds, part) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if part != 0 {
        text.push_str(format!(".{part:06}").trim_end_matches('0'));
    }
    text
}

/// `1 mon 2 days 03:04:05`
pub fn interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    for (count, one) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            parts.push(format!("{count} {one}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        let most = i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX);
        parts.push(format!("{sign}{}", time(most)));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_written_as_postgresql_does() {
        assert_eq!(date(EPOCH_DAYS).unwrap(), "2000-01-01");
        assert_eq!(date(0).unwrap(), "1970-01-01");
        assert_eq!(date(-1).unwrap(), "1969-12-31");
        assert_eq!(date(20_758).unwrap(), "2026-11-01");
        assert_eq!(date(11_016).unwrap(), "2000-02-29");
        assert_eq!(date(i32::MAX), None);
        assert_eq!(instant(EPOCH_MICROS + 250_000, ' ').unwrap(), "2000-01-01 00:00:00.25");
        assert_eq!(instant(-1, ' ').unwrap(), "1969-12-31 23:59:59.999999");
        assert_eq!(interval(13, 2, 3_661_000_000), "1 year 1 mon 2 days 01:01:01");
        assert_eq!(interval(0, 0, 0), "00:00:00");
        assert_eq!(interval(0, -1, -1_500_000), "-1 days -00:00:01.5");
    }
}
