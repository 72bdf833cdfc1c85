//! A lookup table: columns with a name and a type each, and their values. What its readers give, and
//! what rules and statements take. Reading one from outside is in `builder.rs`.

mod builder;
mod instant;
mod stored;

pub use builder::{Given, TableBuilder, TableWrong};
pub use instant::parse_unix_ns;

use crate::value::Value;

/// The types that columns of lookup tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    Bool,
    Int64,
    Uint64,
    Float64,
    Text,
    Bytes,
    /// An instant.
    Time,
}

impl ColumnType {
    pub const ALL: [ColumnType; 7] = [
        ColumnType::Bool,
        ColumnType::Int64,
        ColumnType::Uint64,
        ColumnType::Float64,
        ColumnType::Text,
        ColumnType::Bytes,
        ColumnType::Time,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Bool => "bool",
            ColumnType::Int64 => "int64",
            ColumnType::Uint64 => "uint64",
            ColumnType::Float64 => "float64",
            ColumnType::Text => "text",
            ColumnType::Bytes => "bytes",
            ColumnType::Time => "time",
        }
    }

    pub fn parse(name: &str) -> Option<ColumnType> {
        ColumnType::ALL.into_iter().find(|of| of.name() == name)
    }
}

/// The values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    Bool(Vec<Option<bool>>),
    Int64(Vec<Option<i64>>),
    Uint64(Vec<Option<u64>>),
    Float64(Vec<Option<f64>>),
    Text(Vec<Option<Box<str>>>),
    Bytes(Vec<Option<Box<[u8]>>>),
    /// Nanoseconds since 1970.
    Time(Vec<Option<i64>>),
}

impl ColumnValues {
    /// None yet.
    pub fn new(of: ColumnType) -> ColumnValues {
        match of {
            ColumnType::Bool => ColumnValues::Bool(Vec::new()),
            ColumnType::Int64 => ColumnValues::Int64(Vec::new()),
            ColumnType::Uint64 => ColumnValues::Uint64(Vec::new()),
            ColumnType::Float64 => ColumnValues::Float64(Vec::new()),
            ColumnType::Text => ColumnValues::Text(Vec::new()),
            ColumnType::Bytes => ColumnValues::Bytes(Vec::new()),
            ColumnType::Time => ColumnValues::Time(Vec::new()),
        }
    }

    pub fn column_type(&self) -> ColumnType {
        match self {
            ColumnValues::Bool(_) => ColumnType::Bool,
            ColumnValues::Int64(_) => ColumnType::Int64,
            ColumnValues::Uint64(_) => ColumnType::Uint64,
            ColumnValues::Float64(_) => ColumnType::Float64,
            ColumnValues::Text(_) => ColumnType::Text,
            ColumnValues::Bytes(_) => ColumnType::Bytes,
            ColumnValues::Time(_) => ColumnType::Time,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Bool(values) => values.len(),
            ColumnValues::Int64(values) | ColumnValues::Time(values) => values.len(),
            ColumnValues::Uint64(values) => values.len(),
            ColumnValues::Float64(values) => values.len(),
            ColumnValues::Text(values) => values.len(),
            ColumnValues::Bytes(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A value; none for NULL. A time is an integer here.
    pub fn value(&self, row: usize) -> Option<Value> {
        match self {
            ColumnValues::Bool(values) => values.get(row)?.map(Value::Bool),
            ColumnValues::Int64(values) | ColumnValues::Time(values) => {
                values.get(row)?.map(Value::I64)
            }
            ColumnValues::Uint64(values) => values.get(row)?.map(Value::U64),
            ColumnValues::Float64(values) => values.get(row)?.map(Value::F64),
            ColumnValues::Text(values) => values.get(row)?.clone().map(Value::Text),
            ColumnValues::Bytes(values) => values.get(row)?.clone().map(Value::Bytes),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    pub name: Box<str>,
    pub values: ColumnValues,
}

/// Rows by columns. All columns have as many values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<TableColumn>,
    rows: usize,
}

impl Table {
    /// None, where the columns are not of one length.
    pub fn new(columns: Vec<TableColumn>) -> Option<Table> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        columns.iter().all(|column| column.values.len() == rows).then_some(Table { columns, rows })
    }

    /// A table that has no rows yet.
    pub fn without_rows<'a>(columns: impl Iterator<Item = (&'a str, ColumnType)>) -> Table {
        let column = |(name, of): (&str, _)| TableColumn {
            name: name.into(),
            values: ColumnValues::new(of),
        };
        Table { columns: columns.map(column).collect(), rows: 0 }
    }

    pub fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Names and types, by which statements are planned.
    pub fn shape(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.columns.iter().map(|column| (&*column.name, column.values.column_type()))
    }
}
