//! Brings what runs to what the configuration says, touching only what changed.
//!
//! The one path for every change, large or small. What is untouched keeps its connection, its
//! schedule and its place in the journal.

use crate::formula::{Computed, Formulas};
use crate::link::{DeviceTask, GroupTask, LinkShared, Message, supervise as supervise_link};
use crate::live::{DeviceLive, GroupLive, Status};
use crate::output::{RuleOutput, outputs};
use crate::publish::journal_set;
use crate::sink::{SinkLive, SinkSetup, SinkTask, cursor_name, place, supervise as supervise_sink};
use crate::view::{DeviceState, Effect, EffectKind, SinkState};
use crate::{ApplyError, Core, TagIds};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Open, Trace};
use tagwerk_config::{
    Access, Checked, CheckedDevice, CheckedGroup, CheckedSink, CheckedTag, RESERVED_TAG, TagPattern,
};
use tagwerk_env::Moment;
use tagwerk_journal::BacklogLimit;
use tagwerk_model::{DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What is computed of samples: rows by rules, and tags by formulas.
#[derive(Default)]
pub struct Calculated {
    pub outputs: Vec<RuleOutput>,
    pub formulas: Formulas,
}

impl From<Vec<RuleOutput>> for Calculated {
    fn from(outputs: Vec<RuleOutput>) -> Calculated {
        Calculated { outputs, formulas: Formulas::new() }
    }
}

/// What runs now.
#[derive(Default)]
pub(crate) struct Running {
    devices: BTreeMap<String, RunningDevice>,
    links: BTreeMap<Arc<str>, RunningLink>,
    sinks: BTreeMap<String, RunningSink>,
}

struct RunningDevice {
    live: Arc<DeviceLive>,
    settings_fingerprint: u64,
    /// Kept while the settings are: a new one tells the link to connect again.
    open: Arc<dyn Open>,
    groups: Vec<(u64, Arc<GroupTask>)>,
}

struct RunningLink {
    messages: mpsc::UnboundedSender<Message>,
    task: JoinHandle<()>,
}

struct RunningSink {
    fingerprint: (u64, String),
    live: Arc<SinkLive>,
    tags: Arc<[TagPattern]>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    pub fn sinks(&self) -> Vec<Arc<SinkLive>> {
        self.sinks.values().map(|s| s.live.clone()).collect()
    }

    /// Each sink with the tags that it gets.
    pub fn sink_tags(&self) -> Vec<(Arc<str>, Arc<[TagPattern]>)> {
        self.sinks.values().map(|sink| (sink.live.name.clone(), sink.tags.clone())).collect()
    }

    pub fn link(&self, key: &str) -> Option<mpsc::UnboundedSender<Message>> {
        self.links.get(key).map(|link| link.messages.clone())
    }

    /// What applying `checked` would do.
    pub fn plan(&self, checked: &Checked) -> Vec<Effect> {
        let mut effects = Vec::new();
        for device in &checked.devices {
            let name = device.name.to_string();
            let running = self.devices.get(&name).filter(|r| r.runs());
            let kind_groups = match (running, device.enabled) {
                (None, false) => None,
                (None, true) => Some((EffectKind::Starts, Vec::new())),
                (Some(_), false) => Some((EffectKind::Stops, Vec::new())),
                (Some(r), true) if !r.same_settings(device) => {
                    Some((EffectKind::Restarts, Vec::new()))
                }
                (Some(r), true) => {
                    let groups = r.changed_groups(device);
                    (!groups.is_empty()).then_some((EffectKind::Changes, groups))
                }
            };
            if let Some((kind, groups)) = kind_groups {
                effects.push(Effect { device: name, kind, groups });
            }
        }
        for (name, running) in &self.devices {
            if running.runs() && !checked.devices.iter().any(|d| *d.name == **name) {
                effects.push(Effect {
                    device: name.clone(),
                    kind: EffectKind::Stops,
                    groups: Vec::new(),
                });
            }
        }
        effects
    }

    pub fn apply(
        &mut self,
        core: &Arc<Core>,
        checked: Checked,
        wanted: Calculated,
        ids: &dyn TagIds,
    ) -> Result<Vec<Effect>, ApplyError> {
        let Calculated { outputs: wanted, formulas } = wanted;
        let effects = self.plan(&checked);
        // Everything that can fail happens before the first thing is touched.
        let numbers = checked
            .devices
            .iter()
            .map(|device| self.numbers(device, ids))
            .collect::<Result<Vec<_>, _>>()?;
        let outputs = outputs(core, wanted, ids)?;
        self.remove_missing(core, &checked);
        // A sink that comes with its devices gets their first samples too.
        for sink in checked.sinks.iter().filter(|sink| sink.enabled) {
            place(&core.journal, &sink.name, sink.from);
        }
        for (order, (device, numbers)) in checked.devices.into_iter().zip(numbers).enumerate() {
            self.put_device(core, order as u32, device, numbers, &formulas);
        }
        self.end_empty_links();
        core.live.put_outputs(outputs);
        self.put_sinks(core, checked.sinks);
        core.live.touch();
        Ok(effects)
    }

    /// Numbers for the sets and tags of a device that are new.
    fn numbers(&self, device: &CheckedDevice, ids: &dyn TagIds) -> Result<Numbers, ApplyError> {
        let running = self.devices.get(&*device.name).filter(|r| r.same_settings(device));
        let names: Vec<&str> = std::iter::once(STATUS_TAG)
            .chain(device.groups.iter().flat_map(|g| g.tags.iter().map(|t| &*t.name)))
            .collect();
        let changed = match running {
            Some(r) => r.changed_groups(device).len(),
            None => device.groups.len() + 1,
        };
        if changed == 0 {
            return Ok(Numbers::default());
        }
        let tags = ids.tag_ids(&device.name, &names).map_err(ApplyError::Storage)?;
        let first_set = ids.next_set_id(device.groups.len() as u32 + 1);
        let first_set = first_set.map_err(ApplyError::Storage)?;
        Ok(Numbers { first_set, tags })
    }

    fn remove_missing(&mut self, core: &Arc<Core>, checked: &Checked) {
        let gone: Vec<String> = self
            .devices
            .keys()
            .filter(|name| !checked.devices.iter().any(|d| *d.name == ***name))
            .cloned()
            .collect();
        for name in gone {
            self.stop_device(&name);
            core.live.remove(&name);
        }
    }

    fn stop_device(&mut self, name: &str) {
        if let Some(device) = self.devices.remove(name)
            && let Some(link) = self.links.get(&device.live.link)
        {
            // A link that has ended has nothing left to remove.
            let _ = link.messages.send(Message::Remove(device.live.name.clone()));
        }
    }

    fn put_device(
        &mut self,
        core: &Arc<Core>,
        order: u32,
        device: CheckedDevice,
        numbers: Numbers,
        formulas: &Formulas,
    ) {
        let name = device.name.to_string();
        let state = if device.enabled { DeviceState::Connecting } else { DeviceState::Disabled };
        let keep = self.devices.get(&name).is_some_and(|running| {
            running.same_settings(&device) && running.runs() == device.enabled
        });
        let description: Option<Arc<str>> = device.description.as_deref().map(Arc::from);
        let (live, open, old) = match self.devices.remove(&name) {
            Some(running) if keep => (running.live, running.open, running.groups),
            other => {
                if let Some(running) = other {
                    self.devices.insert(name.clone(), running);
                    // A device that stays on its link is replaced there, not stopped and started:
                    // its neighbours, and a link that others share, do not notice.
                    if !device.enabled
                        || self
                            .devices
                            .get(&name)
                            .is_some_and(|r| *r.live.link != *device.plan.link)
                    {
                        self.stop_device(&name);
                    }
                }
                let live = Arc::new(new_live(core, &device, &numbers, state));
                (live, device.plan.open.clone(), Vec::new())
            }
        };
        *live.description.write() = description;
        let groups = build_groups(core, &device, &numbers, old, formulas);
        *live.groups.write() = groups.iter().map(|(_, g)| g.live.clone()).collect();
        core.live.put(order, live.clone());
        if device.enabled {
            let task = DeviceTask {
                live: live.clone(),
                open: open.clone(),
                read_retries: device.plan.read_retries,
                groups: groups.iter().map(|(_, g)| g.clone()).collect(),
            };
            let link = self.link_or_start(core, &live.link);
            // The receiver lives as long as the link is listed.
            let _ = link.send(Message::Put(Arc::new(task)));
        }
        let settings_fingerprint = device.settings_fingerprint;
        self.devices.insert(name, RunningDevice { live, settings_fingerprint, open, groups });
    }

    fn link_or_start(
        &mut self,
        core: &Arc<Core>,
        key: &Arc<str>,
    ) -> &mpsc::UnboundedSender<Message> {
        let link = self.links.entry(key.clone()).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let shared = LinkShared::new(
                key.clone(),
                core.link_context(),
                core.live.clone(),
                core.publisher.clone(),
                core.commands.clone(),
                core.events.clone(),
                receiver,
            );
            let task = core.field.spawn(supervise_link(shared));
            RunningLink { messages: sender, task }
        });
        &link.messages
    }

    fn end_empty_links(&mut self) {
        let used: Vec<Arc<str>> =
            self.devices.values().filter(|d| d.runs()).map(|d| d.live.link.clone()).collect();
        self.links.retain(|key, link| {
            let keep = used.contains(key);
            if !keep {
                let _ = link.messages.send(Message::Stop);
            }
            keep
        });
    }

    fn put_sinks(&mut self, core: &Arc<Core>, sinks: Vec<CheckedSink>) {
        let gone: Vec<String> = self
            .sinks
            .keys()
            .filter(|name| !sinks.iter().any(|s| *s.name == ***name))
            .cloned()
            .collect();
        for name in gone {
            let Some(sink) = self.sinks.remove(&name) else { continue };
            let _ = sink.stop.send(true);
            // Its task may still be ending, and must not write a place that nobody would remove.
            let mut removed = sink.live.removed.lock();
            *removed = true;
            if let Err(error) = core.journal.remove_cursor(&cursor_name(&name)) {
                tracing::error!(sink = name, %error, "the cursor of a removed sink stays");
            }
        }
        for sink in sinks {
            let name = sink.name.to_string();
            let fingerprint = sink_fingerprint(&sink);
            if self.sinks.get(&name).is_some_and(|r| r.fingerprint == fingerprint) {
                continue;
            }
            let before = self.stop_sink(&name);
            self.start_sink(core, sink, fingerprint, before);
        }
    }

    fn stop_sink(&mut self, name: &str) -> Option<JoinHandle<()>> {
        let sink = self.sinks.remove(name)?;
        let _ = sink.stop.send(true);
        sink.task
    }

    fn start_sink(
        &mut self,
        core: &Arc<Core>,
        sink: CheckedSink,
        fingerprint: (u64, String),
        before: Option<JoinHandle<()>>,
    ) {
        let name: Arc<str> = Arc::from(&*sink.name);
        let now = core.env.clock.now();
        let state = if sink.enabled { SinkState::Connecting } else { SinkState::Disabled };
        let live =
            Arc::new(SinkLive::new(name.clone(), sink.kind, state, now, core.events.clone()));
        let (stop, stopped) = watch::channel(false);
        let tags: Arc<[TagPattern]> = sink.tags.into();
        let chosen = tags.clone();
        let task = sink.enabled.then(|| {
            let setup = SinkSetup {
                name: name.clone(),
                open: sink.plan.open,
                in_flight_max: sink.plan.in_flight_max,
                tags: chosen,
                from: sink.from,
                order: sink.order,
                backlog: BacklogLimit {
                    bytes_max: sink.backlog_bytes_max,
                    age_max: sink.backlog_age_max,
                },
            };
            let task = SinkTask {
                setup,
                env: core.env.clone(),
                edge: core.edge.read().clone(),
                secrets: core.secrets.clone(),
                certificates: core.certificates.clone(),
                journal: core.journal.clone(),
                sets: core.sets.clone(),
                live: live.clone(),
                dead: core.dead.clone(),
                stop: stopped,
            };
            core.north.spawn(async move {
                // One task per cursor: the one before says goodbye first.
                if let Some(before) = before {
                    let _ = before.await;
                }
                supervise_sink(task).await;
            })
        });
        self.sinks.insert(name.to_string(), RunningSink { fingerprint, live, tags, stop, task });
    }

    /// Ends every task; what they had acknowledged is kept.
    pub fn stop(&mut self) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        for (_, link) in std::mem::take(&mut self.links) {
            let _ = link.messages.send(Message::Stop);
            tasks.push(link.task);
        }
        for (_, sink) in std::mem::take(&mut self.sinks) {
            let _ = sink.stop.send(true);
            tasks.extend(sink.task);
        }
        self.devices.clear();
        tasks
    }
}

