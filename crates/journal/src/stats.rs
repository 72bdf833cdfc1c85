//! Counters, and what they look like from outside.

use crate::{Stream, lock};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    pub epoch: u32,
    pub samples: StreamStats,
    pub outputs: StreamStats,
    pub record: StreamStats,
}

impl Stats {
    pub fn stream(&self, stream: Stream) -> &StreamStats {
        match stream {
            Stream::Samples => &self.samples,
            Stream::Outputs => &self.outputs,
            Stream::Record => &self.record,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// First sequence that is still stored, the next to be given out, and the first that is not
    /// proven to be on disk.
    pub oldest: u64,
    pub end: u64,
    pub committed: u64,
    pub segments: usize,
    pub bytes: u64,
    pub appends: u64,
    pub appended_bytes: u64,
    /// Sequence numbers removed by limits or a full disk.
    pub dropped: u64,
    pub syncs: u64,
    pub sync_failures: u64,
    pub write_failures: u64,
    /// Appends that met a full disk.
    pub full: u64,
    pub read_failures: u64,
    /// The latest write or sync failed and none has succeeded since.
    pub failing: bool,
    pub last_error: Option<String>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub appends: AtomicU64,
    pub appended_bytes: AtomicU64,
    pub dropped: AtomicU64,
    pub syncs: AtomicU64,
    pub sync_failures: AtomicU64,
    pub write_failures: AtomicU64,
    pub read_failures: AtomicU64,
    pub full: AtomicU64,
    pub failing: AtomicBool,
    pub last_error: Mutex<Option<String>>,
}

impl Counters {
    pub fn appended(&self, count: u32, bytes: usize) {
        self.appends.fetch_add((count > 0) as u64, Ordering::Relaxed);
        self.appended_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn failed_write(&self, error: &io::Error) {
        self.write_failures.fetch_add(1, Ordering::Relaxed);
        self.failed(error);
    }

    pub fn failed_sync(&self, error: &io::Error) {
        self.sync_failures.fetch_add(1, Ordering::Relaxed);
        self.failed(error);
    }

    fn failed(&self, error: &io::Error) {
        *lock(&self.last_error) = Some(error.to_string());
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the journal's disk fails");
        }
    }

    pub fn synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the journal's disk works again");
        }
    }
}
