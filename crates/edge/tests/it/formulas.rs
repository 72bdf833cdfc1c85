//! Tags that are computed of others, from outside.

use crate::process::Edge;
use crate::rig::{repository, until};
use serde_json::{Value, json};

const PLANT: &str = r#"
version: 1
edge: { name: test-edge }
templates:
  - name: pump
    version: 1
    driver: sim
    parameters: [{ name: factor, type: integer, default: 2 }]
    groups:
      - name: g
        interval: 50ms
        tags:
          - { name: n, address: counter, type: uint32 }
          - { name: more, formula: "n * ${factor}", type: uint64 }
devices:
  - name: boiler
    driver: sim
    settings: { refuse: ["constant:9"] }
    groups:
      - name: process
        interval: 50ms
        tags:
          - { name: quarter, formula: "half / 2", type: float64, unit: bar }
          - { name: half, formula: "n / 2.0", type: float64, unit: bar }
          - { name: n, address: counter, type: int64 }
          - { name: broken, address: "constant:9", type: int64 }
          - { name: sum, formula: broken + n, type: int64 }
          - { name: spare, formula: "coalesce(broken, n)", type: int64 }
          - { name: nothing, formula: "nullif(n, n)", type: int64 }
          - { name: small, formula: "n + 100000", type: int16 }
          - { name: odd, formula: "n % 2 = 1", type: bool, report: change }
  - name: reported
    driver: sim
    settings: { report: true }
    groups:
      - name: g
        interval: 50ms
        tags:
          - { name: n, address: counter, type: uint64 }
          - { name: fixed, address: "constant:3", type: int64 }
          - { name: twice, formula: n * 2, type: uint64 }
          - { name: still, formula: fixed * 2, type: int64 }
          - { name: elsewhere, formula: "boiler.n * 1", type: int64 }
  - { name: pump-1, template: pump, parameters: { factor: 3 } }
  - { name: pump-2, template: pump }
  - name: totals
    driver: calculated
    groups:
      - name: all
        interval: 100ms
        tags:
          - { name: pumps, formula: '"pump-1/n" + "pump-2".n', type: uint64 }
          - { name: online, formula: 'boiler.status AND "pump-1/status"', type: bool }
          - { name: label, formula: "CASE WHEN online THEN 'runs' ELSE 'stands' END", type: text }
"#;

fn tag(edge: &Edge, name: &str) -> Value {
    let (device, tag) = name.split_once('/').unwrap();
    edge.local().get(&format!("/api/v1/devices/{device}/tags/{tag}")).expect(200).json()
}

fn rows(edge: &Edge, query: &str) -> Vec<Value> {
    let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
    answer.expect(200).json()["rows"].as_array().unwrap().clone()
}

fn good(edge: &Edge, name: &str) -> Value {
    until(&format!("{name} is good"), || {
        let tag = tag(edge, name);
        (tag["quality"]["severity"] == "good").then_some(tag)
    })
}

#[test]
fn computed_tags_stand_in_the_row_of_what_they_read() {
    let edge = Edge::with_config(PLANT);
    let half = good(&edge, "boiler/half");
    assert_eq!((&half["formula"], &half["address"]), (&json!("n / 2.0"), &json!("")));
    assert_eq!((&half["access"], &half["unit"]), (&json!("read"), &json!("bar")));
    good(&edge, "pump-1/more");
    let history = until("history has them", || {
        let query = "SELECT n, half, quarter, odd FROM boiler WHERE n IS NOT NULL ORDER BY n";
        let rows = rows(&edge, query);
        (rows.len() >= 10).then_some(rows)
    });
    for row in &history {
        let n = row[0].as_i64().unwrap();
        assert_eq!(row[1].as_f64(), Some(n as f64 / 2.0), "{row}");
        assert_eq!(row[2].as_f64(), Some(n as f64 / 4.0), "{row}");
        assert_eq!(row[3], n % 2 == 1, "each differs from the one before: {row}");
    }
    for (pump, factor) in [("pump-1", 3), ("pump-2", 2)] {
        let query = format!("SELECT n, more FROM \"{pump}\" WHERE more IS NOT NULL");
        for row in until("rows of the pump", || Some(rows(&edge, &query)).filter(|r| r.len() > 3)) {
            assert_eq!(row[1].as_i64(), row[0].as_i64().map(|n| n * factor), "{pump}: {row}");
        }
    }
}

