//! Time tags: CP24Time2a and CP56Time2a (IEC 60870-5-101, 7.2.6.18 and 7.2.6.20), in the station's
//! own local time. Which zone that is, the station does not say.

use crate::bytes::{take, take_u8, take_u16};
use std::fmt;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Minutes and milliseconds within an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cp24 {
    /// Milliseconds within the minute, 0 to 59,999.
    pub millis: u16,
    pub minute: u8,
    /// IV: the station knows that its clock is wrong.
    pub invalid: bool,
    /// RES1: the time was set by something on the way.
    pub substituted: bool,
}

/// Date and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cp56 {
    pub time: Cp24,
    pub hour: u8,
    /// SU: the clock shows summer time.
    pub summer: bool,
    /// 1 to 31.
    pub day: u8,
    /// 1 (Monday) to 7; 0 where not used.
    pub weekday: u8,
    pub month: u8,
    /// Within the century: 26 is 2026.
    pub year: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeTag {
    Cp24(Cp24),
    Cp56(Cp56),
}

impl Cp24 {
    pub(crate) fn decode(rest: &mut &[u8]) -> Option<Cp24> {
        let millis = take_u16(rest)?;
        let minute = take_u8(rest)?;
        Some(Cp24 {
            millis,
            minute: minute & 0x3F,
            invalid: minute & 0x80 != 0,
            substituted: minute & 0x40 != 0,
        })
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.millis.to_le_bytes());
        let flags = u8::from(self.invalid) << 7 | u8::from(self.substituted) << 6;
        out.push(self.minute & 0x3F | flags);
    }

    /// Milliseconds within the hour; `None` where it is no time.
    pub fn hour_ms(self) -> Option<i64> {
        let valid = self.millis < 60_000 && self.minute < 60;
        valid.then(|| {
            i64::from(self.minute).saturating_mul(MINUTE_MS).saturating_add(self.millis.into())
        })
    }

    /// The moment nearest to `near_ms` at which the clock showed this: local milliseconds since
    /// 1970.
    pub fn near(self, near_ms: i64) -> Option<i64> {
        let within = self.hour_ms()?;
        let hour = near_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let this = hour.saturating_add(within);
        [this.saturating_sub(HOUR_MS), this, this.saturating_add(HOUR_MS)]
            .into_iter()
            .min_by_key(|moment| moment.abs_diff(near_ms))
    }
}

impl Cp56 {
    pub(crate) fn decode(rest: &mut &[u8]) -> Option<Cp56> {
        let time = Cp24::decode(rest)?;
        let [hour, day, month, year] = *take::<4>(rest)?;
        Some(Cp56 {
            time,
            hour: hour & 0x1F,
            summer: hour & 0x80 != 0,
            day: day & 0x1F,
            weekday: day >> 5,
            month: month & 0x0F,
            year: year & 0x7F,
        })
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        self.time.encode(out);
        let hour = self.hour & 0x1F | u8::from(self.summer) << 7;
        let day = self.day & 0x1F | (self.weekday & 7) << 5;
        out.extend_from_slice(&[hour, day, self.month & 0x0F, self.year & 0x7F]);
    }

    /// Local milliseconds since 1970, in 2000 to 2099; `None` where it is no date or no time.
    pub fn local_ms(self) -> Option<i64> {
        let within = self.time.hour_ms()?;
        let (year, month, day) = (i64::from(self.year), i64::from(self.month), i64::from(self.day));
        let valid = self.hour < 24
            && year < 100
            && (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day);
        if !valid {
            return None;
        }
        let days = days_before(year, month).saturating_add(day).saturating_sub(1);
        let hours = i64::from(self.hour).saturating_mul(HOUR_MS);
        Some(days.saturating_mul(DAY_MS).saturating_add(hours).saturating_add(within))
    }

