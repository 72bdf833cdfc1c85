//! Secrets: what goes in stays in, through restarts and deaths.

use crate::process::Edge;
use serde_json::json;

fn set(edge: &Edge, name: &str, value: &str) -> crate::http::Reply {
    let path = format!("/api/v1/secrets/{name}");
    edge.local().send_json("PUT", &path, &json!({ "value": value }))
}

#[test]
fn a_secret_is_set_listed_replaced_and_removed_and_never_shown() {
    let mut edge = Edge::start();
    let item = set(&edge, "mqtt", "kanarienvogel-1").expect(200).json();
    assert_eq!((&item["name"], &item["changed_by"]), (&json!("mqtt"), &json!("local")));
    assert_eq!(item["used_by"], json!([]));
    edge.kill();
    edge.restart();
    let engineer = edge.with_role("engineer");
    let list = engineer.get("/api/v1/secrets");
    assert!(!list.expect(200).text().contains("kanarienvogel"));
    assert_eq!(list.json()["items"][0], item);
    engineer.send_json("PUT", "/api/v1/secrets/mqtt", &json!({ "value": "x" })).expect(403);
    edge.local().send("DELETE", "/api/v1/secrets/mqtt", None).expect(204);
    edge.local().send("DELETE", "/api/v1/secrets/mqtt", None).refusal(404, "not_found");
    assert_eq!(engineer.get("/api/v1/secrets").json()["items"], json!([]));
}

#[test]
fn what_is_no_secret_is_refused_without_repeating_it() {
    let edge = Edge::start();
    for (name, value) in [("a%20b", "kanarienvogel"), ("..%2Fx", "kanarienvogel"), ("a", "")] {
        let error = set(&edge, name, value).refusal(400, "invalid");
        assert!(!error.to_string().contains("kanarienvogel"), "{error}");
    }
    let long = "k".repeat(64 * 1024 + 1);
    let error = set(&edge, "a", &long).refusal(400, "invalid");
    assert!(error["message"].as_str().unwrap().contains("65536"), "{error}");
    set(&edge, "a", &"\u{1}".repeat(64 * 1024)).expect(200);
    let larger = "k".repeat(512 * 1024);
    set(&edge, "a", &larger).refusal(413, "too_large");
    // A value of another type is quoted by careless parsers.
    let body = json!({ "value": 4711471147114711u64 });
    let error = edge.local().send_json("PUT", "/api/v1/secrets/a", &body).refusal(400, "invalid");
    assert!(!error.to_string().contains("4711471147114711"), "{error}");
    let body = json!({ "value": "x", "kanarienvogel": 1 });
    edge.local().send_json("PUT", "/api/v1/secrets/a", &body).refusal(400, "invalid");
}

#[test]
fn secrets_are_kept_by_command_line() {
    let edge = Edge::start();
    let output = edge.cli_with_input(&["secret", "set", "mqtt"], "kanarienvogel\n");
    assert!(output.status.success());
    let output = edge.cli(&["secret", "list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("mqtt") && text.contains("nothing"), "{text}");
    assert!(edge.cli(&["secret", "remove", "mqtt"]).status.success());
    assert!(!edge.cli(&["secret", "remove", "mqtt"]).status.success());
}
