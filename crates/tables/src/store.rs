//! Versions of tables on disk, each in a file that is named by its content, and which one of each table
//! was read last.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tagwerk_env::Disk;
use tagwerk_model::{Table, limits};

/// Of the hash, as much as tells versions apart.
const DIGITS: usize = 32;
const INDEX: &str = "newest.json";
const INDEX_BYTES_MAX: u64 = 1024 * 1024;
const ENDING: &str = "table";
/// A table on disk is larger than its values are counted, by a byte each and its names.
const FILE_BYTES_MAX: u64 = 4 * limits::TABLE_BYTES_MAX as u64;

/// The version of a table as bytes.
pub fn version_of(bytes: &[u8]) -> Arc<str> {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    digits[..DIGITS].into()
}

/// What was read last of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    pub version: Arc<str>,
    pub read_unix_ns: i64,
    /// Of what it was read by: a table that is read otherwise now has no version yet.
    pub source: String,
}

/// Cheap to clone. Methods block on the disk.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: BTreeMap<String, Newest>,
    /// Versions that rules need.
    needed: Option<BTreeSet<Arc<str>>>,
}

impl Store {
    /// Always opens: what cannot be read is as if it were not there.
    pub fn open(disk: &Arc<dyn Disk>, folder: &Path) -> io::Result<Store> {
        disk.create_directories(folder)?;
        let index = disk.read(&folder.join(INDEX), INDEX_BYTES_MAX);
        let newest = match index {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "which tables were read last is not known any more");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        let state = Mutex::new(State { newest, needed: None });
        Ok(Store(Arc::new(Inner { disk: disk.clone(), folder: folder.to_owned(), state })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, version: &str) -> PathBuf {
        self.0.folder.join(format!("{version}.{ENDING}"))
    }

    pub fn newest(&self, table: &str) -> Option<Newest> {
        self.state().newest.get(table).cloned()
    }

    /// None, where it is not there or damaged.
    pub fn load(&self, version: &str) -> Option<Table> {
        if version.len() != DIGITS || !version.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let bytes = self.0.disk.read(&self.path(version), FILE_BYTES_MAX).ok()?;
        let whole = *version_of(&bytes) == *version;
        whole.then(|| Table::decode(&bytes)).flatten()
    }

    /// Keeps what was read of a table. Once it returns well, it is on disk.
    pub fn put(&self, table: &str, bytes: &[u8], newest: Newest) -> io::Result<()> {
        let mut state = self.state();
        if self.load(&newest.version).is_none() {
            self.0.disk.replace(&self.path(&newest.version), bytes)?;
        }
        let before = state.newest.insert(table.to_owned(), newest);
        if let Err(error) = self.write_index(&state) {
            match before {
                Some(before) => state.newest.insert(table.to_owned(), before),
                None => state.newest.remove(table),
            };
            return Err(error);
        }
        self.remove_unneeded(&state);
        Ok(())
    }

    fn write_index(&self, state: &State) -> io::Result<()> {
        let bytes = serde_json::to_vec(&state.newest).map_err(io::Error::other)?;
        self.0.disk.replace(&self.0.folder.join(INDEX), &bytes)
    }

    /// Tables that are configured; what is known of others is forgotten.
    pub fn keep_tables(&self, tables: &BTreeSet<&str>) {
        let mut state = self.state();
        let before = state.newest.len();
        state.newest.retain(|name, _| tables.contains(name.as_str()));
        if state.newest.len() != before {
            if let Err(error) = self.write_index(&state) {
                tracing::warn!(%error, "tables that are gone cannot be forgotten now");
            }
            self.remove_unneeded(&state);
        }
    }

    /// Versions that rules need for their next start, besides the newest of each table. Nothing is
    /// removed before they have said so.
    pub fn keep_versions(&self, needed: &BTreeSet<Arc<str>>) {
        let mut state = self.state();
        state.needed = Some(needed.clone());
        self.remove_unneeded(&state);
    }

    fn remove_unneeded(&self, state: &State) {
        let Some(needed) = &state.needed else { return };
        let Ok(names) = self.0.disk.list(&self.0.folder) else { return };
        for name in names {
            let version = name.to_str().and_then(|name| name.strip_suffix(&format!(".{ENDING}")));
            let Some(version) = version else { continue };
            let newest = state.newest.values().any(|newest| *newest.version == *version);
            if !newest
                && !needed.contains(version)
                && let Err(error) = self.0.disk.remove(&self.0.folder.join(&name))
            {
                tracing::warn!(%error, version, "a version of a table cannot be removed now");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_env::SystemDisk;
    use tagwerk_model::ColumnType;

    fn table(columns: usize) -> Table {
        let names: Vec<String> = (0..columns).map(|n| format!("c{n}")).collect();
        Table::without_rows(names.iter().map(|name| (name.as_str(), ColumnType::Int64)))
    }

    fn put(store: &Store, name: &str, columns: usize) -> Arc<str> {
        let bytes = table(columns).encode();
        let version = version_of(&bytes);
        let newest = Newest { version: version.clone(), read_unix_ns: 1, source: "s".to_owned() };
        store.put(name, &bytes, newest).unwrap();
        version
    }

    #[test]
    fn versions_stay_while_somebody_needs_them() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let store = Store::open(&disk, folder.path()).unwrap();
        let (one, two) = (put(&store, "t", 1), put(&store, "t", 2));
        assert_eq!(store.load(&one), Some(table(1)));
        store.keep_versions(&[one.clone()].into());
        let three = put(&store, "t", 3);
        assert_eq!((store.load(&one).is_some(), store.load(&two).is_some()), (true, false));
        store.keep_versions(&BTreeSet::new());
        assert_eq!((store.load(&one).is_some(), store.load(&three).is_some()), (false, true));
        let again = Store::open(&disk, folder.path()).unwrap();
        assert_eq!(again.newest("t").unwrap().version, three);
        again.keep_tables(&BTreeSet::new());
        assert_eq!(again.newest("t"), None);
        // Rules have not said yet what they need.
        assert!(again.load(&three).is_some());
    }

    #[test]
    fn a_damaged_version_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let store = Store::open(&disk, folder.path()).unwrap();
        let version = put(&store, "t", 1);
        let path = folder.path().join(format!("{version}.table"));
        let mut bytes = disk.read(&path, 1_000).unwrap();
        bytes[9] ^= 1;
        disk.replace(&path, &bytes).unwrap();
        assert_eq!(store.load(&version), None);
        for name in ["../secret", "", "newest.json"] {
            assert_eq!(store.load(name), None);
        }
        assert_eq!(put(&store, "t", 1), version);
        assert!(store.load(&version).is_some());
    }
}
