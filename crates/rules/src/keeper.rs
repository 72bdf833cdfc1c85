//! Runs rules over the journal's samples and writes what they give back into it. After a start each rule
//! goes on where it was: from its last snapshot it takes the same samples again, and what it gave then,
//! which stands in the same stream, is not given twice.

use crate::board::{Board, Running, State};
use crate::error::RuleError;
use crate::feed::Reading;
use crate::force::Force;
use crate::lookup::{NoVersions, Versions};
use crate::output::Output;
use crate::saving::{Loaded, Saving, load, write_changes};
use crate::work::Runner;
use crate::workers::{Done, Work, Workers};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Block, Cursor, Item, Journal, Reader, ReaderFilter, Stream};
use tagwerk_model::{TagSet, codec, limits};
use tokio::sync::watch;

/// The name of the cursor: the journal keeps what rules may take again.
const CURSOR: &str = "rules";
/// The longest time until the keeper looks for what is due.
const IDLE: Duration = Duration::from_millis(100);
/// Blocks taken in one step.
const BLOCKS_AT_ONCE: usize = 256;
/// From the begin of one step to the next so many times as long as it took, between these bounds, while
/// nothing more is there.
const PACE: u32 = 8;
const PACE_MIN: Duration = Duration::from_micros(200);
const PACE_MAX: Duration = Duration::from_millis(10);
/// How rules fare is shown so often while they work.
const SHOWN_EVERY: Duration = Duration::from_millis(200);
/// And so often while they do not.
const SHOWN_IDLE: Duration = Duration::from_millis(20);
/// Rows that a rule has given and that could not be written yet. More: the rule is stopped.
const UNWRITTEN_MAX: usize = 100_000;
/// How long the end waits for rules that are at work. What they do then is done again by the next start.
const END_MAX: Duration = Duration::from_secs(3);

/// Where a rule's rows go.
pub trait Outlet: Send {
    /// Writes rows of a rule in their order. What failed, and how many were written before.
    fn publish(&mut self, rule: &str, rows: &[Output]) -> Result<(), (usize, String)>;
}

