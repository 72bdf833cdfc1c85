//! Alarms seen from outside.

mod kills;
mod life;
mod many;
