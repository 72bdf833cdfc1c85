//! Sessions of the drivers against pymodbus's servers: on a serial line (a pair of
//! pseudo-terminals), and with a line's framing on TCP. Needs what `cargo xtask setup` installs.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod pymodbus;
mod rig;
