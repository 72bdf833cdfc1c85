//! What the edge must remember beside its samples: configuration revisions, users, tokens, sessions,
//! secrets, tag numbers. One SQLite file, `edge.db`, with numbered migrations.
//!
//! SQLite opens its files itself: the one exception to the Disk seam.

mod accounts;
mod copy;
mod migrations;
mod revisions;
mod secrets;
mod tag_ids;

pub use accounts::{SessionRow, TokenRow, UserRow};
pub use copy::{Arrived, adopt};
pub use revisions::{NewRevision, RevisionRow};
pub use secrets::SecretRow;
pub use tag_ids::TagNumbers;

use rusqlite::{Connection, OpenFlags};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long a statement waits for another process that has the file open, such as a backup.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A cheap handle. Its methods block on the disk: call them with `spawn_blocking`, or where waiting
/// harms nobody.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    /// `None` in memory.
    path: Option<Arc<PathBuf>>,
}

/// Why the store did not do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// Written by a newer Tagwerk than this one.
    Newer {
        found: i64,
        known: i64,
    },
    /// A number ran out; nothing was stored.
    Exhausted(&'static str),
    /// A file that came from elsewhere is no whole store.
    Damaged(String),
    /// Its file could not take another's place.
    Files(std::io::Error),
    Sqlite(rusqlite::Error),
}

impl StoreError {
    pub fn is_disk_full(&self) -> bool {
        match self {
            StoreError::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            StoreError::Files(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Newer { found, known } => write!(
                f,
                "the store has schema {found}, this Tagwerk knows only up to {known}: it was \
                 written by a newer version; start that version, or another data directory"
            ),
            StoreError::Exhausted(what) => write!(f, "no {what} are left on this edge"),
            StoreError::Damaged(verdict) => write!(f, "the store is damaged: {verdict}"),
            StoreError::Files(error) => write!(f, "the store's file cannot be replaced: {error}"),
            StoreError::Sqlite(error) => write!(f, "the store failed: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Sqlite(error)
    }
}

impl Store {
    /// Opens or makes `edge.db` in an existing directory and brings its schema up to date.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let path = directory.join("edge.db");
        let connection = prepared(open_file(&path)?)?;
        let path = Some(Arc::new(path));
        Ok(Store { connection: Arc::new(Mutex::new(connection)), path })
    }

    /// Lets go of the file while `swap` puts another in its place, and opens that. When either fails,
    /// `back` must bring the old one back, which is then opened. Everybody waits meanwhile.
    pub fn replace(
        &self,
        swap: impl FnOnce() -> std::io::Result<()>,
        back: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut connection = self.lock();
        // Closing the last connection moves the log into the file.
        let old = std::mem::replace(&mut *connection, Connection::open_in_memory()?);
        if let Err((old, error)) = old.close() {
            *connection = old;
            return Err(error.into());
        }
        let swapped = swap().map_err(StoreError::Files).and_then(|()| prepared(open_file(path)?));
        match swapped {
            Ok(new) => {
                *connection = new;
                Ok(())
            }
            Err(error) => {
                back().map_err(StoreError::Files)?;
                *connection = prepared(open_file(path)?)?;
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held has rolled its transaction back: the state is whole.
        self.connection.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn open_file(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

fn prepared(mut connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY_WAIT)?;
    // FULL: a revision, a user or a tag number that was answered survives a power cut.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -2048;
         PRAGMA journal_size_limit = 1048576;",
    )?;
    migrations::run(&mut connection)?;
    Ok(connection)
}

#[cfg(test)]
pub(crate) fn in_memory() -> Store {
    let connection = prepared(Connection::open_in_memory().unwrap()).unwrap();
    Store { connection: Arc::new(Mutex::new(connection)), path: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_opens_again_and_refuses_one_from_the_future() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::open(directory.path()).unwrap());
        let store = Store::open(directory.path()).unwrap();
        store.lock().execute_batch("PRAGMA user_version = 999").unwrap();
        drop(store);
        let text = Store::open(directory.path()).err().unwrap().to_string();
        assert!(text.contains("schema 999") && text.contains("newer version"), "{text}");
    }
}
