//! Judges the journal's samples in their order and writes what becomes of alarms. After a start it goes
//! on where it was: it reads what is written, and judges again what came after the last snapshot.

use crate::alarm::{Alarm, AlarmKey, ChangeKind, Memory, Noted, Stamp};
use crate::board::{Board, State};
use crate::record::{AlarmChange, CHANGE_KIND, PART_ALARMS, SNAPSHOT_KIND, Snapshot, Written};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Block, Item, Journal, Reader, ReaderFilter, Stream};
use tagwerk_model::{TagSet, codec, limits};
use tokio::sync::watch;

/// The longest time until the keeper looks for what is due and what is new.
const IDLE: Duration = Duration::from_millis(100);
/// Blocks taken under one hold of the lock that those who ask need too.
const BLOCKS_AT_ONCE: usize = 256;
/// Snapshots are at least so far apart, and farther when they are large: at most so many bytes a second
/// are written, since the audit is in the same stream.
const SNAPSHOT_AFTER: Duration = Duration::from_secs(60);
const SNAPSHOT_BYTES_PER_SECOND: u64 = 128;
/// But never farther apart than this many bytes of samples, which a start judges again, or this many
/// times its own size.
const SNAPSHOT_AFTER_BYTES: u64 = 64 * 1024 * 1024;
const SNAPSHOT_AFTER_TIMES: u64 = 256;

/// One thread.
pub struct Keeper {
    board: Board,
    samples: Reader,
    sets: HashMap<u32, (u32, Arc<TagSet>)>,
    /// Of the run before: what is written and not judged again yet, in its order.
    before: VecDeque<AlarmChange>,
    /// Of those, which changes at which place.
    told: HashSet<(AlarmKey, ChangeKind, u64)>,
    /// Where this run began in the stream of samples.
    begun_at: u64,
    loaded: bool,
    /// Since the last snapshot.
    bytes: u64,
    snapshot: Moment,
    snapshot_bytes: u64,
    snapshot_position: u64,
}

impl Keeper {
    /// A keeper that has judged nothing yet, and judges nothing before alarms were defined: the first
    /// step after that reads what is written, on the thread that takes it.
    pub fn open(env: &Env, journal: &Journal) -> (Keeper, Board) {
        Keeper::open_bounded(env, journal, limits::ALARM_CHANGES_PER_MINUTE_MAX)
    }

    /// One that writes at most so many changes a minute, those by operators not counted.
    pub fn open_bounded(env: &Env, journal: &Journal, changes_max: u32) -> (Keeper, Board) {
        let board = Board::new(env, journal, changes_max);
        let from = journal.oldest(Stream::Samples);
        let keeper = Keeper {
            samples: journal.reader(Stream::Samples, from, ReaderFilter::default()),
            sets: HashMap::new(),
            before: VecDeque::new(),
            told: HashSet::new(),
            begun_at: journal.end(Stream::Samples),
            loaded: false,
            bytes: 0,
            snapshot: env.clock.now(),
            snapshot_bytes: 0,
            snapshot_position: 0,
            board: board.clone(),
        };
        (keeper, board)
    }

    fn journal(&self) -> &Journal {
        &self.board.0.journal
    }

    fn load(&mut self) {
        let mut written = Written::default();
        let mut remembered = Vec::new();
        let mut any = false;
        self.journal().records(&mut |item| {
            if let Item::Record(record) = item {
                if record.kind == CHANGE_KIND
                    && let Ok(change) = serde_json::from_slice::<AlarmChange>(&record.payload)
                {
                    any = true;
                    remembered.push((record.seq, change.clone()));
                    written.change(change);
                } else if record.kind == SNAPSHOT_KIND
                    && let Ok(part) = serde_json::from_slice(&record.payload)
                {
                    any = true;
                    written.snapshot(part);
                }
            }
            ControlFlow::Continue(())
        });
        let board = self.board.clone();
        let (oldest, end) = (board.0.journal.oldest(Stream::Samples), self.begun_at);
        let mut state = board.0.state.lock();
        for (key, alarm) in written.alarms {
            state.alarms.restore(&key, alarm);
        }
        for (key, memory) in written.memories {
            state.alarms.restore_memory(&key, memory);
        }
        state.alarms.restore_quota(written.quota);
        state.alarms.restore_flood(written.flood);
        for (seq, change) in remembered {
            state.remember(seq, change);
        }
        // Nobody is told today of what was too hot last week: the first start begins now.
        let position = if any { written.position } else { end };
        state.position = position.clamp(oldest.min(end), end);
        state.clock = written.clock;
        self.samples.seek(state.position);
        self.snapshot_position = state.position;
        let told = written.changes.iter().map(|c| (c.key(), c.kind, c.position));
        self.told.extend(told);
        self.before.extend(written.changes);
        (self.loaded, state.loaded) = (true, true);
        if !any {
            // What is waited for is waited for from now on, whatever happens.
            let stamp = board.now(&mut state);
            board.let_pass(&mut state, stamp);
            self.save(&mut state, true);
        }
    }

