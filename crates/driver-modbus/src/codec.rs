//! Values from and to the bytes of coils and registers. Knows nothing of requests.

use crate::point::{Codec, Form};
use std::borrow::Cow;
use tagwerk_model::{BatchBuilder, DataType, Quality, Value, ValueRef};

/// One line of a request's decode table: 8 bytes, because there is one for every tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index in the group.
    pub tag: u32,
    /// Coils or registers from the request's first.
    pub place: u16,
    pub codec: Codec,
}

/// Reused room for texts that do not lie in the answer as they are.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    text: String,
}

/// Puts a value for each item. `data` is an answer's, checked for its length before; a place that
/// is not in it would be a fault of the plan, and reads as bad.
pub fn decode_all(items: &[Item], data: &[u8], scratch: &mut Scratch, out: &mut BatchBuilder) {
    for item in items {
        match decode(item.codec, item.place, data, scratch) {
            Some(value) => out.put(item.tag as usize, value),
            None => out.put_quality(item.tag as usize, Quality::BAD_INTERNAL),
        }
    }
}

/// The value at a place in an answer; `None` where the answer ends before it.
#[inline]
pub fn decode<'a>(
    codec: Codec,
    place: u16,
    data: &'a [u8],
    scratch: &'a mut Scratch,
) -> Option<ValueRef<'a>> {
    if codec.form == Form::Coil {
        let byte = data.get(usize::from(place / 8))?;
        return Some(ValueRef::Bool(byte >> (place % 8) & 1 == 1));
    }
    let registers = data.get(usize::from(place) * 2..)?;
    let order = codec.order();
    let of_16 = || Some(order.of_16(*registers.first_chunk()?));
    let of_32 = || Some(order.of_32(*registers.first_chunk()?));
    let of_64 = || Some(order.of_64(*registers.first_chunk()?));
    Some(match codec.form {
        Form::Coil | Form::Bit => {
            let register = u16::from_be_bytes(*registers.first_chunk()?);
            ValueRef::Bool(register >> (codec.detail & 15) & 1 == 1)
        }
        Form::NonZero => ValueRef::Bool(u16::from_be_bytes(*registers.first_chunk()?) != 0),
        Form::U16 => ValueRef::U64(u16::from_be_bytes(of_16()?).into()),
        Form::I16 => ValueRef::I64(i16::from_be_bytes(of_16()?).into()),
        Form::U8 => ValueRef::U64(of_16()?[1].into()),
        Form::I8 => ValueRef::I64(i8::from_be_bytes([of_16()?[1]]).into()),
        Form::U32 => ValueRef::U64(u32::from_be_bytes(of_32()?).into()),
        Form::I32 => ValueRef::I64(i32::from_be_bytes(of_32()?).into()),
        Form::F32 => ValueRef::F64(f32::from_be_bytes(of_32()?).into()),
        Form::U64 => ValueRef::U64(u64::from_be_bytes(of_64()?)),
        Form::I64 => ValueRef::I64(i64::from_be_bytes(of_64()?)),
        Form::F64 => ValueRef::F64(f64::from_be_bytes(of_64()?)),
        Form::Text | Form::TextExchanged | Form::Bytes | Form::BytesExchanged => {
            return string(codec, registers, scratch);
        }
    })
}

/// Texts and bytes, which may have to be put in order first.
fn string<'a>(codec: Codec, registers: &'a [u8], scratch: &'a mut Scratch) -> Option<ValueRef<'a>> {
    let length = usize::from(codec.detail);
    let whole = registers.get(..usize::from(codec.width()) * 2)?;
    let Scratch { bytes, text } = scratch;
    let bytes: &[u8] = match codec.form {
        Form::TextExchanged | Form::BytesExchanged => {
            bytes.clear();
            bytes.extend_from_slice(whole);
            bytes.chunks_exact_mut(2).for_each(|pair| pair.reverse());
            bytes.get(..length)?
        }
        _ => whole.get(..length)?,
    };
    if matches!(codec.form, Form::Bytes | Form::BytesExchanged) {
        return Some(ValueRef::Bytes(bytes));
    }
    let bytes = trimmed(bytes);
    Some(ValueRef::Text(match str::from_utf8(bytes) {
        Ok(text) => text,
        // Devices that do not write UTF-8 write Latin-1 or something near it; as Latin-1 no byte
        // is lost.
        Err(_) => {
            text.clear();
            text.extend(bytes.iter().map(|byte| char::from(*byte)));
            text
        }
    }))
}

