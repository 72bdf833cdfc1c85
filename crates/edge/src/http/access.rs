//! Setup, login, users and tokens. Each change is in the record before it is answered.

use super::extract::{At, Peer, Sent};
use super::gate;
use super::mount::Mount;
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::{Caller, LoggedIn, LoginRefused};
use crate::app::{App, Shared, VERSION};
use crate::show;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tagwerk_api::{
    List, LoginRequest, Me, NewToken, NewUser, PasswordChange, SESSION_COOKIE, SetupRequest,
    SetupState, Token, TokenMade, User, UserChange, Via, routes,
};
use tagwerk_auth::SESSION_ABSOLUTE;
use tagwerk_runtime::RecordKind;

pub fn mount_accounts(mount: Mount) -> Mount {
    mount
        .on(&routes::USERS, users)
        .on(&routes::NEW_USER, new_user)
        .on(&routes::CHANGE_USER, change_user)
        .on(&routes::REMOVE_USER, remove_user)
        .on(&routes::TOKENS, tokens)
        .on(&routes::NEW_TOKEN, new_token)
        .on(&routes::REMOVE_TOKEN, remove_token)
}

pub async fn setup_state(State(app): State<Shared>) -> Json<SetupState> {
    Json(SetupState { needed: app.accounts.setup_needed() })
}

pub async fn set_up(
    State(app): State<Shared>,
    peer: Peer,
    Sent(sent): Sent<SetupRequest>,
) -> Result<Response, Refusal> {
    let from = peer.ip();
    match app.accounts.set_up(from, &sent.token, &sent.username, &sent.password).await {
        Ok(logged_in) => {
            let text = format!("set up the edge as its first administrator, from {from}");
            record(&app, RecordKind::Access, &sent.username, &text).await?;
            Ok(logged_in_answer(&app, logged_in))
        }
        Err(refused) => {
            if matches!(refused, LoginRefused::SetupToken) {
                let text = format!("tried to set up the edge with a wrong token, from {from}");
                record(&app, RecordKind::Login, "nobody", &text).await?;
            }
            Err(refused.into())
        }
    }
}

pub async fn log_in(
    State(app): State<Shared>,
    peer: Peer,
    Sent(sent): Sent<LoginRequest>,
) -> Result<Response, Refusal> {
    let from = peer.ip();
    match app.accounts.login(from, &sent.username, &sent.password).await {
        Ok(logged_in) => {
            let text = format!("logged in from {from}");
            record(&app, RecordKind::Login, &sent.username, &text).await?;
            Ok(logged_in_answer(&app, logged_in))
        }
        Err(refused) => {
            if matches!(refused, LoginRefused::Wrong) {
                // The name as typed may be a password in the wrong field: only so much of it.
                let name: String = sent.username.chars().take(64).collect();
                let text = format!("failed to log in from {from}");
                record(&app, RecordKind::Login, &name, &text).await?;
            }
            Err(refused.into())
        }
    }
}

fn logged_in_answer(app: &App, logged_in: LoggedIn) -> Response {
    let secure = if app.secure { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        logged_in.secret,
        SESSION_ABSOLUTE.as_secs()
    );
    ([(header::SET_COOKIE, cookie)], Json(who(app, &logged_in.caller))).into_response()
}

pub async fn log_out(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    app.accounts.log_out(&caller).await?;
    if caller.via == Via::Session {
        record(&app, RecordKind::Login, &caller.by(), "logged out").await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if gate::session_cookie(&headers).is_some() {
        let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        let gone = gone.parse().expect("the cookie has no characters that a header may not have");
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    Ok(response)
}

pub async fn me(State(app): State<Shared>, caller: Caller) -> Json<Me> {
    Json(who(&app, &caller))
}

fn who(app: &App, caller: &Caller) -> Me {
    Me {
        username: caller.name.clone(),
        role: show::role(caller.role),
        edge: app.runtime.edge().to_string(),
        version: VERSION.to_owned(),
        via: caller.via,
    }
}

pub async fn change_own_password(
    State(app): State<Shared>,
    peer: Peer,
    caller: Caller,
    Sent(sent): Sent<PasswordChange>,
) -> Result<StatusCode, Refusal> {
    let from = peer.ip();
    app.accounts.change_own_password(from, &caller, &sent.current, &sent.new).await?;
    record(&app, RecordKind::Access, &caller.by(), "changed their own password").await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn users(State(app): State<Shared>) -> Json<List<User>> {
    Json(List { items: app.accounts.users().into_iter().map(show::user).collect() })
}

async fn new_user(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<NewUser>,
) -> Result<Json<User>, Refusal> {
    let role = gate::role(sent.role);
    let user = app.accounts.add_user(&sent.username, &sent.password, role).await?;
    let text = format!("added the user {} as {role}", user.username);
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(Json(show::user(user)))
}

async fn change_user(
    State(app): State<Shared>,
    caller: Caller,
    At(username): At<String>,
    Sent(sent): Sent<UserChange>,
) -> Result<Json<User>, Refusal> {
    let role = sent.role.map(gate::role);
    let user = app.accounts.change_user(&username, role, sent.password.as_deref()).await?;
    let what = match (role, &sent.password) {
        (Some(role), None) => format!("the role to {role}"),
        (None, Some(_)) => "the password".to_owned(),
        (Some(role), Some(_)) => format!("the role to {role}, and the password"),
        (None, None) => "nothing".to_owned(),
    };
    let text = format!("changed the user {username}: {what}");
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(Json(show::user(user)))
}

async fn remove_user(
    State(app): State<Shared>,
    caller: Caller,
    At(username): At<String>,
) -> Result<StatusCode, Refusal> {
    app.accounts.remove_user(&username).await?;
    let text = format!("removed the user {username}");
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tokens(State(app): State<Shared>) -> Json<List<Token>> {
    Json(List { items: app.accounts.tokens().into_iter().map(show::token).collect() })
}

async fn new_token(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<NewToken>,
) -> Result<Json<TokenMade>, Refusal> {
    let role = gate::role(sent.role);
    let life = sent.expires_in_ms.map(Duration::from_millis);
    let (row, token) = app.accounts.add_token(&sent.name, role, life).await?;
    let text = format!("made the token {} ({}) with the role {role}", row.name, row.id);
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(Json(TokenMade { id: row.id, token }))
}

async fn remove_token(
    State(app): State<Shared>,
    caller: Caller,
    At(id): At<String>,
) -> Result<StatusCode, Refusal> {
    let row = app.accounts.remove_token(&id).await?;
    let text = format!("removed the token {} ({id})", row.name);
    record(&app, RecordKind::Access, &caller.by(), &text).await?;
    Ok(StatusCode::NO_CONTENT)
}
