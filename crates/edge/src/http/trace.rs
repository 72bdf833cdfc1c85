//! The communication log of a device's link.

use super::devices::{no_device, window};
use super::extract::{Asked, At, Sent};
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use axum::Json;
use axum::extract::State;
use tagwerk_api::{Direction, Frame, Time, TraceAnswer, TraceParameters, TraceSwitch};
use tagwerk_component as component;
use tagwerk_model::limits;
use tagwerk_runtime::RecordKind;

pub async fn trace(
    State(app): State<Shared>,
    At(device): At<String>,
    Asked(asked): Asked<TraceParameters>,
) -> Result<Json<TraceAnswer>, Refusal> {
    let (_, limit) = window(None, asked.limit)?;
    Ok(Json(answer(&app, &device, asked.after.unwrap_or(0), limit)?))
}

pub async fn switch(
    State(app): State<Shared>,
    caller: Caller,
    At(device): At<String>,
    Sent(sent): Sent<TraceSwitch>,
) -> Result<Json<TraceAnswer>, Refusal> {
    let link = app.runtime.device(&device).ok_or_else(|| no_device(&device))?.link;
    let was_on = app.runtime.trace(&device, u64::MAX).is_some_and(|trace| trace.on);
    if !app.runtime.switch_trace(&device, sent.on) {
        return Err(no_device(&device));
    }
    {
        let mut ends = app.trace_ends.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let now = app.env.clock.wall().unix_ns;
        ends.retain(|_, end| *end > now);
        match sent.on {
            // Switching on again does not put off the end of the first time.
            true if was_on && ends.contains_key(&*link) => {}
            true => {
                let end = now.saturating_add(limits::TRACE_TIME_MAX.as_nanos() as i64);
                ends.insert(link.to_string(), end);
            }
            false => drop(ends.remove(&*link)),
        }
    }
    let word = if sent.on { "on" } else { "off" };
    let text = format!("turned the communication log of {device} {word}");
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(Json(answer(&app, &device, u64::MAX, 1)?))
}

fn answer(app: &App, device: &str, after: u64, limit: usize) -> Result<TraceAnswer, Refusal> {
    let link = app.runtime.device(device).ok_or_else(|| no_device(device))?.link;
    let view = app.runtime.trace(device, after).ok_or_else(|| no_device(device))?;
    let ends = app.trace_ends.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let until = ends.get(&*link).copied().filter(|_| view.on);
    drop(ends);
    let more = view.frames.get(limit).map(|(_, frame)| frame.number);
    Ok(TraceAnswer {
        on: view.on,
        until: until.map(Time::from_unix_ns),
        frames: view.frames.into_iter().take(limit).map(|(at, f)| frame(app, at, f)).collect(),
        first: view.oldest,
        next: more.unwrap_or(view.next),
    })
}

pub fn frame(app: &App, unix_ns: i64, frame: component::Frame) -> Frame {
    let bytes = app.secrets.blot(&frame.bytes);
    let mut hex = String::with_capacity(bytes.len() * 3);
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 {
            hex.push(' ');
        }
        match byte {
            Some(byte) => hex.push_str(&format!("{byte:02x}")),
            None => hex.push_str("••"),
        }
    }
    Frame {
        number: frame.number,
        at: Time::from_unix_ns(unix_ns),
        direction: match frame.direction {
            component::Direction::Sent => Direction::Sent,
            component::Direction::Received => Direction::Received,
            component::Direction::Note => Direction::Note,
        },
        hex,
        bytes: frame.length as u64,
        meaning: app.secrets.redact(frame.meaning.into()),
        device: frame.device.map(|device| device.to_string()),
    }
}
