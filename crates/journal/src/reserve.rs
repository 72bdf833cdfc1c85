//! Space that is kept for when there is none: a preallocated file, removed on a full disk so that `record`
//! and the configuration can still be saved, and made again when there is room.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_env::{Access, Disk};

pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bytes: u64,
    held: AtomicBool,
}

impl Reserve {
    /// Finds the file of an earlier run; makes none yet.
    pub fn find(disk: Arc<dyn Disk>, directory: &Path, bytes: u64) -> Reserve {
        let path = directory.join("reserve");
        let length = disk.open(&path, Access::Read).and_then(|file| file.length());
        let held = bytes > 0 && length.is_ok_and(|length| length >= bytes);
        Reserve { disk, path, bytes, held: AtomicBool::new(held) }
    }

    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Gives the space back to the file system. Returns whether there was any.
    pub fn release(&self) -> bool {
        if !self.held.swap(false, Ordering::AcqRel) {
            return false;
        }
        match self.disk.remove(&self.path) {
            Ok(()) => {
                tracing::warn!("the disk is full; the reserved space is used now");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the reserved space cannot be given back");
                false
            }
        }
    }

    /// Makes it again when twice as much is free, so that it does not take the last space itself.
    pub fn renew(&self) {
        if self.bytes == 0 || self.is_held() {
            return;
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let room = self.disk.free_bytes(folder).is_ok_and(|free| free / 2 >= self.bytes);
        if room && self.make().is_ok() {
            self.held.store(true, Ordering::Release);
        }
    }

    fn make(&self) -> io::Result<()> {
        match self.disk.remove(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.open(&self.path, Access::CreateNew)?;
        file.preallocate(self.bytes).inspect_err(|_| {
            // A part of it is no reserve.
            let _ = self.disk.remove(&self.path);
        })
    }
}
