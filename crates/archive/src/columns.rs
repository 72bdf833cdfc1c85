//! The columns of the files, which are those of the SQL table `samples`, and a piece as such columns.

use crate::output::TagName;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::{Arc, LazyLock};
use tagwerk_historian::{Piece, Values};
use tagwerk_model::{DataType, Kind, ValueRef};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Time,
    Device,
    Tag,
    Value,
    Quality,
    Code,
    SourceTime,
    Of(Kind),
    Unit,
    Type,
}

pub(crate) const COLUMNS: &[(&str, Column, &str)] = &[
    ("time", Column::Time, "the edge's time of the read"),
    ("device", Column::Device, "name of the device"),
    ("tag", Column::Tag, "name of the tag"),
    ("value", Column::Value, "the number as a double, exact up to 2^53"),
    ("quality", Column::Quality, "good, uncertain or bad; a bad sample has no value"),
    ("code", Column::Code, "OPC UA status code with the protocol's own code in its lower half"),
    ("source_time", Column::SourceTime, "the device's own time, where it gives one"),
    ("value_f64", Column::Of(Kind::F64), "value of a tag of type float32 or float64"),
    ("value_i64", Column::Of(Kind::I64), "exact value of a tag of a signed integer type"),
    ("value_u64", Column::Of(Kind::U64), "exact value of a tag of an unsigned integer type"),
    ("value_bool", Column::Of(Kind::Bool), "value of a tag of type bool"),
    ("value_text", Column::Of(Kind::Text), "value of a tag of type text, or a list as JSON"),
    ("value_bytes", Column::Of(Kind::Bytes), "value of a tag of type bytes"),
    ("unit", Column::Unit, "unit of the tag"),
    ("type", Column::Type, "type of the tag"),
];

pub(crate) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields =
        COLUMNS.iter().map(|(name, column, _)| Field::new(*name, column.arrow(), column.is_open()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
});

/// What a column says.
pub fn describe(column: &str) -> Option<&'static str> {
    COLUMNS.iter().find(|(name, ..)| *name == column).map(|(_, _, text)| *text)
}

/// The place of a column in the files.
pub(crate) fn place(column: Column) -> usize {
    COLUMNS.iter().position(|(_, known, _)| *known == column).unwrap_or_default()
}

/// Lists stand as JSON among the texts.
pub(crate) fn kind_of(kind: Kind) -> Kind {
    match kind {
        Kind::List => Kind::Text,
        other => other,
    }
}

/// A list as JSON, as statements show it.
pub(crate) fn list_text(items: &[tagwerk_model::Value]) -> String {
    ValueRef::List(items).to_text(DataType::List)
}

impl Column {
    fn arrow(self) -> ArrowType {
        match self {
            Column::Time | Column::SourceTime => {
                ArrowType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
            }
            Column::Device | Column::Tag | Column::Quality | Column::Unit | Column::Type => {
                ArrowType::Utf8
            }
            Column::Value => ArrowType::Float64,
            Column::Code => ArrowType::UInt32,
            Column::Of(kind) => match kind {
                Kind::Bool => ArrowType::Boolean,
                Kind::I64 => ArrowType::Int64,
                Kind::U64 => ArrowType::UInt64,
                Kind::F64 => ArrowType::Float64,
                Kind::Text | Kind::List => ArrowType::Utf8,
                Kind::Bytes => ArrowType::Binary,
            },
        }
    }

    /// Whether it may hold NULL.
    fn is_open(self) -> bool {
        matches!(self, Column::Value | Column::SourceTime | Column::Of(_))
    }

    pub(crate) fn array(self, tag: &TagName, piece: &Piece) -> ArrayRef {
        let rows = 0..piece.len();
        match self {
            Column::Time => times(piece.times.iter().map(|time| Some(*time))),
            Column::SourceTime if piece.source_times.is_none() => self.nulls(piece),
            Column::SourceTime => times(rows.map(|row| piece.source_time(row))),
            Column::Device => text(&tag.device, piece),
            Column::Tag => text(&tag.name, piece),
            Column::Unit => text(&piece.unit, piece),
            Column::Type => text(piece.data_type.name(), piece),
            Column::Quality => {
                let names = rows.map(|row| piece.quality(row).severity().name());
                Arc::new(StringArray::from_iter_values(names))
            }
            Column::Code => {
                Arc::new(UInt32Array::from_iter_values(rows.map(|row| piece.quality(row).0)))
            }
            Column::Value => Arc::new(Float64Array::from_iter(
                rows.map(|row| piece.value(row).and_then(ValueRef::as_f64)),
            )),
            Column::Of(kind) if kind == kind_of(piece.values.kind()) => values(piece),
            Column::Of(_) => self.nulls(piece),
        }
    }

    fn nulls(self, piece: &Piece) -> ArrayRef {
        new_null_array(&self.arrow(), piece.len())
    }
}

fn times(times: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter(times).with_timezone("UTC"))
}

fn text(value: &str, piece: &Piece) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, piece.len())))
}

fn values(piece: &Piece) -> ArrayRef {
    let present = |row: usize| !piece.quality(row).is_bad();
    let rows = 0..piece.len();
    macro_rules! plain {
        ($array:ident, $all:expr) => {
            Arc::new($array::from_iter(rows.map(|row| present(row).then(|| $all[row]))))
        };
    }
    match &piece.values {
        Values::Bool(all) => plain!(BooleanArray, all),
        Values::I64(all) => plain!(Int64Array, all),
        Values::U64(all) => plain!(UInt64Array, all),
        Values::F64(all) => plain!(Float64Array, all),
        Values::Text(all) => Arc::new(StringArray::from_iter(
            rows.map(|row| present(row).then(|| all[row].as_ref())),
        )),
        Values::List(all) => Arc::new(StringArray::from_iter(
            rows.map(|row| present(row).then(|| list_text(&all[row]))),
        )),
        Values::Bytes(all) => Arc::new(BinaryArray::from_iter(
            rows.map(|row| present(row).then(|| all[row].as_ref())),
        )),
    }
}
