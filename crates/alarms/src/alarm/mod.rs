//! Alarms: their conditions, their states, and all of them together.

mod chatter;
mod condition;
mod machine;
mod memory;
mod set;
mod together;

pub use chatter::ChatterBound;
pub use condition::{Condition, Scalar, Verdict};
pub use machine::{
    Alarm, Change, ChangeKind, Operator, Refused, Shelf, Shown, Treatment, UNACKNOWLEDGED_MAX,
};
pub use memory::{Exact, Memory};
pub use set::{
    AlarmKey, Alarms, Definition, Instance, Noted, Reference, Stamp, Suppression, Target,
};
pub use together::{Flood, Quota};

use serde::{Deserialize, Serialize};

/// How soon somebody must act.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl Priority {
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }
}
