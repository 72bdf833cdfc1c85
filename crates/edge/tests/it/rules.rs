//! Rules, from outside: what they give is there as any samples are, and goes on after an end.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const PLANT: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: boiler
    driver: sim
    groups:
      - name: process
        interval: 50ms
        tags:
          - { name: n, address: counter, type: int64 }
          - { name: level, address: "sine:1s", type: float64 }
      - name: set
        interval: 100ms
        tags:
          - { name: speed, address: "setpoint:speed", type: float64, access: read_write, range: [0, 100] }
"#;

const RULES: &str = r#"
rules:
  - name: hot
    sql: |
      SELECT n > 5 AS hot, level FROM boiler WHERE n IS NOT NULL
    text: Much of it
    labels: [boilers]
    units: { level: mm }
    actions:
      - alarm: { column: hot, name: too-many, priority: critical, text: Too many, response: Wait }
  - name: windows
    sql: |
      SELECT count(n) AS total, max(n) AS top
      FROM boiler GROUP BY tumbling_window('200ms')
    lateness: 3s
  - name: chained
    sql: SELECT total * 2 AS twice FROM windows
  - name: follow
    sql: SELECT 42.0 AS target FROM boiler WHERE n IS NOT NULL AND running_count(n) = 10
    actions:
      - write: { column: target, tag: boiler/speed }
  - name: counted
    sql: SELECT running_count(n) AS seen FROM boiler WHERE n IS NOT NULL
  - { name: sketch, stage: draft, sql: "SELECT n + 1 AS more FROM boiler" }
  - name: shadow
    stage: trial
    sql: SELECT 7.0 AS target, n FROM boiler WHERE n IS NOT NULL
    actions:
      - write: { column: target, tag: boiler/speed }
"#;

fn config() -> String {
    format!("{PLANT}{RULES}")
}

fn rule(edge: &Edge, name: &str) -> Value {
    edge.local().get(&format!("/api/v1/rules/{name}")).expect(200).json()
}

fn rows(edge: &Edge, query: &str) -> Value {
    let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
    answer.expect(200).json()["rows"].clone()
}

/// Waits until the rule has given so many rows since the edge started.
fn given(edge: &Edge, name: &str, count: u64) -> Value {
    until(&format!("{count} rows of {name}"), || {
        let rule = rule(edge, name);
        (rule["rows_out"].as_u64()? >= count).then_some(rule)
    })
}

fn names(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap()).collect()
}

