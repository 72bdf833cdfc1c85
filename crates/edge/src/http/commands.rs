//! Writes to devices.

use super::devices::window;
use super::extract::{Asked, At, Sent};
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use crate::show;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;
use tagwerk_api::{Command, NewCommand, Page, PageParameters};
use tagwerk_model::limits;
use tagwerk_runtime::view::{CommandRefused, CommandRequest};

pub async fn commands(
    State(app): State<Shared>,
    Asked(asked): Asked<PageParameters>,
) -> Result<Json<Page<Command>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let (commands, total) = app.runtime.commands(offset, limit);
    Ok(Json(Page::new(commands.into_iter().map(show::command).collect(), offset, total)))
}

pub async fn command(
    State(app): State<Shared>,
    At(id): At<String>,
) -> Result<Json<Command>, Refusal> {
    match app.runtime.command_by_id(&id) {
        Some(view) => Ok(Json(show::command(view))),
        None => Err(Refusal::not_found(
            format!("there is no command {id}"),
            format!("the last {} are remembered", limits::COMMANDS_REMEMBERED_MAX),
        )),
    }
}

pub async fn new_command(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<NewCommand>,
) -> Result<(StatusCode, Json<Command>), Refusal> {
    let value = serde_json::from_str(sent.value.text())
        .map_err(|error| CommandRefused::Value(format!("the value cannot be read: {error}")))?;
    let request = CommandRequest {
        id: sent.id,
        device: sent.device,
        tag: sent.tag,
        value,
        expires_in: sent.expires_in_ms.map(Duration::from_millis),
        by: caller.by(),
    };
    let taken = app.runtime.command(request).await?;
    // No command lives longer than its expiry, plus what its device needs to answer.
    let patience = sent.wait_ms.map_or(limits::COMMAND_EXPIRY_MAX * 2, Duration::from_millis);
    let deadline = app.env.clock.now().after(patience);
    let ended = app.runtime.command_ended(&taken.id);
    let outcome = tagwerk_env::timeout(&*app.env.clock, deadline, ended).await.flatten();
    let view = outcome.or_else(|| app.runtime.command_by_id(&taken.id)).unwrap_or(taken);
    let status = if view.state.ended() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(show::command(view))))
}
