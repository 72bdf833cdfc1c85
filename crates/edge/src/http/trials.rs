//! Trials: a device is tried before it is saved.

use super::extract::Sent;
use super::record::record;
use super::refusal::Refusal;
use super::trace::frame;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use crate::registry::CATALOGUE;
use crate::secret_use;
use crate::show;
use axum::Json;
use axum::extract::State;
use serde_json::Value;
use std::time::Duration;
use tagwerk_api::{
    Anything, BrowseAnswer, BrowseNode, BrowseTrial, ErrorCode, EstimateAnswer, Finding,
    GroupEstimate, LoadNow, ReadAnswer, Time, Trial, TrialProblem, TrialValue,
};
use tagwerk_config::{CheckedDevice, TemplateSource, lint_device};
use tagwerk_runtime as runtime;
use tagwerk_runtime::{RecordKind, TrialAsk, TrialFound};

/// Tags of a device that one trial reads. More: refused.
const TAGS_MAX: usize = 10_000;
const REMEDY: &str = "check the device's address and settings, the network between the edge and the \
    device, and whether the device lets the edge in; the frames show what went over the wire";

pub async fn read(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<Trial>,
) -> Result<Json<ReadAnswer>, Refusal> {
    let turn = Turn::take(&app, &caller)?;
    let (device, findings) = check(&app, &sent.device, sent.templates.as_ref()).await?;
    let Some(device) = device else {
        return Ok(Json(ReadAnswer {
            ok: false,
            used_running_link: false,
            connect_ms: None,
            elapsed_ms: 0.0,
            problem: None,
            findings,
            values: Vec::new(),
            frames: Vec::new(),
        }));
    };
    let tags: usize = device.groups.iter().map(|group| group.tags.len()).sum();
    if tags > TAGS_MAX {
        return Err(Refusal::invalid(
            format!("the device has {tags} tags; a trial reads at most {TAGS_MAX}"),
            "try it with some of its groups",
        ));
    }
    note(&app, &caller, &device, "read").await?;
    let names = names(&device);
    let trial = app.runtime.trial(device, TrialAsk::Read).await;
    drop(turn);
    let (problem, values) = match trial.result {
        Ok(TrialFound::Values(values)) => (None, values),
        Ok(TrialFound::Nodes(_)) => (None, Vec::new()),
        Err(text) => (Some(problem(&app, text)), Vec::new()),
    };
    Ok(Json(ReadAnswer {
        ok: problem.is_none(),
        used_running_link: trial.used_running_link,
        connect_ms: trial.connect.map(fraction_ms),
        elapsed_ms: fraction_ms(trial.elapsed),
        problem,
        findings,
        values: values.into_iter().filter_map(|value| show_value(&app, &names, value)).collect(),
        frames: trial.frames.into_iter().map(|(at, f)| frame(&app, at, f)).collect(),
    }))
}

pub async fn browse(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<BrowseTrial>,
) -> Result<Json<BrowseAnswer>, Refusal> {
    let turn = Turn::take(&app, &caller)?;
    let (device, findings) = check(&app, &sent.device, sent.templates.as_ref()).await?;
    let Some(device) = device else {
        return Ok(Json(BrowseAnswer {
            ok: false,
            problem: None,
            findings,
            nodes: Vec::new(),
            more: None,
            frames: Vec::new(),
        }));
    };
    if sent.after.is_none() && sent.node.is_empty() {
        note(&app, &caller, &device, "browsed").await?;
    }
    let ask = TrialAsk::Browse { from: sent.node, after: sent.after };
    let trial = app.runtime.trial(device, ask).await;
    drop(turn);
    let (problem, nodes, more) = match trial.result {
        Ok(TrialFound::Nodes(page)) => (None, page.nodes, page.more),
        Ok(TrialFound::Values(_)) => (None, Vec::new(), None),
        Err(text) => (Some(problem(&app, text)), Vec::new(), None),
    };
    Ok(Json(BrowseAnswer {
        ok: problem.is_none(),
        problem,
        findings,
        nodes: nodes.into_iter().map(show_node).collect(),
        more,
        frames: trial.frames.into_iter().map(|(at, f)| frame(&app, at, f)).collect(),
    }))
}

pub async fn estimate(
    State(app): State<Shared>,
    Sent(sent): Sent<Trial>,
) -> Result<Json<EstimateAnswer>, Refusal> {
    let (device, findings) = check(&app, &sent.device, sent.templates.as_ref()).await?;
    let Some(device) = device else {
        return Ok(Json(EstimateAnswer {
            findings,
            groups: Vec::new(),
            requests_per_second: 0.0,
            round_trip_ms: None,
            link_share: None,
            now: None,
        }));
    };
    let estimate = app.runtime.estimate(&device);
    let running = app.runtime.device(&device.name);
    let share = estimate.round_trip.map(|trip| estimate.requests_per_second * trip.as_secs_f64());
    Ok(Json(EstimateAnswer {
        findings,
        groups: estimate.groups.into_iter().map(show_group).collect(),
        requests_per_second: estimate.requests_per_second,
        round_trip_ms: estimate.round_trip.map(fraction_ms),
        link_share: share,
        now: running.map(|running| LoadNow {
            requests_per_second: running.load.requests_per_second,
            link_share: running.counters.round_trip.map(|_| running.load.link_share),
        }),
    }))
}