#[test]
fn a_bad_input_makes_a_bad_value_with_the_reason() {
    let edge = Edge::with_config(PLANT);
    good(&edge, "boiler/half");
    for (name, severity, quality, reason) in [
        ("boiler/sum", "bad", "BadNodeIdUnknown", "boiler/broken is bad"),
        ("boiler/spare", "uncertain", "UncertainSubNormal", ""),
        ("boiler/nothing", "bad", "BadNoData", "the formula gives NULL"),
        ("boiler/small", "bad", "BadOutOfRange", "does not fit int16"),
    ] {
        let tag = tag(&edge, name);
        assert_eq!(tag["quality"]["severity"], severity, "{tag}");
        assert_eq!(tag["quality"]["name"], quality, "{tag}");
        assert!(tag["reason"].as_str().unwrap_or_default().contains(reason), "{tag}");
    }
    assert_eq!(tag(&edge, "boiler/spare")["value"].as_i64().map(|n| n > 0), Some(true));
    let command = json!({ "device": "boiler", "tag": "half", "value": 1 });
    let refused = edge.local().post("/api/v1/commands", &command).refusal(400, "invalid");
    assert_eq!(refused["message"], "boiler/half is computed by a formula");
}

#[test]
fn tags_of_other_devices_are_read_as_they_are_now() {
    let edge = Edge::with_config(PLANT);
    let pumps = until("both pumps are counted", || {
        let tag = tag(&edge, "totals/pumps");
        (tag["value"].as_i64()? > 20).then_some(tag)
    });
    assert_eq!(pumps["quality"]["severity"], "good", "{pumps}");
    assert_eq!(good(&edge, "totals/online")["value"], true);
    assert_eq!(good(&edge, "totals/label")["value"], "runs");
    let device = edge.local().get("/api/v1/devices/totals").expect(200).json();
    assert_eq!(device["state"], "online", "{device}");
    // One pump stops to be, as far as the edge knows.
    let off =
        PLANT.replace("parameters: { factor: 3 } }", "parameters: { factor: 3 }, enabled: false }");
    edge.apply(&off, edge.revision()).expect(200);
    let bad = until("the sum is bad", || {
        let tag = tag(&edge, "totals/pumps");
        (tag["quality"]["severity"] == "bad").then_some(tag)
    });
    assert_eq!(bad["reason"], "pump-1/n is bad", "{bad}");
    assert_eq!(bad["quality"]["name"], "BadOutOfService", "{bad}");
    edge.apply(PLANT, edge.revision()).expect(200);
    good(&edge, "totals/pumps");
}

#[test]
fn what_devices_report_is_computed_when_it_comes() {
    let edge = Edge::with_config(PLANT);
    let history = until("reports are in history", || {
        let rows = rows(
            &edge,
            "SELECT n, twice, n_source_time = twice_source_time FROM reported \
                                WHERE twice IS NOT NULL",
        );
        (rows.len() >= 10).then_some(rows)
    });
    for row in &history {
        assert_eq!(row[1].as_i64(), row[0].as_i64().map(|n| 2 * n), "{row}");
        assert_eq!(row[2], true, "{row}");
    }
    assert_eq!(good(&edge, "reported/still")["value"], 6);
    let first = good(&edge, "reported/elsewhere")["value"].as_i64().unwrap();
    until("it follows the other device", || {
        (tag(&edge, "reported/elsewhere")["value"].as_i64()? > first).then_some(())
    });
}

#[test]
fn a_change_of_what_is_read_plans_formulas_anew() {
    let edge = Edge::with_config(PLANT);
    good(&edge, "totals/pumps");
    // The group of the total is as it was; its inputs are of another type.
    let waves =
        PLANT.replace("address: counter, type: uint32", "address: 'sine:1s', type: float64");
    let refused = edge.apply(&waves, edge.revision()).refusal(422, "invalid").to_string();
    let told = "the formula gives float64, and the tag is of type uint64";
    assert!(refused.contains(told), "{refused}");
    let (more, sum) = ("n * ${factor}\", type: uint64", "+ \"pump-2\".n', type: uint64");
    let float = |text: &str| text.replace("uint64", "float64");
    let waves = waves.replace(more, &float(more)).replace(sum, &float(sum));
    edge.apply(&waves, edge.revision()).expect(200);
    until("the sum is of waves", || {
        let sum = tag(&edge, "totals/pumps");
        sum["value"].as_f64().filter(|_| sum["type"] == "float64")
    });
    let edited = PLANT.replace("n * ${factor}", "n * ${factor} + 1");
    edge.apply(&edited, edge.revision()).expect(200);
    let query = "SELECT n, more FROM \"pump-2\" ORDER BY time DESC LIMIT 1";
    until("the new formula is at work", || {
        let row = rows(&edge, query).pop()?;
        (row[1].as_i64()? == 2 * row[0].as_i64()? + 1).then_some(())
    });
}

