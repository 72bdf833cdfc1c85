//! Alarms seen from outside.

mod life;
mod many;
