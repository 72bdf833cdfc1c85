//! The historian as its users see it.

use crate::recover::{Opened, Started, start};
use crate::segment::Directory;
use crate::state::State;
use crate::writer::{Writer, tell};
use crate::{HistoryError, OpenError, Options, Retention, TagInfo, Trouble};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_env::{Clock, Env, Moment, WallTime};
use tagwerk_journal::{Block, CommitError, Span};
use tagwerk_model::{SampleBatch, TagId};

/// A handle on the open history; clones share it. One thread appends and maintains, any number
/// read.
#[derive(Clone)]
pub struct Historian(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub options: Options,
    pub clock: Arc<dyn Clock>,
    pub state: Mutex<State>,
    pub writer: Mutex<Writer>,
    /// What is to be kept how long.
    pub retention: Mutex<Retention>,
    position: AtomicU64,
    /// What the writer said last: it may be busy with the disk for long.
    told: Mutex<Told>,
}

#[derive(Clone, Default)]
struct Told {
    failing: bool,
    last_error: Option<String>,
    growing_bytes: u64,
    compactions: u64,
}

/// What one call of [`Historian::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Groups of chunks were stored, or segments removed or merged.
    pub busy: bool,
    /// More is to be done at once.
    pub more: bool,
}

/// Figures for pages and metrics, since the start of the program where they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub position: u64,
    pub appended: u64,
    /// Samples that came again and were passed over.
    pub doubles: u64,
    pub missing: u64,
    pub sealed_chunks: u64,
    pub tags: usize,
    pub segments: usize,
    /// Bytes of all segments, the growing one included.
    pub bytes: u64,
    /// Bytes of sealed chunks that wait for the disk.
    pub pending_bytes: usize,
    /// Runs of compaction that came to their end.
    pub compactions: u64,
    pub failing: bool,
    pub last_error: Option<String>,
}

/// Chunks sealed under one hold of the lock that readers need too.
const SEAL_AT_ONCE: usize = 16;
/// Groups stored by one call of `maintain`.
const GROUPS_AT_ONCE: usize = 8;

impl Historian {
    /// Opens (or begins) the history in `folder`. Damaged data never makes this fail.
    pub fn open(
        env: &Env,
        folder: &Path,
        options: Options,
    ) -> Result<(Historian, Opened), OpenError> {
        let Started { state, writer, opened } = start(env, folder)?;
        let retention = Mutex::new(options.retention.clone());
        let inner = Inner {
            options,
            retention,
            clock: env.clock.clone(),
            state,
            writer: Mutex::new(writer),
            position: AtomicU64::new(opened.position),
            told: Mutex::default(),
        };
        Ok((Historian(Arc::new(inner)), opened))
    }

    /// The sequence number of the journal's `samples` below which everything is in segments that
    /// were synced and read again, or was reported missing. Never goes back while it is open, except
    /// for another journal ([`Historian::begin_era`]). After a restart it may begin a little lower,
    /// among samples that are stored: they are passed over when they come again.
    pub fn position(&self) -> u64 {
        self.0.position.load(Ordering::Acquire)
    }

    /// Takes the samples of a block, in the order of the journal. A sample that is there already is
    /// passed over. One thread at a time.
    pub fn append(&self, block: &Block, batch: &SampleBatch) -> Result<(), HistoryError> {
        let now = self.0.clock.now();
        self.0.state.lock().append(block, batch, now, &self.0.options)
    }

    /// The journal cannot give these numbers.
    pub fn missing(&self, span: Span) {
        let mut state = self.0.state.lock();
        let before = state.missing;
        state.missing(span.from, span.to);
        let samples = state.missing - before;
        drop(state);
        if samples > 0 {
            tell(&self.0.options, &Trouble::Missing { samples });
        }
    }

    /// These numbers were never samples.
    pub(crate) fn pass_over(&self, span: Span) {
        let mut state = self.0.state.lock();
        state.next_seq = state.next_seq.max(span.to);
    }

    /// Seals what is due, stores what was sealed, and does a step of what else there is to do. To
    /// be called by the thread that appends, after every few blocks and at least every second.
    ///
    /// `journal_committed(seq)` must return once everything below `seq` is durable in the journal:
    /// only that may be stored, for the rest may be given other numbers after a power cut.
    pub fn maintain(
        &self,
        journal_committed: &dyn Fn(u64) -> Result<(), CommitError>,
    ) -> Result<Maintained, HistoryError> {
        let now = self.0.clock.now();
        self.seal_due(now, false);
        let mut writer = self.0.writer.lock();
        writer.now.observe(now, self.0.clock.wall());
        if !writer.may_try() {
            return Ok(Maintained::default());
        }
        let outcome = self.store(&mut writer, now, journal_committed, false);
        let outcome = outcome.and_then(|mut stored| {
            writer.complete_unfinished(&self.0.state)?;
            self.note_position();
            let retention = self.0.retention.lock().clone();
            stored.more |= writer.upkeep(&self.0.state, &self.0.options, &retention);
            Ok(stored)
        });
        match &outcome {
            Ok(_) => writer.worked(&self.0.options),
            Err(HistoryError::Journal(_)) => {}
            Err(error) => writer.failed(error, &self.0.options),
        }
        self.note_told(&writer);
        outcome
    }

