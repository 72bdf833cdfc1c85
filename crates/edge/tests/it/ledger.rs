//! The ledger and dead letters, from outside.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const CONFIG: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: mixer
    driver: sim
    groups:
      - name: fast
        interval: 100ms
        tags:
          - { name: level, address: "ramp:0..100", type: float64 }
          - { name: speed, address: "counter", type: uint64 }
  - name: rare
    driver: sim
    groups:
      - name: slow
        interval: 200ms
        tags:
          - { name: state, address: "constant:4", type: int16, report: change }
  - name: dead
    driver: sim
    settings: { unreachable: true }
    groups:
      - name: g
        interval: 1s
        tags: [{ name: n, address: counter, type: int32 }]
sinks:
  - name: nowhere
    kind: mqtt
    settings: { url: "mqtt://127.0.0.1:1", topic: "plant/{device}" }
    order: realtime_first
    backlog_bytes_max: 1048576
    backlog_age_max: 1h
"#;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn causes(value: &Value) -> u64 {
    value.as_array().unwrap().iter().map(|cause| number(&cause["samples"])).sum()
}

fn balances(account: &Value) -> bool {
    let sum = number(&account["good"])
        + number(&account["uncertain"])
        + causes(&account["bad"])
        + number(&account["suppressed"])
        + causes(&account["missed"]);
    number(&account["expected"]) == sum
}

#[test]
fn the_ledger_answers_what_is_missing_and_why() {
    let mut edge = Edge::with_config(CONFIG);
    let ledger = until("reads come into the ledger", || {
        let ledger = edge.local().get("/api/v1/ledger").expect(200).json();
        let stored = ledger["account"]["stored"].as_u64().unwrap_or(0);
        let open = ledger["deviations"].as_array().unwrap().iter().any(|d| d["open"] == true);
        (stored > 60 && open).then_some(ledger)
    });
    assert!(balances(&ledger["account"]), "{ledger}");
    let sink = &ledger["sinks"][0];
    assert_eq!((&sink["sink"], &sink["delivered"]), (&json!("nowhere"), &json!(0)), "{sink}");
    assert_eq!(sink["pending"], sink["expected"], "{sink}");
    assert!(number(&sink["pending"]) > 0 && sink["doing"].is_string(), "{sink}");
    let deviations = ledger["deviations"].as_array().unwrap();
    let dead = deviations.iter().find(|d| d["device"] == "dead" && d["open"] == true).unwrap();
    assert_eq!(dead["kind"], "missed", "{dead}");
    assert!(dead["doing"].is_string() && dead["text"].is_string(), "{dead}");
    let groups = edge.with_role("viewer").get("/api/v1/ledger/groups").expect(200).json();
    assert_eq!(groups["items"][0]["device"], "dead", "most missing first: {groups}");
    let rare = edge.local().get("/api/v1/ledger?device=rare").expect(200).json();
    assert!(number(&rare["account"]["suppressed"]) > 0 && balances(&rare["account"]), "{rare}");
    // The same after an end and a start, from what the record holds, with the time between.
    let before = number(&ledger["account"]["stored"]);
    edge.kill();
    edge.restart();
    let after = until("the ledger is known again", || {
        let ledger = edge.local().get("/api/v1/ledger").expect(200).json();
        (number(&ledger["account"]["stored"]) > before).then_some(ledger)
    });
    assert!(balances(&after["account"]), "{after}");
    let ask = json!({ "query": "SELECT tag, sum(expected) AS e, sum(good + uncertain + bad + \
        suppressed + missed) AS parts FROM ledger WHERE device = 'mixer' GROUP BY tag ORDER BY tag" });
    let rows = edge.local().post("/api/v1/sql", &ask).expect(200).json()["rows"].clone();
    for row in rows.as_array().unwrap() {
        assert!(number(&row[1]) > 0 && row[1] == row[2], "{rows}");
    }
    let ask =
        json!({ "query": "SELECT sum(pending) > 0 FROM ledger_sinks WHERE sink = 'nowhere'" });
    assert_eq!(edge.local().post("/api/v1/sql", &ask).expect(200).json()["rows"][0][0], true);
    let ask = json!({ "query": "SELECT tag, sum(stored), sum(delivered + pending + rejected + lost), \
        sum(pending) FROM ledger_delivery WHERE device = 'mixer' AND sink = 'nowhere' \
        GROUP BY tag ORDER BY tag" });
    let rows = edge.local().post("/api/v1/sql", &ask).expect(200).json()["rows"].clone();
    assert!(!rows.as_array().unwrap().is_empty(), "{rows}");
    for row in rows.as_array().unwrap() {
        assert!(number(&row[1]) > 0 && row[1] == row[2] && row[1] == row[3], "{rows}");
    }
    let metrics = edge.local().get("/metrics").expect(200).text();
    assert!(metrics.contains("tagwerk_ledger_samples_total{outcome=\"good\"}"), "{metrics}");
}

#[test]
fn a_wrong_time_of_the_ledger_is_refused_in_words() {
    let edge = Edge::with_config(CONFIG);
    let wrong = ["?from=yesterday", "?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "?x=1"];
    for query in wrong {
        let refused = edge.local().get(&format!("/api/v1/ledger{query}"));
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
    }
    let letters = edge.local().get("/api/v1/dead-letters").expect(200).json();
    assert_eq!(letters["items"], json!([]));
    let unknown = edge.local().post("/api/v1/dead-letters/retry", &json!({ "sink": "no" }));
    assert_eq!(unknown.status, 404, "{}", unknown.text());
}

#[test]
fn the_ledger_and_dead_letters_by_command_line() {
    let edge = Edge::with_config(CONFIG);
    let said = |arguments: &[&str]| {
        let output = edge.cli(arguments);
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let ledger = until("the sink is in the ledger", || {
        let (code, text) = said(&["ledger", "--device", "mixer"]);
        assert_eq!(code, Some(0), "{text}");
        text.contains("nowhere").then_some(text)
    });
    assert!(ledger.contains("samples expected"), "{ledger}");
    let (code, text) = said(&["dead-letters", "list"]);
    assert!(code == Some(0) && text.contains("REASON"), "{text}");
    assert_eq!(said(&["dead-letters", "export", "--sink", "nowhere"]), (Some(0), String::new()));
    let (code, text) = said(&["dead-letters", "discard", "nowhere"]);
    assert!(code == Some(0) && text.contains("0 dead letters given up"), "{text}");
    let (code, text) = said(&["dead-letters", "retry", "elsewhere"]);
    assert!(code == Some(1) && text.contains("there is no sink elsewhere"), "{text}");
}
