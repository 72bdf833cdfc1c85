//! Values between a server's types and a tag's: whatever loses nothing is done, the rest is refused
//! with the reason.

use crate::Point;
use crate::structure::{self, date_time};
use crate::types::Types;
use std::borrow::Cow;
use tagwerk_model::{DataType, Kind, Quality, Value, limits};
use tagwerk_proto_opcua::node_id::{guid_from_text, guid_text};
use tagwerk_proto_opcua::variant::{Array, builtin};
use tagwerk_proto_opcua::{LocalizedText, QualifiedName, Status, Variant, time};

type Reason = Cow<'static, str>;

/// A server's value as a tag wants it: with an index range, only what that names.
pub fn to_point_value(variant: &Variant, point: &Point, types: &Types) -> Result<Value, Reason> {
    let part = match (point.address.range_length(), variant) {
        (Some(length), Variant::Array(array)) => {
            if array.items.len() as u64 > length {
                return Err(NO_RANGES.into());
            }
            match array.items.as_slice() {
                // One element is an array of one (Part 4, 7.27).
                [one] if length == 1 && point.data_type != DataType::List => one,
                _ => variant,
            }
        }
        _ => variant,
    };
    to_value(part, point.data_type, types)
}

/// What a server says that gives all where a part was asked for.
pub const NO_RANGES: &str = "the server does not take index ranges: it gives the whole array";

/// A server's value as the tag's type.
pub fn to_value(variant: &Variant, wanted: DataType, types: &Types) -> Result<Value, Reason> {
    let mismatch = || {
        Err(format!("the server has {}, which `{wanted}` cannot hold", variant.type_name()).into())
    };
    match wanted.kind() {
        Kind::Bool => match variant {
            Variant::Boolean(v) => Ok(Value::Bool(*v)),
            _ => mismatch(),
        },
        Kind::I64 | Kind::U64 => match integer(variant) {
            None => mismatch(),
            Some(number) => fit(number, wanted),
        },
        Kind::F64 => float(variant, wanted).map_or_else(mismatch, |v| Ok(Value::F64(v))),
        Kind::Text => text(variant, types),
        Kind::Bytes => bytes(variant).map_or_else(mismatch, |v| bounded(v, Value::Bytes)),
        Kind::List => match variant {
            Variant::Array(array) => list(array, types),
            Variant::Variant(inner) => to_value(inner, wanted, types),
            _ => mismatch(),
        },
    }
}

fn integer(variant: &Variant) -> Option<i128> {
    Some(match variant {
        Variant::Boolean(v) => i128::from(*v),
        Variant::SByte(v) => i128::from(*v),
        Variant::Byte(v) => i128::from(*v),
        Variant::Int16(v) => i128::from(*v),
        Variant::UInt16(v) => i128::from(*v),
        Variant::Int32(v) => i128::from(*v),
        Variant::UInt32(v) => i128::from(*v),
        Variant::Int64(v) => i128::from(*v),
        Variant::UInt64(v) => i128::from(*v),
        Variant::StatusCode(v) => i128::from(v.0),
        // Nanoseconds since 1970.
        Variant::DateTime(v) => i128::from(time::unix_ns(*v)?),
        Variant::Variant(v) => integer(v)?,
        _ => return None,
    })
}

fn fit(number: i128, wanted: DataType) -> Result<Value, Reason> {
    let (low, high) = wanted.integer_range().unwrap_or_default();
    if !(low..=high).contains(&number) {
        return Err(format!("{number} is out of the range of `{wanted}`").into());
    }
    Ok(match wanted.kind() {
        Kind::I64 => Value::I64(number as i64),
        _ => Value::U64(number as u64),
    })
}

fn float(variant: &Variant, wanted: DataType) -> Option<f64> {
    let exact = match variant {
        Variant::Float(v) => f64::from(*v),
        Variant::Double(v) => *v,
        Variant::Variant(v) => return float(v, wanted),
        Variant::DateTime(_) | Variant::Boolean(_) | Variant::StatusCode(_) => return None,
        other => {
            let number = integer(other)?;
            let float = number as f64;
            (float as i128 == number).then_some(float)?
        }
    };
    let single = wanted == DataType::Float32;
    let kept = !single || exact.is_nan() || f64::from(exact as f32) == exact;
    kept.then_some(exact)
}

