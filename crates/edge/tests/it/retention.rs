//! Rules of a configuration about how long history keeps what: samples that are over become rollups,
//! and statements and charts go on as if they were there.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const MIXER: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: mixer
    driver: sim
    groups:
      - name: fast
        interval: 1s
        tags:
          - { name: level, address: "ramp:0..100", type: float64, unit: "%" }
          - { name: strokes, address: counter, type: uint64 }
      - name: kept
        interval: 1s
        tags: [{ name: other, address: "ramp:0..100", type: float64 }]
"#;

const RULES: &str = "history: { keep: [{ tags: ['mixer/fast/*'], samples: 3h, minutes: 24h }] }\n";

fn ask(edge: &Edge, query: &str) -> Value {
    let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
    answer.expect(200).json()["rows"].clone()
}

#[test]
fn samples_that_are_over_become_rollups_and_answers_stay() {
    let (edge, _) = Edge::with_past(MIXER, "48h", "10s");
    let local = edge.local();
    let whole = "SELECT tag, count(*), min(value), max(value), first(value, time), \
                 round(avg(value), 6), round(time_weighted_average(time, value), 6) FROM samples";
    let day = ask(&edge, "SELECT min(time) FROM samples_by_day")[0][0].clone();
    let day = day.as_str().unwrap();
    // Over before the edge ran, so that nothing is added to it.
    let whole = format!(
        "{whole} WHERE time < TIMESTAMP '{day}' + INTERVAL '1 day' GROUP BY tag ORDER BY tag"
    );
    let before = ask(&edge, &whole);
    assert!(before.as_array().unwrap().len() >= 3, "{before}");
    let config = format!("{MIXER}{RULES}");
    edge.apply(&config, 1).expect(200);
    until("samples become rollups of minutes and of hours", || {
        let storage = local.get("/api/v1/storage").expect(200).json();
        let rollups = &storage["history"]["rollups"];
        let of = |width: &str| rollups[width].as_u64().unwrap_or_default();
        (of("minute_bytes") > 0 && of("hour_bytes") > 0).then_some(())
    });
    assert_eq!(ask(&edge, &whole), before);
    let level = "SELECT count(*) FROM samples WHERE tag = 'level' AND value > -1";
    let left = ask(&edge, level)[0][0].as_u64().unwrap();
    assert!(left < 6 * 3_600 / 10, "{left} samples are left");
    let other = "SELECT count(*) FROM samples WHERE tag = 'other' AND value > -1";
    assert!(ask(&edge, other)[0][0].as_u64().unwrap() > 16_000, "no rule chooses it");
    let hours = "SELECT count(*), sum(samples) FROM samples_by_hour WHERE tag = 'level'";
    let hours = ask(&edge, hours);
    assert!((48..=50).contains(&hours[0][0].as_u64().unwrap()), "{hours}");
    let chart =
        local.get(&format!("/api/v1/devices/mixer/tags/level/samples?from={day}&points=400"));
    let chart = chart.expect(200).json();
    assert!(chart["rolled_up_to"].is_string(), "{chart}");
    assert!(chart["samples"].as_array().unwrap().len() > 50);
}
