//! One value of a row, outside of Arrow: what state keeps, and what a row that is shown holds.

use crate::nested::{self, is_nested};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringViewArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as ArrowType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tagwerk_model::{DataType, Value, ValueRef};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Cell {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    /// As its bits, so that every number comes back.
    F64(#[serde(with = "bits")] f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    /// Nanoseconds since 1970.
    Time(i64),
}

/// NaN is the same as NaN here, and no zero another.
impl PartialEq for Cell {
    fn eq(&self, other: &Cell) -> bool {
        match (self, other) {
            (Cell::Null, Cell::Null) => true,
            (Cell::Bool(a), Cell::Bool(b)) => a == b,
            (Cell::I64(a), Cell::I64(b)) => a == b,
            (Cell::U64(a), Cell::U64(b)) => a == b,
            (Cell::F64(a), Cell::F64(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Cell::Text(a), Cell::Text(b)) => a == b,
            (Cell::Bytes(a), Cell::Bytes(b)) => a == b,
            (Cell::Time(a), Cell::Time(b)) => a == b,
            _ => false,
        }
    }
}

mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// The types that columns have here; the engine has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellType {
    Bool,
    I64,
    U64,
    F64,
    Text,
    Bytes,
    Time,
}

impl CellType {
    /// What values of an engine's type become; none, where they cannot leave it.
    pub fn of(data_type: &ArrowType) -> Option<CellType> {
        use ArrowType::*;
        Some(match data_type {
            Boolean => CellType::Bool,
            Int8 | Int16 | Int32 | Int64 => CellType::I64,
            UInt8 | UInt16 | UInt32 | UInt64 => CellType::U64,
            Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..)
            | Decimal256(..) => CellType::F64,
            Utf8 | LargeUtf8 | Utf8View | Null => CellType::Text,
            Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => CellType::Bytes,
            Timestamp(..) | Date32 | Date64 => CellType::Time,
            Dictionary(_, values) => return CellType::of(values),
            _ => return None,
        })
    }

    /// The same for what leaves the engine: lists, records and maps leave it as JSON.
    pub fn given(data_type: &ArrowType) -> Option<CellType> {
        CellType::of(data_type).or_else(|| is_nested(data_type).then_some(CellType::Text))
    }

    pub fn arrow(self) -> ArrowType {
        match self {
            CellType::Bool => ArrowType::Boolean,
            CellType::I64 => ArrowType::Int64,
            CellType::U64 => ArrowType::UInt64,
            CellType::F64 => ArrowType::Float64,
            CellType::Text => ArrowType::Utf8View,
            CellType::Bytes => ArrowType::Binary,
            CellType::Time => tagwerk_sql::stream::time_type(),
        }
    }

    /// As people call it.
    pub fn name(self) -> String {
        match self {
            CellType::Time => "a time".to_owned(),
            other => other.tag().name().to_owned(),
        }
    }

    /// Its values can be in a column of the other type.
    pub fn fits(self, other: CellType) -> bool {
        let number = |of| matches!(of, CellType::I64 | CellType::U64 | CellType::F64);
        self == other || (number(self) && number(other))
    }

    /// The type of a tag that holds such values; a time is a text there.
    pub fn tag(self) -> DataType {
        match self {
            CellType::Bool => DataType::Bool,
            CellType::I64 => DataType::Int64,
            CellType::U64 => DataType::Uint64,
            CellType::F64 => DataType::Float64,
            CellType::Text | CellType::Time => DataType::Text,
            CellType::Bytes => DataType::Bytes,
        }
    }
}

impl Cell {
    /// Lists are texts here.
    pub fn from_value(value: ValueRef<'_>) -> Cell {
        match value {
            ValueRef::Bool(value) => Cell::Bool(value),
            ValueRef::I64(value) => Cell::I64(value),
            ValueRef::U64(value) => Cell::U64(value),
            ValueRef::F64(value) => Cell::F64(value),
            ValueRef::Text(value) => Cell::Text(value.into()),
            ValueRef::Bytes(value) => Cell::Bytes(value.into()),
            ValueRef::List(items) => Cell::Text(tagwerk_sql::stream::list_text(items).into()),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Cell::Bool(value) => Some(f64::from(u8::from(*value))),
            Cell::I64(value) => Some(*value as f64),
            Cell::U64(value) => Some(*value as f64),
            Cell::F64(value) => Some(*value),
            _ => None,
        }
    }

