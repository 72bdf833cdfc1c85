//! Messages of a broker as devices, from outside: each is a row for history and for rules, a kill loses
//! none, and commands go back.

use crate::process::Edge;
use crate::rig::{Broker, Subscriber, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

fn config(broker: &Broker) -> String {
    let url = broker.url();
    format!(
        r#"
version: 1
edge: {{ name: test-edge }}
devices:
  - name: machines
    driver: mqtt
    settings: {{ url: "{url}", client_id: edge, keep_session: 1h, topics: [plant/+/state] }}
    groups:
      - name: state
        interval: 1s
        tags:
          - {{ name: machine, address: $topic/2, type: text }}
          - {{ name: n, address: n, type: uint64 }}
          - {{ name: twice, formula: n * 2, type: uint64 }}
      - name: orders
        interval: 1s
        tags:
          - {{ name: target, address: "> plant/one/set = {{\"t\": $value}}", type: float64, access: write }}
rules:
  - name: seen
    sql: SELECT machine, n FROM machines WHERE n IS NOT NULL
"#
    )
}

fn publish(broker: &Broker, topic: &str, payloads: impl Iterator<Item = u64>) {
    let mut process = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-q", "1", "-l", "-t", topic])
        .stdin(Stdio::piped())
        .spawn()
        .expect("mosquitto_pub is installed");
    let mut lines = process.stdin.take().unwrap();
    payloads.for_each(|n| writeln!(lines, "{{\"n\": {n}}}").unwrap());
    drop(lines);
    assert!(process.wait().unwrap().success());
}

fn rows(edge: &Edge, query: &str) -> Vec<Value> {
    let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
    answer.expect(200).json()["rows"].as_array().unwrap().clone()
}

/// Only then does the broker keep what is published.
fn subscribed(edge: &Edge) {
    until("the subscription stands", || {
        let device = edge.local().get("/api/v1/devices/machines").expect(200).json();
        device["groups"].as_array()?.iter().find(|group| group["watched"] == true).map(drop)
    });
}

#[test]
fn messages_are_rows_of_history_and_of_rules_also_after_a_kill() {
    let broker = Broker::start();
    let mut edge = Edge::with_config(&config(&broker));
    subscribed(&edge);
    // Each twice: a message that says the same as the one before is a row of its own.
    publish(&broker, "plant/one/state", (0..50).flat_map(|n| [n, n]));
    for (table, columns) in [("machines", "machine, n, twice"), ("seen", "machine, n, n * 2")] {
        let query = format!("SELECT {columns} FROM {table} WHERE n IS NOT NULL ORDER BY time, n");
        let found = until(&format!("all rows of {table}"), || {
            let rows = rows(&edge, &query);
            (rows.len() >= 100).then_some(rows)
        });
        assert_eq!(found.len(), 100);
        for (place, row) in found.iter().enumerate() {
            let n = place as u64 / 2;
            assert_eq!((&row[0], row[1].as_u64()), (&json!("one"), Some(n)), "{table}");
            assert_eq!(row[2].as_u64(), Some(2 * n), "{table}: {row}");
        }
    }
    edge.kill();
    publish(&broker, "plant/two/state", 0..50);
    edge.restart();
    let query = "SELECT n FROM machines WHERE machine = 'two'";
    let found = until("what was sent meanwhile", || {
        let found: BTreeSet<u64> =
            rows(&edge, query).iter().filter_map(|row| row[0].as_u64()).collect();
        (found.len() >= 50).then_some(found)
    });
    assert!(found.into_iter().eq(0..50));
}

#[test]
fn a_command_is_a_message_and_no_row() {
    let broker = Broker::start();
    let edge = Edge::with_config(&config(&broker));
    subscribed(&edge);
    let write = || {
        let command = json!({ "device": "machines", "tag": "target", "value": 21.5 });
        edge.local().post("/api/v1/commands", &command).expect(200).json()
    };
    let nobody = write();
    assert_eq!(nobody["state"], "failed", "{nobody}");
    let mut subscriber = Subscriber::start(&broker, "plant/one/set");
    let done = write();
    assert_eq!(done["state"], "done", "{done}");
    let payload = until("the command arrives", || {
        subscriber.collect().first().map(|message| message.payload.clone())
    });
    assert_eq!(payload, json!({ "t": 21.5 }));
    let read = rows(&edge, "SELECT n_quality FROM machines WHERE n_quality IS NOT NULL");
    assert!(read.is_empty(), "{read:?}");
}
