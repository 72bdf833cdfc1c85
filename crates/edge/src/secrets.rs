//! The edge's secrets: sealed in the store with a key of their own, opened for the component that names
//! one, and shown to nobody.

use crate::private_file;
use crate::store::{SecretRow, Store, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tagwerk_api::routes::SECRET_BYTES_MAX;
use tagwerk_auth::{KEY_BYTES, Random, SealKey};
use tagwerk_component::{SecretText, Secrets};
use tagwerk_env::{Clock, Disk, Env};

/// The key's file in the data directory; without it the store tells nothing.
pub const KEY_FILE: &str = "secrets.key";
/// Secrets of one edge. More: refused.
const SECRETS_MAX: usize = 1_000;
/// As long as a component may name one.
const NAME_BYTES_MAX: usize = 128;
/// A shorter secret is part of too many innocent words to be blotted out of them.
const BLOT_BYTES_MIN: usize = 4;
const BLOT: &str = "•••";
/// Values remembered for blotting.
const WORDS_MAX: usize = 2 * SECRETS_MAX;

#[derive(Debug)]
pub enum SecretRefused {
    /// The name or the value cannot be taken.
    Choice(String),
    Limit(String),
    NotFound(String),
    Key(io::Error),
    Store(StoreError),
}

impl fmt::Display for SecretRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRefused::Choice(text)
            | SecretRefused::Limit(text)
            | SecretRefused::NotFound(text) => f.write_str(text),
            SecretRefused::Key(error) => {
                write!(f, "the key file {KEY_FILE} cannot be written: {error}")
            }
            SecretRefused::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SecretRefused {}

/// A secret as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEntry {
    pub name: String,
    pub revision: u64,
    pub changed_unix_ns: i64,
    pub changed_by: String,
}

/// A secret in clear, on its way into a backup or out of one.
pub struct ClearSecret {
    pub name: String,
    pub value: SecretText,
    pub changed_unix_ns: i64,
    pub changed_by: String,
}

pub struct SecretStore {
    store: Store,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    path: PathBuf,
    state: RwLock<State>,
    /// What is blotted out of foreign words: every value of this run, replaced ones too. Apart from the state, so that whoever logs while that is locked does not wait for itself.
    words: RwLock<Words>,
}

#[derive(Default)]
struct Words {
    /// In the order in which they became known.
    known: VecDeque<SecretText>,
    longest_first: Arc<Vec<SecretText>>,
}

#[derive(Default)]
struct State {
    key: Option<SealKey>,
    rows: BTreeMap<String, SecretRow>,
}

impl SecretStore {
    /// A key that is missing or damaged is no reason not to start: what it sealed must be set again.
    pub fn open(
        env: &Env,
        data: &Path,
        store: Store,
        random: Arc<dyn Random>,
    ) -> Result<SecretStore, StoreError> {
        let secrets = SecretStore {
            store,
            disk: env.disk.clone(),
            clock: env.clock.clone(),
            random,
            path: data.join(KEY_FILE),
            state: RwLock::default(),
            words: RwLock::default(),
        };
        *secrets.write() = secrets.load()?;
        secrets.learn();
        Ok(secrets)
    }

    /// Lets others exchange key and rows while nobody else uses them, and reads them anew.
    pub fn replaced(
        &self,
        exchange: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut state = self.write();
        let result = exchange();
        *state = self.load()?;
        drop(state);
        self.learn();
        result
    }

    /// Takes the values that are new among the words to blot out.
    fn learn(&self) {
        let state = self.read();
        let values: Vec<SecretText> =
            state.rows.keys().filter_map(|name| state.open(name).ok()).collect();
        drop(state);
        let mut words = self.words.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for value in values {
            if value.expose().len() >= BLOT_BYTES_MIN && !words.known.contains(&value) {
                words.known.push_back(value);
            }
            // Those that are stored are far fewer: what goes was replaced long ago.
            if words.known.len() > WORDS_MAX {
                words.known.pop_front();
            }
        }
        let mut sorted: Vec<SecretText> = words.known.iter().cloned().collect();
        sorted.sort_by_key(|word| std::cmp::Reverse(word.expose().len()));
        words.longest_first = Arc::new(sorted);
    }

    fn words(&self) -> Arc<Vec<SecretText>> {
        let words = self.words.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        words.longest_first.clone()
    }

    fn load(&self) -> Result<State, StoreError> {
        let rows = self.store.secrets()?;
        let rows = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        Ok(State { key: read_key(&*self.disk, &self.path), rows })
    }

    pub fn list(&self) -> Vec<SecretEntry> {
        self.read().rows.values().map(entry).collect()
    }

    pub fn holds(&self, name: &str) -> bool {
        self.read().rows.contains_key(name)
    }

