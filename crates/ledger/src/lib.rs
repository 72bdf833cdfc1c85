//! The ledger: of each group and minute what its schedule asked for, what was stored, kept back or
//! missed and why, and of each sink what became of it.
//!
//! Read off the journal: batches say what was asked for, cursors and gaps what arrived. One record a
//! minute sums up, so that the account outlives the samples.

mod bytes;
mod delivery;
mod keeper;
mod minute;
mod record;
mod shared;
mod sinks;
mod view;

pub use delivery::{Delivery, Layout};
pub use keeper::AskSchedules;
pub use keeper::{Keeper, run};
pub use minute::{Entry, Minute, Stretch, Why};
pub use record::{MINUTE_KIND, Noted, SinkBegins, Unstored, encode_begins, encode_unstored};
pub use shared::{Ledger, SetInfo};
pub use sinks::{DISCARDED, Selected, Sharing, SinkPlace, SinkShare, loss_text};
pub use view::{Account, Asked, Missing, Row, Told};

use std::collections::HashMap;
use std::time::Duration;

/// Nanoseconds of a minute.
pub const MINUTE_NS: i64 = 60_000_000_000;

/// How a group is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Zero for tags that report by themselves.
    pub interval: Duration,
    /// Samples of one read.
    pub samples: u32,
    /// Unchanged values may be kept back.
    pub on_change: bool,
}

/// The groups that run now, by the number of their tag set.
pub type Schedules = HashMap<u32, Schedule>;
