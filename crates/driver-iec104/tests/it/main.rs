//! The driver as the runtime uses it, against c104 and against stations of the test's own.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

mod addresses;
mod c104;
mod commands;
mod conformance;
mod guide;
mod link;
mod peer;
mod rig;
mod watching;
