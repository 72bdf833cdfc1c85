//! What the runtime and the store show, in the API's words.

use crate::registry::{CHANNELS, DRIVERS, SINKS};
use crate::store::{RevisionRow, TokenRow, UserRow};
use std::time::Duration;
use tagwerk_api as api;
use tagwerk_api::{Anything, Time};
use tagwerk_component::Spec;
use tagwerk_config::{ChangeKind, LocatedFinding, Weight};
use tagwerk_model::{Quality, Severity};
use tagwerk_runtime::{EventSeverity, RecordKind, view};

pub fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

fn fraction_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

pub fn tag_counts(counts: view::TagCounts) -> api::TagCounts {
    let view::TagCounts { total, good, uncertain, bad, stale } = counts;
    api::TagCounts { total, good, uncertain, bad, stale }
}

pub fn severity(quality: Quality) -> api::Severity {
    match quality.severity() {
        Severity::Good => api::Severity::Good,
        Severity::Uncertain => api::Severity::Uncertain,
        Severity::Bad => api::Severity::Bad,
    }
}

pub fn quality(quality: Quality) -> api::Quality {
    api::Quality {
        severity: severity(quality),
        code: quality.0,
        name: quality.name().to_owned(),
        reason: quality.reason(),
    }
}

/// `link_devices` are all devices on its link.
pub fn device(view: view::DeviceView, link_devices: usize) -> api::Device {
    use view::DeviceState::*;
    let load = api::DeviceLoad {
        requests_per_second: view.load.requests_per_second,
        link_share: view.counters.round_trip.map(|_| view.load.link_share),
        link: view.link.to_string(),
        link_devices: link_devices as u64,
    };
    api::Device {
        load: (view.state != Disabled).then_some(load),
        name: view.name.to_string(),
        description: view.description.map(|text| text.to_string()),
        driver: view.driver.to_owned(),
        link: view.link.to_string(),
        enabled: view.state != Disabled,
        state: match view.state {
            Disabled => api::DeviceState::Disabled,
            Connecting => api::DeviceState::Connecting,
            Online => api::DeviceState::Online,
            Offline => api::DeviceState::Offline,
            Silent => api::DeviceState::Silent,
            Failed => api::DeviceState::Failed,
        },
        since: Time::from_unix_ns(view.since_unix_ns),
        reason: view.reason,
        next_try_ms: view.next_try.map(milliseconds),
        tags: tag_counts(view.tags),
        groups: view.groups.into_iter().map(group).collect(),
        counters: device_counters(view.counters),
    }
}

fn group(view: view::GroupView) -> api::Group {
    api::Group {
        name: view.name.to_string(),
        interval_ms: milliseconds(view.interval),
        tags: view.tags as u64,
        last_read: view.last_read_unix_ns.map(Time::from_unix_ns),
        duration_ms: view.duration.map(fraction_ms),
        late: view.late,
        missed: view.missed,
        watched: view.watched,
        polled_because: view.polled_because,
    }
}

fn device_counters(counters: view::DeviceCounters) -> api::DeviceCounters {
    let link =
        |name: &str| counters.link.iter().filter(|(n, _)| *n == name).map(|(_, count)| count).sum();
    api::DeviceCounters {
        late_answers: link("late answers dropped"),
        bytes_in: link("bytes received"),
        bytes_out: link("bytes sent"),
        requests: counters.requests,
        errors: counters.errors,
        retries: counters.retries,
        timeouts: counters.timeouts,
        exceptions: counters.exceptions,
        reconnects: counters.reconnects,
        writes: counters.writes,
        late_polls: counters.late_polls,
        missed_polls: counters.missed_polls,
        panics: counters.panics,
        rtt_ms: counters.round_trip.map(|times| api::RoundTrip {
            min: fraction_ms(times.min),
            mean: fraction_ms(times.mean),
            p99: fraction_ms(times.p99),
            max: fraction_ms(times.max),
        }),
    }
}

pub fn tag(view: view::TagView) -> api::Tag {
    api::Tag {
        value: Anything::of(view.value.as_ref(), view.data_type),
        text: view.value.as_ref().map(|value| value.as_ref().to_text(view.data_type)),
        device: view.device.to_string(),
        group: view.group.to_string(),
        name: view.name.into(),
        address: view.address.into(),
        formula: view.formula.map(Into::into),
        reason: view.reason.map(Into::into),
        data_type: view.data_type.name().to_owned(),
        unit: (!view.unit.is_empty()).then(|| view.unit.to_string()),
        description: view.description.map(Into::into),
        access: match (view.readable, view.writable) {
            (true, true) => api::TagAccess::ReadWrite,
            (false, true) => api::TagAccess::Write,
            (_, false) => api::TagAccess::Read,
        },
        range: view.range.map(|(low, high)| [low, high]),
        interval_ms: milliseconds(view.interval),
        quality: quality(view.quality),
        time: view.read_unix_ns.map(Time::from_unix_ns),
        source_time: view.source_unix_ns.map(Time::from_unix_ns),
        age_ms: view.age.map(milliseconds),
        changed_at: view.changed_unix_ns.map(Time::from_unix_ns),
        quality_since: Time::from_unix_ns(view.quality_since_unix_ns),
        stale: view.stale,
    }
}

