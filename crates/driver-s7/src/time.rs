//! Times as S7 has them, from and to nanoseconds, and as people write them. Controllers have no
//! time zone: their clock counts as UTC.

use crate::point::Form;

const SECOND: i128 = 1_000_000_000;
const MILLISECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Days from 1970-01-01 to 1990-01-01, where DATE begins.
const DATE_EPOCH_DAYS: i64 = 7_305;

/// Nanoseconds of a time in memory: since 1970, since midnight, or of a duration. `None` where the
/// bytes are no time.
pub fn decode(form: Form, bytes: &[u8]) -> Option<i64> {
    let of_u32 = || bytes.first_chunk().map(|b| u32::from_be_bytes(*b));
    let nanoseconds = match form {
        Form::Date => {
            let days = u16::from_be_bytes(*bytes.first_chunk()?);
            (i128::from(days) + i128::from(DATE_EPOCH_DAYS)) * DAY
        }
        Form::Time => i128::from(i32::from_be_bytes(*bytes.first_chunk()?)) * MILLISECOND,
        Form::TimeOfDay => within_day(i128::from(of_u32()?) * MILLISECOND)?,
        Form::LTime | Form::LDateAndTime => i64::from_be_bytes(*bytes.first_chunk()?).into(),
        Form::LTimeOfDay => within_day(u64::from_be_bytes(*bytes.first_chunk()?).into())?,
        Form::S5Time => {
            let word = u16::from_be_bytes(*bytes.first_chunk()?);
            let step = [10, 100, 1_000, 10_000][usize::from(word >> 12 & 3)] * MILLISECOND;
            i128::from(bcd_word(word & 0x0FFF)?) * step
        }
        Form::DateAndTime => date_and_time(bytes.first_chunk()?)?,
        Form::Dtl => dtl(bytes.first_chunk()?)?,
        _ => return None,
    };
    i64::try_from(nanoseconds).ok()
}

fn within_day(nanoseconds: i128) -> Option<i128> {
    (0..DAY).contains(&nanoseconds).then_some(nanoseconds)
}

fn date_and_time(bytes: &[u8; 8]) -> Option<i128> {
    let [year, month, day, hour, minute, second, millis, last] = *bytes;
    let year = i64::from(bcd(year)?);
    let year = if year >= 90 { 1900 + year } else { 2000 + year };
    let millis = u32::from(bcd(millis)?) * 10 + u32::from(last >> 4);
    if last >> 4 > 9 {
        return None;
    }
    let date = (year, bcd(month)?, bcd(day)?);
    instant(date, (bcd(hour)?, bcd(minute)?, bcd(second)?), millis * 1_000_000)
}

fn dtl(bytes: &[u8; 12]) -> Option<i128> {
    let [y0, y1, month, day, _, hour, minute, second, n0, n1, n2, n3] = *bytes;
    let year = i64::from(u16::from_be_bytes([y0, y1]));
    instant((year, month, day), (hour, minute, second), u32::from_be_bytes([n0, n1, n2, n3]))
}

fn instant(date: (i64, u8, u8), time: (u8, u8, u8), nanoseconds: u32) -> Option<i128> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    let days = days_from_civil(year, month, day)?;
    if hour > 23 || minute > 59 || second > 59 || nanoseconds > 999_999_999 {
        return None;
    }
    let seconds = i128::from(hour) * 3_600 + i128::from(minute) * 60 + i128::from(second);
    Some(i128::from(days) * DAY + seconds * SECOND + i128::from(nanoseconds))
}

