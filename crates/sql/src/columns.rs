//! Pieces of history as Arrow columns.

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, StringViewArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType as ArrowType, Field, TimeUnit};
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
    let one = StringViewArray::from_iter_values([value]);
    let same = UInt32Array::from(vec![0; rows]);
    // The text is held once, whatever the rows.
    take(&one, &same, None).unwrap_or_else(|_| {
        Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(value, rows)))
    })
}

pub fn nulls(data_type: &ArrowType, rows: usize) -> ArrayRef {
    if *data_type == ArrowType::Null {
        return Arc::new(NullArray::new(rows));
    }
    new_null_array(data_type, rows)
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

    pub fn times(&self) -> ArrayRef {
        times(self.piece.times[self.rows.clone()].iter().copied())
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
            Values::Text(all) => Arc::new(StringViewArray::from_iter(
                rows.map(|row| present(row).then(|| all[row].as_ref())),
            )),
            Values::List(all) => Arc::new(StringViewArray::from_iter(
                rows.map(|row| present(row).then(|| list_text(&all[row]))),
            )),
            Values::Bytes(all) => Arc::new(BinaryArray::from_iter(
                rows.map(|row| present(row).then(|| all[row].as_ref())),
            )),
        }
    }

    /// The values as doubles, for those who compute; exact up to 2^53. Texts, bytes and lists have none.
    pub fn doubles(&self) -> ArrayRef {
        let (rows, valid) = (self.rows.clone(), self.valid());
        let doubles: Vec<f64> = match &self.piece.values {
            Values::Bool(all) => all[rows].iter().map(|v| f64::from(u8::from(*v))).collect(),
            Values::I64(all) => all[rows].iter().map(|v| *v as f64).collect(),
            Values::U64(all) => all[rows].iter().map(|v| *v as f64).collect(),
            Values::F64(all) => all[rows].to_vec(),
            Values::Text(_) | Values::Bytes(_) | Values::List(_) => {
                return nulls(&ArrowType::Float64, self.len());
            }
        };
        Arc::new(Float64Array::new(doubles.into(), valid))
    }

    pub fn kind(&self) -> Kind {
        self.piece.values.kind()
    }
}

/// A list as JSON.
pub fn list_text(items: &[Value]) -> String {
    ValueRef::List(items).to_text(DataType::List)
}
