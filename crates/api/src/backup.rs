//! Backup and restore: the edge's whole state but its samples, in one encrypted file.

use crate::{Time, Weight};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// At least 12 characters. Without it nobody can read the file, the edge included.
    pub passphrase: String,
}

/// Query of the restore.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreParameters {
    pub apply: Option<bool>,
}

/// What a backup holds, and whether it is in place now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RestoreAnswer {
    /// The edge that it was made on.
    pub edge: String,
    pub made_at: Time,
    /// Of the Tagwerk that made it.
    pub version: String,
    /// The revision of the configuration that ran; `null` when there was none.
    pub revision: Option<u64>,
    pub devices: u64,
    pub tags: u64,
    pub users: u64,
    pub tokens: u64,
    pub certificates: u64,
    /// Names of the secrets.
    pub secrets: Vec<String>,
    /// With an error among them it cannot be applied.
    pub findings: Vec<RestoreFinding>,
    /// It was put in place.
    pub applied: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RestoreFinding {
    pub weight: Weight,
    pub problem: String,
    pub remedy: String,
}
