//! Rules over rows: the corpus in `cases/rules`, and runs that are ended at any moment.

mod case;
mod cases;
mod ekuiper;
mod rig;
