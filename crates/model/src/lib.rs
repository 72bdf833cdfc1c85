//! What a plant's data is: values, quality, tags, batches of samples, and the limits of it all.
//!
//! No I/O, no asynchronous code. Everything else in the workspace speaks in these types.

pub mod batch;
pub mod codec;
pub mod limits;
pub mod quality;
pub mod scale;
pub mod table;
pub mod tag;
pub mod time;
pub mod value;

pub use batch::{BatchBuilder, Columns, Qualities, Rows, SampleBatch, SampleRef, SourceTimes};
pub use quality::{Quality, Severity};
pub use scale::Scale;
pub use table::{ColumnType, ColumnValues, Table, TableColumn};
pub use tag::{TagDefinition, TagId, TagSet, TagSetDefinition};
pub use time::{format_day, format_unix_ns, format_unix_ns_exact};
pub use value::{DataType, Kind, Value, ValueRef};
