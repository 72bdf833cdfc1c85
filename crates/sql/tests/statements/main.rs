//! Statements over a history on disk.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod again;
mod folds;
mod functions;
mod gapfill;
mod guide;
mod plant;
mod templates;
