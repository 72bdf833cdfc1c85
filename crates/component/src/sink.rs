//! The contract of a sink: one northbound destination.
//!
//! A sink encodes and hands over; which samples it gets, batching, its cursor in the journal, retries,
//! back-off and metrics are the runtime's.

use crate::BoxFuture;
use crate::context::{Certificates, Secrets};
use crate::finding::Findings;
use crate::spec::Spec;
use std::sync::Arc;
use tagwerk_env::Env;
use tagwerk_model::SampleBatch;

/// One kind of destination. Stateless; listed once, in the sinks' own list.
pub trait Sink: Send + Sync + 'static {
    fn spec(&self) -> Spec;

    /// Pure: settings to a plan. Reports everything that is wrong; `None` when any of it is an error.
    fn check(&self, sink: &SinkRequest<'_>, findings: &mut Findings) -> Option<SinkPlan>;
}

pub struct SinkRequest<'a> {
    pub name: &'a str,
    pub settings: &'a serde_json::Value,
}

/// A sink that passed check.
pub struct SinkPlan {
    pub open: Arc<dyn OpenSink>,
    /// Deliveries that may wait for their receipts at once.
    pub in_flight_max: usize,
}

pub struct SinkContext {
    pub env: Env,
    /// The edge's name, for placeholders.
    pub edge: Arc<str>,
    /// The sink's name.
    pub sink: Arc<str>,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
}

pub trait OpenSink: Send + Sync {
    /// Connects; bounded in time by the sink's own settings.
    fn open<'a>(
        &'a self,
        context: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>>;
}

/// What is delivered at once: one batch, and the part of the journal that it covers.
pub struct Delivery<'a> {
    pub batch: &'a SampleBatch,
    /// The journal range `[from, to)` that this delivery accounts for, filtered samples included.
    pub from: u64,
    pub to: u64,
    pub epoch: u64,
    /// Read from the past rather than delivered as it happened.
    pub replayed: bool,
}

/// Resolves when the destination has taken responsibility for a delivery.
pub type Receipt = BoxFuture<'static, Result<(), SinkFault>>;

/// An open connection to a destination.
pub trait SinkSession: Send {
    /// Encodes and sends one delivery, in order; does not wait for the acknowledgement. `None` when the
    /// sink's settings leave nothing to say of it: the next delivery's range then covers it too, so that
    /// a receiver sees no hole where nothing is missing.
    fn deliver<'a>(
        &'a mut self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<Option<Receipt>, SinkFault>>;

    /// Resolves when the connection is lost, for a sink that is idle. Cancel safe.
    fn lost(&mut self) -> BoxFuture<'_, SinkFault>;

    /// Says goodbye properly; bounded in time.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Why a delivery failed, by what the runtime does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkFault {
    /// Passing: reconnect and deliver again from the last acknowledged place.
    Retry(String),
    /// This delivery will never be taken: set aside with the reason, go on with the next.
    Reject(String),
    /// The settings are wrong: told to the user; tried again slowly.
    Settings(String),
}

impl std::fmt::Display for SinkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SinkFault::Retry(text) | SinkFault::Reject(text) | SinkFault::Settings(text) => {
                f.write_str(text)
            }
        }
    }
}