#[test]
fn what_rules_give_is_there_as_any_samples_are() {
    let edge = Edge::with_config(&config());
    let hot = given(&edge, "hot", 20);
    assert_eq!((&hot["stage"], &hot["state"]), (&json!("live"), &json!("running")), "{hot}");
    assert_eq!(hot["tables"], json!(["boiler"]));
    let columns = json!([
        { "name": "hot", "data_type": "bool", "unit": null },
        { "name": "level", "data_type": "float64", "unit": "mm" },
    ]);
    assert_eq!(hot["columns"], columns);
    assert_eq!(hot["newest"]["columns"], json!(["hot", "level"]));
    assert!(hot["newest"]["rows"].as_array().unwrap().len() >= 20, "{hot}");
    assert!(hot["plan"].as_str().is_some_and(|plan| !plan.is_empty()) && hot["errors"] == 0);

    let viewer = edge.with_role("viewer");
    let all = viewer.get("/api/v1/rules").expect(200).json();
    let mut known = names(&all);
    known.sort();
    assert_eq!(known, ["chained", "counted", "follow", "hot", "shadow", "sketch", "windows"]);
    let asked = |query: &str| viewer.get(&format!("/api/v1/rules?{query}")).expect(200).json();
    assert_eq!(names(&asked("stage=draft")), ["sketch"]);
    assert_eq!(names(&asked("state=stopped")), ["sketch"]);
    assert_eq!(names(&asked("label=boilers&text=MUCH")), ["hot"]);
    let page = asked("limit=2&offset=1");
    assert_eq!((names(&page).len(), &page["total"]), (2, &json!(7)));
    viewer.get("/api/v1/rules?stage=old").refusal(400, "invalid");
    viewer.get("/api/v1/rules/nothing").refusal(404, "not_found");

    let tag = edge.local().get("/api/v1/devices/hot/tags/level").expect(200).json();
    assert_eq!(
        (&tag["unit"], &tag["quality"]["severity"]),
        (&json!("mm"), &json!("good")),
        "{tag}"
    );
    let alarm = until("the alarm of the rule is raised", || {
        let page = viewer.get("/api/v1/alarms?state=unacknowledged").expect(200).json();
        page["items"].as_array()?.first().cloned()
    });
    assert_eq!((&alarm["name"], &alarm["device"]), (&json!("too-many"), &json!("hot")), "{alarm}");
    until("the rule has written", || {
        let speed = edge.local().get("/api/v1/devices/boiler/tags/speed").expect(200).json();
        (speed["value"] == 42.0).then_some(())
    });
    let commands = edge.local().get("/api/v1/commands").expect(200).json();
    let commands = commands["items"].as_array().unwrap();
    assert_eq!(commands.len(), 1, "once, and not by a trial: {commands:?}");
    assert_eq!(commands[0]["by"], "rule follow");
    let metrics = edge.nobody().get("/metrics").expect(200).text();
    let line = "tagwerk_rule_commands_total{rule=\"follow\",outcome=\"taken\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("tagwerk_rule_rows_total{rule=\"hot\",kind=\"out\"}"), "{metrics}");

    given(&edge, "chained", 3);
    let twice = until("chained windows are in history", || {
        let rows = rows(&edge, "SELECT twice FROM chained ORDER BY twice_source_time LIMIT 3");
        (rows.as_array()?.len() == 3).then_some(rows)
    });
    let totals = rows(&edge, "SELECT total FROM windows ORDER BY total_source_time LIMIT 3");
    for (twice, total) in twice.as_array().unwrap().iter().zip(totals.as_array().unwrap()) {
        assert_eq!(twice[0].as_i64().unwrap(), 2 * total[0].as_i64().unwrap());
    }
}

#[test]
fn drafts_are_not_run_and_trials_do_nothing() {
    let edge = Edge::with_config(&config());
    let shadow = given(&edge, "shadow", 20);
    assert_eq!((&shadow["stage"], &shadow["state"]), (&json!("trial"), &json!("running")));
    assert!(!shadow["newest"]["rows"].as_array().unwrap().is_empty());
    let sketch = rule(&edge, "sketch");
    assert_eq!((&sketch["state"], &sketch["rows_in"]), (&json!("stopped"), &json!(0)), "{sketch}");
    for name in ["shadow", "sketch"] {
        edge.local().get(&format!("/api/v1/devices/{name}/tags")).refusal(404, "not_found");
        let query = json!({ "query": format!("SELECT * FROM {name}") });
        edge.local().post("/api/v1/sql", &query).refusal(422, "invalid");
    }
    let commands = edge.local().get("/api/v1/commands").expect(200).json();
    let by = |command: &Value| command["by"] == "rule shadow";
    assert!(!commands["items"].as_array().unwrap().iter().any(by), "{commands}");
}

/// Waits until so many samples are counted; each is once, however the edge ended.
fn each_counted_once(edge: &Edge, least: u64) -> u64 {
    let query = "SELECT count(*), count(DISTINCT seen), max(seen) FROM counted";
    let counts = until(&format!("{least} samples are counted"), || {
        let counts = rows(edge, query)[0].clone();
        (counts[2].as_u64()? >= least).then_some(counts)
    });
    assert_eq!((&counts[0], &counts[1]), (&counts[1], &counts[2]), "rows, different ones, most");
    counts[2].as_u64().unwrap()
}

#[test]
fn rules_go_on_after_an_end_and_after_a_kill() {
    let mut edge = Edge::with_config(&config());
    let mut counted = each_counted_once(&edge, 10);
    assert!(edge.stop().success());
    edge.restart();
    counted = each_counted_once(&edge, counted + 10);
    for _ in 0..3 {
        edge.kill();
        edge.restart();
        counted = each_counted_once(&edge, counted + 10);
    }
}