    /// From the next call of [`Historian::maintain`] on.
    pub fn set_retention(&self, retention: Retention) {
        *self.0.retention.lock() = retention;
    }

    fn note_told(&self, writer: &Writer) {
        *self.0.told.lock() = Told {
            failing: writer.failing.is_some(),
            last_error: writer.last_error.clone(),
            growing_bytes: writer.growing_bytes(),
            compactions: writer.upkeep.compactions,
        };
    }

    /// Seals and stores everything, for a clean stop. Afterwards [`Historian::position`] is the end
    /// of what was appended.
    pub fn seal_all(
        &self,
        journal_committed: &dyn Fn(u64) -> Result<(), CommitError>,
    ) -> Result<(), HistoryError> {
        let now = self.0.clock.now();
        let mut writer = self.0.writer.lock();
        loop {
            let more = self.seal_some(now, true);
            self.store(&mut writer, now, journal_committed, !more)?;
            if !more {
                break;
            }
        }
        writer.finish(&self.0.state);
        self.note_position();
        self.note_told(&writer);
        Ok(())
    }

    /// The journal is another one than before: it was deleted, or replaced. What comes from now on
    /// is kept beside what there is, and counts from 0.
    pub fn begin_era(&self) {
        let mut writer = self.0.writer.lock();
        writer.finish(&self.0.state);
        let mut state = self.0.state.lock();
        let era = state.era + 1;
        state.begin_era(era);
        drop(state);
        self.note_position();
    }

    /// Forgets what is not stored. The next append must begin at [`Historian::position`].
    pub(crate) fn reset(&self) {
        // What a panic left behind the last proven frame must not be written over in part.
        self.0.writer.lock().abandon(&self.0.state);
        self.0.state.lock().reset();
        self.note_position();
    }

    /// Tells what the journal knows of clocks of earlier starts of the machine; samples that were
    /// stamped before the clock was synchronised are read with the right times from then on.
    pub fn learn_clocks(&self, wall_time: &dyn Fn([u8; 16], Moment) -> Option<WallTime>) {
        let mut state = self.0.state.lock();
        let guessed: Vec<[u8; 16]> = state
            .guessed
            .iter()
            .filter(|boot| !state.learned.contains_key(*boot))
            .copied()
            .collect();
        for boot in guessed {
            if let Some(wall) = wall_time(boot, Moment(0)).filter(|wall| wall.synchronised) {
                state.learned.insert(boot, wall.unix_ns);
            }
        }
    }

    fn seal_due(&self, now: Moment, all: bool) {
        while self.seal_some(now, all) {}
    }

    /// Whether there may be more to seal.
    fn seal_some(&self, now: Moment, all: bool) -> bool {
        let mut state = self.0.state.lock();
        for _ in 0..SEAL_AT_ONCE {
            if state.pending_bytes >= self.0.options.pending_bytes_max && !all {
                return false;
            }
            if !state.seal_due(now, &self.0.options, all) {
                return false;
            }
        }
        true
    }

    fn store(
        &self,
        writer: &mut Writer,
        now: Moment,
        journal_committed: &dyn Fn(u64) -> Result<(), CommitError>,
        all: bool,
    ) -> Result<Maintained, HistoryError> {
        let options = &self.0.options;
        let mut maintained = Maintained::default();
        for round in 0.. {
            let end = {
                let state = self.0.state.lock();
                let due = state.pending_bytes >= options.group_bytes
                    || state.waiting_since().is_some_and(|at| now.since(at) >= options.group_after);
                state.pending_end().filter(|_| due || all)
            };
            let Some(end) = end else { break };
            if round >= GROUPS_AT_ONCE && !all {
                maintained.more = true;
                break;
            }
            journal_committed(end).map_err(HistoryError::Journal)?;
            maintained.busy |= writer.store(&self.0.state, options)?;
            self.note_position();
        }
        Ok(maintained)
    }

    fn note_position(&self) {
        let position = self.0.state.lock().position();
        self.0.position.store(position, Ordering::Release);
    }

    /// Every tag that history has samples of, or had.
    pub fn tags(&self) -> Vec<TagInfo> {
        self.0.state.lock().book.list()
    }

    pub fn tag(&self, tag: TagId) -> Option<TagInfo> {
        self.0.state.lock().book.get(tag)
    }

    pub fn stats(&self) -> Stats {
        let Told { failing, last_error, growing_bytes, compactions } = self.0.told.lock().clone();
        let state = self.0.state.lock();
        let bytes: u64 = state.segments.iter().map(|segment| segment.bytes).sum();
        Stats {
            position: self.position(),
            appended: state.appended,
            doubles: state.doubles,
            missing: state.missing,
            sealed_chunks: state.sealed_chunks,
            tags: state.book.len(),
            segments: state.segments.len() + usize::from(state.growing.is_some()),
            bytes: bytes + growing_bytes,
            pending_bytes: state.pending_bytes,
            compactions,
            failing,
            last_error,
        }
    }

    /// Segments that have no footer yet; for tests.
    #[doc(hidden)]
    pub fn unfinished(&self) -> usize {
        let segments = self.0.state.lock().segments.clone();
        segments.iter().filter(|s| matches!(s.directory, Directory::Memory(_))).count()
    }
}
