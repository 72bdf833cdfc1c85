//! What the edge must remember beside its samples: configuration revisions, users, tokens, sessions,
//! secrets, tag numbers. One SQLite file, `edge.db`, with numbered migrations.
//!
//! SQLite opens its files itself: the one exception to the Disk seam.

mod accounts;
mod migrations;
mod revisions;
mod secrets;
mod tag_ids;

pub use accounts::{SessionRow, TokenRow, UserRow};
pub use revisions::{NewRevision, RevisionRow};
pub use secrets::SecretRow;
pub use tag_ids::TagNumbers;

use rusqlite::{Connection, OpenFlags};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long a statement waits for another process that has the file open, such as a backup.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A cheap handle. Its methods block on the disk: call them with `spawn_blocking`, or where waiting
/// harms nobody.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
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
    Sqlite(rusqlite::Error),
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
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Store::prepare(Connection::open_with_flags(directory.join("edge.db"), flags)?)
    }

    fn prepare(mut connection: Connection) -> Result<Store, StoreError> {
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
        Ok(Store { connection: Arc::new(Mutex::new(connection)) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held has rolled its transaction back: the state is whole.
        self.connection.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
pub(crate) fn in_memory() -> Store {
    Store::prepare(Connection::open_in_memory().unwrap()).unwrap()
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
