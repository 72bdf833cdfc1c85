//! Alarms on the edge: the thread that judges samples, and the alarms of a configuration.

use anyhow::Context;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_alarms::alarm::{
    Condition, Definition, Priority, Reference, Scalar, Suppression, Treatment,
};
use tagwerk_alarms::{Board, Keeper, Watch, Watched, WatchedBy};
use tagwerk_config::{
    AlarmCondition, AlarmPriority, CheckedAlarm, CheckedSuppression, TagName, TagPattern,
};
use tagwerk_env::Env;
use tagwerk_journal::Journal;
use tagwerk_model::{TagDefinition, TagId, Value};
use tagwerk_runtime::{OWN_GROUP, Runtime};
use tokio::sync::watch;

/// The alarms, and the thread that judges for them.
pub struct Judging {
    board: Board,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Judging {
    pub fn start(env: &Env, journal: &Journal) -> anyhow::Result<Judging> {
        let (keeper, board) = Keeper::open(env, journal);
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("alarms".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            tagwerk_alarms::run(keeper, stopping);
        });
        let thread = thread.context("the thread of alarms cannot be started")?;
        Ok(Judging { board, stop, thread })
    }

    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Judges what there is and ends. Blocking.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of alarms panicked");
        }
    }
}

/// The alarms of a configuration that runs, with the tags that have them.
pub fn watches(alarms: &[CheckedAlarm], runtime: &Runtime) -> Vec<Watch> {
    let enabled: Vec<&CheckedAlarm> = alarms.iter().filter(|alarm| alarm.enabled).collect();
    let mut watches: Vec<Watch> =
        enabled.iter().map(|a| Watch { definition: definition(a), tags: Vec::new() }).collect();
    if watches.is_empty() {
        return watches;
    }
    let mut others = Others::find(&enabled, runtime);
    // There may be an alarm for each of very many tags.
    let mut exact: HashMap<&str, HashMap<&str, Vec<usize>>> = HashMap::new();
    let mut wide: Vec<(usize, &TagPattern)> = Vec::new();
    for (place, alarm) in enabled.iter().enumerate() {
        for pattern in &alarm.tags {
            match pattern.exact() {
                Some((device, tag)) => {
                    exact.entry(device).or_default().entry(tag).or_default().push(place);
                }
                None => wide.push((place, pattern)),
            }
        }
    }
    runtime.each_tag(&mut |device: &str, group: &str, tag: &TagDefinition| {
        // A device's own state is no tag of the configuration.
        if group == OWN_GROUP {
            return;
        }
        let named = exact.get(device).and_then(|tags| tags.get(&*tag.name));
        let named = named.into_iter().flatten().copied();
        let chosen = wide.iter().filter(|(_, pattern)| pattern.matches(device, group, &tag.name));
        for place in named.chain(chosen.map(|(place, _)| *place)) {
            let tags = &mut watches[place].tags;
            // Another pattern of the same alarm may have chosen it.
            if tags.last().is_some_and(|last| last.watched.id == tag.id) {
                continue;
            }
            let watched = Watched {
                id: tag.id,
                device: Arc::from(device),
                name: Arc::from(&*tag.name),
                unit: Arc::from(&*tag.unit),
                data_type: tag.data_type,
            };
            tags.push(WatchedBy {
                watched,
                reference: others.reference(enabled[place], device),
                suppression: others.suppression(enabled[place], device),
            });
        }
    });
    watches
}

type Pair = (Box<str>, Box<str>);

/// The tags that have a say in alarms of others. One that does not run, as its device is not enabled,
/// has none.
struct Others {
    /// By device and name.
    ids: HashMap<Pair, TagId>,
    /// Alarms of one device share them: by alarm and device.
    references: HashMap<Pair, Option<Arc<Reference>>>,
    suppressions: HashMap<Pair, Option<Arc<Suppression>>>,
}

impl Others {
    fn find(alarms: &[&CheckedAlarm], runtime: &Runtime) -> Others {
        let mut names: HashSet<&str> = HashSet::new();
        for alarm in alarms {
            names.extend(reference(alarm).map(|name| &*name.tag));
            names.extend(alarm.suppress_when.as_ref().map(|when| &*when.tag.tag));
        }
        let mut ids = HashMap::new();
        if !names.is_empty() {
            runtime.each_tag(&mut |device: &str, _: &str, tag: &TagDefinition| {
                if names.contains(&*tag.name) {
                    ids.insert((device.into(), (&*tag.name).into()), tag.id);
                }
            });
        }
        Others { ids, references: HashMap::new(), suppressions: HashMap::new() }
    }

