//! The ledger: what was expected, kept and delivered in a time, and what is missing and why.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query of the ledger.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerParameters {
    pub from: Option<String>,
    pub to: Option<String>,
    /// Only this device.
    pub device: Option<String>,
}

/// Query of the ledger by group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerGroupParameters {
    pub from: Option<String>,
    pub to: Option<String>,
    pub device: Option<String>,
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

/// The account of a time. `expected` is always good + uncertain + bad + suppressed + missed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Whole minutes.
    pub from: Time,
    pub to: Time,
    /// Before this the ledger knows nothing; `null` while it is empty.
    pub known_from: Option<Time>,
    pub account: Account,
    pub sinks: Vec<SinkAccount>,
    /// Length of one entry of `intervals`, in seconds.
    pub interval_s: u64,
    pub intervals: Vec<LedgerInterval>,
    /// What went wrong, newest first; at most 200.
    pub deviations: Vec<Deviation>,
    /// Deviations beyond those listed.
    pub more_deviations: u64,
}

/// Samples by what became of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// That the schedules of the groups asked for, and what devices sent by themselves.
    pub expected: u64,
    pub good: u64,
    pub uncertain: u64,
    /// Stored without a value, by reason, most first.
    pub bad: Vec<Cause>,
    /// Kept back by deadband or report on change.
    pub suppressed: u64,
    /// Not read, by reason, most first.
    pub missed: Vec<Cause>,
    /// Good, uncertain and bad: what was stored.
    pub stored: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// For programs: a quality's name, `edge_stopped`, `not_told`, `late`, `retention`, `backlog`, `damaged`.
    pub reason: String,
    /// For people.
    pub text: String,
    pub samples: u64,
}

/// What became of stored samples on their way to one sink.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SinkAccount {
    pub sink: String,
    pub state: String,
    /// Samples for this sink: delivered + pending + rejected + lost.
    pub expected: u64,
    pub delivered: u64,
    pub pending: u64,
    /// Of the oldest sample that waits.
    pub pending_since: Option<Time>,
    /// Refused for good by the destination; kept as dead letters.
    pub rejected: u64,
    pub lost: Vec<Cause>,
    /// What is being done about it.
    pub doing: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerInterval {
    pub time: Time,
    pub expected: u64,
    pub good: u64,
    pub uncertain: u64,
    pub bad: u64,
    pub suppressed: u64,
    pub missed: u64,
    pub sinks: Vec<SinkInterval>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SinkInterval {
    pub sink: String,
    pub delivered: u64,
    pub pending: u64,
    pub rejected: u64,
    pub lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviationKind {
    /// Not read.
    Missed,
    /// Read, without a value.
    Bad,
    /// Stored, and lost on the way to a sink.
    Lost,
}

/// A stretch of time in which something was missing, of one group or one sink.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deviation {
    pub kind: DeviationKind,
    pub device: Option<String>,
    pub group: Option<String>,
    pub sink: Option<String>,
    pub from: Time,
    pub to: Time,
    /// It goes on.
    pub open: bool,
    pub reason: String,
    pub text: String,
    pub samples: u64,
    /// What is being done about it.
    pub doing: Option<String>,
}

/// The account of one group.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupAccount {
    pub device: String,
    pub group: String,
    pub tags: u64,
    #[serde(flatten)]
    pub account: Account,
}

/// A message that its destination refused for good. Its samples are kept in the journal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    pub id: String,
    pub sink: String,
    /// When it was refused.
    pub time: Time,
    /// As the destination said it.
    pub reason: String,
    pub device: String,
    pub group: String,
    pub samples: u64,
    pub tries: u64,
    /// `false`: the journal holds its samples no longer; it can only be discarded.
    pub retriable: bool,
}

/// Query of the dead letters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterParameters {
    pub sink: Option<String>,
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

/// Query of the samples of dead letters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterExport {
    pub sink: Option<String>,
}

/// Which dead letters: all of the sink, or these.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterChoice {
    pub sink: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterAnswer {
    /// Dead letters that were retried or discarded.
    pub letters: u64,
}
