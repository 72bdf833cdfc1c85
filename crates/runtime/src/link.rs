//! One task per link: everything that happens on one socket or line, one thing at a time.
//!
//! Polls the groups of all devices on the link when they are due, carries commands between reads,
//! retries reads, backs off from silent devices and lost connections. Driver code runs only here.

use crate::command::{Commands, Job, Outcome};
use crate::event::{EventSeverity, Events};
use crate::formula::{At, Computed};
use crate::live::{DeviceLive, GroupLive, Live};
use crate::publish::Publisher;
use crate::record::RecordKind;
use crate::trial::TrialJob;
use crate::view::{CommandState, DeviceState};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Fault, LinkContext, Open, ReadRequest, Report, Session, Token};
use tagwerk_env::{Env, Moment};
use tagwerk_model::{Quality, limits};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

mod ask;
mod poll;
mod watch;

use poll::Group;
use watch::event;

/// A device as its link's task runs it.
pub(crate) struct DeviceTask {
    pub live: Arc<DeviceLive>,
    pub open: Arc<dyn Open>,
    pub read_retries: u32,
    /// A group that an edit left alone is the same `Arc` as before, and keeps its schedule.
    pub groups: Vec<Arc<GroupTask>>,
}

pub(crate) struct GroupTask {
    pub live: Arc<GroupLive>,
    pub journal_set: Arc<tagwerk_journal::TagSet>,
    /// Which tags are read; `None` when all are. A tag that is only written has no samples.
    pub readable: Option<Box<[bool]>>,
    /// Planned anew with each configuration: a formula may read other groups.
    pub computed: RwLock<Arc<Computed>>,
    pub reads: Vec<ReadRequest>,
    pub writes: Vec<Option<Token>>,
    pub watch: Option<Token>,
}

impl GroupTask {
    /// Samples that one read of the group brings.
    pub fn samples(&self) -> u32 {
        let count = match &self.readable {
            None => self.live.set.len(),
            Some(readable) => readable.iter().filter(|r| **r).count(),
        };
        count as u32
    }
}

pub(crate) enum Message {
    /// Run this device, or run it as it is now.
    Put(Arc<DeviceTask>),
    Remove(Arc<str>),
    Command(Job),
    /// Try something on the link, with nothing to do with what runs there.
    Trial(TrialJob),
    /// Read a group now, beside its schedule.
    Read {
        device: Arc<str>,
        group: Arc<str>,
        done: oneshot::Sender<Result<(), String>>,
    },
    Stop,
}

/// What comes next on a link to which nobody has said anything.
enum Turn {
    Event(Result<(), Fault>),
    Poll,
}

/// What outlives a panic of the link's task.
pub(crate) struct LinkShared {
    pub key: Arc<str>,
    pub env: Env,
    pub context: LinkContext,
    pub live: Arc<Live>,
    pub publisher: Publisher,
    pub commands: Arc<Commands>,
    pub events: Arc<Events>,
    devices: Mutex<Vec<Arc<DeviceTask>>>,
    messages: tokio::sync::Mutex<mpsc::UnboundedReceiver<Message>>,
    /// The command being written, so that a panic leaves it `unknown`, not open.
    writing: Mutex<Option<Arc<str>>>,
}

impl LinkShared {
    /// Where formulas look for what they read.
    fn at(&self) -> At<'_> {
        At { live: &self.live, now: self.env.clock.now() }
    }

    pub fn new(
        key: Arc<str>,
        context: LinkContext,
        live: Arc<Live>,
        publisher: Publisher,
        commands: Arc<Commands>,
        events: Arc<Events>,
        messages: mpsc::UnboundedReceiver<Message>,
    ) -> Arc<LinkShared> {
        Arc::new(LinkShared {
            key,
            env: context.env.clone(),
            context,
            live,
            publisher,
            commands,
            events,
            devices: Mutex::default(),
            messages: tokio::sync::Mutex::new(messages),
            writing: Mutex::default(),
        })
    }
}

