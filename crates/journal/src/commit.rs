//! Group commit: when and how appended data is proven to be on disk. A failed fdatasync is never
//! tried again on the same file (Linux may have dropped the pages and report success next time,
//! "fsyncgate"); the stream goes on in a new segment.

use crate::log::{Commits, Log, flush_pending};
use crate::segment::{Segment, is_media};
use crate::{CommitError, Durability, Stream, lock};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tagwerk_env::{Access, Clock, Disk, DiskFile, Moment};

/// Leaves time for the sync itself within the class's promise (200 ms and 5 s).
const NORMAL_WAIT: Duration = Duration::from_millis(150);
const RELAXED_WAIT: Duration = Duration::from_millis(4500);

impl Log {
    pub fn committed(&self) -> u64 {
        self.commits.borrow().committed
    }

    /// Returns when everything below `end` is on disk.
    pub fn commit_to(&self, end: u64) -> Result<(), CommitError> {
        let gate = lock(&self.gate);
        if self.committed() >= end {
            return Ok(());
        }
        self.sync_gated(gate)
    }

    /// Syncs whatever was written; a no-op when nothing was.
    pub fn commit(&self) -> Result<(), CommitError> {
        let gate = lock(&self.gate);
        if !self.dirty.load(Ordering::Acquire) {
            return Ok(());
        }
        self.sync_gated(gate)
    }

    /// After a failure the new segment is synced at once: until then the kernel may hold the only
    /// copy, and after a restart it would call that synced.
    fn sync_gated(&self, _gate: MutexGuard<'_, ()>) -> Result<(), CommitError> {
        self.sync_once().inspect_err(|_| {
            let _again = self.sync_once();
        })
    }

    fn sync_once(&self) -> Result<(), CommitError> {
        let mut w = lock(&self.writer);
        let (target, frames) = (w.next, w.frames);
        self.dirty.store(false, Ordering::Release);
        if w.active.is_none() && w.rewrite_from.is_some() {
            self.create(&mut w, 0, false).map_err(|error| {
                self.dirty.store(true, Ordering::Release);
                self.counters.failed_write(&error);
                self.failed(&error)
            })?;
        }
        if let Err(error) = flush_pending(&mut w) {
            self.seal(&mut w);
            self.counters.failed_write(&error);
        }
        let sealed = w.sealed.clone();
        let active = w.active.as_ref().map(|active| (active.segment.clone(), active.file.clone()));
        let directory = std::mem::take(&mut w.directory_dirty) || !w.unproven.is_empty();
        let unproven = w.unproven.clone();
        drop(w);

        let files: Vec<(Arc<Segment>, Arc<dyn DiskFile>)> =
            sealed.iter().cloned().chain(active).collect();
        let disk = &*self.shared.env.disk;
        let copied = unproven.iter().try_for_each(|segment| copy_in_place(disk, &segment.path));
        let mut outcome =
            copied.and_then(|()| files.iter().try_for_each(|(_, file)| file.sync_data()));
        if directory && outcome.is_ok() {
            outcome = disk.sync_directory(&self.folder);
        }
        if outcome.is_ok() && self.shared.root_dirty.load(Ordering::Acquire) {
            outcome = disk.sync_directory(&self.shared.directory);
            self.shared.root_dirty.store(outcome.is_err(), Ordering::Release);
        }
        if let Err(error) = outcome {
            return Err(self.sync_failed(target, &error));
        }
        let mut w = lock(&self.writer);
        for segment in unproven.iter().chain(files.iter().map(|(segment, _)| segment)) {
            segment.set_durable();
        }
        w.unproven.retain(|segment| !unproven.iter().any(|done| Arc::ptr_eq(done, segment)));
        w.sealed.retain(|(segment, _)| !sealed.iter().any(|(done, _)| Arc::ptr_eq(done, segment)));
        drop(w);
        self.counters.synced();
        self.commits.send_modify(|commits| {
            commits.committed = commits.committed.max(target);
            commits.frames = commits.frames.max(frames);
        });
        Ok(())
    }

    /// Writes what is not proven and still in memory into a new segment.
    fn sync_failed(&self, target: u64, error: &io::Error) -> CommitError {
        self.counters.failed_sync(error);
        let mut w = lock(&self.writer);
        let mut unsynced: Vec<_> = w.sealed.drain(..).map(|(segment, _)| segment).collect();
        unsynced.extend(w.active.take().map(|active| active.segment));
        w.pending.clear();
        w.directory_dirty = true;
        let committed = self.committed();
        w.rewrite_from = Some(committed.min(w.rewrite_from.unwrap_or(committed)));
        if let Err(error) = self.create(&mut w, 0, false) {
            self.counters.failed_write(&error);
        }
        // What memory no longer held stays where it is and has to be proven by a copy.
        let held_from = match &w.active {
            Some(active) => active.segment.first_seq(),
            None => lock(&self.tail).ring_from(),
        };
        if held_from > committed {
            w.unproven.extend(unsynced.into_iter().filter(|s| s.first_seq() < held_from));
        }
        self.dirty.store(true, Ordering::Release);
        drop(w);
        self.commits.send_modify(|commits| {
            commits.failures += 1;
            commits.failed_to = target;
            commits.cause = error.to_string();
        });
        self.failed(error)
    }