#[test]
fn an_unrelated_change_does_not_touch_rules() {
    let edge = Edge::with_config(&config());
    let before = each_counted_once(&edge, 10);
    let changed = config()
        .replace("level: mm", "level: cm")
        .replace("address: \"sine:1s\"", "address: \"sine:2s\"");
    edge.apply(&changed, edge.revision()).expect(200);
    let unit = rule(&edge, "hot")["columns"][1]["unit"].clone();
    assert_eq!(unit, "cm");
    each_counted_once(&edge, before + 20);
    // Another statement begins anew, and gives what it gives under the same name.
    let other = changed.replace("running_count(n) AS seen", "running_count(n) + 1000000 AS seen");
    edge.apply(&other, edge.revision()).expect(200);
    until("the other statement gives", || {
        let top = rows(&edge, "SELECT max(seen) FROM counted")[0][0].as_i64()?;
        (top > 1_000_000).then_some(())
    });
    // Without the rule there is no tag of it any more.
    edge.apply(PLANT, edge.revision()).expect(200);
    edge.local().get("/api/v1/devices/counted/tags").refusal(404, "not_found");
    assert_eq!(edge.local().get("/api/v1/rules").expect(200).json()["total"], 0);
}

/// The findings of a document with one rule of this SQL.
#[track_caller]
fn refused(edge: &Edge, sql: &str) -> Value {
    let text = format!("{PLANT}rules:\n  - name: wrong\n    sql: |\n{sql}\n");
    let reply = edge.apply(&text, edge.revision());
    reply.refusal(422, "invalid")["findings"][0].clone()
}

#[test]
fn wrong_sql_is_refused_where_it_is_wrong() {
    let edge = Edge::with_config(PLANT);
    let first = PLANT.lines().count() as u64 + 4;
    let finding = refused(&edge, "      SELECT\n        levl + 1 AS more\n      FROM boiler");
    assert_eq!((&finding["line"], &finding["column"]), (&json!(first + 1), &json!(9)), "{finding}");
    assert!(finding["problem"].as_str().unwrap().contains("levl"), "{finding}");
    let finding = refused(&edge, "      SELECT n FROM boler");
    assert!(finding["problem"].as_str().unwrap().contains("boler"), "{finding}");
    let finding = refused(&edge, "      SELECT count(n) AS total FROM boiler");
    assert_eq!(finding["line"], first, "{finding}");
    let finding = refused(&edge, "      SELECT n FROM wrong");
    assert!(finding["problem"].as_str().unwrap().contains("reads itself"), "{finding}");
    let circle =
        "rules:\n  - { name: a, sql: SELECT x FROM b }\n  - { name: b, sql: SELECT x FROM a }\n";
    let reply = edge.apply(&format!("{PLANT}{circle}"), edge.revision());
    let findings = reply.refusal(422, "invalid")["findings"].clone();
    assert_eq!(findings.as_array().unwrap().len(), 2, "{findings}");
    let actions = "rules:\n  - name: acts\n    sql: SELECT n, n > 3 AS high FROM boiler\n    actions:\n      \
                   - alarm: { column: n }\n      - alarm: { column: hgh, name: other }\n      \
                   - write: { column: low, tag: boiler/speed }\n";
    let reply = edge.apply(&format!("{PLANT}{actions}"), edge.revision());
    let findings = reply.refusal(422, "invalid")["findings"].clone();
    assert_eq!(findings.as_array().unwrap().len(), 3, "{findings}");
    // A draft may be unfinished.
    let draft = "rules:\n  - { name: a, stage: draft, sql: SELECT nothing FROM boiler }\n";
    edge.apply(&format!("{PLANT}{draft}"), edge.revision()).expect(200);
    assert_eq!(rule(&edge, "a")["state"], "stopped");
}