fn text(variant: &Variant, types: &Types) -> Result<Value, Reason> {
    let text: Box<str> = match variant {
        Variant::Invalid(reason) => return Err((*reason).into()),
        Variant::Empty => return Err("the server has no value".into()),
        Variant::String(v) | Variant::XmlElement(v) => v.clone(),
        Variant::LocalizedText(v) => v.text().into(),
        Variant::QualifiedName(v) => match v.namespace {
            0 => v.name.clone(),
            namespace => format!("{namespace}:{}", v.name).into(),
        },
        Variant::Guid(v) => guid_text(v).into(),
        Variant::DateTime(v) => date_time(*v).unwrap_or_default().into(),
        Variant::NodeId(v) => v.to_string().into(),
        Variant::ExpandedNodeId(v) => v.node_id.to_string().into(),
        Variant::StatusCode(v) => v.to_string().into(),
        Variant::ByteString(_) => {
            return Err("the server has ByteString, which `text` cannot hold; use `bytes`".into());
        }
        Variant::Variant(v) => return self::text(v, types),
        other => {
            let mut out = Vec::new();
            structure::write(other, types, &mut out).map_err(|error| error.0)?;
            String::from_utf8(out).unwrap_or_default().into()
        }
    };
    if text.len() > limits::VALUE_BYTES_MAX {
        return Err(too_long(text.len()));
    }
    Ok(Value::Text(text))
}

fn bytes(variant: &Variant) -> Option<Box<[u8]>> {
    match variant {
        Variant::ByteString(v) => Some(v.clone()),
        Variant::Guid(v) => Some((*v).into()),
        Variant::ExtensionObject(v) => Some(v.body.clone()),
        Variant::Variant(v) => bytes(v),
        Variant::Array(array) if array.builtin == builtin::BYTE => {
            let byte = |item: &Variant| match item {
                Variant::Byte(byte) => Some(*byte),
                _ => None,
            };
            array.items.iter().map(byte).collect()
        }
        _ => None,
    }
}

fn bounded(bytes: Box<[u8]>, make: fn(Box<[u8]>) -> Value) -> Result<Value, Reason> {
    match bytes.len() {
        length if length > limits::VALUE_BYTES_MAX => Err(too_long(length)),
        _ => Ok(make(bytes)),
    }
}

fn too_long(length: usize) -> Reason {
    format!(
        "the value has {length} bytes, and a tag holds {}; take a part of it with `[FROM:TO]`",
        limits::VALUE_BYTES_MAX
    )
    .into()
}

/// Elements each as the type that is nearest to the server's; a matrix by rows.
fn list(array: &Array, types: &Types) -> Result<Value, Reason> {
    if array.items.len() > limits::LIST_ITEMS_MAX {
        return Err(format!(
            "the value has {} elements, and a tag holds {}; take a part of it with `[FROM:TO]`",
            array.items.len(),
            limits::LIST_ITEMS_MAX
        )
        .into());
    }
    let items: Result<Vec<Value>, Reason> =
        array.items.iter().map(|item| to_value(item, natural(item), types)).collect();
    Ok(Value::List(items?.into()))
}

/// The type of a tag that holds such a value best.
pub fn natural(variant: &Variant) -> DataType {
    match variant {
        Variant::Variant(inner) => natural(inner),
        Variant::Array(_) => DataType::List,
        other => of_builtin(other.builtin()),
    }
}

/// The same by the number of the built-in type.
pub fn of_builtin(number: u8) -> DataType {
    match number {
        builtin::BOOLEAN => DataType::Bool,
        builtin::SBYTE => DataType::Int8,
        builtin::BYTE => DataType::Uint8,
        builtin::INT16 => DataType::Int16,
        builtin::UINT16 => DataType::Uint16,
        builtin::INT32 => DataType::Int32,
        builtin::UINT32 | builtin::STATUS_CODE => DataType::Uint32,
        builtin::INT64 => DataType::Int64,
        builtin::UINT64 => DataType::Uint64,
        builtin::FLOAT => DataType::Float32,
        builtin::DOUBLE => DataType::Float64,
        builtin::BYTE_STRING => DataType::Bytes,
        _ => DataType::Text,
    }
}

/// A status as the quality that it is: both are counted alike, with the information bits.
pub fn quality(status: Status) -> Quality {
    Quality(status.0)
}