    fn failed(&self, error: &io::Error) -> CommitError {
        CommitError::Failed { stream: self.stream, cause: error.to_string() }
    }

    /// Waits until `seq` is on disk; somebody else syncs.
    pub async fn wait_durable(&self, seq: u64) -> Result<(), CommitError> {
        self.wait(|now| now.committed > seq, |now| seq < now.failed_to).await
    }

    /// Waits until so many frames of this run are on disk; somebody else syncs.
    pub async fn wait_frames(&self, frames: u64) -> Result<(), CommitError> {
        self.wait(|now| now.frames >= frames, |_| true).await
    }

    async fn wait(
        &self,
        done: impl Fn(&Commits) -> bool,
        concerned: impl Fn(&Commits) -> bool,
    ) -> Result<(), CommitError> {
        let mut commits = self.commits.subscribe();
        let failures = commits.borrow_and_update().failures;
        loop {
            {
                let now = commits.borrow_and_update();
                if done(&now) {
                    return Ok(());
                }
                if now.failures > failures && concerned(&now) {
                    let (stream, cause) = (self.stream, now.cause.clone());
                    return Err(CommitError::Failed { stream, cause });
                }
            }
            if self.closed.load(Ordering::Acquire) || commits.changed().await.is_err() {
                let finished = done(&self.commits.borrow());
                return if finished { Ok(()) } else { Err(CommitError::Closed) };
            }
        }
    }
}

/// A segment whose sync failed is not synced again: a copy takes its place.
fn copy_in_place(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let staged = path.with_extension("new");
    let from = match disk.open(path, Access::Read) {
        // Dropped in the meantime.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    match disk.remove(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let to = disk.open(&staged, Access::CreateNew)?;
    let mut chunk = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let got = match from.read_at(&mut chunk, at) {
            Err(error) if is_media(&error) => {
                // Nothing more can be done for it; readers will report what is missing.
                tracing::error!(path = %path.display(), %error, "lost what was not synced");
                return disk.remove(&staged);
            }
            other => other?,
        };
        if got == 0 {
            break;
        }
        to.write_all_at(&chunk[..got], at)?;
        at += got as u64;
    }
    to.sync_data()?;
    disk.rename(&staged, path)
}

/// What the commit thread is asked for.
#[derive(Default)]
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Set while a stream is in the queue, so that an append costs one atomic read.
    queued: [AtomicBool; 3],
}

#[derive(Default)]
struct Queue {
    dirty_since: [Option<Moment>; 3],
    wanted: [bool; 3],
    stop: bool,
}

impl Committer {
    /// The stream has unsynced data.
    pub fn note(&self, stream: Stream, clock: &dyn Clock) {
        if !self.queued[stream.index()].swap(true, Ordering::AcqRel) {
            let mut queue = lock(&self.queue);
            queue.dirty_since[stream.index()].get_or_insert(clock.now());
            self.changed.notify_one();
        }
    }

    /// Somebody waits for the stream.
    pub fn want(&self, stream: Stream) {
        lock(&self.queue).wanted[stream.index()] = true;
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        lock(&self.queue).stop = true;
        self.changed.notify_one();
    }

    /// The commit thread.
    pub fn run(&self, logs: &[Arc<Log>; 3]) {
        while let Some(due) = self.next_due(logs) {
            for log in due.iter().filter_map(|index| logs.get(*index)) {
                self.queued[log.stream.index()].store(false, Ordering::Release);
                // A failure is counted, logged and told to the waiters; the stream has gone on in a
                // new segment, which the next round syncs.
                if log.commit().is_err() && !log.closed.load(Ordering::Acquire) {
                    self.note(log.stream, &*log.shared.env.clock);
                }
            }
        }
    }

    /// Waits; streams to sync now, or none when it is time to stop.
    fn next_due(&self, logs: &[Arc<Log>; 3]) -> Option<Vec<usize>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stop {
                return None;
            }
            let mut due = Vec::new();
            let mut wait = None;
            for (index, log) in logs.iter().enumerate() {
                let left = queue.dirty_since[index].map(|since| {
                    let allowed = match log.options.durability {
                        Durability::Relaxed => RELAXED_WAIT,
                        Durability::Strict | Durability::Normal => NORMAL_WAIT,
                    };
                    allowed.saturating_sub(log.shared.env.clock.now().since(since))
                });
                if queue.wanted[index] || left == Some(Duration::ZERO) {
                    due.push(index);
                } else {
                    wait = [wait, left].into_iter().flatten().min();
                }
            }
            if !due.is_empty() {
                for index in &due {
                    queue.wanted[*index] = false;
                    queue.dirty_since[*index] = None;
                }
                return Some(due);
            }
            queue = match wait {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    let waited = self.changed.wait_timeout(queue, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