/// One thread, and those on which rules work that may take long.
pub struct Keeper {
    pub(crate) board: Board,
    outlet: Box<dyn Outlet>,
    runner: Runner,
    /// None: all work is done here.
    workers: Option<Workers>,
    pub(crate) samples: Reader,
    sets: HashMap<u32, (u32, Arc<TagSet>)>,
    /// Where this run began in the stream of samples.
    begun_at: u64,
    pub(crate) saving: Saving,
    /// Where it was when this step began, with all before it taken or put aside.
    stepped: u64,
    /// Rules that have rows to take, those for which something waits, and those that have rows to write.
    fed: Vec<Arc<str>>,
    waiting: BTreeSet<Arc<str>>,
    giving: BTreeSet<Arc<str>>,
    /// Rules that fare otherwise than is shown.
    touched: Vec<Arc<str>>,
    /// The edge's time as this step began.
    now_ns: i64,
    /// Came while nothing else was to do.
    back: Option<Done>,
    /// The edge's time at which the clock may end something.
    next_due: Option<i64>,
    /// Everything of the last run has been taken again.
    caught_up: bool,
    shown: Moment,
    /// Versions of lookup tables.
    pub(crate) force: Force,
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
            workers: None,
            samples,
            sets: HashMap::new(),
            begun_at,
            saving: Saving::new(env.clock.now(), position),
            stepped: position,
            fed: Vec::new(),
            touched: Vec::new(),
            now_ns: env.clock.wall().unix_ns,
            waiting: BTreeSet::new(),
            giving: BTreeSet::new(),
            back: None,
            next_due: None,
            caught_up: false,
            shown: env.clock.now(),
            force: Force::new(versions, position, &tables, changes),
        };
        keeper.hold(position);
        Ok((keeper, board))
    }

    /// The journal keeps samples from here on.
    pub(crate) fn hold(&self, position: u64) {
        let cursor = Cursor::new(Stream::Samples, position);
        if let Err(error) = self.board.journal().save_cursor(CURSOR, &cursor) {
            tracing::warn!(%error, "the place of rules cannot be saved now");
        }
    }

    pub(crate) fn catching_up(&self) -> bool {
        self.samples.position() < self.begun_at
    }

    /// Takes what is new. Returns whether there may be more at once.
    pub fn step(&mut self) -> bool {
        let board = self.board.clone();
        let mut state = board.state();
        let position = self.samples.position();
        self.stepped = position;
        self.now_ns = board.env().clock.wall().unix_ns;
        let mut all = false;
        let mut giving = std::mem::take(&mut self.giving);
        self.come_back(&mut state, &mut giving);
        if let Some(wanted) = state.wanted.take() {
            // Anything may be due, and anything may have been seen.
            (self.next_due, self.caught_up, all) = (Some(i64::MIN), false, true);
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
        let (taken, more) = match self.change_tables(&state) {
            ControlFlow::Continue(()) => self.take_blocks(&mut state),
            ControlFlow::Break(()) => (0, false),
        };
        self.flush_all(&mut state, &mut giving);
        // What is taken is looked up, and what the clock ends is behind it.
        let looked_up = self.reach(&state).is_continue();
        if !self.catching_up() {
            if !self.caught_up {
                // What is given again and does not stand in the stream was lost with the last run's end.
                (self.caught_up, all) = (true, true);
                state.running.values_mut().for_each(Running::caught_up);
                giving.extend(state.running.keys().cloned());
            }
            let now_ns = self.now_ns;
            if !more && looked_up && self.next_due.is_some_and(|due| due <= now_ns) {
                self.tick_all(&mut state, now_ns, &mut giving);
            }
        }
        for name in giving {
            let Some(running) = state.running.get_mut(&name) else { continue };
            write(&mut *self.outlet, &name, running);
            touch(&mut self.touched, running);
            if !running.unwritten.is_empty() {
                self.giving.insert(name);
            }
        }
        state.position = self.samples.position();
        self.save(&mut state, false);
        self.send_out(&mut state);
        self.show(&mut state, all, taken == 0);
        more
    }

    fn show(&mut self, state: &mut State, all: bool, idle: bool) {
        let now = self.board.env().clock.now();
        let every = if idle { SHOWN_IDLE } else { SHOWN_EVERY };
        if !all && now.since(self.shown) < every {
            return;
        }
        self.shown = now;
        let touched = std::mem::take(&mut self.touched);
        match all {
            true => self.board.show_all(state),
            false => self.board.show(state, touched.into_iter()),
        }
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
                self.saving.bytes += block.payload.len() as u64;
                self.take(state, &block, again);
            }
        }
        (taken, true)
    }

    /// All rules look up in the versions in force.
    fn look_up(&self, state: &State) {
        for program in state.running.values().filter_map(|running| running.program.as_ref()) {
            self.force.now().for_each(|lookup| program.look_up_in(lookup));
        }
    }

    /// Takes those versions of lookup tables whose place in the stream has come. Breaks, while a rule that
    /// reads them has work before that place.
    fn reach(&mut self, state: &State) -> ControlFlow<()> {
        let position = self.samples.position();
        if self.force.next_change().is_none_or(|change| change > position) {
            return ControlFlow::Continue(());
        }
        if state.running.values().any(|running| running.looks_up() && running.is_busy()) {
            return ControlFlow::Break(());
        }
        if self.force.reach(position) {
            self.look_up(state);
        }
        ControlFlow::Continue(())
    }

    /// Takes other versions of lookup tables, from the end of the stream on. Before that the place is
    /// written down, behind all that rules gave with those before. Breaks as [`Keeper::reach`].
    fn change_tables(&mut self, state: &State) -> ControlFlow<()> {
        self.reach(state)?;
        if self.catching_up() || self.saving.is_under_way() {
            return ControlFlow::Continue(());
        }
        let journal = self.board.journal().clone();
        let (position, end) = (self.samples.position(), journal.end(Stream::Samples));
        let changes = self.force.wanted(&state.lookups_used(), (position, end));
        if changes.is_empty() {
            return ControlFlow::Continue(());
        }
        if state.running.values().any(|running| !running.unwritten.is_empty()) {
            return ControlFlow::Continue(());
        }
        // What was given with the versions before must not be lost and given again with others.
        let written = journal.commit(Stream::Samples).map_err(|error| error.to_string());
        if let Err(error) = written.and_then(|()| write_changes(&journal, &changes)) {
            tracing::warn!(error, "rules go on with the tables that they have");
            return ControlFlow::Continue(());
        }
        self.force.expect(changes);
        self.reach(state)
    }

    /// Rules that were at work on a thread have something to write, and may go on.
    fn come_back(&mut self, state: &mut State, giving: &mut BTreeSet<Arc<str>>) {
        let Some(workers) = &mut self.workers else { return };
        let now_ns = self.now_ns;
        while let Some(done) = self.back.take().or_else(|| workers.try_done()) {
            let name = done.rule.clone();
            if let Some(running) = state.running.get_mut(&name) {
                running.come_back(done, now_ns);
                touch(&mut self.touched, running);
                self.next_due = earliest(self.next_due, running.due());
                self.waiting.insert(name.clone());
                giving.insert(name);
            }
        }
    }

    /// Rules that have something to do which may take long go to threads with it.
    fn send_out(&mut self, state: &mut State) {
        let Some(workers) = &self.workers else { return };
        let position = self.samples.position();
        for name in std::mem::take(&mut self.waiting) {
            let Some(running) = state.running.get_mut(&name) else { continue };
            let Some(job) = running.leave(position) else { continue };
            if let Err(job) = workers.send(job) {
                let done = job.done(&self.runner, &*self.board.env().clock);
                running.come_back(done, self.now_ns);
                self.giving.insert(name);
            }
        }
    }

    /// Does work of a rule, here and now or as soon as a thread can.
    fn hand(&mut self, running: &mut Running, one: Work) {
        touch(&mut self.touched, running);
        let long = running.program.as_ref().is_some_and(|program| program.may_take_long);
        let aside = self.workers.is_some() && self.caught_up && long;
        if aside || running.is_busy() {
            running.put_aside(one, self.stepped);
            self.waiting.insert(running.name.clone());
            return;
        }
        running.work(&self.runner, &*self.board.env().clock, self.now_ns, one);
    }

    fn take(&mut self, state: &mut State, block: &Block, again: bool) {
        let Some(set) = self.set(block) else { return };
        let device = set.device();
        let of_rule = state.running.contains_key(device);
        if of_rule && let Some(running) = state.running.get_mut(device) {
            self.recorded(running, block);
        }
        let (readers, all) = state.readers();
        let who = readers.of(device);
        if who.rules.is_empty() {
            return;
        }
        let decoded =
            codec::decode_batch(set.clone(), &block.payload, block.moment.0, block.unix_ns);
        let Ok(batch) = decoded else { return };
        let reading = Reading::of(&batch);
        // Rules that take samples again are not all at the same place.
        let alone = if again { &who.rules } else { &who.alone };
        if !again {
            readers.gather(&who, &reading, of_rule);
        }
        for name in alone {
            if let Some(running) = all.get_mut(name)
                && block.span.from >= running.from
            {
                self.feed(running, &reading, device, of_rule);
            }
        }
    }

    /// The rule is one of those that read the device.
    fn feed(&mut self, running: &mut Running, reading: &Reading<'_>, device: &str, of_rule: bool) {
        let only = running.feeds.len() == 1;
        for source in 0..running.feeds.len() {
            // What a rule gives is no sample of a device's.
            let every = running.feeds[source].is_samples();
            if !(only || running.feeds[source].wants(device)) || (every && of_rule) {
                continue;
            }
            // Rows of another stream that came before enter before.
            if running.feeding.is_some_and(|before| before != source) {
                self.flush(running);
            }
            running.feeds[source].push(reading);
            if running.feeding.replace(source).is_none() {
                self.fed.push(running.name.clone());
            }
        }
    }

    /// All rows gathered go into their rules.
    fn flush_all(&mut self, state: &mut State, giving: &mut BTreeSet<Arc<str>>) {
        let mut fed = std::mem::take(&mut self.fed);
        for name in fed.drain(..) {
            if let Some(running) = state.running.get_mut(&name) {
                self.flush(running);
                self.flushed(running, giving);
            }
        }
        self.fed = fed;
        let (readers, all) = state.readers();
        while let Some((rows, members)) = readers.gathered() {
            for name in &*members {
                let Some(running) = all.get_mut(name) else { continue };
                self.hand(running, Work::Rows { source: 0, rows: rows.clone() });
                self.flushed(running, giving);
            }
        }
    }

    fn flushed(&mut self, running: &Running, giving: &mut BTreeSet<Arc<str>>) {
        self.next_due = earliest(self.next_due, running.due());
        if !running.unwritten.is_empty() {
            giving.insert(running.name.clone());
        }
    }

    /// Rows gathered go into the rule.
    fn flush(&mut self, running: &mut Running) {
        let Some(source) = running.feeding.take() else { return };
        let Some(rows) = running.feeds[source].finish() else { return };
        self.hand(running, Work::Rows { source, rows });
    }

    /// Ends what the clock ends, and looks when that is again.
    fn tick_all(&mut self, state: &mut State, now_ns: i64, giving: &mut BTreeSet<Arc<str>>) {
        self.next_due = None;
        for (name, running) in &mut state.running {
            if running.due().is_some_and(|due| due <= now_ns) {
                self.hand(running, Work::Tick(now_ns));
                giving.insert(name.clone());
            }
            self.next_due = earliest(self.next_due, running.due());
        }
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
            self.hand(running, Work::Tick(block.unix_ns));
        }
        if running.confirm().is_none() {
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

    /// Lets rules that may take long work on threads of their own.
    pub fn use_threads(&mut self) {
        self.workers = Some(Workers::new(self.board.env().clock.clone()));
    }

    /// Whether a rule is at work on a thread.
    pub fn is_busy(&self) -> bool {
        self.board.state().running.values().any(Running::is_busy)
    }

    /// Takes what there is and writes what all rules remember.
    pub fn end(&mut self) {
        let clock = self.board.env().clock.clone();
        let until = clock.now().after(END_MAX);
        loop {
            while self.step() {}
            if !self.is_busy() || clock.now() >= until {
                break;
            }
            self.wait(IDLE);
        }
        if let Err(error) = self.board.journal().commit(Stream::Samples) {
            tracing::warn!(%error, "the last samples are taken again at the next start");
        }
        let board = self.board.clone();
        let mut state = board.state();
        if state.defined {
            self.save(&mut state, true);
        }
    }

    /// Where a step takes long, rows gather before the next: one by one they cost many times as much.
    fn pace(&self, begun: Moment) {
        let clock = &self.board.env().clock;
        let pause = (clock.now().since(begun) * PACE).min(PACE_MAX);
        if pause >= PACE_MIN {
            clock.park_until(begun.after(pause));
        }
    }

    fn due_in(&self) -> Duration {
        // Not before a rule has done what it has to do with the tables of before.
        if self.force.next_change().is_some_and(|change| change <= self.samples.position()) {
            return IDLE;
        }
        let now_ns = self.board.env().clock.wall().unix_ns;
        let due = self.next_due.map(|due| due.saturating_sub(now_ns).max(0) as u64);
        due.map_or(IDLE, |due| IDLE.min(Duration::from_nanos(due)))
    }

    fn wait(&mut self, most: Duration) {
        let clock = self.board.env().clock.clone();
        let until = clock.now().after(most);
        let Keeper { samples, workers, back, runner, .. } = self;
        let grown = samples.grown();
        let news = async {
            let Some(workers) = workers else { return grown.await };
            tokio::select! {
                () = grown => {}
                done = workers.done() => *back = done,
            }
        };
        runner.wait(tagwerk_env::timeout(&*clock, until, news));
    }
}

/// What is shown of it is no longer how it is.
fn touch(touched: &mut Vec<Arc<str>>, running: &mut Running) {
    if std::mem::take(&mut running.shown) {
        touched.push(running.name.clone());
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
    running.written(written);
    if running.unwritten.len() > UNWRITTEN_MAX {
        running.unwritten = VecDeque::new();
        let text = format!("more than {UNWRITTEN_MAX} rows could not be written");
        running.fail(RuleError::Limit(text));
    }
}

/// Runs rules until `stop` is true or its sender is gone. Blocking: on a thread of its own.
pub fn run(mut keeper: Keeper, stop: watch::Receiver<bool>) {
    let clock = keeper.board.env().clock.clone();
    keeper.use_threads();
    let stopping = || *stop.borrow() || stop.has_changed().is_err();
    let mut pause = limits::PANIC_FIRST;
    while !stopping() {
        let begun = clock.now();
        match catch_unwind(AssertUnwindSafe(|| keeper.step())) {
            Ok(true) => {}
            Ok(false) => {
                keeper.pace(begun);
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
