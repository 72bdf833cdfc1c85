//! History: what is kept beyond the journal, and the questions that it answers.

use crate::process::{Edge, MIXER};
use crate::rig::until;
use serde_json::{Value, json};

fn ask(edge: &Edge, query: &str) -> Value {
    edge.local().post("/api/v1/sql", &json!({ "query": query })).expect(200).json()
}

fn count(edge: &Edge) -> u64 {
    let answer = ask(edge, "SELECT count(*) FROM samples WHERE device = 'mixer' AND tag = 'level'");
    answer["rows"][0][0].as_u64().unwrap()
}

#[test]
fn samples_answer_sql_at_once_and_after_a_kill() {
    let mut edge = Edge::with_config(MIXER);
    let before = until("samples come into history", || {
        let count = count(&edge);
        (count >= 5).then_some(count)
    });
    let first = "SELECT value_f64, quality FROM samples WHERE tag = 'level' ORDER BY time LIMIT 3";
    let rows = ask(&edge, first)["rows"].clone();
    edge.kill();
    edge.restart();
    let after = until("history is read anew from the journal", || {
        let count = count(&edge);
        (count >= before).then_some(count)
    });
    assert!(after >= before);
    assert_eq!(ask(&edge, first)["rows"], rows, "the same samples, once");
    let doubles = "SELECT count(*) - count(DISTINCT time) FROM samples WHERE tag = 'level'";
    assert_eq!(ask(&edge, doubles)["rows"], json!([[0]]));
    assert!(edge.stop().success());
    edge.restart();
    assert_eq!(ask(&edge, first)["rows"], rows, "from the files of history");
}

#[test]
fn a_device_is_a_table_and_its_newest_values_too() {
    let edge = Edge::with_config(MIXER);
    until("samples come into history", || (count(&edge) >= 3).then_some(()));
    let answer = ask(
        &edge,
        "SELECT level, level_quality FROM mixer WHERE level IS NOT NULL ORDER BY time LIMIT 1",
    );
    assert_eq!(answer["rows"][0][1], "good", "{answer}");
    let answer = ask(&edge, "SELECT tag FROM latest WHERE device = 'mixer' ORDER BY tag");
    assert!(answer["rows"].as_array().unwrap().iter().any(|row| row[0] == "level"), "{answer}");
    let answer = ask(&edge, "SELECT kind, text FROM events WHERE text LIKE 'Tagwerk % started'");
    assert_eq!(answer["rows"][0][0], "system", "{answer}");
    let tables = edge.with_role("viewer").get("/api/v1/sql/tables").expect(200).json();
    let names: Vec<&str> =
        tables["tables"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert!(
        ["samples", "latest", "events", "mixer"].iter().all(|n| names.contains(n)),
        "{names:?}"
    );
}

#[test]
fn rows_leave_in_three_forms() {
    let edge = Edge::with_config(MIXER);
    until("samples come into history", || (count(&edge) >= 2).then_some(()));
    let body =
        json!({ "query": "SELECT time, tag, value FROM samples WHERE tag = 'level' LIMIT 2" });
    let viewer = edge.with_role("viewer");
    let csv = viewer.with("Accept", "text/csv").post("/api/v1/sql", &body);
    let csv = csv.expect(200);
    // The answer comes in parts, each with its length.
    assert!(csv.text().contains("time,tag,value\n"), "{}", csv.text());
    assert_eq!(csv.text().matches(",level,").count(), 2, "{}", csv.text());
    let arrow = edge.with_role("viewer").with("Accept", "application/vnd.apache.arrow.stream");
    let arrow = arrow.post("/api/v1/sql", &body);
    let arrow = arrow.expect(200);
    assert_eq!(arrow.header("content-type"), Some("application/vnd.apache.arrow.stream"));
    let text = json!({ "query": "SELECT 18446744073709551615 AS n", "text": true });
    let answer = edge.with_role("viewer").post("/api/v1/sql", &text).expect(200).json();
    assert_eq!(answer["rows"], json!([["18446744073709551615"]]));
}

#[test]
fn statements_are_refused_with_place_and_reason() {
    let edge = Edge::with_config(MIXER);
    let viewer = edge.with_role("viewer");
    let refused = |query: &str, status, code| {
        let reply = viewer.post("/api/v1/sql", &json!({ "query": query }));
        reply.refusal(status, code)["message"].as_str().unwrap().to_owned()
    };
    let message = refused("SELECT\n  nothing FROM samples", 422, "invalid");
    assert!(message.starts_with("line 2, column 3"), "{message}");
    assert!(refused("DROP TABLE samples", 403, "forbidden").contains("DROP"));
    assert!(refused("COPY samples TO '/tmp/x'", 403, "forbidden").contains("COPY"));
    refused("SELECT 1; SELECT 2", 422, "invalid");
    let slow = json!({ "query": "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 1000) c", "timeout_ms": 200 });
    let message = viewer.post("/api/v1/sql", &slow).refusal(422, "limit");
    assert!(message["message"].as_str().unwrap().contains("200ms"), "{message}");
    let many = json!({ "query": "SELECT 1", "rows": 1_000_000 });
    viewer.post("/api/v1/sql", &many).refusal(400, "invalid");
    edge.nobody()
        .post("/api/v1/sql", &json!({ "query": "SELECT 1" }))
        .refusal(401, "unauthenticated");
}

#[test]
fn what_is_kept_is_told() {
    let edge = Edge::with_config(MIXER);
    until("samples come into history", || (count(&edge) >= 3).then_some(()));
    let viewer = edge.with_role("viewer");
    let storage = viewer.get("/api/v1/storage").expect(200).json();
    assert!(storage["disk"]["free_bytes"].as_u64().unwrap() > 0, "{storage}");
    assert!(storage["history"]["limit_bytes"].as_u64().unwrap() > 0, "{storage}");
    let tags = viewer.get("/api/v1/storage/tags?filter=mixer/LEVEL").expect(200).json();
    assert_eq!(
        (&tags["total"], &tags["items"][0]["configured"]),
        (&json!(1), &json!(true)),
        "{tags}"
    );
    edge.apply("version: 1\nedge: { name: test-edge }\n", 1).expect(200);
    until("the tag is no longer configured", || {
        let tags = viewer.get("/api/v1/storage/tags?filter=mixer/level").json();
        (tags["items"][0]["configured"] == false).then_some(())
    });
    assert!(count(&edge) >= 3, "what was kept stays");
}
