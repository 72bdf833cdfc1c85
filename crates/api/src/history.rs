//! What the edge keeps, and statements over it.

use crate::{JournalStatus, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Storage {
    pub history: HistoryStorage,
    pub journal: JournalStatus,
    pub disk: DiskStorage,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryStorage {
    pub bytes: u64,
    pub samples: u64,
    /// `null` while there are none.
    pub bytes_per_sample: Option<f64>,
    pub segments: u64,
    /// Part of `bytes`: what is left of samples that were too old or too many.
    pub rollups: RollupStorage,
    /// More: the oldest are removed.
    pub limit_bytes: u64,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
    /// At the present rate; `null` while it is not known.
    pub bytes_per_day: Option<f64>,
    /// Until `limit_bytes`, at the present rate; `null` while it is not known.
    pub days_left: Option<f64>,
    /// In the journal, and not yet in the files of history.
    pub waiting_samples: u64,
    pub errors: u64,
    pub last_error: Option<String>,
}

/// Bytes of rollups.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RollupStorage {
    pub minute_bytes: u64,
    pub hour_bytes: u64,
    pub day_bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DiskStorage {
    pub free_bytes: u64,
}

/// Query of the tags by size.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagStorageParameters {
    pub filter: Option<String>,
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

/// What history holds of a tag.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TagStorage {
    pub device: String,
    pub tag: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `false`: the configuration has it no longer, only its history is left.
    pub configured: bool,
    pub samples: u64,
    pub bytes: u64,
    pub bytes_per_sample: Option<f64>,
    pub oldest: Option<Time>,
    pub newest: Option<Time>,
}

/// A statement.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    pub query: String,
    /// Rows to answer with at most: 1000 unless told, up to 100000. More are cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// 30000 unless told, at most 300000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Every cell is `null` or a text of all its digits.
    #[serde(default)]
    pub text: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub numeric: bool,
    pub time: bool,
}

/// Documents what is written while the rows are made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlAnswer {
    pub columns: Vec<SqlColumn>,
    /// A list of cells per row.
    #[schema(value_type = Vec<Vec<crate::Anything>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    /// There were more rows.
    pub truncated: bool,
    pub elapsed_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlTables {
    pub tables: Vec<SqlTable>,
    pub functions: Vec<SqlFunction>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlTable {
    pub name: String,
    pub kind: SqlTableKind,
    pub description: String,
    pub columns: Vec<SqlTableColumn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SqlTableKind {
    Samples,
    Device,
    Template,
    Lookup,
    Record,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlTableColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlFunction {
    pub name: String,
    pub signature: String,
    pub description: String,
    pub example: String,
}
