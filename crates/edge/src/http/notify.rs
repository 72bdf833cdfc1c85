//! Notifications over HTTP: who is told, what became of it, and tests.

use super::alarms::priority;
use super::extract::At;
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use tagwerk_api::{
    Notify, NotifyAnswer, NotifyChannel, NotifyFailure, NotifyLevel, NotifyRoute, NotifyState,
    NotifyTest, Time,
};
use tagwerk_notify::{ChannelView, RouteView, TestRefused};
use tagwerk_runtime::RecordKind;

pub async fn all(State(app): State<Shared>) -> Json<Notify> {
    Json(Notify {
        time_zone: app.notify.time_zone(),
        channels: app.notify.channels().into_iter().map(channel).collect(),
        routes: app.notify.routes().into_iter().map(route).collect(),
    })
}

pub async fn test(
    State(app): State<Shared>,
    caller: Caller,
    At(channel): At<String>,
) -> Result<Json<NotifyTest>, Refusal> {
    let told = app.notify.test(&channel, &caller.by()).await.map_err(|refused| match refused {
        TestRefused::Unknown => Refusal::not_found(
            format!("there is no channel {channel}"),
            "look at the list of channels; `notify.channels` of the configuration has them",
        ),
        TestRefused::Busy => Refusal::unavailable(refused.to_string(), "wait until one has ended"),
    })?;
    let answers: Vec<NotifyAnswer> = told
        .into_iter()
        .map(|told| {
            let (ok, answer) = match told.result {
                Ok(answer) => (true, answer),
                Err(fault) => (false, fault.to_string()),
            };
            NotifyAnswer { recipient: told.recipient.into(), ok, answer }
        })
        .collect();
    let ok = answers.iter().all(|answer| answer.ok);
    let outcome = if ok { "it arrived" } else { "it did not arrive everywhere" };
    let text = format!("sent a test by the channel {channel}; {outcome}");
    record(&app, RecordKind::System, &caller.by(), &text).await?;
    Ok(Json(NotifyTest { ok, answers }))
}

fn channel(view: ChannelView) -> NotifyChannel {
    let tally = view.tally;
    NotifyChannel {
        name: view.name.into(),
        kind: view.kind.to_owned(),
        description: view.description.map(Into::into),
        recipients: view.recipients.into_iter().map(Into::into).collect(),
        state: match (&view.failing, tally.last_success_unix_ns) {
            (Some(_), _) => NotifyState::Failing,
            (None, Some(_)) => NotifyState::Delivering,
            (None, None) => NotifyState::Unused,
        },
        last_success: tally.last_success_unix_ns.map(Time::from_unix_ns),
        last_failure: tally
            .last_failure
            .map(|(at, cause)| NotifyFailure { at: Time::from_unix_ns(at), cause: cause.into() }),
        failing_since: view.failing.map(|(since, _)| Time::from_unix_ns(since)),
        delivered: tally.delivered,
        refused: tally.refused,
        given_up: tally.given_up,
        waiting_messages: view.notices as u64,
        waiting_alarms: view.alarms as u64,
    }
}

fn route(view: RouteView) -> NotifyRoute {
    let millis = |ns: i64| u64::try_from(ns / 1_000_000).unwrap_or(0);
    let levels = view.levels.into_iter().map(|level| NotifyLevel {
        after_ms: millis(level.after_ns),
        to: level.to.into_iter().map(Into::into).collect(),
    });
    NotifyRoute {
        name: view.name.into(),
        description: view.description.map(Into::into),
        min_priority: priority(view.priority_min),
        levels: levels.collect(),
        repeat_ms: view.repeat_ns.map(millis),
        cleared: view.cleared,
        acknowledged: view.acknowledged,
        messages_per_hour_max: view.messages_per_hour_max,
        quiet_up_to: view.quiet.map(priority),
        open: view.open as u64,
        waiting: view.waiting as u64,
    }
}