#[test]
fn a_statement_is_checked_before_it_is_saved() {
    let edge = Edge::with_config(&config());
    let viewer = edge.with_role("viewer");
    let check = |body: Value| viewer.post("/api/v1/rules/check", &body).expect(200).json();
    let good = check(json!({ "sql": "SELECT level AS high, n FROM boiler WHERE n > 3" }));
    assert_eq!((&good["findings"], &good["tables"]), (&json!([]), &json!(["boiler"])), "{good}");
    assert_eq!(good["columns"][0], json!({ "name": "high", "data_type": "float64", "unit": null }));
    assert!(good["plan"].is_string());
    let chain = check(json!({ "name": "new", "sql": "SELECT target FROM shadow" }));
    assert_eq!(chain["findings"], json!([]), "a trial's columns are known: {chain}");
    let own = check(json!({ "name": "windows", "sql": "SELECT twice AS x FROM chained" }));
    let problem = own["findings"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("chained"), "{own}");
    let wrong = check(json!({ "sql": "SELECT level\nFROM boiler\nWHERE nothing = 1" }));
    let place = (&wrong["findings"][0]["line"], &wrong["findings"][0]["column"]);
    assert_eq!(place, (&json!(3), &json!(7)), "{wrong}");
    viewer.post("/api/v1/rules/trial", &json!({ "sql": "SELECT n FROM boiler" })).expect(403);
}

#[test]
fn a_rule_is_tried_over_rows_that_somebody_wrote() {
    let edge = Edge::with_config(&config());
    let engineer = edge.with_role("engineer");
    let at = |second: u32| format!("2026-01-01T00:00:{second:02}.000Z");
    let body = json!({
        "sql": "SELECT max(level) > 5 AS high, max(n) AS top FROM boiler GROUP BY tumbling_window('10s')",
        "lateness": "1s",
        "actions": [
            { "alarm": { "column": "high" } },
            { "write": { "column": "top", "tag": "boiler/speed" } },
        ],
        "rows": { "boiler": [
            { "time": at(1), "level": 1.5, "n": 4 },
            { "level": 7 },
            { "time": at(12), "level": 9.0, "n": null, "level_quality": "uncertain" },
            { "time": at(25), "level": 2, "n": 9007199254740993i64 },
            { "time": at(3), "level": 99 },
        ] },
    });
    let answer = engineer.post("/api/v1/rules/trial", &body).expect(200).json();
    let expected = json!([
        { "time": at(10), "values": [true, 4] },
        { "time": at(20), "values": [true, null] },
        { "time": at(30), "values": [false, 9007199254740993i64] },
    ]);
    assert_eq!(answer["rows"], expected, "{answer}");
    assert_eq!((&answer["rows_in"], &answer["rows_out"]), (&json!(5), &json!(3)));
    assert_eq!((&answer["rows_late"], &answer["truncated"]), (&json!(1), &json!(false)));
    let changes = json!([
        { "time": at(10), "column": "high", "change": "raised" },
        { "time": at(30), "column": "high", "change": "cleared" },
    ]);
    assert_eq!(answer["alarms"], changes);
    let writes = json!([
        { "time": at(10), "tag": "boiler/speed", "value": 4 },
        { "time": at(30), "tag": "boiler/speed", "value": 9007199254740993i64 },
    ]);
    assert_eq!(answer["writes"], writes);
    let mut fewer = body.clone();
    fewer["limit"] = 1.into();
    let answer = engineer.post("/api/v1/rules/trial", &fewer).expect(200).json();
    assert_eq!((answer["rows"].as_array().unwrap().len(), &answer["truncated"]), (1, &json!(true)));
    let samples = json!({
        "sql": "SELECT device, tag, value FROM samples WHERE value > 1",
        "rows": { "samples": [
            { "device": "boiler", "tag": "n", "value": 1 },
            { "device": "boiler", "tag": "level", "value": 1.5 },
        ] },
    });
    let answer = engineer.post("/api/v1/rules/trial", &samples).expect(200).json();
    assert_eq!(answer["rows"][0]["values"], json!(["boiler", "level", 1.5]), "{answer}");
    for (change, part) in [
        (json!({ "rows": { "boiler": [{ "pressure": 1 }] } }), "pressure"),
        (json!({ "rows": { "mixer": [{ "n": 1 }] } }), "mixer"),
        (json!({ "rows": { "boiler": [{ "n": "many" }] } }), "many"),
        (json!({ "rows": { "boiler": [{ "time": "noon" }] } }), "noon"),
        (json!({ "lateness": "long" }), "long"),
        (json!({ "limit": 0 }), "0"),
        (json!({ "from": at(1), "to": at(2) }), "history"),
        (json!({ "rows": null }), "history"),
        (json!({ "sql": "SELECT nothing FROM boiler" }), "nothing"),
        (json!({ "actions": [{ "alarm": { "column": "top" } }] }), "top"),
        (json!({ "actions": [{ "write": { "column": "low", "tag": "boiler/speed" } }] }), "low"),
    ] {
        let mut body = body.clone();
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let error = engineer.post("/api/v1/rules/trial", &body).refusal(400, "invalid");
        assert!(error["message"].as_str().unwrap().contains(part), "{part}: {error}");
    }
}

