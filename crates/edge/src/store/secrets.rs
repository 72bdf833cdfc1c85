//! Rows of secrets, sealed. What opens them is the secrets' own.

use super::{Store, StoreError};
use rusqlite::params;

#[derive(Clone, Debug, PartialEq)]
pub struct SecretRow {
    /// Given by the store; grows with every change.
    pub revision: u64,
    pub name: String,
    pub sealed: Vec<u8>,
    pub changed_unix_ns: i64,
    pub changed_by: String,
}

impl Store {
    pub fn secrets(&self) -> Result<Vec<SecretRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT revision, name, sealed, changed_unix_ns, changed_by FROM secrets ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(SecretRow {
                revision: row.get::<_, i64>(0)? as u64,
                name: row.get(1)?,
                sealed: row.get(2)?,
                changed_unix_ns: row.get(3)?,
                changed_by: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a secret or replaces one; returns its new revision.
    pub fn put_secret(&self, row: &SecretRow) -> Result<u64, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT OR REPLACE INTO secrets (name, sealed, changed_unix_ns, changed_by)
             VALUES (?1, ?2, ?3, ?4)",
            params![row.name, row.sealed, row.changed_unix_ns, row.changed_by],
        )?;
        Ok(connection.last_insert_rowid() as u64)
    }

    pub fn remove_secret(&self, name: &str) -> Result<(), StoreError> {
        self.lock().execute("DELETE FROM secrets WHERE name = ?1", [name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::*;

    #[test]
    fn every_change_has_a_new_revision() {
        let store = in_memory();
        let mut row = SecretRow {
            revision: 0,
            name: "mqtt".into(),
            sealed: vec![1],
            changed_unix_ns: 5,
            changed_by: "anna".into(),
        };
        assert_eq!(store.put_secret(&row).unwrap(), 1);
        row.sealed = vec![2];
        assert_eq!(store.put_secret(&row).unwrap(), 2);
        row.revision = 2;
        assert_eq!(store.secrets().unwrap(), [row.clone()]);
        store.remove_secret("mqtt").unwrap();
        assert!(store.secrets().unwrap().is_empty());
        assert_eq!(store.put_secret(&row).unwrap(), 3, "never a number twice");
    }
}