pub fn live_tag(view: view::TagView) -> api::LiveTag {
    api::LiveTag {
        value: Anything::of(view.value.as_ref(), view.data_type),
        text: view.value.as_ref().map(|value| value.as_ref().to_text(view.data_type)),
        device: view.device.to_string(),
        name: view.name.into(),
        quality: severity(view.quality),
        code: view.quality.0,
        reason: (!view.quality.is_good()).then(|| view.quality.reason()),
        time: view.read_unix_ns.map(Time::from_unix_ns),
        age_ms: view.age.map(milliseconds),
    }
}

pub fn sink(view: view::SinkView) -> api::SinkStatus {
    use view::SinkState::*;
    api::SinkStatus {
        name: view.name.to_string(),
        kind: view.kind.to_owned(),
        enabled: view.state != Disabled,
        state: match view.state {
            Disabled => api::SinkState::Disabled,
            Connecting => api::SinkState::Connecting,
            Connected => api::SinkState::Connected,
            Retrying => api::SinkState::Retrying,
            Failed => api::SinkState::Failed,
        },
        since: Time::from_unix_ns(view.since_unix_ns),
        reason: view.reason,
        next_try_ms: view.next_try.map(milliseconds),
        backlog_samples: view.backlog_samples,
        delivered_samples: view.delivered_samples,
        delivered_messages: view.delivered_messages,
        rejected_messages: view.rejected_messages,
        dropped_samples: view.dropped_samples,
        in_flight: view.in_flight as u64,
        last_delivered_at: view.last_delivered_unix_ns.map(Time::from_unix_ns),
        oldest_waiting: view.oldest_waiting_unix_ns.map(Time::from_unix_ns),
    }
}

pub fn problem(problem: view::Problem) -> api::Problem {
    use view::ProblemKind::*;
    let subject = problem.subject.to_string();
    let (kind, link) = match problem.kind {
        Device => (api::ProblemKind::Device, Some(format!("/devices/{}", encoded(&subject)))),
        Tags => (api::ProblemKind::Tags, Some(format!("/devices/{}", encoded(&subject)))),
        Sink => (api::ProblemKind::Sink, Some("/sinks".to_owned())),
        Clock => (api::ProblemKind::Clock, None),
        Journal => (api::ProblemKind::Journal, None),
        Task => (api::ProblemKind::Task, None),
    };
    api::Problem {
        kind,
        severity: match problem.error {
            true => api::ProblemSeverity::Error,
            false => api::ProblemSeverity::Warning,
        },
        subject,
        since: Time::from_unix_ns(problem.since_unix_ns),
        cause: problem.cause,
        doing: problem.doing,
        remedy: problem.remedy,
        tags: (problem.tags > 0).then_some(problem.tags),
        link,
    }
}

/// A name as one segment of a URL's path.
pub fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

pub fn command(view: view::CommandView) -> api::Command {
    use view::CommandState::*;
    let text = |value: &tagwerk_model::Value| value.as_ref().to_text(view.data_type);
    api::Command {
        text: text(&view.value),
        old_text: view.old_value.as_ref().map(text),
        value: Anything::of(Some(&view.value), view.data_type),
        old_value: view.old_value.as_ref().map(|value| Anything::of(Some(value), view.data_type)),
        id: view.id.to_string(),
        device: view.device.to_string(),
        tag: view.tag.to_string(),
        state: match view.state {
            Waiting => api::CommandState::Waiting,
            Sent => api::CommandState::Sent,
            Done => api::CommandState::Done,
            Failed => api::CommandState::Failed,
            Expired => api::CommandState::Expired,
            Unknown => api::CommandState::Unknown,
        },
        reason: view.reason,
        by: view.by.to_string(),
        created_at: Time::from_unix_ns(view.created_unix_ns),
        expires_at: Time::from_unix_ns(view.expires_unix_ns),
        sent_at: view.sent_unix_ns.map(Time::from_unix_ns),
        ended_at: view.ended_unix_ns.map(Time::from_unix_ns),
    }
}

pub fn effect(effect: view::Effect) -> api::Effect {
    use view::EffectKind::*;
    api::Effect {
        device: effect.device,
        kind: match effect.kind {
            Starts => api::EffectKind::Starts,
            Stops => api::EffectKind::Stops,
            Restarts => api::EffectKind::Restarts,
            Changes => api::EffectKind::Changes,
        },
        groups: effect.groups,
    }
}

