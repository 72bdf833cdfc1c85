//! Tags, their values and their past.

use crate::{Anything, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Good,
    Uncertain,
    Bad,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Quality {
    pub severity: Severity,
    /// OPC UA status code; its lower 16 bits hold the protocol's own code.
    pub code: u32,
    /// The reason's OPC UA name.
    pub name: String,
    /// The reason in plain words.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagAccess {
    Read,
    Write,
    ReadWrite,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tag {
    pub device: String,
    pub group: String,
    pub name: String,
    /// Empty where there is a formula.
    pub address: String,
    /// What the value is computed of, as an SQL expression over tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// Why the formula gives no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The type as published, after scaling.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub access: TagAccess,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    pub interval_ms: u64,
    /// `null` while bad or never read.
    pub value: Anything,
    /// The value in exact digits; `null` where it has none.
    pub text: Option<String>,
    pub quality: Quality,
    /// The gateway's time of the last read.
    pub time: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_time: Option<Time>,
    pub age_ms: Option<u64>,
    pub changed_at: Option<Time>,
    pub quality_since: Time,
    pub stale: bool,
}

/// Query of the listings of tags.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagParameters {
    pub offset: Option<u64>,
    pub limit: Option<u64>,
    pub filter: Option<String>,
    pub quality: Option<String>,
    pub group: Option<String>,
}

/// Query of the listings that have only pages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageParameters {
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

/// Query of a tag's past.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesParameters {
    pub from: Option<String>,
    pub to: Option<String>,
    pub points: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Samples {
    pub from: Time,
    pub to: Time,
    /// Samples were left out; minima and maxima were kept.
    pub thinned: bool,
    /// Up to here the samples are gone: what is shown are first, last, lowest and highest of each
    /// minute, hour or day. `null`: all are there.
    pub rolled_up_to: Option<Time>,
    /// Time of the oldest sample that is kept; `null` when none is.
    pub complete_from: Option<Time>,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    pub time: Time,
    pub value: Anything,
    pub text: Option<String>,
    pub quality: Severity,
    pub code: u32,
}

/// Query of the live stream: one device, or some tags as `device/tag,device/tag`, or neither.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveParameters {
    pub device: Option<String>,
    pub tags: Option<String>,
}

/// Data of the event `tags`: first the full picture, then only what changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LiveTags {
    pub tags: Vec<LiveTag>,
    /// Groups that were read again: their tags that did not change are as fresh as this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<LiveRead>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LiveRead {
    pub device: String,
    pub group: String,
    pub time: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LiveTag {
    pub device: String,
    pub name: String,
    pub value: Anything,
    pub text: Option<String>,
    pub quality: Severity,
    pub code: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub time: Option<Time>,
    pub age_ms: Option<u64>,
}
