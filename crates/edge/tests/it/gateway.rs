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
