//! Runs rules over the journal's samples and writes what they give back into it. After a start each rule
//! goes on where it was: from its last snapshot it takes the same samples again, and what it gave then,
//! which stands in the same stream, is not given twice.

use crate::board::{Board, Running, State};
use crate::error::RuleError;
use crate::force::{Force, Named};
use crate::instance::Output;
use crate::lookup::{NoVersions, Versions};
use crate::record::{SNAPSHOT_KIND, SavedRule, Snapshot, TABLES_KIND, TablesRecord, parts};
use crate::state;
use crate::work::Runner;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Block, Cursor, Item, Journal, Reader, ReaderFilter, Stream};
use tagwerk_model::{SampleBatch, TagSet, codec, limits};
use tokio::sync::watch;

/// The name of the cursor: the journal keeps what rules may take again.
const CURSOR: &str = "rules";
/// The longest time until the keeper looks for what is due.
const IDLE: Duration = Duration::from_millis(100);
/// Blocks taken in one step.
const BLOCKS_AT_ONCE: usize = 256;
/// Snapshots are at least so far apart, and farther when they are large: at most so many bytes a second
/// are written.
const SNAPSHOT_AFTER: Duration = Duration::from_secs(60);
const SNAPSHOT_BYTES_PER_SECOND: u64 = 4_096;
/// But never farther apart than this many bytes of samples, which a start takes again, or eight times
/// what a snapshot takes.
const SNAPSHOT_AFTER_BYTES: u64 = 64 * 1024 * 1024;
/// How rules fare is shown so often while they work.
const SHOWN_EVERY: Duration = Duration::from_millis(200);
/// Rows that a rule has given and that could not be written yet. More: the rule is stopped.
const UNWRITTEN_MAX: usize = 100_000;

/// Where a rule's rows go.
pub trait Outlet: Send {
    /// Writes rows of a rule in their order. What failed, and how many were written before.
    fn publish(&mut self, rule: &str, rows: &[Output]) -> Result<(), (usize, String)>;
}

/// One thread.
pub struct Keeper {
    board: Board,
    outlet: Box<dyn Outlet>,
    runner: Runner,
    samples: Reader,
    sets: HashMap<u32, (u32, Arc<TagSet>)>,
    /// Where this run began in the stream of samples.
    begun_at: u64,
    snapshot: Moment,
    snapshot_bytes: u64,
    /// Since the last snapshot.
    bytes: u64,
    snapshot_position: u64,
    /// Rules that have rows to take, and those that have rows to write.
    fed: BTreeSet<Arc<str>>,
    giving: BTreeSet<Arc<str>>,
    /// The edge's time at which the clock may end something.
    next_due: Option<i64>,
    /// Everything of the last run has been taken again.
    caught_up: bool,
    shown: Moment,
    /// Versions of lookup tables.
    force: Force,
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

impl Keeper {
    /// A keeper that has no rules yet.
    pub fn open(
        env: &Env,
        journal: &Journal,
        outlet: Box<dyn Outlet>,
    ) -> io::Result<(Keeper, Board)> {
        Keeper::open_with(env, journal, outlet, Box::new(NoVersions))
    }

    /// As [`Keeper::open`], with versions of lookup tables.
    pub fn open_with(
        env: &Env,
        journal: &Journal,
        outlet: Box<dyn Outlet>,
        versions: Box<dyn Versions>,
    ) -> io::Result<(Keeper, Board)> {
        let begun_at = journal.end(Stream::Samples);
        let Loaded { rules, position, tables, changes } = load(journal, begun_at);
        let board = Board::new(env, journal, rules);
        let mut samples = journal.reader(Stream::Samples, position, ReaderFilter::default());
        samples.seek(position);
        let keeper = Keeper {
            board: board.clone(),
            outlet,
            runner: Runner::new(env.clock.clone())?,
            samples,
            sets: HashMap::new(),
            begun_at,
            snapshot: env.clock.now(),
            snapshot_bytes: 0,
            bytes: 0,
            snapshot_position: position,
            fed: BTreeSet::new(),
            giving: BTreeSet::new(),
            next_due: None,
            caught_up: false,
            shown: env.clock.now(),
            force: Force::new(versions, position, &tables, changes),
        };
        keeper.hold(position);
        Ok((keeper, board))
    }

    /// The journal keeps samples from here on.
    fn hold(&self, position: u64) {
        let cursor = Cursor::new(Stream::Samples, position);
        if let Err(error) = self.board.journal().save_cursor(CURSOR, &cursor) {
            tracing::warn!(%error, "the place of rules cannot be saved now");
        }
    }

    fn catching_up(&self) -> bool {
        self.samples.position() < self.begun_at
    }

