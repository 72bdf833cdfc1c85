//! Statements over history, answered while their rows are made.

use super::extract::Sent;
use super::refusal::Refusal;
use crate::app::Shared;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::time::Duration;
use tagwerk_api::{
    ErrorCode, SqlColumn, SqlFunction, SqlRequest, SqlTable, SqlTableColumn, SqlTableKind,
    SqlTables,
};
use tagwerk_model::limits;
use tagwerk_sql::{Encoder, Fault, Format, Limits, Query, SqlError, TableKind};

const ROWS: u64 = 1_000;
const TIME: Duration = Duration::from_secs(30);
const CSV: &str = "text/csv";
const ARROW: &str = "application/vnd.apache.arrow.stream";

pub async fn tables(State(app): State<Shared>) -> Result<Json<SqlTables>, Refusal> {
    let sql = app.sql.clone();
    let tables = tokio::task::spawn_blocking(move || sql.tables()).await;
    let tables = tables.map_err(|_| Refusal::internal("listing the tables failed"))?;
    let tables = tables.into_iter().map(|table| SqlTable {
        name: table.name,
        kind: match table.kind {
            TableKind::Samples => SqlTableKind::Samples,
            TableKind::Device => SqlTableKind::Device,
            TableKind::Template => SqlTableKind::Template,
            TableKind::Lookup => SqlTableKind::Lookup,
            TableKind::Record => SqlTableKind::Record,
        },
        description: table.description,
        columns: table
            .columns
            .into_iter()
            .map(|column| SqlTableColumn {
                name: column.name,
                data_type: column.data_type,
                description: column.description,
            })
            .collect(),
    });
    let functions = tagwerk_sql::statement_functions().iter().map(|function| SqlFunction {
        name: function.name.to_owned(),
        signature: function.signature.to_owned(),
        description: function.description.to_owned(),
        example: function.example.to_owned(),
    });
    let own = app.rules.checked_functions();
    let own = own.iter().map(|function| SqlFunction {
        name: function.name.to_string(),
        signature: crate::functions::call_of(function),
        description: function.description.as_deref().unwrap_or_default().to_owned(),
        example: String::new(),
    });
    let functions = functions.chain(own).collect();
    Ok(Json(SqlTables { tables: tables.collect(), functions }))
}

pub async fn sql(
    State(app): State<Shared>,
    headers: HeaderMap,
    Sent(asked): Sent<SqlRequest>,
) -> Result<Response, Refusal> {
    let begun = app.env.clock.now();
    let limits = bounds(&asked)?;
    let mut query = app.sql.query(&asked.query, limits).await?;
    let wanted = headers.get(header::ACCEPT).and_then(|kind| kind.to_str().ok());
    let (format, kind) = match wanted.unwrap_or_default() {
        kind if kind.starts_with(CSV) => (Format::Csv, "text/csv; charset=utf-8"),
        kind if kind.starts_with(ARROW) => (Format::Arrow, ARROW),
        _ => {
            let mut out = rows(&mut query, asked.text).await?;
            let elapsed = app.env.clock.now().since(begun).as_millis();
            let truncated = query.truncated();
            let tail = format!("],\"truncated\":{truncated},\"elapsed_ms\":{elapsed}}}");
            out.extend_from_slice(tail.as_bytes());
            return Ok(([(header::CONTENT_TYPE, "application/json")], out).into_response());
        }
    };
    let encoder = query.encoder(format)?;
    let running = Running { query, encoder: Some(encoder) };
    let parts = stream::unfold(running, |mut running| async move {
        let part = running.next().await?;
        Some((part, running))
    });
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rows\""),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// The answer up to its last row.
async fn rows(query: &mut Query, text: bool) -> Result<Vec<u8>, Refusal> {
    let columns = columns(query)?;
    let mut out = format!("{{\"columns\":{columns},\"rows\":[").into_bytes();
    let mut encoder = query.encoder(Format::JsonRows { text })?;
    while let Some(batch) = query.next().await {
        out.extend(encoder.batch(&batch?)?);
        if out.len() > limits::SQL_ANSWER_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(out)
}

/// An answer on its way. A fault after its beginning breaks the connection off, so that nobody takes
/// a part for the whole.
struct Running {
    query: Query,
    encoder: Option<Encoder>,
}

impl Running {
    async fn next(&mut self) -> Option<Result<Bytes, SqlError>> {
        let encoder = self.encoder.as_mut()?;
        match self.query.next().await {
            Some(Ok(batch)) => Some(encoder.batch(&batch).map(Bytes::from)),
            Some(Err(error)) => {
                self.encoder = None;
                Some(Err(error))
            }
            None => self.encoder.take().map(|encoder| encoder.end().map(Bytes::from)),
        }
    }
}

fn columns(query: &Query) -> Result<String, Refusal> {
    let columns: Vec<SqlColumn> = query
        .columns()
        .into_iter()
        .map(|column| SqlColumn {
            name: column.name,
            data_type: column.data_type,
            numeric: column.numeric,
            time: column.time,
        })
        .collect();
    serde_json::to_string(&columns).map_err(|error| Refusal::internal(error.to_string()))
}

fn bounds(asked: &SqlRequest) -> Result<Limits, Refusal> {
    let rows = asked.rows.unwrap_or(ROWS);
    if rows == 0 || rows > limits::SQL_ROWS_MAX as u64 {
        return Err(Refusal::invalid(
            format!("an answer has 1 to {} rows, not {rows}", limits::SQL_ROWS_MAX),
            "ask for less at once, such as less time, and for the rest then",
        ));
    }
    let time = asked.timeout_ms.map_or(TIME, Duration::from_millis);
    if time.is_zero() || time > limits::SQL_TIME_MAX {
        return Err(Refusal::invalid(
            format!("a statement may take 1 to {} ms", limits::SQL_TIME_MAX.as_millis()),
            "choose fewer tags or less time",
        ));
    }
    Ok(Limits { memory_max: limits::SQL_MEMORY_MAX, rows_max: rows as usize, time_max: time })
}

fn too_long() -> Refusal {
    Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Limit,
        format!("the answer is longer than its limit of {} bytes", limits::SQL_ANSWER_BYTES_MAX),
        "choose fewer columns or rows, or ask for text/csv, which has no such limit",
    )
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Refusal {
        let (status, code) = match error.fault {
            Fault::Statement => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Invalid),
            Fault::NotAllowed => (StatusCode::FORBIDDEN, ErrorCode::Forbidden),
            Fault::TooLarge | Fault::TimedOut => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Limit)
            }
            Fault::Busy => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
            Fault::Inside => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
        };
        Refusal::new(status, code, error.to_string(), error.remedy())
    }
}
