//! What a driver, a sink or a channel must be: how it describes itself, checks its settings, and works.
//!
//! User input passes three gates. *Check* is pure and reports everything that is wrong; *open* touches
//! the world; the open session then does one thing at a time for the runtime, which owns all timing,
//! retries of reads, back-off, reconnecting, command order, time stamps and metrics.

mod channel;
mod context;
mod driver;
mod duration;
mod finding;
mod sink;
mod spec;
mod trace;
mod watch;

pub use channel::{
    Channel, ChannelContext, ChannelPlan, ChannelRequest, Notice, NoticeAlarm, OpenChannel, Told,
};
pub use context::{
    Certificates, Health, HealthFigures, Identity, LinkContext, NoCertificates, NoHealth,
    NoSecrets, Secret, SecretText, Secrets, SinkHealth,
};
pub use driver::{
    DevicePlan, DeviceRequest, Driver, Fault, GroupPlan, GroupRequest, Open, ReadRequest, Session,
    TagRequest, Token, WriteFault, WriteSent,
};
pub use duration::Duration;
pub use finding::{Finding, Findings, Place, Segment, Weight, nearest};
pub use sink::{
    Delivery, OpenSink, Receipt, Sink, SinkContext, SinkFault, SinkPlan, SinkRequest, SinkSession,
};
pub use spec::{Ability, AddressForm, Spec};
pub use tagwerk_env::BoxFuture;
pub use trace::{Direction, Frame, Trace};
pub use watch::{BrowseNode, BrowsePage, BrowseRequest, Report, Unwatched, Watch, WatchId};
