//! A past that nobody measured: there from the edge's first start on, under the numbers that the edge
//! gives, with what an edge would have kept of it.

use crate::process::{Edge, tagwerk};
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
        interval: 500ms
        tags:
          - { name: level, address: "ramp:0..100", type: float64, unit: "%" }
          - { name: strokes, address: counter, type: uint64 }
          - { name: state, address: counter, type: int32, report: change }
      - name: slow
        interval: 10m
        tags:
          - { name: shift, address: "constant:early", type: text }
"#;

fn ask(edge: &Edge, query: &str) -> Value {
    let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
    answer.expect(200).json()["rows"].clone()
}

fn number(edge: &Edge, query: &str) -> u64 {
    let rows = ask(edge, query);
    rows[0][0].as_u64().unwrap_or_else(|| panic!("{query}: {rows}"))
}

const STARTED: &str = "(SELECT min(time) FROM events WHERE text LIKE 'Tagwerk % started')";

#[test]
fn it_is_there_from_the_first_start_on_and_goes_on() {
    let (mut edge, made) = Edge::with_past(MIXER, "24h", "60s");
    let samples = made["samples"].as_u64().unwrap();
    until("what is new comes after what was made", || {
        (number(&edge, "SELECT count(*) FROM samples") > samples + 20).then_some(())
    });
    let made = format!("SELECT count(*) FROM samples WHERE time < {STARTED}");
    assert_eq!(number(&edge, &made), samples);
    let newer = format!("SELECT count(*) FROM samples WHERE tag = 'level' AND time > {STARTED}");
    assert!(number(&edge, &newer) > 0, "the same tag goes on");
    assert!(edge.stop().success());
    edge.restart();
    assert_eq!(number(&edge, &made), samples, "and after a restart");
    assert!(edge.stop().success());
    let config = edge.data.path().join("initial.yaml");
    let again = tagwerk(edge.data.path()).arg("past").arg("--config").arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("holds samples already"), "{said}");
}

#[test]
fn it_has_outages_and_only_changes_where_only_those_are_kept() {
    let (edge, _) = Edge::with_past(MIXER, "24h", "60s");
    let count = |tag: &str, which: &str| {
        let past = format!("tag = '{tag}' AND time < {STARTED}");
        number(&edge, &format!("SELECT count(*) FROM samples WHERE {past} AND {which}"))
    };
    let level = count("level", "true");
    // A day of minutes, less an outage of 5 to 25 of them.
    assert!((1_410..=1_437).contains(&level), "{level}");
    assert_eq!(count("level", "quality = 'bad'"), 1, "an outage is told once");
    assert_eq!(count("status", "true"), 3, "online, offline, online");
    assert!((140..=145).contains(&count("shift", "true")));
    assert!(count("state", "true") < 400, "only changes are kept");
    let falling = "SELECT count(*) FROM (SELECT CAST(value_u64 AS bigint) - lag(CAST(value_u64 AS bigint)) OVER (ORDER BY time) AS d \
                   FROM samples WHERE tag = 'strokes' AND quality = 'good' AND time < ";
    let falling = format!("{falling}{STARTED}) WHERE d < 0");
    assert_eq!(number(&edge, &falling), 0, "a count never falls");
}
