//! Who gets in, and who does not.

use crate::process::{Edge, PASSWORD, cookie};
use serde_json::json;

#[test]
fn the_printed_link_sets_up_one_administrator_and_then_nobody() {
    let edge = Edge::start();
    let nobody = edge.nobody();
    assert_eq!(nobody.get("/api/v1/setup").expect(200).json(), json!({ "needed": true }));
    let set_up = |token: &str, password: &str| {
        let body = json!({ "token": token, "username": "anna", "password": password });
        nobody.post("/api/v1/setup", &body)
    };
    let token = edge.setup.as_deref().unwrap();
    set_up("tws_guess", PASSWORD).refusal(403, "forbidden");
    set_up(token, "short").refusal(400, "invalid");
    let reply = set_up(token, PASSWORD);
    let me = reply.expect(200).json();
    assert_eq!(me["username"], "anna");
    assert_eq!(me["role"], "admin");
    assert_eq!(me["via"], "session");
    let set_cookie = reply.header("set-cookie").unwrap();
    assert!(set_cookie.contains("HttpOnly") && set_cookie.contains("SameSite=Strict"));
    assert!(!set_cookie.contains("Secure"), "not over TLS");
    let session = nobody.with("Cookie", cookie(set_cookie));
    assert_eq!(session.get("/api/v1/me").expect(200).json(), me);
    set_up(token, PASSWORD).refusal(409, "conflict");
    assert_eq!(nobody.get("/api/v1/setup").json(), json!({ "needed": false }));
}

#[test]
fn a_login_starts_a_session_that_outlives_a_restart_and_ends_with_logout() {
    let mut edge = Edge::start();
    edge.set_up();
    let login = |edge: &Edge, name: &str, password: &str| {
        edge.nobody().post("/api/v1/login", &json!({ "username": name, "password": password }))
    };
    let wrong = login(&edge, "anna", "wrong password").refusal(401, "unauthenticated");
    let unknown = login(&edge, "berta", PASSWORD).refusal(401, "unauthenticated");
    assert_eq!(wrong, unknown, "an unknown user is not told apart");
    let reply = login(&edge, "anna", PASSWORD);
    let cookie = cookie(reply.expect(200).header("set-cookie").unwrap()).to_owned();
    assert!(edge.stop().success());
    edge.restart();
    assert_eq!(edge.setup, None, "no new setup link once there is an administrator");
    let session = edge.nobody().with("Cookie", &cookie);
    session.get("/api/v1/me").expect(200);
    session.with("X-Tagwerk-Request", "1").send("POST", "/api/v1/logout", None).expect(204);
    session.get("/api/v1/me").refusal(401, "unauthenticated");
}

#[test]
fn guessing_is_slowed_down() {
    let edge = Edge::start();
    edge.set_up();
    let body = json!({ "username": "anna", "password": "not her password" });
    let replies: Vec<_> = (0..8).map(|_| edge.nobody().post("/api/v1/login", &body)).collect();
    assert!(replies[..5].iter().all(|reply| reply.status == 401));
    let slowed = replies.iter().find(|reply| reply.status == 429).unwrap();
    let error = slowed.refusal(429, "rate_limited");
    assert!(error["retry_after_ms"].as_u64().unwrap() > 0);
    assert!(slowed.header("retry-after").is_some());
}

#[test]
fn a_cookie_alone_changes_nothing() {
    let edge = Edge::start();
    let session = edge.set_up();
    let new = json!({ "name": "x", "role": "viewer" });
    session.post("/api/v1/tokens", &new).refusal(403, "forbidden");
    let forged = session.with("Origin", "https://elsewhere.example");
    forged.post("/api/v1/tokens", &new).refusal(403, "forbidden");
    session.get("/api/v1/tokens").expect(200);
    session.with("X-Tagwerk-Request", "1").post("/api/v1/tokens", &new).expect(200);
    // A page of another site can send a form, and JSON as text; neither is taken.
    let login = json!({ "username": "anna", "password": PASSWORD }).to_string();
    let as_text = edge.nobody().with("Content-Type", "text/plain");
    as_text.send("POST", "/api/v1/login", Some(login.as_bytes())).refusal(415, "invalid");
}

#[test]
fn tokens_work_until_they_are_removed_or_expire() {
    let edge = Edge::start();
    let local = edge.local();
    let made = local.post("/api/v1/tokens", &json!({ "name": "grafana", "role": "viewer" }));
    let made = made.expect(200).json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("twk_"));
    let grafana = edge.nobody().with_token(token);
    let me = grafana.get("/api/v1/me").expect(200).json();
    assert_eq!((&me["username"], &me["via"]), (&json!("grafana"), &json!("token")));
    let listed = local.get("/api/v1/tokens").expect(200).text();
    assert!(listed.contains("grafana") && !listed.contains(token), "never shown again");
    let id = made["id"].as_str().unwrap();
    local.send("DELETE", &format!("/api/v1/tokens/{id}"), None).expect(204);
    grafana.get("/api/v1/me").refusal(401, "unauthenticated");
    // A wrong token is not passed over for a good cookie.
    let session = edge.set_up();
    session.with_token(token).get("/api/v1/me").refusal(401, "unauthenticated");

    let brief = json!({ "name": "brief", "role": "viewer", "expires_in_ms": 0 });
    let brief = local.post("/api/v1/tokens", &brief).expect(200).json();
    let brief = edge.nobody().with_token(brief["token"].as_str().unwrap());
    brief.get("/api/v1/me").refusal(401, "unauthenticated");
}

#[test]
fn users_come_and_go_and_the_last_administrator_stays() {
    let edge = Edge::start();
    edge.set_up();
    let local = edge.local();
    let new = json!({ "username": "bert", "password": PASSWORD, "role": "operator" });
    local.post("/api/v1/users", &new).expect(200);
    local.post("/api/v1/users", &new).refusal(409, "conflict");
    let login = json!({ "username": "bert", "password": PASSWORD });
    let reply = edge.nobody().post("/api/v1/login", &login);
    let cookie = cookie(reply.expect(200).header("set-cookie").unwrap()).to_owned();
    let bert = edge.nobody().with("Cookie", &cookie).with("X-Tagwerk-Request", "1");
    bert.get("/api/v1/users").refusal(403, "forbidden");
    let change = json!({ "current": "not it at all", "new": "another long sentence" });
    bert.send_json("PUT", "/api/v1/me/password", &change).refusal(403, "forbidden");
    let change = json!({ "current": PASSWORD, "new": "another long sentence" });
    bert.send_json("PUT", "/api/v1/me/password", &change).expect(204);
    bert.get("/api/v1/me").expect(200);
    edge.nobody().post("/api/v1/login", &login).expect(401);

    local.send_json("PUT", "/api/v1/users/bert", &json!({ "role": "viewer" })).expect(200);
    bert.get("/api/v1/me").refusal(401, "unauthenticated");
    local.send("DELETE", "/api/v1/users/anna", None).refusal(409, "conflict");
    let demote = json!({ "role": "viewer" });
    local.send_json("PUT", "/api/v1/users/anna", &demote).refusal(409, "conflict");
    local.send("DELETE", "/api/v1/users/bert", None).expect(204);
    local.send("DELETE", "/api/v1/users/bert", None).refusal(404, "not_found");
    let listed = local.get("/api/v1/users").expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains("argon2"), "no hash leaves the edge");
}
