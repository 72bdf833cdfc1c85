//! Errors by operation, each with its object, its cause and what to do.

use crate::Stream;
use std::path::PathBuf;
use std::{fmt, io};

/// Opening failed. Damaged data is never a reason: it is set aside and reported in
/// [`crate::Opened`].
#[derive(Debug)]
pub enum OpenError {
    /// Another process (or another journal of this one) has the folder.
    InUse {
        directory: PathBuf,
    },
    /// A segment was written by a newer version of the program.
    Newer {
        path: PathBuf,
        version: u16,
    },
    Io {
        attempt: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse { directory } => write!(
                f,
                "cannot open the journal in {}: another program has it open; stop that one first",
                directory.display()
            ),
            OpenError::Newer { path, version } => write!(
                f,
                "cannot open the journal: {} has format version {version}, this program knows up \
                 to {}; start the newer program again, or move the folder away",
                path.display(),
                crate::frame::FORMAT_VERSION
            ),
            OpenError::Io { attempt, path, error } => write!(
                f,
                "cannot open the journal: to {attempt} {} failed: {error}; check the disk and the \
                 folder's permissions",
                path.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Nothing was appended, except with [`AppendError::Commit`].
#[derive(Debug)]
pub enum AppendError {
    /// The frame does not fit a segment, or a name or number is out of bounds. Trying again is no use.
    Limit {
        what: &'static str,
        value: u64,
        max: u64,
    },
    /// No space on the disk, and nothing older may be dropped.
    Full {
        stream: Stream,
        error: io::Error,
    },
    Io {
        stream: Stream,
        error: io::Error,
    },
    /// Written, but the sync that a strict stream waits for failed.
    Commit(CommitError),
    Closed,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Limit { what, value, max } => {
                write!(f, "cannot append to the journal: {what} is {value}, the limit is {max}")
            }
            AppendError::Full { stream, error } => write!(
                f,
                "cannot append to the journal's {stream} stream: {error}; free some space or lower \
                 the stream's limit"
            ),
            AppendError::Io { stream, error } => {
                write!(f, "cannot append to the journal's {stream} stream: {error}; check the disk")
            }
            AppendError::Commit(error) => error.fmt(f),
            AppendError::Closed => write!(f, "cannot append to the journal: it is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// Data could not be proven to be on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The sync failed. The stream went on in a new segment; this data may or may not survive.
    Failed {
        stream: Stream,
        cause: String,
    },
    /// The sequence number was never appended.
    NotWritten {
        stream: Stream,
        seq: u64,
    },
    Closed,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Failed { stream, cause } => write!(
                f,
                "the journal's {stream} stream could not be made durable: {cause}; check the disk"
            ),
            CommitError::NotWritten { stream, seq } => {
                write!(f, "sequence {seq} was never appended to the journal's {stream} stream")
            }
            CommitError::Closed => write!(f, "the journal was closed before the data was on disk"),
        }
    }
}

impl std::error::Error for CommitError {}

/// No space, no quota: dropping old data may help.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
