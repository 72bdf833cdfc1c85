//! Alarms over HTTP: list, history, and what operators do.

use super::devices::window;
use super::extract::{Asked, At, Sent};
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use axum::Json;
use axum::extract::State;
use std::cmp::Reverse;
use tagwerk_alarms::alarm::{ChangeKind, Condition, Priority, Shown};
use tagwerk_alarms::{Action, AlarmChange, AlarmView, By, ChangeQuery, OperateError};
use tagwerk_api::{
    self as api, AlarmAnswer, AlarmChangeParameters, AlarmChanges, AlarmChoice, AlarmCounts,
    AlarmFlood, AlarmName, AlarmParameters, AlarmRefusal, AlarmShelf, AlarmState, Anything, Page,
    Time,
};
use tagwerk_model::limits;

pub async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<AlarmParameters>,
) -> Result<Json<Page<api::Alarm>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let wanted = asked.state.as_deref().map(states).transpose()?;
    let text = asked.text.as_deref().map(str::to_lowercase).unwrap_or_default();
    let holds = |part: &str| part.to_lowercase().contains(&text);
    let mut found = app.alarms.list();
    found.retain(|view| {
        wanted.as_ref().is_none_or(|states| states.contains(&state(view.shown)))
            && asked.priority.is_none_or(|wanted| wanted == priority(view.definition.priority))
            && asked.device.as_deref().is_none_or(|device| device == &*view.watched.device)
            && (text.is_empty()
                || holds(&view.definition.name)
                || holds(&view.watched.device)
                || holds(&view.watched.name)
                || view.definition.text.as_deref().is_some_and(holds))
    });
    found.sort_by_key(|view| (urgency(view), Reverse(view.since_unix_ns)));
    let total = found.len();
    let items = found.iter().skip(offset).take(limit).map(show).collect();
    Ok(Json(Page::new(items, offset, total)))
}

/// What somebody is to look at first, whether it is still active or not; then what is open, what is put
/// aside, and what is well. Within each the priority decides, then the state.
fn urgency(view: &AlarmView) -> (u8, Reverse<Priority>, u8) {
    let (class, state) = match view.shown {
        Shown::Unacknowledged => (0, 0),
        Shown::ClearedUnacknowledged => (0, 1),
        Shown::Acknowledged => (1, 0),
        Shown::Latched => (1, 1),
        Shown::Shelved => (2, 0),
        Shown::Suppressed => (2, 1),
        Shown::OutOfService => (2, 2),
        Shown::Normal => (3, 0),
    };
    (class, Reverse(view.definition.priority), state)
}

fn states(name: &str) -> Result<Vec<AlarmState>, Refusal> {
    use AlarmState::*;
    if name == "open" {
        return Ok(vec![Unacknowledged, Acknowledged, ClearedUnacknowledged, Latched]);
    }
    let one = serde_json::from_value(name.into()).map_err(|_| {
        let remedy = "use open, normal, unacknowledged, acknowledged, cleared_unacknowledged, \
                      latched, shelved, suppressed or out_of_service";
        Refusal::invalid(format!("{name} is no state of an alarm"), remedy)
    })?;
    Ok(vec![one])
}

pub async fn changes(
    State(app): State<Shared>,
    Asked(asked): Asked<AlarmChangeParameters>,
) -> Result<Json<AlarmChanges>, Refusal> {
    let (_, limit) = window(None, asked.limit)?;
    let query = ChangeQuery {
        alarm: asked.alarm,
        device: asked.device,
        tag: asked.tag,
        kind: asked.kind.map(own_kind),
        before: asked.before,
        // One more tells whether there is a next page.
        limit: limit + 1,
    };
    let mut found = app.alarms.changes(&query);
    let next = (found.len() > limit).then(|| found[limit - 1].0);
    found.truncate(limit);
    Ok(Json(AlarmChanges { items: found.into_iter().map(show_change).collect(), next }))
}

pub async fn operate(
    State(app): State<Shared>,
    At(action): At<String>,
    caller: Caller,
    Sent(choice): Sent<AlarmChoice>,
) -> Result<Json<AlarmAnswer>, Refusal> {
    let action = what(&app, &action, &choice)?;
    if choice.alarms.len() > limits::ALARMS_AT_ONCE_MAX {
        let cause = format!("{} alarms are chosen", choice.alarms.len());
        let remedy = format!("choose {} at most", limits::ALARMS_AT_ONCE_MAX);
        return Err(Refusal::invalid(cause, remedy));
    }
    let comment = choice.comment.filter(|comment| !comment.is_empty());
    if comment.as_ref().is_some_and(|c| c.len() > limits::ALARM_COMMENT_BYTES_MAX) {
        let max = limits::ALARM_COMMENT_BYTES_MAX;
        return Err(Refusal::invalid(
            format!("the comment is longer than {max} bytes"),
            "shorten it",
        ));
    }
    let by = By { name: caller.by().into(), comment: comment.map(Into::into) };
    let mut answer = AlarmAnswer { done: Vec::new(), refused: Vec::new() };
    for AlarmName { name, device, tag } in choice.alarms {
        match app.alarms.operate((&name, &device, &tag), &action, &by).await {
            Ok(view) => answer.done.push(show(&view)),
            Err(OperateError::Storage(cause)) => return Err(Refusal::internal(cause)),
            Err(refused @ (OperateError::Unknown | OperateError::Refused(_))) => {
                let cause = refused.to_string();
                answer.refused.push(AlarmRefusal { name, device, tag, cause });
            }
        }
    }
    Ok(Json(answer))
}