/// The bytes of a time in memory; says why it cannot be held, and never holds another.
pub fn encode(form: Form, nanoseconds: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let wide = i128::from(nanoseconds);
    match form {
        Form::Date => {
            let days = whole(wide, DAY, "whole days")? - i128::from(DATE_EPOCH_DAYS);
            let days = u16::try_from(days).map_err(|_| "DATE holds 1990-01-01 to 2169-06-06")?;
            out.extend(days.to_be_bytes());
        }
        Form::Time => {
            let millis = whole(wide, MILLISECOND, "whole milliseconds")?;
            let millis = i32::try_from(millis).map_err(|_| "TIME holds up to 24 days")?;
            out.extend(millis.to_be_bytes());
        }
        Form::TimeOfDay => {
            within_day(wide).ok_or("a time of day is less than 24 hours")?;
            let millis = whole(wide, MILLISECOND, "whole milliseconds")?;
            out.extend((millis as u32).to_be_bytes());
        }
        Form::LTimeOfDay => {
            within_day(wide).ok_or("a time of day is less than 24 hours")?;
            out.extend(nanoseconds.to_be_bytes());
        }
        Form::LTime | Form::LDateAndTime => out.extend(nanoseconds.to_be_bytes()),
        Form::S5Time => out.extend(s5time(wide)?.to_be_bytes()),
        Form::DateAndTime => encode_date_and_time(nanoseconds, out)?,
        Form::Dtl => encode_dtl(nanoseconds, out)?,
        _ => return Err("this is no time".into()),
    }
    Ok(())
}

fn whole(nanoseconds: i128, unit: i128, name: &str) -> Result<i128, String> {
    match nanoseconds % unit {
        0 => Ok(nanoseconds / unit),
        _ => Err(format!("the type holds {name} only")),
    }
}

/// The finest base in which the duration is whole and has three digits.
fn s5time(nanoseconds: i128) -> Result<u16, String> {
    let millis = whole(nanoseconds, MILLISECOND, "steps of 10 ms")?;
    for (base, step) in [10, 100, 1_000, 10_000].into_iter().enumerate() {
        if millis % step == 0 && (0..=999).contains(&(millis / step)) {
            let count = (millis / step) as u16;
            let digits = (count / 100) << 8 | (count / 10 % 10) << 4 | (count % 10);
            return Ok((base as u16) << 12 | digits);
        }
    }
    Err("S5TIME holds three digits in steps of 10 ms, 100 ms, 1 s or 10 s, up to 9990 s".into())
}

fn encode_date_and_time(nanoseconds: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let (year, month, day, of_day) = civil(nanoseconds);
    if !(1990..=2089).contains(&year) {
        return Err("DATE_AND_TIME holds the years 1990 to 2089".into());
    }
    let millis = whole(of_day.into(), MILLISECOND, "whole milliseconds")? as u32;
    let seconds = millis / 1_000;
    let fields = [
        (year % 100) as u32,
        month,
        day,
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1_000 / 10,
    ];
    out.extend(fields.map(|field| ((field / 10) << 4 | (field % 10)) as u8));
    out.push((millis % 10) as u8 * 16 + weekday(nanoseconds));
    Ok(())
}

fn encode_dtl(nanoseconds: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let (year, month, day, of_day) = civil(nanoseconds);
    if !(1970..=2262).contains(&year) {
        return Err("DTL holds the years 1970 to 2262".into());
    }
    let seconds = of_day / SECOND as i64;
    out.extend((year as u16).to_be_bytes());
    out.extend([month as u8, day as u8, weekday(nanoseconds)]);
    out.extend([(seconds / 3_600) as u8, (seconds / 60 % 60) as u8, (seconds % 60) as u8]);
    out.extend(((of_day % SECOND as i64) as u32).to_be_bytes());
    Ok(())
}

/// As people write it: RFC 3339 in UTC, a date alone, or a time of day.
pub fn text(form: Form, nanoseconds: i64) -> String {
    let (year, month, day, of_day) = civil(nanoseconds);
    let seconds = of_day / SECOND as i64;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = of_day % SECOND as i64;
    let clock = match form {
        Form::DateAndTime | Form::TimeOfDay => {
            format!("{hour:02}:{minute:02}:{second:02}.{:03}", fraction / 1_000_000)
        }
        _ => format!("{hour:02}:{minute:02}:{second:02}.{fraction:09}"),
    };
    match form {
        Form::Date => format!("{year:04}-{month:02}-{day:02}"),
        Form::TimeOfDay | Form::LTimeOfDay => clock,
        _ => format!("{year:04}-{month:02}-{day:02}T{clock}Z"),
    }
}

