//! Instants as people and programs write them.

/// Nanoseconds since 1970 of an instant as in RFC 3339 (`2026-11-21T04:05:06.789Z`, with an offset),
/// or with a space in place of the `T`; one without an offset is UTC, a day alone begins at 00:00 UTC.
pub fn parse_unix_ns(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter()
            .all(u8::is_ascii_digit)
            .then(|| part.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, of: &[u8]| bytes.get(at).is_some_and(|byte| of.contains(byte));
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if bytes.len() == 10 {
        return days.checked_mul(86_400_000_000_000);
    }
    let (hour, minute) = (digits(11, 13)?, digits(14, 16)?);
    if !is(10, b"Tt ") || !is(13, b":") || hour > 23 || minute > 59 {
        return None;
    }
    let mut rest = &bytes[16..];
    let (mut second, mut nanos) = (0, 0);
    if rest.first() == Some(&b':') {
        second = digits(17, 19)?;
        rest = &bytes[19..];
        if second > 59 {
            return None;
        }
        if rest.first() == Some(&b'.') {
            let length = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            for place in 0..9 {
                let digit = rest.get(1 + place).filter(|_| place < length);
                nanos = nanos * 10 + i64::from(digit.map_or(0, |digit| digit - b'0'));
            }
            rest = &rest[1 + length..];
        }
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset(rest)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Seconds east of UTC: nothing, `Z`, `+02:00`, `+0200` or `+02`.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text.first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (text.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let digits: Vec<u8> = match &text[1..] {
        [a, b] => vec![*a, *b, b'0', b'0'],
        [a, b, c, d] | [a, b, b':', c, d] => vec![*a, *b, *c, *d],
        _ => return None,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |at: usize| i64::from(digits[at] - b'0') * 10 + i64::from(digits[at + 1] - b'0');
    let (hours, minutes) = (number(0), number(2));
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The reverse of `time::civil_from_days`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::civil_from_days;

    #[test]
    fn instants_are_read() {
        for (text, second, nanos) in [
            ("1970-01-01", 0, 0),
            ("1970-01-01T00:00:01Z", 1, 0),
            ("2026-01-01 00:00", 1_767_225_600, 0),
            ("2026-01-01T02:00:00.5+02:00", 1_767_225_600, 500_000_000),
            ("2026-01-01 02:00:00.123456+02", 1_767_225_600, 123_456_000),
            ("2025-12-31T22:30:00.0000000019-0130", 1_767_225_600, 1),
            ("1969-12-31T23:59:59.25", -1, 250_000_000),
        ] {
            assert_eq!(parse_unix_ns(text), Some(second * 1_000_000_000 + nanos), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-01-01T",
            "2026-01-01T24:00",
            "2026-01-0a",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00+1",
            "ü026-01-01",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_unix_ns(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_reverse() {
        for days in (-200_000..200_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, i64::from(month), i64::from(day)), days);
        }
    }
}