fn what(app: &App, name: &str, choice: &AlarmChoice) -> Result<Action, Refusal> {
    if choice.for_ms.is_some() && name != "shelve" {
        return Err(Refusal::invalid("`for_ms` is for `shelve` only", "leave it out"));
    }
    Ok(match name {
        "acknowledge" => Action::Acknowledge,
        "reset" => Action::Reset,
        "unshelve" => Action::Unshelve,
        "take-out-of-service" => Action::TakeOutOfService,
        "return-to-service" => Action::ReturnToService,
        "shelve" => {
            let max = limits::ALARM_SHELVED_MAX.as_millis() as u64;
            let Some(ms) = choice.for_ms.filter(|ms| (1..=max).contains(ms)) else {
                return Err(Refusal::invalid(
                    "an alarm is shelved for a time",
                    format!("give `for_ms`, from 1 to {max}"),
                ));
            };
            let now = app.env.clock.wall().unix_ns;
            Action::Shelve { until_unix_ns: now.saturating_add_unsigned(ms * 1_000_000) }
        }
        other => {
            return Err(Refusal::not_found(
                format!("nothing called {other} can be done to an alarm"),
                "use acknowledge, reset, shelve, unshelve, take-out-of-service or \
                 return-to-service",
            ));
        }
    })
}

/// How many alarms are how.
pub fn counts(app: &App) -> AlarmCounts {
    let mut counts = AlarmCounts::default();
    for ((of, shown), number) in app.alarms.counts() {
        let number = number as u64;
        counts.total += number;
        match shown {
            Shown::Unacknowledged => {
                counts.active += number;
                counts.unacknowledged += number;
            }
            Shown::Acknowledged => counts.active += number,
            Shown::ClearedUnacknowledged => counts.unacknowledged += number,
            Shown::Shelved => counts.shelved += number,
            Shown::Suppressed => counts.suppressed += number,
            Shown::OutOfService => counts.out_of_service += number,
            Shown::Latched | Shown::Normal => {}
        }
        if matches!(shown, Shown::Unacknowledged | Shown::ClearedUnacknowledged) {
            counts.highest = counts.highest.max(Some(priority(of)));
        }
    }
    let load = app.alarms.load();
    counts.chattering = load.chattering as u64;
    counts.flood =
        load.flood.map(|(since, alarms)| AlarmFlood { since: Time::from_unix_ns(since), alarms });
    counts
}

fn show(view: &AlarmView) -> api::Alarm {
    let optional = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    api::Alarm {
        name: view.definition.name.to_string(),
        device: view.watched.device.to_string(),
        tag: view.watched.name.to_string(),
        state: state(view.shown),
        priority: priority(view.definition.priority),
        active: view.active,
        unacknowledged: view.unacknowledged,
        raised: view.raised,
        since: view.since_unix_ns.map(Time::from_unix_ns),
        chattering: view.chattering.is_some(),
        not_written: view.chattering.unwrap_or(0),
        value: Anything::of(view.value.as_ref(), view.watched.data_type),
        value_text: view.value.as_ref().map(|v| v.as_ref().to_text(view.watched.data_type)),
        unit: view.watched.unit.to_string(),
        quality: view.quality.map(|quality| quality.severity().name().to_owned()),
        condition: condition(
            &view.definition.condition,
            &view.watched.unit,
            view.reference.as_ref().map(|reference| &*reference.name),
        ),
        text: optional(&view.definition.text),
        response: optional(&view.definition.response),
        shelf: view.shelf.as_ref().map(|(shelf, until)| AlarmShelf {
            by: shelf.by.to_string(),
            comment: shelf.comment.to_string(),
            until: Time::from_unix_ns(*until),
        }),
        suppressed: view.suppressed.as_deref().map(str::to_owned),
    }
}

