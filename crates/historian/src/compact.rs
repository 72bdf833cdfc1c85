//! Compaction.
pub(crate) struct Compaction;
