//! Reads instants as people and programs write them (RFC 3339).

const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970 in UTC; `None` when the text is no instant, or one beyond 1700 to 2200.
pub fn parse_unix_ns(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, offset_seconds) = split_offset(rest)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let days = days_from_civil(
        number(year, 4, 1700..=2200)?,
        number(month, 2, 1..=12)?,
        number(day, 2, 1..=31)?,
    )?;
    let seconds = number(hour, 2, 0..=23)? * 3600
        + number(minute, 2, 0..=59)? * 60
        // 60: a leap second, which unix time does not have.
        + number(second, 2, 0..=60)?.min(59);
    let nanos = match fraction {
        "" => 0,
        digits => {
            number(digits, digits.len(), 0..=999_999_999)? * 10i64.pow(9 - digits.len() as u32)
        }
    };
    (days * DAY_SECONDS + seconds - offset_seconds).checked_mul(1_000_000_000)?.checked_add(nanos)
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let (time, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        // A `+` that was not encoded in a query arrives as a space.
        b' ' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let seconds = number(hours, 2, 0..=23)? * 3600 + number(minutes, 2, 0..=59)? * 60;
    Some((time, sign * seconds))
}

fn number(digits: &str, length: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    if digits.len() != length || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number| range.contains(number))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > length {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::format_unix_ns;

    #[test]
    fn instants_are_read_as_they_are_written() {
        for unix_ms in [0, -1, 951_782_400_000, 1_795_234_506_789, 4_102_444_800_000i64] {
            let unix_ns = unix_ms * 1_000_000;
            assert_eq!(parse_unix_ns(&format_unix_ns(unix_ns)), Some(unix_ns));
        }
        let same = parse_unix_ns("2026-11-21T04:15:06Z").unwrap();
        assert_eq!(parse_unix_ns("2026-11-21T06:15:06+02:00"), Some(same));
        assert_eq!(parse_unix_ns("2026-11-21 06:15:06.0 02:00"), Some(same));
        assert_eq!(parse_unix_ns("2026-11-21T04:15:06.000000001Z"), Some(same + 1));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        let wrong = [
            "",
            "now",
            "2026-11-21",
            "2026-11-21T04:15Z",
            "2026-11-21T04:15:06",
            "2026-02-29T04:15:06Z",
            "2026-13-01T04:15:06Z",
            "2026-11-21T24:15:06Z",
            "2026-11-21T04:15:06.1234567890Z",
            "2026-11-2éT04:15:06Z",
            "9999-11-21T04:15:06Z",
            "2026-11-21T04:15:06é02:00",
        ];
        for text in wrong {
            assert_eq!(parse_unix_ns(text), None, "{text}");
        }
    }
}
