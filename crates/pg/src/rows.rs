//! Rows in the forms that PostgreSQL's clients read: text and binary, exact to the last digit.

use crate::calendar;
use crate::refusal::Refusal;
use crate::wire::{self, Field};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationNanosecondType, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, SchemaRef,
    Time64MicrosecondType, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use arrow::error::ArrowError;
use std::io::Write;
use tagwerk_sql::postgres::base_type;

const NANOS: i64 = 1_000;

/// The columns as they are announced; `formats`: none is text for all, one is for all.
pub fn fields(
    schema: &SchemaRef,
    names: Vec<String>,
    formats: &[i16],
) -> Result<Vec<Field>, Refusal> {
    let count = schema.fields().len();
    let known = formats.iter().all(|format| (0..=1).contains(format));
    if !known || (formats.len() > 1 && formats.len() != count) {
        let text = format!("{} formats for {count} columns", formats.len());
        return Err(Refusal::new("08P01", text));
    }
    let fields = schema.fields().iter().zip(names).enumerate().map(|(at, (field, name))| {
        let of = base_type(field.data_type());
        let format = formats.get(at).or(formats.first()).copied().unwrap_or(0);
        Field { name, type_oid: of.oid, size: of.size, format }
    });
    Ok(fields.collect())
}

type Write1 = Box<dyn Fn(usize, &mut Vec<u8>) + Send + Sync>;

/// Rows of a batch, ready to be written.
pub struct Rows {
    columns: Vec<(ArrayRef, Write1)>,
    pub count: usize,
}

impl Rows {
    pub fn new(
        batch: &RecordBatch,
        formats: impl Iterator<Item = i16>,
    ) -> Result<Rows, ArrowError> {
        let columns = batch.columns().iter().zip(formats).map(|(array, format)| {
            let array = plain(array)?;
            let write = match format {
                1 => binary(array.clone()),
                _ => text(array.clone()),
            };
            Ok((array, write))
        });
        Ok(Rows { columns: columns.collect::<Result<_, ArrowError>>()?, count: batch.num_rows() })
    }

    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        wire::message(out, b'D', |out| {
            out.extend((self.columns.len() as u16).to_be_bytes());
            for (array, write) in &self.columns {
                if array.is_null(row) {
                    out.extend((-1i32).to_be_bytes());
                    continue;
                }
                let at = out.len();
                out.extend([0; 4]);
                write(row, out);
                let length = (out.len() - at - 4) as u32;
                out[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
        });
    }

    /// The cells of a row one after the other; none for NULL.
    pub fn cells(&self, row: usize, mut each: impl FnMut(usize, Option<&[u8]>)) {
        let mut cell = Vec::new();
        for (at, (array, write)) in self.columns.iter().enumerate() {
            cell.clear();
            match array.is_null(row) {
                true => each(at, None),
                false => {
                    write(row, &mut cell);
                    each(at, Some(&cell));
                }
            }
        }
    }
}

/// One of the few types that are written.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let wanted = match array.data_type() {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
            DataType::Decimal128(38, *scale)
        }
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Nanosecond),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Binary
        | DataType::Date32 => return Ok(array.clone()),
        _ => DataType::Utf8,
    };
    cast(array, &wanted)
}

/// Writing to memory does not fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        let _ = write!($out, $($text)*);
    }};
}

