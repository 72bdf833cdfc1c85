//! Import and export of tags as tables.

use crate::{DiffAnswer, Weight};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query of the export.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportParameters {
    pub format: Option<String>,
    pub devices: Option<String>,
    pub empty: Option<bool>,
}

/// Query of the import.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportParameters {
    pub format: Option<String>,
    pub mode: Option<String>,
}

/// What an import would make; nothing is applied.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportAnswer {
    /// What the file was taken for: `csv`, `xlsx`, `neuron` or `thingspro`.
    pub kind: String,
    pub devices: u64,
    pub tags: u64,
    pub rows: u64,
    pub findings: Vec<ImportFinding>,
    /// Findings beyond the limit, counted but not listed.
    pub findings_dropped: u64,
    /// What the file says and no setting here can.
    pub not_translated: Vec<NotTranslated>,
    /// What was taken for granted in reading the file, such as its encoding.
    pub assumed: Vec<String>,
    /// The whole new configuration as YAML; `null` when a finding is an error.
    pub document: Option<String>,
    /// What applying it would change; `null` when a finding is an error.
    pub diff: Option<DiffAnswer>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportFinding {
    pub weight: Weight,
    pub sheet: Option<String>,
    /// As a spreadsheet numbers it, from 1.
    pub row: Option<u64>,
    pub column: Option<String>,
    pub value: Option<String>,
    pub problem: String,
    pub remedy: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotTranslated {
    pub what: String,
    #[serde(rename = "where")]
    pub place: String,
    pub why: String,
}