/// Name of the device's own tag.
const STATUS_TAG: &str = RESERVED_TAG;
/// The group of a device's own tag; no configured group begins with an underscore.
pub const OWN_GROUP: &str = "_device";

/// First set number, and tag numbers of the status tag and of every tag in the configuration's
/// order; empty where nothing is new.
#[derive(Default)]
struct Numbers {
    first_set: u32,
    tags: Vec<TagId>,
}

impl RunningDevice {
    fn runs(&self) -> bool {
        self.live.status.lock().state != DeviceState::Disabled
    }

    fn same_settings(&self, device: &CheckedDevice) -> bool {
        self.settings_fingerprint == device.settings_fingerprint
            && *self.live.link == *device.plan.link
            && self.runs() == device.enabled
    }

    /// Names of the groups that are new, gone or different.
    fn changed_groups(&self, device: &CheckedDevice) -> Vec<String> {
        let is_known = |group: &&CheckedGroup| {
            self.groups
                .iter()
                .any(|(print, task)| *task.live.name == *group.name && *print == group.fingerprint)
        };
        let changed = device.groups.iter().filter(|g| !is_known(g)).map(|g| g.name.to_string());
        let gone = self
            .groups
            .iter()
            .filter(|(_, task)| !device.groups.iter().any(|g| *g.name == *task.live.name))
            .map(|(_, task)| task.live.name.to_string());
        changed.chain(gone).collect()
    }
}