/// Runs the link until it is told to stop; a panic inside is reported and the task starts again.
pub(crate) async fn supervise(shared: Arc<LinkShared>) {
    let mut pause = limits::PANIC_FIRST;
    loop {
        let started = shared.env.clock.now();
        let task = shared.clone();
        let Err(error) = tokio::spawn(async move { LinkTask::new(task).run().await }).await else {
            return;
        };
        if !error.is_panic() {
            return;
        }
        let text = panic_text(error.into_panic());
        tracing::error!(link = %shared.key, panic = text, "link task panicked; it starts again");
        let now = shared.env.clock.now();
        if now.since(started) > limits::PANIC_MAX {
            pause = limits::PANIC_FIRST;
        }
        let again = now.after(pause);
        for device in shared.devices.lock().iter() {
            device.live.counters.lock().plain.panics += 1;
            let reason = format!("a fault inside the driver: {text}");
            set_state(&shared, device, DeviceState::Failed, Some(reason), Some(again));
            mark_bad(&shared, device, Quality::BAD_INTERNAL);
        }
        if let Some(id) = shared.writing.lock().take() {
            let reason = "the driver failed while it was writing".to_owned();
            shared
                .commands
                .end(&id, Outcome { state: CommandState::Unknown, reason: Some(reason) });
        }
        shared.env.clock.sleep_until(again).await;
        pause = (pause * 2).min(limits::PANIC_MAX);
    }
}

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("no message").to_owned(),
    }
}

fn set_state(
    shared: &LinkShared,
    device: &DeviceTask,
    state: DeviceState,
    reason: Option<String>,
    next_try: Option<Moment>,
) {
    let now = shared.env.clock.now();
    let mut status = device.live.status.lock();
    status.next_try = next_try;
    if status.state == state {
        status.reason = reason.or(status.reason.take());
        return;
    }
    let was = status.state;
    status.state = state;
    status.since = now;
    status.reason = reason.clone();
    drop(status);
    let reason = reason.unwrap_or_default();
    let changed = |severity, text: &str| {
        shared.events.changed(RecordKind::Device, severity, &device.live.name, text);
    };
    match state {
        DeviceState::Online => changed(EventSeverity::Info, "the device is online"),
        DeviceState::Offline => changed(EventSeverity::Warning, &format!("offline: {reason}")),
        DeviceState::Silent => changed(EventSeverity::Warning, &format!("silent: {reason}")),
        DeviceState::Failed => changed(EventSeverity::Error, &format!("failed: {reason}")),
        DeviceState::Connecting | DeviceState::Disabled => {}
    }
    match state {
        DeviceState::Online => tracing::info!(device = %device.live.name, "device is online"),
        DeviceState::Offline | DeviceState::Silent if was != DeviceState::Connecting => {
            tracing::warn!(device = %device.live.name, ?state, reason, "device is lost");
        }
        _ => tracing::info!(device = %device.live.name, ?state, reason, "device state"),
    }
    shared.publisher.publish_status(&device.live, state == DeviceState::Online, now);
    shared.live.touch();
}

/// Begins an outage of every group: one bad batch each, whatever the length of the outage.
fn mark_bad(shared: &LinkShared, device: &DeviceTask, quality: Quality) {
    for group in &device.groups {
        let _ = shared.publisher.publish_outage(group, quality, shared.env.clock.now(), 0);
    }
}

struct Device {
    task: Arc<DeviceTask>,
    groups: Vec<Group>,
    silence: Option<Silence>,
}

/// A device that does not answer, and when it is asked again.
struct Silence {
    until: Moment,
    pause: Duration,
}

struct LinkTask {
    shared: Arc<LinkShared>,
    devices: Vec<Device>,
    session: Option<Box<dyn Session>>,
    connecting: Option<JoinHandle<Result<Box<dyn Session>, Fault>>>,
    retry_at: Moment,
    retry_pause: Duration,
    was_connected: bool,
    /// Something was got from this connection: a next attempt may come at once.
    has_served: bool,
    link_counters: Vec<(&'static str, u64)>,
    /// Which groups are to be reported is no longer what the session was told.
    watch_changed: bool,
    /// The session was told to report any.
    watching: bool,
    watch_ids: u64,
    reports: Vec<Report>,
}

impl Drop for LinkTask {
    fn drop(&mut self) {
        if let Some(connecting) = self.connecting.take() {
            connecting.abort();
        }
    }
}

impl LinkTask {
    fn new(shared: Arc<LinkShared>) -> LinkTask {
        let tasks = shared.devices.lock().clone();
        let now = shared.env.clock.now();
        let mut link = LinkTask {
            shared,
            devices: Vec::new(),
            session: None,
            connecting: None,
            retry_at: now,
            retry_pause: limits::RECONNECT_FIRST,
            was_connected: false,
            has_served: false,
            link_counters: Vec::new(),
            watch_changed: false,
            watching: false,
            watch_ids: 0,
            reports: Vec::new(),
        };
        tasks.into_iter().for_each(|task| link.put(task));
        link
    }

