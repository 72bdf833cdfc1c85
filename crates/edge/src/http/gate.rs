//! What stands before every handler: who is it, may they, is it a page of ours that asks, and how
//! much may they send. Runs before a byte of the body is read.

use super::extract::Peer;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use std::time::Duration;
use tagwerk_api::{Access, Audit, Method, REQUEST_HEADER, Role, Route, SESSION_COOKIE};
use tagwerk_model::limits;

/// How long a handler may work.
const WORK_TIME_MAX: Duration = Duration::from_secs(60);
/// How long one may that reads a configuration of many megabytes.
const CONFIG_WORK_TIME_MAX: Duration = Duration::from_secs(600);
/// What is read and thrown away of a body that is too large, so that its sender gets to read the
/// answer instead of a broken connection; for callers who logged in only.
const THROWN_AWAY_MAX: u64 = 256 * 1024 * 1024;

/// The route's limit, for those who read the body.
#[derive(Clone, Copy)]
pub struct BodyLimit(pub usize);

/// The gate of one route.
#[derive(Clone)]
pub struct Gate {
    pub app: Shared,
    pub route: &'static Route,
}

pub async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Gate { app, route } = gate;
    let caller = match admit(&app, route, &request) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(length) = declared_length(request.headers())
        && length > route.body_bytes_max as u64
        && route.body_bytes_max > 0
    {
        let what = format!("{} {}", request.method(), request.uri().path());
        if caller.is_some() && length <= THROWN_AWAY_MAX {
            throw_away(&app, request).await;
        }
        return Refusal::too_large(&what, route.body_bytes_max).into_response();
    }
    request.extensions_mut().insert(BodyLimit(route.body_bytes_max));
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    work(&app, route, request, next).await
}

/// Decides whether the request may come in, and on whose behalf.
fn admit(app: &Shared, route: &Route, request: &Request) -> Result<Option<Caller>, Refusal> {
    let needed = match route.access {
        Access::Open => return Ok(None),
        Access::OpenOnLoopback(_) if is_local(request) => return Ok(None),
        Access::OpenOnLoopback(role) | Access::Role(role) => role,
    };
    let caller = identify(app, request.headers())?;
    if caller.role < role(needed) {
        return Err(Refusal::forbidden(
            format!(
                "{} {} needs the role {}; {} has the role {}",
                route.method.name(),
                request.uri().path(),
                role(needed),
                caller.name,
                caller.role
            ),
            "ask an administrator for the role",
        ));
    }
    let by_cookie = caller.session.is_some();
    if by_cookie && route.method.changes_state() && !request.headers().contains_key(REQUEST_HEADER)
    {
        return Err(Refusal::forbidden(
            "a change with a session cookie came without the header X-Tagwerk-Request",
            "send `X-Tagwerk-Request: 1`, or use an API token",
        ));
    }
    Ok(Some(caller))
}

/// From this machine, and not handed on by a proxy on it.
fn is_local(request: &Request) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let peer = request.extensions().get::<Peer>();
    peer.is_some_and(|peer| peer.ip().is_loopback())
        && !forwarded.iter().any(|name| request.headers().contains_key(*name))
}

fn identify(app: &Shared, headers: &HeaderMap) -> Result<Caller, Refusal> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // Whoever shows a token means it: a wrong one is not passed over for a cookie.
        let secret = value.to_str().ok().and_then(|text| {
            let (scheme, secret) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
        });
        return secret
            .and_then(|secret| app.accounts.by_token(secret))
            .ok_or_else(|| Refusal::unauthenticated("the token is unknown, expired or removed"));
    }
    match session_cookie(headers) {
        None => Err(Refusal::unauthenticated("this needs a login")),
        Some(secret) => app
            .accounts
            .by_session(secret)
            .ok_or_else(|| Refusal::unauthenticated("the session has ended")),
    }
}

pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, secret)| secret)
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn throw_away(app: &Shared, request: Request) {
    // With `Expect: 100-continue` the sender waits for our word before it sends anything.
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut body: Body = request.into_body();
    let deadline = app.env.clock.now().after(WORK_TIME_MAX);
    let reading = async { while let Some(Ok(_)) = body.frame().await {} };
    tagwerk_env::timeout(&*app.env.clock, deadline, reading).await;
}

/// Runs the handler as a task of its own: a change that began is brought to its end even when the
/// client hangs up, and a panic answers 500 instead of taking the connection along.
async fn work(app: &Shared, route: &'static Route, request: Request, next: Next) -> Response {
    let mut task = AbortUnread { handle: tokio::spawn(next.run(request)), route };
    let answer = match time_max(route) {
        None => Some((&mut task.handle).await),
        Some(time) => {
            let deadline = app.env.clock.now().after(time);
            tagwerk_env::timeout(&*app.env.clock, deadline, &mut task.handle).await
        }
    };
    match answer {
        Some(Ok(response)) => response,
        Some(Err(error)) => {
            tracing::error!(path = route.path, %error, "a request's handler panicked");
            Refusal::internal(format!("the edge failed while it answered {}", route.path))
                .into_response()
        }
        None => Refusal::unavailable(
            format!("{} {} took too long", route.method.name(), route.path),
            "a change goes on; look at its outcome before trying again",
        )
        .into_response(),
    }
}

fn time_max(route: &Route) -> Option<Duration> {
    match route.audit {
        // Bounded by the command's own expiry.
        Audit::Command => None,
        // Bounded by the channel's own settings.
        Audit::Notify => None,
        Audit::Backup => Some(CONFIG_WORK_TIME_MAX),
        _ if route.body_bytes_max > limits::BODY_BYTES_MAX => Some(CONFIG_WORK_TIME_MAX),
        _ => Some(WORK_TIME_MAX),
    }
}

/// Stops work that only shows something when nobody waits for it any more.
struct AbortUnread {
    handle: tokio::task::JoinHandle<Response>,
    route: &'static Route,
}

impl Drop for AbortUnread {
    fn drop(&mut self) {
        // Who asks may do it with a body: a statement, a document to check.
        if self.route.method == Method::Get || matches!(self.route.audit, Audit::Nothing) {
            self.handle.abort();
        }
    }
}

pub fn role(role: Role) -> tagwerk_auth::Role {
    match role {
        Role::Viewer => tagwerk_auth::Role::Viewer,
        Role::Operator => tagwerk_auth::Role::Operator,
        Role::Engineer => tagwerk_auth::Role::Engineer,
        Role::Admin => tagwerk_auth::Role::Admin,
    }
}
