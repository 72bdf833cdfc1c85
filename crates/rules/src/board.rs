//! All rules as those see them who ask: which there are, and how they fare.

use crate::columns::Column;
use crate::error::RuleError;
use crate::feed::Feed;
use crate::finding::Finding;
use crate::instance::{Counts, Instance};
use crate::output::{Newest, Output};
use crate::program::Program;
use crate::readers::Readers;
use crate::record::SavedRule;
use crate::source::Source;
use crate::state;
use crate::work::Runner;
use crate::workers::{Done, Job, Work, Worked, work};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Clock, Env};
use tagwerk_journal::{Journal, Stream as Log};
use tagwerk_sql::Lookup;

/// Memory of rows that wait for a rule that is still at work. More: it is stopped.
const WAITING_MAX: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Kept, and not run.
    Draft,
    /// Runs and shows its rows, and writes nothing.
    Trial,
    Live,
}

/// A rule as the configuration has it, planned.
#[derive(Clone)]
pub struct Definition {
    pub name: Arc<str>,
    pub sql: Arc<str>,
    pub lateness: Duration,
    pub stage: Stage,
    /// Or why it cannot run.
    pub program: Result<Arc<Program>, Finding>,
}

impl Definition {
    /// A rule that goes on in the other's state, and gives rows of the same form.
    fn is_like(&self, other: &Definition) -> bool {
        let (Ok(own), Ok(others)) = (&self.program, &other.program) else { return false };
        (&self.name, self.lateness, self.stage) == (&other.name, other.lateness, other.stage)
            && own.fingerprint == others.fingerprint
    }

    /// What its program reads, while it is to run.
    fn feeds(&self) -> Vec<Feed> {
        let program = self.program.as_ref().ok().filter(|_| self.stage != Stage::Draft);
        program.map(|program| program.feeds()).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum RuleState {
    Running,
    /// It is a draft.
    Stopped,
    Failed(String),
}

/// A rule as it is now.
#[derive(Clone, Debug)]
pub struct RuleView {
    pub name: Arc<str>,
    pub stage: Stage,
    pub state: RuleState,
    pub tables: Vec<String>,
    pub columns: Vec<Column>,
    pub counts: Counts,
    /// When, and what.
    pub last_error: Option<(i64, String)>,
    pub last_output_unix_ns: Option<i64>,
    pub busy: Duration,
    pub memory: usize,
    /// A thread is at its work.
    pub at_work: bool,
    /// Samples that it has not taken yet.
    pub behind: u64,
    /// It has taken all samples before this; none: as all that have nothing to do.
    reached: Option<u64>,
}

/// All rules. Cheap to clone.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    env: Env,
    journal: Journal,
    state: Mutex<State>,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    rules: BTreeMap<Arc<str>, RuleView>,
    newest: HashMap<Arc<str>, Newest>,
    position: u64,
}

#[derive(Default)]
pub(crate) struct State {
    /// A configuration has said which rules there are.
    pub defined: bool,
    pub wanted: Option<Vec<Definition>>,
    /// Lookup tables as they are now, where somebody has said so since they were looked at.
    pub lookups: Option<Vec<Arc<Lookup>>>,
    pub running: BTreeMap<Arc<str>, Running>,
    /// Who reads what; none, where that has to be looked up anew.
    pub readers: Option<Readers>,
    saved: HashMap<String, SavedRule>,
    pub position: u64,
    /// Rules came or went since the last snapshot.
    pub changed: bool,
}

pub(crate) struct Running {
    pub name: Arc<str>,
    definition: Definition,
    /// None, while it is not to run.
    pub program: Option<Arc<Program>>,
    /// None too while a thread has it.
    pub instance: Option<Box<Instance>>,
    /// While a thread has it: by this it is known when it is back, and up to which sample it is then.
    away: Option<(Arc<()>, u64)>,
    /// What it has to do when it is back.
    waiting: Vec<Work>,
    waiting_bytes: usize,
    /// While anything waits, or it is away: it has taken all samples before this.
    reached: u64,
    /// As they were when it was seen last.
    counts: Counts,
    memory: usize,
    failed: Option<String>,
    pub feeds: Vec<Feed>,
    pub feeding: Option<usize>,
    /// What is shown of it is how it is.
    pub shown: bool,
    /// Samples before this were before the rule.
    pub from: u64,
    /// Rows given and not written.
    pub unwritten: VecDeque<Output>,
    /// While catching up: rows given again, which may stand in the stream.
    pub unconfirmed: VecDeque<Output>,
    /// Rows written that the keeper has not met in the stream.
    pub unseen: u64,
    /// Rows of its name before this place are another rule's.
    pub outputs_from: u64,
    catching_up: bool,
    newest: Newest,
    last_error: Option<(i64, String)>,
    last_output: Option<i64>,
    busy: Duration,
}

impl Board {
    pub(crate) fn new(env: &Env, journal: &Journal, saved: HashMap<String, SavedRule>) -> Board {
        let state = State { saved, ..State::default() };
        Board(Arc::new(Inner {
            env: env.clone(),
            journal: journal.clone(),
            state: Mutex::new(state),
            shown: Mutex::default(),
        }))
    }