/// What must be equal for a sink to go on undisturbed. Where it starts matters only once.
fn sink_fingerprint(sink: &CheckedSink) -> (u64, String) {
    let tags: Vec<String> = sink.tags.iter().map(ToString::to_string).collect();
    let backlog = (sink.backlog_bytes_max, sink.backlog_age_max);
    let rest = format!("{} {:?} {backlog:?} {}", sink.enabled, sink.order, tags.join(" "));
    (sink.settings_fingerprint, rest)
}

/// The device's own tag: true while it is online.
fn status_tag() -> CheckedTag {
    CheckedTag {
        name: STATUS_TAG.into(),
        address: "".into(),
        formula: None,
        unit: "".into(),
        description: Some("Whether the device is online".into()),
        scale: None,
        range: None,
        deadband: None,
        declared: DataType::Bool,
        published: DataType::Bool,
        access: Access::Read,
        on_change: true,
    }
}

fn new_live(
    core: &Arc<Core>,
    device: &CheckedDevice,
    numbers: &Numbers,
    state: DeviceState,
) -> DeviceLive {
    let now = core.env.clock.now();
    let set = Arc::new(TagSet::new(TagSetDefinition {
        id: numbers.first_set,
        device: Box::from(&*device.name),
        group: OWN_GROUP.into(),
        tags: vec![TagDefinition {
            id: numbers.tags.first().copied().unwrap_or(TagId(0)),
            name: STATUS_TAG.into(),
            data_type: DataType::Bool,
            unit: "".into(),
        }],
    }));
    core.sets.insert(&set);
    let tags = [status_tag()].into();
    let own = GroupLive::new(set, tags, Duration::ZERO, Quality::BAD_WAITING, now);
    DeviceLive {
        name: Arc::from(&*device.name),
        driver: device.driver_name,
        link: Arc::from(&*device.plan.link),
        description: RwLock::new(None),
        status: Mutex::new(Status { state, since: now, reason: None, next_try: None }),
        own: Arc::new(own),
        groups: RwLock::default(),
        counters: Mutex::default(),
        trace: RwLock::new(Trace::off()),
    }
}

