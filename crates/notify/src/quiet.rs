//! Quiet times, and times as people read them, in a zone of the world.

use chrono::{DateTime, Datelike, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use tagwerk_alarms::alarm::Priority;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// `None` when the database of time zones has none of this name.
    pub fn parse(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    pub fn utc() -> Zone {
        Zone(Tz::UTC)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    fn at(self, unix_ns: i64) -> DateTime<Tz> {
        Utc.timestamp_nanos(unix_ns).with_timezone(&self.0)
    }

    /// With seconds and zone: `2026-11-22 14:02:11 +01:00`.
    pub fn text(self, unix_ns: i64) -> String {
        self.at(unix_ns).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// As it stands in a subject: `14:02 on 2026-11-22`.
    pub fn short(self, unix_ns: i64) -> String {
        self.at(unix_ns).format("%H:%M on %Y-%m-%d").to_string()
    }
}

/// A time of the week in which only more urgent alarms are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    /// Minutes of the day. `to` not later than `from`: on the next day.
    pub from: u16,
    pub to: u16,
    pub up_to: Priority,
}

impl Quiet {
    /// By the clock on the wall: an hour that comes twice or never is as long as it is.
    pub fn holds(&self, zone: Zone, unix_ns: i64) -> bool {
        let at = zone.at(unix_ns);
        let minute = (at.hour() * 60 + at.minute()) as u16;
        let today = at.weekday().num_days_from_monday() as usize;
        let (begins_today, began_yesterday) = (self.days[today], self.days[(today + 6) % 7]);
        if self.from < self.to {
            return begins_today && (self.from..self.to).contains(&minute);
        }
        (begins_today && minute >= self.from) || (began_yesterday && minute < self.to)
    }
}

/// Up to which priority alarms are held back now.
pub fn held(quiet: &[Quiet], zone: Zone, unix_ns: i64) -> Option<Priority> {
    quiet.iter().filter(|quiet| quiet.holds(zone, unix_ns)).map(|quiet| quiet.up_to).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: Zone, text: &str) -> i64 {
        let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let local = zone.0.from_local_datetime(&naive).earliest().unwrap();
        local.timestamp_nanos_opt().unwrap()
    }

    fn quiet(days: &[usize], from: u16, to: u16) -> Quiet {
        let days = std::array::from_fn(|day| days.contains(&day));
        Quiet { days, from: from * 60, to: to * 60, up_to: Priority::High }
    }

    #[test]
    fn nights_and_weekends_are_quiet() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let night = quiet(&[4, 5], 22, 6);
        // 2026-11-20 is a Friday.
        for (time, expected) in [
            ("2026-11-20 21:59", false),
            ("2026-11-20 22:00", true),
            ("2026-11-21 05:59", true),
            ("2026-11-21 06:00", false),
            ("2026-11-21 23:00", true),
            ("2026-11-22 05:00", true),
            ("2026-11-22 22:00", false),
            ("2026-11-20 05:00", false),
        ] {
            assert_eq!(night.holds(berlin, at(berlin, time)), expected, "{time}");
        }
        let day = quiet(&[6], 0, 0);
        for (time, expected) in
            [("2026-11-22 00:00", true), ("2026-11-22 23:59", true), ("2026-11-23 00:00", false)]
        {
            assert_eq!(day.holds(berlin, at(berlin, time)), expected, "{time}");
        }
        let noon = quiet(&[6], 12, 13);
        assert!(noon.holds(berlin, at(berlin, "2026-11-22 12:30")));
        assert!(!noon.holds(Zone::utc(), at(berlin, "2026-11-22 12:30")), "11:30 in UTC");
        let both = [night, Quiet { up_to: Priority::Critical, ..quiet(&[4], 23, 0) }];
        let held_at = |time| held(&both, berlin, at(berlin, time));
        assert_eq!(held_at("2026-11-20 22:30"), Some(Priority::High));
        assert_eq!(held_at("2026-11-20 23:30"), Some(Priority::Critical));
        assert_eq!(held_at("2026-11-20 12:00"), None);
    }

    #[test]
    fn a_change_to_summer_time_makes_a_night_shorter() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let night = quiet(&[0, 1, 2, 3, 4, 5, 6], 2, 4);
        // On 2026-03-29 two o'clock is three o'clock.
        let begin = at(berlin, "2026-03-29 01:59");
        let minute = 60_000_000_000;
        let held = (0..180).filter(|n| night.holds(berlin, begin + n * minute)).count();
        assert_eq!(held, 60);
        assert_eq!(berlin.text(begin), "2026-03-29 01:59:00 +01:00");
        assert_eq!(berlin.text(begin + minute), "2026-03-29 03:00:00 +02:00");
    }
}