    async fn run(mut self) {
        let shared = self.shared.clone();
        let mut messages = shared.messages.lock().await;
        loop {
            let now = shared.env.clock.now();
            if self.session.is_none()
                && self.connecting.is_none()
                && !self.devices.is_empty()
                && now >= self.retry_at
            {
                self.connect();
            }
            if self.watch_changed && self.session.is_some() {
                self.watch().await;
            }
            let (wake, place) = self.next();
            // Events and polls are chosen between by chance, so that neither starves the other.
            let turn = async {
                tokio::select! {
                    result = event(&mut self.session, &mut self.reports) => Turn::Event(result),
                    () = shared.env.clock.sleep_until(wake) => Turn::Poll,
                }
            };
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    None | Some(Message::Stop) => return,
                    Some(message) => self.handle(message).await,
                },
                result = wait(&mut self.connecting) => self.connected(result),
                turn = turn => match (turn, place) {
                    (Turn::Event(result), _) => self.reported(result),
                    (Turn::Poll, Some((d, g))) => self.poll(d, g, &messages).await,
                    (Turn::Poll, None) => {}
                },
            }
        }
    }

    /// When something is to be done next, and which group is to be read then.
    fn next(&self) -> (Moment, Option<(usize, usize)>) {
        const NEVER: Moment = Moment(u64::MAX);
        if self.session.is_none() {
            let wake = if self.connecting.is_some() { NEVER } else { self.retry_at };
            return (self.far(wake), None);
        }
        let mut best = (NEVER, None);
        for (d, device) in self.devices.iter().enumerate() {
            for (g, group) in device.groups.iter().enumerate() {
                let due = group.due(device.silence.as_ref().map(|s| s.until));
                if due < best.0 {
                    best = (due, Some((d, g)));
                }
            }
        }
        (self.far(best.0), best.1)
    }

    /// A day at most, so that a wait never overflows a timer.
    fn far(&self, moment: Moment) -> Moment {
        moment.min(self.shared.env.clock.now().after(limits::INTERVAL_MAX))
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::Put(task) => self.put(task),
            Message::Remove(name) => {
                self.watch_changed = true;
                self.devices.retain(|d| d.task.live.name != name);
                self.shared.devices.lock().retain(|d| d.live.name != name);
            }
            Message::Command(job) => self.command(job).await,
            Message::Read { device, group, done } => self.read_now(&device, &group, done),
            Message::Trial(job) => self.trial(job).await,
            Message::Stop => {}
        }
    }

    fn put(&mut self, task: Arc<DeviceTask>) {
        self.watch_changed = true;
        *task.live.trace.write() = self.shared.context.trace.clone();
        let now = self.shared.env.clock.now();
        {
            let mut known = self.shared.devices.lock();
            match known.iter_mut().find(|d| d.live.name == task.live.name) {
                Some(place) => *place = task.clone(),
                None => known.push(task.clone()),
            }
        }
        let mut old: Vec<Group> = Vec::new();
        let position = self.devices.iter().position(|d| d.task.live.name == task.live.name);
        let mut silence = None;
        if let Some(position) = position {
            let device = &mut self.devices[position];
            old = std::mem::take(&mut device.groups);
            silence = device.silence.take();
            // A link of this device alone is opened again with its new settings.
            if !Arc::ptr_eq(&device.task.open, &task.open) {
                silence = None;
                if self.devices.len() == 1 {
                    self.session = None;
                    self.retry_at = now;
                }
            }
        }
        let groups = task
            .groups
            .iter()
            .map(|group| match old.iter().position(|g| Arc::ptr_eq(&g.task, group)) {
                Some(kept) => old.swap_remove(kept),
                None => Group::new(group.clone(), now),
            })
            .collect();
        let device = Device { task, groups, silence };
        let connected = self.session.is_some();
        if connected && device.silence.is_none() {
            set_state(&self.shared, &device.task, DeviceState::Online, None, None);
        }
        match position {
            Some(position) => self.devices[position] = device,
            None => self.devices.push(device),
        }
    }

    fn connect(&mut self) {
        let Some(device) = self.devices.first() else { return };
        let (open, context) = (device.task.open.clone(), self.shared.context.clone());
        self.connecting = Some(tokio::spawn(async move { open.open(&context).await }));
    }

    fn connected(&mut self, result: Result<Box<dyn Session>, Fault>) {
        self.connecting = None;
        let now = self.shared.env.clock.now();
        match result {
            Ok(session) => {
                self.session = Some(session);
                self.has_served = false;
                self.watch_changed = true;
                for device in &mut self.devices {
                    if self.was_connected {
                        device.task.live.counters.lock().plain.reconnects += 1;
                    }
                    device.groups.iter_mut().for_each(Group::undivide);
                    if device.silence.is_none() {
                        set_state(&self.shared, &device.task, DeviceState::Online, None, None);
                    }
                }
                self.was_connected = true;
            }
            Err(fault) => {
                let pause = match fault {
                    Fault::Settings(_) => limits::RECONNECT_MAX,
                    _ => self.retry_pause,
                };
                self.retry_at = now.after(pause);
                self.retry_pause = (self.retry_pause * 2).min(limits::RECONNECT_MAX);
                self.lost(DeviceState::Offline, &fault.to_string());
            }
        }
    }

    /// The link is gone: every device on it is offline until it is back.
    fn lost(&mut self, state: DeviceState, reason: &str) {
        self.session = None;
        for device in &mut self.devices {
            if device.silence.is_some() && state == DeviceState::Offline {
                device.silence = None;
            }
            set_state(
                &self.shared,
                &device.task,
                state,
                Some(reason.to_owned()),
                Some(self.retry_at),
            );
            for group in &mut device.groups {
                group.begin_outage(&self.shared, Quality::BAD_NOT_CONNECTED, reason);
            }
        }
    }

    /// A connection that was of use is made again at once; one that was not (a peer that takes and
    /// drops connections, or speaks something else), as one that could not be made.
    fn link_lost(&mut self, reason: &str) {
        self.retry_at = self.shared.env.clock.now();
        if !self.has_served {
            self.retry_at = self.retry_at.after(self.retry_pause);
            self.retry_pause = (self.retry_pause * 2).min(limits::RECONNECT_MAX);
        }
        self.lost(DeviceState::Offline, reason);
    }

    /// The device did not answer, retries included: it pauses alone. When nobody on the link answers
    /// any more, the connection itself is suspect (a half-open connection looks just so).
    fn silent(&mut self, position: usize, quality: Quality, reason: &str) {
        let now = self.shared.env.clock.now();
        let device = &mut self.devices[position];
        let pause = match &device.silence {
            None => limits::SILENCE_FIRST,
            Some(silence) => (silence.pause * 2).min(limits::SILENCE_MAX),
        };
        let until = now.after(pause);
        device.silence = Some(Silence { until, pause });
        let text = Some(reason.to_owned());
        set_state(&self.shared, &device.task, DeviceState::Silent, text, Some(until));
        for group in &mut device.groups {
            group.begin_outage(&self.shared, quality, reason);
        }
        if self.devices.iter().all(|d| d.silence.is_some()) {
            self.session = None;
            self.retry_at = self
                .devices
                .iter()
                .filter_map(|d| d.silence.as_ref().map(|s| s.until))
                .min()
                .unwrap_or(until);
        }
    }

    /// The connection is of use.
    fn serves(&mut self) {
        self.has_served = true;
        self.retry_pause = limits::RECONNECT_FIRST;
    }

    fn answered(&mut self, position: usize) {
        self.serves();
        let device = &mut self.devices[position];
        if device.silence.take().is_some() {
            for watched in device.groups.iter_mut().filter_map(|g| g.watched.as_mut()) {
                watched.again(&mut self.watch_ids);
                self.watch_changed = true;
            }
            set_state(&self.shared, &device.task, DeviceState::Online, None, None);
        }
    }

    fn collect_link_counters(&mut self) {
        let Some(session) = &mut self.session else { return };
        let news = session.counters();
        if news.iter().all(|(_, count)| *count == 0) {
            return;
        }
        for (name, count) in news {
            match self.link_counters.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => self.link_counters.push((name, count)),
            }
        }
        for device in &self.devices {
            device.task.live.counters.lock().plain.link.clone_from(&self.link_counters);
        }
    }
}

async fn wait(
    connecting: &mut Option<JoinHandle<Result<Box<dyn Session>, Fault>>>,
) -> Result<Box<dyn Session>, Fault> {
    match connecting {
        None => std::future::pending().await,
        Some(task) => match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => {
                Err(Fault::Link(format!("the driver failed: {}", panic_text(error.into_panic()))))
            }
            Err(_) => Err(Fault::Link("connecting was stopped".into())),
        },
    }
}
