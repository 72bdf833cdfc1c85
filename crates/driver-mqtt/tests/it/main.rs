//! The driver as the runtime uses it, against Mosquitto and against brokers of the test's own.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

mod checks;
mod guide;
mod mosquitto;
mod rig;
mod script;
