//! The live stream: values as they change, and the status. Gathered and bounded: a subscriber that
//! reads slowly gets fewer, newer events, and never holds anything back.

use super::devices::{no_device, no_tag};
use super::extract::Asked;
use super::refusal::Refusal;
use super::status;
use crate::app::{Shared, ended};
use crate::show;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_api::{LiveParameters, LiveRead, LiveTags, Time};
use tagwerk_env::Moment;
use tagwerk_model::limits;
use tagwerk_runtime::{LiveFilter, LiveReceiver, LiveUpdate};
use tokio::sync::{OwnedSemaphorePermit, watch};

const STATUS_EVERY: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether a problem has started or ended.
const PROBLEMS_EVERY: Duration = Duration::from_millis(500);
/// Tags in one event. More: several events, so that no event holds megabytes.
const TAGS_PER_EVENT: usize = 1_000;

pub async fn events(
    State(app): State<Shared>,
    Asked(asked): Asked<LiveParameters>,
) -> Result<Response, Refusal> {
    let filter = filter(&app, asked)?;
    let permit = Arc::clone(&app.subscribers).try_acquire_owned().map_err(|_| {
        Refusal::unavailable(
            format!(
                "{} live subscribers are connected, which is the limit",
                limits::LIVE_SUBSCRIBERS_MAX
            ),
            "close a page of the console that you do not look at, and try again",
        )
    })?;
    let now = app.env.clock.now();
    let subscriber = Subscriber {
        values: filter.map(|filter| app.runtime.subscribe(filter)),
        ending: app.ending.clone(),
        problems: Vec::new(),
        status_at: now,
        problems_at: now,
        ping_at: now.after(PING_EVERY),
        waiting: Vec::new(),
        app,
        _permit: permit,
    };
    let events = stream::unfold(subscriber, |mut subscriber| async move {
        let event = subscriber.next().await?;
        Some((Ok::<Bytes, Infallible>(event), subscriber))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that gathers answers would turn live into late.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn filter(app: &Shared, asked: LiveParameters) -> Result<Option<LiveFilter>, Refusal> {
    match (asked.device, asked.tags) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(Refusal::invalid("`device` and `tags` came together", "ask for one of them"))
        }
        (Some(device), None) => {
            if app.runtime.device(&device).is_none() && app.runtime.output_set(&device).is_none() {
                return Err(no_device(&device));
            }
            Ok(Some(LiveFilter { device: Some(device), tags: Vec::new() }))
        }
        (None, Some(list)) => {
            let mut tags = Vec::new();
            for name in list.split(',').filter(|name| !name.is_empty()) {
                let Some((device, tag)) = name.split_once('/') else {
                    return Err(Refusal::invalid(
                        format!("{name} names no tag"),
                        "write each tag as device/tag",
                    ));
                };
                if app.runtime.tag(device, tag).is_none() {
                    return Err(no_tag(device, tag));
                }
                tags.push((device.to_owned(), tag.to_owned()));
            }
            if tags.is_empty() || tags.len() > limits::LIVE_TAGS_MAX {
                return Err(Refusal::invalid(
                    format!(
                        "a subscriber names 1 to {} tags, not {}",
                        limits::LIVE_TAGS_MAX,
                        tags.len()
                    ),
                    "ask for a device, or for fewer tags",
                ));
            }
            Ok(Some(LiveFilter { device: None, tags }))
        }
    }
}

struct Subscriber {
    app: Shared,
    values: Option<LiveReceiver>,
    ending: watch::Receiver<bool>,
    /// What was wrong when the last status was sent.
    problems: Vec<tagwerk_api::Problem>,
    status_at: Moment,
    problems_at: Moment,
    ping_at: Moment,
    /// Events that are ready, last first.
    waiting: Vec<Bytes>,
    _permit: OwnedSemaphorePermit,
}

impl Subscriber {
    /// The next event; `None` when the edge ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            let clock = Arc::clone(&self.app.env.clock);
            let wake = self.status_at.min(self.problems_at).min(self.ping_at);
            tokio::select! {
                biased;
                () = ended(&mut self.ending) => return None,
                () = clock.sleep_until(wake) => self.tick(clock.now()),
                update = next_values(&mut self.values) => self.waiting = value_events(update),
            }
        }
    }

    fn tick(&mut self, now: Moment) {
        if now >= self.ping_at {
            self.ping_at = now.after(PING_EVERY);
            self.waiting.push(event("ping", &serde_json::json!({})));
        }
        let mut due = now >= self.status_at;
        if now >= self.problems_at {
            self.problems_at = now.after(PROBLEMS_EVERY);
            due |= self.which_problems() != same_of(&self.problems);
        }
        if due {
            self.status_at = now.after(STATUS_EVERY);
            let status = status::current(&self.app);
            self.waiting.push(event("status", &status));
            self.problems = status.problems;
        }
    }

    fn which_problems(&self) -> Vec<(String, String)> {
        same_of(&self.app.problems())
    }
}

/// What makes a problem the same one, while its words may count down.
fn same_of(problems: &[tagwerk_api::Problem]) -> Vec<(String, String)> {
    problems.iter().map(|problem| (problem.subject.clone(), problem.since.0.clone())).collect()
}

async fn next_values(values: &mut Option<LiveReceiver>) -> LiveUpdate {
    match values {
        Some(values) => values.next().await,
        None => std::future::pending().await,
    }
}

/// The events of one update, last first.
fn value_events(update: LiveUpdate) -> Vec<Bytes> {
    let reads = update.reads.into_iter().map(|(device, group, unix_ns)| LiveRead {
        device: device.to_string(),
        group: group.to_string(),
        time: Time::from_unix_ns(unix_ns),
    });
    let mut tags = update.tags.into_iter().map(show::live_tag);
    let mut events = Vec::new();
    let mut reads: Vec<LiveRead> = reads.collect();
    loop {
        let part: Vec<_> = tags.by_ref().take(TAGS_PER_EVENT).collect();
        if part.is_empty() && !events.is_empty() {
            break;
        }
        events.push(event("tags", &LiveTags { tags: part, reads: std::mem::take(&mut reads) }));
    }
    events.reverse();
    events
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // JSON has no raw line breaks, which is what would break an event's data apart.
    serde_json::to_writer(&mut text, data).expect("the API's types can be written as JSON");
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}
