//! What handlers take from a request. Each refuses in the contract's form.

use super::gate::BodyLimit;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_api::ErrorCode;
use tagwerk_env::DiskFile;

/// How long a small body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a configuration may take: 64 MiB over a slow line.
const CONFIG_TIME_MAX: Duration = Duration::from_secs(300);

/// The caller; only where the route demands a role.
impl FromRequestParts<Shared> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Caller, Refusal> {
        parts.extensions.get().cloned().ok_or_else(|| Refusal::unauthenticated("nobody logged in"))
    }
}

/// Where the connection comes from.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Peer {
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

impl FromRequestParts<Shared> for Peer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Peer, Refusal> {
        parts.extensions.get().copied().ok_or_else(|| Refusal::internal("the peer is not known"))
    }
}

/// Parameters in the path.
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for At<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<At<T>, Refusal> {
        match Path::<T>::from_request_parts(parts, app).await {
            Ok(Path(value)) => Ok(At(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Refusal::invalid(error.body_text(), "correct the address"))
            }
            Err(error) => Err(Refusal::internal(error.body_text())),
        }
    }
}

/// Parameters of the query.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Asked<T>, Refusal> {
        Query::<T>::from_request_parts(parts, app).await.map(|Query(value)| Asked(value)).map_err(
            |error: QueryRejection| {
                Refusal::invalid(error.body_text(), "see the API's description for the parameters")
            },
        )
    }
}

/// A JSON body.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Sent<T>, Refusal> {
        // A form of a foreign page can send text/plain, and no more; this is the second bolt on
        // that door.
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json")) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::Invalid,
                "the body is not declared as JSON",
                "send the header `Content-Type: application/json`",
            ));
        }
        let bytes = read_body(request, app).await?;
        serde_json::from_slice(&bytes).map(Sent).map_err(|error| {
            Refusal::invalid(
                format!("the body is not what this route takes: {}", without_value(&error)),
                "see the API's description for its fields",
            )
        })
    }
}

/// What is wrong with a body, without the value that is: it may be a password in the wrong place.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let of_value = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let Some((found, expected)) = text.split_once(", expected ") else { return text };
    match of_value.iter().any(|kind| found.starts_with(kind)) {
        true => {
            let kind = found.split(['`', '"']).next().unwrap_or_default();
            format!("{}, expected {expected}", kind.trim_end())
        }
        false => text,
    }
}

/// A configuration document.
pub struct Document(pub String);

impl FromRequest<Shared> for Document {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Document, Refusal> {
        let bytes = read_body(request, app).await?;
        String::from_utf8(Vec::from(bytes)).map(Document).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Refusal::invalid(
                format!("the document is not UTF-8: byte {at} does not fit"),
                "save the document as UTF-8",
            )
        })
    }
}

/// A file of any kind.
pub struct Bytes(pub axum::body::Bytes);

impl FromRequest<Shared> for Bytes {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Bytes, Refusal> {
        read_body(request, app).await.map(Bytes)
    }
}

/// Writes a body that may be large into an empty file.
pub async fn receive(
    request: Request,
    app: &Shared,
    file: Arc<dyn DiskFile>,
) -> Result<(), Refusal> {
    let what = format!("{} {}", request.method(), request.uri().path());
    let limit = request.extensions().get::<BodyLimit>().map_or(0, |limit| limit.0);
    let clock = &app.env.clock;
    let deadline = clock.now().after(CONFIG_TIME_MAX);
    let mut body: Body = request.into_body();
    let mut length = 0u64;
    loop {
        let frame = tagwerk_env::timeout(&**clock, deadline, body.frame()).await;
        let Some(frame) = frame else { return Err(too_slow(&what, CONFIG_TIME_MAX)) };
        let Some(frame) = frame else { return Ok(()) };
        let bytes = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Err(broke_off(&what, &error)),
        };
        let offset = length;
        length += bytes.len() as u64;
        if length > limit as u64 {
            return Err(Refusal::too_large(&what, limit));
        }
        let file = file.clone();
        let written = tokio::task::spawn_blocking(move || file.write_all_at(&bytes, offset));
        let written = written.await.map_err(std::io::Error::other).flatten();
        written.map_err(|error| {
            Refusal::unavailable(
                format!("the body of {what} could not be kept: {error}"),
                "see that the data directory has space",
            )
        })?;
    }
}

fn too_slow(what: &str, time: Duration) -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Limit,
        format!("the body of {what} did not arrive within {} s", time.as_secs()),
        "send it faster",
    )
}

fn broke_off(what: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::invalid(format!("the body of {what} broke off: {error}"), "send it again")
}

async fn read_body(request: Request, app: &Shared) -> Result<axum::body::Bytes, Refusal> {
    let what = format!("{} {}", request.method(), request.uri().path());
    let limit = request.extensions().get::<BodyLimit>().map_or(0, |limit| limit.0);
    let time =
        if limit > tagwerk_model::limits::BODY_BYTES_MAX { CONFIG_TIME_MAX } else { BODY_TIME_MAX };
    let deadline = app.env.clock.now().after(time);
    let body: Limited<Body> = Limited::new(request.into_body(), limit);
    match tagwerk_env::timeout(&*app.env.clock, deadline, body.collect()).await {
        None => Err(too_slow(&what, time)),
        Some(Ok(collected)) => Ok(collected.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::too_large(&what, limit)),
        Some(Err(error)) => Err(broke_off(&what, &error)),
    }
}
