//! Values of parameters, in the text or binary form of their type, as texts.

use crate::calendar;
use crate::refusal::Refusal;
use crate::wire::Fields;
use tagwerk_sql::postgres::{Parameter, ParameterKind};

/// Digits of a number that a client can send.
const DIGITS_MAX: usize = 256;
/// Elements of an array that a client can send.
const ELEMENTS_MAX: usize = 100_000;

/// What a type's number says; what is not known is taken as text.
pub fn kind(oid: u32) -> ParameterKind {
    match oid {
        0 | 705 => ParameterKind::Unknown,
        16 => ParameterKind::Bool,
        17 => ParameterKind::Bytes,
        20 | 21 | 23 | 26 => ParameterKind::Int,
        700 | 701 => ParameterKind::Float,
        1082 => ParameterKind::Date,
        1114 => ParameterKind::Timestamp,
        1184 => ParameterKind::TimestampTz,
        1186 => ParameterKind::Interval,
        1700 => ParameterKind::Numeric,
        _ => ParameterKind::Text,
    }
}

/// The type that a client is told where it said none.
pub fn oid(kind: ParameterKind) -> u32 {
    match kind {
        ParameterKind::Unknown | ParameterKind::Text => 25,
        ParameterKind::Bool => 16,
        ParameterKind::Int => 20,
        ParameterKind::Float => 701,
        ParameterKind::Numeric => 1700,
        ParameterKind::TimestampTz => 1184,
        ParameterKind::Timestamp => 1114,
        ParameterKind::Date => 1082,
        ParameterKind::Interval => 1186,
        ParameterKind::Bytes => 17,
    }
}

/// `format` 0 is text, 1 binary.
pub fn value(oid: u32, format: i16, bytes: Option<&[u8]>) -> Result<Parameter, Refusal> {
    let kind = kind(oid);
    let Some(bytes) = bytes else { return Ok(Parameter { kind, text: None }) };
    let text = match format {
        0 => {
            let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            let text = text.ok_or_else(|| wrong("a parameter is no UTF-8"))?;
            match kind {
                ParameterKind::Bytes => bytea(text),
                _ => Some(text.to_owned()),
            }
        }
        1 => binary(oid, bytes),
        _ => None,
    };
    let text = text.ok_or_else(|| {
        wrong(format!("a parameter of type {oid} in format {format} cannot be read"))
            .hint("send it as text")
    })?;
    Ok(Parameter { kind, text: Some(text) })
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new("22P03", message)
}

/// `\x00ff` as its digits.
fn bytea(text: &str) -> Option<String> {
    let digits = text.strip_prefix("\\x")?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && digits.len() % 2 == 0;
    plain.then(|| digits.to_owned())
}

fn binary(oid: u32, bytes: &[u8]) -> Option<String> {
    let i64 = || bytes.try_into().ok().map(i64::from_be_bytes);
    Some(match oid {
        16 => (bytes.first()? != &0).to_string(),
        17 => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        20 => i64()?.to_string(),
        21 => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        23 => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        26 => u32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        700 => f32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        701 => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        1082 => calendar::date(i32::from_be_bytes(bytes.try_into().ok()?) + calendar::EPOCH_DAYS)?,
        1114 | 1184 => {
            let micros = i64()?.checked_add(calendar::EPOCH_MICROS)?;
            let zone = if oid == 1184 { "Z" } else { "" };
            format!("{}{zone}", calendar::instant(micros, 'T')?)
        }
        1700 => numeric(bytes)?,
        1000 | 1005 | 1007 | 1009 | 1015 | 1016 | 1021 | 1022 => array(bytes)?,
        0 | 18 | 19 | 25 | 114 | 705 | 1042 | 1043 => {
            String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'))?
        }
        _ => return None,
    })
}

/// Groups of four digits, with the place of the point.
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut fields = Fields(bytes);
    let mut word = || fields.array::<2>().ok().map(i16::from_be_bytes);
    let (count, weight, sign, scale) = (word()?, word()?, word()? as u16, word()?);
    let groups: Vec<i16> = (0..count).map(|_| word()).collect::<Option<_>>()?;
    let group = |at: i32| {
        let found = usize::try_from(at).ok().and_then(|at| groups.get(at));
        found.copied().unwrap_or(0)
    };
    let (whole, fraction) = (i32::from(weight), usize::try_from(scale).ok()?);
    if whole > DIGITS_MAX as i32 / 4 || fraction > DIGITS_MAX || groups.iter().any(|g| *g < 0) {
        return None;
    }
    let mut text = match sign {
        0 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".to_owned()),
        _ => return None,
    };
    let digits: String = (0..=whole).map(|at| format!("{:04}", group(at))).collect();
    let plain = digits.trim_start_matches('0');
    text.push_str(if plain.is_empty() { "0" } else { plain });
    if fraction > 0 {
        let behind = whole + 1..whole + 1 + fraction.div_ceil(4) as i32;
        let digits: String = behind.map(|at| format!("{:04}", group(at))).collect();
        text.push('.');
        text.push_str(digits.get(..fraction)?);
    }
    Some(text)
}

/// One dimension, of elements in their binary form, as `{"a","b"}`.
fn array(bytes: &[u8]) -> Option<String> {
    let mut fields = Fields(bytes);
    let dimensions = fields.u32().ok()?;
    let (_nulls, element) = (fields.u32().ok()?, fields.u32().ok()?);
    if dimensions == 0 {
        return Some("{}".to_owned());
    }
    let count = fields.u32().ok()? as usize;
    fields.u32().ok()?;
    if dimensions != 1 || count > ELEMENTS_MAX {
        return None;
    }
    let mut elements = Vec::new();
    for _ in 0..count {
        let value = fields.value().ok()??;
        let text = binary(element, &value)?.replace('\\', "\\\\").replace('"', "\\\"");
        elements.push(format!("\"{text}\""));
    }
    Some(format!("{{{}}}", elements.join(",")))
}

/// For the fuzzer.
pub fn read_all(bytes: &[u8]) {
    for oid in [16, 17, 20, 21, 23, 25, 26, 700, 701, 1009, 1016, 1082, 1114, 1184, 1700] {
        for format in [0, 1] {
            // What it says does not matter, only that it comes back.
            let _ = value(oid, format, Some(bytes));
        }
    }
}
