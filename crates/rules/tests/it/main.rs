//! Rules over rows: the corpus in `cases/rules`, and runs that are ended at any moment.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod case;
mod cases;
mod ekuiper;
mod isolation;
mod kills;
mod rig;
mod shared;
