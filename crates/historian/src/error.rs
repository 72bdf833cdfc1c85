//! Errors by operation, and the troubles that are told while history goes on.

use std::path::PathBuf;
use std::{fmt, io};
use tagwerk_journal::CommitError;

/// Opening failed. Damaged data is never a reason: it is set aside and reported in
/// [`crate::Opened`].
#[derive(Debug)]
pub enum OpenError {
    InUse {
        folder: PathBuf,
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
            OpenError::InUse { folder } => write!(
                f,
                "cannot open the history in {}: another program has it open; stop that one first",
                folder.display()
            ),
            OpenError::Newer { path, version } => write!(
                f,
                "cannot open the history: {} has format version {version}, this program knows up \
                 to {}; start the newer program again, or move the file away",
                path.display(),
                crate::frame::FORMAT_VERSION
            ),
            OpenError::Io { attempt, path, error } => write!(
                f,
                "cannot open the history: to {attempt} {} failed: {error}; check the disk and the \
                 folder's permissions",
                path.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// A batch was not taken, or what was taken could not be stored yet. Nothing is lost: the journal
/// has it, and [`crate::Historian::position`] stands still.
#[derive(Debug)]
pub enum HistoryError {
    /// Too much waits in memory for the disk. Try again after [`crate::Historian::maintain`]
    /// worked.
    Full {
        bytes: usize,
        bytes_max: usize,
    },
    /// The batch has more samples than its block has sequence numbers.
    Mismatch {
        samples: usize,
        numbers: u64,
    },
    /// The journal could not prove its own data.
    Journal(CommitError),
    Io {
        attempt: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Full { bytes, bytes_max } => write!(
                f,
                "history cannot take more samples: {bytes} bytes wait for the disk, the limit is \
                 {bytes_max}; free some space or check the disk"
            ),
            HistoryError::Mismatch { samples, numbers } => write!(
                f,
                "history cannot take a block: it has {samples} samples and {numbers} numbers; the \
                 block is damaged"
            ),
            HistoryError::Journal(error) => write!(f, "history waits for the journal: {error}"),
            HistoryError::Io { attempt, path, error } => write!(
                f,
                "history cannot be stored: to {attempt} {} failed: {error}; free some space or \
                 check the disk, it is tried again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for HistoryError {}

/// A chunk could not be read; the next call goes on behind it.
#[derive(Debug)]
pub enum ReadError {
    /// The file does not hold what was written: these samples are lost.
    Damaged {
        path: PathBuf,
        offset: u64,
        samples: u32,
    },
    Io {
        path: PathBuf,
        error: io::Error,
    },
    /// The request's `cancel` was set.
    Cancelled,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Damaged { path, offset, samples } => write!(
                f,
                "{samples} samples cannot be read from {}: the file is damaged at {offset}; check \
                 the disk",
                path.display()
            ),
            ReadError::Io { path, error } => {
                write!(f, "history cannot be read from {}: {error}; check the disk", path.display())
            }
            ReadError::Cancelled => f.write_str("the query was cancelled"),
        }
    }
}

impl std::error::Error for ReadError {}

/// What people should know while history goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Chunks cannot be stored; they wait in memory, then in the journal. Told once.
    Storing { cause: String },
    /// Storing works again.
    Healed,
    /// Bytes of a segment are damaged; copied to `quarantine/` where that worked.
    Damaged { path: PathBuf, from: u64, to: u64 },
    /// Segments were removed to keep to the size or age that is allowed.
    Expired { segments: usize, samples: u64 },
    /// Samples were too old, or too many, and are left as rollups only.
    RolledUp { samples: u64 },
    /// Samples went missing in the journal before history had them.
    Missing { samples: u64 },
    /// The thread that feeds history panicked and starts again from `position`.
    Panicked { cause: String },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Storing { cause } => f.write_str(cause),
            Trouble::Healed => f.write_str("history is stored again"),
            Trouble::Damaged { path, from, to } => write!(
                f,
                "{} is damaged from byte {from} to {to}; a copy is in quarantine, the rest is \
                 served; check the disk",
                path.display()
            ),
            Trouble::Expired { segments, samples } => write!(
                f,
                "the oldest history was removed: {samples} samples in {segments} segments"
            ),
            Trouble::RolledUp { samples } => {
                write!(f, "{samples} old samples are kept as rollups only from now on")
            }
            Trouble::Missing { samples } => write!(
                f,
                "{samples} samples were gone from the journal before history had them; give the \
                 journal more space"
            ),
            Trouble::Panicked { cause } => {
                write!(f, "history stopped inside ({cause}) and starts again; please report this")
            }
        }
    }
}
