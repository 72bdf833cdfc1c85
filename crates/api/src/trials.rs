//! Trying a device before it is saved: what it answers, what it holds, what it would cost.

use crate::{Anything, Finding, Frame, Quality, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A device as in the document: `driver` and `settings`, or `template` and `parameters`, and `groups`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    pub device: Anything,
    /// Templates as in the document; those of the running configuration when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<Anything>,
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowseTrial {
    /// A device as in the document; its groups may be missing.
    pub device: Anything,
    /// Templates as in the document; those of the running configuration when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<Anything>,
    /// Below which node; the root when empty.
    #[serde(default)]
    pub node: String,
    /// `more` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Why a trial could not connect, read or browse.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrialProblem {
    pub problem: String,
    pub remedy: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReadAnswer {
    /// It was connected to and answered; single tags may be bad all the same.
    pub ok: bool,
    /// It went over the link that runs already, between its polls.
    pub used_running_link: bool,
    /// `null` when no connection was made for it.
    pub connect_ms: Option<f64>,
    pub elapsed_ms: f64,
    pub problem: Option<TrialProblem>,
    /// With an error among them nothing was sent.
    pub findings: Vec<Finding>,
    pub values: Vec<TrialValue>,
    /// What went over the wire, as far as it was recorded.
    pub frames: Vec<Frame>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrialValue {
    pub group: String,
    pub tag: String,
    pub address: String,
    #[serde(rename = "type")]
    pub data_type: String,
    /// After scaling; `null` while bad.
    pub value: Anything,
    /// The value in exact digits; `null` where it has none.
    pub text: Option<String>,
    /// Before scaling, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Anything>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub quality: Quality,
    pub source_time: Option<Time>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrowseAnswer {
    pub ok: bool,
    pub problem: Option<TrialProblem>,
    /// With an error among them nothing was sent.
    pub findings: Vec<Finding>,
    pub nodes: Vec<BrowseNode>,
    /// Give it as `after` for the next page; `null` on the last.
    pub more: Option<String>,
    pub frames: Vec<Frame>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrowseNode {
    /// Give it as `node` to go inside.
    pub id: String,
    pub name: String,
    /// It has nodes below it.
    pub inside: bool,
    /// The tag address as a user writes it; `null` for what is no tag.
    pub address: Option<String>,
    #[serde(rename = "type")]
    pub data_type: Option<String>,
    pub write: bool,
    pub description: Option<String>,
    pub unit: Option<String>,
    pub value: Option<Anything>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EstimateAnswer {
    pub findings: Vec<Finding>,
    pub groups: Vec<GroupEstimate>,
    pub requests_per_second: f64,
    /// Measured on the running device of that name, or on its link; `null` when none runs.
    pub round_trip_ms: Option<f64>,
    /// Part of the link's time that it would take, 0 to 1 and beyond; `null` without a measured
    /// round trip.
    pub link_share: Option<f64>,
    /// The running device as it is; `null` when none of that name runs.
    pub now: Option<LoadNow>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupEstimate {
    pub name: String,
    pub interval_ms: u64,
    pub tags: u64,
    pub requests_per_read: u64,
    /// The device reports it by itself; it is not polled.
    pub watched: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoadNow {
    pub requests_per_second: f64,
    pub link_share: Option<f64>,
}