/// A user's turn: one trial at a time.
struct Turn {
    app: Shared,
    by: String,
}

impl Turn {
    fn take(app: &Shared, caller: &Caller) -> Result<Turn, Refusal> {
        let by = caller.by();
        let mut busy = app.trials.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !busy.insert(by.clone()) {
            return Err(Refusal::new(
                axum::http::StatusCode::CONFLICT,
                ErrorCode::Limit,
                format!("a trial of {by} is under way"),
                "wait until it has ended, within a minute",
            ));
        }
        drop(busy);
        Ok(Turn { app: app.clone(), by })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut busy = self.app.trials.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        busy.remove(&self.by);
    }
}

/// The device, where nothing is wrong with it, and everything that is.
async fn check(
    app: &Shared,
    device: &Anything,
    templates: Option<&Anything>,
) -> Result<(Option<CheckedDevice>, Vec<Finding>), Refusal> {
    let value = |part: &Anything, what: &str| {
        // The parser's own words may quote what it stumbled over.
        serde_json::from_str::<Value>(part.text())
            .map_err(|_| Refusal::invalid(format!("the {what} cannot be read"), "send JSON"))
    };
    let device = value(device, "device")?;
    if !device.is_object() {
        return Err(Refusal::invalid(
            "the device is no object",
            "send it as in the document: `driver`, `settings` and `groups`",
        ));
    }
    let list = templates.map(|templates| value(templates, "templates")).transpose()?;
    let document = match (&list, device.get("template")) {
        (None, Some(_)) => app.configuration.text().await?,
        _ => None,
    };
    let checked = tokio::task::spawn_blocking(move || {
        let templates = match (&list, &document) {
            (Some(list), _) => TemplateSource::List(list),
            (None, Some(text)) => TemplateSource::Document(text.as_bytes()),
            (None, None) => TemplateSource::None,
        };
        lint_device(&device, templates, &CATALOGUE)
    })
    .await
    .map_err(|_| Refusal::internal("checking the device failed"))?;
    let missing = secret_use::missing_in("", &checked.secrets, &app.secrets);
    let findings = checked.findings.into_iter().map(show::finding).chain(missing).collect();
    Ok((checked.device, findings))
}

async fn note(app: &App, by: &Caller, device: &CheckedDevice, did: &str) -> Result<(), Refusal> {
    let text = format!("{did} the device {} ({}) as a trial", device.name, device.driver_name);
    record(app, RecordKind::Access, &by.by(), &text).await
}

fn problem(app: &App, text: String) -> TrialProblem {
    TrialProblem { problem: app.secrets.redact(text), remedy: REMEDY.to_owned() }
}

/// What is kept of a device while its trial runs.
struct GroupNames {
    name: String,
    tags: Vec<TagNames>,
}

struct TagNames {
    name: String,
    address: String,
    unit: String,
    data_type: tagwerk_model::DataType,
}

fn names(device: &CheckedDevice) -> Vec<GroupNames> {
    let tag = |tag: &tagwerk_config::CheckedTag| TagNames {
        name: tag.name.to_string(),
        address: tag.address.to_string(),
        unit: tag.unit.to_string(),
        data_type: tag.published,
    };
    let group = |group: &tagwerk_config::CheckedGroup| GroupNames {
        name: group.name.to_string(),
        tags: group.tags.iter().map(tag).collect(),
    };
    device.groups.iter().map(group).collect()
}

fn show_value(app: &App, names: &[GroupNames], found: runtime::TrialValue) -> Option<TrialValue> {
    let group = names.get(found.group)?;
    let tag = group.tags.get(found.tag)?;
    let mut quality = show::quality(found.quality);
    if let Some(reason) = found.reason {
        quality.reason = app.secrets.redact(reason);
    }
    Some(TrialValue {
        group: group.name.clone(),
        tag: tag.name.clone(),
        address: tag.address.clone(),
        data_type: tag.data_type.name().to_owned(),
        value: Anything::of(found.value.as_ref(), tag.data_type),
        text: found.value.as_ref().map(|value| value.as_ref().to_text(tag.data_type)),
        raw: None,
        unit: (!tag.unit.is_empty()).then(|| tag.unit.clone()),
        quality,
        source_time: found.source_time.map(Time::from_unix_ns),
    })
}

fn show_node(node: tagwerk_component::BrowseNode) -> BrowseNode {
    let data_type = node.data_type;
    BrowseNode {
        id: node.id,
        name: node.name,
        inside: node.inside,
        address: node.address,
        value: node.value.as_ref().zip(data_type).map(|(v, t)| Anything::of(Some(v), t)),
        data_type: data_type.map(|data_type| data_type.name().to_owned()),
        write: node.write,
        description: node.description,
        unit: node.unit,
    }
}

fn show_group(group: runtime::GroupEstimate) -> GroupEstimate {
    GroupEstimate {
        name: group.name.to_string(),
        interval_ms: show::milliseconds(group.interval),
        tags: group.tags as u64,
        requests_per_read: group.requests_per_read as u64,
        watched: group.watched,
    }
}

fn fraction_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
