//! What the runtime shows of itself: plain values, taken at one instant, for API, CLI and metrics.
//!
//! Times are wall-clock nanoseconds since 1970 in UTC.

use std::sync::Arc;
use std::time::Duration;
use tagwerk_model::{DataType, Quality, TagId, Value};

/// State of a device or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    Disabled,
    /// Not yet connected since it was configured, or connecting again.
    Connecting,
    Online,
    /// The link to it is down.
    Offline,
    /// The link is up, the device does not answer.
    Silent,
    /// Its task panicked and waits to start again.
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagCounts {
    pub total: u64,
    pub good: u64,
    pub uncertain: u64,
    pub bad: u64,
    /// Good or uncertain, but not read for three intervals (at least two seconds).
    pub stale: u64,
}

impl TagCounts {
    pub(crate) fn add(&mut self, other: TagCounts) {
        self.total += other.total;
        self.good += other.good;
        self.uncertain += other.uncertain;
        self.bad += other.bad;
        self.stale += other.stale;
    }
}

#[derive(Clone, Debug)]
pub struct DeviceView {
    pub name: Arc<str>,
    pub description: Option<Arc<str>>,
    pub driver: &'static str,
    pub link: Arc<str>,
    pub state: DeviceState,
    pub since_unix_ns: i64,
    pub reason: Option<String>,
    pub next_try: Option<Duration>,
    pub tags: TagCounts,
    pub groups: Vec<GroupView>,
    pub counters: DeviceCounters,
    pub load: Load,
}

/// The communication log of a device.
#[derive(Clone, Debug)]
pub struct TraceView {
    pub on: bool,
    /// Number of the oldest frame that is kept.
    pub oldest: u64,
    /// Number of the frame that comes next.
    pub next: u64,
    /// With wall-clock times.
    pub frames: Vec<(i64, tagwerk_component::Frame)>,
}

#[derive(Clone, Debug)]
pub struct GroupView {
    pub name: Arc<str>,
    pub interval: Duration,
    pub tags: usize,
    pub last_read_unix_ns: Option<i64>,
    pub duration: Option<Duration>,
    pub late: u64,
    pub missed: u64,
    pub polls: u64,
    /// The device reports the group by itself.
    pub watched: bool,
    /// Why it does not, though its driver could.
    pub polled_because: Option<String>,
}

/// What a device is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    pub requests_per_second: f64,
    /// Part of the time in which its link is busy with it, from 0 to 1.
    pub link_share: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
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
    pub panics: u64,
    /// Counters of the link, shared by all devices on it, as the driver names them.
    pub link: Vec<(&'static str, u64)>,
    pub round_trip: Option<RoundTrip>,
}

/// Round-trip times of the last requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    pub min: Duration,
    pub mean: Duration,
    pub p99: Duration,
    pub max: Duration,
}

#[derive(Clone, Debug)]
pub struct TagView {
    pub id: TagId,
    pub device: Arc<str>,
    pub group: Arc<str>,
    pub name: Box<str>,
    /// Empty where there is a formula.
    pub address: Box<str>,
    pub formula: Option<Box<str>>,
    /// Why a formula gives no value.
    pub reason: Option<Box<str>>,
    pub data_type: DataType,
    pub unit: Arc<str>,
    pub description: Option<Box<str>>,
    pub readable: bool,
    pub writable: bool,
    pub range: Option<(f64, f64)>,
    pub interval: Duration,
    /// `None` while bad or never read.
    pub value: Option<Value>,
    pub quality: Quality,
    pub read_unix_ns: Option<i64>,
    pub source_unix_ns: Option<i64>,
    pub age: Option<Duration>,
    pub changed_unix_ns: Option<i64>,
    pub quality_since_unix_ns: i64,
    pub stale: bool,
}

