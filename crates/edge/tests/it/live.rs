//! Values and commands, as they happen.

use crate::process::{Edge, MIXER};
use crate::rig::until;
use serde_json::{Value, json};

#[test]
fn a_subscriber_gets_the_full_picture_and_then_changes() {
    let edge = Edge::with_config(MIXER);
    let viewer = edge.with_role("viewer");
    let mut events = viewer.events("/api/v1/live?device=mixer");
    let (name, status) = events.next().unwrap();
    assert_eq!((name.as_str(), &status["edge"]), ("status", &json!("test-edge")));
    let level = |data: &Value| {
        let tags = data["tags"].as_array().unwrap();
        tags.iter().find(|tag| tag["name"] == "level").cloned()
    };
    let mut seen: Vec<Value> = Vec::new();
    for (name, data) in events {
        if name == "tags" {
            let good = level(&data).filter(|tag| tag["quality"] == "good");
            seen.extend(good.map(|tag| tag["value"].clone()));
        }
        if seen.len() == 3 {
            break;
        }
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    viewer.get("/api/v1/live?device=nobody").refusal(404, "not_found");
    viewer.get("/api/v1/live?tags=mixer").refusal(400, "invalid");
}

#[test]
fn the_sixty_fifth_subscriber_is_refused() {
    let edge = Edge::start();
    let viewer = edge.with_role("viewer");
    let held: Vec<_> = (0..64)
        .map(|_| {
            let mut events = viewer.events("/api/v1/live");
            assert_eq!(events.next().unwrap().0, "status");
            events
        })
        .collect();
    viewer.get("/api/v1/live").refusal(503, "unavailable");
    drop(held);
}

#[test]
fn a_command_is_carried_out_once_and_remembered() {
    let mut edge = Edge::with_config(MIXER);
    let operator = edge.with_role("operator");
    let mut events = operator.events("/api/v1/live?tags=mixer/speed");
    let good = events.find(|(name, data)| name == "tags" && data["tags"][0]["quality"] == "good");
    assert!(good.is_some());
    let new = json!({ "id": "batch-7", "device": "mixer", "tag": "speed", "value": 42.5 });
    let done = operator.post("/api/v1/commands", &new).expect(200).json();
    assert_eq!((&done["state"], &done["by"]), (&json!("done"), &json!("token operator")));
    assert_eq!(done["old_value"], 0.0);
    assert_eq!(operator.post("/api/v1/commands", &new).expect(200).json(), done, "from the record");
    let other = json!({ "id": "batch-7", "device": "mixer", "tag": "speed", "value": 43 });
    operator.post("/api/v1/commands", &other).refusal(409, "conflict");
    let beyond = json!({ "device": "mixer", "tag": "speed", "value": 400 });
    operator.post("/api/v1/commands", &beyond).refusal(400, "invalid");
    let fixed = json!({ "device": "mixer", "tag": "level", "value": 1 });
    operator.post("/api/v1/commands", &fixed).refusal(400, "invalid");
    let unknown = json!({ "device": "mixer", "tag": "colour", "value": 1 });
    operator.post("/api/v1/commands", &unknown).refusal(404, "not_found");
    let read = operator.send("POST", "/api/v1/devices/mixer/tags/speed/read", None);
    assert_eq!(read.expect(200).json()["value"], 42.5);
    edge.kill();
    edge.restart();
    let after = edge.local().get("/api/v1/commands/batch-7").expect(200).json();
    assert_eq!(after, done, "it survives a kill");
    assert_eq!(edge.local().get("/api/v1/commands").json()["total"], 1);
}

#[test]
fn a_tag_has_a_past() {
    let edge = Edge::with_config(MIXER);
    let viewer = edge.with_role("viewer");
    let events = viewer.events("/api/v1/live?tags=mixer/level");
    let good =
        |(name, data): &(String, Value)| name == "tags" && data["tags"][0]["quality"] == "good";
    assert_eq!(events.filter(good).take(4).count(), 4);
    let path = "/api/v1/devices/mixer/tags/level/samples";
    let past = until("history has what was live", || {
        let past = viewer.get(path).expect(200).json();
        (past["samples"].as_array().unwrap().len() >= 3).then_some(past)
    });
    assert_eq!(past["samples"][0]["quality"], "good");
    viewer.get(&format!("{path}?from=yesterday")).refusal(400, "invalid");
    viewer.get(&format!("{path}?points=1000000")).refusal(400, "invalid");
}