fn text(array: ArrayRef) -> Write1 {
    match array.data_type() {
        DataType::Boolean => Box::new(move |row, out| {
            out.push(if array.as_boolean().value(row) { b't' } else { b'f' })
        }),
        DataType::Int16 => Box::new(move |row, out| {
            put!(out, "{}", array.as_primitive::<Int16Type>().value(row));
        }),
        DataType::Int32 => Box::new(move |row, out| {
            put!(out, "{}", array.as_primitive::<Int32Type>().value(row));
        }),
        DataType::Int64 => Box::new(move |row, out| {
            put!(out, "{}", array.as_primitive::<Int64Type>().value(row));
        }),
        DataType::UInt64 => Box::new(move |row, out| {
            put!(out, "{}", array.as_primitive::<UInt64Type>().value(row));
        }),
        DataType::Float32 => Box::new(move |row, out| {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(out, f64::from(value), &value.to_string(), &format!("{value:e}"));
        }),
        DataType::Float64 => Box::new(move |row, out| {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(out, value, &value.to_string(), &format!("{value:e}"));
        }),
        DataType::Decimal128(..) => Box::new(move |row, out| {
            let value = array.as_primitive::<Decimal128Type>().value_as_string(row);
            out.extend(value.bytes());
        }),
        DataType::Binary => Box::new(move |row, out| {
            out.extend(b"\\x");
            for byte in array.as_binary::<i32>().value(row) {
                put!(out, "{byte:02x}");
            }
        }),
        DataType::Date32 => Box::new(move |row, out| {
            let days = array.as_primitive::<Date32Type>().value(row);
            out.extend(calendar::date(days).unwrap_or_else(|| beyond(i64::from(days))).bytes());
        }),
        DataType::Time64(_) => Box::new(move |row, out| {
            out.extend(
                calendar::time(array.as_primitive::<Time64MicrosecondType>().value(row)).bytes(),
            );
        }),
        DataType::Timestamp(_, zone) => {
            let zone = if zone.is_some() { "+00" } else { "" };
            Box::new(move |row, out| {
                let micros = micros(array.as_primitive::<TimestampNanosecondType>().value(row));
                let text = calendar::instant(micros, ' ').unwrap_or_else(|| beyond(micros));
                out.extend(text.bytes());
                out.extend(zone.bytes());
            })
        }
        DataType::Interval(_) | DataType::Duration(_) => Box::new(move |row, out| {
            let (months, days, micros) = interval(&array, row);
            out.extend(calendar::interval(months, days, micros).bytes());
        }),
        _ => Box::new(move |row, out| out.extend(array.as_string::<i32>().value(row).bytes())),
    }
}

/// Times that are older or newer than any calendar.
fn beyond(from: i64) -> String {
    if from < 0 { "-infinity" } else { "infinity" }.to_owned()
}

fn binary(array: ArrayRef) -> Write1 {
    match array.data_type() {
        DataType::Boolean => {
            Box::new(move |row, out| out.push(u8::from(array.as_boolean().value(row))))
        }
        DataType::Int16 => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Int16Type>().value(row).to_be_bytes());
        }),
        DataType::Int32 => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Int32Type>().value(row).to_be_bytes());
        }),
        DataType::Int64 => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Int64Type>().value(row).to_be_bytes());
        }),
        DataType::UInt64 => Box::new(move |row, out| {
            numeric(out, &array.as_primitive::<UInt64Type>().value(row).to_string());
        }),
        DataType::Float32 => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Float32Type>().value(row).to_be_bytes());
        }),
        DataType::Float64 => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Float64Type>().value(row).to_be_bytes());
        }),
        DataType::Decimal128(..) => Box::new(move |row, out| {
            numeric(out, &array.as_primitive::<Decimal128Type>().value_as_string(row));
        }),
        DataType::Binary => {
            Box::new(move |row, out| out.extend(array.as_binary::<i32>().value(row)))
        }
        DataType::Date32 => Box::new(move |row, out| {
            let days = array.as_primitive::<Date32Type>().value(row);
            out.extend(days.saturating_sub(calendar::EPOCH_DAYS).to_be_bytes());
        }),
        DataType::Time64(_) => Box::new(move |row, out| {
            out.extend(array.as_primitive::<Time64MicrosecondType>().value(row).to_be_bytes());
        }),
        DataType::Timestamp(..) => Box::new(move |row, out| {
            let micros = micros(array.as_primitive::<TimestampNanosecondType>().value(row));
            out.extend(micros.saturating_sub(calendar::EPOCH_MICROS).to_be_bytes());
        }),
        DataType::Interval(_) | DataType::Duration(_) => Box::new(move |row, out| {
            let (months, days, micros) = interval(&array, row);
            out.extend(micros.to_be_bytes());
            out.extend(days.to_be_bytes());
            out.extend(months.to_be_bytes());
        }),
        _ => text(array),
    }
}

