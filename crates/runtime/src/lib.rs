//! Runs a configuration: polls devices, journals what they say, feeds the sinks, carries commands.
//!
//! Names no driver and no sink: they come in as plans. Leaves HTTP, files and users to the edge.

mod command;
mod dead;
mod event;
mod formula;
mod health;
mod link;
mod live;
mod load;
mod look_back;
mod output;
mod problem;
mod publish;
mod reconcile;
mod record;
mod report;
mod selection;
mod set_table;
mod sink;
mod subscribe;
mod trial;
pub mod view;

use command::Commands;
pub use command::from_json as value_from_json;
pub use dead::DeadLetter;
use dead::DeadLetters;
use event::Events;
pub use event::{Event, EventQuery, EventSeverity};
pub use formula::{Formula, FormulaInput, Formulas, Outcome, Seen, compute};
use health::OwnHealth;
use link::Message;
use live::{GroupLive, Live, Now};
pub use output::{OutputColumn, OutputRow, RuleOutput};
use parking_lot::{Mutex, RwLock};
use publish::Publisher;
use reconcile::Running;
pub use reconcile::{Calculated, OWN_GROUP};
pub use record::RecordKind;
use set_table::SetTable;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
pub use subscribe::{LiveFilter, LiveReceiver, LiveUpdate};
use tagwerk_component::{Certificates, LinkContext, Secrets, Trace};
use tagwerk_config::{Checked, CheckedDevice, TagPattern};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Cursor, Item, Journal, ReaderFilter, Stream};
use tagwerk_ledger::{Schedule, Schedules};
use tagwerk_model::{SampleBatch, TagDefinition, TagId, TagSet, codec, limits};
use tokio::sync::oneshot;
use trial::TrialJob;
pub use trial::{Estimate, GroupEstimate, Trial, TrialAsk, TrialFound, TrialValue};
use view::{
    CommandRefused, CommandRequest, CommandView, DeviceView, Effect, LookBack, Problem, SinkView,
    TagCounts, TagPage, TagQuery, TagView, TraceView,
};

/// How often the journal is shown the clock, so that it notes steps and synchronisation.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// What a runtime is made of.
pub struct Parts {
    pub env: Env,
    pub journal: Journal,
    /// The edge's name until a configuration gives one.
    pub edge: Arc<str>,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
}

/// Numbers that are never used twice, kept by the edge's store.
pub trait TagIds: Send + Sync {
    /// One number per tag; a tag that was known before keeps its own.
    fn tag_ids(&self, device: &str, tags: &[&str]) -> Result<Vec<TagId>, String>;
    /// The first of `count` new set numbers in a row.
    fn next_set_id(&self, count: u32) -> Result<u32, String>;
}

/// Why a configuration that passed its check was not applied; what ran before still runs.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("tag numbers cannot be stored: {0}")]
    Storage(String),
}

/// The running edge. Clones share it.
#[derive(Clone)]
pub struct Runtime {
    core: Arc<Core>,
    threads: Arc<Mutex<Vec<Worker>>>,
}

pub(crate) struct Core {
    env: Env,
    journal: Journal,
    edge: RwLock<Arc<str>>,
    secrets: Arc<dyn Secrets>,
    certificates: Arc<dyn Certificates>,
    live: Arc<Live>,
    sets: Arc<SetTable>,
    publisher: Publisher,
    commands: Arc<Commands>,
    dead: Arc<DeadLetters>,
    events: Arc<Events>,
    running: Mutex<Running>,
    /// Runs the links' tasks: one thread for all devices.
    field: tokio::runtime::Handle,
    /// Runs the sinks' tasks, so that encoding for a cloud never delays a poll.
    north: tokio::runtime::Handle,
    started: Moment,
}

impl Core {
    /// What a link is opened with, its communication log off.
    fn link_context(self: &Arc<Core>) -> LinkContext {
        LinkContext {
            env: self.env.clone(),
            secrets: self.secrets.clone(),
            certificates: self.certificates.clone(),
            trace: Trace::new(self.env.clock.clone()),
            health: Arc::new(OwnHealth::of(self)),
        }
    }
}

