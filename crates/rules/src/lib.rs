//! Rules: SQL over streams. A statement is planned once; its rows come from the journal or from
//! history, lie in windows, and what it gives is the same whenever it is run over them.

mod board;
mod bounds;
mod cell;
pub mod ekuiper;
mod error;
mod expression;
mod feed;
mod finding;
mod form;
mod formula;
mod instance;
mod keeper;
mod near;
mod order;
mod over;
mod parse;
mod past;
mod pasted;
mod pending;
mod program;
mod record;
mod rows;
mod span;
mod stages;
mod state;
mod table;
mod trial;
mod user;
mod window;

pub use board::{Board, Definition, RuleState, RuleView, Stage};
pub use cell::{Cell, CellType};
pub use error::RuleError;
pub use feed::Feed;
pub use finding::Finding;
pub use formula::{Formula, FormulaTags, Input};
pub use instance::{Counts, Instance, Output, Runner};
pub use keeper::{Keeper, Outlet, run};
pub use order::{Number, Planned, RuleText, Tags, plan_all, reads};
pub use past::Past;
pub use pasted::{PastedRow, pasted};
pub use program::{Column, Planner, Program};
pub use record::SNAPSHOT_KIND;
pub use trial::{Batches, Trial, Tried, within};