    pub(crate) fn env(&self) -> &Env {
        &self.0.env
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Says which rules there are. One that is the same as before goes on as if nothing had happened.
    /// When this returns, no rule gives rows of a form that it had before.
    pub fn define(&self, rules: Vec<Definition>) {
        let mut state = self.state();
        state.keep(&rules);
        state.wanted = Some(rules);
    }

    /// Says which versions of lookup tables there are. Rules take them for the samples that come from now
    /// on.
    pub fn set_lookups(&self, lookups: Vec<Arc<Lookup>>) {
        self.state().lookups = Some(lookups);
    }

    /// Stops rules that are not the same among these; the others go on. Once it returns, none of those
    /// gives a row.
    pub fn stop_others(&self, rules: &[Definition]) {
        self.state().keep(rules);
    }

    pub fn list(&self) -> Vec<RuleView> {
        let shown = self.0.shown.lock();
        let end = self.0.journal.end(Log::Samples);
        shown.rules.values().map(|view| shown.as_of(end, view)).collect()
    }

    pub fn one(&self, name: &str) -> Option<RuleView> {
        let shown = self.0.shown.lock();
        let end = self.0.journal.end(Log::Samples);
        shown.rules.get(name).map(|view| shown.as_of(end, view))
    }

    /// The rows that a rule gave last, oldest first.
    pub fn newest(&self, name: &str) -> Vec<Output> {
        let newest = self.0.shown.lock().newest.get(name).cloned();
        newest.map(|newest| newest.list()).unwrap_or_default()
    }

    /// Shows how these rules fare now.
    pub(crate) fn show(&self, state: &mut State, names: impl Iterator<Item = Arc<str>>) {
        let mut shown = self.0.shown.lock();
        shown.position = state.position;
        for name in names {
            let Some(running) = state.running.get_mut(&name) else { continue };
            shown.newest.insert(name.clone(), running.newest.clone());
            shown.rules.insert(name, running.view());
        }
    }

    /// Forgets those that are gone, and shows all.
    pub(crate) fn show_all(&self, state: &mut State) {
        let mut shown = self.0.shown.lock();
        shown.rules.retain(|name, _| state.running.contains_key(name));
        shown.newest.retain(|name, _| state.running.contains_key(name));
        drop(shown);
        let names: Vec<Arc<str>> = state.running.keys().cloned().collect();
        self.show(state, names.into_iter());
    }
}

impl Shown {
    fn as_of(&self, end: u64, view: &RuleView) -> RuleView {
        let behind = end.saturating_sub(view.reached.unwrap_or(self.position));
        RuleView { behind, ..view.clone() }
    }
}

impl State {
    /// The lookup tables that rules at work read.
    pub fn lookups_used(&self) -> BTreeSet<Arc<str>> {
        let programs = self.running.values().filter_map(|running| running.program.as_ref());
        let lookups = programs.flat_map(|program| &program.lookups);
        lookups.map(|lookup| lookup.name.clone()).collect()
    }

    /// Drops what is another, or gone, among these.
    fn keep(&mut self, rules: &[Definition]) {
        let by_name: HashMap<&str, &Definition> =
            rules.iter().map(|rule| (&*rule.name, rule)).collect();
        let same = |name: &str, stays: &dyn Fn(&Definition) -> bool| {
            by_name.get(name).is_some_and(|rule| stays(rule))
        };
        self.running.retain(|name, running| same(name, &|rule| running.stays(rule)));
        if let Some(wanted) = &mut self.wanted {
            wanted.retain(|old| same(&old.name, &|rule| old.is_like(rule)));
        }
        self.readers = None;
    }

    /// Who reads what, and those who do.
    pub fn readers(&mut self) -> (&mut Readers, &mut BTreeMap<Arc<str>, Running>) {
        let running = &mut self.running;
        (self.readers.get_or_insert_with(|| Readers::among(running)), running)
    }

