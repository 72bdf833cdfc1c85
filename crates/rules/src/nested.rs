//! Lists, records and maps of the engine's as JSON: what a rule gives are values of tags, and a tag that is
//! a list is such a text in statements, too.

use crate::cell::{Cell, CellType, cells};
use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::DataType as ArrowType;
use std::ops::Range;
use tagwerk_model::{DataType, ValueRef};

/// Nesting of what is given. More: it is no value.
const DEPTH_MAX: usize = 16;

/// Whether it is a list, a record or a map, of values that are ours in the end.
pub fn is_nested(data_type: &ArrowType) -> bool {
    fn fits(data_type: &ArrowType, depth: usize) -> bool {
        use ArrowType::*;
        if depth > DEPTH_MAX {
            return false;
        }
        match data_type {
            List(item) | LargeList(item) | FixedSizeList(item, _) | Map(item, _) => {
                fits(item.data_type(), depth + 1)
            }
            Struct(fields) => fields.iter().all(|field| fits(field.data_type(), depth + 1)),
            other => CellType::of(other).is_some(),
        }
    }
    CellType::of(data_type).is_none() && fits(data_type, 0)
}

/// A text for each row; NULL where there is nothing.
pub fn texts(array: &ArrayRef) -> Vec<Cell> {
    if !is_nested(array.data_type()) {
        return vec![Cell::Null; array.len()];
    }
    let texts = json(array).into_iter().enumerate();
    texts.map(|(row, text)| if array.is_null(row) { Cell::Null } else { text.into() }).collect()
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text.into())
    }
}

const NULL: &str = "null";

fn json(array: &ArrayRef) -> Vec<String> {
    match array.data_type() {
        ArrowType::List(_) => of_list(array.as_list::<i32>()),
        ArrowType::LargeList(_) => of_list(array.as_list::<i64>()),
        ArrowType::FixedSizeList(_, length) => {
            let list = array.as_fixed_size_list();
            let items = json(list.values());
            let length = usize::try_from(*length).unwrap_or_default();
            rows(array, |row| joined('[', &items, row * length..(row + 1) * length, ']'))
        }
        ArrowType::Struct(_) => of_record(array),
        ArrowType::Map(..) => of_map(array),
        _ => cells(array).iter().map(plain).collect(),
    }
}

/// What is made of each row that is there.
fn rows(array: &dyn Array, made: impl Fn(usize) -> String) -> Vec<String> {
    let one = |row| if array.is_null(row) { NULL.to_owned() } else { made(row) };
    (0..array.len()).map(one).collect()
}

fn of_list<O: OffsetSizeTrait>(list: &arrow::array::GenericListArray<O>) -> Vec<String> {
    let offsets: Vec<usize> = list.value_offsets().iter().map(|offset| offset.as_usize()).collect();
    let (Some(first), Some(last)) = (offsets.first().copied(), offsets.last().copied()) else {
        return Vec::new();
    };
    let items = json(&list.values().slice(first, last - first));
    rows(list, |row| joined('[', &items, offsets[row] - first..offsets[row + 1] - first, ']'))
}

fn of_record(array: &ArrayRef) -> Vec<String> {
    let record = array.as_struct();
    let columns: Vec<(String, Vec<String>)> = record
        .column_names()
        .into_iter()
        .zip(record.columns())
        .map(|(name, column)| (plain(&name.to_owned().into()), json(column)))
        .collect();
    rows(array, |row| {
        let fields: Vec<String> =
            columns.iter().map(|(name, values)| format!("{name}:{}", values[row])).collect();
        joined('{', &fields, 0..fields.len(), '}')
    })
}

fn of_map(array: &ArrayRef) -> Vec<String> {
    let map = array.as_map();
    let name = |key: &Cell| match key {
        Cell::Text(_) => plain(key),
        // A name in JSON is a text.
        other => plain(&plain(other).into()),
    };
    let fields: Vec<String> = cells(map.keys())
        .iter()
        .zip(json(map.values()))
        .map(|(key, value)| format!("{}:{value}", name(key)))
        .collect();
    let offsets = map.value_offsets();
    rows(array, |row| joined('{', &fields, offsets[row] as usize..offsets[row + 1] as usize, '}'))
}

fn joined(open: char, items: &[String], which: Range<usize>, close: char) -> String {
    format!("{open}{}{close}", items.get(which).unwrap_or_default().join(","))
}

/// A value as values of tags are written.
fn plain(cell: &Cell) -> String {
    let Some(value) = cell.value() else { return NULL.to_owned() };
    let mut out = Vec::new();
    let own = match value.as_ref() {
        ValueRef::F64(_) => DataType::Float64,
        _ => DataType::Text,
    };
    value.as_ref().write_json(own, &mut out);
    String::from_utf8(out).unwrap_or_else(|_| NULL.to_owned())
}
