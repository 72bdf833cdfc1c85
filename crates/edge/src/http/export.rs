//! History as a file, made while it is sent, by a thread that yields to what collects samples.

use super::refusal::Refusal;
use crate::app::Shared;
use axum::body::{Body, Bytes};
use axum::extract::{Query, RawQuery, State};
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_api::Time;
use tagwerk_archive::{Format, Output, TagName};
use tagwerk_config::TagPattern;
use tagwerk_historian::Scan;
use tagwerk_model::{TagId, limits};
use tagwerk_sql::{Pieces, Source, TagEntry};
use tokio::sync::mpsc;

/// Bytes sent at once.
const PART_BYTES: usize = 64 * 1024;
/// Parts that wait for a client that is slow.
const PARTS_WAITING: usize = 4;

type Part = io::Result<Bytes>;

/// A `HEAD` is refused as a `GET` would be, and starts no work: a browser asks with it first.
pub async fn history(
    State(app): State<Shared>,
    method: Method,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let asked = Asked::parse(&query.unwrap_or_default(), app.env.clock.wall().unix_ns)?;
    let Ok(permit) = app.exports.clone().try_acquire_owned() else {
        return Err(Refusal::unavailable(
            format!("{} exports are at work already", limits::HISTORY_EXPORTS_MAX),
            "wait until one has ended",
        ));
    };
    let format = asked.format;
    let date = Time::from_unix_ns(asked.to).0;
    let date = date.split('T').next().unwrap_or_default();
    let name = format!("{}-history-{date}.{}", app.runtime.edge(), format.name());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let worker = app.clone();
    let tags = tokio::task::spawn_blocking(move || {
        let tags = chosen(&worker, &asked.tags)?;
        Ok::<_, Refusal>((tags, asked))
    });
    let (tags, asked) = tags.await.map_err(|_| Refusal::internal("choosing tags failed"))??;
    if method == Method::HEAD {
        return Ok(headers.into_response());
    }
    let (sender, receiver) = mpsc::channel::<Part>(PARTS_WAITING);
    let cancel = Arc::new(AtomicBool::new(false));
    let scan = Scan {
        tags: tags.iter().map(|(id, _)| *id).collect(),
        from_unix_ns: asked.from,
        to_unix_ns: asked.to,
        cancel: Some(cancel.clone()),
        ..Scan::default()
    };
    let tables = app.tables.clone();
    let started = std::thread::Builder::new().name("export".to_owned()).spawn(move || {
        tagwerk_env::yield_to_other_threads();
        let names = tags.into_iter().collect();
        if let Err(error) = write(format, tables.history(&scan), &names, &sender) {
            tracing::warn!(%error, "an export of history broke off");
            // The connection breaks off too, so that nobody takes a part for the whole.
            let _ = sender.blocking_send(Err(error));
        }
        drop(permit);
    });
    started.map_err(|_| Refusal::internal("the thread of the export cannot be started"))?;
    let sending = Sending { receiver, cancel };
    let parts = stream::unfold(sending, |mut sending| async move {
        sending.receiver.recv().await.map(|part| (part, sending))
    });
    Ok((headers, Body::from_stream(parts)).into_response())
}

struct Asked {
    format: Format,
    from: i64,
    to: i64,
    tags: Vec<String>,
}

impl Asked {
    fn parse(query: &str, now_unix_ns: i64) -> Result<Asked, Refusal> {
        let remedy = "see the API's description for the parameters";
        let uri: Uri = format!("/?{query}")
            .parse()
            .map_err(|_| Refusal::invalid("the query is not one of a URL", remedy))?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .map_err(|error| Refusal::invalid(error.body_text(), remedy))?;
        let mut asked =
            Asked { format: Format::Parquet, from: i64::MIN, to: now_unix_ns, tags: Vec::new() };
        for (name, value) in pairs {
            match name.as_str() {
                "format" => {
                    asked.format = Format::from_name(&value).ok_or_else(|| {
                        let text = format!("{value} is no format of an export of history");
                        Refusal::invalid(text, "use parquet or csv")
                    })?;
                }
                "from" => asked.from = super::devices::instant("from", &value)?,
                "to" => asked.to = super::devices::instant("to", &value)?,
                "tag" => asked.tags.push(value),
                other => {
                    let text = format!("`{other}` is no parameter of an export of history");
                    return Err(Refusal::invalid(text, remedy));
                }
            }
        }
        if asked.from > asked.to {
            return Err(Refusal::invalid("`from` is later than `to`", "exchange them"));
        }
        if asked.tags.len() > limits::HISTORY_EXPORT_TAGS_MAX {
            let max = limits::HISTORY_EXPORT_TAGS_MAX;
            let text = format!("an export names {max} tags or patterns at most");
            return Err(Refusal::invalid(text, "use patterns, or make several files"));
        }
        Ok(asked)
    }
}

/// The tags in the order of the file.
fn chosen(app: &Shared, asked: &[String]) -> Result<Vec<(TagId, TagName)>, Refusal> {
    let table = app.tables.tags();
    let named =
        |tag: &TagEntry| (tag.id, TagName { device: tag.device.clone(), name: tag.name.clone() });
    if asked.is_empty() {
        return Ok(table.tags().iter().map(named).collect());
    }
    let groups: HashMap<TagId, Arc<str>> =
        app.historian.tags().into_iter().map(|tag| (tag.id, tag.group)).collect();
    let patterns: Vec<Option<TagPattern>> =
        asked.iter().map(|text| TagPattern::parse(text)).collect();
    let mut used = vec![false; asked.len()];
    let mut chosen = Vec::new();
    for tag in table.tags() {
        let group = groups.get(&tag.id).map(|group| &**group).unwrap_or_default();
        let mut takes = false;
        for ((text, pattern), used) in asked.iter().zip(&patterns).zip(&mut used) {
            let matches = match pattern {
                Some(pattern) => pattern.matches(&tag.device, group, &tag.name),
                None => is_named(text, tag),
            };
            *used |= matches;
            takes |= matches;
        }
        if takes {
            chosen.push(named(tag));
        }
    }
    match used.iter().position(|used| !used) {
        None => Ok(chosen),
        Some(unused) => Err(Refusal::invalid(
            format!("`{}` matches no tag", asked[unused]),
            "write `device.tag`, or a pattern such as `device/*`",
        )),
    }
}

/// Whether it is `device.tag`; both may hold dots.
fn is_named(text: &str, tag: &TagEntry) -> bool {
    let rest = text.strip_prefix(&*tag.device).and_then(|rest| rest.strip_prefix('.'));
    rest == Some(&*tag.name)
}

fn write(
    format: Format,
    pieces: Pieces,
    names: &HashMap<TagId, TagName>,
    sender: &mpsc::Sender<Part>,
) -> io::Result<()> {
    let mut output = Output::new(format, Parts { sender, buffer: Vec::new() })?;
    for piece in pieces {
        let piece = piece.map_err(io::Error::other)?;
        if let Some(name) = names.get(&piece.tag) {
            output.push(name, &piece)?;
        }
    }
    output.end().map(drop)
}

/// Gathers what is written into parts; waits while the client is slow.
struct Parts<'a> {
    sender: &'a mpsc::Sender<Part>,
    buffer: Vec<u8>,
}

impl Parts<'_> {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender.blocking_send(Ok(part)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Stops the reading when the client goes.
struct Sending {
    receiver: mpsc::Receiver<Part>,
    cancel: Arc<AtomicBool>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}
