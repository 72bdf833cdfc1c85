//! How the edge fares, for people and for whatever watches over it.

use crate::app::{App, Shared, VERSION};
use crate::show;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use tagwerk_api::{
    ClockStatus, ConfigStatus, DeviceCounts, Health, JournalStatus, Memory, Status, StreamStatus,
    Time,
};
use tagwerk_journal::Stream;
use tagwerk_runtime::view::{DeviceState, DeviceView};

pub async fn live() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), checks: BTreeMap::new() })
}

/// Ready means that the edge does what is its own to do. A device or a cloud that is away is theirs,
/// and no reason to restart the edge.
pub async fn ready(State(app): State<Shared>) -> (StatusCode, Json<Health>) {
    let journal = journal(&app);
    let failing = Stream::ALL.iter().any(|s| app.runtime.journal_stats().stream(*s).failing);
    let mut checks = BTreeMap::new();
    let mut ok = true;
    let mut check = |name: &str, problem: Option<String>| {
        ok &= problem.is_none();
        checks.insert(name.to_owned(), problem.unwrap_or_else(|| "ok".to_owned()));
    };
    let reason = || journal.last_error.clone().unwrap_or_else(|| "failing".to_owned());
    check("journal", failing.then(reason));
    check("configuration", app.configuration.problem().map(|problem| problem.cause));
    check("ending", app.ending.borrow().then(|| "the edge ends".to_owned()));
    let (code, status) = match ok {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    (code, Json(Health { status: status.to_owned(), checks }))
}

pub async fn status(State(app): State<Shared>) -> Json<Status> {
    Json(current(&app))
}

pub fn current(app: &App) -> Status {
    let (now, wall) = (app.env.clock.now(), app.env.clock.wall());
    let usage = app.usage();
    Status {
        edge: app.runtime.edge().to_string(),
        description: app.configuration.description(),
        version: VERSION.to_owned(),
        started_at: Time::from_unix_ns(app.started_unix_ns),
        now: Time::from_unix_ns(wall.unix_ns),
        uptime_ms: show::milliseconds(now.since(app.started)),
        clock: ClockStatus { synchronised: wall.synchronised },
        config: app.configuration.active().map(|row| ConfigStatus {
            revision: row.revision,
            applied_at: Time::from_unix_ns(row.applied_unix_ns),
            by: row.by,
        }),
        devices: count(&app.runtime.devices()),
        tags: show::tag_counts(app.runtime.tag_counts()),
        problems: app.problems(),
        journal: journal(app),
        memory: Memory { anonymous_bytes: usage.anonymous_bytes, total_bytes: usage.total_bytes },
        cpu_seconds: usage.cpu_seconds,
        sinks: app.sinks(),
        alarms: super::alarms::counts(app),
    }
}

fn count(devices: &[DeviceView]) -> DeviceCounts {
    let of = |state: DeviceState| devices.iter().filter(|d| d.state == state).count() as u64;
    let (total, online) = (devices.len() as u64, of(DeviceState::Online));
    let disabled = of(DeviceState::Disabled);
    DeviceCounts { total, online, offline: total - online - disabled, disabled }
}

pub fn journal(app: &App) -> JournalStatus {
    let stats = app.runtime.journal_stats();
    let (lost, lost_why) = app.runtime.journal_lost();
    let of = |stream| stats.stream(stream);
    let failures: u64 = Stream::ALL
        .iter()
        .map(|s| of(*s).sync_failures + of(*s).write_failures + of(*s).read_failures)
        .sum();
    let streams =
        [("samples", Stream::Samples), ("outputs", Stream::Outputs), ("record", Stream::Record)]
            .map(|(name, stream)| {
                let stats = of(stream);
                StreamStatus {
                    name: name.to_owned(),
                    oldest: stats.oldest,
                    end: stats.end,
                    committed: stats.committed,
                    bytes: stats.bytes,
                    bytes_max: app.journal_options.stream(stream).bytes_max,
                    segments: stats.segments as u64,
                }
            });
    JournalStatus {
        epoch: u64::from(stats.epoch),
        streams: streams.into(),
        errors: failures + lost,
        last_error: Stream::ALL.iter().find_map(|s| of(*s).last_error.clone()).or(lost_why),
    }
}
