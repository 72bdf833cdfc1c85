//! Statements over a history on disk.
#![allow(clippy::unwrap_used, reason = "test code; a fault here must fail the test that uses it")]

mod folds;
mod gapfill;
mod guide;
mod plant;
