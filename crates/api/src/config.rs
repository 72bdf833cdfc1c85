//! The configuration: its text, its revisions, what is wrong with it and what applying it would do.

use crate::{Anything, TemplateChange, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub weight: Weight,
    pub path: String,
    pub line: u64,
    pub column: u64,
    pub problem: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    Error,
    Warning,
}

/// The running configuration.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfigText {
    pub revision: u64,
    pub applied_at: Time,
    pub by: String,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    pub revision: u64,
    pub applied_at: Time,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    pub bytes: u64,
    pub devices: u64,
    pub tags: u64,
    pub active: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevisionText {
    #[serde(flatten)]
    pub revision: Revision,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LintAnswer {
    /// No finding is an error.
    pub ok: bool,
    pub findings: Vec<Finding>,
    /// Findings beyond the limit, counted but not listed.
    pub dropped: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DiffAnswer {
    pub ok: bool,
    pub findings: Vec<Finding>,
    /// Differences from the running configuration.
    pub changes: Vec<Change>,
    /// What applying it would do to the devices.
    pub effects: Vec<Effect>,
    /// Templates that it adds, changes or removes.
    #[serde(default)]
    pub templates: Vec<TemplateChange>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub path: String,
    pub kind: ChangeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Effect {
    pub device: String,
    pub kind: EffectKind,
    /// Empty when it concerns all of them.
    pub groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    Starts,
    Stops,
    /// Reconnects.
    Restarts,
    /// Keeps its connection; only some groups change.
    Changes,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApplyAnswer {
    pub revision: u64,
    /// Warnings.
    pub findings: Vec<Finding>,
    /// Number of differences from the revision before.
    pub changes: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    pub revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RollbackAnswer {
    /// The new revision that has the old one's text.
    pub revision: u64,
}

/// JSON schema of the document.
pub type ConfigSchema = Anything;
