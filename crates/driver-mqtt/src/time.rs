//! The time that a message says of itself.

use crate::address::Source;
use crate::payload::find;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tagwerk_model::table::parse_unix_ns;

/// Where a message says its time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    /// The field of the payload, written as in a tag's address, such as `header.ts` or `/header/ts`.
    pub field: String,
    /// How the field says it.
    #[serde(default)]
    pub unit: TimeUnit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds since 1970, with or without a fraction.
    S,
    /// Milliseconds since 1970.
    #[default]
    Ms,
    /// Microseconds since 1970.
    Us,
    /// Nanoseconds since 1970.
    Ns,
    /// A text such as `2026-11-21T04:05:06.789Z`; one without an offset is UTC.
    Rfc3339,
}

/// Where a message says its time, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeOf {
    pub source: Source,
    pub unit: TimeUnit,
}

impl TimeOf {
    /// Nanoseconds since 1970; `None` where the row does not say it, or not so.
    pub fn read(&self, row: &Json) -> Option<i64> {
        let Source::Field(steps) = &self.source else { return None };
        let found = find(row, steps)?;
        let factor = match self.unit {
            TimeUnit::S => 1_000_000_000,
            TimeUnit::Ms => 1_000_000,
            TimeUnit::Us => 1_000,
            TimeUnit::Ns => 1,
            TimeUnit::Rfc3339 => return found.as_str().and_then(parse_unix_ns),
        };
        match found {
            Json::Number(number) => match number.as_i64() {
                Some(whole) => whole.checked_mul(factor),
                None => of_fraction(number.as_f64()?, factor),
            },
            Json::String(text) => match text.trim().parse::<i64>() {
                Ok(whole) => whole.checked_mul(factor),
                Err(_) => of_fraction(text.trim().parse().ok()?, factor),
            },
            _ => None,
        }
    }
}

/// A float holds a time of today in seconds to a quarter of a microsecond, and no better.
fn of_fraction(number: f64, factor: i64) -> Option<i64> {
    let micros = (number * (factor as f64 / 1_000.0)).round();
    (micros.abs() < 9.0e15).then(|| (micros as i64).checked_mul(1_000))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_in_every_unit() {
        let second = 1_700_000_000_i64 * 1_000_000_000;
        for (unit, value, expected) in [
            (TimeUnit::S, json!(1_700_000_000), Some(second)),
            (TimeUnit::S, json!(1_700_000_000.123), Some(second + 123_000_000)),
            (TimeUnit::Ms, json!(1_700_000_000_123_i64), Some(second + 123_000_000)),
            (TimeUnit::Ms, json!("1700000000123"), Some(second + 123_000_000)),
            (TimeUnit::Ms, json!(1_700_000_000_123.5), Some(second + 123_500_000)),
            (TimeUnit::Us, json!(1_700_000_000_000_001_i64), Some(second + 1_000)),
            (TimeUnit::Ns, json!(1_700_000_000_000_000_001_i64), Some(second + 1)),
            (TimeUnit::Rfc3339, json!("2023-11-14T22:13:20.5Z"), Some(second + 500_000_000)),
            (TimeUnit::Rfc3339, json!("2023-11-14T23:13:20+01:00"), Some(second)),
            (TimeUnit::Rfc3339, json!(1_700_000_000), None),
            (TimeUnit::S, json!(i64::MAX), None),
            (TimeUnit::S, json!(1e300), None),
            (TimeUnit::Ms, json!("now"), None),
            (TimeUnit::Ms, json!(null), None),
            (TimeUnit::Ms, json!([1]), None),
        ] {
            let time = TimeOf { source: Source::parse("h.t").unwrap(), unit };
            assert_eq!(time.read(&json!({ "h": { "t": value } })), expected, "{unit:?} {value}");
            assert_eq!(time.read(&json!({ "h": 1 })), None);
        }
    }
}
