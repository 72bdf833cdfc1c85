//! Values from and to the bytes of a controller's memory. Knows nothing of requests.

use crate::point::{Codec, Form, Shape};
use crate::time;
use std::borrow::Cow;
use tagwerk_model::{DataType, Quality, Value, ValueRef};

/// Reused room for what does not lie in the answer as it is.
#[derive(Default)]
pub struct Scratch {
    text: String,
    list: Vec<Value>,
}

/// The value in its bytes, of which there must be as many as the codec takes.
pub fn decode<'a>(
    codec: Codec,
    data: &'a [u8],
    scratch: &'a mut Scratch,
) -> Result<ValueRef<'a>, Quality> {
    let data = data.get(..codec.width()).ok_or(Quality::BAD_INTERNAL)?;
    let Scratch { text, list } = scratch;
    text.clear();
    match codec.shape {
        Shape::List => {
            list.clear();
            let element = Codec { length: 0, shape: Shape::Plain, ..codec };
            for bytes in data.chunks_exact(element.width()) {
                let value = number(codec, bytes).ok_or(Quality::BAD_INTERNAL)?;
                list.push(value.to_value());
            }
            return Ok(ValueRef::List(list));
        }
        Shape::Nanoseconds | Shape::Seconds | Shape::Text => {
            let nanoseconds = time::decode(codec.form, data).ok_or(Quality::BAD_ENCODING)?;
            return Ok(match codec.shape {
                Shape::Nanoseconds => ValueRef::I64(nanoseconds),
                Shape::Seconds => ValueRef::F64(nanoseconds as f64 / 1e9),
                _ => {
                    text.push_str(&time::text(codec.form, nanoseconds));
                    ValueRef::Text(text)
                }
            });
        }
        Shape::Plain => {}
    }
    match codec.form {
        Form::Bytes => Ok(ValueRef::Bytes(data)),
        Form::Chars => {
            text.extend(trimmed(data).iter().map(|byte| char::from(*byte)));
            Ok(ValueRef::Text(text))
        }
        Form::Text => {
            let (head, characters) = data.split_first_chunk::<2>().ok_or(Quality::BAD_INTERNAL)?;
            // The declared length comes first, then the one in use; never more than there is.
            let used = characters.get(..head[1].into()).ok_or(Quality::BAD_ENCODING)?;
            text.extend(used.iter().map(|byte| char::from(*byte)));
            Ok(ValueRef::Text(text))
        }
        Form::WideText => {
            let (head, characters) = data.split_first_chunk::<4>().ok_or(Quality::BAD_INTERNAL)?;
            let used = usize::from(u16::from_be_bytes([head[2], head[3]])) * 2;
            let used = characters.get(..used).ok_or(Quality::BAD_ENCODING)?;
            let units = used.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            text.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')));
            Ok(ValueRef::Text(text))
        }
        Form::Bcd => {
            let word = data.first_chunk().map(|bytes| u16::from_be_bytes(*bytes) & 0x0FFF);
            let count = word.and_then(time::bcd_word).ok_or(Quality::BAD_ENCODING)?;
            Ok(ValueRef::U64(count.into()))
        }
        _ => number(codec, data).ok_or(Quality::BAD_INTERNAL),
    }
}

