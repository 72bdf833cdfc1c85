//! Dead letters over HTTP: list, retry, discard, export.

use super::devices::window;
use super::extract::{Asked, Sent};
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use tagwerk_api::{
    DeadLetter, DeadLetterAnswer, DeadLetterChoice, DeadLetterExport, DeadLetterParameters, Page,
    Time,
};
use tagwerk_model::SampleBatch;
use tagwerk_runtime::{self as runtime, RecordKind};

pub async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<DeadLetterParameters>,
) -> Result<Json<Page<DeadLetter>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let letters = app.runtime.dead_letters(asked.sink.as_deref());
    let total = letters.len();
    let shown = letters.into_iter().skip(offset).take(limit).map(|letter| show(&app, letter));
    Ok(Json(Page::new(shown.collect(), offset, total)))
}

pub async fn retry(
    State(app): State<Shared>,
    caller: Caller,
    Sent(choice): Sent<DeadLetterChoice>,
) -> Result<Json<DeadLetterAnswer>, Refusal> {
    let ids = ids(&app, &choice)?;
    let letters = app.runtime.retry_dead_letters(&choice.sink, ids.as_deref());
    let text = format!("{letters} dead letters of {} are to be delivered once more", choice.sink);
    record(&app, RecordKind::Sink, &caller.by(), &text).await?;
    Ok(Json(DeadLetterAnswer { letters }))
}

pub async fn discard(
    State(app): State<Shared>,
    caller: Caller,
    Sent(choice): Sent<DeadLetterChoice>,
) -> Result<Json<DeadLetterAnswer>, Refusal> {
    let ids = ids(&app, &choice)?;
    let (letters, samples) = app.runtime.discard_dead_letters(&choice.sink, ids.as_deref());
    let text = format!("{letters} dead letters of {} with {samples} samples given up", choice.sink);
    record(&app, RecordKind::Sink, &caller.by(), &text).await?;
    Ok(Json(DeadLetterAnswer { letters }))
}

/// The samples as one JSON object per line, letter by letter.
pub async fn export(
    State(app): State<Shared>,
    Asked(asked): Asked<DeadLetterExport>,
) -> Result<Response, Refusal> {
    let letters = app.runtime.dead_letters(asked.sink.as_deref());
    let parts = stream::unfold((app, letters.into_iter().rev()), |(app, mut left)| async move {
        let letter = left.next()?;
        let (reader, asked) = (app.clone(), letter.clone());
        let batch = tokio::task::spawn_blocking(move || reader.runtime.samples_of(&asked)).await;
        let lines = batch.ok().flatten().map(|batch| lines(&letter, &batch)).unwrap_or_default();
        Some((Ok::<_, Infallible>(Bytes::from(lines)), (app, left)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"dead-letters.ndjson\""),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

fn lines(letter: &runtime::DeadLetter, batch: &SampleBatch) -> Vec<u8> {
    let mut out = Vec::new();
    for sample in batch.samples() {
        let Some(tag) = batch.set.tags().get(sample.index) else { continue };
        let head = serde_json::json!({
            "sink": &*letter.sink,
            "reason": letter.reason,
            "time": Time::from_unix_ns(sample.source_time.unwrap_or(batch.unix_ns)),
            "device": batch.set.device(),
            "group": batch.set.group(),
            "tag": &*tag.name,
            "quality": sample.quality.name(),
        });
        let head = head.to_string();
        out.extend_from_slice(head.trim_end_matches('}').as_bytes());
        out.extend_from_slice(b",\"value\":");
        match sample.value {
            // Exact: a 64-bit integer keeps all its digits.
            Some(value) => value.write_json(tag.data_type, &mut out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}\n");
    }
    out
}

/// The numbers that were chosen; none: all of the sink.
fn ids(app: &App, choice: &DeadLetterChoice) -> Result<Option<Vec<u64>>, Refusal> {
    if !app.runtime.sink_tags().iter().any(|(name, _)| **name == *choice.sink) {
        let remedy = "look at the list of sinks";
        return Err(Refusal::not_found(format!("there is no sink {}", choice.sink), remedy));
    }
    let Some(ids) = &choice.ids else { return Ok(None) };
    let number = |id: &String| {
        id.parse().map_err(|_| {
            Refusal::invalid(format!("`{id}` is no dead letter"), "take the `id`s of the list")
        })
    };
    ids.iter().map(number).collect::<Result<_, _>>().map(Some)
}

fn show(app: &App, letter: runtime::DeadLetter) -> DeadLetter {
    DeadLetter {
        retriable: app.runtime.holds(&letter),
        id: letter.id.to_string(),
        sink: letter.sink.to_string(),
        time: Time::from_unix_ns(letter.unix_ns),
        reason: app.secrets.redact(letter.reason),
        device: letter.device.to_string(),
        group: letter.group.to_string(),
        samples: letter.samples,
        tries: u64::from(letter.tries),
    }
}
