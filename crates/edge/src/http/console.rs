//! The console's files, and its page for every other path, so that it can route by itself.

use super::refusal::Refusal;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tagwerk_console_assets::{Asset, asset, page as console_page};

/// Paths of programs, where a page would only confuse.
const FOR_PROGRAMS: [&str; 3] = ["/api", "/health", "/metrics"];

pub async fn page(request: Request) -> Response {
    let path = request.uri().path();
    let for_programs = FOR_PROGRAMS.iter().any(|prefix| {
        path.strip_prefix(prefix).is_some_and(|r| r.is_empty() || r.starts_with('/'))
    });
    if for_programs || path.starts_with("/assets/") && asset(path).is_none() {
        return Refusal::not_found(
            format!("there is nothing at {path}"),
            "see /api/v1/openapi.json for what there is",
        )
        .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return super::wrong_method(request.uri().clone()).await;
    }
    answer(asset(path).unwrap_or_else(console_page), request.headers())
}

fn answer(asset: Asset, asked: &HeaderMap) -> Response {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let headers = [
        (header::ETAG, asset.etag.clone()),
        (header::CACHE_CONTROL, asset.caching.header().to_owned()),
        (header::CONTENT_TYPE, asset.content_type.to_owned()),
    ];
    if known.is_some_and(|known| known.contains(&asset.etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let body = match asset.bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    };
    (headers, body).into_response()
}