/// Without the NULs at the end, and spaces behind the first of them.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
    let padding = bytes[kept..].iter().position(|byte| *byte == 0);
    padding.map_or(bytes, |spaces| &bytes[..kept + spaces])
}

/// The registers to write for a value, appended to `out`; of a coil, one byte 0 or 1. Says why the
/// value does not fit, and never writes another than was given.
pub fn encode(codec: Codec, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let order = codec.order();
    match codec.form {
        Form::Coil => out.push(truth(value)?.into()),
        Form::NonZero => out.extend(u16::from(truth(value)?).to_be_bytes()),
        Form::Bit | Form::I8 | Form::U8 => {
            return Err("a part of a register cannot be written".into());
        }
        Form::I16 => {
            out.extend(order.of_16((integer(value, DataType::Int16)? as i16).to_be_bytes()))
        }
        Form::U16 => {
            out.extend(order.of_16((integer(value, DataType::Uint16)? as u16).to_be_bytes()));
        }
        Form::I32 => {
            out.extend(order.of_32((integer(value, DataType::Int32)? as i32).to_be_bytes()))
        }
        Form::U32 => {
            out.extend(order.of_32((integer(value, DataType::Uint32)? as u32).to_be_bytes()));
        }
        Form::I64 => {
            out.extend(order.of_64((integer(value, DataType::Int64)? as i64).to_be_bytes()))
        }
        Form::U64 => {
            out.extend(order.of_64((integer(value, DataType::Uint64)? as u64).to_be_bytes()));
        }
        Form::F32 => out.extend(order.of_32(single(value)?.to_be_bytes())),
        Form::F64 => out.extend(order.of_64(double(value)?.to_be_bytes())),
        Form::Text | Form::TextExchanged => {
            let Value::Text(text) = value else { return Err(wrong_kind(value, "text")) };
            padded(codec, text.as_bytes(), out)?;
        }
        Form::Bytes | Form::BytesExchanged => {
            let Value::Bytes(bytes) = value else { return Err(wrong_kind(value, "bytes")) };
            if bytes.len() != usize::from(codec.detail) {
                return Err(format!(
                    "{} bytes were given, the tag has exactly {}",
                    bytes.len(),
                    codec.detail
                ));
            }
            padded(codec, bytes, out)?;
        }
    }
    Ok(())
}

/// Bytes, filled up with NULs to the tag's registers.
fn padded(codec: Codec, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if bytes.len() > usize::from(codec.detail) {
        return Err(format!(
            "the text has {} bytes, the tag has room for {}",
            bytes.len(),
            codec.detail
        ));
    }
    let start = out.len();
    out.extend_from_slice(bytes);
    out.resize(start + usize::from(codec.width()) * 2, 0);
    if matches!(codec.form, Form::TextExchanged | Form::BytesExchanged) {
        out[start..].chunks_exact_mut(2).for_each(|pair| pair.reverse());
    }
    Ok(())
}

fn wrong_kind(value: &Value, wanted: &str) -> String {
    format!("{} is not {wanted}", shown(value))
}

/// A value as messages show it.
pub fn shown(value: &Value) -> Cow<'static, str> {
    const SHOWN_CHARS_MAX: usize = 80;
    let text = match value {
        Value::Text(text) => format!("\"{text}\""),
        Value::List(_) => return "a list".into(),
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
    let (min, max) = data_type.integer_range().expect("called with integer types");
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
