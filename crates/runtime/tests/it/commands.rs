//! Commands: at most once, on disk before they are sent, answered from the record.

use crate::edge::Edge;
use serde_json::json;
use std::time::Duration;
use tagwerk_model::Value;
use tagwerk_runtime::view::{CommandRefused, CommandRequest, CommandState};

const CONFIG: &str = "version: 1
edge: { name: test }
devices:
  - name: a
    driver: sim
    settings: { latency: 5ms, timeout: 50ms }
    groups:
      - name: g
        interval: 50ms
        tags:
          - { name: speed, address: 'setpoint:speed', type: uint16, access: read_write, range: [0, 100] }
          - { name: temperature, address: 'setpoint:t', type: int16, access: read_write, scale: { slope: 0.1, offset: 0 } }
          - { name: fixed, address: 'constant:1', type: uint16 }
  - name: mute
    driver: sim
    settings: { timeout: 20ms, silent_write_every: 1 }
    groups:
      - name: g
        interval: 50ms
        tags:
          - { name: speed, address: 'setpoint:speed', type: uint16, access: read_write }
  - name: dead
    driver: sim
    settings: { unreachable: true }
    groups:
      - name: g
        interval: 50ms
        tags:
          - { name: speed, address: 'setpoint:speed', type: uint16, access: read_write }
";

async fn start(folder: &std::path::Path) -> Edge {
    let edge = Edge::start(folder, CONFIG);
    edge.until("values", |e| e.runtime.tag("a", "speed").unwrap().value.is_some()).await;
    edge.until("values", |e| e.runtime.tag("mute", "speed").unwrap().value.is_some()).await;
    edge
}

#[tokio::test]
async fn a_write_reaches_the_device_and_is_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path()).await;
    let done = edge.write(None, "a/speed", json!(55)).await.unwrap();
    assert_eq!((done.state, &done.old_value), (CommandState::Done, &Some(Value::U64(0))));
    edge.until("the new value", |e| {
        e.runtime.tag("a", "speed").unwrap().value == Some(Value::U64(55))
    })
    .await;
    let scaled = edge.write(None, "a/temperature", json!(21.5)).await.unwrap();
    assert_eq!(scaled.state, CommandState::Done);
    edge.until("the scaled value", |e| {
        e.runtime.tag("a", "temperature").unwrap().value == Some(Value::F64(21.5))
    })
    .await;
    edge.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path()).await;
    for (tag, value) in [
        ("a/speed", json!(101)),
        ("a/speed", json!(-1)),
        ("a/speed", json!(1.5)),
        ("a/speed", json!("1")),
        ("a/speed", json!(70_000)),
        ("a/temperature", json!(1e9)),
    ] {
        let refused = edge.write(None, tag, value.clone()).await.unwrap_err();
        assert!(matches!(refused, CommandRefused::Value(_)), "{value}: {refused:?}");
    }
    let check = async |tag: &str| edge.write(None, tag, json!(1)).await.unwrap_err();
    assert!(matches!(check("a/fixed").await, CommandRefused::NotWritable(_)));
    assert!(matches!(check("a/none").await, CommandRefused::UnknownTag(_)));
    assert!(matches!(check("none/x").await, CommandRefused::UnknownDevice(_)));
    assert_eq!(edge.runtime.commands(0, 10).1, 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_repeated_id_is_answered_from_the_record_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path()).await;
    let first = edge.write(Some("one"), "a/speed", json!(7)).await.unwrap();
    assert_eq!(edge.write(Some("one"), "a/speed", json!(7)).await.unwrap(), first);
    let other = edge.write(Some("one"), "a/speed", json!(8)).await.unwrap_err();
    assert!(matches!(other, CommandRefused::Conflict(_)));
    assert_eq!(edge.runtime.device("a").unwrap().counters.writes, 1);
    edge.stop().await;
    let edge = start(folder.path()).await;
    assert_eq!(edge.write(Some("one"), "a/speed", json!(7)).await.unwrap(), first);
    assert_eq!(edge.runtime.device("a").unwrap().counters.writes, 0);
    edge.stop().await;
}

#[tokio::test]
async fn an_unanswered_write_is_unknown_and_a_dead_device_fails_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path()).await;
    let unknown = edge.write(None, "mute/speed", json!(1)).await.unwrap();
    assert_eq!(unknown.state, CommandState::Unknown);
    let failed = edge.write(None, "dead/speed", json!(1)).await.unwrap();
    assert_eq!(failed.state, CommandState::Failed);
    assert!(failed.reason.unwrap().contains("nothing was sent"));
    edge.stop().await;
}

#[tokio::test]
async fn a_command_that_waits_too_long_expires_unsent() {
    let folder = tempfile::tempdir().unwrap();
    let slow = CONFIG.replace("latency: 5ms, timeout: 50ms", "latency: 40ms, timeout: 50ms");
    let edge = Edge::start(folder.path(), &slow);
    edge.until("values", |e| e.runtime.tag("a", "speed").unwrap().value.is_some()).await;
    let request = |id: &str, millis| CommandRequest {
        id: Some(id.into()),
        device: "a".into(),
        tag: "speed".into(),
        value: json!(1),
        expires_in: Some(Duration::from_millis(millis)),
        by: "test".into(),
    };
    // The first keeps the link busy for 40 ms; the second has 1 ms.
    edge.runtime.command(request("long", 10_000)).await.unwrap();
    edge.runtime.command(request("short", 1)).await.unwrap();
    assert_eq!(edge.runtime.command_ended("short").await.unwrap().state, CommandState::Expired);
    assert_eq!(edge.runtime.command_ended("long").await.unwrap().state, CommandState::Done);
    let too_long = edge.runtime.command(request("x", 86_400_000)).await.unwrap_err();
    assert!(matches!(too_long, CommandRefused::Expiry(_)));
    edge.stop().await;
}

#[tokio::test]
async fn an_intent_without_an_outcome_is_unknown_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path()).await;
    let done = edge.write(Some("crash"), "a/speed", json!(7)).await.unwrap();
    assert_eq!(done.state, CommandState::Done);
    // The record of a start that ended between intent and outcome: the intent again, under an id of
    // its own.
    let mut intents = Vec::new();
    edge.journal.records(&mut |item| {
        if let tagwerk_journal::Item::Record(record) = item
            && record.kind == 1
        {
            intents.push(record.payload.to_vec());
        }
        std::ops::ControlFlow::Continue(())
    });
    let open = String::from_utf8(intents.remove(0)).unwrap().replace("crash", "open");
    edge.journal.append_record(1, open.as_bytes()).unwrap();
    edge.stop().await;
    let edge = start(folder.path()).await;
    let open = edge.runtime.command_ended("open").await.unwrap();
    assert_eq!(open.state, CommandState::Unknown);
    assert_eq!(edge.runtime.device("a").unwrap().counters.writes, 0, "it is never sent again");
    edge.stop().await;
}
