//! Lookup tables over HTTP: how reading them fares, their rows, and reading one now.

use super::devices::window;
use super::extract::{Asked, At};
use super::refusal::Refusal;
use crate::app::{App, Shared};
use axum::Json;
use axum::extract::State;
use tagwerk_api::{
    Anything, LookupTable, LookupTableDetail, Page, PageParameters, TableColumn, TableError,
    TableRow, TableSource, TableState, Time,
};
use tagwerk_config::TableSource as Source;
use tagwerk_model::{ColumnType, DataType, Table, Value, format_unix_ns_exact};
use tagwerk_tables::TableView;

pub async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<PageParameters>,
) -> Result<Json<Page<LookupTable>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let views = app.lookups.shelf().list();
    let total = views.len();
    let items = views.into_iter().skip(offset).take(limit).map(|view| show(&app, &view));
    Ok(Json(Page::new(items.collect(), offset, total)))
}

pub async fn one(
    State(app): State<Shared>,
    At(name): At<String>,
    Asked(asked): Asked<PageParameters>,
) -> Result<Json<LookupTableDetail>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let view = app.lookups.shelf().one(&name).ok_or_else(|| missing(&name))?;
    let page = match &view.current {
        None => Page::new(Vec::new(), offset, 0),
        Some(current) => {
            let total = current.table.rows();
            let rows = (offset..total).take(limit).map(|at| row(&current.table, at));
            Page::new(rows.collect(), offset, total)
        }
    };
    Ok(Json(LookupTableDetail { table: show(&app, &view), page }))
}

pub async fn refresh(
    State(app): State<Shared>,
    At(name): At<String>,
) -> Result<Json<LookupTable>, Refusal> {
    let view = app.lookups.shelf().one(&name).ok_or_else(|| missing(&name))?;
    if matches!(view.checked.source, Source::Rows(_)) {
        let problem = format!("the rows of {name} stand in the configuration");
        return Err(Refusal::invalid(problem, "change them there"));
    }
    let view = app.lookups.shelf().read_now(&name).await.ok_or_else(|| missing(&name))?;
    Ok(Json(show(&app, &view)))
}

fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("there is no lookup table {name}"), "list the tables first")
}

fn row(table: &Table, at: usize) -> TableRow {
    let columns = table.columns().iter();
    let cells = columns.map(|column| {
        let of = column.values.column_type();
        let value = column.values.value(at).map(|value| match (of, value) {
            (ColumnType::Time, Value::I64(ns)) => Value::Text(format_unix_ns_exact(ns).into()),
            (_, value) => value,
        });
        Anything::of(value.as_ref(), data_type(of))
    });
    TableRow { values: cells.collect() }
}

/// As which values are shown.
fn data_type(of: ColumnType) -> DataType {
    match of {
        ColumnType::Bool => DataType::Bool,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Uint64 => DataType::Uint64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Text | ColumnType::Time => DataType::Text,
        ColumnType::Bytes => DataType::Bytes,
    }
}

fn source(source: &Source) -> (TableSource, Option<String>) {
    match source {
        Source::Rows(_) => (TableSource::Rows, None),
        Source::Csv { path, .. } => (TableSource::Csv, Some(path.to_string())),
        Source::Sqlite { path, .. } => (TableSource::Sqlite, Some(path.to_string())),
        Source::Postgres { host, port, database, .. } => {
            (TableSource::Postgres, Some(format!("{host}:{port}/{database}")))
        }
        Source::Http { url, .. } => (TableSource::Http, Some(url.to_string())),
    }
}

fn show(app: &App, view: &TableView) -> LookupTable {
    let checked = &view.checked;
    let (source, place) = source(&checked.source);
    let current = view.current.as_ref();
    let known = app.rules.known();
    let reads = |program: &tagwerk_rules::Program| {
        program.lookups.iter().any(|lookup| *lookup.name == *checked.name)
    };
    let rules = known.iter().filter(|(_, rule)| rule.program.as_ref().is_ok_and(|p| reads(p)));
    let shape = current.into_iter().flat_map(|current| current.table.shape());
    LookupTable {
        name: checked.name.to_string(),
        text: checked.text.as_deref().map(str::to_owned),
        source,
        place,
        state: match (&view.current, &view.failing) {
            (Some(_), None) => TableState::Good,
            (Some(_), Some(_)) => TableState::Stale,
            (None, None) => TableState::Waiting,
            (None, Some(_)) => TableState::Failed,
        },
        reading: view.reading,
        columns: shape
            .map(|(name, of)| TableColumn {
                name: name.to_owned(),
                data_type: of.name().to_owned(),
            })
            .collect(),
        rows: current.map_or(0, |current| current.table.rows() as u64),
        bytes: current.map_or(0, |current| current.bytes as u64),
        version: current.map(|current| current.version.to_string()),
        read_at: current.map(|current| Time::from_unix_ns(current.read_unix_ns)),
        next: view.next_unix_ns.map(Time::from_unix_ns),
        error: view.failing.as_ref().map(|failing| TableError {
            since: Time::from_unix_ns(failing.since_unix_ns),
            problem: app.secrets.redact(failing.fault.problem.clone()),
            remedy: failing.fault.remedy.clone(),
        }),
        rules: rules.map(|(name, _)| name.to_string()).collect(),
    }
}
