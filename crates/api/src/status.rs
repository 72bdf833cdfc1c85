//! How the edge as a whole fares.

use crate::{SinkStatus, TagCounts, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or why not.
    pub status: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub edge: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub version: String,
    pub started_at: Time,
    pub now: Time,
    pub uptime_ms: u64,
    pub clock: ClockStatus,
    /// `null` until one is applied.
    pub config: Option<ConfigStatus>,
    pub devices: DeviceCounts,
    pub tags: TagCounts,
    /// What is not good now, worst first; at most 100.
    pub problems: Vec<Problem>,
    pub journal: JournalStatus,
    pub memory: Memory,
    pub cpu_seconds: f64,
    pub sinks: Vec<SinkStatus>,
    pub alarms: crate::AlarmCounts,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClockStatus {
    pub synchronised: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfigStatus {
    pub revision: u64,
    pub applied_at: Time,
    pub by: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct DeviceCounts {
    pub total: u64,
    pub online: u64,
    pub offline: u64,
    pub disabled: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    pub kind: ProblemKind,
    pub severity: ProblemSeverity,
    /// The device or sink.
    pub subject: String,
    pub since: Time,
    pub cause: String,
    /// What the edge does about it.
    pub doing: String,
    /// What the reader can do.
    pub remedy: String,
    /// How many tags it affects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<u64>,
    /// Path in the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    Device,
    Tags,
    Sink,
    Clock,
    Journal,
    Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProblemSeverity {
    Error,
    Warning,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalStatus {
    pub epoch: u64,
    pub streams: Vec<StreamStatus>,
    pub errors: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StreamStatus {
    /// `samples`, `outputs` or `record`.
    pub name: String,
    pub oldest: u64,
    pub end: u64,
    /// Everything before it survives a power cut.
    pub committed: u64,
    pub bytes: u64,
    pub bytes_max: u64,
    pub segments: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    pub anonymous_bytes: u64,
    pub total_bytes: u64,
}
