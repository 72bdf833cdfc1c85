//! Notices as those see them who ask: channels, routes, what waits; and tests of channels.

use crate::desk::{Desk, Tally};
use crate::plan::{Level, Plan};
use crate::quiet::held;
use crate::words;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_alarms::alarm::Priority;
use tagwerk_component::{Certificates, ChannelContext, Secrets, SinkFault, Told};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Journal, Stream};
use tokio::sync::Semaphore;

/// Tests of channels at once. More: refused.
const TESTS_MAX: usize = 2;

/// A channel as it is now. Counts are of recipients, since the channel is there.
#[derive(Clone, Debug)]
pub struct ChannelView {
    pub name: Box<str>,
    pub kind: &'static str,
    pub description: Option<Box<str>>,
    pub recipients: Vec<Box<str>>,
    pub tally: Tally,
    /// Since when notices to it fail, and why.
    pub failing: Option<(i64, String)>,
    /// Notices that are made and not delivered, and alarms that wait for the next one.
    pub notices: usize,
    pub alarms: usize,
}

#[derive(Clone, Debug)]
pub struct RouteView {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub priority_min: Priority,
    pub levels: Vec<Level>,
    pub repeat_ns: Option<i64>,
    pub cleared: bool,
    pub acknowledged: bool,
    pub messages_per_hour_max: u32,
    /// Up to which priority it is quiet now.
    pub quiet: Option<Priority>,
    /// Alarms on it that nobody has acknowledged, and those that wait to be told.
    pub open: usize,
    pub waiting: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestRefused {
    #[error("there is no such channel")]
    Unknown,
    #[error("{TESTS_MAX} tests of channels are under way")]
    Busy,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Board(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub env: Env,
    pub journal: Journal,
    pub alarms: tagwerk_alarms::Board,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
    pub state: Mutex<State>,
    tests: Semaphore,
}

/// Whether somebody is told of anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No configuration has said so yet, or it leads nowhere.
    #[default]
    Idle,
    /// It goes on where the run before was, or here where that told nobody.
    Resuming(u64),
    /// It begins here in the record stream.
    Beginning(u64),
    Running,
    /// No longer; that is not written yet.
    Ending,
}

#[derive(Default)]
pub(crate) struct State {
    pub plan: Option<Arc<Plan>>,
    pub phase: Phase,
    /// Another plan, whose beginning is not written yet.
    pub redefined: bool,
    pub desk: Desk,
    pub tries: HashMap<u64, Try>,
    pub failing: BTreeMap<Box<str>, (i64, String)>,
}

/// A letter that is not delivered yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Try {
    pub under_way: bool,
    pub not_before: Moment,
    /// How long was waited last.
    pub wait: Duration,
    pub cause: String,
}

impl Board {
    pub(crate) fn new(
        env: &Env,
        journal: &Journal,
        alarms: tagwerk_alarms::Board,
        (secrets, certificates): (Arc<dyn Secrets>, Arc<dyn Certificates>),
    ) -> Board {
        Board(Arc::new(Inner {
            env: env.clone(),
            journal: journal.clone(),
            alarms,
            secrets,
            certificates,
            state: Mutex::default(),
            tests: Semaphore::new(TESTS_MAX),
        }))
    }

    /// Takes what a configuration says, before its alarms are judged. A route that was there before, by
    /// its name, goes on; a new one tells of what is raised from now on.
    pub fn define(&self, plan: Plan) {
        let end = self.0.journal.end(Stream::Record);
        let mut state = self.0.state.lock();
        let leads = !plan.routes.is_empty();
        let first = state.plan.replace(Arc::new(plan)).is_none();
        state.phase = match (state.phase, leads) {
            (Phase::Idle, false) => Phase::Idle,
            (Phase::Idle, true) if first => Phase::Resuming(end),
            (Phase::Idle | Phase::Ending, true) => Phase::Beginning(end),
            (phase, true) => phase,
            (_, false) => Phase::Ending,
        };
        state.redefined = true;
        // Whoever corrects something does not want to wait until it is tried again.
        state.tries.values_mut().for_each(|try_| try_.not_before = Moment(0));
    }

