//! The secrets' routes. Values go in; only names come out.

use super::extract::{At, Sent};
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use crate::secrets::{SecretEntry, SecretRefused};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use tagwerk_api::{ErrorCode, List, NewSecret, Secret, Time};
use tagwerk_runtime::RecordKind;

pub async fn secrets(State(app): State<Shared>) -> Json<List<Secret>> {
    Json(List { items: app.secrets.list().into_iter().map(|entry| show(&app, entry)).collect() })
}

pub async fn set(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
    Sent(sent): Sent<NewSecret>,
) -> Result<Json<Secret>, Refusal> {
    let (store, by) = (Arc::clone(&app.secrets), caller.by());
    let entry = blocking(move || store.set(&name, &sent.value, &by)).await?;
    let text = format!("set the secret {}", entry.name);
    let recorded = record(&app, RecordKind::Secret, &caller.by(), &text).await;
    // Also when its record could not be written: the secret is set.
    app.configuration.secret_changed(&entry.name).await;
    recorded?;
    Ok(Json(show(&app, entry)))
}

pub async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
) -> Result<StatusCode, Refusal> {
    let uses = app.configuration.secret_uses(&name);
    if !uses.is_empty() {
        return Err(Refusal::conflict(
            format!("the secret {name} is used by {}", uses.join(", ")),
            "take it out of the configuration first",
        ));
    }
    let (store, gone) = (Arc::clone(&app.secrets), name.clone());
    blocking(move || store.remove(&gone)).await?;
    record(&app, RecordKind::Secret, &caller.by(), &format!("removed the secret {name}")).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SecretRefused> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.expect("the secrets' methods do not panic")?)
}

fn show(app: &App, entry: SecretEntry) -> Secret {
    Secret {
        used_by: app.configuration.secret_uses(&entry.name),
        name: entry.name,
        changed_at: Time::from_unix_ns(entry.changed_unix_ns),
        changed_by: entry.changed_by,
    }
}

impl From<SecretRefused> for Refusal {
    fn from(refused: SecretRefused) -> Refusal {
        match refused {
            SecretRefused::Choice(text) => Refusal::invalid(text, "choose another"),
            SecretRefused::Limit(text) => {
                Refusal::new(StatusCode::CONFLICT, ErrorCode::Limit, text, "remove an unused one")
            }
            SecretRefused::NotFound(text) => Refusal::not_found(text, "list them first"),
            SecretRefused::Key(_) => Refusal::unavailable(
                refused.to_string(),
                "see that the data directory can be written and has space",
            ),
            SecretRefused::Store(error) => error.into(),
        }
    }
}