#[inline]
fn number<'a>(codec: Codec, data: &[u8]) -> Option<ValueRef<'a>> {
    Some(match codec.form {
        Form::Bit => ValueRef::Bool(data.first()? >> (codec.length & 7) & 1 == 1),
        Form::I8 => ValueRef::I64(i8::from_be_bytes(*data.first_chunk()?).into()),
        Form::U8 => ValueRef::U64(u8::from_be_bytes(*data.first_chunk()?).into()),
        Form::I16 => ValueRef::I64(i16::from_be_bytes(*data.first_chunk()?).into()),
        Form::U16 => ValueRef::U64(u16::from_be_bytes(*data.first_chunk()?).into()),
        Form::I32 => ValueRef::I64(i32::from_be_bytes(*data.first_chunk()?).into()),
        Form::U32 => ValueRef::U64(u32::from_be_bytes(*data.first_chunk()?).into()),
        Form::I64 => ValueRef::I64(i64::from_be_bytes(*data.first_chunk()?)),
        Form::U64 => ValueRef::U64(u64::from_be_bytes(*data.first_chunk()?)),
        Form::F32 => ValueRef::F64(f32::from_be_bytes(*data.first_chunk()?).into()),
        Form::F64 => ValueRef::F64(f64::from_be_bytes(*data.first_chunk()?)),
        _ => return None,
    })
}

/// Without the NULs at the end, and spaces behind the first of them.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
    let padding = bytes[kept..].iter().position(|byte| *byte == 0);
    padding.map_or(bytes, |spaces| &bytes[..kept + spaces])
}

/// The bytes to write for a value, appended to `out`; of a bit one byte 0 or 1, of a string what
/// follows its declared length. Says why the value does not fit, and never writes another than was
/// given.
pub fn encode(codec: Codec, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match codec.shape {
        Shape::List => {
            let Value::List(items) = value else { return Err(wrong_kind(value, "a list")) };
            if items.len() != usize::from(codec.length) {
                let (given, length) = (items.len(), codec.length);
                return Err(format!("{given} elements were given, the tag has exactly {length}"));
            }
            let element = Codec { length: 0, shape: Shape::Plain, ..codec };
            return items.iter().try_for_each(|item| encode(element, item, out));
        }
        Shape::Nanoseconds => {
            let nanoseconds = integer(value, DataType::Int64)? as i64;
            return time::encode(codec.form, nanoseconds, out);
        }
        Shape::Seconds => {
            let nanoseconds = (double(value)? * 1e9).round();
            if nanoseconds.abs() >= i64::MAX as f64 {
                return Err("it is longer than 292 years".into());
            }
            return time::encode(codec.form, nanoseconds as i64, out);
        }
        Shape::Text => {
            let Value::Text(text) = value else { return Err(wrong_kind(value, "text")) };
            return time::encode(codec.form, time::parse(codec.form, text)?, out);
        }
        Shape::Plain => {}
    }
    match codec.form {
        Form::Bit => out.push(truth(value)?.into()),
        Form::I8 => out.extend((integer(value, DataType::Int8)? as i8).to_be_bytes()),
        Form::U8 => out.extend((integer(value, DataType::Uint8)? as u8).to_be_bytes()),
        Form::I16 => out.extend((integer(value, DataType::Int16)? as i16).to_be_bytes()),
        Form::U16 => out.extend((integer(value, DataType::Uint16)? as u16).to_be_bytes()),
        Form::I32 => out.extend((integer(value, DataType::Int32)? as i32).to_be_bytes()),
        Form::U32 => out.extend((integer(value, DataType::Uint32)? as u32).to_be_bytes()),
        Form::I64 => out.extend((integer(value, DataType::Int64)? as i64).to_be_bytes()),
        Form::U64 => out.extend((integer(value, DataType::Uint64)? as u64).to_be_bytes()),
        Form::F32 => out.extend(single(value)?.to_be_bytes()),
        Form::F64 => out.extend(double(value)?.to_be_bytes()),
        Form::Bytes => {
            let Value::Bytes(bytes) = value else { return Err(wrong_kind(value, "bytes")) };
            if bytes.len() != usize::from(codec.length) {
                let (given, length) = (bytes.len(), codec.length);
                return Err(format!("{given} bytes were given, the tag has exactly {length}"));
            }
            out.extend_from_slice(bytes);
        }
        Form::Chars => {
            let start = out.len();
            out.extend(latin(value, codec.length)?);
            out.resize(start + usize::from(codec.length), 0);
        }
        Form::Text => {
            let characters = latin(value, codec.length)?;
            out.push(characters.len() as u8);
            out.extend(characters);
        }
        Form::WideText => {
            let Value::Text(text) = value else { return Err(wrong_kind(value, "text")) };
            let units: Vec<u16> = text.encode_utf16().collect();
            room(units.len(), codec.length)?;
            out.extend((units.len() as u16).to_be_bytes());
            out.extend(units.into_iter().flat_map(u16::to_be_bytes));
        }
        _ => return Err("values of this form are not written".into()),
    }
    Ok(())
}

