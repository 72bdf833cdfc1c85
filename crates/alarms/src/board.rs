//! All alarms as those see them who ask: list, history, and what operators do.

use crate::alarm::{
    Alarm, AlarmKey, Alarms, ChangeKind, Definition, Instance, Noted, Operator, Priority,
    Reference, Refused, Shelf, Shown, Stamp, Suppression, Target,
};
use crate::clock::AlarmClock;
use crate::record::{AlarmChange, CHANGE_KIND};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tagwerk_env::Env;
use tagwerk_journal::{Journal, Stream};
use tagwerk_model::{DataType, Quality, TagId, Value};
use tokio::sync::watch;

/// Changes remembered for showing. More: the oldest are found in the journal only.
const CHANGES_REMEMBERED_MAX: usize = 10_000;
/// Changes that could not be written yet. More: the oldest are given up.
const UNWRITTEN_MAX: usize = 10_000;

/// A tag with alarms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub id: TagId,
    pub device: Arc<str>,
    pub name: Arc<str>,
    pub unit: Arc<str>,
    pub data_type: DataType,
}

/// A tag with an alarm, and what else has a say in it.
#[derive(Clone, Debug)]
pub struct WatchedBy {
    pub watched: Watched,
    /// What its value is compared with.
    pub reference: Option<Arc<Reference>>,
    pub suppression: Option<Arc<Suppression>>,
}

impl From<Watched> for WatchedBy {
    fn from(watched: Watched) -> WatchedBy {
        WatchedBy { watched, reference: None, suppression: None }
    }
}

/// One kind of alarm with the tags that have it.
#[derive(Clone, Debug)]
pub struct Watch {
    pub definition: Definition,
    pub tags: Vec<WatchedBy>,
}

/// An alarm as it is now.
#[derive(Clone, Debug)]
pub struct AlarmView {
    pub definition: Arc<Definition>,
    pub watched: Watched,
    pub shown: Shown,
    pub active: bool,
    pub latched: bool,
    pub unacknowledged: u32,
    /// How often it was raised.
    pub raised: u64,
    /// When it was raised or cleared last.
    pub since_unix_ns: Option<i64>,
    pub shelf: Option<(Shelf, i64)>,
    pub suppressed: Option<Box<str>>,
    /// What it is compared with.
    pub reference: Option<Arc<Reference>>,
    /// It changes too often: changes that were counted and not told.
    pub chattering: Option<u64>,
    /// The newest that was judged; a value is none when its quality is bad.
    pub value: Option<Value>,
    pub quality: Option<Quality>,
}

/// All alarms together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlarmLoad {
    /// Alarms that change too often.
    pub chattering: usize,
    /// Changes since the start that were counted and not written.
    pub not_written: u64,
    /// More alarms than one person can follow: since when, and how many were announced since then.
    pub flood: Option<(i64, u64)>,
}

/// Who does something to an alarm, and what they say.
#[derive(Clone, Debug)]
pub struct By {
    pub name: Box<str>,
    pub comment: Option<Box<str>>,
}

#[derive(Clone, Debug, Default)]
pub struct ChangeQuery {
    pub alarm: Option<String>,
    pub device: Option<String>,
    pub tag: Option<String>,
    pub kind: Option<ChangeKind>,
    /// Only changes before this place.
    pub before: Option<u64>,
    pub limit: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("there is no such alarm")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the change cannot be written: {0}")]
    Storage(String),
}

/// All alarms. Cheap to clone.
#[derive(Clone)]
pub struct Board(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub env: Env,
    pub journal: Journal,
    pub state: Mutex<State>,
    /// Grows with every change.
    version: watch::Sender<u64>,
}