/// A thread that drives one single-threaded executor until told to end.
struct Worker {
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Worker {
    fn start(name: &str) -> std::io::Result<(Worker, tokio::runtime::Handle)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An error means that the sender is gone, which is an end too.
            let _ = runtime.block_on(ended);
        })?;
        Ok((Worker { end: Some(end), thread: Some(thread) }, handle))
    }

    fn stop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Runtime {
    /// Starts with an empty configuration: nothing is polled until [`Runtime::apply`].
    pub fn start(parts: Parts) -> std::io::Result<Runtime> {
        let (field_thread, field) = Worker::start("field")?;
        let (north_thread, north) = Worker::start("sinks")?;
        let Parts { env, journal, edge, secrets, certificates } = parts;
        let live = Arc::new(Live::default());
        let publisher = Publisher::new(journal.clone(), env.clock.clone(), live.clone());
        let events = Events::open(journal.clone(), env.clock.clone(), secrets.clone());
        let (clock, executor) = (env.clock.clone(), north.clone());
        let commands = Commands::open(journal.clone(), clock, executor, events.clone());
        let dead = DeadLetters::open(journal.clone(), env.clock.clone(), events.clone());
        let core = Arc::new(Core {
            started: env.clock.now(),
            env,
            journal,
            edge: RwLock::new(edge),
            secrets,
            certificates,
            live,
            sets: Arc::default(),
            publisher,
            commands,
            dead,
            events,
            running: Mutex::default(),
            field,
            north,
        });
        let (clock, journal) = (core.env.clock.clone(), core.journal.clone());
        core.north.spawn(async move {
            loop {
                clock.sleep_until(clock.now().after(CLOCK_EVERY)).await;
                journal.observe_clock();
            }
        });
        Ok(Runtime { core, threads: Arc::new(Mutex::new(vec![field_thread, north_thread])) })
    }

    /// Brings what runs to what `checked` and `calculated` say and touches only what changed: an output
    /// with the same columns keeps its set. Effects are those on devices.
    pub fn apply(
        &self,
        checked: Checked,
        calculated: impl Into<Calculated>,
        ids: &dyn TagIds,
    ) -> Result<Vec<Effect>, ApplyError> {
        let edge: Arc<str> = Arc::from(&*checked.edge.name);
        *self.core.edge.write() = edge;
        self.core.running.lock().apply(&self.core, checked, calculated.into(), ids)
    }

    /// Puts rows of a rule into the journal, in order, a block each, and shows them. Blocking, from
    /// any thread. Err: the first row that could not be written, by its place, and why; it and those
    /// after it are still the caller's.
    pub fn publish_rows(&self, rule: &str, rows: &[OutputRow]) -> Result<(), (usize, String)> {
        let core = &self.core;
        let output = core.live.output(rule);
        let output = output.ok_or_else(|| (0, format!("no output of a rule {rule} runs")))?;
        let write = |(place, row)| output.write(core, row).map_err(|error| (place, error));
        let written = rows.iter().enumerate().try_for_each(write);
        core.live.touch();
        written
    }

    /// What a rule gives: the numbers of its columns in their order, and of their set.
    pub fn output_set(&self, rule: &str) -> Option<Arc<TagSet>> {
        self.core.live.output(rule).map(|output| output.live.set.clone())
    }

    /// What [`Runtime::apply`] would do.
    pub fn plan(&self, checked: &Checked) -> Vec<Effect> {
        self.core.running.lock().plan(checked)
    }

    pub fn edge(&self) -> Arc<str> {
        self.core.edge.read().clone()
    }

    fn now(&self) -> Now {
        Now::of(self.core.env.clock.as_ref())
    }

    pub fn devices(&self) -> Vec<DeviceView> {
        let now = self.now();
        self.core.live.devices().iter().map(|d| d.view(now)).collect()
    }

    pub fn device(&self, name: &str) -> Option<DeviceView> {
        self.core.live.device(name).map(|d| d.view(self.now()))
    }

    /// Over all devices that are enabled, and what rules give.
    pub fn tag_counts(&self) -> TagCounts {
        let now = self.now().moment;
        let mut sum = TagCounts::default();
        for device in self.core.live.devices() {
            if device.status.lock().state == view::DeviceState::Disabled {
                continue;
            }
            sum.add(device.counts(now));
        }
        self.core.live.outputs().iter().for_each(|output| sum.add(output.counts(now)));
        sum
    }

    pub fn tags(&self, query: &TagQuery) -> TagPage {
        self.core.live.page(query, self.now())
    }

    /// The value of a tag as a formula sees it.
    pub fn seen(&self, device: &str, tag: &str) -> Option<Seen> {
        let (group, index) = self.core.live.find(device, tag)?;
        Some(group.now(index, self.core.env.clock.now()))
    }

    pub fn tag(&self, device: &str, tag: &str) -> Option<TagView> {
        let (group, index) = self.core.live.find(device, tag)?;
        Some(group.tag_view(index, self.now()))
    }

    /// Every tag of the configuration that runs, with its device and its group; devices' own state is
    /// in the group [`OWN_GROUP`].
    pub fn each_tag(&self, visit: &mut dyn FnMut(&str, &str, &TagDefinition)) {
        for group in self.core.live.all_groups() {
            let (device, name) = (group.set.device(), group.set.group());
            group.set.tags().iter().for_each(|tag| visit(device, name, tag));
        }
    }

    /// How the groups that run are read. Nobody reads what rules give: it has no schedule.
    pub fn schedules(&self) -> Schedules {
        let mut schedules = Schedules::new();
        for group in self.core.live.devices().iter().flat_map(|device| device.all_groups()) {
            let read = group.tags.iter().filter(|tag| tag.access.reads());
            let schedule = Schedule {
                interval: if group.is_watched() { Duration::ZERO } else { group.interval },
                samples: read.count() as u32,
                on_change: group.tags.iter().any(|t| t.on_change || t.deadband.is_some()),
            };
            schedules.insert(group.set.id(), schedule);
        }
        schedules
    }

    /// The newest sample of each of these tags that runs and was read.
    pub fn newest(&self, tags: &HashSet<TagId>) -> Vec<(TagId, TagView)> {
        let now = self.now();
        let groups = self.core.live.all_groups().into_iter();
        let of = |group: &Arc<GroupLive>| -> Vec<(TagId, TagView)> {
            let wanted = group.set.tags().iter().enumerate().filter(|(_, t)| tags.contains(&t.id));
            wanted.map(|(index, tag)| (tag.id, group.tag_view(index, now))).collect()
        };
        groups
            .flat_map(|group| of(&group))
            .filter(|(_, view)| view.read_unix_ns.is_some())
            .collect()
    }

    pub fn sinks(&self) -> Vec<SinkView> {
        let (now, end) = (self.now(), self.core.journal.end(Stream::Samples));
        self.core.running.lock().sinks().iter().map(|s| s.view(now, end)).collect()
    }

    /// Each sink with the tags that it gets.
    pub fn sink_tags(&self) -> Vec<(Arc<str>, Arc<[TagPattern]>)> {
        self.core.running.lock().sink_tags()
    }

    /// Messages that destinations refused for good, newest first.
    pub fn dead_letters(&self, sink: Option<&str>) -> Vec<DeadLetter> {
        self.core.dead.list(sink)
    }

    /// The journal still holds the samples of a dead letter.
    pub fn holds(&self, letter: &DeadLetter) -> bool {
        self.core.dead.is_kept(letter)
    }

    /// The samples of a dead letter; none when the journal holds them no longer. Blocking.
    pub fn samples_of(&self, letter: &DeadLetter) -> Option<SampleBatch> {
        let filter = ReaderFilter::default();
        let mut reader = self.core.journal.reader(Stream::Samples, letter.span.from, filter);
        let Some(Item::Block(block)) = reader.try_next() else { return None };
        let set = self.core.sets.get(&block.set).ok()?;
        codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns).ok()
    }

    /// Delivers dead letters of a sink once more: these, or all. How many.
    pub fn retry_dead_letters(&self, sink: &str, ids: Option<&[u64]>) -> u64 {
        self.core.dead.retry(sink, ids)
    }

    /// Gives dead letters of a sink up: these, or all. How many, and how many samples.
    pub fn discard_dead_letters(&self, sink: &str, ids: Option<&[u64]>) -> (u64, u64) {
        self.core.dead.discard(sink, ids)
    }

    /// How far a sink is in the journal.
    pub fn sink_cursor(&self, sink: &str) -> Option<Cursor> {
        self.core.journal.cursor(&sink::cursor_name(sink))
    }

    pub fn problems(&self) -> Vec<Problem> {
        problem::problems(&self.core)
    }

    /// Takes a command: checks it, puts the intent on disk and hands it to the device's link. Returns
    /// then; [`Runtime::command_ended`] waits for what becomes of it.
    pub async fn command(&self, request: CommandRequest) -> Result<CommandView, CommandRefused> {
        let core = &self.core;
        if core.live.groups_of(&request.device).is_empty() {
            return Err(CommandRefused::UnknownDevice(request.device));
        }
        let name = || format!("{}/{}", request.device, request.tag);
        let Some((group, index)) = core.live.find(&request.device, &request.tag) else {
            return Err(CommandRefused::UnknownTag(name()));
        };
        let Some(device) = core.live.device(&request.device) else {
            return Err(CommandRefused::Calculated(format!("{} is the output of a rule", name())));
        };
        if group.tags[index].formula.is_some() {
            return Err(CommandRefused::Calculated(format!("{} is computed by a formula", name())));
        }
        if !group.tags[index].access.writes() {
            return Err(CommandRefused::NotWritable(name()));
        }
        let known = request.id.as_ref().is_some_and(|id| core.commands.get(id).is_some());
        if !known && core.commands.waiting(&device.name) >= limits::COMMANDS_WAITING_MAX {
            let text =
                format!("{} commands wait for {}", limits::COMMANDS_WAITING_MAX, device.name);
            return Err(CommandRefused::Busy(text));
        }
        let (view, job) = core.commands.accept(request, &group, index).await?;
        if let Some(job) = job {
            let link = core.running.lock().link(&device.link);
            let handed = link.is_some_and(|link| link.send(Message::Command(job)).is_ok());
            if !handed {
                let reason = Some("the device is not running; nothing was sent".to_owned());
                let state = view::CommandState::Failed;
                core.commands.end(&view.id, command::Outcome { state, reason });
            }
        }
        Ok(view)
    }

    /// Waits until the command has ended; `None` for an id that nobody knows.
    pub async fn command_ended(&self, id: &str) -> Option<CommandView> {
        self.core.commands.wait(id).await
    }

    pub fn command_by_id(&self, id: &str) -> Option<CommandView> {
        self.core.commands.get(id)
    }

    /// Newest first, with the number of all that are remembered.
    pub fn commands(&self, offset: usize, limit: usize) -> (Vec<CommandView>, usize) {
        self.core.commands.list(offset, limit)
    }

    /// Reads the tag's group from the device now.
    pub async fn read_now(&self, device: &str, tag: &str) -> Result<TagView, String> {
        let core = &self.core;
        let unknown = || format!("there is no tag {device}/{tag}");
        let (group, index) = core.live.find(device, tag).ok_or_else(unknown)?;
        let live = core.live.device(device).filter(|live| !Arc::ptr_eq(&group, &live.own));
        // A device's state and what a rule gives are as they are: there is nothing to ask.
        let Some(live) = live else { return Ok(group.tag_view(index, self.now())) };
        let (done, waiting) = oneshot::channel();
        let message = Message::Read { device: live.name.clone(), group: group.name.clone(), done };
        let link = core.running.lock().link(&live.link);
        if link.is_none_or(|link| link.send(message).is_err()) {
            return Err(format!("device {device} is not running"));
        }
        waiting.await.map_err(|_| format!("device {device} was stopped"))??;
        Ok(group.tag_view(index, self.now()))
    }

    /// The tag's samples in the journal, for a chart. Blocking. `None` for an unknown tag.
    pub fn look_back(
        &self,
        device: &str,
        tag: &str,
        from_unix_ns: i64,
        to_unix_ns: i64,
        points: usize,
    ) -> Option<LookBack> {
        look_back::look_back(&self.core, device, tag, from_unix_ns, to_unix_ns, points)
    }

    pub fn subscribe(&self, filter: LiveFilter) -> LiveReceiver {
        LiveReceiver::new(self.core.clone(), filter)
    }

    /// Puts an entry into the audit log; returns when it is on disk.
    pub async fn record(&self, kind: RecordKind, by: &str, text: &str) -> Result<(), String> {
        self.record_about(kind, EventSeverity::Info, by, None, text).await
    }

    /// As [`Runtime::record`], with what it is about.
    pub async fn record_about(
        &self,
        kind: RecordKind,
        severity: EventSeverity,
        by: &str,
        subject: Option<&str>,
        text: &str,
    ) -> Result<(), String> {
        let entry = record::AuditEntry {
            by: by.to_owned(),
            text: text.to_owned(),
            unix_ns: self.now().unix_ns,
            subject: subject.map(str::to_owned),
            severity: severity as u8,
        };
        self.core.events.record(kind, entry).await
    }

    /// Notes something that happened by itself, and that nobody waits for.
    pub fn note(&self, kind: RecordKind, severity: EventSeverity, subject: &str, text: &str) {
        self.core.events.note(kind, severity, subject, text);
    }

    /// What happened, newest first.
    pub fn events(&self, query: &EventQuery) -> Vec<Event> {
        self.core.events.list(query)
    }

    /// Tries a device that need not be part of the configuration. Ends within
    /// [`limits::TRIAL_TIME_MAX`] once its turn has come.
    pub async fn trial(&self, device: CheckedDevice, ask: TrialAsk) -> Trial {
        let core = &self.core;
        let (done, waiting) = oneshot::channel();
        let device = Arc::new(device);
        let link = core.running.lock().link(&device.plan.link);
        let job = TrialJob { device: device.clone(), ask: ask.clone(), done };
        let handed = link.is_some_and(|link| link.send(Message::Trial(job)).is_ok());
        if handed && let Ok(trial) = waiting.await {
            return trial;
        }
        let context = core.link_context();
        let task = core.field.spawn(async move { trial::alone(context, &device, &ask).await });
        task.await.unwrap_or_else(|error| Trial {
            result: Err(format!("a fault inside the driver ended the trial: {error}")),
            used_running_link: false,
            connect: None,
            elapsed: Duration::ZERO,
            frames: Vec::new(),
        })
    }

    /// What a device would ask of its link.
    pub fn estimate(&self, device: &CheckedDevice) -> Estimate {
        let running = self.devices();
        let measured = |found: &DeviceView| found.counters.round_trip.map(|trip| trip.mean);
        let same = running.iter().find(|d| *d.name == *device.name).and_then(measured);
        let on_link = running.iter().filter(|d| *d.link == *device.plan.link).find_map(measured);
        trial::estimate(device, same.or(on_link))
    }

    /// The communication log of the device's link, with wall-clock times: frames from `first` on that
    /// are the device's or nobody's; `None` for an unknown device.
    pub fn trace(&self, device: &str, first: u64) -> Option<TraceView> {
        let live = self.core.live.device(device)?;
        let trace = live.trace.read().clone();
        let now = self.now();
        let frames = trace.frames_after(first).into_iter();
        let (oldest, next) = trace.numbers();
        Some(TraceView {
            on: trace.is_on(),
            oldest,
            next,
            frames: frames
                .filter(|frame| frame.device.as_ref().is_none_or(|d| **d == *live.name))
                .map(|frame| (now.unix(frame.at), frame))
                .collect(),
        })
    }

    /// Switches the communication log of the device's link; false for an unknown device.
    pub fn switch_trace(&self, device: &str, on: bool) -> bool {
        let Some(live) = self.core.live.device(device) else { return false };
        let trace = live.trace.read().clone();
        trace.switch(on);
        if on {
            let clock = self.core.env.clock.clone();
            self.core.north.spawn(async move {
                clock.sleep_until(clock.now().after(limits::TRACE_TIME_MAX)).await;
                trace.switch(false);
            });
        }
        true
    }

    /// Gives the space that the journal keeps in reserve to whoever must save something on a full disk.
    /// Returns whether there was any.
    pub fn make_room(&self) -> bool {
        self.core.journal.release_reserve()
    }

    pub fn journal_stats(&self) -> tagwerk_journal::Stats {
        self.core.journal.stats()
    }

    /// Samples that could not be written to the journal, and why.
    pub fn journal_lost(&self) -> (u64, Option<String>) {
        self.core.publisher.lost()
    }

    /// Ends every task in order. The journal is the caller's to close.
    pub async fn stop(&self) {
        let tasks = self.core.running.lock().stop();
        for task in tasks {
            // A task that panicked has ended as well.
            let _ = task.await;
        }
        let mut workers = std::mem::take(&mut *self.threads.lock());
        let _ =
            tokio::task::spawn_blocking(move || workers.iter_mut().for_each(Worker::stop)).await;
    }
}