/// Nanoseconds of a text such as [`text`] writes; an instant may also have another offset than `Z`.
pub fn parse(form: Form, text: &str) -> Result<i64, String> {
    let wrong = || {
        let form = match form {
            Form::Date => "a date such as `2026-11-21`",
            Form::TimeOfDay | Form::LTimeOfDay => "a time of day such as `13:45:10.250`",
            _ => "an instant such as `2026-11-21T13:45:10.250Z`",
        };
        format!("\"{}\" is not {form}", text.chars().take(40).collect::<String>())
    };
    let parsed = match form {
        Form::Date => parse_date(text),
        Form::TimeOfDay | Form::LTimeOfDay => parse_clock(text),
        _ => parse_instant(text),
    };
    parsed.and_then(|nanoseconds| i64::try_from(nanoseconds).ok()).ok_or_else(wrong)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_date(text: &str) -> Option<i128> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (month, day) = (digits(month, 2)? as u8, digits(day, 2)? as u8);
    Some(i128::from(days_from_civil(digits(year, 4)?, month, day)?) * DAY)
}

fn parse_clock(text: &str) -> Option<i128> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) if (1..=9).contains(&fraction.len()) => {
            let scale = 10_i64.pow(9 - fraction.len() as u32);
            (clock, digits(fraction, fraction.len())? * scale)
        }
        Some(_) => return None,
        None => (text, 0),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour <= 23)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute <= 59)?;
    let second = digits(parts.next()?, 2).filter(|second| *second <= 59)?;
    let none = parts.next().is_none();
    none.then(|| i128::from(hour * 3_600 + minute * 60 + second) * SECOND + i128::from(fraction))
}

fn parse_instant(text: &str) -> Option<i128> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let (clock, offset) = match clock.find(['Z', 'z', '+', '-']) {
        Some(at) => clock.split_at(at),
        None => return None,
    };
    let offset = match offset {
        "Z" | "z" => 0,
        _ => {
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            sign * (digits(hours, 2)? * 60 + digits(minutes, 2)?)
        }
    };
    Some(parse_date(date)? + parse_clock(clock)? - i128::from(offset) * 60 * SECOND)
}

/// A byte of two decimal digits.
fn bcd(byte: u8) -> Option<u8> {
    let (high, low) = (byte >> 4, byte & 15);
    (high <= 9 && low <= 9).then_some(high * 10 + low)
}

/// Three or four decimal digits.
pub fn bcd_word(word: u16) -> Option<u16> {
    let [high, low] = word.to_be_bytes();
    Some(u16::from(bcd(high)?) * 100 + u16::from(bcd(low)?))
}

/// 1 is Sunday.
fn weekday(nanoseconds: i64) -> u8 {
    let days = i128::from(nanoseconds).div_euclid(DAY) as i64;
    // 1970-01-01 was a Thursday.
    ((days + 4).rem_euclid(7) + 1) as u8
}

/// Year, month, day, and nanoseconds of the day. Counts in eras of 400 years that begin in March,
/// so that the leap day is the last of its year.
fn civil(nanoseconds: i64) -> (i64, u32, u32, i64) {
    let days = i128::from(nanoseconds).div_euclid(DAY) as i64;
    let of_day = i128::from(nanoseconds).rem_euclid(DAY) as i64;
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, day as u32, of_day)
}

/// Days since 1970-01-01; `None` where the calendar has no such day.
fn days_from_civil(year: i64, month: u8, day: u8) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day < 1 || day > last {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let from_march = (i64::from(month) + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + days - 719_468)
}
