//! SQL over history: the tables, the functions and the guards. DataFusion is walled off in here.

mod alarms;
mod catalog;
mod columns;
mod depth;
mod device;
mod encode;
mod engine;
mod error;
mod events;
mod filled;
mod folds;
mod forms;
mod functions;
mod gapfill;
mod latest;
mod ledger;
mod lookup;
mod outer;
mod partition;
mod planning;
mod plans;
pub mod postgres;
mod rollups;
mod samples;
mod select;
mod source;
mod span;
pub mod stream;
#[cfg(test)]
mod tests;
mod user;
pub mod walk;
mod watch;

pub use encode::{Encoder, Format};
pub use engine::{Query, Sql};
pub use error::{Fault, SqlError};
pub use functions::{FunctionClass, FunctionInfo, rule_functions, statement_functions};
pub use lookup::{Lookup, Lookups};
pub use partition::Cancel;
pub use source::{
    AlarmRow, DeliveryRow, EventRow, Latest, LedgerRow, Named, Pieces, Rows, SinkRow, Source,
    TagEntry, TagTable,
};

pub use user::{Call, CallError, Calls, UserFunction, stopped};

use arrow::datatypes::{DataType, Field};
use std::time::Duration;

/// Nesting of a statement. Deeper: refused.
const DEPTH_MAX: usize = 50;

/// What one statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub memory_max: usize,
    pub rows_max: usize,
    pub time_max: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    pub name: String,
    /// As SQL names it.
    pub data_type: String,
    pub numeric: bool,
    pub time: bool,
    pub description: Option<String>,
}

impl ColumnInfo {
    fn of(field: &std::sync::Arc<Field>) -> ColumnInfo {
        ColumnInfo {
            name: field.name().clone(),
            data_type: sql_name(field.data_type()),
            numeric: field.data_type().is_numeric(),
            time: matches!(
                field.data_type(),
                DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
            ),
            description: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    Samples,
    Device,
    Template,
    /// A lookup table.
    Lookup,
    Record,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    pub name: String,
    pub kind: TableKind,
    pub description: String,
    pub columns: Vec<ColumnInfo>,
}

fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INTEGER UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BLOB",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL",
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            return format!("DECIMAL({p}, {s})");
        }
        other => return other.to_string().to_uppercase(),
    }
    .to_owned()
}
