//! The driver against a foreign controller (python-snap7's server), and against scripted ones where
//! that does not show what matters.

#![allow(clippy::unwrap_used, reason = "test code; a fault here must fail the test")]

mod rig;
mod scripted;
mod snap7;
