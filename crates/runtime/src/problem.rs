//! What is not as it should be, in words for the people in the plant: since when, why, what the edge
//! does about it, and what they can do.

use crate::Core;
use crate::live::{DeviceLive, Now};
use crate::view::{DeviceState, Problem, ProblemKind, SinkState};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;
use tagwerk_model::Quality;

/// At most this many problems are listed; the worst come first.
const PROBLEMS_MAX: usize = 100;

pub(crate) fn problems(core: &Core) -> Vec<Problem> {
    let now = Now::of(core.env.clock.as_ref());
    let mut list = Vec::new();
    for device in core.live.devices() {
        match device_problem(&device, now) {
            Some(problem) => list.push(problem),
            None => tag_problems(&device, now, &mut list),
        }
    }
    sink_problems(core, now, &mut list);
    journal_problems(core, now, &mut list);
    if !core.env.clock.wall().synchronised {
        list.push(Problem {
            kind: ProblemKind::Clock,
            error: false,
            subject: Arc::from("clock"),
            since_unix_ns: now.unix(core.started),
            cause: "the clock is not synchronised with a time source".into(),
            doing: "samples are kept with their monotonic time and get the right time when the \
                    clock is set"
                .into(),
            remedy: "check that the machine reaches an NTP server".into(),
            tags: 0,
        });
    }
    list.sort_by_key(|p| (!p.error, p.since_unix_ns));
    list.truncate(PROBLEMS_MAX);
    list
}

fn next_try(next: Option<Moment>, now: Now) -> String {
    match next.map(|m| m.since(now.moment)) {
        Some(wait) if wait > Duration::from_secs(1) => format!("next try in {} s", wait.as_secs()),
        _ => "trying again".into(),
    }
}

fn device_problem(device: &DeviceLive, now: Now) -> Option<Problem> {
    let status = device.status.lock();
    let reason = status.reason.clone();
    let (cause, remedy) = match status.state {
        DeviceState::Online | DeviceState::Disabled => return None,
        DeviceState::Connecting if reason.is_none() => {
            if now.moment.since(status.since) < Duration::from_secs(5) {
                return None;
            }
            ("connecting".to_owned(), "check the device's address and the network".to_owned())
        }
        DeviceState::Connecting | DeviceState::Offline => (
            reason.unwrap_or_else(|| "no connection".into()),
            format!("check power, cable and network of {}, and its settings", device.link),
        ),
        DeviceState::Silent => (
            reason.unwrap_or_else(|| "the device does not answer".into()),
            "check that the device runs and that its unit id is right".to_owned(),
        ),
        DeviceState::Failed => (
            reason.unwrap_or_else(|| "a fault inside the driver".into()),
            "please report this with the log".to_owned(),
        ),
    };
    let doing = next_try(status.next_try, now);
    let since_unix_ns = now.unix(status.since);
    drop(status);
    Some(Problem {
        kind: ProblemKind::Device,
        error: true,
        subject: device.name.clone(),
        since_unix_ns,
        cause,
        doing,
        remedy,
        tags: device.counts(now.moment).bad,
    })
}

fn tag_problems(device: &DeviceLive, now: Now, list: &mut Vec<Problem>) {
    for group in device.groups.read().iter() {
        let Some((count, since, quality, index)) = group.worst() else { continue };
        if quality == Quality::BAD_WAITING && now.moment.since(since) < group.interval * 2 {
            continue;
        }
        let tag = &group.tags[index];
        let subject = format!("{}/{}", device.name, group.name);
        let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        list.push(Problem {
            kind: ProblemKind::Tags,
            error: false,
            subject: Arc::from(subject),
            since_unix_ns: now.unix(since),
            cause: format!("{}{others}: {}", tag.name, quality.reason()),
            doing: match group.is_watched() {
                true => "the device reports the group by itself".to_owned(),
                false => format!("the group is read every {} ms", group.interval.as_millis()),
            },
            remedy: match &tag.formula {
                None => format!("check address {} and the device's own diagnosis", tag.address),
                Some(formula) => format!("look at what its formula reads: {}", formula.text),
            },
            tags: count,
        });
    }
    let counts = device.counts(now.moment);
    if counts.stale > 0 {
        list.push(Problem {
            kind: ProblemKind::Tags,
            error: false,
            subject: device.name.clone(),
            since_unix_ns: device
                .groups
                .read()
                .iter()
                .filter_map(|g| g.last_read())
                .min()
                .map_or(now.unix_ns, |m| now.unix(m)),
            cause: format!("{} tags have no fresh value", counts.stale),
            doing: "reads take longer than the groups' intervals allow".into(),
            remedy: "use longer intervals or fewer tags on this link".into(),
            tags: counts.stale,
        });
    }
}

fn sink_problems(core: &Core, now: Now, list: &mut Vec<Problem>) {
    let end = core.journal.end(tagwerk_journal::Stream::Samples);
    for sink in core.running.lock().sinks() {
        let view = sink.view(now, end);
        let waits = matches!(view.state, SinkState::Retrying | SinkState::Failed)
            || (view.state == SinkState::Connecting && view.reason.is_some());
        if waits {
            let wait = view.next_try.map(|wait| Moment(now.moment.0 + wait.as_nanos() as u64));
            list.push(Problem {
                kind: ProblemKind::Sink,
                error: true,
                subject: view.name.clone(),
                since_unix_ns: view.since_unix_ns,
                cause: view.reason.clone().unwrap_or_else(|| "not connected".into()),
                doing: format!(
                    "{} samples wait on disk; {}",
                    view.backlog_samples,
                    next_try(wait, now)
                ),
                remedy: "check the destination, the network and the sink's settings".into(),
                tags: 0,
            });
        }
        if view.rejected_messages > 0 {
            list.push(Problem {
                kind: ProblemKind::Sink,
                error: false,
                subject: view.name.clone(),
                since_unix_ns: view.since_unix_ns,
                cause: format!(
                    "{} messages were rejected: {}",
                    view.rejected_messages,
                    view.reason.unwrap_or_default()
                ),
                doing: "they were set aside, delivery goes on".into(),
                remedy: "check the sink's format and topic".into(),
                tags: 0,
            });
        }
    }
}

fn journal_problems(core: &Core, now: Now, list: &mut Vec<Problem>) {
    let (lost, error) = core.publisher.lost();
    if lost > 0 {
        list.push(Problem {
            kind: ProblemKind::Journal,
            error: true,
            subject: Arc::from("journal"),
            since_unix_ns: now.unix(core.started),
            cause: format!("{lost} samples could not be written: {}", error.unwrap_or_default()),
            doing: "polling goes on; each batch is tried".into(),
            remedy: "check the disk and its free space".into(),
            tags: 0,
        });
    }
}
