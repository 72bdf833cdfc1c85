//! Alarms after ISA-18.2: their conditions and states as decisions over values, and the keeper that
//! judges the journal's samples and writes down what becomes of them.

pub mod alarm;
mod board;
mod clock;
mod keeper;
mod record;

pub use board::{
    Action, AlarmLoad, AlarmView, Board, By, ChangeQuery, OperateError, Watch, Watched, WatchedBy,
};
pub use keeper::{Keeper, run};
pub use record::{AlarmChange, CHANGE_KIND, SNAPSHOT_KIND};
