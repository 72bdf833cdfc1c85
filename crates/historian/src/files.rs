//! Open descriptors and directory pages, both bounded, shared by all segments of a historian.

use crate::entry::Page;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tagwerk_env::{Access, Disk, DiskFile};

/// Segments whose files are open at once; the one opened first is closed for another.
const DESCRIPTORS_MAX: usize = 64;
/// Pages of directories kept in memory, about 4 KiB each; the one read first makes room.
const PAGES_MAX: usize = 1_024;

pub(crate) struct Files {
    pub disk: Arc<dyn Disk>,
    open: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    held: HashMap<(u64, u32), Arc<Page>>,
    order: VecDeque<(u64, u32)>,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>) -> Arc<Files> {
        Arc::new(Files { disk, open: Mutex::default(), pages: Mutex::default() })
    }

    /// The segment's file, opened for reading.
    pub fn open(&self, ordinal: u64, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if let Some((_, file)) = self.open.lock().iter().find(|(held, _)| *held == ordinal) {
            return Ok(file.clone());
        }
        let file: Arc<dyn DiskFile> = self.disk.open(path, Access::Read)?.into();
        let mut open = self.open.lock();
        while open.len() >= DESCRIPTORS_MAX {
            open.pop_front();
        }
        open.push_back((ordinal, file.clone()));
        Ok(file)
    }

    pub fn close(&self, ordinal: u64) {
        self.open.lock().retain(|(held, _)| *held != ordinal);
    }

    pub fn page(&self, ordinal: u64, number: u32) -> Option<Arc<Page>> {
        self.pages.lock().held.get(&(ordinal, number)).cloned()
    }

    pub fn keep_page(&self, ordinal: u64, number: u32, page: &Arc<Page>) {
        let mut pages = self.pages.lock();
        let key = (ordinal, number);
        if pages.held.insert(key, page.clone()).is_some() {
            return;
        }
        pages.order.push_back(key);
        let oldest = (pages.order.len() > PAGES_MAX).then(|| pages.order.pop_front()).flatten();
        let gone = oldest.and_then(|oldest| pages.held.remove(&oldest));
        drop(pages);
        // Memory is given back while nobody waits.
        drop(gone);
    }
}
