//! What happened on the edge: who did what, and what devices, sinks and the edge itself went through.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query of the events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventParameters {
    pub kind: Option<String>,
    pub text: Option<String>,
    pub before: Option<u64>,
    pub limit: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Events {
    /// Newest first.
    pub items: Vec<Event>,
    /// Give it as `before` for older ones; `null` when there are none. A page may have fewer items
    /// than asked for, or none, and be followed by others: the search goes on there.
    pub next: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub seq: u64,
    pub at: Time,
    pub kind: EventKind,
    pub severity: EventSeverity,
    /// Who did it; `null` when nobody did.
    pub by: Option<String>,
    /// The device, tag or sink that it is about.
    pub subject: Option<String>,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    Login,
    Configuration,
    /// Users, tokens, and trials on devices.
    Access,
    Command,
    Device,
    Sink,
    /// Starts, unclean ends, backups and restores.
    System,
    Secret,
    Certificate,
}

impl EventKind {
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Login => "login",
            EventKind::Configuration => "configuration",
            EventKind::Access => "access",
            EventKind::Command => "command",
            EventKind::Device => "device",
            EventKind::Sink => "sink",
            EventKind::System => "system",
            EventKind::Secret => "secret",
            EventKind::Certificate => "certificate",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventSeverity {
    Info,
    Warning,
    Error,
}

impl EventSeverity {
    pub fn name(self) -> &'static str {
        match self {
            EventSeverity::Info => "info",
            EventSeverity::Warning => "warning",
            EventSeverity::Error => "error",
        }
    }
}
