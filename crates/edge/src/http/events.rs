//! What happened, newest first.

use super::devices::window;
use super::extract::Asked;
use super::refusal::Refusal;
use crate::app::{App, Shared};
use crate::show;
use axum::Json;
use axum::extract::State;
use tagwerk_api::{self as api, EventParameters, Events, Time};
use tagwerk_runtime::{Event, EventQuery, RecordKind};

pub async fn events(
    State(app): State<Shared>,
    Asked(asked): Asked<EventParameters>,
) -> Result<Json<Events>, Refusal> {
    let (_, limit) = window(None, asked.limit)?;
    let kinds = kinds(asked.kind.as_deref().unwrap_or_default())?;
    let mut found: Vec<Event> = Vec::new();
    for kind in kinds {
        let query = EventQuery {
            kind,
            text: asked.text.clone().filter(|text| !text.is_empty()),
            before: asked.before,
            // One more tells whether there is a next page.
            limit: limit + 1,
        };
        found.extend(app.runtime.events(&query));
    }
    found.sort_by_key(|event| std::cmp::Reverse(event.seq));
    let next = (found.len() > limit).then(|| found[limit - 1].seq);
    found.truncate(limit);
    Ok(Json(Events { items: found.into_iter().map(|event| show(&app, event)).collect(), next }))
}

/// The kinds of record that a kind of event has; `None` is all of them.
fn kinds(name: &str) -> Result<Vec<Option<RecordKind>>, Refusal> {
    use RecordKind::*;
    let kinds: &[RecordKind] = match name {
        "" => return Ok(vec![None]),
        "login" => &[Login],
        "configuration" => &[Configuration],
        "access" => &[Access],
        "command" => &[CommandOutcome],
        "device" => &[Device],
        "sink" => &[Sink],
        "system" => &[System, Backup],
        "secret" => &[Secret],
        "certificate" => &[Certificate],
        other => {
            return Err(Refusal::invalid(
                format!("{other} is no kind of event"),
                "use login, configuration, access, command, device, sink, system, secret or \
                 certificate",
            ));
        }
    };
    Ok(kinds.iter().copied().map(Some).collect())
}

fn show(app: &App, event: Event) -> api::Event {
    api::Event {
        seq: event.seq,
        at: Time::from_unix_ns(event.unix_ns),
        kind: show::event_kind(event.kind),
        severity: show::event_severity(event.severity),
        by: event.by.map(Into::into),
        subject: event.subject.map(Into::into),
        text: app.secrets.redact(event.text.into()),
    }
}
