//! Notifications on the edge: the thread that has people told of alarms, and who that is by a
//! configuration.

use crate::alarms::priority;
use crate::certificates::CertificateStore;
use crate::secrets::SecretStore;
use anyhow::Context;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_config::{CheckedAlarm, CheckedNotify, CheckedQuiet, CheckedRoute, Day};
use tagwerk_env::Env;
use tagwerk_journal::Journal;
use tagwerk_notify::{
    Board, ChannelOf, ChannelView, Keeper, Level, Plan, Quiet, Route, Tell, Zone,
};
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{EventSeverity, RecordKind, Runtime};
use tokio::sync::watch;

/// Notices, and the thread that keeps them.
pub struct Notifying {
    board: Board,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Notifying {
    /// Notices are sent by the runtime that this is called in.
    pub fn start(
        (env, journal): (&Env, &Journal),
        alarms: &tagwerk_alarms::Board,
        secrets: &Arc<SecretStore>,
        certificates: &Arc<CertificateStore>,
        runtime: &Runtime,
    ) -> anyhow::Result<Notifying> {
        let runtime = runtime.clone();
        let tell = Arc::new(move |news| note(&runtime, news));
        let held = (secrets.clone() as _, certificates.clone() as _);
        let (keeper, board) = Keeper::open(env, journal, alarms.clone(), held, tell);
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            tagwerk_notify::run(keeper, stopping);
        });
        let thread = thread.context("the thread of notifications cannot be started")?;
        Ok(Notifying { board, stop, thread })
    }

    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Lets what is on its way arrive, not for long, and ends. Blocking.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of notifications panicked");
        }
    }
}

fn note(runtime: &Runtime, news: Tell) {
    let (severity, subject, text) = match news {
        Tell::Failing { channel, cause } => {
            let text = format!("nobody can be told by the channel {channel}: {cause}");
            (EventSeverity::Error, channel, text)
        }
        Tell::Recovered { channel } => {
            let text = format!("people are told by the channel {channel} again");
            (EventSeverity::Info, channel, text)
        }
        Tell::Refused { channel, subject, cause } => {
            let text = format!("a message was refused for good: {cause} (\"{subject}\")");
            (EventSeverity::Error, channel, text)
        }
        Tell::GivenUp { channel, subject, cause } => {
            let text = format!("a message was given up after a day: {cause} (\"{subject}\")");
            (EventSeverity::Error, channel, text)
        }
        Tell::Dropped { notices } => {
            let text = format!(
                "{notices} messages that were not delivered are dropped: the configuration leads \
                 them nowhere"
            );
            (EventSeverity::Warning, "notify".into(), text)
        }
    };
    runtime.note(RecordKind::System, severity, &subject, &text);
}

/// Channels by which nobody is told.
pub fn problems(board: &Board) -> Vec<Problem> {
    let failing = board.channels().into_iter().filter_map(|channel| {
        let ChannelView { name, failing, notices, alarms, .. } = channel;
        let (since_unix_ns, cause) = failing?;
        Some(Problem {
            kind: ProblemKind::Task,
            error: true,
            subject: format!("channel {name}").into(),
            since_unix_ns,
            cause,
            doing: format!(
                "{notices} messages are tried again for a day, {alarms} alarms wait for the next \
                 one; nobody is told by this channel until then"
            ),
            remedy: "correct its settings or its secrets, then send a test from the page \
                     Notifications"
                .to_owned(),
            tags: 0,
        })
    });
    failing.collect()
}

/// Who is told by a configuration, at the edge of this name.
pub fn plan(edge: &str, notify: Option<&CheckedNotify>, alarms: &[CheckedAlarm]) -> Plan {
    let zone = notify.and_then(|notify| Zone::parse(&notify.time_zone)).unwrap_or(Zone::utc());
    let channels = notify.into_iter().flat_map(|notify| &notify.channels);
    let routes = notify.into_iter().flat_map(|notify| &notify.routes);
    let responses = alarms.iter().filter_map(|alarm| {
        let response = alarm.response.clone()?;
        Some((alarm.name.clone(), response))
    });
    Plan {
        edge: edge.into(),
        zone,
        public_url: notify.and_then(|notify| notify.public_url.clone()),
        channels: channels
            .map(|channel| ChannelOf {
                name: channel.name.clone(),
                kind: channel.kind,
                description: channel.description.clone(),
                plan: channel.plan.clone(),
            })
            .collect(),
        routes: routes.map(route).collect(),
        responses: responses.collect(),
    }
}

fn route(route: &CheckedRoute) -> Route {
    let (alarms, tags) = (route.alarms.clone(), route.tags.clone());
    let levels = route.levels.iter();
    Route {
        name: route.name.clone(),
        description: route.description.clone(),
        // Alarms know no groups, and no pattern here names one.
        chooses: Arc::new(move |alarm, device, tag| {
            alarms.iter().any(|pattern| pattern.matches(alarm))
                && tags.iter().any(|pattern| pattern.matches(device, "", tag))
        }),
        priority_min: priority(route.priority_min),
        levels: levels
            .map(|level| Level { after_ns: ns(level.after), to: level.to.clone() })
            .collect(),
        repeat_ns: route.repeat.map(ns),
        cleared: route.cleared,
        acknowledged: route.acknowledged,
        quiet: route.quiet.iter().map(quiet).collect(),
        messages_per_hour_max: route.messages_per_hour_max,
    }
}

fn quiet(quiet: &CheckedQuiet) -> Quiet {
    Quiet {
        days: Day::ALL.map(|day| quiet.days.contains(&day)),
        from: quiet.from,
        to: quiet.to,
        up_to: priority(quiet.up_to),
    }
}

fn ns(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