    /// Begins the rules that are wanted, at the keeper's place in the stream and its end; `begun_at` is
    /// where this run began.
    pub fn begin(&mut self, wanted: Vec<Definition>, place: (u64, u64), begun_at: u64) {
        let first = !self.defined;
        (self.defined, self.changed) = (true, true);
        let mut before = std::mem::take(&mut self.running);
        for definition in wanted {
            let name = definition.name.clone();
            let kept = before.remove(&name).filter(|running| running.stays(&definition));
            let running = match kept {
                // A template may have another device by now.
                Some(running) => Running { feeds: definition.feeds(), definition, ..running },
                None => {
                    let saved = self.saved.remove(&*name).filter(|_| first);
                    Running::new(definition, saved, place, begun_at)
                }
            };
            self.running.insert(name, running);
        }
        self.saved.clear();
        self.readers = None;
    }
}

impl Running {
    fn new(
        definition: Definition,
        saved: Option<SavedRule>,
        (position, end): (u64, u64),
        begun_at: u64,
    ) -> Running {
        let lateness = i64::try_from(definition.lateness.as_nanos()).unwrap_or(i64::MAX);
        let program = definition.program.as_ref().ok();
        let program = program.filter(|_| definition.stage != Stage::Draft);
        let before = saved.as_ref().map_or((0, 0), |saved| (saved.unseen, saved.outputs_from));
        let position = saved.as_ref().map_or(position, |saved| saved.position.max(position));
        let known = saved.is_some();
        let restored = program
            .zip(saved)
            .and_then(|(program, saved)| state::restore(program, lateness, &saved.state));
        let goes_on = restored.is_some();
        if known && !goes_on && program.is_some() {
            tracing::warn!(rule = %definition.name, "a rule is another than before, and begins anew");
        }
        let fresh = || program.map(|program| Instance::new(program.clone(), lateness));
        let mut instance = restored.or_else(fresh).map(Box::new);
        if let Some(instance) = &mut instance {
            instance.lives = true;
        }
        let program = instance.as_ref().map(|instance| instance.program.clone());
        let failed = definition.program.as_ref().err().map(ToString::to_string);
        Running {
            name: definition.name.clone(),
            feeds: definition.feeds(),
            feeding: None,
            shown: true,
            // Nobody is told today of what was last week: a new rule begins now.
            from: if goes_on { position } else { begun_at.max(position) },
            catching_up: goes_on && position < begun_at && definition.stage == Stage::Live,
            program,
            instance,
            away: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            reached: position,
            counts: Counts::default(),
            memory: 0,
            failed,
            unwritten: VecDeque::new(),
            unconfirmed: VecDeque::new(),
            unseen: if goes_on { before.0 } else { 0 },
            outputs_from: if goes_on { before.1 } else { end },
            newest: Newest::default(),
            last_error: None,
            last_output: None,
            busy: Duration::ZERO,
            definition,
        }
    }

    /// The same rule, which need not begin anew.
    fn stays(&self, wanted: &Definition) -> bool {
        self.definition.is_like(wanted) && self.failed.is_none()
    }

    /// What it reads, where that is one table.
    pub fn source(&self) -> Option<&Source> {
        let program = self.definition.program.as_ref().ok().filter(|_| self.feeds.len() == 1);
        program?.sources.first()
    }

    /// Something waits for it, or it is away.
    pub fn is_busy(&self) -> bool {
        self.away.is_some() || !self.waiting.is_empty()
    }

    pub fn looks_up(&self) -> bool {
        self.program.as_ref().is_some_and(|program| !program.lookups.is_empty())
    }

    /// It has taken all samples before this; `position` is where all are who have nothing to do.
    pub fn position(&self, position: u64) -> u64 {
        if self.is_busy() { self.reached } else { position }
    }

    /// Lets the rule work here, and takes what it gives.
    pub fn work(&mut self, runner: &Runner, clock: &dyn Clock, now_ns: i64, one: Work) {
        let Some(instance) = &mut self.instance else { return };
        let worked = work(instance, runner, clock, vec![one]);
        self.worked(worked, now_ns);
    }

