//! Devices and sinks: what they are and how they fare.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Device {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub driver: String,
    /// What it shares with the devices on the same wire, such as `modbus-tcp://10.0.0.5:502`.
    pub link: String,
    pub enabled: bool,
    pub state: DeviceState,
    pub since: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_ms: Option<u64>,
    pub tags: TagCounts,
    pub groups: Vec<Group>,
    pub counters: DeviceCounters,
    /// What it asks of its link; missing while it is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<DeviceLoad>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceLoad {
    pub requests_per_second: f64,
    /// Part of the link's time that its requests take, 0 to 1; `null` until measured.
    pub link_share: Option<f64>,
    pub link: String,
    /// Devices on the link, this one included.
    pub link_devices: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    Online,
    Connecting,
    /// The link is down.
    Offline,
    /// The link is up, the device does not answer.
    Silent,
    Disabled,
    /// Its task panicked and waits to start again.
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagCounts {
    pub total: u64,
    pub good: u64,
    pub uncertain: u64,
    pub bad: u64,
    /// Not read for three intervals (at least two seconds).
    pub stale: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Group {
    pub name: String,
    pub interval_ms: u64,
    pub tags: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    pub late: u64,
    pub missed: u64,
    /// The device reports it by itself; it is not polled.
    #[serde(default)]
    pub watched: bool,
    /// Why it is polled although it could be watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_because: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct DeviceCounters {
    pub requests: u64,
    pub errors: u64,
    pub retries: u64,
    pub timeouts: u64,
    /// Requests that the device refused.
    pub exceptions: u64,
    pub reconnects: u64,
    pub writes: u64,
    pub late_polls: u64,
    pub missed_polls: u64,
    pub late_answers: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub panics: u64,
    pub rtt_ms: Option<RoundTrip>,
}

/// Round-trip times of the last requests, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoundTrip {
    pub min: f64,
    pub mean: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SinkStatus {
    pub name: String,
    pub kind: String,
    pub enabled: bool,
    pub state: SinkState,
    pub since: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_ms: Option<u64>,
    pub backlog_samples: u64,
    pub delivered_samples: u64,
    pub delivered_messages: u64,
    pub rejected_messages: u64,
    /// Removed by retention before they were delivered.
    pub dropped_samples: u64,
    pub in_flight: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_waiting: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SinkState {
    Connected,
    Connecting,
    Retrying,
    Failed,
    Disabled,
}
