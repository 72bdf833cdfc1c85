//! Alarms over HTTP: list, history, and what operators do.

use super::devices::window;
use super::extract::{Asked, At, Sent};
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use axum::Json;
use axum::extract::State;
use std::cmp::Reverse;
use tagwerk_alarms::alarm::{ChangeKind, Condition, Priority, Scalar, Shown};
use tagwerk_alarms::{Action, AlarmChange, AlarmView, By, ChangeQuery, OperateError};
use tagwerk_api::{
    self as api, AlarmAnswer, AlarmChangeParameters, AlarmChanges, AlarmChoice, AlarmCounts,
    AlarmName, AlarmParameters, AlarmRefusal, AlarmShelf, AlarmState, Anything, Page, Time,
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

/// What is open comes before what is not, what is urgent before what is less so.
fn urgency(view: &AlarmView) -> (u8, Reverse<Priority>) {
    let state = match view.shown {
        Shown::Unacknowledged => 0,
        Shown::Acknowledged => 1,
        Shown::ClearedUnacknowledged => 2,
        Shown::Latched => 3,
        Shown::Shelved => 4,
        Shown::Suppressed => 5,
        Shown::OutOfService => 6,
        Shown::Normal => 7,
    };
    (state, Reverse(view.definition.priority))
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
        let open = [Shown::Unacknowledged, Shown::Acknowledged, Shown::ClearedUnacknowledged];
        if open.contains(&shown) {
            counts.highest = counts.highest.max(Some(priority(of)));
        }
    }
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
        value: Anything::of(view.value.as_ref(), view.watched.data_type),
        unit: view.watched.unit.to_string(),
        quality: view.quality.map(|quality| quality.severity().name().to_owned()),
        condition: condition(&view.definition.condition, &view.watched.unit),
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
    api::AlarmChange {
        seq,
        at: Time::from_unix_ns(change.unix_ns),
        name: change.alarm.into(),
        device: change.device.into(),
        tag: change.tag.into(),
        kind: api_kind(change.kind),
        priority: priority(change.priority),
        announced: change.announced,
        value: change.value.as_deref().and_then(json).map_or_else(Anything::null, Anything),
        by: change.by.map(Into::into),
        comment: change.comment.map(Into::into),
        text: change.text.map(Into::into),
    }
}

fn condition(condition: &Condition, unit: &str) -> String {
    let with = |number: f64| match unit {
        "" => number.to_string(),
        unit => format!("{number} {unit}"),
    };
    match condition {
        Condition::Above { limit, .. } => format!("above {}", with(*limit)),
        Condition::Below { limit, .. } => format!("below {}", with(*limit)),
        Condition::Outside { low, high, .. } => format!("outside {low} to {}", with(*high)),
        Condition::Equals(scalar) => format!("is {}", word(scalar)),
        Condition::NotEquals(scalar) => format!("is not {}", word(scalar)),
        Condition::Bad => "bad quality".to_owned(),
    }
}

fn word(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::I64(number) => number.to_string(),
        Scalar::U64(number) => number.to_string(),
        Scalar::F64(number) => number.to_string(),
        Scalar::Text(text) => format!("“{text}”"),
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
    }
}