    /// From local milliseconds since 1970; `None` outside 2000 to 2099.
    pub fn from_local_ms(local_ms: i64) -> Option<Cp56> {
        let days = local_ms.div_euclid(DAY_MS);
        let within = local_ms.rem_euclid(DAY_MS);
        let part = |unit: i64, count: i64| within.div_euclid(unit).rem_euclid(count);
        let year = (0..100).rev().find(|year| days_before(*year, 1) <= days)?;
        let month = (1..=12).rev().find(|month| days_before(year, *month) <= days)?;
        let day = days.saturating_sub(days_before(year, month)).saturating_add(1);
        // Past the last day of 2099.
        if day > month_days(year, month) {
            return None;
        }
        let time = Cp24 {
            millis: within.rem_euclid(MINUTE_MS) as u16,
            minute: part(MINUTE_MS, 60) as u8,
            ..Cp24::default()
        };
        Some(Cp56 {
            time,
            hour: part(HOUR_MS, 24) as u8,
            summer: false,
            day: day as u8,
            // 1970-01-01 was a Thursday.
            weekday: days.saturating_add(3).rem_euclid(7).saturating_add(1) as u8,
            month: month as u8,
            year: year as u8,
        })
    }
}

/// Days from 1970 to the first of a month of the year 2000 + `year`.
fn days_before(year: i64, month: i64) -> i64 {
    const BEFORE_2000: i64 = 10_957;
    let leap_days = year.saturating_add(3).div_euclid(4);
    let months = (1..month).map(|earlier| month_days(year, earlier)).sum::<i64>();
    let days = year.saturating_mul(365).saturating_add(leap_days);
    BEFORE_2000.saturating_add(days).saturating_add(months)
}

/// Between 2000 and 2099 every fourth year is a leap year.
fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Cp24 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.millis.div_euclid(1000), self.millis.rem_euclid(1000));
        write!(f, "{:02}:{seconds:02}.{millis:03}", self.minute)?;
        f.write_str(if self.invalid { " (invalid time)" } else { "" })
    }
}

impl fmt::Display for Cp56 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = u16::from(self.year).saturating_add(2000);
        write!(f, "{year}-{:02}-{:02} {:02}:{}", self.month, self.day, self.hour, self.time)?;
        f.write_str(if self.summer { " (summer time)" } else { "" })
    }
}

impl fmt::Display for TimeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeTag::Cp24(time) => time.fmt(f),
            TimeTag::Cp56(time) => time.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_again() {
        // 2026-02-28T23:59:59.999, 2000-01-01, 2024-02-29T12:00, 2099-12-31T23:59:59.999
        for (ms, text) in [
            (1_772_323_199_999, "2026-02-28 23:59:59.999"),
            (946_684_800_000, "2000-01-01 00:00:00.000"),
            (1_709_208_000_000, "2024-02-29 12:00:00.000"),
            (4_102_444_799_999, "2099-12-31 23:59:59.999"),
        ] {
            let time = Cp56::from_local_ms(ms).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(time.local_ms(), Some(ms));
        }
        assert_eq!(Cp56::from_local_ms(1_709_208_000_000).unwrap().weekday, 4, "a Thursday");
        assert_eq!(Cp56::from_local_ms(946_684_799_999), None);
        assert_eq!(Cp56::from_local_ms(4_102_444_800_000), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        let time = Cp56::from_local_ms(1_772_323_199_999).unwrap();
        for wrong in [
            Cp56 { day: 29, ..time },
            Cp56 { day: 0, ..time },
            Cp56 { month: 13, ..time },
            Cp56 { month: 0, ..time },
            Cp56 { hour: 24, ..time },
            Cp56 { year: 100, ..time },
            Cp56 { time: Cp24 { minute: 60, ..time.time }, ..time },
            Cp56 { time: Cp24 { millis: 60_000, ..time.time }, ..time },
        ] {
            assert_eq!(wrong.local_ms(), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_time_without_hour_is_the_nearest_one() {
        let at = |minute| Cp24 { minute, ..Cp24::default() };
        let hour = 1_772_323_200_000;
        assert_eq!(at(59).near(hour + 60_000), Some(hour - 60_000));
        assert_eq!(at(1).near(hour - 60_000), Some(hour + 60_000));
        assert_eq!(at(10).near(hour + 660_000), Some(hour + 600_000));
        assert_eq!(at(60).near(hour), None);
    }
}
