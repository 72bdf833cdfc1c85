//! Pieces of history as Arrow columns.

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, NullBufferBuilder,
    StringViewArray, TimestampNanosecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType as ArrowType, Field, TimeUnit};
use datafusion::common::Result;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_historian::{Piece, Values};
use tagwerk_model::{DataType, Kind, Qualities, Quality, Value, ValueRef};

pub const UTC: &str = "+00:00";

pub fn time_type() -> ArrowType {
    ArrowType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()))
}

pub fn field(name: &str, data_type: ArrowType, nullable: bool) -> Field {
    Field::new(name, data_type, nullable)
}

/// The exact type of a tag's values.
pub fn value_type(data_type: DataType) -> ArrowType {
    kind_type(data_type.kind())
}

pub fn kind_type(kind: Kind) -> ArrowType {
    match kind {
        Kind::Bool => ArrowType::Boolean,
        Kind::I64 => ArrowType::Int64,
        Kind::U64 => ArrowType::UInt64,
        Kind::F64 => ArrowType::Float64,
        Kind::Text | Kind::List => ArrowType::Utf8View,
        Kind::Bytes => ArrowType::Binary,
    }
}

pub fn times(times: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone(UTC))
}

pub fn optional_times(times: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter(times).with_timezone(UTC))
}

/// The same text in every row.
pub fn text(value: &str, rows: usize) -> ArrayRef {
    repeated(std::iter::once((value, rows))).unwrap_or_else(|_| {
        Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(value, rows)))
    })
}

/// Texts, each in as many rows as it says. It is held once, whatever the rows.
pub fn repeated<'a>(texts: impl Iterator<Item = (&'a str, usize)>) -> Result<ArrayRef> {
    let (mut different, mut places): (Vec<&str>, Vec<u32>) = (Vec::new(), Vec::new());
    for (text, rows) in texts {
        if different.last() != Some(&text) {
            different.push(text);
        }
        places.resize(places.len() + rows, different.len() as u32 - 1);
    }
    let different = StringViewArray::from_iter_values(different);
    Ok(take(&different, &UInt32Array::from(places), None)?)
}

/// Texts of a chunk's samples, where equal ones are mostly the same in memory: each is held once.
fn shared_texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
    let mut different: Vec<&str> = Vec::new();
    let mut known: HashMap<(*const u8, usize), u32> = HashMap::new();
    let place = |text: Option<&'a str>| {
        let text = text?;
        Some(*known.entry((text.as_ptr(), text.len())).or_insert_with(|| {
            different.push(text);
            different.len() as u32 - 1
        }))
    };
    let places = UInt32Array::from_iter(texts.map(place));
    Ok(take(&StringViewArray::from_iter_values(different), &places, None)?)
}

/// Times of many parts, one behind the other.
pub fn times_of<'a, 'b: 'a>(parts: impl Iterator<Item = &'a Part<'b>> + Clone) -> ArrayRef {
    let mut times = Vec::with_capacity(parts.clone().map(Part::len).sum());
    parts.for_each(|part| times.extend_from_slice(&part.piece.times[part.rows.clone()]));
    Arc::new(TimestampNanosecondArray::from(times).with_timezone(UTC))
}

/// Values of many parts as doubles, one behind the other; NULL where they are of other kinds.
pub fn doubles_of<'a, 'b: 'a>(
    parts: impl Iterator<Item = &'a Part<'b>> + Clone,
    takes: fn(Kind) -> bool,
) -> ArrayRef {
    let rows: usize = parts.clone().map(Part::len).sum();
    let mut doubles: Vec<f64> = Vec::with_capacity(rows);
    let mut valid = NullBufferBuilder::new(rows);
    for part in parts {
        let at = doubles.len();
        if takes(part.kind()) {
            part.push_doubles(&mut doubles);
        }
        match doubles.len() == at {
            true => valid.append_n_nulls(part.len()),
            false => part.push_valid(&mut valid),
        }
        doubles.resize(at + part.len(), 0.0);
    }
    Arc::new(Float64Array::new(doubles.into(), valid.finish()))
}

pub fn nulls(data_type: &ArrowType, rows: usize) -> ArrayRef {
    if *data_type == ArrowType::Null {
        return Arc::new(NullArray::new(rows));
    }
    new_null_array(data_type, rows)
}

/// A piece all of which becomes a batch: its times and doubles are handed on without being copied.
pub struct Whole {
    /// Without them.
    piece: Piece,
    pub times: Option<ArrayRef>,
    pub doubles: Option<ArrayRef>,
}

