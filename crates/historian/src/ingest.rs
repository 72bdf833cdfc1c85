//! The thread that feeds history from the journal.

use crate::historian::Historian;
use crate::writer::tell;
use crate::{HistoryError, Trouble};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{
    Block, CommitError, Cursor, Item, Journal, MissingReason, Reader, ReaderFilter, Stream,
};
use tagwerk_model::{SampleBatch, TagSet, codec, limits};
use tokio::sync::watch;

/// The journal's cursor that stands where history has everything below.
pub const CURSOR: &str = "history";

/// How long after a sample a query may still not see it.
const IDLE: Duration = Duration::from_millis(100);
/// Wait when history cannot take or store anything.
const BLOCKED: Duration = Duration::from_millis(500);
/// Blocks between two calls of `maintain`.
const BLOCKS_AT_ONCE: usize = 64;
/// So many times `BLOCKS_AT_ONCE` are taken after `stop`.
const ROUNDS_AT_STOP: usize = 16;
/// The cursor costs a frame of the journal each time.
const CURSOR_EVERY: Duration = Duration::from_secs(10);
/// The journal's clocks are asked about earlier starts of the machine this often.
const CLOCKS_EVERY: Duration = Duration::from_secs(10);

/// Feeds `historian` with the stream `samples` of `journal` from [`Historian::position`] on, until
/// `stop` is true or its sender is gone; then seals everything. Blocking: runs on a thread of its
/// own. Errors of the disk and panics do not end it; it waits and goes on where everything is known
/// to be stored.
pub fn run_ingest(
    historian: &Historian,
    journal: &Journal,
    env: &Env,
    stop: watch::Receiver<bool>,
) {
    if historian.position() > journal.end(Stream::Samples) {
        tracing::warn!("the journal is another one than history was built from");
        historian.begin_era();
    }
    let mut pause = limits::PANIC_FIRST;
    loop {
        let run = AssertUnwindSafe(|| Ingest::new(historian, journal, env, &stop).run());
        let Err(panic) = catch_unwind(run) else {
            return;
        };
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let cause = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(cause, "history panicked and starts again");
        tell(&historian.0.options, &Trouble::Panicked { cause });
        historian.reset();
        let until = env.clock.now().after(pause);
        pause = (pause * 2).min(limits::PANIC_MAX);
        while env.clock.now() < until && !stopping(&stop) {
            env.clock.park_until(env.clock.now().after(IDLE));
        }
    }
}

fn stopping(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

struct Ingest<'a> {
    historian: &'a Historian,
    journal: &'a Journal,
    env: &'a Env,
    stop: &'a watch::Receiver<bool>,
    reader: Reader,
    sets: HashMap<u32, (u32, Arc<TagSet>)>,
    /// A block that history could not take yet.
    held: Option<Block>,
    saved: u64,
    saved_at: Moment,
    clocks_at: Moment,
}

impl<'a> Ingest<'a> {
    fn new(
        historian: &'a Historian,
        journal: &'a Journal,
        env: &'a Env,
        stop: &'a watch::Receiver<bool>,
    ) -> Ingest<'a> {
        let position = historian.position();
        let now = env.clock.now();
        Ingest {
            historian,
            journal,
            env,
            stop,
            reader: journal.reader(Stream::Samples, position, ReaderFilter::default()),
            sets: HashMap::new(),
            held: None,
            saved: position,
            saved_at: now,
            clocks_at: now,
        }
    }

    fn run(&mut self) {
        while !stopping(self.stop) {
            let took = self.take_some();
            let mut wait = if took == 0 { Some(IDLE) } else { None };
            if self.held.is_some() {
                wait = Some(BLOCKED);
            }
            // What fails was told by `maintain` itself, and is tried again.
            match self.historian.maintain(&|seq| self.committed(seq)) {
                Ok(maintained) if maintained.more || maintained.busy => wait = None,
                Ok(_) => {}
                Err(_) => wait = Some(BLOCKED),
            }
            self.save_cursor(CURSOR_EVERY);
            self.learn_clocks();
            if let Some(wait) = wait {
                self.env.clock.park_until(self.env.clock.now().after(wait));
            }
        }
        // What came last is there at the next start at once; a long backlog can wait.
        for _ in 0..ROUNDS_AT_STOP {
            if self.held.is_some() || self.take_some() == 0 {
                break;
            }
        }
        if let Err(error) = self.historian.seal_all(&|seq| self.committed(seq)) {
            tracing::warn!(%error, "history takes the rest from the journal at the next start");
        }
        self.save_cursor(Duration::ZERO);
    }

    /// Takes a few blocks; how many.
    fn take_some(&mut self) -> usize {
        for taken in 0..BLOCKS_AT_ONCE {
            if let Some(block) = self.held.take()
                && !self.take(block)
            {
                return taken;
            }
            let Some(item) = self.reader.try_next() else {
                return taken;
            };
            match item {
                Item::Block(block) => {
                    if !self.take(block) {
                        return taken;
                    }
                }
                // Numbers that an unclean end stepped over were never samples.
                Item::Missing { span, reason: MissingReason::Unclean } => {
                    self.historian.pass_over(span);
                }
                Item::Missing { span, .. } => self.historian.missing(span),
                Item::Record(_) | Item::Gap { .. } => {}
            }
        }
        BLOCKS_AT_ONCE
    }

    /// False when history cannot take the block now; it is held.
    fn take(&mut self, block: Block) -> bool {
        let batch = match self.decode(&block) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, from = block.span.from, "a block cannot be kept in history");
                self.historian.missing(block.span);
                return true;
            }
        };
        match self.historian.append(&block, &batch) {
            Ok(()) => true,
            Err(HistoryError::Full { .. }) => {
                self.held = Some(block);
                false
            }
            Err(error) => {
                tracing::warn!(%error, from = block.span.from, "a block cannot be kept in history");
                self.historian.missing(block.span);
                true
            }
        }
    }

    fn decode(&mut self, block: &Block) -> Result<SampleBatch, codec::DecodeError> {
        let (id, revision) = (block.set.id, block.set.revision);
        let set = match self.sets.get(&id) {
            Some((known, set)) if *known == revision => set.clone(),
            _ => {
                let definition = codec::decode_definition(id, &block.set.dictionary)?;
                let set = Arc::new(TagSet::new(definition));
                self.sets.insert(id, (revision, set.clone()));
                set
            }
        };
        codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns)
    }

    fn committed(&self, seq: u64) -> Result<(), CommitError> {
        match self.journal.committed(Stream::Samples) >= seq {
            true => Ok(()),
            false => self.journal.commit(Stream::Samples),
        }
    }

    fn save_cursor(&mut self, every: Duration) {
        let (position, now) = (self.historian.position(), self.env.clock.now());
        if position == self.saved || now.since(self.saved_at) < every {
            return;
        }
        self.saved_at = now;
        match self.journal.save_cursor(CURSOR, &Cursor::new(Stream::Samples, position)) {
            Ok(()) => self.saved = position,
            // History knows its position by itself; the cursor only tells others.
            Err(error) => tracing::warn!(%error, "the place of history cannot be noted"),
        }
    }

    fn learn_clocks(&mut self) {
        let now = self.env.clock.now();
        if now.since(self.clocks_at) >= CLOCKS_EVERY {
            self.clocks_at = now;
            self.historian.learn_clocks(&|boot, moment| self.journal.wall_time(boot, moment));
        }
    }
}