    /// Leaves work for when it is back; `reached` is up to where it is if nothing waits so far.
    pub fn put_aside(&mut self, one: Work, reached: u64) {
        if self.program.is_none() {
            return;
        }
        if !self.is_busy() {
            self.reached = reached;
        }
        self.waiting_bytes += one.memory();
        self.waiting.push(one);
        if self.waiting_bytes > WAITING_MAX {
            let most = WAITING_MAX / 1024 / 1024;
            let text =
                format!("it is slower than what it reads: more than {most} MiB of rows wait");
            self.fail(RuleError::Limit(text));
        }
    }

    /// Goes to a thread with all that waits, after which all samples before `position` are taken.
    pub fn leave(&mut self, position: u64) -> Option<Job> {
        if self.waiting.is_empty() {
            return None;
        }
        let instance = self.instance.take()?;
        let token = Arc::new(());
        self.away = Some((token.clone(), position));
        self.waiting_bytes = 0;
        let works = std::mem::take(&mut self.waiting);
        Some(Job { rule: self.name.clone(), token, instance, works })
    }

    /// Is back from a thread, if it is the one that left.
    pub fn come_back(&mut self, done: Done, now_ns: i64) {
        let Some((_, position)) = self.away.take_if(|(own, _)| Arc::ptr_eq(own, &done.token))
        else {
            return;
        };
        self.reached = position;
        self.instance = Some(done.instance);
        self.worked(done.worked, now_ns);
    }

    fn worked(&mut self, worked: Worked, now_ns: i64) {
        self.busy += worked.busy;
        if let Some(text) = worked.error {
            self.last_error = Some((now_ns, text));
        }
        if let Some(limit) = worked.stopped {
            self.fail(limit);
        }
        self.given(worked.out, now_ns);
    }

    fn given(&mut self, out: Vec<Output>, now_ns: i64) {
        if out.is_empty() {
            return;
        }
        self.last_output = Some(now_ns);
        match (self.definition.stage, self.catching_up) {
            // They are remembered when they are known to stand in the stream.
            (Stage::Live, true) => self.unconfirmed.extend(out),
            (Stage::Live, false) => self.unwritten.extend(out),
            _ => self.newest.remember(out.into_iter()),
        }
    }

    /// The next of the rows given again stands in the stream; none, where it was not given.
    pub fn confirm(&mut self) -> Option<()> {
        let row = self.unconfirmed.pop_front()?;
        self.newest.remember(std::iter::once(row));
        Some(())
    }

    /// So many of the rows that were not written yet are.
    pub fn written(&mut self, rows: usize) {
        self.unseen += rows as u64;
        self.newest.remember(self.unwritten.drain(..rows));
    }

    /// The edge's time at which the clock may end something.
    pub fn due(&self) -> Option<i64> {
        let idle = self.instance.as_ref().filter(|_| !self.is_busy());
        idle?.due()
    }

    /// Everything of the last run has been taken again.
    pub fn caught_up(&mut self) {
        self.catching_up = false;
        let fresh = std::mem::take(&mut self.unconfirmed);
        self.unwritten.extend(fresh);
    }

    pub fn note_unwritten(&mut self, reason: String) {
        let text = format!("what it gives cannot be written: {reason}");
        self.last_error = Some((self.last_output.unwrap_or_default(), text));
    }

    pub fn fail(&mut self, error: RuleError) {
        tracing::warn!(rule = %self.name, %error, "a rule is stopped");
        self.failed = Some(error.to_string());
        (self.program, self.instance, self.away, self.feeding) = (None, None, None, None);
        (self.waiting, self.waiting_bytes) = (Vec::new(), 0);
        (self.counts, self.memory) = (Counts::default(), 0);
    }

    fn view(&mut self) -> RuleView {
        self.shown = true;
        let program = self.definition.program.as_ref().ok();
        if let Some(instance) = &self.instance {
            (self.counts, self.memory) = (instance.counts.clone(), instance.memory());
        }
        let tables = program.map(|program| program.tables());
        RuleView {
            name: self.name.clone(),
            stage: self.definition.stage,
            state: match (&self.failed, self.definition.stage) {
                (Some(reason), _) => RuleState::Failed(reason.clone()),
                (None, Stage::Draft) => RuleState::Stopped,
                (None, _) => RuleState::Running,
            },
            tables: tables.unwrap_or_default(),
            columns: program.map(|program| program.columns.clone()).unwrap_or_default(),
            counts: self.counts.clone(),
            last_error: self.last_error.clone(),
            last_output_unix_ns: self.last_output,
            busy: self.busy,
            memory: self.memory + self.waiting_bytes,
            at_work: self.away.is_some(),
            behind: 0,
            reached: self.is_busy().then_some(self.reached),
        }
    }
}