    /// Takes what is new. Returns whether there may be more at once.
    pub fn step(&mut self) -> bool {
        let board = self.board.clone();
        let mut state = board.state();
        let position = self.samples.position();
        if let Some(wanted) = state.wanted.take() {
            // Anything may be due, and anything may have been seen.
            (self.next_due, self.caught_up) = (Some(i64::MIN), false);
            let end = board.journal().end(Stream::Samples);
            state.begin(wanted, (position, end), self.begun_at);
            self.look_up(&state);
        }
        if let Some(lookups) = state.lookups.take() {
            self.force.offer(lookups);
        }
        // Rules that were not said yet must not miss what is theirs.
        if !state.defined {
            return false;
        }
        self.change_tables(&mut state);
        let (taken, more) = self.take_blocks(&mut state);
        let mut giving = std::mem::take(&mut self.giving);
        for name in std::mem::take(&mut self.fed) {
            if let Some(running) = state.running.get_mut(&name) {
                self.flush(running);
                self.next_due = earliest(self.next_due, running.due());
                giving.insert(name);
            }
        }
        // What is taken is looked up, and what the clock ends is behind it.
        if self.force.reach(self.samples.position()) {
            self.look_up(&state);
        }
        if !self.catching_up() {
            if !self.caught_up {
                // What is given again and does not stand in the stream was lost with the last run's end.
                self.caught_up = true;
                state.running.values_mut().for_each(Running::caught_up);
                giving.extend(state.running.keys().cloned());
            }
            let now_ns = board.env().clock.wall().unix_ns;
            if !more && self.next_due.is_some_and(|due| due <= now_ns) {
                self.tick_all(&mut state, now_ns, &mut giving);
            }
        }
        for name in giving {
            let Some(running) = state.running.get_mut(&name) else { continue };
            write(&mut *self.outlet, &name, running);
            if !running.unwritten.is_empty() {
                self.giving.insert(name);
            }
        }
        state.position = self.samples.position();
        self.save(&mut state, false);
        let now = board.env().clock.now();
        if taken == 0 || now.since(self.shown) >= SHOWN_EVERY {
            self.shown = now;
            board.show(&state);
        }
        more
    }

    /// How many there were, and whether there may be more: those from a change of a table on, and those
    /// of this run behind those of the last, are left for the next step.
    fn take_blocks(&mut self, state: &mut State) -> (usize, bool) {
        let again = self.catching_up();
        let mut taken = 0;
        while taken < BLOCKS_AT_ONCE
            && self.force.next_change().is_none_or(|change| self.samples.position() < change)
            && again == self.catching_up()
        {
            let Some(item) = self.samples.try_next() else { return (taken, false) };
            taken += 1;
            if let Item::Block(block) = item {
                self.bytes += block.payload.len() as u64;
                self.take(state, &block);
            }
        }
        (taken, true)
    }

    /// All rules look up in the versions in force.
    fn look_up(&self, state: &State) {
        let instances = state.running.values().filter_map(|running| running.instance.as_ref());
        for instance in instances {
            self.force.now().for_each(|lookup| instance.program.look_up_in(lookup));
        }
    }

    /// Takes other versions of lookup tables where their place in the stream has come. Before that the
    /// place is written down, behind all that rules gave with those before.
    fn change_tables(&mut self, state: &mut State) {
        let position = self.samples.position();
        if self.force.reach(position) {
            self.look_up(state);
        }
        let waiting = |running: &Running| !running.unwritten.is_empty();
        if self.catching_up() || state.running.values().any(waiting) {
            return;
        }
        let journal = self.board.journal().clone();
        let end = journal.end(Stream::Samples);
        let changes = self.force.wanted(&state.lookups_used(), (position, end));
        if changes.is_empty() {
            return;
        }
        // What was given with the versions before must not be lost and given again with others.
        let written = journal.commit(Stream::Samples).map_err(|error| error.to_string());
        if let Err(error) = written.and_then(|()| write_changes(&journal, &changes)) {
            tracing::warn!(error, "rules go on with the tables that they have");
            return;
        }
        self.force.expect(changes);
        if self.force.reach(position) {
            self.look_up(state);
        }
    }

    fn take(&mut self, state: &mut State, block: &Block) {
        let Some(set) = self.set(block) else { return };
        let device = set.device();
        let of_rule = state.running.contains_key(device);
        if of_rule && let Some(running) = state.running.get_mut(device) {
            self.recorded(running, block);
        }
        let State { running, readers, .. } = state;
        let readers = match readers.get(device) {
            Some(readers) => readers,
            None => {
                let wants = |r: &Running| r.feeds.iter().any(|feed| feed.wants(device));
                // A rule's own output is no input of it.
                let names =
                    running.iter().filter(|(name, running)| ***name != *device && wants(running));
                let names: Vec<Arc<str>> = names.map(|(name, _)| name.clone()).collect();
                readers.entry(Arc::from(device)).or_insert(names)
            }
        };
        if readers.is_empty() {
            return;
        }
        let decoded = codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns);
        let Ok(batch) = decoded else { return };
        let readers = readers.clone();
        for name in readers {
            if let Some(running) = running.get_mut(&name)
                && block.span.from >= running.from
            {
                self.feed(running, &batch, of_rule);
            }
        }
    }

