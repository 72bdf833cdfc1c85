//! Parts of objects that were fetched, kept in a folder within a bound. Whatever lies there may be
//! removed at any time, and nothing of it is believed before its checksum.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk};

/// Behind the bytes: their CRC-32C, little endian.
const CHECKSUM_BYTES: usize = 4;
const STAGED_SUFFIX: &str = ".new";
/// The rest of the disk is for what must not be lost.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;

pub(crate) struct Parts {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name: bytes on disk, and when it was used last.
    known: HashMap<String, (u64, u64)>,
    /// Names by when they were used last.
    by_use: BTreeMap<u64, String>,
    bytes: u64,
    uses: u64,
    looked: bool,
}

impl State {
    fn insert(&mut self, name: &str, bytes: u64) {
        self.remove(name);
        self.uses += 1;
        self.known.insert(name.to_owned(), (bytes, self.uses));
        self.by_use.insert(self.uses, name.to_owned());
        self.bytes += bytes;
    }

    fn remove(&mut self, name: &str) -> Option<u64> {
        let (bytes, used) = self.known.remove(name)?;
        self.by_use.remove(&used);
        self.bytes -= bytes;
        Some(bytes)
    }
}

impl Parts {
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, bytes_max: u64) -> Parts {
        Parts { disk, folder: folder.to_owned(), bytes_max, state: Mutex::default() }
    }

    /// The part of this name, when it is there with this length and whole.
    pub fn get(&self, name: &str, length: usize) -> Option<Vec<u8>> {
        let mut state = self.looked();
        let bytes = state.remove(name)?;
        state.insert(name, bytes);
        drop(state);
        let read = self.read(name, length);
        if read.is_none() {
            self.looked().remove(name);
            let _ = self.disk.remove(&self.folder.join(name));
        }
        read
    }

    fn read(&self, name: &str, length: usize) -> Option<Vec<u8>> {
        let file = self.disk.open(&self.folder.join(name), Access::Read).ok()?;
        let whole = length.checked_add(CHECKSUM_BYTES)?;
        if file.length().ok()? != whole as u64 {
            return None;
        }
        let mut bytes = vec![0; whole];
        if file.read_at(&mut bytes, 0).ok()? != whole {
            return None;
        }
        let checksum = bytes.split_off(length);
        (checksum == crc32c::crc32c(&bytes).to_le_bytes()).then_some(bytes)
    }

    /// Keeps a part, and removes what was not used for longest. That it fails costs only time.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let size = (bytes.len() + CHECKSUM_BYTES) as u64;
        if size > self.bytes_max {
            return;
        }
        let mut state = self.looked();
        while state.bytes + size > self.bytes_max {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            state.remove(&oldest);
            let _ = self.disk.remove(&self.folder.join(oldest));
        }
        match self.write(name, bytes) {
            Ok(()) => state.insert(name, size),
            Err(error) => {
                tracing::debug!(%error, "a part of the archive is not kept");
                let _ = self.disk.remove(&self.staged(name));
            }
        }
    }

    fn staged(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{STAGED_SUFFIX}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.create_directories(&self.folder)?;
        let free = self.disk.free_bytes(&self.folder)?;
        if free < FREE_BYTES_MIN + bytes.len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let staged = self.staged(name);
        let _ = self.disk.remove(&staged);
        let file = self.disk.open(&staged, Access::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.write_all_at(&crc32c::crc32c(bytes).to_le_bytes(), bytes.len() as u64)?;
        self.disk.rename(&staged, &self.folder.join(name))
    }

    /// With what lay in the folder before, as if it had been used in the order of the names.
    fn looked(&self) -> parking_lot::MutexGuard<'_, State> {
        let mut state = self.state.lock();
        if state.looked {
            return state;
        }
        state.looked = true;
        let mut names = self.disk.list(&self.folder).unwrap_or_default();
        names.sort();
        for name in names {
            let path = self.folder.join(&name);
            let length = self.disk.open(&path, Access::Read).and_then(|file| file.length());
            match (name.to_str(), length) {
                (Some(name), Ok(length)) if !name.ends_with(STAGED_SUFFIX) => {
                    state.insert(name, length);
                }
                _ => drop(self.disk.remove(&path)),
            }
        }
        state
    }
}
