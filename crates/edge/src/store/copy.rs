//! The store as a file to carry away, and such a file as a store.

use super::{BUSY_WAIT, SecretRow, Store, StoreError, migrations};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

/// What a copy of the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub schema: i64,
    pub revision: Option<u64>,
    pub devices: u64,
    pub tags: u64,
    pub users: u64,
    pub tokens: u64,
}

/// What a store that came from elsewhere holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    pub counts: Counts,
    pub administrators: u64,
    /// Of the newest revision.
    pub configuration: Option<String>,
}

impl Store {
    /// Copies the store as it is at one moment into an empty file, without secrets and sessions, and
    /// without traces of them.
    pub fn copy_without_secrets(&self, path: &Path) -> Result<Counts, StoreError> {
        let text = path.to_string_lossy();
        match &self.path {
            None => self.lock().execute("VACUUM INTO ?1", [&text])?,
            // On a connection of its own, so that nobody waits for it.
            Some(own) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let source = Connection::open_with_flags(&**own, flags)?;
                source.busy_timeout(BUSY_WAIT)?;
                source.execute("VACUUM INTO ?1", [&text])?
            }
        };
        let copy = open_plain(path)?;
        copy.execute_batch("DELETE FROM secrets; DELETE FROM sessions; VACUUM;")?;
        let counts = count(&copy)?;
        copy.close().map_err(|(_, error)| error)?;
        Ok(counts)
    }
}

/// Makes a copied store fit for the edge whose store is `current`: brings its schema up to date, keeps
/// every number that means something in that edge's journal, and puts the secrets in.
pub fn adopt(
    path: &Path,
    current: Option<&Path>,
    secrets: &[SecretRow],
) -> Result<Arrived, StoreError> {
    let mut store = open_plain(path)?;
    let verdict: String = store.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let code: i64 = store.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')",
        [],
        |row| row.get(0),
    )?;
    if verdict != "ok" || code > 0 {
        return Err(StoreError::Damaged(verdict));
    }
    migrations::run(&mut store)?;
    if let Some(current) = current {
        store.execute("ATTACH ?1 AS cur", [current.to_string_lossy()])?;
        keep_numbers(&mut store)?;
        store.execute("DETACH cur", [])?;
    }
    let transaction = store.transaction()?;
    transaction.execute_batch("DELETE FROM sessions; DELETE FROM secrets;")?;
    for row in secrets {
        transaction.execute(
            "INSERT INTO secrets (name, sealed, changed_unix_ns, changed_by) VALUES (?1, ?2, ?3, ?4)",
            params![row.name, row.sealed, row.changed_unix_ns, row.changed_by],
        )?;
    }
    transaction.commit()?;
    let arrived = Arrived {
        counts: count(&store)?,
        administrators: store.query_row(
            "SELECT count(*) FROM users WHERE role = 'admin'",
            [],
            |row| row.get::<_, i64>(0),
        )? as u64,
        configuration: store
            .query_row("SELECT text FROM revisions ORDER BY revision DESC LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()?,
    };
    store.close().map_err(|(_, error)| error)?;
    Ok(arrived)
}

/// The journal of this edge speaks of tags by their numbers here: each keeps its own. Tags that only
/// the copy knows keep theirs where it is free. Counters never go back.
fn keep_numbers(store: &mut Connection) -> Result<(), StoreError> {
    let known: i64 = store.query_row(
        "SELECT count(*) FROM cur.sqlite_schema WHERE name IN ('tag_ids', 'tag_devices', 'meta')",
        [],
        |row| row.get(0),
    )?;
    if known < 3 {
        return Ok(());
    }
    let transaction = store.transaction()?;
    transaction.execute_batch(
        "CREATE TEMP TABLE arrived AS
            SELECT t.tag_id, d.name AS device, t.name AS tag
            FROM main.tag_ids t JOIN main.tag_devices d USING (device_id);
         DELETE FROM main.tag_ids;
         DELETE FROM main.tag_devices;
         INSERT INTO main.tag_devices SELECT device_id, name FROM cur.tag_devices;
         INSERT INTO main.tag_ids SELECT tag_id, device_id, name FROM cur.tag_ids;
         INSERT INTO main.sqlite_sequence (name, seq)
            SELECT c.name, c.seq FROM cur.sqlite_sequence c
            WHERE c.name IN (SELECT name FROM main.sqlite_schema WHERE type = 'table')
            AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence m WHERE m.name = c.name);
         UPDATE main.sqlite_sequence SET seq = max(seq, coalesce(
            (SELECT c.seq FROM cur.sqlite_sequence c WHERE c.name = main.sqlite_sequence.name), 0));
         INSERT OR IGNORE INTO main.tag_devices (name) SELECT DISTINCT device FROM temp.arrived;
         INSERT OR IGNORE INTO main.tag_ids (tag_id, device_id, name)
            SELECT a.tag_id, d.device_id, a.tag
            FROM temp.arrived a JOIN main.tag_devices d ON d.name = a.device;
         INSERT OR IGNORE INTO main.tag_ids (device_id, name)
            SELECT d.device_id, a.tag
            FROM temp.arrived a JOIN main.tag_devices d ON d.name = a.device
            WHERE NOT EXISTS (SELECT 1 FROM main.tag_ids t
                WHERE t.device_id = d.device_id AND t.name = a.tag);
         INSERT INTO main.meta SELECT key, value FROM cur.meta WHERE true
            ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value);
         DROP TABLE temp.arrived;",
    )?;
    Ok(transaction.commit()?)
}

