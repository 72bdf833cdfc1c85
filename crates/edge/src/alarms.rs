//! Alarms on the edge: the thread that judges samples, and the alarms of a configuration.

use anyhow::Context;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_alarms::alarm::{Condition, Definition, Priority, Scalar, Treatment};
use tagwerk_alarms::{Board, Keeper, Watch, Watched};
use tagwerk_config::{AlarmCondition, AlarmPriority, CheckedAlarm, TagPattern};
use tagwerk_env::Env;
use tagwerk_journal::Journal;
use tagwerk_model::{TagDefinition, Value};
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
            if tags.last().is_none_or(|last| last.id != tag.id) {
                tags.push(Watched {
                    id: tag.id,
                    device: Arc::from(device),
                    name: Arc::from(&*tag.name),
                    unit: Arc::from(&*tag.unit),
                    data_type: tag.data_type,
                });
            }
        }
    });
    watches
}

fn definition(alarm: &CheckedAlarm) -> Definition {
    let ns = |delay: Duration| i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
    Definition {
        name: Arc::from(&*alarm.name),
        priority: match alarm.priority {
            AlarmPriority::Low => Priority::Low,
            AlarmPriority::Medium => Priority::Medium,
            AlarmPriority::High => Priority::High,
            AlarmPriority::Critical => Priority::Critical,
        },
        condition: match &alarm.condition {
            AlarmCondition::Above { limit, hysteresis } => {
                Condition::Above { limit: *limit, hysteresis: *hysteresis }
            }
            AlarmCondition::Below { limit, hysteresis } => {
                Condition::Below { limit: *limit, hysteresis: *hysteresis }
            }
            AlarmCondition::Outside { low, high, hysteresis } => {
                Condition::Outside { low: *low, high: *high, hysteresis: *hysteresis }
            }
            AlarmCondition::Equals(value) => Condition::Equals(scalar(value)),
            AlarmCondition::NotEquals(value) => Condition::NotEquals(scalar(value)),
            AlarmCondition::Bad => Condition::Bad,
        },
        treatment: Treatment {
            on_delay_ns: ns(alarm.on_delay),
            off_delay_ns: ns(alarm.off_delay),
            n_of_m: alarm.samples,
            latching: alarm.latching,
            acknowledge: alarm.acknowledge,
        },
        text: alarm.text.as_deref().map(Arc::from),
        response: alarm.response.as_deref().map(Arc::from),
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