    fn feed(&mut self, running: &mut Running, batch: &SampleBatch, of_rule: bool) {
        for source in 0..running.feeds.len() {
            // What a rule gives is no sample of a device's.
            let every = running.feeds[source].is_samples();
            if !running.feeds[source].wants(batch.set.device()) || (every && of_rule) {
                continue;
            }
            // Rows of another stream that came before enter before.
            if running.feeding.is_some_and(|before| before != source) {
                self.flush(running);
            }
            running.feeds[source].push(batch);
            running.feeding = Some(source);
            self.fed.insert(running.name.clone());
        }
    }

    /// Rows gathered go into the rule.
    fn flush(&mut self, running: &mut Running) {
        let Some(source) = running.feeding.take() else { return };
        let Some(rows) = running.feeds[source].finish() else { return };
        let runner = &self.runner;
        running.work(&self.board.env().clock, |instance, out| {
            instance.take(runner, source, &rows, out)
        });
    }

    /// Ends what the clock ends, and looks when that is again.
    fn tick_all(&mut self, state: &mut State, now_ns: i64, giving: &mut BTreeSet<Arc<str>>) {
        self.next_due = None;
        for (name, running) in &mut state.running {
            if running.due().is_some_and(|due| due <= now_ns) {
                self.tick(running, now_ns);
                giving.insert(name.clone());
            }
            self.next_due = earliest(self.next_due, running.due());
        }
    }

    fn tick(&mut self, running: &mut Running, now_ns: i64) {
        let runner = &self.runner;
        running.work(&self.board.env().clock, |instance, out| instance.tick(runner, now_ns, out));
    }

