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
