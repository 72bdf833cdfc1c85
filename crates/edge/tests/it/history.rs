//! History: what is kept beyond the journal.

use crate::http::Http;
use crate::process::{Edge, MIXER};
use crate::rig::until;
use serde_json::{Value, json};

const SAMPLES: &str = "/api/v1/devices/mixer/tags/level/samples?points=10000";

fn samples(http: &Http) -> Vec<Value> {
    http.get(SAMPLES).expect(200).json()["samples"].as_array().unwrap().clone()
}

#[test]
fn samples_are_there_once_after_a_kill_and_after_an_end() {
    let mut edge = Edge::with_config(MIXER);
    let before = until("samples come into history", || {
        let samples = samples(&edge.local());
        (samples.len() >= 5).then_some(samples)
    });
    edge.kill();
    edge.restart();
    let begins_as_before = |edge: &Edge| {
        let samples = samples(&edge.local());
        (samples.len() >= before.len()).then_some(samples)
    };
    let after = until("history is read anew from the journal", || begins_as_before(&edge));
    assert_eq!(after[..before.len()], before[..], "the same samples, once");
    assert!(edge.stop().success());
    edge.restart();
    let after = samples(&edge.local());
    assert_eq!(after[..before.len()], before[..], "from the files of history, at once");
    let storage = edge.local().get("/api/v1/storage").expect(200).json();
    assert!(storage["history"]["bytes"].as_u64().unwrap() > 0, "{storage}");
}

#[test]
fn what_is_kept_is_told_and_stays_when_its_tag_goes() {
    let edge = Edge::with_config(MIXER);
    until("samples come into history", || (samples(&edge.local()).len() >= 3).then_some(()));
    let viewer = edge.with_role("viewer");
    let storage = viewer.get("/api/v1/storage").expect(200).json();
    assert!(storage["disk"]["free_bytes"].as_u64().unwrap() > 0, "{storage}");
    assert!(storage["history"]["limit_bytes"].as_u64().unwrap() > 0, "{storage}");
    assert_eq!(storage["history"]["errors"], 0, "{storage}");
    let path = "/api/v1/storage/tags?filter=mixer/LEVEL";
    let tags = viewer.get(path).expect(200).json();
    assert_eq!(tags["items"][0]["configured"], json!(true), "{tags}");
    edge.apply("version: 1\nedge: { name: test-edge }\n", 1).expect(200);
    let tags = viewer.get(path).expect(200).json();
    assert_eq!(
        (&tags["total"], &tags["items"][0]["configured"]),
        (&json!(1), &json!(false)),
        "{tags}"
    );
    let metrics = viewer.get("/metrics").text();
    assert!(metrics.contains("tagwerk_history_samples_total"), "{metrics}");
    viewer.get("/api/v1/storage/tags?limit=0").refusal(400, "invalid");
    edge.nobody().get("/api/v1/storage").refusal(401, "unauthenticated");
}