    /// The tag of that name, and the name in full.
    fn id(&self, name: &TagName, own_device: &str) -> Option<(TagId, Box<str>)> {
        let device = name.device.as_deref().unwrap_or(own_device);
        let id = self.ids.get(&(device.into(), name.tag.clone()))?;
        Some((*id, format!("{device}/{}", name.tag).into()))
    }

    fn reference(&mut self, alarm: &CheckedAlarm, device: &str) -> Option<Arc<Reference>> {
        let name = reference(alarm)?;
        let key = (alarm.name.clone(), device.into());
        if let Some(known) = self.references.get(&key) {
            return known.clone();
        }
        let found = self.id(name, device).map(|(tag, name)| Arc::new(Reference { tag, name }));
        self.references.insert(key, found.clone());
        found
    }

    fn suppression(&mut self, alarm: &CheckedAlarm, device: &str) -> Option<Arc<Suppression>> {
        let CheckedSuppression { tag: name, equals } = alarm.suppress_when.as_ref()?;
        let key = (alarm.name.clone(), device.into());
        if let Some(known) = self.suppressions.get(&key) {
            return known.clone();
        }
        let found = self.id(name, device).map(|(tag, name)| {
            let equals = scalar(equals);
            let reason = format!("{name} is {equals}").into();
            Arc::new(Suppression { tag, equals, reason })
        });
        self.suppressions.insert(key, found.clone());
        found
    }
}

fn reference(alarm: &CheckedAlarm) -> Option<&TagName> {
    match &alarm.condition {
        AlarmCondition::Deviation { reference, .. } => Some(reference),
        _ => None,
    }
}

fn definition(alarm: &CheckedAlarm) -> Definition {
    Definition {
        name: Arc::from(&*alarm.name),
        priority: priority(alarm.priority),
        condition: condition(&alarm.condition),
        treatment: Treatment {
            on_delay_ns: ns(alarm.on_delay),
            off_delay_ns: ns(alarm.off_delay),
            n_of_m: alarm.samples,
            latching: alarm.latching,
            acknowledge: alarm.acknowledge,
            ..Treatment::default()
        },
        text: alarm.text.as_deref().map(Arc::from),
        response: alarm.response.as_deref().map(Arc::from),
    }
}

pub fn priority(priority: AlarmPriority) -> Priority {
    match priority {
        AlarmPriority::Low => Priority::Low,
        AlarmPriority::Medium => Priority::Medium,
        AlarmPriority::High => Priority::High,
        AlarmPriority::Critical => Priority::Critical,
    }
}

fn ns(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn condition(condition: &AlarmCondition) -> Condition {
    match *condition {
        AlarmCondition::Above { limit, hysteresis } => Condition::Above { limit, hysteresis },
        AlarmCondition::Below { limit, hysteresis } => Condition::Below { limit, hysteresis },
        AlarmCondition::Outside { low, high, hysteresis } => {
            Condition::Outside { low, high, hysteresis }
        }
        AlarmCondition::Equals(ref value) => Condition::Equals(scalar(value)),
        AlarmCondition::NotEquals(ref value) => Condition::NotEquals(scalar(value)),
        AlarmCondition::Bad => Condition::Bad,
        AlarmCondition::Stale { after } => Condition::Stale { after_ns: ns(after) },
        AlarmCondition::Rising { limit, hysteresis, per } => {
            Condition::Rising { limit, hysteresis, per_ns: ns(per) }
        }
        AlarmCondition::Falling { limit, hysteresis, per } => {
            Condition::Falling { limit, hysteresis, per_ns: ns(per) }
        }
        AlarmCondition::Deviation { limit, hysteresis, .. } => {
            Condition::Deviation { limit, hysteresis }
        }
    }
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Bool(flag) => Scalar::Bool(*flag),
        Value::I64(number) => Scalar::I64(*number),
        Value::U64(number) => Scalar::U64(*number),
        Value::F64(number) => Scalar::F64(*number),
        Value::Text(text) => Scalar::Text((**text).into()),
        // The check lets no other kind through.
        Value::Bytes(_) | Value::List(_) => Scalar::Bool(false),
    }
}