    /// Takes what is new. Returns whether there may be more at once.
    pub fn step(&mut self) -> bool {
        if !self.loaded {
            if !self.board.0.state.lock().defined {
                return false;
            }
            self.load();
        }
        let board = self.board.clone();
        // While samples come in, some are always not on disk yet: states are written of a place up to
        // which they are.
        let until = self.due_until();
        let mut state = board.0.state.lock();
        self.recall(&mut state);
        let mut taken = 0;
        while taken < BLOCKS_AT_ONCE
            && until.is_none_or(|until| state.position < until)
            && let Some(item) = self.samples.try_next()
        {
            taken += 1;
            match item {
                Item::Block(block) => self.take(&board, &mut state, &block),
                _ => state.position = self.samples.position(),
            }
            self.recall(&mut state);
        }
        if taken == BLOCKS_AT_ONCE {
            return true;
        }
        let more = until.is_some() && self.journal().end(Stream::Samples) > state.position;
        if !more {
            let stamp = board.now(&mut state);
            board.let_pass(&mut state, stamp);
        }
        let redefined = state.redefined;
        state.redefined &= !self.save(&mut state, redefined);
        more
    }

    /// What was written by the run before at the place that has been reached is so. Until then, time
    /// brings again what it brought, in the same order: what was counted and not written too.
    fn recall(&mut self, state: &mut State) {
        let caught_up = state.position >= self.begun_at;
        while let Some(change) = self.before.front()
            && (change.position <= state.position || caught_up)
            && let Some(change) = self.before.pop_front()
        {
            let (key, by_itself) = (change.key(), change.by.is_none());
            let stamp = Stamp { logical_ns: change.at_ns, unix_ns: change.unix_ns };
            let until = match by_itself {
                true => state.alarms.order(change.at_ns, &key),
                false => (change.at_ns, usize::MAX),
            };
            let mut noted = Vec::new();
            while state.alarms.advance_once(until, &mut noted) {
                self.keep_new(state, change.position, &mut noted);
                state.describe_all(&mut noted, stamp);
            }
            if !by_itself {
                state.alarms.restore_operation(change.at_ns, change.kind, change.announced);
            }
            state.alarms.restore(&key, change.state);
            if let Some(quota) = change.quota {
                state.alarms.restore_quota(quota);
            }
        }
        if caught_up && !self.told.is_empty() {
            self.told.clear();
        }
    }

    /// Takes out what the run before has written already.
    fn keep_new(&self, state: &State, position: u64, noted: &mut Vec<Noted>) {
        if self.told.is_empty() {
            return;
        }
        noted.retain(|noted| {
            let instance = noted.place.map(|place| &state.alarms.instances()[place]);
            let key = instance.map_or_else(AlarmKey::of_all, |instance| instance.key());
            !self.told.contains(&(key, noted.change.kind, position))
        });
    }