/// A tag's value as a type of the server. The reason comes with the quality that says it best.
pub fn to_variant(value: &Value, wanted: u8) -> Result<Variant, (Quality, String)> {
    let no = |quality, why: String| Err((quality, why));
    let mismatch = || {
        let kind = value.kind();
        let name = builtin::name(wanted);
        no(Quality::BAD_ENCODING, format!("the server has {name}, which a {kind:?} cannot become"))
    };
    let number: i128 = match value {
        Value::I64(v) => i128::from(*v),
        Value::U64(v) => i128::from(*v),
        Value::Bool(v) if wanted == builtin::BOOLEAN => return Ok(Variant::Boolean(*v)),
        Value::F64(v) if wanted == builtin::DOUBLE => return Ok(Variant::Double(*v)),
        Value::F64(v) if wanted == builtin::FLOAT => {
            let single = *v as f32;
            return match v.is_nan() || f64::from(single) == *v || nearest(*v, single) {
                true => Ok(Variant::Float(single)),
                false => no(Quality::BAD_OUT_OF_RANGE, format!("{v} is out of range of Float")),
            };
        }
        Value::F64(v) if v.fract() == 0.0 && v.abs() < 9.1e18 => *v as i128,
        Value::Text(text) => return text_to_variant(text, wanted).map_or_else(mismatch, Ok),
        Value::Bytes(v) if wanted == builtin::BYTE_STRING => {
            return Ok(Variant::ByteString(v.clone()));
        }
        Value::List(items) => return list_to_variant(items, wanted),
        _ => return mismatch(),
    };
    let integer = match wanted {
        builtin::SBYTE => number.try_into().ok().map(Variant::SByte),
        builtin::BYTE => number.try_into().ok().map(Variant::Byte),
        builtin::INT16 => number.try_into().ok().map(Variant::Int16),
        builtin::UINT16 => number.try_into().ok().map(Variant::UInt16),
        builtin::INT32 => number.try_into().ok().map(Variant::Int32),
        builtin::UINT32 => number.try_into().ok().map(Variant::UInt32),
        builtin::INT64 => number.try_into().ok().map(Variant::Int64),
        builtin::UINT64 => number.try_into().ok().map(Variant::UInt64),
        builtin::STATUS_CODE => number.try_into().ok().map(|v| Variant::StatusCode(Status(v))),
        builtin::DOUBLE if number as f64 as i128 == number => Some(Variant::Double(number as f64)),
        builtin::FLOAT if number as f32 as i128 == number => Some(Variant::Float(number as f32)),
        builtin::FLOAT | builtin::DOUBLE => None,
        builtin::BOOLEAN => match number {
            0 | 1 => Some(Variant::Boolean(number == 1)),
            _ => None,
        },
        builtin::DATE_TIME => {
            i64::try_from(number).ok().map(|ns| Variant::DateTime(time::ticks(ns)))
        }
        _ => return mismatch(),
    };
    integer.map_or_else(
        || {
            let name = builtin::name(wanted);
            no(Quality::BAD_OUT_OF_RANGE, format!("{number} is out of range of {name}"))
        },
        Ok,
    )
}

/// A number that has no exact form as single is written as the nearest, which reads back as itself.
fn nearest(exact: f64, single: f32) -> bool {
    single.is_finite() && exact.is_finite()
}

fn text_to_variant(text: &str, wanted: u8) -> Option<Variant> {
    Some(match wanted {
        builtin::STRING => Variant::String(text.into()),
        builtin::XML_ELEMENT => Variant::XmlElement(text.into()),
        builtin::LOCALIZED_TEXT => Variant::LocalizedText(Box::new(LocalizedText {
            locale: None,
            text: Some(text.into()),
        })),
        builtin::QUALIFIED_NAME => {
            let (namespace, name) = match text.split_once(':') {
                Some((number, name)) if number.parse::<u16>().is_ok() => {
                    (number.parse().ok()?, name)
                }
                _ => (0, text),
            };
            Variant::QualifiedName(Box::new(QualifiedName { namespace, name: name.into() }))
        }
        builtin::GUID => Variant::Guid(guid_from_text(text)?),
        builtin::DATE_TIME => Variant::DateTime(parse_date_time(text)?),
        builtin::NODE_ID => {
            let address = crate::address::Address::parse(text).ok()?;
            address.namespace_number()?;
            Variant::NodeId(Box::new(address.resolve(&[])?))
        }
        _ => return None,
    })
}

