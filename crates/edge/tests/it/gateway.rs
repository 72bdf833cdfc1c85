//! The gateway as a device, and rules that wait for a time.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const CONFIG: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: gateway
    driver: system
    settings: { time_zone: Asia/Kolkata }
    groups:
      - name: health
        interval: 100ms
        tags:
          - { name: cpu, address: cpu.percent, type: float64, unit: "%" }
          - { name: own, address: process.memory, type: int64, unit: B }
          - { name: free, address: "disk.free:/", type: uint64, unit: B }
          - { name: mebibytes, formula: own / 1048576.0, type: float64, unit: MiB }
          - { name: warm, address: "temperature:4096", type: float64 }
  - name: clock
    driver: system
    settings: { time_zone: Asia/Kolkata }
    groups:
      - name: clock
        interval: 100ms
        tags:
          - { name: second, address: clock.second, type: uint8 }
          - { name: hour, address: clock.hour, type: uint8 }
rules:
  - name: every-second
    sql: SELECT second, hour FROM clock WHERE had_changed(second) FILTER (WHERE second IS NOT NULL)
"#;

#[test]
fn the_gateway_is_a_device_and_rules_wait_for_its_clock() {
    let edge = Edge::with_config(CONFIG);
    let tag = |name: &str| -> Value {
        edge.local().get(&format!("/api/v1/devices/gateway/tags/{name}")).expect(200).json()
    };
    let value = |name: &str| {
        until(&format!("{name} is good"), || {
            let tag = tag(name);
            (tag["quality"]["severity"] == "good").then(|| tag["value"].as_f64()).flatten()
        })
    };
    assert!((0.0..=100.0).contains(&value("cpu")));
    assert!(value("own") > 1e6 && value("free") > 0.0 && value("mebibytes") > 1.0);
    assert_eq!(tag("warm")["quality"]["name"], "BadNodeIdUnknown");
    let query = json!({ "query": "SELECT second FROM \"every-second\" ORDER BY time" });
    let rows = until("three seconds have passed", || {
        let rows = edge.local().post("/api/v1/sql", &query).expect(200).json()["rows"].clone();
        (rows.as_array()?.len() >= 3).then_some(rows)
    });
    let seconds: Vec<i64> =
        rows.as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect();
    assert!(seconds.windows(2).all(|two| (two[0] + 1) % 60 == two[1]), "{seconds:?}");
}

/// One sink has nobody to talk to, another is disabled, and a device cannot be reached.
const LOST: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: press
    driver: modbus-tcp
    settings: { host: 127.0.0.1, port: 1 }
    groups:
      - { name: g, interval: 1s, tags: [{ name: n, address: "holding:0", type: uint16 }] }
  - name: edge
    driver: system
    groups:
      - name: health
        interval: 100ms
        tags:
          - { name: cloud, address: "sink.connected:cloud", type: bool }
          - { name: waiting, address: "sink.backlog:cloud", type: uint64 }
          - { name: off, address: "sink.connected:off", type: bool }
          - { name: down, address: sinks.down, type: uint8 }
          - { name: lost, address: devices.lost, type: uint32 }
sinks:
  - { name: cloud, kind: mqtt, settings: { url: "mqtt://127.0.0.1:1" }, tags: ["*/*"] }
  - { name: off, kind: mqtt, enabled: false, settings: { url: "mqtt://127.0.0.1:1" }, tags: ["*/*"] }
alarms:
  - { name: cloud-lost, tags: ["edge/cloud"], condition: equals, value: false, priority: high }
rules:
  - name: outage
    sql: SELECT cloud = false AS lost FROM edge WHERE had_changed(cloud) FILTER (WHERE cloud IS NOT NULL)
"#;

#[test]
fn lost_sinks_and_devices_are_tags_for_alarms_and_rules() {
    let edge = Edge::with_config(LOST);
    let tag = |name: &str| -> Value {
        edge.local().get(&format!("/api/v1/devices/edge/tags/{name}")).expect(200).json()
    };
    until("the sink is lost", || (tag("cloud")["value"] == false).then_some(()));
    until("the device is lost", || (tag("lost")["value"] == 1).then_some(()));
    until("samples wait", || (tag("waiting")["value"].as_u64()? > 0).then_some(()));
    assert_eq!(tag("down")["value"], 1);
    assert_eq!(tag("off")["quality"]["name"], "BadNodeIdUnknown");
    until("the alarm is raised", || {
        let alarms = edge.local().get("/api/v1/alarms").expect(200).json();
        let raised = |alarm: &Value| alarm["name"] == "cloud-lost" && alarm["active"] == true;
        alarms["items"].as_array()?.iter().any(raised).then_some(())
    });
    let query = json!({ "query": "SELECT lost FROM outage" });
    until("the rule is told", || {
        let rows = edge.local().post("/api/v1/sql", &query).expect(200).json()["rows"].clone();
        (rows == json!([[true]])).then_some(())
    });
}
