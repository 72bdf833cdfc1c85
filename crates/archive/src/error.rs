//! What can go wrong with an archived file, and what people are told of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Archived samples could not be read.
#[derive(Debug)]
pub enum ArchiveError {
    Io {
        path: PathBuf,
        error: io::Error,
    },
    /// The file, or a part of it, is not what was written.
    Damaged {
        path: PathBuf,
        what: &'static str,
    },
    /// No file of ours: another program's, another edge's, or a newer version's.
    Foreign {
        path: PathBuf,
        why: String,
    },
    /// The request's `cancel` was set.
    Cancelled,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Io { path, error } => write!(
                f,
                "archived samples cannot be read from {}: {error}; see that the archive can be \
                 reached, or ask for a later time",
                path.display()
            ),
            ArchiveError::Damaged { path, what } => write!(
                f,
                "{} is damaged ({what}); its samples are left out; put a good copy in its place",
                path.display()
            ),
            ArchiveError::Foreign { path, why } => write!(
                f,
                "{} is left out: {why}; give each edge a folder or prefix of its own",
                path.display()
            ),
            ArchiveError::Cancelled => f.write_str("the query was cancelled"),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// A file that is left out; told once for each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub path: PathBuf,
    pub text: String,
}
