//! Alarms: what is the case now, what became of them, and what operators do.

use crate::{Anything, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query of the alarms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmParameters {
    pub state: Option<String>,
    pub priority: Option<AlarmPriority>,
    pub device: Option<String>,
    pub text: Option<String>,
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

/// Query of what became of alarms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmChangeParameters {
    pub alarm: Option<String>,
    pub device: Option<String>,
    pub tag: Option<String>,
    pub kind: Option<AlarmChangeKind>,
    pub before: Option<u64>,
    pub limit: Option<u64>,
}

/// As ISA-18.2 names what an operator sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    Normal,
    Unacknowledged,
    Acknowledged,
    /// Over, and nobody has acknowledged it.
    ClearedUnacknowledged,
    /// Over and acknowledged; to be reset.
    Latched,
    Shelved,
    Suppressed,
    OutOfService,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlarmPriority {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    pub name: String,
    pub device: String,
    pub tag: String,
    pub state: AlarmState,
    pub priority: AlarmPriority,
    /// The condition is met, delays counted in; also while the alarm is shelved.
    pub active: bool,
    /// Times that it was raised since somebody acknowledged it.
    pub unacknowledged: u32,
    pub raised: u64,
    /// When it was raised or cleared last.
    pub since: Option<Time>,
    /// It changes too often: changes are counted, not announced, until it is steady.
    pub chattering: bool,
    /// Changes that were counted so far while it chatters.
    pub not_written: u64,
    /// The newest value that was judged; `null` when its quality is bad, or when there was none.
    pub value: Anything,
    /// The value as text, with all digits of a 64-bit integer.
    pub value_text: Option<String>,
    pub unit: String,
    pub quality: Option<String>,
    /// In words, such as `above 95 °C`.
    pub condition: String,
    /// What it means.
    pub text: Option<String>,
    /// What to do.
    pub response: Option<String>,
    pub shelf: Option<AlarmShelf>,
    /// Why it is suppressed.
    pub suppressed: Option<String>,
}

/// Put aside by somebody for a time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmShelf {
    pub by: String,
    pub comment: String,
    pub until: Time,
}

/// More alarms than one person can follow: more than 10 within 10 minutes, until there are fewer than 5.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmFlood {
    pub since: Time,
    /// Announced since then.
    pub alarms: u64,
}

/// How many alarms are how.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AlarmCounts {
    pub total: u64,
    /// Raised, and not put aside.
    pub active: u64,
    /// Raised since and not acknowledged, over or not.
    pub unacknowledged: u64,
    pub shelved: u64,
    pub suppressed: u64,
    pub out_of_service: u64,
    /// Of those that are unacknowledged, the most urgent.
    pub highest: Option<AlarmPriority>,
    /// Changing too often.
    pub chattering: u64,
    pub flood: Option<AlarmFlood>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmName {
    pub name: String,
    pub device: String,
    pub tag: String,
}

/// Which alarms, and what is said about it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmChoice {
    /// At most 1,000.
    pub alarms: Vec<AlarmName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How long they are put aside; for `shelve` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmAnswer {
    /// As they are now.
    pub done: Vec<Alarm>,
    pub refused: Vec<AlarmRefusal>,
}

/// An alarm that stays as it is, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmRefusal {
    pub name: String,
    pub device: String,
    pub tag: String,
    pub cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmChangeKind {
    Raised,
    Cleared,
    Acknowledged,
    Reset,
    Shelved,
    Unshelved,
    Suppressed,
    Unsuppressed,
    OutOfService,
    InService,
    /// It changes too often: what follows is counted.
    Chattering,
    /// It no longer does; `count` says how many changes were counted.
    Steady,
    /// Of all alarms together, hence without names: `count` changes of a minute were too many.
    NotWritten,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmChanges {
    /// Newest first.
    pub items: Vec<AlarmChange>,
    /// Give it as `before` for older ones; `null` when there are none.
    pub next: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmChange {
    pub seq: u64,
    pub at: Time,
    pub name: String,
    pub device: String,
    pub tag: String,
    pub kind: AlarmChangeKind,
    pub priority: AlarmPriority,
    /// Somebody was to hear of it: the alarm was not put aside.
    pub announced: bool,
    /// How the alarm was after it; `null` for all alarms together.
    pub state: Option<AlarmState>,
    /// Changes that were counted and not written, as far as this one tells of them.
    pub count: Option<u64>,
    pub value: Anything,
    /// The value as text, with all digits of a 64-bit integer.
    pub value_text: Option<String>,
    pub unit: String,
    /// Who did it; `null` when it happened by itself.
    pub by: Option<String>,
    pub comment: Option<String>,
    pub text: Option<String>,
}
