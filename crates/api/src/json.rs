//! Two forms that several answers share: instants, and values whose digits must survive.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use tagwerk_model::{DataType, Value, format_unix_ns};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An instant in UTC with milliseconds, such as `2026-11-21T04:05:06.789Z`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub String);

impl Time {
    pub fn from_unix_ns(unix_ns: i64) -> Time {
        Time(format_unix_ns(unix_ns))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// Any JSON value, kept as written: a 64-bit integer stays exact.
#[derive(Clone, Debug)]
pub struct Anything(pub Box<RawValue>);

impl Anything {
    pub fn null() -> Anything {
        Anything(RawValue::NULL.to_owned())
    }

    /// The value of a tag; `null` where there is none.
    pub fn of(value: Option<&Value>, data_type: DataType) -> Anything {
        let Some(value) = value else { return Anything::null() };
        let mut out = Vec::new();
        value.as_ref().write_json(data_type, &mut out);
        let text = String::from_utf8(out).expect("write_json writes UTF-8");
        Anything(RawValue::from_string(text).expect("write_json writes JSON"))
    }

    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl From<serde_json::Value> for Anything {
    fn from(value: serde_json::Value) -> Anything {
        Anything(
            serde_json::value::to_raw_value(&value).expect("a JSON value can be written as JSON"),
        )
    }
}

impl Serialize for Anything {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Anything, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Anything)
    }
}

impl PartialSchema for Anything {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
    }
}

impl ToSchema for Anything {
    fn name() -> Cow<'static, str> {
        "Anything".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_digits() {
        let max = Anything::of(Some(&Value::U64(u64::MAX)), DataType::Uint64);
        assert_eq!(serde_json::to_string(&max).unwrap(), "18446744073709551615");
        let back: Anything = serde_json::from_str("18446744073709551616.25").unwrap();
        assert_eq!(back.text(), "18446744073709551616.25");
        assert_eq!(Anything::of(None, DataType::Bool).text(), "null");
    }
}
