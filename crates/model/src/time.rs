//! Times as people and machines write them. All instants are nanoseconds since 1970 in UTC.

/// RFC 3339 in UTC with milliseconds, such as `2026-11-21T04:05:06.789Z`.
pub fn format_unix_ns(unix_ns: i64) -> String {
    let millis = unix_ns.rem_euclid(1_000_000_000) / 1_000_000;
    format!("{}.{millis:03}Z", seconds_text(unix_ns))
}

/// The same with all nine digits, for files that keep every nanosecond.
pub fn format_unix_ns_exact(unix_ns: i64) -> String {
    format!("{}.{:09}Z", seconds_text(unix_ns), unix_ns.rem_euclid(1_000_000_000))
}

/// A day, counted from 1970-01-01, as `2026-11-21`.
pub fn format_day(day: i64) -> String {
    let (year, month, day) = civil_from_days(day);
    format!("{year:04}-{month:02}-{day:02}")
}

fn seconds_text(unix_ns: i64) -> String {
    let seconds = unix_ns.div_euclid(1_000_000_000);
    let of_day = seconds.rem_euclid(86_400);
    format!(
        "{}T{:02}:{:02}:{:02}",
        format_day(seconds.div_euclid(86_400)),
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Days since 1970-01-01 to year, month, day in the proleptic Gregorian calendar, by counting in
/// 400-year eras that begin in March, so that the leap day is the last of its year.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc() {
        assert_eq!(format_unix_ns(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_unix_ns(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_unix_ns(951_782_400_000_000_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(format_unix_ns(1_795_234_506_789_000_000), "2026-11-21T04:15:06.789Z");
        assert_eq!(format_unix_ns_exact(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(
            (format_day(-1), format_day(20_778)),
            ("1969-12-31".into(), "2026-11-21".into())
        );
    }
}