pub fn finding(finding: LocatedFinding) -> api::Finding {
    api::Finding {
        weight: match finding.weight {
            Weight::Error => api::Weight::Error,
            Weight::Warning => api::Weight::Warning,
        },
        path: finding.path,
        line: u64::from(finding.line),
        column: u64::from(finding.column),
        problem: finding.problem,
        remedy: finding.remedy,
    }
}

pub fn change(change: tagwerk_config::Change) -> api::Change {
    api::Change {
        path: change.path,
        kind: change_kind(change.kind),
        before: change.before,
        after: change.after,
    }
}

pub fn template_change(change: tagwerk_config::TemplateChange) -> api::TemplateChange {
    api::TemplateChange {
        name: change.name,
        change: change_kind(change.change),
        devices: change.devices.iter().map(|device| device.name.clone()).collect(),
        touched: change.devices.into_iter().map(touched_device).collect(),
    }
}

fn touched_device(device: tagwerk_config::TouchedDevice) -> api::TouchedDevice {
    api::TouchedDevice {
        name: device.name,
        changes: device.changes.into_iter().map(self::change).collect(),
        more: device.more as u64,
    }
}

fn change_kind(kind: ChangeKind) -> api::ChangeKind {
    match kind {
        ChangeKind::Added => api::ChangeKind::Added,
        ChangeKind::Removed => api::ChangeKind::Removed,
        ChangeKind::Changed => api::ChangeKind::Changed,
    }
}

pub fn revision(row: RevisionRow, active: Option<u64>) -> api::Revision {
    api::Revision {
        active: active == Some(row.revision),
        revision: row.revision,
        applied_at: Time::from_unix_ns(row.applied_unix_ns),
        by: row.by,
        comment: row.comment,
        bytes: row.bytes,
        devices: row.devices,
        tags: row.tags,
    }
}

/// Every driver, sink and channel as it describes itself.
pub fn components() -> api::Components {
    api::Components {
        drivers: DRIVERS.iter().map(|driver| spec(&driver.spec())).collect(),
        sinks: SINKS.iter().map(|sink| spec(&sink.spec())).collect(),
        channels: CHANNELS.iter().map(|channel| spec(&channel.spec())).collect(),
    }
}

pub fn spec(spec: &Spec) -> api::Spec {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    api::Spec {
        name: spec.name.to_owned(),
        summary: spec.summary.to_owned(),
        settings: Anything::from(spec.settings.as_value().clone()),
        addresses: spec
            .addresses
            .iter()
            .map(|address| api::AddressForm {
                form: address.form.to_owned(),
                meaning: address.meaning.to_owned(),
                example: address.example.to_owned(),
            })
            .collect(),
        data_types: spec.data_types.iter().map(|t| t.name().to_owned()).collect(),
        abilities: spec.abilities.iter().map(|ability| word(serde_json::json!(ability))).collect(),
        example: spec.example.to_owned(),
    }
}

pub fn role(role: tagwerk_auth::Role) -> api::Role {
    match role {
        tagwerk_auth::Role::Viewer => api::Role::Viewer,
        tagwerk_auth::Role::Operator => api::Role::Operator,
        tagwerk_auth::Role::Engineer => api::Role::Engineer,
        tagwerk_auth::Role::Admin => api::Role::Admin,
    }
}

pub fn user(row: UserRow) -> api::User {
    api::User {
        role: role(row.role),
        username: row.username,
        created_at: Time::from_unix_ns(row.created_unix_ns),
        last_login: row.last_login_unix_ns.map(Time::from_unix_ns),
    }
}

pub fn token(row: TokenRow) -> api::Token {
    api::Token {
        id: row.id,
        name: row.name,
        role: role(row.role),
        created_at: Time::from_unix_ns(row.created_unix_ns),
        expires_at: row.expires_unix_ns.map(Time::from_unix_ns),
        last_used: row.last_used_unix_ns.map(Time::from_unix_ns),
    }
}

pub fn event_kind(kind: RecordKind) -> api::EventKind {
    use api::EventKind::*;
    match kind {
        RecordKind::Login => Login,
        RecordKind::Configuration => Configuration,
        RecordKind::Access => Access,
        RecordKind::CommandIntent | RecordKind::CommandOutcome => Command,
        RecordKind::Device => Device,
        RecordKind::Sink | RecordKind::DeadLetter | RecordKind::DeadLetterEnd => Sink,
        RecordKind::System | RecordKind::Backup => System,
        RecordKind::Secret => Secret,
        RecordKind::Certificate => Certificate,
    }
}

pub fn event_severity(severity: EventSeverity) -> api::EventSeverity {
    match severity {
        EventSeverity::Info => api::EventSeverity::Info,
        EventSeverity::Warning => api::EventSeverity::Warning,
        EventSeverity::Error => api::EventSeverity::Error,
    }
}