    /// Changes whenever the secret does; 0 for one that is not there.
    pub fn revision(&self, name: &str) -> u64 {
        self.read().rows.get(name).map_or(0, |row| row.revision)
    }

    /// Adds a secret or replaces one; once it returns well, it is on disk. Blocking.
    pub fn set(&self, name: &str, value: &str, by: &str) -> Result<SecretEntry, SecretRefused> {
        check_name(name)?;
        if value.is_empty() || value.len() > SECRET_BYTES_MAX {
            return Err(SecretRefused::Choice(format!(
                "a secret must have 1 to {SECRET_BYTES_MAX} bytes"
            )));
        }
        let mut state = self.write();
        if state.rows.len() >= SECRETS_MAX && !state.rows.contains_key(name) {
            return Err(SecretRefused::Limit(format!("an edge has at most {SECRETS_MAX} secrets")));
        }
        let key = match state.key.take() {
            Some(key) => key,
            None => self.make_key().map_err(SecretRefused::Key)?,
        };
        let key = state.key.insert(key);
        let mut row = SecretRow {
            revision: 0,
            name: name.to_owned(),
            sealed: key.seal(&*self.random, name, value.as_bytes()),
            changed_unix_ns: self.clock.wall().unix_ns,
            changed_by: by.to_owned(),
        };
        row.revision = self.store.put_secret(&row).map_err(SecretRefused::Store)?;
        let entry = entry(&row);
        state.rows.insert(row.name.clone(), row);
        drop(state);
        self.learn();
        Ok(entry)
    }

    /// Blocking.
    pub fn remove(&self, name: &str) -> Result<(), SecretRefused> {
        let mut state = self.write();
        if !state.rows.contains_key(name) {
            return Err(SecretRefused::NotFound(format!("the edge holds no secret {name}")));
        }
        self.store.remove_secret(name).map_err(SecretRefused::Store)?;
        state.rows.remove(name);
        Ok(())
    }

    /// All that can be opened, in clear; for the backup.
    pub fn reveal(&self) -> Vec<ClearSecret> {
        let state = self.read();
        let clear = |row: &SecretRow| {
            Some(ClearSecret {
                name: row.name.clone(),
                value: state.open(&row.name).ok()?,
                changed_unix_ns: row.changed_unix_ns,
                changed_by: row.changed_by.clone(),
            })
        };
        state.rows.values().filter_map(clear).collect()
    }

    /// The text without any secret that it may contain, for words that come from elsewhere.
    pub fn redact(&self, mut text: String) -> String {
        for word in self.words().iter() {
            if text.contains(word.expose()) {
                text = text.replace(word.expose(), BLOT);
            }
        }
        text
    }

    /// The bytes with `None` where a secret stands among them.
    pub fn blot(&self, bytes: &[u8]) -> Vec<Option<u8>> {
        let mut blotted: Vec<Option<u8>> = bytes.iter().copied().map(Some).collect();
        for word in self.words().iter() {
            let word = word.expose().as_bytes();
            for (at, part) in bytes.windows(word.len()).enumerate() {
                if part == word {
                    blotted[at..at + word.len()].fill(None);
                }
            }
        }
        blotted
    }

