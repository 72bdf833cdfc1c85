//! Lookup tables: where they are from, how reading them fares, and their rows.

use crate::{Anything, Page, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableSource {
    /// The configuration itself.
    Rows,
    Csv,
    Sqlite,
    Postgres,
    Http,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    /// The last reading went well.
    Good,
    /// It is being read for the first time.
    Waiting,
    /// The last reading failed; rows of an earlier one are in use.
    Stale,
    /// It could never be read: there are no rows.
    Failed,
}

/// A lookup table as it is now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LookupTable {
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub source: TableSource,
    /// The file, the server and database, or the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub state: TableState,
    /// It is being read now.
    pub reading: bool,
    /// Empty until it was read.
    pub columns: Vec<TableColumn>,
    pub rows: u64,
    pub bytes: u64,
    /// The same rows have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the source was last found to have these rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Time>,
    /// When it is read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// Why it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TableError>,
    /// Rules that read it.
    pub rules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableError {
    pub since: Time,
    pub problem: String,
    pub remedy: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LookupTableDetail {
    #[serde(flatten)]
    pub table: LookupTable,
    pub page: Page<TableRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TableRow {
    /// In the order of the columns.
    pub values: Vec<Anything>,
}
