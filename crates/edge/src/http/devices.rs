//! Devices, tags, their past, and sinks.

use super::extract::{Asked, At};
use super::refusal::Refusal;
use crate::app::{App, Shared};
use crate::show;
use axum::Json;
use axum::extract::State;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_api::{
    Anything, Device, List, Page, Sample, Samples, SamplesParameters, SinkStatus, Tag,
    TagParameters, Time,
};
use tagwerk_historian::ReadError;
use tagwerk_model::limits;
use tagwerk_runtime::view::{DeviceView, QualityFilter, TagQuery};

/// Items of a page when the request names no number.
const PAGE_ITEMS: u64 = 100;
const POINTS: u64 = 500;
const HOUR_NS: i64 = 3_600_000_000_000;

pub async fn devices(State(app): State<Shared>) -> Json<List<Device>> {
    let views = app.runtime.devices();
    let mut links: HashMap<Arc<str>, usize> = HashMap::new();
    for view in &views {
        *links.entry(view.link.clone()).or_default() += 1;
    }
    let show = |view: DeviceView| {
        let count = links.get(&view.link).copied().unwrap_or(1);
        show_device(&app, view, count)
    };
    Json(List { items: views.into_iter().map(show).collect() })
}

/// Without secrets that a driver's words may contain.
fn show_device(app: &App, view: DeviceView, link_devices: usize) -> Device {
    let mut device = show::device(view, link_devices);
    device.reason = device.reason.map(|reason| app.secrets.redact(reason));
    device
}

pub async fn device(
    State(app): State<Shared>,
    At(name): At<String>,
) -> Result<Json<Device>, Refusal> {
    let view = app.runtime.device(&name).ok_or_else(|| no_device(&name))?;
    let count = app.runtime.devices().iter().filter(|other| other.link == view.link).count();
    Ok(Json(show_device(&app, view, count)))
}

pub async fn device_tags(
    State(app): State<Shared>,
    At(name): At<String>,
    Asked(asked): Asked<TagParameters>,
) -> Result<Json<Page<Tag>>, Refusal> {
    if app.runtime.device(&name).is_none() && app.runtime.output_set(&name).is_none() {
        return Err(no_device(&name));
    }
    list_tags(&app, Some(name), asked)
}

pub async fn tags(
    State(app): State<Shared>,
    Asked(asked): Asked<TagParameters>,
) -> Result<Json<Page<Tag>>, Refusal> {
    list_tags(&app, None, asked)
}

fn list_tags(
    app: &Shared,
    device: Option<String>,
    asked: TagParameters,
) -> Result<Json<Page<Tag>>, Refusal> {
    let quality = match asked.quality.as_deref() {
        None | Some("") => None,
        Some("good") => Some(QualityFilter::Good),
        Some("uncertain") => Some(QualityFilter::Uncertain),
        Some("bad") => Some(QualityFilter::Bad),
        Some("stale") => Some(QualityFilter::Stale),
        Some(other) => {
            return Err(Refusal::invalid(
                format!("{other} is no quality to filter by"),
                "use good, uncertain, bad or stale",
            ));
        }
    };
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let filter = asked.filter.filter(|text| !text.is_empty());
    let group = asked.group.filter(|text| !text.is_empty());
    let query = TagQuery { device, group, filter, quality, offset, limit };
    let page = app.runtime.tags(&query);
    let items = page.items.into_iter().map(show::tag).collect();
    Ok(Json(Page::new(items, offset, page.total)))
}

/// Offset and limit of a page.
pub fn window(offset: Option<u64>, limit: Option<u64>) -> Result<(usize, usize), Refusal> {
    let limit = limit.unwrap_or(PAGE_ITEMS);
    if limit == 0 || limit > limits::PAGE_ITEMS_MAX as u64 {
        return Err(Refusal::invalid(
            format!("a page has 1 to {} items, not {limit}", limits::PAGE_ITEMS_MAX),
            "ask for less, and for the next page with `offset`",
        ));
    }
    let offset = usize::try_from(offset.unwrap_or(0)).unwrap_or(usize::MAX);
    Ok((offset, limit as usize))
}

