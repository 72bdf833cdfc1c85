//! The runtime with simulated devices, a journal on a real disk and a sink that does as it is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod commands;
mod devices;
mod edge;
mod fake_sink;
mod ledger;
mod outputs;
mod reconcile;
mod rows;
mod sinks;
mod watch;
