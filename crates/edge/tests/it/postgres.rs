//! The PostgreSQL protocol from outside: psql and psycopg over TLS, with the edge's own users.

use crate::process::{Edge, PASSWORD};
use crate::rig::{python, until};
use serde_json::{Value, json};
use std::process::{Command, Output};

const ENDS: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: ends
    driver: sim
    settings: {}
    groups:
      - name: fast
        interval: 100ms
        tags:
          - { name: most, address: "constant:18446744073709551615", type: uint64 }
          - { name: least, address: "constant:-9223372036854775808", type: int64 }
"#;

/// An edge with some history of numbers at their ends, and its administrator `anna`.
fn edge() -> Edge {
    let edge = Edge::start_with(&["--postgres", "127.0.0.1:0"]);
    edge.set_up();
    edge.apply(ENDS, 0).expect(200);
    let query = json!({ "query": "SELECT count(*) FROM samples" });
    until("samples come into history", || {
        let answer = edge.local().post("/api/v1/sql", &query).expect(200).json();
        (answer["rows"][0][0].as_u64()? >= 8).then_some(())
    });
    edge
}

fn psql(edge: &Edge, user: &str, password: &str, mode: &str, statement: &str) -> Output {
    let certificate = edge.data.path().join("tls/cert.pem");
    Command::new("psql")
        .args(["-X", "-A", "-t", "-h", "localhost", "-U", user, "-d", "tagwerk", "-c", statement])
        .env("PGPORT", edge.postgres.rsplit_once(':').unwrap().1)
        .env("PGPASSWORD", password)
        .env("PGSSLMODE", mode)
        .env("PGSSLROOTCERT", certificate)
        .output()
        .expect("psql is installed by cargo xtask setup")
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn psycopg_reads_over_tls_what_the_api_answers() {
    let mut edge = edge();
    let mut peer = python("postgres.py");
    peer.arg(edge.postgres.rsplit_once(':').unwrap().1).arg(PASSWORD);
    peer.arg(edge.data.path().join("tls/cert.pem"));
    let output = peer.output().unwrap();
    let text = said(&output);
    let lines: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let found = |key: &str| lines.iter().find_map(|line| line.get(key)).unwrap_or(&Value::Null);
    assert_eq!(found("end"), true, "{text}");
    assert_eq!(found("tls"), true);
    let query = |tag: &str| {
        let text = format!(
            "SELECT time, value_u64, value_i64 FROM samples WHERE device = 'ends' AND tag = '{tag}' \
             ORDER BY time LIMIT 3"
        );
        let answer = edge.local().post("/api/v1/sql", &json!({ "query": text })).expect(200).json();
        answer["rows"].as_array().unwrap().clone()
    };
    let (most, least) = (query("most"), query("least"));
    assert_eq!(most[0][1].as_u64(), Some(u64::MAX));
    for line in lines.iter().filter(|line| line.get("tag").is_some()) {
        for (row, api) in line["rows"].as_array().unwrap().iter().zip(match &line["tag"] {
            tag if tag == "most" => &most,
            _ => &least,
        }) {
            assert_eq!(
                row[1].as_str(),
                api[1].as_u64().map(|n| n.to_string()).as_deref(),
                "{line}"
            );
            assert_eq!(row[2].as_i64(), api[2].as_i64(), "{line}");
            // The wire has microseconds.
            let time = api[0].as_str().unwrap();
            let wire = row[0].as_str().unwrap();
            assert_eq!(wire[..19], time[..19], "{line}");
        }
    }
    for (key, wanted) in [
        ("count", json!(1)),
        ("exact", json!(true)),
        ("some", json!(["most"])),
        ("copy", json!(["least", "most"])),
        ("canceled", json!("canceling statement due to user request")),
        ("wrong", json!(true)),
    ] {
        assert_eq!(*found(key), wanted, "{key}: {text}");
    }
    assert!(found("late").as_str().is_some(), "{text}");
    assert!(found("refused").as_str().unwrap().contains("read only"), "{text}");
    let events = edge.local().get("/api/v1/events?kind=login").expect(200).json();
    assert!(events.to_string().contains("failed to log in from 127.0.0.1"), "{events}");
    assert!(edge.stop().success());
}

#[test]
fn accounts_come_and_go() {
    let edge = edge();
    let new = json!({ "username": "vera", "password": "another long sentence", "role": "viewer" });
    edge.local().post("/api/v1/users", &new).expect(200);
    let ask = |password: &str| psql(&edge, "vera", password, "require", "SELECT 1");
    assert_eq!(said(&ask("another long sentence")).trim(), "1");
    let change = json!({ "password": "a third long sentence" });
    edge.local().send_json("PUT", "/api/v1/users/vera", &change).expect(200);
    assert!(said(&ask("another long sentence")).contains("password authentication failed"));
    assert_eq!(said(&ask("a third long sentence")).trim(), "1");
    edge.local().send("DELETE", "/api/v1/users/vera", None).expect(204);
    assert!(said(&ask("a third long sentence")).contains("password authentication failed"));
    let token = json!({ "name": "grafana", "role": "viewer" });
    let made = edge.local().post("/api/v1/tokens", &token).expect(200).json();
    let secret = made["token"].as_str().unwrap();
    let tables = psql(&edge, "token", secret, "require", "\\dt");
    assert!(said(&tables).contains("public|ends|table|tagwerk"), "{}", said(&tables));
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    edge.local().send("DELETE", &path, None).expect(204);
    assert!(said(&psql(&edge, "token", secret, "require", "SELECT 1")).contains("API token"));
    until("guessing is slowed down", || {
        let answer = said(&psql(&edge, "anna", "wrong wrong wrong", "require", "SELECT 1"));
        answer.contains("too many failed logins").then_some(())
    });
}