/// Which tags of a group are read; `None` when all are.
fn readable(group: &CheckedGroup) -> Option<Box<[bool]>> {
    let flags: Box<[bool]> = group.tags.iter().map(|t| t.access.reads()).collect();
    (!flags.iter().all(|f| *f)).then_some(flags)
}

/// The device's groups: those that did not change as they are, the others new.
fn build_groups(
    core: &Arc<Core>,
    device: &CheckedDevice,
    numbers: &Numbers,
    old: Vec<(u64, Arc<GroupTask>)>,
    formulas: &Formulas,
) -> Vec<(u64, Arc<GroupTask>)> {
    let mut first_tag = 1;
    let now: Moment = core.env.clock.now();
    let quality = if device.enabled { Quality::BAD_WAITING } else { Quality::BAD_OUT_OF_SERVICE };
    let mut groups = Vec::with_capacity(device.groups.len());
    for (position, group) in device.groups.iter().enumerate() {
        let from = first_tag;
        first_tag += group.tags.len();
        let known = old
            .iter()
            .find(|(print, task)| *task.live.name == *group.name && *print == group.fingerprint);
        if let Some((print, task)) = known {
            // What the formulas read may be of another type by now.
            *task.computed.write() = Arc::new(Computed::new(&task.live, formulas));
            groups.push((*print, task.clone()));
            continue;
        }
        let tags = group.tags.iter().zip(&numbers.tags[from..]);
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: numbers.first_set + 1 + position as u32,
            device: Box::from(&*device.name),
            group: Box::from(&*group.name),
            tags: tags
                .map(|(tag, id)| TagDefinition {
                    id: *id,
                    name: tag.name.clone(),
                    data_type: tag.published,
                    unit: Box::from(&*tag.unit),
                })
                .collect(),
        }));
        core.sets.insert(&set);
        let plan = &device.plan.groups[position];
        let journal_set = journal_set(&set);
        let live = GroupLive::new(set, group.tags.clone().into(), group.interval, quality, now);
        groups.push((
            group.fingerprint,
            Arc::new(GroupTask {
                journal_set,
                readable: readable(group),
                computed: RwLock::new(Arc::new(Computed::new(&live, formulas))),
                live: Arc::new(live),
                reads: plan.reads.clone(),
                writes: plan.writes.clone(),
                watch: plan.watch.clone(),
            }),
        ));
    }
    groups
}
