//! The schema, as the steps that lead to it. A step that was released is never changed.

use super::StoreError;
use rusqlite::Connection;

const STEPS: &[&str] = &[
    // 1
    "CREATE TABLE revisions (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        text TEXT NOT NULL,
        applied_unix_ns INTEGER NOT NULL,
        by TEXT NOT NULL,
        comment TEXT,
        devices INTEGER NOT NULL,
        tags INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE users (
        username TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        created_unix_ns INTEGER NOT NULL,
        last_login_unix_ns INTEGER
    ) STRICT;
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        created_unix_ns INTEGER NOT NULL,
        expires_unix_ns INTEGER,
        last_used_unix_ns INTEGER
    ) STRICT;
    CREATE TABLE sessions (
        digest BLOB PRIMARY KEY,
        username TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        boot_id BLOB NOT NULL,
        created_ns INTEGER NOT NULL,
        seen_ns INTEGER NOT NULL
    ) STRICT;
    -- Rows of these two are never removed: a tag that comes back has its number again, and no
    -- number ever means two tags.
    CREATE TABLE tag_devices (
        device_id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE tag_ids (
        tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
        device_id INTEGER NOT NULL REFERENCES tag_devices,
        name TEXT NOT NULL,
        UNIQUE (device_id, name)
    ) STRICT;
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT;",
    // 2: the revision grows with every change, so that whoever uses a secret sees that it changed.
    "CREATE TABLE secrets (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        sealed BLOB NOT NULL,
        changed_unix_ns INTEGER NOT NULL,
        changed_by TEXT NOT NULL
    ) STRICT;",
    // 3: what PostgreSQL's logins need of a password; none for one that was set before.
    "ALTER TABLE users ADD COLUMN scram TEXT;",
];

pub fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (i, step) in STEPS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
