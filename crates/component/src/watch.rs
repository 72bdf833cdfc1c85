//! What devices send of themselves, and what they hold: watched groups, reports, browsing.

use crate::driver::Token;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_model::{DataType, Quality, Value};

/// Names a watched group to its session. Never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// A group that a session is to report on.
#[derive(Clone)]
pub struct Watch {
    pub id: WatchId,
    pub device: Arc<str>,
    pub group: Arc<str>,
    /// How often a change is worth a report.
    pub interval: Duration,
    /// From [`crate::GroupPlan::watch`].
    pub token: Token,
    /// The source's time, nanoseconds since 1970, up to which samples are known, after an outage. A
    /// driver whose device keeps history reads it from there and reports it as `past`.
    pub known_to: Option<i64>,
}

/// A group that cannot be watched, and is read at its interval instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwatched {
    pub id: WatchId,
    pub reason: String,
}

/// One sample that a device sent of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub watch: WatchId,
    /// The tag's place in its group.
    pub tag: u32,
    /// As the device has it, before scaling; `None` where the quality is bad.
    pub value: Option<Value>,
    pub quality: Quality,
    /// Nanoseconds since 1970.
    pub source_time: Option<i64>,
    /// Out of the device's own history, to fill a gap: not its present value.
    pub past: bool,
}

/// Where to look inside a device.
pub struct BrowseRequest<'a> {
    /// From [`crate::DevicePlan::browse`].
    pub token: Option<&'a Token>,
    /// A node's `id`; empty for the root.
    pub from: &'a str,
    /// The `more` of the page before.
    pub after: Option<&'a str>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrowsePage {
    pub nodes: Vec<BrowseNode>,
    /// There is more: ask again with this.
    pub more: Option<String>,
}

/// One thing inside a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrowseNode {
    /// What to ask for to see inside.
    pub id: String,
    pub name: String,
    /// Whether something may be inside.
    pub inside: bool,
    /// The address of a tag for it, where it has a value.
    pub address: Option<String>,
    pub data_type: Option<DataType>,
    pub write: bool,
    pub description: Option<String>,
    pub unit: Option<String>,
    /// What it says now, where that came along.
    pub value: Option<Value>,
}
