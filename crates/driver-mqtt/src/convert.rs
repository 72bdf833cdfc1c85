//! From JSON, or from text, to the value of a tag of some type. Nothing is rounded: a number that the
//! type cannot hold is a bad value.

use serde_json::{Number, Value as Json};
use tagwerk_model::{DataType, Kind, Quality, Value, limits};

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub quality: Quality,
    pub reason: String,
}

impl Bad {
    pub fn new(quality: Quality, reason: impl Into<String>) -> Bad {
        Bad { quality, reason: reason.into() }
    }

    fn range(what: impl std::fmt::Display, data_type: DataType) -> Bad {
        Bad::new(Quality::BAD_OUT_OF_RANGE, format!("{what} is out of the range of `{data_type}`"))
    }

    fn kind(what: &str, data_type: DataType) -> Bad {
        Bad::new(Quality::BAD_ENCODING, format!("{what} is not a `{data_type}`"))
    }
}

/// Whole numbers up to here have a float of their own each.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

pub fn of_json(json: &Json, data_type: DataType) -> Result<Value, Bad> {
    match (json, data_type.kind()) {
        (Json::Null, _) => Err(Bad::new(Quality::BAD_NO_DATA, "it is null")),
        (Json::Bool(value), Kind::Bool) => Ok(Value::Bool(*value)),
        (Json::Number(number), Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64) => {
            of_number(number, data_type)
        }
        (Json::String(text), Kind::Text) => of_characters(text),
        (Json::String(text), Kind::List) => {
            Err(Bad::kind(&format!("the text `{}`", shown(text)), data_type))
        }
        // Many devices send numbers as texts.
        (Json::String(text), _) => of_text(text, data_type),
        (other, Kind::Text) => of_characters(&other.to_string()),
        (Json::Array(items), Kind::List) => of_list(items),
        (other, _) => Err(Bad::kind(name(other), data_type)),
    }
}

/// A whole payload, or a part of a topic.
pub fn of_text(text: &str, data_type: DataType) -> Result<Value, Bad> {
    if data_type == DataType::Text {
        return of_characters(text);
    }
    let trimmed = text.trim();
    let wrong = || Bad::kind(&format!("the text `{}`", shown(trimmed)), data_type);
    match data_type.kind() {
        Kind::Bool => match trimmed {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(wrong()),
        },
        Kind::Bytes => of_hex(trimmed).ok_or_else(wrong),
        Kind::I64 | Kind::U64 => match trimmed.parse::<i128>() {
            Ok(whole) => of_whole(whole, data_type),
            Err(_) => of_float(trimmed.parse().map_err(|_| wrong())?, data_type),
        },
        Kind::F64 => of_float(trimmed.parse().map_err(|_| wrong())?, data_type),
        Kind::Text | Kind::List => Err(wrong()),
    }
}

fn of_number(number: &Number, data_type: DataType) -> Result<Value, Bad> {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (data_type.kind(), whole) {
        (Kind::Bool, Some(0)) => Ok(Value::Bool(false)),
        (Kind::Bool, Some(1)) => Ok(Value::Bool(true)),
        (Kind::Bool, _) => Err(Bad::kind(&number.to_string(), data_type)),
        (Kind::I64 | Kind::U64, Some(whole)) => of_whole(whole, data_type),
        _ => of_float(number.as_f64().unwrap_or(f64::NAN), data_type),
    }
}

fn of_whole(whole: i128, data_type: DataType) -> Result<Value, Bad> {
    let (low, high) = data_type.integer_range().unwrap_or((0, 0));
    match data_type.kind() {
        _ if !(low..=high).contains(&whole) => Err(Bad::range(whole, data_type)),
        Kind::I64 => Ok(Value::I64(whole as i64)),
        _ => Ok(Value::U64(whole as u64)),
    }
}

fn of_float(number: f64, data_type: DataType) -> Result<Value, Bad> {
    match data_type {
        _ if !number.is_finite() => Err(Bad::range(number, data_type)),
        DataType::Float64 => Ok(Value::F64(number)),
        DataType::Float32 => match number as f32 {
            single if single.is_finite() => Ok(Value::F64(f64::from(single))),
            _ => Err(Bad::range(number, data_type)),
        },
        _ if number.abs() > FLOAT_EXACT_MAX => Err(Bad::range(number, data_type)),
        _ if number.fract() != 0.0 => Err(Bad::kind(&number.to_string(), data_type)),
        _ => of_whole(number as i128, data_type),
    }
}

fn of_characters(text: &str) -> Result<Value, Bad> {
    if text.len() > limits::VALUE_BYTES_MAX {
        let (length, max) = (text.len(), limits::VALUE_BYTES_MAX);
        let reason = format!("a text of {length} bytes, a value has at most {max}");
        return Err(Bad::new(Quality::BAD_OUT_OF_RANGE, reason));
    }
    Ok(Value::Text(text.into()))
}

/// As this edge writes bytes itself.
fn of_hex(text: &str) -> Option<Value> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() || text.len() / 2 > limits::VALUE_BYTES_MAX {
        return None;
    }
    let bytes = pairs.map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8));
    Some(Value::Bytes(bytes.collect::<Option<Vec<u8>>>()?.into()))
}

/// The bytes of a payload as hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn of_list(items: &[Json]) -> Result<Value, Bad> {
    if items.len() > limits::LIST_ITEMS_MAX {
        let (count, max) = (items.len(), limits::LIST_ITEMS_MAX);
        let reason = format!("a list of {count} items, a value has at most {max}");
        return Err(Bad::new(Quality::BAD_OUT_OF_RANGE, reason));
    }
    let item = |item: &Json| match item {
        Json::Null => Err(Bad::kind("a list with null in it", DataType::List)),
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Ok(Value::I64(whole)),
            (None, Some(whole)) => Ok(Value::U64(whole)),
            (None, None) => of_float(number.as_f64().unwrap_or(f64::NAN), DataType::Float64),
        },
        Json::String(text) => of_characters(text),
        Json::Array(_) | Json::Object(_) => {
            Err(Bad::kind("a list with lists or objects in it", DataType::List))
        }
    };
    Ok(Value::List(items.iter().map(item).collect::<Result<Vec<Value>, Bad>>()?.into()))
}

/// The type that suits a value of an example; `None` for null and objects.
pub fn suggested(json: &Json) -> Option<DataType> {
    Some(match json {
        Json::Null | Json::Object(_) => return None,
        Json::Bool(_) => DataType::Bool,
        Json::Number(number) if number.is_i64() => DataType::Int64,
        Json::Number(number) if number.is_u64() => DataType::Uint64,
        Json::Number(_) => DataType::Float64,
        Json::String(_) => DataType::Text,
        Json::Array(items) => return of_list(items).ok().map(|_| DataType::List),
    })
}

fn name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
