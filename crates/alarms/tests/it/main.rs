//! Alarms seen from outside.

#![allow(clippy::unwrap_used)]

mod bounds;
mod conditions;
mod kills;
mod life;
mod many;