    fn take(&mut self, board: &Board, state: &mut State, block: &Block) {
        self.bytes += block.payload.len() as u64;
        state.position = block.span.to;
        let logical_ns =
            state.clock.reach(block.boot, block.moment, block.unix_ns, block.synchronised);
        let Some(set) = self.set(block) else { return };
        if !set.tags().iter().any(|tag| state.alarms.watches(tag.id)) {
            return;
        }
        let decoded = codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns);
        let Ok(batch) = decoded else { return };
        let stamp = Stamp { logical_ns, unix_ns: block.unix_ns };
        let mut noted = Vec::new();
        state.alarms.take(&batch, logical_ns, &mut noted);
        self.keep_new(state, state.position, &mut noted);
        board.write_all(state, noted, stamp);
    }

    fn set(&mut self, block: &Block) -> Option<Arc<TagSet>> {
        let (id, revision) = (block.set.id, block.set.revision);
        if let Some((known, set)) = self.sets.get(&id)
            && *known == revision
        {
            return Some(set.clone());
        }
        let definition = codec::decode_definition(id, &block.set.dictionary).ok()?;
        let set = Arc::new(TagSet::new(definition));
        self.sets.insert(id, (revision, set.clone()));
        Some(set)
    }

    /// When states are to be written: up to where samples are on disk. What was judged must be there
    /// before that it was. Blocking.
    fn due_until(&self) -> Option<u64> {
        let (redefined, may) = {
            let state = self.board.0.state.lock();
            (state.redefined, self.may_save(&state))
        };
        if !may || !(redefined || self.is_due()) {
            return None;
        }
        let journal = self.journal();
        if journal.committed(Stream::Samples) < journal.end(Stream::Samples)
            && let Err(error) = journal.commit(Stream::Samples)
        {
            tracing::warn!(%error, "the states of alarms wait for samples to be on disk");
            return None;
        }
        Some(journal.committed(Stream::Samples))
    }

    fn is_due(&self) -> bool {
        let apart = Duration::from_secs(self.snapshot_bytes / SNAPSHOT_BYTES_PER_SECOND);
        let judged = SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes * SNAPSHOT_AFTER_TIMES);
        let passed = self.board.0.env.clock.now().since(self.snapshot);
        passed >= SNAPSHOT_AFTER.max(apart) || self.bytes >= judged
    }

    /// Nothing waits to be written or to be recalled.
    fn may_save(&self, state: &State) -> bool {
        state.unwritten.is_empty() && self.before.is_empty()
    }

    /// Writes all states, when it is time or at once. Returns whether that was tried.
    fn save(&mut self, state: &mut State, at_once: bool) -> bool {
        let news = at_once || state.position != self.snapshot_position || state.written_bytes > 0;
        let kept = self.journal().committed(Stream::Samples) >= state.position;
        if !(at_once || self.is_due()) || !news || !kept || !self.may_save(state) {
            return false;
        }
        let now = self.board.0.env.clock.now();
        self.snapshot = now;
        match self.write(state) {
            Ok(bytes) => {
                self.snapshot_bytes = bytes;
                self.snapshot_position = state.position;
                (self.bytes, state.written_bytes) = (0, 0);
            }
            Err(error) => tracing::warn!(error, "the states of alarms cannot be written now"),
        }
        true
    }

    fn write(&self, state: &State) -> Result<u64, String> {
        let (normal, nothing) = (Alarm::default(), Memory::default());
        let (mut alarms, mut memories) = (Vec::new(), Vec::new());
        for instance in state.alarms.instances() {
            let name = || Box::<str>::from(&*instance.definition.name);
            if instance.alarm != normal {
                alarms.push((name(), instance.tag.0, instance.alarm.clone()));
            }
            if instance.memory != nothing {
                memories.push((name(), instance.tag.0, instance.memory.clone()));
            }
        }
        let parts = alarms.len().max(memories.len()).div_ceil(PART_ALARMS).max(1);
        let mut bytes = 0;
        for part in 0..parts {
            let snapshot = Snapshot {
                position: state.position,
                clock: state.clock,
                part,
                parts,
                alarms: of_part(&alarms, part),
                memories: of_part(&memories, part),
                quota: state.alarms.quota(),
                flood: state.alarms.flood().clone(),
            };
            let payload = serde_json::to_vec(&snapshot).map_err(|error| error.to_string())?;
            bytes += payload.len() as u64;
            let journal = self.journal();
            journal.append_record(SNAPSHOT_KIND, &payload).map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }

    /// Judges what there is and writes all states.
    pub fn end(&mut self) {
        while self.step() {}
        if !self.loaded {
            return;
        }
        if let Err(error) = self.journal().commit(Stream::Samples) {
            tracing::warn!(%error, "the last samples are judged again at the next start");
        }
        let board = self.board.clone();
        self.save(&mut board.0.state.lock(), true);
    }

    fn due_in(&self) -> Duration {
        let mut state = self.board.0.state.lock();
        let now_ns = self.board.now(&mut state).logical_ns;
        let due = state.alarms.due_ns().map(|due| due.saturating_sub(now_ns).max(0) as u64);
        due.map_or(IDLE, |due| IDLE.min(Duration::from_nanos(due)))
    }
}

fn of_part<T: Clone>(all: &[T], part: usize) -> Vec<T> {
    all.iter().skip(part * PART_ALARMS).take(PART_ALARMS).cloned().collect()
}

/// Keeps alarms until `stop` is true or its sender is gone. Blocking: on a thread of its own.
pub fn run(keeper: Keeper, stop: watch::Receiver<bool>) {
    let mut keeper = keeper;
    let clock = keeper.board.0.env.clock.clone();
    let stopping = || *stop.borrow() || stop.has_changed().is_err();
    let mut pause = limits::PANIC_FIRST;
    while !stopping() {
        match catch_unwind(AssertUnwindSafe(|| keeper.step())) {
            Ok(true) => {}
            Ok(false) => clock.park_until(clock.now().after(keeper.due_in())),
            Err(_) => {
                tracing::error!("alarms panicked and go on after the batch of samples that did it");
                clock.park_until(clock.now().after(pause));
                pause = (pause * 2).min(limits::PANIC_MAX);
            }
        }
    }
    keeper.end();
}
