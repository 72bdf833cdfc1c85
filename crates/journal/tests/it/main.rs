//! The journal through its public door.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod basics;
mod crash;
mod damage;
mod example;
mod features;
mod limits;
