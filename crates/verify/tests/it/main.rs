//! Stores written by hand, whole and with one thing wrong at a time.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod compared;
mod damaged;
mod writer;