    /// A row that the rule gave, as it stands in the journal.
    fn recorded(&mut self, running: &mut Running, block: &Block) {
        if block.span.from < running.outputs_from {
            // Of another rule that had the name.
            return;
        }
        if running.unseen > 0 {
            running.unseen -= 1;
            return;
        }
        if block.span.from >= self.begun_at || block.span.from < running.from {
            return;
        }
        self.flush(running);
        if running.unconfirmed.is_empty() {
            // No row ended the window then, but the clock.
            self.tick(running, block.unix_ns);
        }
        if running.unconfirmed.pop_front().is_none() {
            tracing::warn!(rule = %running.name, "a row of the last run is not given again");
        }
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

    /// Writes what all rules remember, when it is time or at the end.
    fn save(&mut self, state: &mut State, at_once: bool) {
        let now = self.board.env().clock.now();
        let apart = Duration::from_secs(self.snapshot_bytes / SNAPSHOT_BYTES_PER_SECOND);
        let due = now.since(self.snapshot) >= SNAPSHOT_AFTER.max(apart)
            || self.bytes >= SNAPSHOT_AFTER_BYTES.max(8 * self.snapshot_bytes);
        // A rule that is new is known after a kill, and goes on from where it began.
        if !(due || at_once || state.changed) || self.catching_up() {
            return;
        }
        let news = state.position != self.snapshot_position || state.changed;
        let whole = state
            .running
            .values()
            .all(|running| running.unwritten.is_empty() && running.unconfirmed.is_empty());
        if !news || !whole {
            return;
        }
        // What was taken must be on disk before that it was.
        let journal = self.board.journal();
        if journal.committed(Stream::Samples) < state.position
            && let Err(error) = journal.commit(Stream::Samples)
        {
            tracing::warn!(%error, "what rules remember is not written before samples are");
            return;
        }
        self.snapshot = now;
        match self.write_snapshot(state) {
            Ok(bytes) => {
                (self.snapshot_bytes, self.bytes) = (bytes, 0);
                self.snapshot_position = state.position;
                state.changed = false;
                self.hold(state.position);
                self.force.keep_needed();
            }
            Err(error) => tracing::warn!(error, "what rules remember cannot be written now"),
        }
    }

    fn write_snapshot(&self, state: &State) -> Result<u64, String> {
        let tables = self.force.named();
        let mut snapshot = Snapshot { position: state.position, tables, rules: Vec::new() };
        for (name, running) in &state.running {
            let Some(instance) = &running.instance else { continue };
            let saved = state::save(instance).map_err(|error| error.to_string())?;
            snapshot.rules.push(SavedRule {
                name: name.to_string(),
                unseen: running.unseen,
                outputs_from: running.outputs_from,
                state: saved,
            });
        }
        let mut bytes = 0;
        for payload in parts(&snapshot)? {
            bytes += payload.len() as u64;
            let written = self.board.journal().append_record(SNAPSHOT_KIND, &payload);
            written.map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }

    /// Takes what there is and writes what all rules remember.
    pub fn end(&mut self) {
        while self.step() {}
        if let Err(error) = self.board.journal().commit(Stream::Samples) {
            tracing::warn!(%error, "the last samples are taken again at the next start");
        }
        let board = self.board.clone();
        let mut state = board.state();
        if state.defined {
            self.save(&mut state, true);
        }
    }

    fn due_in(&self) -> Duration {
        let now_ns = self.board.env().clock.wall().unix_ns;
        let due = self.next_due.map(|due| due.saturating_sub(now_ns).max(0) as u64);
        due.map_or(IDLE, |due| IDLE.min(Duration::from_nanos(due)))
    }

    fn wait(&mut self, most: Duration) {
        let clock = self.board.env().clock.clone();
        let until = clock.now().after(most);
        let grown = self.samples.grown();
        self.runner.wait(tagwerk_env::timeout(&*clock, until, grown));
    }
}

/// Rows on their way into the journal.
fn write(outlet: &mut dyn Outlet, name: &str, running: &mut Running) {
    if running.unwritten.is_empty() {
        return;
    }
    let rows = running.unwritten.make_contiguous();
    let written = match outlet.publish(name, rows) {
        Ok(()) => rows.len(),
        Err((written, reason)) => {
            running.note_unwritten(reason);
            written
        }
    };
    running.unwritten.drain(..written);
    running.unseen += written as u64;
    if running.unwritten.len() > UNWRITTEN_MAX {
        running.unwritten = VecDeque::new();
        let text = format!("more than {UNWRITTEN_MAX} rows could not be written");
        running.fail(RuleError::Limit(text));
    }
}

fn write_changes(journal: &Journal, changes: &[TablesRecord]) -> Result<(), String> {
    for change in changes {
        let payload = serde_json::to_vec(change).map_err(|error| error.to_string())?;
        let written = journal.append_record(TABLES_KIND, &payload);
        written.map_err(|error| error.to_string())?;
    }
    journal.commit(Stream::Record).map(drop).map_err(|error| error.to_string())
}

/// What the last run remembered, and where it was.
struct Loaded {
    rules: HashMap<String, SavedRule>,
    position: u64,
    tables: Named,
    changes: Vec<TablesRecord>,
}

fn load(journal: &Journal, end: u64) -> Loaded {
    let mut found: Option<Snapshot> = None;
    let mut changes: Vec<TablesRecord> = Vec::new();
    let mut gathering = Vec::new();
    journal.records(&mut |item| {
        let Item::Record(record) = item else { return ControlFlow::Continue(()) };
        match record.kind {
            SNAPSHOT_KIND => {
                if let Some(whole) = crate::record::gather(&mut gathering, &record.payload) {
                    // What was written down before it is in it, but for what it had not reached.
                    changes.retain(|change| change.position > whole.position);
                    found = Some(whole);
                }
            }
            TABLES_KIND => changes.extend(serde_json::from_slice::<TablesRecord>(&record.payload)),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let Some(found) = found else {
        let (rules, tables, changes) = (HashMap::new(), Named::new(), Vec::new());
        return Loaded { rules, position: end, tables, changes };
    };
    let oldest = journal.oldest(Stream::Samples).min(end);
    let position = found.position.clamp(oldest, end);
    if position > found.position {
        let samples = position - found.position;
        tracing::warn!(samples, "rules go on without samples that the journal no longer holds");
    }
    let of = |rule: SavedRule| (rule.name.clone(), rule);
    let rules = found.rules.into_iter().map(of).collect();
    Loaded { rules, position, tables: found.tables, changes }
}

/// Runs rules until `stop` is true or its sender is gone. Blocking: on a thread of its own.
pub fn run(mut keeper: Keeper, stop: watch::Receiver<bool>) {
    let clock = keeper.board.env().clock.clone();
    let stopping = || *stop.borrow() || stop.has_changed().is_err();
    let mut pause = limits::PANIC_FIRST;
    while !stopping() {
        match catch_unwind(AssertUnwindSafe(|| keeper.step())) {
            Ok(true) => {}
            Ok(false) => {
                let most = keeper.due_in();
                keeper.wait(most);
            }
            Err(_) => {
                tracing::error!("rules panicked and go on after the samples that did it");
                clock.park_until(clock.now().after(pause));
                pause = (pause * 2).min(limits::PANIC_MAX);
            }
        }
    }
    keeper.end();
}