fn show_change((seq, change): (u64, AlarmChange)) -> api::AlarmChange {
    let json = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).ok();
    let (value_text, shown) = (change.value_text(), change.shown());
    api::AlarmChange {
        seq,
        at: Time::from_unix_ns(change.unix_ns),
        name: change.alarm.into(),
        device: change.device.into(),
        tag: change.tag.into(),
        kind: api_kind(change.kind),
        priority: priority(change.priority),
        announced: change.announced,
        state: shown.map(state),
        count: change.count,
        value_text,
        unit: change.unit.map(Into::into).unwrap_or_default(),
        value: change.value.as_deref().and_then(json).map_or_else(Anything::null, Anything),
        by: change.by.map(Into::into),
        comment: change.comment.map(Into::into),
        text: change.text.map(Into::into),
    }
}

/// As it is written in a configuration.
fn span(ns: i64) -> String {
    let millis = u64::try_from(ns / 1_000_000).unwrap_or(0);
    tagwerk_component::Duration::from_millis(millis).to_string()
}

fn condition(condition: &Condition, unit: &str, other: Option<&str>) -> String {
    let with = |number: f64| match unit {
        "" => number.to_string(),
        unit => format!("{number} {unit}"),
    };
    match condition {
        Condition::Above { limit, .. } => format!("above {}", with(*limit)),
        Condition::Below { limit, .. } => format!("below {}", with(*limit)),
        Condition::Outside { low, high, .. } => format!("outside {low} to {}", with(*high)),
        Condition::Equals(scalar) => format!("is {scalar}"),
        Condition::NotEquals(scalar) => format!("is not {scalar}"),
        Condition::Bad => "bad quality".to_owned(),
        Condition::Stale { after_ns } => format!("no value for {}", span(*after_ns)),
        Condition::Rising { limit, per_ns, .. } => {
            format!("rising by more than {} in {}", with(*limit), span(*per_ns))
        }
        Condition::Falling { limit, per_ns, .. } => {
            format!("falling by more than {} in {}", with(*limit), span(*per_ns))
        }
        Condition::Deviation { limit, .. } => {
            format!("more than {} from {}", with(*limit), other.unwrap_or("its reference"))
        }
    }
}

fn state(shown: Shown) -> AlarmState {
    match shown {
        Shown::Normal => AlarmState::Normal,
        Shown::Unacknowledged => AlarmState::Unacknowledged,
        Shown::Acknowledged => AlarmState::Acknowledged,
        Shown::ClearedUnacknowledged => AlarmState::ClearedUnacknowledged,
        Shown::Latched => AlarmState::Latched,
        Shown::Shelved => AlarmState::Shelved,
        Shown::Suppressed => AlarmState::Suppressed,
        Shown::OutOfService => AlarmState::OutOfService,
    }
}

pub fn priority(priority: Priority) -> api::AlarmPriority {
    match priority {
        Priority::Low => api::AlarmPriority::Low,
        Priority::Medium => api::AlarmPriority::Medium,
        Priority::High => api::AlarmPriority::High,
        Priority::Critical => api::AlarmPriority::Critical,
    }
}

fn api_kind(kind: ChangeKind) -> api::AlarmChangeKind {
    use api::AlarmChangeKind as Told;
    match kind {
        ChangeKind::Raised => Told::Raised,
        ChangeKind::Cleared => Told::Cleared,
        ChangeKind::Acknowledged => Told::Acknowledged,
        ChangeKind::Reset => Told::Reset,
        ChangeKind::Shelved => Told::Shelved,
        ChangeKind::Unshelved => Told::Unshelved,
        ChangeKind::Suppressed => Told::Suppressed,
        ChangeKind::Unsuppressed => Told::Unsuppressed,
        ChangeKind::OutOfService => Told::OutOfService,
        ChangeKind::InService => Told::InService,
        ChangeKind::Chattering => Told::Chattering,
        ChangeKind::Steady => Told::Steady,
        ChangeKind::NotWritten => Told::NotWritten,
    }
}

fn own_kind(kind: api::AlarmChangeKind) -> ChangeKind {
    use api::AlarmChangeKind as Told;
    match kind {
        Told::Raised => ChangeKind::Raised,
        Told::Cleared => ChangeKind::Cleared,
        Told::Acknowledged => ChangeKind::Acknowledged,
        Told::Reset => ChangeKind::Reset,
        Told::Shelved => ChangeKind::Shelved,
        Told::Unshelved => ChangeKind::Unshelved,
        Told::Suppressed => ChangeKind::Suppressed,
        Told::Unsuppressed => ChangeKind::Unsuppressed,
        Told::OutOfService => ChangeKind::OutOfService,
        Told::InService => ChangeKind::InService,
        Told::Chattering => ChangeKind::Chattering,
        Told::Steady => ChangeKind::Steady,
        Told::NotWritten => ChangeKind::NotWritten,
    }
}