pub async fn tag(
    State(app): State<Shared>,
    At((device, tag)): At<(String, String)>,
) -> Result<Json<Tag>, Refusal> {
    let view = app.runtime.tag(&device, &tag).ok_or_else(|| no_tag(&device, &tag))?;
    Ok(Json(show::tag(view)))
}

pub async fn read_now(
    State(app): State<Shared>,
    At((device, tag)): At<(String, String)>,
) -> Result<Json<Tag>, Refusal> {
    if app.runtime.tag(&device, &tag).is_none() {
        return Err(no_tag(&device, &tag));
    }
    let view = app.runtime.read_now(&device, &tag).await.map_err(|reason| {
        Refusal::unavailable(
            format!("{device}/{tag} could not be read: {reason}"),
            "look at the device's state and try again",
        )
    })?;
    Ok(Json(show::tag(view)))
}

pub async fn samples(
    State(app): State<Shared>,
    At((device, tag)): At<(String, String)>,
    Asked(asked): Asked<SamplesParameters>,
) -> Result<Json<Samples>, Refusal> {
    let view = app.runtime.tag(&device, &tag).ok_or_else(|| no_tag(&device, &tag))?;
    let to = match asked.to.as_deref() {
        Some(text) => instant("to", text)?,
        None => app.env.clock.wall().unix_ns,
    };
    let from = match asked.from.as_deref() {
        Some(text) => instant("from", text)?,
        None => to.saturating_sub(HOUR_NS),
    };
    let points = asked.points.unwrap_or(POINTS);
    if points == 0 || points > limits::LOOK_BACK_POINTS_MAX as u64 {
        return Err(Refusal::invalid(
            format!("a look back has 1 to {} points, not {points}", limits::LOOK_BACK_POINTS_MAX),
            "ask for fewer points, or for a shorter time",
        ));
    }
    if from > to {
        return Err(Refusal::invalid("`from` is later than `to`", "exchange them"));
    }
    if let Some(why) = app.books.history_off() {
        return Err(Refusal::unavailable(why, "see the problems of the edge"));
    }
    let (historian, data_type) = (app.historian.clone(), view.data_type);
    let chart = tokio::task::spawn_blocking(move || {
        let chart = historian.chart(view.id, from, to, points as usize)?;
        Ok::<_, ReadError>((chart, historian.usage().oldest_unix_ns))
    });
    let chart = chart.await.map_err(|_| Refusal::internal("reading history failed"))?;
    let (chart, oldest) = chart.map_err(|error| {
        Refusal::unavailable(format!("history cannot be read: {error}"), "look at the disk")
    })?;
    Ok(Json(Samples {
        from: Time::from_unix_ns(from),
        to: Time::from_unix_ns(to),
        thinned: chart.thinned,
        rolled_up_to: chart.rolled_up_to.map(Time::from_unix_ns),
        complete_from: oldest.map(Time::from_unix_ns),
        samples: chart
            .points
            .into_iter()
            .map(|sample| Sample {
                time: Time::from_unix_ns(sample.unix_ns),
                value: Anything::of(sample.value.as_ref(), data_type),
                text: sample.value.as_ref().map(|value| value.as_ref().to_text(data_type)),
                quality: show::severity(sample.quality),
                code: sample.quality.0,
            })
            .collect(),
    }))
}

pub fn instant(name: &str, text: &str) -> Result<i64, Refusal> {
    crate::instant::parse_unix_ns(text).ok_or_else(|| {
        Refusal::invalid(
            format!("`{name}` is no instant: {text}"),
            "write it like 2026-11-21T04:05:06.789Z",
        )
    })
}

pub async fn sinks(State(app): State<Shared>) -> Json<List<SinkStatus>> {
    Json(List { items: app.sinks() })
}

pub fn no_device(name: &str) -> Refusal {
    Refusal::not_found(format!("there is no device {name}"), "list the devices first")
}

pub fn no_tag(device: &str, tag: &str) -> Refusal {
    Refusal::not_found(format!("there is no tag {device}/{tag}"), "list the device's tags first")
}
