//! The station's time zone, and its time tags as moments.

use tagwerk_proto_iec104::{Cp56, TimeTag};

const SUMMER_MS: i64 = 3_600_000;
const NS_PER_MS: i64 = 1_000_000;

/// Milliseconds to add to UTC: `UTC`, `Z`, `+01:00`, `-0330`, `+2`.
pub fn parse(text: &str) -> Result<i64, String> {
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let wrong = || format!("`{text}` is not an offset from UTC");
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let number = |text: &str, max: i64| {
        let digits =
            !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number <= max)
    };
    let hours = number(hours, 14).ok_or_else(wrong)?;
    let minutes = number(minutes, 59).ok_or_else(wrong)?;
    Ok(sign * (hours * 60 + minutes) * 60_000)
}

/// Nanoseconds since 1970 in UTC. `None` where the tag is marked as invalid or is no time. A tag
/// that has only minutes is the one nearest to `wall_ns`.
pub fn moment(tag: &TimeTag, offset_ms: i64, wall_ns: i64) -> Option<i64> {
    let utc_ms = match tag {
        TimeTag::Cp24(time) if time.invalid => return None,
        TimeTag::Cp24(time) => time.near(wall_ns / NS_PER_MS + offset_ms)? - offset_ms,
        TimeTag::Cp56(time) if time.time.invalid => return None,
        TimeTag::Cp56(time) => {
            let summer = if time.summer { SUMMER_MS } else { 0 };
            time.local_ms()? - offset_ms - summer
        }
    };
    utc_ms.checked_mul(NS_PER_MS)
}

/// The station's time at a moment, outside summer time.
pub fn tag(wall_ns: i64, offset_ms: i64) -> Option<Cp56> {
    Cp56::from_local_ms(wall_ns.div_euclid(NS_PER_MS) + offset_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        for (text, minutes) in
            [("UTC", 0), ("z", 0), ("+01:00", 60), ("-0330", -210), ("+2", 120), ("+5:45", 345)]
        {
            assert_eq!(parse(text), Ok(minutes * 60_000), "{text}");
        }
        for wrong in ["", "1", "+", "+15:00", "+1:60", "Europe/Berlin", "+1:", "++1", "+001:00"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_tags_are_moments() {
        let wall_ns = 1_772_323_199_999_000_000;
        for offset in [0, 3_600_000, -12_600_000] {
            let mut time = tag(wall_ns, offset).unwrap();
            assert_eq!(moment(&TimeTag::Cp56(time), offset, 0), Some(wall_ns));
            assert_eq!(moment(&TimeTag::Cp24(time.time), offset, wall_ns), Some(wall_ns));
            time.summer = true;
            let hour_before = wall_ns - 3_600_000_000_000;
            assert_eq!(moment(&TimeTag::Cp56(time), offset, 0), Some(hour_before));
            time.time.invalid = true;
            assert_eq!(moment(&TimeTag::Cp56(time), offset, 0), None);
        }
    }
}
