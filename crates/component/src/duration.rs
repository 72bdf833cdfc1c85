//! Durations as people write them in a configuration: `250ms`, `1s`, `5m`, `12h`, `30d`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// A duration with its unit; whole numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

const DAY: u64 = 86_400_000;
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", DAY)];

impl Duration {
    pub const fn from_millis(millis: u64) -> Duration {
        Duration(std::time::Duration::from_millis(millis))
    }

    pub fn parse(text: &str) -> Option<Duration> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
        let millis = number.parse::<u64>().ok()?.checked_mul(*millis)?;
        // Anything longer than a century is a slip of the pen, and would overflow nanoseconds.
        (millis <= 100 * 366 * 86_400_000).then(|| Duration::from_millis(millis))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis() as u64;
        // One day is `24h`.
        let units = if millis > DAY { &UNITS[..] } else { &UNITS[..UNITS.len() - 1] };
        let (name, unit) = units
            .iter()
            .rev()
            .find(|(_, unit)| millis != 0 && millis.is_multiple_of(*unit))
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", millis / unit)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Duration::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a duration such as `500ms`, `1s`, `5m`, `1h` or `30d`"
            ))
        })
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration", "examples": ["500ms", "1s", "5m"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write() {
        for (text, millis) in [
            ("250ms", 250),
            ("1s", 1000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("24h", DAY),
            ("30d", 30 * DAY),
        ] {
            assert_eq!(Duration::parse(text), Some(Duration::from_millis(millis)));
            assert_eq!(Duration::from_millis(millis).to_string(), text);
        }
        for wrong in ["", "1", "s", "1.5s", "-1s", "1 days", "99999999999999999999s", "1000000000h"]
        {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Duration::from_millis(1500).to_string(), "1500ms");
    }
}