#[derive(Default)]
pub(crate) struct State {
    /// A configuration has said which alarms there are.
    pub defined: bool,
    /// What the run before wrote has been read, the clock among it.
    pub loaded: bool,
    /// And later another one, which is not in a snapshot yet.
    pub redefined: bool,
    pub alarms: Alarms,
    watched: HashMap<TagId, Watched>,
    pub clock: AlarmClock,
    /// Samples below this have been judged.
    pub position: u64,
    /// With their places in the record stream, oldest first.
    pub changes: VecDeque<(u64, AlarmChange)>,
    pub unwritten: VecDeque<AlarmChange>,
    /// Bytes written as changes since the last snapshot.
    pub written_bytes: usize,
}

impl Board {
    pub(crate) fn new(env: &Env, journal: &Journal, changes_max: u32) -> Board {
        let state = State { alarms: Alarms::bounded(changes_max), ..State::default() };
        Board(Arc::new(Inner {
            env: env.clone(),
            journal: journal.clone(),
            state: Mutex::new(state),
            version: watch::Sender::new(0),
        }))
    }

    /// Takes the alarms of a configuration. One that was there before, by name and tag, stays as it is.
    pub fn define(&self, watches: Vec<Watch>) {
        let mut state = self.0.state.lock();
        state.watched.clear();
        let mut definitions = Vec::with_capacity(watches.len());
        for Watch { definition, tags } in watches {
            let mut targets = Vec::with_capacity(tags.len());
            for WatchedBy { watched, reference, suppression } in tags {
                targets.push(Target { tag: watched.id, reference, suppression });
                state.watched.insert(watched.id, watched);
            }
            definitions.push((definition, targets));
        }
        let changed = state.alarms.define(definitions);
        state.redefined |= changed && state.defined;
        state.defined = true;
        drop(state);
        self.changed();
    }