#[test]
fn findings_of_formulas_stand_where_they_are() {
    let edge = Edge::start();
    for (from, to, problem, line) in [
        ("half / 2", "hlf / 2", "the device has no tag hlf", "quarter"),
        ("n / 2.0", "quarter * 2", "the tag is computed of itself, by way of boiler/", "quarter"),
        ("n * ${factor}", "m * ${factor}", "the device has no tag m", "name: more"),
        ("\"pump-1/n\" +", "\"pump-9/n\" +", "there is no device pump-9", "name: pumps"),
        (
            "address: counter, type: int64",
            "address: counter, formula: a, type: int64",
            "an address and a formula",
            "formula: a,",
        ),
        ("formula: n * 2, type", "type", "`address` is missing", "name: twice"),
        (
            "formula: '\"pump-1/n\" + \"pump-2\".n'",
            "address: x",
            "no machine to read",
            "name: pumps",
        ),
        (
            "formula: fixed * 2, type: int64",
            "formula: fixed * 2, type: int64, scale: { slope: 2 }",
            "`scale` is for what a device gives",
            "still",
        ),
        (
            "formula: fixed * 2, type: int64",
            "formula: fixed * 2, type: int64, access: read_write",
            "cannot be written",
            "still",
        ),
    ] {
        let text = PLANT.replacen(from, to, 1);
        assert_ne!(text, PLANT, "{from}");
        let sent = edge.local().send("POST", "/api/v1/config/lint", Some(text.as_bytes()));
        let answer = sent.expect(200).json();
        let findings = answer["findings"].as_array().unwrap();
        let found = findings.iter().find(|f| f["problem"].as_str().unwrap().contains(problem));
        let found = found.unwrap_or_else(|| panic!("{problem}: {answer}"));
        let at = found["line"].as_u64().unwrap() as usize;
        assert!(text.lines().nth(at - 1).unwrap().contains(line), "{found}");
        assert!(!found["remedy"].as_str().unwrap().is_empty(), "{found}");
    }
}

#[test]
fn a_formula_is_tried_with_the_values_of_now() {
    let edge = Edge::with_config(PLANT);
    good(&edge, "boiler/half");
    let viewer = edge.with_role("viewer");
    let check = |formula: &str, gives: &str| {
        let sent = json!({ "device": "boiler", "formula": formula, "type": gives });
        viewer.post("/api/v1/formulas/check", &sent)
    };
    let answer = check("n * 0 + \"reported/still\" + 1", "int64").expect(200).json();
    assert_eq!((&answer["value"], &answer["text"]), (&json!(7), &json!("7")), "{answer}");
    assert_eq!(answer["quality"]["severity"], "good", "{answer}");
    let inputs = answer["inputs"].as_array().unwrap();
    let names: Vec<_> = inputs.iter().map(|i| (&i["device"], &i["tag"])).collect();
    assert_eq!(names, [(&json!("boiler"), &json!("n")), (&json!("reported"), &json!("still"))]);
    assert_eq!(inputs[1]["value"], 6, "{answer}");
    let bad = check("broken + 1", "int64").expect(200).json();
    assert_eq!((&bad["value"], &bad["reason"]), (&Value::Null, &json!("boiler/broken is bad")));
    let wrong = check("1 + brken", "int64").expect(200).json();
    let finding = &wrong["findings"][0];
    assert_eq!((&finding["line"], &finding["column"]), (&json!(1), &json!(5)), "{wrong}");
    assert_eq!(finding["remedy"], "did you mean broken?");
    check("n", "number").refusal(400, "invalid");
}

/// The examples of the guides with drivers as they are here.
#[test]
fn the_guides_are_right() {
    let edge = Edge::start();
    let guides =
        [("formulas", ""), ("mqtt-devices", ""), ("rules", "version: 1\nedge: { name: x }\n")];
    for (guide, head) in guides {
        let path = repository().join(format!("docs/guides/{guide}.md"));
        let text = std::fs::read_to_string(path).unwrap();
        let examples =
            text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let begins = if head.is_empty() { "version:" } else { "devices:" };
        let examples: Vec<&str> = examples.filter(|text| text.starts_with(begins)).collect();
        assert!(!examples.is_empty(), "{guide}");
        for example in examples {
            let sent = format!("{head}{example}");
            let lint = edge.local().send("POST", "/api/v1/config/lint", Some(sent.as_bytes()));
            assert_eq!(lint.expect(200).json()["findings"], json!([]), "{guide}: {example}");
        }
    }
}