/// Which tags to list.
#[derive(Clone, Debug, Default)]
pub struct TagQuery {
    pub device: Option<String>,
    pub group: Option<String>,
    /// Part of the tag's name, description or address, in any case; of the device's name too, where none
    /// is named.
    pub filter: Option<String>,
    pub quality: Option<QualityFilter>,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityFilter {
    Good,
    Uncertain,
    Bad,
    Stale,
}

pub struct TagPage {
    pub items: Vec<TagView>,
    pub total: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkState {
    Disabled,
    Connecting,
    Connected,
    /// Lost, and waiting to connect again.
    Retrying,
    /// The settings are wrong; tried again slowly.
    Failed,
}

#[derive(Clone, Debug)]
pub struct SinkView {
    pub name: Arc<str>,
    pub kind: &'static str,
    pub state: SinkState,
    pub since_unix_ns: i64,
    pub reason: Option<String>,
    pub next_try: Option<Duration>,
    /// Samples in the journal after the sink's cursor, of all tags.
    pub backlog_samples: u64,
    pub delivered_samples: u64,
    pub delivered_messages: u64,
    pub rejected_messages: u64,
    /// Samples that retention removed before they were delivered.
    pub dropped_samples: u64,
    pub in_flight: usize,
    pub last_delivered_unix_ns: Option<i64>,
    pub oldest_waiting_unix_ns: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    Device,
    Tags,
    Sink,
    Clock,
    Journal,
    Task,
}

/// Something that is not as it should be, in words for the people in the plant.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: ProblemKind,
    pub error: bool,
    /// The device or sink.
    pub subject: Arc<str>,
    pub since_unix_ns: i64,
    pub cause: String,
    /// What the edge does about it.
    pub doing: String,
    /// What the user can do.
    pub remedy: String,
    /// Tags affected.
    pub tags: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// On disk, not yet sent.
    Waiting,
    Sent,
    Done,
    Failed,
    Expired,
    /// Sent, and nobody knows whether the device took it.
    Unknown,
}

impl CommandState {
    pub fn name(self) -> &'static str {
        match self {
            CommandState::Waiting => "waiting",
            CommandState::Sent => "sent",
            CommandState::Done => "done",
            CommandState::Failed => "failed",
            CommandState::Expired => "expired",
            CommandState::Unknown => "unknown",
        }
    }

    pub fn from_name(name: &str) -> Option<CommandState> {
        use CommandState::*;
        [Waiting, Sent, Done, Failed, Expired, Unknown].into_iter().find(|s| s.name() == name)
    }

    pub fn ended(self) -> bool {
        !matches!(self, CommandState::Waiting | CommandState::Sent)
    }
}

/// A write on its way to a device, or what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandView {
    pub id: Arc<str>,
    pub device: Arc<str>,
    pub tag: Arc<str>,
    pub data_type: DataType,
    pub value: Value,
    /// The tag's value when the command was taken, where it was known.
    pub old_value: Option<Value>,
    pub state: CommandState,
    pub reason: Option<String>,
    pub by: Arc<str>,
    pub created_unix_ns: i64,
    pub expires_unix_ns: i64,
    pub sent_unix_ns: Option<i64>,
    pub ended_unix_ns: Option<i64>,
}

pub struct CommandRequest {
    /// Chosen by the sender so that a repeat is recognised; one is made where it is missing.
    pub id: Option<String>,
    pub device: String,
    pub tag: String,
    pub value: serde_json::Value,
    pub expires_in: Option<Duration>,
    pub by: String,
}

/// Why a command was not taken; nothing was recorded or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRefused {
    UnknownDevice(String),
    UnknownTag(String),
    NotWritable(String),
    /// The tag is the output of a rule, or has a formula: nothing takes a write.
    Calculated(String),
    /// The value does not fit the tag: type or range.
    Value(String),
    Expiry(String),
    Id(String),
    /// The id was used before for something else.
    Conflict(String),
    /// Too many commands wait for this link.
    Busy(String),
    /// The intent could not be put on disk.
    Storage(String),
}

/// Samples of one tag from the journal, for charts.
pub struct LookBack {
    pub samples: Vec<LookBackSample>,
    /// Samples were left out; extremes were kept.
    pub thinned: bool,
    /// Time of the oldest sample that the journal still holds.
    pub complete_from_unix_ns: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LookBackSample {
    pub unix_ns: i64,
    pub value: Option<Value>,
    pub quality: Quality,
}

/// What applying a configuration did to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    pub device: String,
    pub kind: EffectKind,
    /// Groups that started, stopped or changed; empty when all did.
    pub groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectKind {
    Starts,
    Stops,
    /// Reconnects, because how it is reached changed.
    Restarts,
    /// Keeps polling; only some groups changed.
    Changes,
}

/// One value that changed, for live subscribers.
#[derive(Clone, Debug)]
pub struct LiveChange {
    pub tag: TagView,
}