    /// A tag's value; none for NULL.
    pub fn value(&self) -> Option<Value> {
        Some(match self {
            Cell::Null => return None,
            Cell::Bool(value) => Value::Bool(*value),
            Cell::I64(value) => Value::I64(*value),
            Cell::U64(value) => Value::U64(*value),
            Cell::F64(value) => Value::F64(*value),
            Cell::Text(value) => Value::Text(value.clone()),
            Cell::Bytes(value) => Value::Bytes(value.clone()),
            Cell::Time(ns) => Value::Text(tagwerk_model::format_unix_ns_exact(*ns).into()),
        })
    }

    /// Bytes that are the same for equal values and no others.
    pub fn key(&self, out: &mut Vec<u8>) {
        let (tag, bytes): (u8, &[u8]) = match self {
            Cell::Null => (0, &[]),
            Cell::Bool(value) => (1, &[u8::from(*value)]),
            Cell::I64(value) => (2, &value.to_le_bytes()),
            Cell::U64(value) => (3, &value.to_le_bytes()),
            Cell::F64(value) => (4, &value.to_bits().to_le_bytes()),
            Cell::Text(value) => (5, value.as_bytes()),
            Cell::Bytes(value) => (6, value),
            Cell::Time(value) => (7, &value.to_le_bytes()),
        };
        out.push(tag);
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
    }

    fn size(&self) -> usize {
        size_of::<Cell>()
            + match self {
                Cell::Text(value) => value.len(),
                Cell::Bytes(value) => value.len(),
                _ => 0,
            }
    }
}

/// Memory of some cells.
pub fn size_of_cells(cells: &[Cell]) -> usize {
    cells.iter().map(Cell::size).sum()
}

/// A column's values, lists and records as JSON. What cannot be one of ours is NULL.
pub fn cells(array: &ArrayRef) -> Vec<Cell> {
    let Some(own) = CellType::of(array.data_type()) else { return nested::texts(array) };
    let wanted = own.arrow();
    let array = match *array.data_type() == wanted {
        true => array.clone(),
        false => match cast(array, &wanted) {
            Ok(array) => array,
            Err(_) => return vec![Cell::Null; array.len()],
        },
    };
    let cell = |row: usize| match own {
        CellType::Bool => Cell::Bool(array.as_boolean().value(row)),
        CellType::I64 => Cell::I64(array.as_primitive::<Int64Type>().value(row)),
        CellType::U64 => Cell::U64(array.as_primitive::<UInt64Type>().value(row)),
        CellType::F64 => Cell::F64(array.as_primitive::<Float64Type>().value(row)),
        CellType::Text => Cell::Text(array.as_string_view().value(row).into()),
        CellType::Bytes => Cell::Bytes(array.as_binary::<i32>().value(row).into()),
        CellType::Time => Cell::Time(array.as_primitive::<TimestampNanosecondType>().value(row)),
    };
    (0..array.len()).map(|row| if array.is_null(row) { Cell::Null } else { cell(row) }).collect()
}

/// A column of these values; one of another type is NULL in it.
pub fn array(own: CellType, cells: &[Cell]) -> ArrayRef {
    macro_rules! column {
        ($array:ty, $variant:ident, $of:expr) => {
            Arc::new(<$array>::from_iter(cells.iter().map(|cell| match cell {
                Cell::$variant(value) => Some($of(value)),
                _ => None,
            })))
        };
    }
    match own {
        CellType::Bool => column!(BooleanArray, Bool, |v: &bool| *v),
        CellType::I64 => column!(Int64Array, I64, |v: &i64| *v),
        CellType::U64 => column!(UInt64Array, U64, |v: &u64| *v),
        CellType::F64 => column!(Float64Array, F64, |v: &f64| *v),
        CellType::Text => Arc::new(StringViewArray::from_iter(cells.iter().map(|c| match c {
            Cell::Text(value) => Some(&**value),
            _ => None,
        }))),
        CellType::Bytes => Arc::new(BinaryArray::from_iter(cells.iter().map(|c| match c {
            Cell::Bytes(value) => Some(&**value),
            _ => None,
        }))),
        CellType::Time => {
            let times = cells.iter().map(|cell| match cell {
                Cell::Time(ns) => Some(*ns),
                _ => None,
            });
            Arc::new(TimestampNanosecondArray::from_iter(times).with_timezone("+00:00"))
        }
    }
}

/// Nanoseconds since 1970 of a column of times; none where it is NULL or no time.
pub fn times(array: &ArrayRef) -> Option<TimestampNanosecondArray> {
    if let Some(times) = array.as_primitive_opt::<TimestampNanosecondType>() {
        return Some(times.clone());
    }
    let nanoseconds = ArrowType::Timestamp(TimeUnit::Nanosecond, None);
    let plain = cast(array, &nanoseconds).ok()?;
    Some(plain.as_primitive::<TimestampNanosecondType>().clone())
}