/// RFC 3339 in UTC to ticks.
fn parse_date_time(text: &str) -> Option<i64> {
    let bare = text.strip_suffix('Z')?;
    let (date, clock) = bare.split_once('T')?;
    let numbers = |text: &str, sign: char| -> Option<Vec<i64>> {
        text.split(sign).map(|part| part.parse().ok().filter(|n: &i64| *n >= 0)).collect()
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let ([year, month, day], [hour, minute, second]) =
        (*numbers(date, '-')?.first_chunk::<3>()?, *numbers(clock, ':')?.first_chunk::<3>()?);
    let digits = fraction.len() <= 7 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (1601..=9999).contains(&year)
        && (hour < 24 && minute < 60 && second < 60);
    let fraction: i64 = format!("{fraction:0<7}").parse().ok().filter(|_| digits && fits)?;
    // Days since 1970 in the proleptic Gregorian calendar, years beginning in March.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 10_000_000 + fraction + time::ticks(0))
}

fn list_to_variant(items: &[Value], wanted: u8) -> Result<Variant, (Quality, String)> {
    let items: Result<Vec<Variant>, _> =
        items.iter().map(|item| to_variant(item, wanted)).collect();
    Ok(Variant::Array(Box::new(Array { builtin: wanted, items: items?, dimensions: Vec::new() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variant: Variant, wanted: DataType, expected: Result<Value, &str>) {
        match (to_value(&variant, wanted, &Types::default()), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (other, expected) => panic!("{variant:?} as {wanted}: {other:?}, not {expected:?}"),
        }
    }

    #[test]
    fn what_loses_nothing_is_converted() {
        use DataType::*;
        check(Variant::UInt64(u64::MAX), Uint64, Ok(Value::U64(u64::MAX)));
        check(Variant::Int64(i64::MIN), Int64, Ok(Value::I64(i64::MIN)));
        check(Variant::Byte(7), Int64, Ok(Value::I64(7)));
        check(Variant::Int32(-1), Uint16, Err("-1 is out of the range of `uint16`"));
        check(Variant::Int64(1 << 53), Float64, Ok(Value::F64(9_007_199_254_740_992.0)));
        check(Variant::Int64((1 << 53) + 1), Float64, Err("cannot hold"));
        check(Variant::Double(0.1), Float32, Err("cannot hold"));
        check(Variant::Float(0.1), Float64, Ok(Value::F64(f64::from(0.1f32))));
        check(Variant::Double(1.5), Int32, Err("the server has Double"));
        check(Variant::text("7"), Int32, Err("the server has String"));
        check(Variant::Int32(7), Text, Ok(Value::Text("7".into())));
        check(Variant::Invalid("a text that is not UTF-8"), Text, Err("not UTF-8"));
        check(Variant::DateTime(time::ticks(1_500)), Int64, Ok(Value::I64(1_500)));
        let moment = Variant::DateTime(time::ticks(1_795_234_506_789_000_100));
        check(moment, Text, Ok(Value::Text("2026-11-21T04:15:06.7890001Z".into())));
    }

    #[test]
    fn values_become_what_the_server_has() {
        let check = |value: Value, wanted: u8, expected: Option<Variant>| {
            assert_eq!(to_variant(&value, wanted).ok(), expected, "{value:?}");
        };
        check(Value::I64(-1), builtin::SBYTE, Some(Variant::SByte(-1)));
        check(Value::I64(300), builtin::BYTE, None);
        check(Value::U64(u64::MAX), builtin::UINT64, Some(Variant::UInt64(u64::MAX)));
        check(Value::U64(u64::MAX), builtin::INT64, None);
        check(Value::F64(2.0), builtin::INT16, Some(Variant::Int16(2)));
        check(Value::F64(2.5), builtin::INT16, None);
        check(Value::F64(1e300), builtin::FLOAT, None);
        check(Value::Text("x".into()), builtin::STRING, Some(Variant::text("x")));
        check(Value::Text("x".into()), builtin::INT32, None);
        for text in
            ["2026-11-21T04:15:06.789Z", "1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z"]
        {
            let ticks = parse_date_time(text).unwrap();
            assert_eq!(date_time(ticks).unwrap(), text);
        }
        assert_eq!(parse_date_time("2026-13-21T04:15:06Z"), None);
        assert_eq!(parse_date_time("yesterday"), None);
    }
}
