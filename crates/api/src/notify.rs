//! Who is told of alarms: channels, routes, and what came of a test.

use crate::{AlarmPriority, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is told of alarms, as the configuration says and as it goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Notify {
    /// Of quiet times and of times in messages; `null` before there is a configuration.
    pub time_zone: Option<String>,
    pub channels: Vec<NotifyChannel>,
    /// Those that are enabled.
    pub routes: Vec<NotifyRoute>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifyState {
    /// Nothing was sent by it yet.
    Unused,
    /// The last message arrived.
    Delivering,
    /// The last message did not arrive; it is tried again.
    Failing,
}

/// One way to tell people. Counts are of messages and recipients, since the channel is there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyChannel {
    pub name: String,
    pub kind: String,
    pub description: Option<String>,
    pub recipients: Vec<String>,
    pub state: NotifyState,
    pub last_success: Option<Time>,
    pub last_failure: Option<NotifyFailure>,
    pub failing_since: Option<Time>,
    pub delivered: u64,
    /// Refused for good.
    pub refused: u64,
    /// Tried for a day.
    pub given_up: u64,
    /// Messages that are made and not delivered.
    pub waiting_messages: u64,
    /// Alarms that wait for the next message.
    pub waiting_alarms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyFailure {
    pub at: Time,
    pub cause: String,
}

/// Which alarms are told to whom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyRoute {
    pub name: String,
    pub description: Option<String>,
    pub min_priority: AlarmPriority,
    /// The first is told at once; the others when nobody has acknowledged the alarm.
    pub levels: Vec<NotifyLevel>,
    pub repeat_ms: Option<u64>,
    pub cleared: bool,
    pub acknowledged: bool,
    pub messages_per_hour_max: u32,
    /// It is quiet now, up to this priority.
    pub quiet_up_to: Option<AlarmPriority>,
    /// Alarms on it that nobody has acknowledged.
    pub open: u64,
    /// Alarms that wait to be told.
    pub waiting: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyLevel {
    /// Counted from when the alarm was raised.
    pub after_ms: u64,
    /// Names of channels.
    pub to: Vec<String>,
}

/// What came of a test.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyTest {
    /// Every recipient's server took it.
    pub ok: bool,
    pub answers: Vec<NotifyAnswer>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotifyAnswer {
    pub recipient: String,
    pub ok: bool,
    /// The server's own words, or why there are none and what to do.
    pub answer: String,
}
