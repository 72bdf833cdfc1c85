//! The configuration's routes. What they do is the configuration's own.

use super::devices::window;
use super::extract::{Asked, At, Document, Sent};
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use crate::configuration::{ApplyRefused, Author, Base};
use crate::show;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tagwerk_api::{
    ApplyAnswer, ConfigText, DiffAnswer, ErrorCode, LintAnswer, Page, PageParameters, Revision,
    RevisionText, RollbackAnswer, RollbackRequest, Time,
};
use tagwerk_model::limits;

pub async fn running(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Refusal> {
    let Some(row) = app.configuration.active() else {
        return Err(Refusal::not_found(
            "no configuration was applied yet",
            "apply one: `tagwerk apply FILE`, or in the console",
        ));
    };
    let revision = row.revision;
    let text = app.configuration.stored(move |store| store.revision_text(revision)).await?;
    let text = text.ok_or_else(|| no_revision(revision))?;
    let etag = [(header::ETAG, format!("\"{revision}\""))];
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    if wants_json {
        let applied_at = Time::from_unix_ns(row.applied_unix_ns);
        return Ok(
            (etag, Json(ConfigText { revision, applied_at, by: row.by, text })).into_response()
        );
    }
    Ok((etag, [(header::CONTENT_TYPE, "text/yaml; charset=utf-8")], text).into_response())
}

pub async fn revisions(
    State(app): State<Shared>,
    Asked(asked): Asked<PageParameters>,
) -> Result<Json<Page<Revision>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let query = app.configuration.stored(move |store| store.revisions(offset, limit));
    let (rows, total) = query.await?;
    let active = app.configuration.active().map(|row| row.revision);
    let items = rows.into_iter().map(|row| show::revision(row, active)).collect();
    Ok(Json(Page::new(items, offset, total)))
}

pub async fn revision(
    State(app): State<Shared>,
    At(revision): At<u64>,
) -> Result<Json<RevisionText>, Refusal> {
    let query = app
        .configuration
        .stored(move |store| Ok((store.revision(revision)?, store.revision_text(revision)?)));
    let (Some(row), Some(text)) = query.await? else {
        return Err(no_revision(revision));
    };
    let active = app.configuration.active().map(|row| row.revision);
    Ok(Json(RevisionText { revision: show::revision(row, active), text }))
}

fn no_revision(revision: u64) -> Refusal {
    ApplyRefused::NoRevision(revision).into()
}

pub async fn lint(State(app): State<Shared>, Document(text): Document) -> Json<LintAnswer> {
    Json(app.configuration.lint(text).await)
}

pub async fn diff(
    State(app): State<Shared>,
    Document(text): Document,
) -> Result<Json<DiffAnswer>, Refusal> {
    Ok(Json(app.configuration.diff(text).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyParameters {
    comment: Option<String>,
}

pub async fn apply(
    State(app): State<Shared>,
    caller: Caller,
    Asked(asked): Asked<ApplyParameters>,
    headers: HeaderMap,
    Document(text): Document,
) -> Result<Json<ApplyAnswer>, Refusal> {
    let base = match headers.get(header::IF_MATCH) {
        None => Base::Unstated,
        Some(value) => {
            let number = value.to_str().ok().map(|text| text.trim().trim_matches('"'));
            Base::Revision(number.and_then(|text| text.parse().ok()).ok_or_else(|| {
                Refusal::invalid(
                    "If-Match names no revision",
                    "send the ETag of the configuration that yours is based on, such as \"7\"",
                )
            })?)
        }
    };
    let by = caller.by();
    let comment = comment(asked.comment.as_deref())?;
    Ok(Json(app.configuration.apply(text, base, Author { by: &by, comment }).await?))
}

pub async fn roll_back(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<RollbackRequest>,
) -> Result<Json<RollbackAnswer>, Refusal> {
    let by = caller.by();
    let comment = comment(sent.comment.as_deref())?;
    let answer = app.configuration.roll_back(sent.revision, Author { by: &by, comment }).await?;
    Ok(Json(RollbackAnswer { revision: answer.revision }))
}

fn comment(text: Option<&str>) -> Result<Option<&str>, Refusal> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.len() > limits::COMMENT_BYTES_MAX) {
        return Err(Refusal::invalid(
            format!("the comment is longer than {} bytes", limits::COMMENT_BYTES_MAX),
            "shorten it",
        ));
    }
    Ok(text)
}

impl From<ApplyRefused> for Refusal {
    fn from(refused: ApplyRefused) -> Refusal {
        let message = refused.to_string();
        match refused {
            ApplyRefused::Stale(_) => Refusal::new(
                StatusCode::PRECONDITION_FAILED,
                ErrorCode::Conflict,
                message,
                "compare yours with it, carry the other change over, and apply again",
            ),
            ApplyRefused::NoBase(row) => Refusal::new(
                StatusCode::PRECONDITION_REQUIRED,
                ErrorCode::Conflict,
                message,
                format!(
                    "send `If-Match: \"{}\"` to replace it, so that no one's change is lost",
                    row.revision
                ),
            ),
            ApplyRefused::Findings(findings) => Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::Invalid,
                format!("{message}; nothing was changed"),
                "correct the findings that are errors and apply again",
            )
            .with_findings(findings.into_iter().map(show::finding).collect()),
            ApplyRefused::NoRevision(_) => Refusal::not_found(message, "list the revisions first"),
            ApplyRefused::NotRunning(_) => Refusal::internal(message),
            ApplyRefused::Store(error) => error.into(),
        }
    }
}
