//! The contract of a channel: one way to tell people that something needs them.
//!
//! A channel words nothing and decides nothing: it hands a notice over and says what came of it for
//! each recipient. When, to whom, how often, and trying again are `tagwerk-notify`'s.

use crate::BoxFuture;
use crate::context::{Certificates, Secrets};
use crate::finding::Findings;
use crate::sink::SinkFault;
use crate::spec::Spec;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tagwerk_env::Env;

/// One kind of channel. Stateless; listed once, in the sinks' own list.
pub trait Channel: Send + Sync + 'static {
    fn spec(&self) -> Spec;

    /// Pure: settings to a plan. Reports everything that is wrong; `None` when any of it is an error.
    fn check(&self, channel: &ChannelRequest<'_>, findings: &mut Findings) -> Option<ChannelPlan>;
}

pub struct ChannelRequest<'a> {
    pub name: &'a str,
    pub settings: &'a serde_json::Value,
}

/// A channel that passed check.
#[derive(Clone)]
pub struct ChannelPlan {
    pub open: Arc<dyn OpenChannel>,
    /// Each is told by itself: one that is refused does not hold back the others.
    pub recipients: Vec<Box<str>>,
}

pub struct ChannelContext {
    pub env: Env,
    /// The edge's name.
    pub edge: Arc<str>,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
}

pub trait OpenChannel: Send + Sync {
    /// Hands a notice over, and says for each of `to` what came of it. Bounded in time by the
    /// channel's own settings.
    fn tell<'a>(
        &'a self,
        context: &'a ChannelContext,
        notice: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>>;
}

/// What became of a notice for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub recipient: Box<str>,
    /// The other side's own words when it took the notice. A fault is a sink's: `Retry` passes,
    /// `Reject` is for good, `Settings` is tried again slowly.
    pub result: Result<String, SinkFault>,
}

impl Told {
    /// The same for all.
    pub fn all(to: &[Box<str>], result: &Result<String, SinkFault>) -> Vec<Told> {
        to.iter().map(|to| Told { recipient: to.clone(), result: result.clone() }).collect()
    }
}

/// What people are told, in words and in parts. Kept in the journal until it is delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same whenever it is sent again; unlike any other's.
    pub id: Box<str>,
    pub edge: Box<str>,
    pub route: Box<str>,
    pub subject: String,
    /// Lines of plain text.
    pub message: String,
    pub urgent: bool,
    /// When it was worded.
    pub unix_ns: i64,
    /// The same, for people.
    pub time: String,
    /// Those that it is about, the most urgent first; none for a test.
    pub alarms: Vec<NoticeAlarm>,
    /// Alarms that it is about and that are not listed.
    pub more: u64,
    /// Where the console is, if that is known.
    pub link: Option<Box<str>>,
}

/// An alarm that somebody is told of. Times are for people, with their zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAlarm {
    /// `raised`, `escalated`, `repeated`, `cleared` or `acknowledged`.
    pub event: Box<str>,
    pub alarm: Box<str>,
    pub device: Box<str>,
    pub tag: Box<str>,
    pub priority: Box<str>,
    pub state: Box<str>,
    #[serde(default)]
    pub value: Option<Box<str>>,
    #[serde(default)]
    pub unit: Option<Box<str>>,
    pub raised: Box<str>,
    #[serde(default)]
    pub over: Option<Box<str>>,
    /// Times that it was raised since somebody acknowledged it.
    pub occurrences: u32,
    /// Who acknowledged it, and what they said.
    #[serde(default)]
    pub by: Option<Box<str>>,
    #[serde(default)]
    pub comment: Option<Box<str>>,
    /// What it means.
    #[serde(default)]
    pub text: Option<Box<str>>,
    /// What to do.
    #[serde(default)]
    pub response: Option<Box<str>>,
}