    /// Grows with every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.0.version.send_modify(|version| *version += 1);
    }

    /// The time by the clock of alarms; none before the first alarms were defined and read.
    pub fn time(&self) -> Option<Stamp> {
        let mut state = self.0.state.lock();
        state.loaded.then(|| self.now(&mut state))
    }

    /// All alarms, in the order of the configuration.
    pub fn list(&self) -> Vec<AlarmView> {
        let mut state = self.0.state.lock();
        let stamp = self.now(&mut state);
        let state = &*state;
        state.alarms.instances().iter().filter_map(|i| state.view(i, stamp)).collect()
    }

    /// How many alarms are how, by priority.
    pub fn counts(&self) -> HashMap<(Priority, Shown), usize> {
        let state = self.0.state.lock();
        let mut counts = HashMap::new();
        for instance in state.alarms.instances() {
            let of = (instance.definition.priority, instance.alarm.shown());
            *counts.entry(of).or_default() += 1;
        }
        counts
    }

    /// Whether there is more than somebody can follow, or than is written.
    pub fn load(&self) -> AlarmLoad {
        let mut state = self.0.state.lock();
        let stamp = self.now(&mut state);
        let alarms = &state.alarms;
        let flood = alarms.flood().at(stamp.logical_ns);
        AlarmLoad {
            chattering: alarms
                .instances()
                .iter()
                .filter(|i| i.alarm.chattering().is_some())
                .count(),
            not_written: alarms.not_told(),
            flood: flood.map(|(since, alarms)| (stamp.unix(since), alarms)),
        }
    }

    /// What became of alarms, newest first, as far as it is remembered, with the places.
    pub fn changes(&self, query: &ChangeQuery) -> Vec<(u64, AlarmChange)> {
        let state = self.0.state.lock();
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        let wanted = |(place, change): &&(u64, AlarmChange)| {
            query.before.is_none_or(|before| *place < before)
                && query.kind.is_none_or(|kind| kind == change.kind)
                && is(&query.alarm, &change.alarm)
                && is(&query.device, &change.device)
                && is(&query.tag, &change.tag)
        };
        state.changes.iter().rev().filter(wanted).take(query.limit).cloned().collect()
    }

    /// Does what somebody asked for; returns when it is on disk.
    pub async fn operate(
        &self,
        (alarm, device, tag): (&str, &str, &str),
        action: &Action,
        by: &By,
    ) -> Result<AlarmView, OperateError> {
        let (view, seq) = {
            let mut state = self.0.state.lock();
            let stamp = self.now(&mut state);
            self.let_pass(&mut state, stamp);
            let found = state.find(alarm, device, tag).ok_or(OperateError::Unknown)?;
            let before = state.alarms.instances()[found].alarm.clone();
            let operator = action.operator(by, stamp);
            let mut noted = Vec::new();
            state.alarms.operate(found, stamp.logical_ns, operator, &mut noted)?;
            let mut seq = None;
            for noted in noted {
                let change = state.describe(&noted, stamp, Some(by));
                match self.write(&mut state, change.clone()) {
                    Ok(place) => seq = Some(place),
                    Err(error) => {
                        let key = change.key();
                        state.alarms.restore(&key, before);
                        return Err(OperateError::Storage(error));
                    }
                }
            }
            let view = state.view(&state.alarms.instances()[found], stamp);
            (view.ok_or(OperateError::Unknown)?, seq)
        };
        self.changed();
        if let Some(seq) = seq {
            let durable = self.0.journal.durable(Stream::Record, seq).await;
            durable.map_err(|error| OperateError::Storage(error.to_string()))?;
        }
        Ok(view)
    }

    pub(crate) fn now(&self, state: &mut State) -> Stamp {
        let clock = &self.0.env.clock;
        let (moment, wall) = (clock.now(), clock.wall());
        let boot = self.0.journal.boot();
        let logical_ns = state.clock.reach(boot, moment, wall.unix_ns, wall.synchronised);
        Stamp { logical_ns, unix_ns: wall.unix_ns }
    }

    /// What is due happens. Each change is described before the next one comes.
    pub(crate) fn let_pass(&self, state: &mut State, stamp: Stamp) {
        let mut noted = Vec::new();
        while state.alarms.advance_once((stamp.logical_ns, usize::MAX), &mut noted) {
            state.describe_all(&mut noted, stamp);
        }
        self.flush(state);
    }

    /// Writes what happened by itself.
    pub(crate) fn write_all(&self, state: &mut State, mut noted: Vec<Noted>, stamp: Stamp) {
        state.describe_all(&mut noted, stamp);
        self.flush(state);
    }

    /// What cannot be written now is written later.
    fn flush(&self, state: &mut State) {
        if state.unwritten.is_empty() {
            return;
        }
        while let Some(change) = state.unwritten.pop_front() {
            if let Err(error) = self.write(state, change.clone()) {
                tracing::warn!(error, "what became of an alarm cannot be written now");
                state.unwritten.push_front(change);
                while state.unwritten.len() > UNWRITTEN_MAX {
                    state.unwritten.pop_front();
                }
                break;
            }
        }
        self.changed();
    }

    fn write(&self, state: &mut State, change: AlarmChange) -> Result<u64, String> {
        let payload = serde_json::to_vec(&change).map_err(|error| error.to_string())?;
        let seq = self.0.journal.append_record(CHANGE_KIND, &payload).map_err(|e| e.to_string())?;
        state.written_bytes += payload.len();
        state.remember(seq, change);
        Ok(seq)
    }
}

/// What an operator does to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Acknowledge,
    Reset,
    Shelve { until_unix_ns: i64 },
    Unshelve,
    TakeOutOfService,
    ReturnToService,
}

impl Action {
    fn operator(self, by: &By, stamp: Stamp) -> Operator {
        match self {
            Action::Acknowledge => Operator::Acknowledge,
            Action::Reset => Operator::Reset,
            Action::Unshelve => Operator::Unshelve,
            Action::TakeOutOfService => Operator::TakeOutOfService,
            Action::ReturnToService => Operator::ReturnToService,
            Action::Shelve { until_unix_ns } => Operator::Shelve(Shelf {
                by: by.name.clone(),
                comment: by.comment.clone().unwrap_or_default(),
                until_ns: stamp.logical_ns.saturating_add(until_unix_ns - stamp.unix_ns),
            }),
        }
    }
}

