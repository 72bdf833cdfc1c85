//! Who is told of alarms, when, and in which words, as decisions over values; and the keeper that reads
//! what becomes of alarms off the journal and hands notices to channels until they are delivered.

mod board;
mod desk;
mod episode;
mod keeper;
mod leg;
mod plan;
mod quiet;
mod record;
mod words;

pub use board::{Board, ChannelView, RouteView, TestRefused};
pub use desk::Tally;
pub use keeper::{Keeper, Tell, run};
pub use plan::{ChannelOf, Level, Plan, Route};
pub use quiet::{Quiet, Zone};
pub use record::{NOTICE_KIND, OUTCOME_KIND, SNAPSHOT_KIND};
