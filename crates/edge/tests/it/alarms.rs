//! Alarms, from outside: raised by samples, handled by operators, and there after a kill.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const CONFIG: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: boiler
    driver: sim
    groups:
      - name: process
        interval: 100ms
        tags:
          - { name: temperature, address: "constant:120", type: float64, unit: "°C" }
          - { name: running, address: "constant:false", type: bool }
          - { name: level, address: "sine:1s", type: float64 }
  - name: dead
    driver: sim
    settings: { unreachable: true }
    groups:
      - name: g
        interval: 1s
        tags: [{ name: n, address: counter, type: int32 }]
alarms:
  - { name: overheated, tags: ["boiler/temperature"], condition: above, limit: 95, hysteresis: 2,
      priority: critical, text: Boiler too hot, response: Close valve V3 }
  - { name: stopped, tags: ["boiler/running"], condition: equals, value: false, on_delay: 300ms }
  - { name: lost, tags: ["dead/*", "boiler/*"], condition: bad, on_delay: 200ms, priority: low }
  - { name: waves, tags: ["boiler/level"], condition: above, limit: 0, acknowledge: false }
  - { name: off, tags: ["boiler/*"], condition: bad, enabled: false }
"#;

fn alarms(edge: &Edge, query: &str) -> Vec<Value> {
    let page = edge.local().get(&format!("/api/v1/alarms{query}")).expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn of(alarms: &[Value], name: &str, tag: &str) -> Option<Value> {
    alarms.iter().find(|alarm| alarm["name"] == name && alarm["tag"] == tag).cloned()
}

fn choice(name: &str, device: &str, tag: &str) -> Value {
    json!({ "alarms": [{ "name": name, "device": device, "tag": tag }] })
}

fn three_open(edge: &Edge) -> Vec<Value> {
    until("three alarms are unacknowledged", || {
        let open = alarms(edge, "?state=unacknowledged");
        (open.len() == 3).then_some(open)
    })
}

#[test]
fn alarms_are_raised_acknowledged_and_there_after_a_kill() {
    let mut edge = Edge::with_config(CONFIG);
    let open = three_open(&edge);
    assert_eq!(open[0]["name"], "overheated", "the most urgent first");
    assert_eq!(open[0]["condition"], "above 95 °C");
    assert_eq!((&open[0]["value"], &open[0]["unit"]), (&json!(120.0), &json!("°C")));
    assert_eq!(open[0]["response"], "Close valve V3");
    assert!(of(&open, "stopped", "running").is_some() && of(&open, "lost", "n").is_some());
    let all = alarms(&edge, "");
    assert_eq!(all.len(), 7, "one for each tag, none of what is off: {all:?}");
    assert_eq!(alarms(&edge, "?text=valve").len(), 0);
    assert_eq!(alarms(&edge, "?text=TOO%20hot&device=boiler&priority=critical").len(), 1);

    let operator = edge.with_role("operator");
    let mut sent = choice("overheated", "boiler", "temperature");
    sent["comment"] = "on my way".into();
    let done = operator.post("/api/v1/alarms/acknowledge", &sent).expect(200).json();
    assert_eq!(done["done"][0]["state"], "acknowledged", "{done}");
    let again = operator.post("/api/v1/alarms/acknowledge", &sent).expect(200).json();
    assert_eq!(again["refused"][0]["cause"], "there is nothing to acknowledge", "{again}");
    let mut sent = choice("stopped", "boiler", "running");
    sent["for_ms"] = 3_600_000.into();
    sent["comment"] = "summer break".into();
    let done = operator.post("/api/v1/alarms/shelve", &sent).expect(200).json();
    assert_eq!(done["done"][0]["shelf"]["comment"], "summer break", "{done}");
    until("the wave has come and gone", || {
        let changes = edge.local().get("/api/v1/alarms/changes?alarm=waves").expect(200).json();
        (changes["items"].as_array().unwrap().len() > 3).then_some(())
    });
    let counts = edge.local().get("/api/v1/status").expect(200).json()["alarms"].clone();
    // The critical one is acknowledged, that of medium priority shelved.
    assert_eq!((&counts["shelved"], &counts["highest"]), (&json!(1), &json!("low")));
    assert_eq!(counts["flood"], json!(null));

    edge.kill();
    edge.restart();
    let after = until("alarms are as they were", || {
        let all = alarms(&edge, "");
        let hot = of(&all, "overheated", "temperature")?;
        (hot["state"] == "acknowledged").then_some(all)
    });
    let stopped = of(&after, "stopped", "running").unwrap();
    assert_eq!((&stopped["state"], &stopped["raised"]), (&json!("shelved"), &json!(1)));
    assert_eq!(of(&after, "overheated", "temperature").unwrap()["raised"], 1);
    let changes = edge.local().get("/api/v1/alarms/changes?alarm=overheated").expect(200).json();
    let kinds: Vec<&Value> =
        changes["items"].as_array().unwrap().iter().map(|c| &c["kind"]).collect();
    assert_eq!(kinds, ["acknowledged", "raised"], "{changes}");
    assert_eq!(changes["items"][0]["comment"], "on my way", "{changes}");
    let ask = json!({ "query": "SELECT change, by IS NOT NULL, comment, value FROM alarms \
        WHERE alarm = 'overheated' ORDER BY time" });
    let rows = edge.local().post("/api/v1/sql", &ask).expect(200).json()["rows"].clone();
    let expected =
        json!([["raised", false, null, "120.0"], ["acknowledged", true, "on my way", "120.0"],]);
    assert_eq!(rows, expected);
}

#[test]
fn an_edit_keeps_the_alarms_that_are_still_there() {
    let edge = Edge::with_config(CONFIG);
    three_open(&edge);
    let changed = CONFIG.replace("limit: 95", "limit: 150").replace("name: stopped", "name: idle");
    edge.apply(&changed, edge.revision()).expect(200);
    let all = until("the boiler is no longer too hot", || {
        let all = alarms(&edge, "");
        let hot = of(&all, "overheated", "temperature")?;
        (hot["state"] == "cleared_unacknowledged").then_some(all)
    });
    assert_eq!(of(&all, "stopped", "running"), None);
    assert!(of(&all, "lost", "n").unwrap()["state"] == "unacknowledged");
}

#[test]
fn what_cannot_be_done_to_an_alarm_is_said() {
    let edge = Edge::with_config(CONFIG);
    let viewer = edge.with_role("viewer");
    let sent = choice("overheated", "boiler", "temperature");
    assert_eq!(viewer.post("/api/v1/alarms/acknowledge", &sent).status, 403);
    let unknown = choice("nothing", "boiler", "temperature");
    let answer = edge.local().post("/api/v1/alarms/acknowledge", &unknown).expect(200).json();
    assert_eq!(answer["refused"][0]["cause"], "there is no such alarm");
    let answer = edge.local().post("/api/v1/alarms/reset", &sent).expect(200).json();
    assert_eq!(answer["done"], json!([]), "{answer}");
    assert_eq!(edge.local().post("/api/v1/alarms/shelve", &sent).status, 400);
    assert_eq!(edge.local().post("/api/v1/alarms/silence", &sent).status, 404);
    assert_eq!(edge.local().get("/api/v1/alarms?state=loud").status, 400);
    assert_eq!(edge.local().get("/api/v1/alarms/changes?kind=loud").status, 400);
}

const SPECIAL: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: press
    driver: sim
    groups:
      - name: process
        interval: 50ms
        tags:
          - { name: temperature, address: "constant:120", type: float64, unit: "°C" }
          - { name: setpoint, address: "constant:100", type: float64, unit: "°C" }
          - { name: level, address: "sine:400ms", type: float64 }
          - { name: running, address: "constant:false", type: bool }
          - { name: strokes, address: "constant:-9223372036854775807", type: int64, unit: "1" }
  - name: dead
    driver: sim
    settings: { unreachable: true }
    groups:
      - name: g
        interval: 1s
        tags: [{ name: n, address: counter, type: int32 }]
alarms:
  - { name: off-setpoint, tags: ["press/temperature"], condition: deviation, limit: 5,
      reference: setpoint }
  - { name: idle, tags: ["press/temperature"], condition: above, limit: 100,
      suppress_when: { tag: press/running, equals: false } }
  - { name: waves, tags: ["press/level"], condition: above, limit: 0, priority: low }
  - { name: rises, tags: ["press/level"], condition: rising, limit: 1000, per: 1m }
  - { name: silent, tags: ["dead/n"], condition: stale, after: 2s, priority: high }
  - { name: many, tags: ["press/strokes"], condition: below, limit: 0, priority: critical }
"#;

#[test]
fn silence_distance_and_suppression_are_seen_and_a_flapping_alarm_is_counted() {
    let edge = Edge::with_config(SPECIAL);
    let waves = until("one alarm chatters", || {
        let waves = of(&alarms(&edge, ""), "waves", "level")?;
        (waves["chattering"] == true).then_some(waves)
    });
    assert!(waves["not_written"].as_u64().unwrap() >= 1, "{waves}");
    let all = until("the dead device is silent", || {
        let all = alarms(&edge, "");
        (of(&all, "silent", "n")?["state"] == "unacknowledged").then_some(all)
    });
    let order: Vec<&Value> = all.iter().map(|alarm| &alarm["name"]).collect();
    let expected = ["many", "silent", "off-setpoint", "waves", "idle", "rises"];
    assert_eq!(order, expected, "not acknowledged by priority, then put aside, then well");
    let part = |name: &str, key: &str| all.iter().find(|a| a["name"] == name).unwrap()[key].clone();
    assert_eq!(part("many", "value_text"), "-9223372036854775807");
    assert_eq!(part("silent", "condition"), "no value for 2s");
    assert_eq!(part("off-setpoint", "condition"), "more than 5 °C from press/setpoint");
    assert_eq!(part("rises", "condition"), "rising by more than 1000 in 1m");
    assert_eq!(part("idle", "state"), "suppressed");
    assert_eq!(part("idle", "suppressed"), "press/running is false");
    let changes = "/api/v1/alarms/changes?kind=chattering";
    let changes = edge.local().get(changes).expect(200).json()["items"].clone();
    assert_eq!((&changes[0]["name"], &changes[0]["count"]), (&json!("waves"), &json!(1)));
    let changes = edge.local().get("/api/v1/alarms/changes?alarm=many").expect(200).json();
    let raised = &changes["items"][0];
    assert_eq!((&raised["state"], &raised["unit"]), (&json!("unacknowledged"), &json!("1")));
    assert_eq!(raised["value_text"], "-9223372036854775807");
    let counts = edge.local().get("/api/v1/status").expect(200).json()["alarms"].clone();
    assert_eq!((&counts["chattering"], &counts["suppressed"]), (&json!(1), &json!(1)));
    assert!(counts["flood"]["alarms"].as_u64().unwrap() > 10, "of what flapped: {counts}");
    assert_eq!(counts["highest"], "critical");
}