/// A whole second between this row and the last, in the form of the API.
fn second(edge: &Edge, which: &str) -> String {
    let query = format!("SELECT date_trunc('second', {which}(total_source_time)) FROM windows");
    let rows = rows(edge, &query);
    let text = rows[0][0].as_str().unwrap();
    text.to_owned()
}

#[test]
fn a_trial_over_history_gives_what_the_live_rule_gave() {
    let edge = Edge::with_config(&config());
    given(&edge, "windows", 30);
    let engineer = edge.with_role("engineer");
    // The first second is not whole: the rule began somewhere in it.
    let begun = second(&edge, "min");
    let from = until("a second has passed", || {
        let query = format!(
            "SELECT date_trunc('second', min(total_source_time)) FROM windows \
             WHERE total_source_time > TIMESTAMP '{begun}' + INTERVAL '1.5 seconds'"
        );
        rows(&edge, &query)[0][0].as_str().map(str::to_owned)
    });
    let to = until("more windows are over", || {
        let last = second(&edge, "max");
        (last > from).then_some(last)
    });
    for (name, lateness) in [("windows", "3s"), ("hot", "200ms"), ("chained", "200ms")] {
        let sql = rule(&edge, name)["sql"].clone();
        let body = json!({
            "name": name, "sql": sql, "lateness": lateness, "from": from, "to": to, "limit": 3,
        });
        let answer = engineer.post("/api/v1/rules/trial", &body).expect(200).json();
        let compared = &answer["compared"];
        assert!(compared["same"].as_u64().unwrap() >= 4, "{name}: {answer}");
        assert_eq!(
            (&compared["only_trial"], &compared["only_live"]),
            (&json!(0), &json!(0)),
            "{name}: {answer}"
        );
        assert_eq!(answer["rows"].as_array().unwrap().len(), 3);
    }
    let body = json!({
        "name": "hot", "sql": "SELECT n > 5 AND n <> 12345 AS hot, level + 0 AS level FROM boiler",
        "from": from, "to": to,
    });
    let answer = engineer.post("/api/v1/rules/trial", &body).expect(200).json();
    let compared = &answer["compared"];
    assert!(compared["only_trial"].as_u64().unwrap() > 0, "rows of other groups too: {answer}");
    assert_eq!(compared["only_live"], 0, "{answer}");
    assert_eq!(compared["first_difference"]["live"], Value::Null, "{answer}");
}

#[test]
fn a_rule_that_wants_too_much_is_stopped_and_told_of() {
    let rules = r#"
rules:
  - name: greedy
    sql: |
      SELECT a.n AS x FROM boiler a CROSS JOIN boiler b CROSS JOIN boiler c
      GROUP BY tumbling_window('3s')
"#;
    let edge = Edge::with_config(&format!("{PLANT}{rules}"));
    let failed = until("the rule is stopped", || {
        let rule = rule(&edge, "greedy");
        (rule["state"] == "failed").then_some(rule)
    });
    assert!(failed["reason"].as_str().unwrap().contains("window"), "{failed}");
    let status = edge.local().get("/api/v1/status").expect(200).json();
    let told = |problem: &Value| problem["subject"] == "rule greedy";
    assert!(status["problems"].as_array().unwrap().iter().any(told), "{status}");
}
