//! What history and journal hold, and how long the space lasts.

use super::devices::window;
use super::extract::Asked;
use super::refusal::Refusal;
use super::status;
use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use tagwerk_api::{
    DiskStorage, HistoryStorage, Page, RollupStorage, Storage, TagStorage, TagStorageParameters,
    Time,
};
use tagwerk_historian::{TagInfo, TagUsage};
use tagwerk_journal::Stream;

const DAY_NS: f64 = 86_400e9;

pub async fn storage(State(app): State<Shared>) -> Result<Json<Storage>, Refusal> {
    let (historian, disk, data) = (app.historian.clone(), app.env.disk.clone(), app.data.clone());
    let read = tokio::task::spawn_blocking(move || {
        (historian.usage(), historian.stats(), disk.free_bytes(&data))
    });
    let (usage, state, free) =
        read.await.map_err(|_| Refusal::internal("reading the sizes failed"))?;
    let free_bytes = free.map_err(|error| {
        Refusal::unavailable(format!("free space cannot be read: {error}"), "look at the disk")
    })?;
    let span = usage.newest_unix_ns.zip(usage.oldest_unix_ns);
    let days = span.map(|(newest, oldest)| newest.saturating_sub(oldest) as f64 / DAY_NS);
    // An hour says little about a day.
    let bytes_per_day =
        days.filter(|days| *days > 1.0 / 24.0).map(|days| usage.bytes as f64 / days);
    let left = usage.bytes_max.saturating_sub(usage.bytes).min(free_bytes);
    let [minute_bytes, hour_bytes, day_bytes] = usage.rollup_bytes;
    let rolled = minute_bytes + hour_bytes + day_bytes;
    let stats = app.runtime.journal_stats();
    let end = stats.stream(Stream::Samples).end;
    let off = app.books.history_off();
    let waiting_samples = end.saturating_sub(state.position);
    Ok(Json(Storage {
        history: HistoryStorage {
            bytes: usage.bytes,
            samples: usage.samples,
            // While most samples are not in files yet, the files say little about a sample.
            bytes_per_sample: per_sample(usage.bytes.saturating_sub(rolled), usage.samples)
                .filter(|_| waiting_samples < usage.samples / 2),
            segments: usage.segments as u64,
            rollups: RollupStorage { minute_bytes, hour_bytes, day_bytes },
            limit_bytes: usage.bytes_max,
            oldest: usage.oldest_unix_ns.map(Time::from_unix_ns),
            newest: usage.newest_unix_ns.map(Time::from_unix_ns),
            bytes_per_day,
            days_left: bytes_per_day.filter(|b| *b > 0.0).map(|per_day| left as f64 / per_day),
            waiting_samples,
            errors: u64::from(state.failing || off.is_some()),
            last_error: off.or(state.last_error),
        },
        journal: status::journal(&app),
        disk: DiskStorage { free_bytes },
    }))
}

fn per_sample(bytes: u64, samples: u64) -> Option<f64> {
    (samples > 0).then(|| bytes as f64 / samples as f64)
}

pub async fn tags(
    State(app): State<Shared>,
    Asked(asked): Asked<TagStorageParameters>,
) -> Result<Json<Page<TagStorage>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let filter = asked.filter.unwrap_or_default().to_lowercase();
    let mut configured = HashSet::new();
    app.runtime.each_tag(&mut |_, _, tag| {
        configured.insert(tag.id);
    });
    let historian = app.historian.clone();
    let read = tokio::task::spawn_blocking(move || (historian.tags(), historian.usage_by_tag()));
    let (known, used) = read.await.map_err(|_| Refusal::internal("reading the sizes failed"))?;
    let used = used.map_err(|error| {
        Refusal::unavailable(format!("history cannot be read: {error}"), "look at the disk")
    })?;
    let used: HashMap<u32, TagUsage> = used.into_iter().map(|used| (used.tag, used)).collect();
    let mut tags: Vec<(TagInfo, TagUsage)> = known
        .into_iter()
        .filter(|tag| format!("{}/{}", tag.device, tag.name).to_lowercase().contains(&filter))
        .map(|tag| {
            let used = used.get(&tag.id.0).copied().unwrap_or_default();
            (tag, used)
        })
        .collect();
    tags.sort_by_key(|(tag, used)| (Reverse(used.bytes), tag.id));
    let total = tags.len();
    let items = tags.into_iter().skip(offset).take(limit).map(|(tag, used)| TagStorage {
        device: tag.device.to_string(),
        tag: tag.name.to_string(),
        data_type: tag.data_type.name().to_owned(),
        unit: Some(tag.unit.to_string()).filter(|unit| !unit.is_empty()),
        configured: configured.contains(&tag.id),
        samples: used.samples,
        bytes: used.bytes,
        bytes_per_sample: per_sample(used.bytes, used.samples),
        oldest: (used.samples > 0).then(|| Time::from_unix_ns(used.oldest_unix_ns)),
        newest: (used.samples > 0).then(|| Time::from_unix_ns(used.newest_unix_ns)),
    });
    Ok(Json(Page::new(items.collect(), offset, total)))
}
