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
        (header::ETAG, asset.etag),
        (header::CACHE_CONTROL, asset.caching.header()),
        (header::CONTENT_TYPE, asset.content_type),
        (header::VARY, "accept-encoding"),
    ];
    if known.is_some_and(|known| known.contains(asset.etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    match asset.packed().filter(|_| reads_gzip(asked)) {
        Some(packed) => {
            (headers, [(header::CONTENT_ENCODING, "gzip")], Body::from(packed)).into_response()
        }
        None => (headers, Body::from(asset.plain())).into_response(),
    }
}

fn reads_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let mut codings = accepted.flat_map(|list| list.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn asked(accepted: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))])
    }

    #[test]
    fn gzip_is_for_those_who_read_it() {
        for accepted in ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "br,GZIP"] {
            assert!(reads_gzip(&asked(accepted)), "{accepted}");
        }
        for accepted in ["", "identity", "gzip;q=0", "br, x-gzip2", "gzip;q=0.000"] {
            assert!(!reads_gzip(&asked(accepted)), "{accepted}");
        }
        assert!(!reads_gzip(&HeaderMap::new()));
    }
}