/// Without a log beside it: the file alone is the store.
fn open_plain(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA secure_delete = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA journal_mode = DELETE;
         PRAGMA synchronous = FULL;",
    )?;
    Ok(connection)
}

fn count(connection: &Connection) -> Result<Counts, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let newest = connection
        .query_row(
            "SELECT revision, devices, tags FROM revisions ORDER BY revision DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()?;
    Ok(Counts {
        schema: number("PRAGMA user_version")?,
        revision: newest.map(|(revision, ..)| revision as u64),
        devices: newest.map_or(0, |(_, devices, _)| devices as u64),
        tags: newest.map_or(0, |(.., tags)| tags as u64),
        users: number("SELECT count(*) FROM users")? as u64,
        tokens: number("SELECT count(*) FROM tokens")? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{NewRevision, TagNumbers};
    use super::*;
    use tagwerk_model::TagId;

    fn numbers(store: &Store, device: &str, tags: &[&str]) -> Vec<u64> {
        let ids = TagNumbers::new(store.clone()).tags(device, tags).unwrap();
        ids.into_iter().map(|TagId(id)| u64::from(id)).collect()
    }

    fn copy_of(store: &Store, folder: &Path, name: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        store.copy_without_secrets(&path).unwrap();
        path
    }

    #[test]
    fn a_copy_holds_all_but_secrets_and_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let text = "version: 1";
        let new = NewRevision {
            text,
            applied_unix_ns: 1,
            by: "anna",
            comment: None,
            devices: 3,
            tags: 9,
        };
        store.add_revision(&new).unwrap();
        let row = SecretRow {
            revision: 0,
            name: "mqtt".into(),
            sealed: b"kanarienvogel".to_vec(),
            changed_unix_ns: 1,
            changed_by: "anna".into(),
        };
        store.put_secret(&row).unwrap();
        let path = folder.path().join("copy");
        let counts = store.copy_without_secrets(&path).unwrap();
        assert_eq!((counts.revision, counts.devices, counts.tags), (Some(1), 3, 9));
        let bytes = tagwerk_env::Env::system().disk.read(&path, 1 << 24).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("kanarienvogel"));
        let arrived = adopt(&path, None, &[row]).unwrap();
        assert_eq!(arrived.configuration.as_deref(), Some(text));
        assert_eq!((arrived.counts.users, arrived.administrators), (0, 0));
        let back = open_plain(&path).unwrap();
        let sealed: Vec<u8> =
            back.query_row("SELECT sealed FROM secrets", [], |row| row.get(0)).unwrap();
        assert_eq!(sealed, b"kanarienvogel");
    }

    #[test]
    fn no_number_ever_means_two_tags() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let before = numbers(&store, "press", &["a", "b"]);
        let path = copy_of(&store, folder.path(), "copy");
        // After the copy was made, and before it is put back, more came.
        let later = numbers(&store, "oven", &["x"]);
        let sets = TagNumbers::new(store.clone()).next_set(5).unwrap();
        let current = folder.path().join("edge.db");
        adopt(&path, Some(&current), &[]).unwrap();
        let target = tempfile::tempdir().unwrap();
        tagwerk_env::Env::system().disk.rename(&path, &target.path().join("edge.db")).unwrap();
        let restored = Store::open(target.path()).unwrap();
        assert_eq!(numbers(&restored, "press", &["a", "b"]), before);
        assert_eq!(numbers(&restored, "oven", &["x"]), later);
        let next = numbers(&restored, "kiln", &["y"]);
        assert!(next[0] > later[0], "{next:?} {later:?}");
        assert!(TagNumbers::new(restored).next_set(1).unwrap() >= sets + 5);
    }

    #[test]
    fn on_another_edge_its_journals_numbers_stay() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ours = Store::open(one.path()).unwrap();
        let other = Store::open(two.path()).unwrap();
        let kept = numbers(&ours, "oven", &["x", "y"]);
        numbers(&other, "press", &["a", "b", "c"]);
        let path = copy_of(&other, two.path(), "copy");
        adopt(&path, Some(&one.path().join("edge.db")), &[]).unwrap();
        let target = tempfile::tempdir().unwrap();
        tagwerk_env::Env::system().disk.rename(&path, &target.path().join("edge.db")).unwrap();
        let restored = Store::open(target.path()).unwrap();
        assert_eq!(numbers(&restored, "oven", &["x", "y"]), kept);
        let mut all = numbers(&restored, "press", &["a", "b", "c"]);
        all.extend(&kept);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5, "each has its own: {all:?}");
    }

    #[test]
    fn what_is_no_store_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let disk = tagwerk_env::Env::system().disk;
        disk.replace(&path, &b"no database at all ".repeat(99)).unwrap();
        assert!(adopt(&path, None, &[]).is_err());
        let store = Store::open(folder.path()).unwrap();
        let path = copy_of(&store, folder.path(), "newer");
        open_plain(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(adopt(&path, None, &[]), Err(StoreError::Newer { .. })));
        let path = copy_of(&store, folder.path(), "trigger");
        let trigger = "CREATE TRIGGER t AFTER DELETE ON sessions BEGIN DELETE FROM users; END";
        open_plain(&path).unwrap().execute_batch(trigger).unwrap();
        assert!(matches!(adopt(&path, None, &[]), Err(StoreError::Damaged(_))));
    }
}