    fn make_key(&self) -> io::Result<SealKey> {
        let bytes = SealKey::generate(&*self.random);
        private_file::write(&*self.disk, &self.path, &bytes)?;
        Ok(SealKey::new(&bytes))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        // Changed in single steps, the last of which makes it so.
        self.state.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Secrets for SecretStore {
    fn get(&self, name: &str) -> Result<SecretText, String> {
        self.read().open(name)
    }

    fn redact(&self, text: String) -> String {
        SecretStore::redact(self, text)
    }
}

impl State {
    fn open(&self, name: &str) -> Result<SecretText, String> {
        let row = self.rows.get(name).ok_or_else(|| {
            format!("the edge holds no secret `{name}`; store it with `tagwerk secret set {name}`")
        })?;
        let text = self.key.as_ref().and_then(|key| key.open(name, &row.sealed));
        let text = text.and_then(|text| String::from_utf8(text).ok()).ok_or_else(|| {
            format!(
                "the secret `{name}` was sealed with another {KEY_FILE}; put that file back, or \
                 store the secret again with `tagwerk secret set {name}`"
            )
        })?;
        Ok(SecretText::new(text))
    }
}

/// Rows as `secrets` would be stored, sealed with a new key, and that key.
pub fn seal_all(random: &dyn Random, secrets: &[ClearSecret]) -> ([u8; KEY_BYTES], Vec<SecretRow>) {
    let bytes = SealKey::generate(random);
    let key = SealKey::new(&bytes);
    let row = |secret: &ClearSecret| SecretRow {
        revision: 0,
        name: secret.name.clone(),
        sealed: key.seal(random, &secret.name, secret.value.expose().as_bytes()),
        changed_unix_ns: secret.changed_unix_ns,
        changed_by: secret.changed_by.clone(),
    };
    let rows = secrets.iter().map(row).collect();
    (bytes, rows)
}

fn entry(row: &SecretRow) -> SecretEntry {
    SecretEntry {
        name: row.name.clone(),
        revision: row.revision,
        changed_unix_ns: row.changed_unix_ns,
        changed_by: row.changed_by.clone(),
    }
}

pub fn check_name(name: &str) -> Result<(), SecretRefused> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if plain && (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(SecretRefused::Choice(format!(
        "the name of a secret must have 1 to {NAME_BYTES_MAX} letters, digits or any of . _ -"
    )))
}

fn read_key(disk: &dyn Disk, path: &Path) -> Option<SealKey> {
    let bytes = match disk.read(path, 1024) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(%error, "the key of the secrets cannot be read");
            return None;
        }
    };
    if let Ok(bytes) = <[u8; KEY_BYTES]>::try_from(&bytes[..]) {
        return Some(SealKey::new(&bytes));
    }
    // Kept: it may be the torn copy of a backup that somebody can put right.
    let aside = path.with_extension("key.damaged");
    tracing::error!(aside = %aside.display(), "the key of the secrets is damaged and was put aside");
    if let Err(error) = disk.rename(path, &aside) {
        tracing::error!(%error, "the damaged key cannot be put aside");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_auth::SystemRandom;

    fn open(data: &Path) -> SecretStore {
        let store = Store::open(data).unwrap();
        SecretStore::open(&Env::system(), data, store, Arc::new(SystemRandom)).unwrap()
    }

    #[test]
    fn a_secret_is_sealed_on_disk_and_comes_back_to_its_component() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = open(folder.path());
        assert!(secrets.get("mqtt").unwrap_err().contains("holds no secret `mqtt`"));
        let first = secrets.set("mqtt", "kanarienvogel", "anna").unwrap();
        assert_eq!(secrets.get("mqtt").unwrap().expose(), "kanarienvogel");
        let second = secrets.set("mqtt", "zeisig-im-baum", "bert").unwrap();
        assert!(second.revision > first.revision);
        drop(secrets);
        let secrets = open(folder.path());
        assert_eq!(secrets.get("mqtt").unwrap().expose(), "zeisig-im-baum");
        assert_eq!(secrets.list(), [second]);
        for entry in folder.path().read_dir().unwrap() {
            let bytes = Env::system().disk.read(&entry.unwrap().path(), 1 << 24).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("kanarienvogel") && !text.contains("zeisig"));
        }
        let mode = std::os::unix::fs::MetadataExt::mode(
            &std::fs::metadata(folder.path().join(KEY_FILE)).unwrap(),
        );
        assert_eq!(mode & 0o777, 0o600);
        secrets.remove("mqtt").unwrap();
        assert!(matches!(secrets.remove("mqtt"), Err(SecretRefused::NotFound(_))));
    }

    #[test]
    fn without_its_key_a_secret_is_told_to_be_set_again() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).set("mqtt", "kanarienvogel", "anna").unwrap();
        let path = folder.path().join(KEY_FILE);
        let disk = Env::system().disk;
        disk.replace(&path, b"torn").unwrap();
        let secrets = open(folder.path());
        assert!(secrets.get("mqtt").unwrap_err().contains("another secrets.key"));
        secrets.set("opcua", "zeisig-im-baum", "anna").unwrap();
        assert_eq!(secrets.get("opcua").unwrap().expose(), "zeisig-im-baum");
        assert!(secrets.get("mqtt").is_err());
        assert_eq!(disk.read(&folder.path().join("secrets.key.damaged"), 9).unwrap(), b"torn");
    }

    #[test]
    fn names_and_values_have_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = open(folder.path());
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        for (name, value) in [("", "x"), ("a b", "x"), ("../x", "x"), ("a", ""), ("a", &long)] {
            let refused = secrets.set(name, value, "anna").unwrap_err();
            assert!(matches!(refused, SecretRefused::Choice(_)), "{name}");
        }
        secrets.set("a", &long[1..], "anna").unwrap();
    }

    #[test]
    fn foreign_words_are_told_without_the_secrets_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = open(folder.path());
        secrets.set("a", "kanarienvogel", "anna").unwrap();
        secrets.set("b", "no", "anna").unwrap();
        let text = secrets.redact("no user kanarienvogel at kanarienvogel".to_owned());
        assert_eq!(text, "no user ••• at •••");
        let blotted = secrets.blot(b"\x01kanarienvogel\x02");
        assert_eq!(blotted.iter().flatten().collect::<Vec<_>>(), [&1, &2]);
    }
}