impl State {
    pub fn remember(&mut self, seq: u64, change: AlarmChange) {
        if self.changes.len() >= CHANGES_REMEMBERED_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((seq, change));
    }

    fn find(&self, alarm: &str, device: &str, tag: &str) -> Option<usize> {
        let of = |w: &&Watched| &*w.device == device && &*w.name == tag;
        let id = self.watched.values().find(of)?.id;
        self.alarms.find(&AlarmKey { name: alarm.into(), tag: id.0 })
    }

    pub fn describe_all(&mut self, noted: &mut Vec<Noted>, stamp: Stamp) {
        for noted in noted.drain(..) {
            let change = self.describe(&noted, stamp, None);
            self.unwritten.push_back(change);
        }
    }

    fn describe(&self, noted: &Noted, stamp: Stamp, by: Option<&By>) -> AlarmChange {
        let Some(place) = noted.place else { return self.describe_all_together(noted, stamp) };
        let instance = &self.alarms.instances()[place];
        let watched = self.watched.get(&instance.tag);
        let data_type = watched.map_or(DataType::Float64, |tag| tag.data_type);
        let name = |of: fn(&Watched) -> &Arc<str>| watched.map_or("", |tag| of(tag)).into();
        let json = |value: &Value| {
            let mut out = Vec::new();
            value.as_ref().write_json(data_type, &mut out);
            String::from_utf8_lossy(&out).into()
        };
        AlarmChange {
            alarm: (&*instance.definition.name).into(),
            device: name(|tag| &tag.device),
            tag: name(|tag| &tag.name),
            tag_id: instance.tag.0,
            kind: noted.change.kind,
            unix_ns: stamp.unix(noted.change.at_ns),
            at_ns: noted.change.at_ns,
            announced: noted.change.announced,
            priority: instance.definition.priority,
            value: instance.value.as_ref().map(json),
            unit: watched.filter(|tag| !tag.unit.is_empty()).map(|tag| (&*tag.unit).into()),
            quality: instance.quality.map(|quality| quality.0),
            by: by.map(|by| by.name.clone()),
            comment: by.and_then(|by| by.comment.clone()),
            text: instance.definition.text.as_deref().map(Into::into),
            count: Some(noted.change.count).filter(|count| *count > 0),
            position: self.position,
            state: instance.alarm.clone(),
            quota: Some(self.alarms.quota()),
        }
    }

    fn describe_all_together(&self, noted: &Noted, stamp: Stamp) -> AlarmChange {
        let nobody = || Box::<str>::default();
        AlarmChange {
            alarm: nobody(),
            device: nobody(),
            tag: nobody(),
            tag_id: AlarmKey::of_all().tag,
            kind: noted.change.kind,
            unix_ns: stamp.unix(noted.change.at_ns),
            at_ns: noted.change.at_ns,
            announced: noted.change.announced,
            priority: Priority::default(),
            value: None,
            unit: None,
            quality: None,
            by: None,
            comment: None,
            text: None,
            count: Some(noted.change.count),
            position: self.position,
            state: Alarm::default(),
            quota: Some(self.alarms.quota()),
        }
    }

    fn view(&self, instance: &Instance, stamp: Stamp) -> Option<AlarmView> {
        let alarm = &instance.alarm;
        Some(AlarmView {
            definition: instance.definition.clone(),
            watched: self.watched.get(&instance.tag)?.clone(),
            shown: alarm.shown(),
            active: alarm.is_active(),
            latched: alarm.is_latched(),
            unacknowledged: alarm.unacknowledged(),
            raised: alarm.raised(),
            since_unix_ns: alarm.since_ns().map(|since| stamp.unix(since)),
            shelf: alarm.shelf().map(|shelf| (shelf.clone(), stamp.unix(shelf.until_ns))),
            suppressed: alarm.suppressed().map(Into::into),
            reference: instance.reference.clone(),
            chattering: alarm.chattering(),
            value: instance.value.clone(),
            quality: instance.quality,
        })
    }
}
