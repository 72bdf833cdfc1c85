//! Lookup tables: reads them from where they are, keeps their versions on disk, and reads them again
//! from time to time. What is done with the rows is for others; nothing here knows SQL.

mod csv;
mod http;
mod json;
mod postgres;
mod shelf;
mod source;
mod sqlite;
mod store;

pub use csv::read as read_csv;
pub use json::read as read_json;
pub use postgres::answer as postgres_answer;
pub use shelf::{Current, Failing, Shelf, TableView};
pub use source::{Context, TableFault, read};
pub use sqlite::copy as copy_sqlite;
pub use store::{Store, version_of};

/// Below the edge's data folder: files that tables are read from.
pub const FILES: &str = "files";
/// Below the edge's data folder: versions of tables.
pub const VERSIONS: &str = "tables";
