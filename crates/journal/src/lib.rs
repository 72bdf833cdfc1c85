//! The journal: three checksummed segment logs (`samples`, `outputs`, `record`) under one folder.
//!
//! Bytes in, bytes out: it knows sequences, times and tag sets, and leaves the meaning of payloads to
//! its callers. The format is described byte by byte in `docs/reference/journal.md`.

mod commit;
mod cursor;
mod error;
mod frame;
mod journal;
mod log;
mod look_back;
mod options;
mod payload;
mod quarantine;
mod reader;
mod recover;
mod reserve;
mod retention;
pub mod scan;
mod segment;
mod start;
mod stats;
mod stream;
mod tag_set;
mod tail;
mod timeline;
mod walk;

pub use cursor::{Acknowledged, CURSOR_RANGES_MAX, Cursor};
pub use error::{AppendError, CommitError, OpenError};
pub use frame::{Gap, GapReason};
pub use journal::Journal;
pub use options::{CommitBy, Durability, Full, Options, StreamOptions};
pub use payload::Payload;
pub use reader::{Block, Item, MissingReason, Reader, ReaderFilter, RecordItem, TagPredicate};
pub use recover::{Cut, Opened};
pub use retention::BacklogLimit;
pub use stats::{Stats, StreamStats};
pub use stream::{Span, Stream};
pub use tag_set::TagSet;
pub use tagwerk_env::Moment;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic in one task must not spread through a poisoned lock: the state behind our locks is
/// replaced in single steps and stays usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