/// Characters of one byte each, as STRING and CHAR have them (ISO 8859-1).
fn latin(value: &Value, length: u16) -> Result<Vec<u8>, String> {
    let Value::Text(text) = value else { return Err(wrong_kind(value, "text")) };
    let bytes: Result<Vec<u8>, char> =
        text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| c)).collect();
    let bytes = bytes.map_err(|c| {
        format!("`{c}` is not a character of ISO 8859-1, which STRING holds; WSTRING holds all")
    })?;
    room(bytes.len(), length)?;
    Ok(bytes)
}

fn room(characters: usize, length: u16) -> Result<(), String> {
    match characters <= usize::from(length) {
        true => Ok(()),
        false => {
            Err(format!("the text has {characters} characters, the tag has room for {length}"))
        }
    }
}

fn wrong_kind(value: &Value, wanted: &str) -> String {
    format!("{} is not {wanted}", shown(value))
}

/// A value as messages show it.
pub fn shown(value: &Value) -> Cow<'static, str> {
    const SHOWN_CHARS_MAX: usize = 80;
    let text = match value {
        Value::Text(text) => format!("\"{text}\""),
        // The kind stands for the type: only floats of 32 bits would look shorter with theirs.
        other => other.as_ref().to_text(DataType::Float64),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(on) => Ok(*on),
        Value::I64(0) | Value::U64(0) => Ok(false),
        Value::I64(1) | Value::U64(1) => Ok(true),
        other => Err(wrong_kind(other, "true or false")),
    }
}

/// An integer that fits the type exactly.
fn integer(value: &Value, data_type: DataType) -> Result<i128, String> {
    let (min, max) = data_type.integer_range().unwrap_or((0, 0));
    let number = match value {
        Value::I64(v) => i128::from(*v),
        Value::U64(v) => i128::from(*v),
        Value::Bool(v) => i128::from(*v),
        // Beyond 2^64 the conversion is still exact, and out of every range.
        Value::F64(v) if v.fract() == 0.0 && v.abs() < 1e30 => *v as i128,
        other => return Err(wrong_kind(other, "a whole number")),
    };
    match (min..=max).contains(&number) {
        true => Ok(number),
        false => Err(format!("{number} does not fit {data_type}, which holds {min} to {max}")),
    }
}

fn double(value: &Value) -> Result<f64, String> {
    let exact = |number: f64, whole: i128| match number as i128 == whole {
        true => Ok(number),
        false => Err(format!("{whole} cannot be held exactly by float64")),
    };
    match value {
        Value::F64(v) if v.is_finite() => Ok(*v),
        Value::I64(v) => exact(*v as f64, i128::from(*v)),
        Value::U64(v) => exact(*v as f64, i128::from(*v)),
        other => Err(wrong_kind(other, "a finite number")),
    }
}

/// The nearest float of 32 bits; of a whole number, only exactly it.
fn single(value: &Value) -> Result<f32, String> {
    let wide = double(value)?;
    let narrow = wide as f32;
    if !narrow.is_finite() {
        return Err(format!("{wide:e} does not fit float32, which holds up to 3.4e38"));
    }
    if matches!(value, Value::I64(_) | Value::U64(_)) && f64::from(narrow) != wide {
        return Err(format!("{wide} cannot be held exactly by float32"));
    }
    Ok(narrow)
}
