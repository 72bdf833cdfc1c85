//! Alarms seen from outside.

#![allow(clippy::unwrap_used)]

mod kills;
mod life;
mod many;
