//! Values and their types. Nothing here rounds: a 64-bit integer stays itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a tag's value is represented in a device, as a user writes it in `type:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum DataType {
    Bool = 1,
    Int8 = 2,
    Uint8 = 3,
    Int16 = 4,
    Uint16 = 5,
    Int32 = 6,
    Uint32 = 7,
    Int64 = 8,
    Uint64 = 9,
    Float32 = 10,
    Float64 = 11,
    Text = 12,
    Bytes = 13,
    List = 14,
}

impl DataType {
    pub const ALL: [DataType; 14] = [
        DataType::Bool,
        DataType::Int8,
        DataType::Uint8,
        DataType::Int16,
        DataType::Uint16,
        DataType::Int32,
        DataType::Uint32,
        DataType::Int64,
        DataType::Uint64,
        DataType::Float32,
        DataType::Float64,
        DataType::Text,
        DataType::Bytes,
        DataType::List,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DataType::Bool => "bool",
            DataType::Int8 => "int8",
            DataType::Uint8 => "uint8",
            DataType::Int16 => "int16",
            DataType::Uint16 => "uint16",
            DataType::Int32 => "int32",
            DataType::Uint32 => "uint32",
            DataType::Int64 => "int64",
            DataType::Uint64 => "uint64",
            DataType::Float32 => "float32",
            DataType::Float64 => "float64",
            DataType::Text => "text",
            DataType::Bytes => "bytes",
            DataType::List => "list",
        }
    }

    pub fn from_name(name: &str) -> Option<DataType> {
        DataType::ALL.into_iter().find(|t| t.name() == name)
    }

    pub fn from_code(code: u8) -> Option<DataType> {
        DataType::ALL.into_iter().find(|t| *t as u8 == code)
    }

    /// The column that holds values of this type.
    pub fn kind(self) -> Kind {
        match self {
            DataType::Bool => Kind::Bool,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::I64,
            DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => Kind::U64,
            DataType::Float32 | DataType::Float64 => Kind::F64,
            DataType::Text => Kind::Text,
            DataType::Bytes => Kind::Bytes,
            DataType::List => Kind::List,
        }
    }

    /// The smallest and largest value of an integer type.
    pub fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            DataType::Int8 => (i8::MIN as i128, i8::MAX as i128),
            DataType::Uint8 => (0, u8::MAX as i128),
            DataType::Int16 => (i16::MIN as i128, i16::MAX as i128),
            DataType::Uint16 => (0, u16::MAX as i128),
            DataType::Int32 => (i32::MIN as i128, i32::MAX as i128),
            DataType::Uint32 => (0, u32::MAX as i128),
            DataType::Int64 => (i64::MIN as i128, i64::MAX as i128),
            DataType::Uint64 => (0, u64::MAX as i128),
            _ => return None,
        })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The column a value lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    Bool = 0,
    I64 = 1,
    U64 = 2,
    F64 = 3,
    Text = 4,
    Bytes = 5,
    List = 6,
}

impl Kind {
    pub const ALL: [Kind; 7] =
        [Kind::Bool, Kind::I64, Kind::U64, Kind::F64, Kind::Text, Kind::Bytes, Kind::List];
}

/// One owned value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    List(Box<[Value]>),
}

/// One value inside a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(&'a [Value]),
}

impl Value {
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Bool(v) => ValueRef::Bool(*v),
            Value::I64(v) => ValueRef::I64(*v),
            Value::U64(v) => ValueRef::U64(*v),
            Value::F64(v) => ValueRef::F64(*v),
            Value::Text(v) => ValueRef::Text(v),
            Value::Bytes(v) => ValueRef::Bytes(v),
            Value::List(v) => ValueRef::List(v),
        }
    }

    pub fn kind(&self) -> Kind {
        self.as_ref().kind()
    }
}

