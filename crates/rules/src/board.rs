//! All rules as those see them who ask: which there are, and how they fare.

use crate::columns::Column;
use crate::error::RuleError;
use crate::feed::Feed;
use crate::finding::Finding;
use crate::instance::{Counts, Instance, Output};
use crate::program::Program;
use crate::record::SavedRule;
use crate::state;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Clock, Env};
use tagwerk_journal::{Journal, Stream as Log};
use tagwerk_sql::Lookup;

/// Rows remembered for showing.
const NEWEST_MAX: usize = 50;

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
    /// Samples that it has not taken yet.
    pub behind: u64,
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
    newest: HashMap<Arc<str>, Vec<Output>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// A configuration has said which rules there are.
    pub defined: bool,
    pub wanted: Option<Vec<Definition>>,
    /// Lookup tables as they are now, where somebody has said so since they were looked at.
    pub lookups: Option<Vec<Arc<Lookup>>>,
    pub running: BTreeMap<Arc<str>, Running>,
    /// Of each device met, the rules that read it.
    pub readers: HashMap<Arc<str>, Vec<Arc<str>>>,
    saved: HashMap<String, SavedRule>,
    pub position: u64,
    /// Rules came or went since the last snapshot.
    pub changed: bool,
}

pub(crate) struct Running {
    pub name: Arc<str>,
    definition: Definition,
    pub instance: Option<Instance>,
    failed: Option<String>,
    pub feeds: Vec<Feed>,
    pub feeding: Option<usize>,
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
    newest: VecDeque<Output>,
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
        self.0.shown.lock().rules.values().cloned().collect()
    }

    pub fn one(&self, name: &str) -> Option<RuleView> {
        self.0.shown.lock().rules.get(name).cloned()
    }

    /// The rows that a rule gave last, oldest first.
    pub fn newest(&self, name: &str) -> Vec<Output> {
        self.0.shown.lock().newest.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn show(&self, state: &State) {
        let behind = self.0.journal.end(Log::Samples).saturating_sub(state.position);
        let mut shown = self.0.shown.lock();
        shown.rules.retain(|name, _| state.running.contains_key(name));
        shown.newest.retain(|name, _| state.running.contains_key(name));
        for (name, running) in &state.running {
            shown.rules.insert(name.clone(), running.view(behind));
            let newest = shown.newest.entry(name.clone()).or_default();
            if running.newest.back() != newest.last() || running.newest.len() != newest.len() {
                *newest = running.newest.iter().cloned().collect();
            }
        }
    }
}

impl State {
    /// The lookup tables that rules at work read.
    pub fn lookups_used(&self) -> BTreeSet<Arc<str>> {
        let instances = self.running.values().filter_map(|running| running.instance.as_ref());
        let lookups = instances.flat_map(|instance| &instance.program.lookups);
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
        self.readers.clear();
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
        self.readers.clear();
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
        let known = saved.is_some();
        let restored = program
            .zip(saved)
            .and_then(|(program, saved)| state::restore(program, lateness, &saved.state));
        let goes_on = restored.is_some();
        if known && !goes_on && program.is_some() {
            tracing::warn!(rule = %definition.name, "a rule is another than before, and begins anew");
        }
        let fresh = || program.map(|program| Instance::new(program.clone(), lateness));
        let mut instance = restored.or_else(fresh);
        if let Some(instance) = &mut instance {
            instance.lives = true;
        }
        let failed = definition.program.as_ref().err().map(ToString::to_string);
        Running {
            name: definition.name.clone(),
            feeds: definition.feeds(),
            feeding: None,
            // Nobody is told today of what was last week: a new rule begins now.
            from: if goes_on { position } else { begun_at.max(position) },
            catching_up: goes_on && position < begun_at && definition.stage == Stage::Live,
            instance,
            failed,
            unwritten: VecDeque::new(),
            unconfirmed: VecDeque::new(),
            unseen: if goes_on { before.0 } else { 0 },
            outputs_from: if goes_on { before.1 } else { end },
            newest: VecDeque::new(),
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

    /// Lets the rule work, and takes what it gives.
    pub fn work(
        &mut self,
        clock: &Arc<dyn Clock>,
        work: impl FnOnce(&mut Instance, &mut Vec<Output>) -> Result<(), RuleError>,
    ) {
        let Some(instance) = &mut self.instance else { return };
        let begun = clock.now();
        let mut out = Vec::new();
        let errors = instance.counts.errors;
        let done = catch_unwind(AssertUnwindSafe(|| work(instance, &mut out)));
        self.busy += clock.now().since(begun);
        let now_ns = clock.wall().unix_ns;
        if instance.counts.errors != errors {
            self.last_error = instance.last_error.clone().map(|text| (now_ns, text));
        }
        match done {
            Ok(Ok(())) => {}
            Ok(Err(RuleError::Rows(text))) => {
                instance.counts.errors += 1;
                self.last_error = Some((now_ns, text));
            }
            Ok(Err(limit)) => self.fail(limit),
            Err(_) => self.fail(RuleError::Limit("a fault inside the rule".to_owned())),
        }
        self.given(out, now_ns);
    }

    fn given(&mut self, out: Vec<Output>, now_ns: i64) {
        if out.is_empty() {
            return;
        }
        self.last_output = Some(now_ns);
        let newest = out.len().saturating_sub(NEWEST_MAX);
        self.newest.extend(out[newest..].iter().cloned());
        let over = self.newest.len().saturating_sub(NEWEST_MAX);
        self.newest.drain(..over);
        match (self.definition.stage, self.catching_up) {
            (Stage::Live, true) => self.unconfirmed.extend(out),
            (Stage::Live, false) => self.unwritten.extend(out),
            _ => {}
        }
    }

    /// The edge's time at which the clock may end something.
    pub fn due(&self) -> Option<i64> {
        self.instance.as_ref()?.due()
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
        self.instance = None;
        self.feeding = None;
    }

    fn view(&self, behind: u64) -> RuleView {
        let program = self.definition.program.as_ref().ok();
        let counts = self.instance.as_ref().map(|instance| instance.counts.clone());
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
            counts: counts.unwrap_or_default(),
            last_error: self.last_error.clone(),
            last_output_unix_ns: self.last_output,
            busy: self.busy,
            memory: self.instance.as_ref().map_or(0, Instance::memory),
            behind,
        }
    }
}