    pub fn channels(&self) -> Vec<ChannelView> {
        let state = self.0.state.lock();
        let Some(plan) = &state.plan else { return Vec::new() };
        let view = |channel: &crate::plan::ChannelOf| ChannelView {
            name: channel.name.clone(),
            kind: channel.kind,
            description: channel.description.clone(),
            recipients: channel.plan.recipients.clone(),
            tally: state.desk.channels.get(&channel.name).cloned().unwrap_or_default(),
            failing: state.failing.get(&channel.name).cloned(),
            notices: state.desk.letters.values().filter(|l| l.channel == channel.name).count(),
            alarms: state.waiting(|leg| leg.channel == channel.name),
        };
        plan.channels.iter().map(view).collect()
    }

    pub fn routes(&self) -> Vec<RouteView> {
        let unix_ns = self.0.env.clock.wall().unix_ns;
        let state = self.0.state.lock();
        let Some(plan) = &state.plan else { return Vec::new() };
        let view = |route: &crate::plan::Route| RouteView {
            name: route.name.clone(),
            description: route.description.clone(),
            priority_min: route.priority_min,
            levels: route.levels.clone(),
            repeat_ns: route.repeat_ns,
            cleared: route.cleared,
            acknowledged: route.acknowledged,
            messages_per_hour_max: route.messages_per_hour_max,
            quiet: held(&route.quiet, plan.zone, unix_ns),
            open: state.desk.open(&route.name),
            waiting: state.waiting(|leg| leg.route == route.name),
        };
        plan.routes.iter().map(view).collect()
    }

    /// The zone of quiet times and of times in messages.
    pub fn time_zone(&self) -> Option<String> {
        let state = self.0.state.lock();
        state.plan.as_ref().map(|plan| plan.zone.name().to_owned())
    }

    /// Sends a test by a channel, and says what came of it for each recipient.
    pub async fn test(&self, channel: &str, by: &str) -> Result<Vec<Told>, TestRefused> {
        let _permit = self.0.tests.try_acquire().map_err(|_| TestRefused::Busy)?;
        let plan = self.0.state.lock().plan.clone().ok_or(TestRefused::Unknown)?;
        let found = plan.channel(channel).ok_or(TestRefused::Unknown)?;
        let unix_ns = self.0.env.clock.wall().unix_ns;
        let notice = words::test(&plan, channel, by, unix_ns);
        let context = self.0.context(&plan);
        let to = &found.plan.recipients;
        let mut told = found.plan.open.tell(&context, &notice, to).await;
        told.iter_mut().for_each(|told| told.result = self.0.redacted(&told.result));
        if told.iter().any(|told| told.result.is_ok()) {
            let mut state = self.0.state.lock();
            let tally = state.desk.channels.entry(channel.into()).or_default();
            tally.last_success_unix_ns = Some(self.0.env.clock.wall().unix_ns);
            state.retry_at_once(channel);
        }
        Ok(told)
    }
}

impl Inner {
    pub fn context(&self, plan: &Plan) -> ChannelContext {
        ChannelContext {
            env: self.env.clone(),
            edge: plan.edge.clone(),
            secrets: self.secrets.clone(),
            certificates: self.certificates.clone(),
        }
    }

    /// The other side may repeat a secret in its answer.
    pub fn redacted(&self, result: &Result<String, SinkFault>) -> Result<String, SinkFault> {
        let redact = |text: &String| self.secrets.redact(text.clone());
        match result {
            Ok(text) => Ok(redact(text)),
            Err(SinkFault::Retry(text)) => Err(SinkFault::Retry(redact(text))),
            Err(SinkFault::Reject(text)) => Err(SinkFault::Reject(redact(text))),
            Err(SinkFault::Settings(text)) => Err(SinkFault::Settings(redact(text))),
        }
    }
}

impl State {
    fn waiting(&self, of: impl Fn(&crate::leg::Leg) -> bool) -> usize {
        let legs = self.desk.legs.iter().filter(|leg| of(leg));
        legs.map(|leg| leg.waiting.len() + leg.more as usize).sum()
    }

    /// The channel works: what waits for it need not.
    pub fn retry_at_once(&mut self, channel: &str) {
        for (id, try_) in &mut self.tries {
            if self.desk.letters.get(id).is_some_and(|letter| *letter.channel == *channel) {
                try_.not_before = Moment(0);
            }
        }
    }
}

impl Desk {
    fn open(&self, route: &str) -> usize {
        let on = |episode: &&crate::episode::Episode| {
            episode.is_open() && episode.marks.iter().any(|mark| *mark.route == *route)
        };
        self.episodes.values().filter(on).count()
    }
}