impl ValueRef<'_> {
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::I64(v) => Value::I64(v),
            ValueRef::U64(v) => Value::U64(v),
            ValueRef::F64(v) => Value::F64(v),
            ValueRef::Text(v) => Value::Text(v.into()),
            ValueRef::Bytes(v) => Value::Bytes(v.into()),
            ValueRef::List(v) => Value::List(v.into()),
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            ValueRef::Bool(_) => Kind::Bool,
            ValueRef::I64(_) => Kind::I64,
            ValueRef::U64(_) => Kind::U64,
            ValueRef::F64(_) => Kind::F64,
            ValueRef::Text(_) => Kind::Text,
            ValueRef::Bytes(_) => Kind::Bytes,
            ValueRef::List(_) => Kind::List,
        }
    }

    /// The value as a number, for deadbands, scaling and charts; `None` for text, bytes and lists.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            ValueRef::Bool(v) => Some(f64::from(u8::from(v))),
            ValueRef::I64(v) => Some(v as f64),
            ValueRef::U64(v) => Some(v as f64),
            ValueRef::F64(v) => Some(v),
            _ => None,
        }
    }

    /// Writes the value as JSON: integers exact, `float32` by its shortest form, NaN and infinities
    /// as `null` (JSON has no word for them), bytes as hexadecimal text.
    pub fn write_json(self, data_type: DataType, out: &mut Vec<u8>) {
        use std::io::Write;
        // Writing into a Vec cannot fail, hence the ignored results.
        match self {
            ValueRef::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
            ValueRef::I64(v) => drop(write!(out, "{v}")),
            ValueRef::U64(v) => drop(write!(out, "{v}")),
            ValueRef::F64(v) if !v.is_finite() => out.extend_from_slice(b"null"),
            ValueRef::F64(v) if data_type == DataType::Float32 => {
                write_f64(f64::from(v as f32), Some(v as f32), out)
            }
            ValueRef::F64(v) => write_f64(v, None, out),
            ValueRef::Text(v) => write_json_text(v, out),
            ValueRef::Bytes(v) => {
                out.push(b'"');
                v.iter().for_each(|byte| drop(write!(out, "{byte:02x}")));
                out.push(b'"');
            }
            ValueRef::List(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.as_ref().write_json(data_type, out);
                }
                out.push(b']');
            }
        }
    }

    /// The value as a person reads it: exact, and with `NaN` and `inf` spelled out.
    pub fn to_text(self, data_type: DataType) -> String {
        match self {
            ValueRef::F64(v) if !v.is_finite() => v.to_string(),
            ValueRef::Text(v) => v.to_owned(),
            other => {
                let mut out = Vec::new();
                other.write_json(data_type, &mut out);
                let text = String::from_utf8(out).unwrap_or_default();
                match other {
                    ValueRef::Bytes(_) => text.trim_matches('"').to_owned(),
                    _ => text,
                }
            }
        }
    }
}

/// Shortest form that reads back as the same number; whole numbers keep a `.0`, so that a reader
/// sees a float.
fn write_f64(v: f64, single: Option<f32>, out: &mut Vec<u8>) {
    use std::io::Write;
    let exponent_form = v != 0.0 && !(1e-5..1e16).contains(&v.abs());
    match (single, exponent_form) {
        (Some(s), false) => drop(write!(out, "{s:?}")),
        (Some(s), true) => drop(write!(out, "{s:e}")),
        (None, false) => drop(write!(out, "{v:?}")),
        (None, true) => drop(write!(out, "{v:e}")),
    }
}

/// Writes `text` as a JSON string.
pub fn write_json_text(text: &str, out: &mut Vec<u8>) {
    use std::io::Write;
    out.push(b'"');
    let mut rest = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[rest..i]);
        rest = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
    }
    out.extend_from_slice(&text.as_bytes()[rest..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, data_type: DataType, json: &str, text: &str) {
        let mut out = Vec::new();
        value.as_ref().write_json(data_type, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), json);
        assert_eq!(value.as_ref().to_text(data_type), text);
    }

    #[test]
    fn values_are_written_exactly() {
        check(
            Value::U64(u64::MAX),
            DataType::Uint64,
            "18446744073709551615",
            "18446744073709551615",
        );
        check(
            Value::I64(i64::MIN),
            DataType::Int64,
            "-9223372036854775808",
            "-9223372036854775808",
        );
        check(Value::F64(f64::from(1.1f32)), DataType::Float32, "1.1", "1.1");
        check(
            Value::F64(f64::from(1.1f32)),
            DataType::Float64,
            "1.100000023841858",
            "1.100000023841858",
        );
        check(Value::F64(7.0), DataType::Float64, "7.0", "7.0");
        check(Value::F64(1e300), DataType::Float64, "1e300", "1e300");
        check(Value::F64(-0.0), DataType::Float64, "-0.0", "-0.0");
        check(Value::F64(f64::NAN), DataType::Float64, "null", "NaN");
        check(Value::F64(f64::INFINITY), DataType::Float32, "null", "inf");
        check(
            Value::Text("a\"b\\\u{1}ü\n".into()),
            DataType::Text,
            r#""a\"b\\\u0001ü\n""#,
            "a\"b\\\u{1}ü\n",
        );
        check(Value::Bytes([1, 0xab].into()), DataType::Bytes, "\"01ab\"", "01ab");
        check(Value::List([Value::I64(1), Value::I64(2)].into()), DataType::List, "[1,2]", "[1,2]");
    }

    #[test]
    fn every_type_reads_back_from_its_name_and_code() {
        for t in DataType::ALL {
            assert_eq!(DataType::from_name(t.name()), Some(t));
            assert_eq!(DataType::from_code(t as u8), Some(t));
        }
    }
}