impl Whole {
    pub fn new(mut piece: Piece) -> Whole {
        let rows = piece.len();
        let times = std::mem::take(&mut piece.times);
        let times = (times.len() == rows).then(|| -> ArrayRef {
            Arc::new(TimestampNanosecondArray::from(times).with_timezone(UTC))
        });
        let valid = Part { piece: &piece, rows: 0..rows }.valid();
        let doubles = match &mut piece.values {
            Values::F64(values) if values.len() == rows => Some(std::mem::take(values)),
            _ => None,
        };
        let doubles = doubles.map(|doubles| -> ArrayRef {
            let valid = valid.filter(|valid| valid.null_count() > 0);
            Arc::new(Float64Array::new(doubles.into(), valid))
        });
        Whole { piece, times, doubles }
    }

    pub fn part(&self) -> Part<'_> {
        Part { piece: &self.piece, rows: 0..self.piece.len() }
    }
}

/// Some rows of a piece.
pub struct Part<'a> {
    pub piece: &'a Piece,
    pub rows: Range<usize>,
}

impl Part<'_> {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn source_times(&self) -> ArrayRef {
        match &self.piece.source_times {
            None => nulls(&time_type(), self.len()),
            Some(_) => optional_times(self.rows.clone().map(|row| self.piece.source_time(row))),
        }
    }

    fn quality(&self, row: usize) -> Quality {
        self.piece.quality(row)
    }

    pub fn severities(&self) -> ArrayRef {
        match &self.piece.qualities {
            Qualities::One(quality) => text(quality.severity().name(), self.len()),
            Qualities::Each(each) => Arc::new(StringViewArray::from_iter_values(
                each[self.rows.clone()].iter().map(|quality| quality.severity().name()),
            )),
        }
    }

    pub fn codes(&self) -> ArrayRef {
        let codes = self.rows.clone().map(|row| self.quality(row).0);
        Arc::new(UInt32Array::from_iter_values(codes))
    }

    /// None where every sample has a value.
    fn valid(&self) -> Option<NullBuffer> {
        match &self.piece.qualities {
            Qualities::One(quality) if !quality.is_bad() => None,
            Qualities::One(_) => Some(NullBuffer::new_null(self.len())),
            Qualities::Each(each) => {
                let good = each[self.rows.clone()].iter().map(|quality| !quality.is_bad());
                Some(NullBuffer::new(BooleanBuffer::from_iter(good)))
            }
        }
    }

    /// The values in the type of their kind.
    pub fn values(&self) -> ArrayRef {
        let (rows, valid) = (self.rows.clone(), self.valid());
        let present = |row: usize| !self.quality(row).is_bad();
        match &self.piece.values {
            Values::Bool(all) => Arc::new(BooleanArray::new(
                BooleanBuffer::from_iter(all[rows].iter().copied()),
                valid,
            )),
            Values::I64(all) => Arc::new(Int64Array::new(all[rows].to_vec().into(), valid)),
            Values::U64(all) => Arc::new(UInt64Array::new(all[rows].to_vec().into(), valid)),
            Values::F64(all) => Arc::new(Float64Array::new(all[rows].to_vec().into(), valid)),
            Values::Text(all) => {
                let texts = rows.map(|row| present(row).then(|| all[row].as_ref()));
                shared_texts(texts.clone())
                    .unwrap_or_else(|_| Arc::new(StringViewArray::from_iter(texts)))
            }
            Values::List(all) => Arc::new(StringViewArray::from_iter(
                rows.map(|row| present(row).then(|| list_text(&all[row]))),
            )),
            Values::Bytes(all) => Arc::new(BinaryArray::from_iter(
                rows.map(|row| present(row).then(|| all[row].as_ref())),
            )),
        }
    }

    /// The values as doubles, for those who compute; exact up to 2^53. Texts, bytes and lists have none.
    fn push_doubles(&self, out: &mut Vec<f64>) {
        let rows = self.rows.clone();
        match &self.piece.values {
            Values::Bool(all) => out.extend(all[rows].iter().map(|v| f64::from(u8::from(*v)))),
            Values::I64(all) => out.extend(all[rows].iter().map(|v| *v as f64)),
            Values::U64(all) => out.extend(all[rows].iter().map(|v| *v as f64)),
            Values::F64(all) => out.extend_from_slice(&all[rows]),
            Values::Text(_) | Values::Bytes(_) | Values::List(_) => {}
        }
    }

    /// Which samples have a value.
    fn push_valid(&self, out: &mut NullBufferBuilder) {
        match &self.piece.qualities {
            Qualities::One(quality) if quality.is_bad() => out.append_n_nulls(self.len()),
            Qualities::One(_) => out.append_n_non_nulls(self.len()),
            Qualities::Each(each) => {
                each[self.rows.clone()].iter().for_each(|quality| out.append(!quality.is_bad()));
            }
        }
    }

    pub fn kind(&self) -> Kind {
        self.piece.values.kind()
    }
}

/// A list as JSON.
pub fn list_text(items: &[Value]) -> String {
    ValueRef::List(items).to_text(DataType::List)
}
