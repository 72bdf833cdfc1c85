//! Import and export of tags as tables. An import only shows what it would make; applying that is the
//! configuration's own route.

use super::extract::{Asked, Bytes};
use super::refusal::Refusal;
use crate::app::Shared;
use crate::registry::CATALOGUE;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tagwerk_api::{
    ExportParameters, ImportAnswer, ImportFinding, ImportParameters, NotTranslated, Time, Weight,
};
use tagwerk_bulk::{ExportRefused, Format, Import, Mode};

/// What is exported or merged into while nothing was applied yet.
const NOTHING: &str = "version: 1\nedge: { name: edge }\n";

pub async fn export(
    State(app): State<Shared>,
    Asked(asked): Asked<ExportParameters>,
) -> Result<Response, Refusal> {
    let (format, kind, ending) = match asked.format.as_deref().unwrap_or("csv") {
        "csv" => (Format::Csv, "text/csv; charset=utf-8", "csv"),
        "xlsx" => (
            Format::Xlsx,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
        ),
        other => {
            let text = format!("{other} is no format of an export");
            return Err(Refusal::invalid(text, "use csv or xlsx"));
        }
    };
    let names = asked.devices.as_deref().filter(|names| !names.is_empty());
    let names: Option<Vec<String>> =
        names.map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
    let empty = asked.empty.unwrap_or(false);
    let text = app.configuration.text().await?.unwrap_or_else(|| NOTHING.to_owned());
    let made = tokio::task::spawn_blocking(move || match empty {
        true => tagwerk_bulk::example(format),
        false => tagwerk_bulk::export(&text, format, names.as_deref()),
    });
    let bytes = made.await.map_err(|_| Refusal::internal("writing the table failed"))??;
    let date = Time::from_unix_ns(app.env.clock.wall().unix_ns).0;
    let date = date.split('T').next().unwrap_or_default();
    let name = match empty {
        true => format!("tags-example.{ending}"),
        false => format!("{}-tags-{date}.{ending}", app.runtime.edge()),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, bytes).into_response())
}

pub async fn import(
    State(app): State<Shared>,
    Asked(asked): Asked<ImportParameters>,
    Bytes(bytes): Bytes,
) -> Result<Json<ImportAnswer>, Refusal> {
    let format = match asked.format.as_deref().unwrap_or("auto") {
        "auto" => Format::Auto,
        "csv" => Format::Csv,
        "xlsx" => Format::Xlsx,
        "neuron" => Format::Neuron,
        "thingspro" => Format::ThingsPro,
        other => {
            let text = format!("{other} is no format of an import");
            return Err(Refusal::invalid(text, "use auto, csv, xlsx, neuron or thingspro"));
        }
    };
    let mode = match asked.mode.as_deref().unwrap_or("merge") {
        "merge" => Mode::Merge,
        "replace" => Mode::Replace,
        other => {
            let text = format!("{other} is no way to import");
            return Err(Refusal::invalid(text, "use merge or replace"));
        }
    };
    let text = app.configuration.text().await?.unwrap_or_else(|| NOTHING.to_owned());
    let made = tokio::task::spawn_blocking(move || {
        tagwerk_bulk::import(&bytes, format, &text, mode, &CATALOGUE)
    });
    let import = made.await.map_err(|_| Refusal::internal("reading the table failed"))?;
    let diff = match &import.document {
        Some(document) => Some(app.configuration.diff(document.clone()).await?),
        None => None,
    };
    Ok(Json(ImportAnswer { diff, ..show(import) }))
}

fn show(import: Import) -> ImportAnswer {
    let kind = serde_json::json!(import.kind);
    ImportAnswer {
        kind: kind.as_str().unwrap_or_default().to_owned(),
        devices: import.devices as u64,
        tags: import.tags as u64,
        rows: import.rows as u64,
        findings: import
            .findings
            .into_iter()
            .map(|found| ImportFinding {
                weight: match found.weight {
                    tagwerk_config::Weight::Error => Weight::Error,
                    tagwerk_config::Weight::Warning => Weight::Warning,
                },
                sheet: found.sheet,
                row: found.row.map(u64::from),
                column: found.column,
                value: found.value,
                problem: found.problem,
                remedy: found.remedy,
            })
            .collect(),
        findings_dropped: import.findings_dropped as u64,
        not_translated: import
            .not_translated
            .into_iter()
            .map(|part| NotTranslated { what: part.what, place: part.place, why: part.why })
            .collect(),
        assumed: import.assumed,
        document: import.document,
        diff: None,
    }
}

impl From<ExportRefused> for Refusal {
    fn from(refused: ExportRefused) -> Refusal {
        let text = refused.to_string();
        match refused {
            ExportRefused::NoDevice(_) => Refusal::not_found(text, "list the devices first"),
            ExportRefused::Document(_) => Refusal::unavailable(text, "apply one that can be read"),
            ExportRefused::Format(_) => {
                Refusal::invalid(text, "export fewer devices, or use the other format")
            }
        }
    }
}
