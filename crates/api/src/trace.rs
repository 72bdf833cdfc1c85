//! The communication log of one device.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One message on the wire, or a remark about the link.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Frame {
    pub number: u64,
    pub at: Time,
    pub direction: Direction,
    /// `00 01 0a`; at most 512 bytes are shown.
    pub hex: String,
    /// How many bytes there were.
    pub bytes: u64,
    /// What it says, in the protocol's words.
    pub meaning: String,
    pub device: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Sent,
    Received,
    Note,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TraceAnswer {
    pub on: bool,
    /// When it turns itself off; `null` while off.
    pub until: Option<Time>,
    /// Oldest first.
    pub frames: Vec<Frame>,
    /// Number of the oldest frame that is kept.
    pub first: u64,
    /// Give it as `after` to get what follows.
    pub next: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSwitch {
    pub on: bool,
}

/// Query of the communication log.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceParameters {
    pub after: Option<u64>,
    pub limit: Option<u64>,
}
