//! Configuration revisions: the newest is the one that runs.

use super::{Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};
use tagwerk_model::limits;

pub struct NewRevision<'a> {
    pub text: &'a str,
    pub applied_unix_ns: i64,
    pub by: &'a str,
    pub comment: Option<&'a str>,
    pub devices: usize,
    pub tags: usize,
}

/// A revision without its text, which may be large.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionRow {
    pub revision: u64,
    pub applied_unix_ns: i64,
    pub by: String,
    pub comment: Option<String>,
    pub bytes: u64,
    pub devices: u64,
    pub tags: u64,
}

const COLUMNS: &str = "revision, applied_unix_ns, by, comment, octet_length(text), devices, tags";

impl Store {
    /// Stores a revision durably and returns its number; forgets the oldest beyond
    /// [`limits::REVISIONS_MAX`] and [`limits::REVISIONS_BYTES_MAX`].
    pub fn add_revision(&self, new: &NewRevision<'_>) -> Result<u64, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO revisions (text, applied_unix_ns, by, comment, devices, tags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                new.text,
                new.applied_unix_ns,
                new.by,
                new.comment,
                new.devices as i64,
                new.tags as i64
            ],
        )?;
        let revision = transaction.last_insert_rowid();
        transaction.execute(
            "DELETE FROM revisions WHERE revision <= ?1",
            [revision - limits::REVISIONS_MAX as i64],
        )?;
        transaction.execute(
            "DELETE FROM revisions WHERE revision <> ?1 AND ?2 <
                 (SELECT sum(octet_length(newer.text)) FROM revisions AS newer
                  WHERE newer.revision >= revisions.revision)",
            [revision, limits::REVISIONS_BYTES_MAX as i64],
        )?;
        transaction.commit()?;
        Ok(revision as u64)
    }

    pub fn newest_revision(&self) -> Result<Option<RevisionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM revisions ORDER BY revision DESC LIMIT 1");
        Ok(self.lock().query_row(&sql, [], read_row).optional()?)
    }

    pub fn revision(&self, revision: u64) -> Result<Option<RevisionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM revisions WHERE revision = ?1");
        Ok(self.lock().query_row(&sql, [revision as i64], read_row).optional()?)
    }

    pub fn revision_text(&self, revision: u64) -> Result<Option<String>, StoreError> {
        let sql = "SELECT text FROM revisions WHERE revision = ?1";
        Ok(self.lock().query_row(sql, [revision as i64], |row| row.get(0)).optional()?)
    }

    /// A page, newest first, and how many there are.
    pub fn revisions(
        &self,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<RevisionRow>, usize), StoreError> {
        let connection = self.lock();
        let total: i64 =
            connection.query_row("SELECT count(*) FROM revisions", [], |row| row.get(0))?;
        let sql =
            format!("SELECT {COLUMNS} FROM revisions ORDER BY revision DESC LIMIT ?1 OFFSET ?2");
        let mut statement = connection.prepare(&sql)?;
        let rows = statement
            .query_map([limit as i64, offset as i64], read_row)?
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, total as usize))
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RevisionRow> {
    Ok(RevisionRow {
        revision: row.get::<_, i64>(0)? as u64,
        applied_unix_ns: row.get(1)?,
        by: row.get(2)?,
        comment: row.get(3)?,
        bytes: row.get::<_, i64>(4)? as u64,
        devices: row.get::<_, i64>(5)? as u64,
        tags: row.get::<_, i64>(6)? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::*;

    fn new(text: &str) -> NewRevision<'_> {
        NewRevision { text, applied_unix_ns: 5, by: "anna", comment: None, devices: 1, tags: 2 }
    }

    #[test]
    fn revisions_count_up_and_only_the_newest_are_kept() {
        let store = in_memory();
        assert_eq!(store.newest_revision().unwrap(), None);
        assert_eq!(store.add_revision(&new("für alle: 1")).unwrap(), 1);
        assert_eq!(store.revision_text(1).unwrap().as_deref(), Some("für alle: 1"));
        assert_eq!(store.revision(1).unwrap().unwrap().bytes, 12);
        for _ in 0..limits::REVISIONS_MAX {
            store.add_revision(&new("a: 1")).unwrap();
        }
        assert_eq!(store.revision(1).unwrap(), None);
        let (page, total) = store.revisions(1, 2).unwrap();
        assert_eq!(total, limits::REVISIONS_MAX);
        let newest = limits::REVISIONS_MAX as u64 + 1;
        assert_eq!(page.iter().map(|r| r.revision).collect::<Vec<_>>(), [newest - 1, newest - 2]);
        assert_eq!(store.newest_revision().unwrap().unwrap().revision, newest);
    }

    #[test]
    fn large_revisions_push_out_the_oldest() {
        let store = in_memory();
        let text = "a".repeat(limits::REVISIONS_BYTES_MAX as usize / 3);
        for _ in 0..4 {
            store.add_revision(&new(&text)).unwrap();
        }
        assert_eq!(store.revisions(0, 10).unwrap().1, 3);
        assert_eq!(store.revision(1).unwrap(), None);
    }
}