/// PostgreSQL's times have no nanoseconds: the rest is cut off.
fn micros(nanos: i64) -> i64 {
    nanos.div_euclid(NANOS)
}

fn interval(array: &ArrayRef, row: usize) -> (i32, i32, i64) {
    match array.data_type() {
        DataType::Duration(_) => {
            (0, 0, micros(array.as_primitive::<DurationNanosecondType>().value(row)))
        }
        _ => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            (value.months, value.days, micros(value.nanoseconds))
        }
    }
}

/// The shortest digits that read back as the same number, with an exponent where PostgreSQL has one.
fn float(out: &mut Vec<u8>, value: f64, plain: &str, scientific: &str) {
    let size = value.abs();
    if value.is_nan() {
        out.extend(b"NaN");
    } else if value.is_infinite() {
        out.extend(if value > 0.0 { "Infinity" } else { "-Infinity" }.bytes());
    } else if size == 0.0 || (1e-4..1e15).contains(&size) {
        out.extend(plain.bytes());
    } else {
        let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let (sign, places) = match exponent.strip_prefix('-') {
            Some(places) => ('-', places),
            None => ('+', exponent),
        };
        put!(out, "{digits}e{sign}{places:0>2}");
    }
}

/// A decimal number as groups of four digits.
fn numeric(out: &mut Vec<u8>, text: &str) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let mut digits = "0".repeat((4 - whole.len() % 4) % 4) + whole;
    let weight = (digits.len() / 4) as i32 - 1;
    digits.push_str(fraction);
    digits.push_str(&"0".repeat((4 - digits.len() % 4) % 4));
    let mut groups: Vec<i16> = digits
        .as_bytes()
        .chunks(4)
        .map(|group| group.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let weight = if groups.is_empty() { 0 } else { weight - leading as i32 };
    let sign: u16 = if negative && !groups.is_empty() { 0x4000 } else { 0 };
    out.extend((groups.len() as u16).to_be_bytes());
    out.extend((weight as i16).to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend((fraction.len() as u16).to_be_bytes());
    groups.iter().for_each(|group| out.extend(group.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, UInt64Array};
    use std::sync::Arc;
    use tagwerk_sql::postgres::Parameter;

    #[test]
    fn numbers_go_and_come_back_exactly() {
        for text in [
            "0",
            "1",
            "-1",
            "9999",
            "10000",
            "18446744073709551615",
            "1.5",
            "-0.0001",
            "12345.6789",
            "100000000",
            "0.00000001",
        ] {
            let mut out = Vec::new();
            numeric(&mut out, text);
            let read: Parameter = crate::parameter::value(1700, 1, Some(&out)).unwrap();
            assert_eq!(read.text.as_deref(), Some(text));
        }
    }

    #[test]
    fn doubles_are_written_as_postgresql_writes_them() {
        let values = [0.1, -0.0, 1e15, 1.5e300, 1e-5, 123456789012345.0, f64::NAN, f64::INFINITY];
        let write = super::text(Arc::new(Float64Array::from(values.to_vec())));
        let texts: Vec<String> = (0..values.len())
            .map(|row| {
                let mut out = Vec::new();
                write(row, &mut out);
                String::from_utf8(out).unwrap()
            })
            .collect();
        let wanted =
            ["0.1", "-0", "1e+15", "1.5e+300", "1e-05", "123456789012345", "NaN", "Infinity"];
        assert_eq!(texts, wanted);
        let write = super::text(Arc::new(UInt64Array::from(vec![u64::MAX])));
        let mut out = Vec::new();
        write(0, &mut out);
        assert_eq!(out, u64::MAX.to_string().as_bytes());
    }
}
