//! Every route against every role, from the list of routes: what is not granted is denied.

use crate::http::Http;
use crate::process::Edge;
use tagwerk_api::{Access, Request, Role, Route, routes};

const ROLES: [(Role, &str); 4] = [
    (Role::Viewer, "viewer"),
    (Role::Operator, "operator"),
    (Role::Engineer, "engineer"),
    (Role::Admin, "admin"),
];

fn ask(http: &Http, route: &Route) -> u16 {
    let path = route.path.replace("{revision}", "1");
    let path: Vec<&str> =
        path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
    let http = http.with("Content-Type", "application/json");
    let body: Option<&[u8]> = match route.request {
        Request::Empty => None,
        _ => Some(b"{}"),
    };
    http.status_of(route.method.name(), &path.join("/"), body)
}

#[test]
fn each_role_may_what_the_list_says_and_nothing_else() {
    let edge = Edge::start();
    let callers = ROLES.map(|(role, name)| (role, edge.with_role(name)));
    for route in routes::ALL {
        let Access::Role(needed) = route.access else { continue };
        let name = format!("{} {}", route.method.name(), route.path);
        assert_eq!(ask(&edge.nobody(), route), 401, "{name} for nobody");
        let forged = edge.nobody().with_token("twk_0000");
        assert_eq!(ask(&forged, route), 401, "{name} for a forged token");
        let forged = edge.nobody().with("Cookie", "tagwerk_session=twss_0000");
        assert_eq!(ask(&forged, route), 401, "{name} for a forged cookie");
        for (role, http) in &callers {
            let status = ask(http, route);
            match *role >= needed {
                true => assert!(![401, 403, 500].contains(&status), "{name} {role:?}: {status}"),
                false => assert_eq!(status, 403, "{name} for {role:?}"),
            }
        }
    }
}

#[test]
fn a_stranger_reaches_login_health_setup_and_the_console_only() {
    let edge = Edge::start();
    // From elsewhere, or through a proxy on this machine.
    let stranger = edge.nobody().with("X-Forwarded-For", "192.0.2.7");
    for route in routes::ALL {
        let status = ask(&stranger, route);
        match route.access {
            Access::Open => assert_ne!(status, 401, "{}", route.path),
            _ => assert_eq!(status, 401, "{} {}", route.method.name(), route.path),
        }
    }
    edge.nobody().get("/metrics").expect(200);
    for path in ["/api", "/api/v1/nothing", "/api/v2/status", "/health/x", "/metrics/x"] {
        stranger.get(path).refusal(404, "not_found");
    }
    for path in ["/", "/devices/mixer", "/setup", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"]
    {
        let reply = stranger.get(path);
        let page = reply.expect(200).text();
        assert!(page.to_lowercase().contains("<!doctype html>"), "{path}: {page}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn refusals_of_the_frame_have_the_contracts_form_too() {
    let edge = Edge::start();
    let local = edge.local();
    local.send("DELETE", "/api/v1/status", None).refusal(405, "invalid");
    local.get("/api/v1/tags?limit=0").refusal(400, "invalid");
    local.get("/api/v1/tags?limit=lots").refusal(400, "invalid");
    local.get("/api/v1/tags?colour=red").refusal(400, "invalid");
    local.get("/api/v1/config/revisions/x").refusal(400, "invalid");
    local.get("/api/v1/devices/%ff").refusal(400, "invalid");
    local.post("/api/v1/commands", &serde_json::json!({ "device": 1 })).refusal(400, "invalid");
    let json = local.with("Content-Type", "application/json");
    json.send("POST", "/api/v1/commands", Some(b"{")).refusal(400, "invalid");
    let large = vec![b' '; 65 * 1024];
    let error = json.send("POST", "/api/v1/commands", Some(&large)).refusal(413, "too_large");
    assert!(error["message"].as_str().unwrap().contains("65536"), "{error}");
}
