//! Changes, restarts of the server, history, limits.

use crate::rig::{Edge, Peer, plan, reports, watch};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tagwerk_component::{Fault, Report};
use tagwerk_env::SystemClock;
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_testkit::FaultProxy;
use tagwerk_testkit::proxy::Direction;

fn settings(peer: &Peer) -> Json {
    json!({ "endpoint": peer.url(), "security": "None" })
}

fn has(all: &[Report], tag: u32, value: Value) -> bool {
    all.iter().any(|report| report.tag == tag && report.value.as_ref() == Some(&value))
}

#[tokio::test]
async fn changes_come_and_groups_come_and_go() {
    let mut peer = Peer::start(json!({}));
    let edge = Edge::new();
    let temp = plan(settings(&peer), &[("nsu=urn:plant;s=Line1.Temp", DataType::Float64)]);
    let count = plan(settings(&peer), &[("nsu=urn:plant;s=Line1.Count", DataType::Int64)]);
    let mut session = edge.open(&temp).await.unwrap();
    session.watch(&[watch(&temp, 1, None)]).await.unwrap();
    let all = reports(&mut *session, |all| has(all, 0, Value::F64(20.5))).await;
    assert_eq!(all.len(), 1);
    peer.tell("set Temp 21.5");
    reports(&mut *session, |all| has(all, 0, Value::F64(21.5))).await;
    let both = [watch(&temp, 1, None), watch(&count, 2, None)];
    session.watch(&both).await.unwrap();
    let all = reports(&mut *session, |all| has(all, 0, Value::I64(0))).await;
    assert!(all.iter().all(|report| report.watch.0 == 2), "the other was reported before");
    session.watch(&both[1..]).await.unwrap();
    peer.tell("set Temp 22.5");
    peer.tell("set Count 9007199254740993");
    let exact = Value::I64(9_007_199_254_740_993);
    let all = reports(&mut *session, |all| has(all, 0, exact.clone())).await;
    assert!(all.iter().all(|report| report.watch.0 == 2), "the other is no longer watched");
    session.watch(&[]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_moves_its_namespaces_is_found_again() {
    let peer = Peer::start(json!({}));
    let port = peer.port;
    let edge = Edge::new();
    let tags = [
        ("nsu=urn:plant;s=Line1.Temp", DataType::Float64),
        ("ns=2;s=Line1.Temp", DataType::Float64),
        ("nsu=urn:plant;s=Line1.Count", DataType::Int64),
    ];
    let device = plan(settings(&peer), &tags);
    let mut session = edge.open(&device).await.unwrap();
    session.watch(&[watch(&device, 1, None)]).await.unwrap();
    let all = reports(&mut *session, |all| all.len() >= 3).await;
    assert!(all.iter().all(|report| report.quality.is_good()), "{all:?}");
    drop(peer);
    let lost = loop {
        if let Err(fault) = session.event(&mut Vec::new()).await {
            break fault;
        }
    };
    assert!(matches!(lost, Fault::Link(_)), "{lost:?}");
    assert!(matches!(edge.open(&device).await.err(), Some(Fault::Link(_))), "nobody is there");
    let again = json!({ "uris": ["urn:new", "urn:plant"], "without": ["Count"] });
    let _peer = Peer::start_at(port, again);
    let mut session = edge.open(&device).await.unwrap();
    assert_eq!(session.counters(), [("namespaces with another number", 1)]);
    session.watch(&[watch(&device, 1, None)]).await.unwrap();
    let mut all = reports(&mut *session, |all| all.len() >= 3).await;
    all.sort_by_key(|report| report.tag);
    assert_eq!(all[0].value, Some(Value::F64(20.5)), "found by the name of its namespace");
    assert_eq!(all[1].quality, Quality::BAD_UNKNOWN_ADDRESS);
    assert_eq!(all[2].quality, Quality::BAD_UNKNOWN_ADDRESS);
    let log = edge.log();
    for part in [
        "Namespace 2 was `urn:plant` at the first connection and is now `urn:new`",
        "2 nodes cannot be watched: ns=2;s=Line1.Temp, nsu=urn:plant;s=Line1.Count",
    ] {
        assert!(log.contains(part), "{part} is not in the log:\n{log}");
    }
}

#[tokio::test]
async fn what_was_missed_comes_from_the_history() {
    let mut peer = Peer::start(json!({}));
    let edge = Edge::new();
    let tags = [
        ("nsu=urn:plant;s=Line1.Past", DataType::Float64),
        ("nsu=urn:plant;s=Line1.Temp", DataType::Float64),
    ];
    let start: i64 = 1_795_000_000_000;
    for step in 0..20 {
        peer.tell(&format!("past Past {} {step}.5", start + step * 1_000));
    }
    let device = plan(settings(&peer), &tags);
    let mut session = edge.open(&device).await.unwrap();
    let known_to = Some((start + 5_000) * 1_000_000);
    session.watch(&[watch(&device, 1, known_to)]).await.unwrap();
    let past = |all: &[Report]| all.iter().filter(|report| report.past).count();
    let all = reports(&mut *session, |all| past(all) >= 13 && all.len() >= 15).await;
    let of_past: Vec<&Report> = all.iter().filter(|report| report.tag == 0).collect();
    let mut times: Vec<i64> = of_past.iter().map(|report| report.source_time.unwrap()).collect();
    let filled: Vec<i64> =
        of_past.iter().filter(|r| r.past).map(|r| r.source_time.unwrap()).collect();
    assert!(filled.is_sorted());
    times.sort();
    let expected: Vec<i64> = (6..20).map(|step| (start + step * 1_000) * 1_000_000).collect();
    assert_eq!(times, expected, "each once, what was known left out");
    assert!(all.iter().all(|report| report.tag == 0 || !report.past), "no history, no past");
}

#[tokio::test]
async fn small_limits_are_kept() {
    let limits = json!({
        "MaxNodesPerRead": 3, "MaxMonitoredItemsPerCall": 4, "MaxNodesPerHistoryReadData": 1,
        "MaxNodesPerTranslateBrowsePathsToNodeIds": 5, "MaxNodesPerBrowse": 1
    });
    let peer = Peer::start(json!({ "limits": limits, "extra": 30 }));
    let edge = Edge::new();
    let addresses: Vec<String> =
        (0..30).map(|n| format!("nsu=urn:plant;s=Line1.Extra{n}")).collect();
    let tags: Vec<(&str, DataType)> =
        addresses.iter().map(|address| (address.as_str(), DataType::Int32)).collect();
    let device = plan(settings(&peer), &tags);
    let mut session = edge.open(&device).await.unwrap();
    let values = crate::rig::read(&mut *session, &device, &tags).await;
    for (number, (value, _)) in values.iter().enumerate() {
        assert_eq!(*value, Some(Value::I64(number as i64)));
    }
    session.watch(&[watch(&device, 1, None)]).await.unwrap();
    reports(&mut *session, |all| all.len() >= 30).await;
    let log = edge.log();
    assert!(log.contains("read: 3,") && log.contains("items: 4"), "{log}");
    assert!(log.contains("Watch 4 nodes") && !log.contains("Watch 5 nodes"), "{log}");
}

#[tokio::test]
async fn a_link_that_is_dead_is_noticed() {
    let peer = Peer::start(json!({}));
    let target = format!("127.0.0.1:{}", peer.port).parse().unwrap();
    let proxy = FaultProxy::start(target, Arc::new(SystemClock::new())).await.unwrap();
    let edge = Edge::new();
    let endpoint = format!("opc.tcp://{}", proxy.address());
    let settings = json!({ "endpoint": endpoint, "security": "None", "timeout": "500ms" });
    let device = plan(settings, &[("nsu=urn:plant;s=Line1.Temp", DataType::Float64)]);
    // The server gives its own address in its endpoints; the configured one is used.
    let mut session = edge.open(&device).await.unwrap();
    session.watch(&[watch(&device, 1, None)]).await.unwrap();
    reports(&mut *session, |all| !all.is_empty()).await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.set(direction, tagwerk_testkit::Fault::HalfOpen);
    }
    let lost = loop {
        if let Err(fault) = session.event(&mut Vec::new()).await {
            break fault;
        }
    };
    assert_eq!(lost, Fault::Link("the server did not answer within 500 ms".to_owned()));
}
