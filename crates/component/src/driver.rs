//! The contract of a driver: one field protocol.

use crate::BoxFuture;
use crate::context::LinkContext;
use crate::finding::Findings;
use crate::spec::Spec;
use crate::watch::{BrowsePage, BrowseRequest, Report, Unwatched, Watch};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_model::{BatchBuilder, DataType, Quality, Value};

/// One field protocol. Stateless; listed once, in the edge's registry.
pub trait Driver: Send + Sync + 'static {
    fn spec(&self) -> Spec;

    /// Pure: settings and addresses to a plan. Reports everything that is wrong; `None` when any of
    /// it is an error. Keys and types of `settings` have been checked against the schema before.
    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan>;
}

/// A device as configured.
pub struct DeviceRequest<'a> {
    pub name: &'a str,
    pub settings: &'a serde_json::Value,
    pub groups: Vec<GroupRequest<'a>>,
}

pub struct GroupRequest<'a> {
    pub name: &'a str,
    pub interval: Duration,
    pub tags: Vec<TagRequest<'a>>,
}

pub struct TagRequest<'a> {
    pub name: &'a str,
    pub address: &'a str,
    /// The type in the device, before scaling.
    pub data_type: DataType,
    pub read: bool,
    pub write: bool,
}

/// What a driver made for itself at check and gets back at work, opaque to the runtime.
#[derive(Clone)]
pub struct Token(Arc<dyn Any + Send + Sync>);

impl Token {
    pub fn new<T: Any + Send + Sync>(content: T) -> Token {
        Token(Arc::new(content))
    }

    pub fn get<T: Any>(&self) -> &T {
        self.0.downcast_ref().expect("a session gets only tokens that its own driver made")
    }
}

/// A device that passed check.
pub struct DevicePlan {
    /// Devices with an equal key share one link (a socket, a serial line), on which the runtime does
    /// one thing at a time, such as `modbus-tcp://10.0.0.5:502`.
    pub link: String,
    pub open: Arc<dyn Open>,
    /// How often a read that got no answer is asked again at once. Writes are never repeated.
    pub read_retries: u32,
    /// One per group of the request, in its order.
    pub groups: Vec<GroupPlan>,
    /// What [`Session::browse`] needs to know of this device, where several share a link.
    pub browse: Option<Token>,
}

#[derive(Default)]
pub struct GroupPlan {
    /// The reads that together fetch the group, in the order to send them.
    pub reads: Vec<ReadRequest>,
    /// How to write each tag of the group, in the request's order; `None` where it has no `write`.
    pub writes: Vec<Option<Token>>,
    /// How to have the device report the group by itself. While it does, the group is not polled, and
    /// `reads` are for reading it on demand; there may be none, where a device cannot be asked.
    pub watch: Option<Token>,
}

/// One request to the device that reads some of a group's tags.
#[derive(Clone)]
pub struct ReadRequest {
    /// Indices, in the group, of the tags that this request reads: those that are bad when it fails.
    pub tags: Vec<u32>,
    pub token: Token,
}

/// Makes the connection that all devices of one link share.
pub trait Open: Send + Sync {
    /// Bounded in time by the driver's own settings, with `context.env.clock`.
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>>;
}

/// An open link. The runtime calls one method at a time and awaits it to its end, or drops the
/// session.
pub trait Session: Send {
    /// Performs one request and puts a value or a quality for each of its tags.
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>>;

    /// Writes one raw value, already checked for range and turned back by the tag's scale. Sends at
    /// most once, whatever happens.
    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>>;

    /// Has the devices report just these groups from now on, whatever was watched before; called after
    /// the link was opened and when they change. Returns those that must be polled instead. Every tag
    /// is then reported once as it is now; one that does not exist, as bad. A device that cannot be
    /// asked reports what comes next.
    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        let refused = |watch: &Watch| Unwatched {
            id: watch.id,
            reason: "this driver does not report by itself".to_owned(),
        };
        let all = watches.iter().map(refused).collect();
        Box::pin(async move { Ok(all) })
    }

    /// Waits for what devices send of themselves, and keeps the link alive meanwhile: called whenever
    /// nothing else is to be done. Returns with some reports, or none after some housekeeping. Reports
    /// of one group that follow each other, name no tag twice, and have all a source time or none are
    /// one row; so a device whose messages are rows reports every tag of the group for each. Cancel
    /// safe: what has arrived and was not returned is returned by the next call, as is what arrived
    /// during a read or a write. Any fault means that the link is gone.
    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        let _ = out;
        Box::pin(std::future::pending())
    }

    /// For trying out a watched group that has no reads: what comes next of it, or is known of it,
    /// within some seconds. What comes is reported nevertheless.
    fn listen<'a>(
        &'a mut self,
        watch: &'a Token,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        let _ = (watch, out);
        Box::pin(async {
            Err(Fault::Refused {
                quality: Quality::BAD_NOT_SUPPORTED,
                reason: "this driver cannot wait for what a device sends".into(),
            })
        })
    }

    /// What is inside the device, a page at a time.
    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        let _ = request;
        Box::pin(async {
            Err(Fault::Refused {
                quality: Quality::BAD_NOT_SUPPORTED,
                reason: "devices of this driver cannot be browsed; enter addresses by hand".into(),
            })
        })
    }

    /// Parts of a request that the device refused as a whole, so that one wrong address does not
    /// take its neighbours along; `None` when it cannot be divided.
    fn divide(&self, request: &ReadRequest) -> Option<Vec<ReadRequest>> {
        let _ = request;
        None
    }

    /// What the session noticed about the link since the last call, such as
    /// `late answers dropped`, as name and count.
    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Why something failed, by what the runtime does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The settings do not fit the device: told to the user; tried again slowly.
    Settings(String),
    /// The connection is gone or cannot be trusted: drop it and reconnect.
    Link(String),
    /// This device did not answer in time; the link serves others. The device backs off alone.
    Silent(String),
    /// The device answered and said no: its tags get this quality, the link stays.
    Refused { quality: Quality, reason: String },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Settings(text) | Fault::Link(text) | Fault::Silent(text) => f.write_str(text),
            Fault::Refused { reason, .. } => f.write_str(reason),
        }
    }
}

/// A write that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteFault {
    pub sent: WriteSent,
    pub fault: Fault,
}

/// Whether the device may have acted on a write that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteSent {
    /// Nothing left, or the device answered that it did not: the command is `failed`.
    No,
    /// Bytes left and no answer came: the command is `unknown`.
    Perhaps,
}
