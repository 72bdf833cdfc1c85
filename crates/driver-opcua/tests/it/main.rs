//! The driver against a foreign server, and against one that means ill.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "test code")]

mod bounds;
mod rig;
mod security;
mod values;
mod watching;
