//! Functions of the user's own, from outside: in a rule, in a formula and in a statement.

use crate::process::Edge;
use crate::rig::{repository, until};
use serde_json::{Value, json};

const PLANT: &str = r#"
version: 1
edge: { name: test-edge }
functions:
  - name: graded
    arguments: [int64, float64]
    returns: text
    description: How high it is
    javascript: |
      function graded(n, most) {
        return n > 1000000n ? "over" : `${n}/${most}`
      }
  - name: exactly
    arguments: [int64]
    returns: int64
    javascript: "const exactly = (n) => n * 2n ** 50n + 1n"
  - name: odd_fails
    arguments: [int64]
    returns: int64
    javascript: |
      function odd_fails(n) {
        if (n % 2n === 1n)
          throw new RangeError(`${n} is odd`)
        return n
      }
  - name: endless
    arguments: [int64]
    returns: int64
    javascript: "function endless(n) { while (n > 3n) {} return n }"
devices:
  - name: boiler
    driver: sim
    groups:
      - name: process
        interval: 50ms
        tags:
          - { name: n, address: counter, type: int64 }
          - { name: grade, formula: "graded(n, 2.5)", type: text }
          - { name: even, formula: "odd_fails(n)", type: int64 }
"#;

const RULES: &str = r#"
rules:
  - name: scripted
    sql: SELECT running_count(n) AS seen, exactly(n) AS big, graded(n, 7) AS grade FROM boiler WHERE n IS NOT NULL
  - name: evens
    sql: SELECT odd_fails(n) AS even, n FROM boiler WHERE n IS NOT NULL
  - name: stuck
    sql: SELECT endless(n) AS x FROM boiler WHERE n IS NOT NULL
  - name: windows
    sql: SELECT max(exactly(n)) AS top FROM boiler GROUP BY count_window(10)
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

/// Waits until so many samples are counted; each is once, and each has what the function gives for it.
fn each_scripted_once(edge: &Edge, least: u64) -> u64 {
    let query = "SELECT count(*), count(DISTINCT seen), max(seen),
                        count(*) FILTER (WHERE big % 2 = 1 AND grade LIKE '%/7')
                 FROM scripted";
    let counts = until(&format!("{least} samples are counted"), || {
        let counts = rows(edge, query)[0].clone();
        (counts[2].as_u64()? >= least).then_some(counts)
    });
    assert_eq!((&counts[0], &counts[1]), (&counts[1], &counts[2]), "rows, different ones, most");
    assert_eq!(counts[0], counts[3], "each has what the function gives");
    counts[2].as_u64().unwrap()
}

#[test]
fn rules_formulas_and_statements_call_functions() {
    let edge = Edge::with_config(&config());
    each_scripted_once(&edge, 10);
    // 64-bit numbers keep every digit on the way.
    let found = rows(
        &edge,
        "SELECT count(*) > 0, bool_and(big = (big / 1125899906842624) * 1125899906842624 + 1)
         FROM scripted WHERE big > 1",
    );
    assert_eq!(found[0], json!([true, true]));
    until("the formula gives", || {
        let tag = edge.local().get("/api/v1/devices/boiler/tags/grade").expect(200).json();
        tag["value"].as_str()?.ends_with("/2.5").then_some(())
    });
    let found =
        rows(&edge, "SELECT graded(1000001, 1), graded(NULL, 1), exactly(9), graded(3, 1.5)");
    assert_eq!(found[0], json!(["over", null, 10133099161583617_i64, "3/1.5"]));
    let same = rows(
        &edge,
        "SELECT count(*), count(*) FILTER (WHERE grade = graded(n, 2.5)) FROM boiler WHERE grade IS NOT NULL",
    );
    assert_eq!(same[0][0], same[0][1], "what the formula gave, a statement gives: {same}");

    let evens = until("some rows cannot be computed", || {
        let rule = rule(&edge, "evens");
        (rule["errors"].as_u64()? > 3).then_some(rule)
    });
    let said = evens["last_error"]["text"].as_str().unwrap();
    assert!(said.contains("odd_fails: ") && said.contains("is odd, in line 3"), "{evens}");
    let nulls = "SELECT count(*) FILTER (WHERE (n % 2 = 1) <> (even IS NULL)) FROM evens";
    assert_eq!(rows(&edge, nulls)[0][0], 0);
    let why = until("the formula of an odd number is bad", || {
        let tag = edge.local().get("/api/v1/devices/boiler/tags/even").expect(200).json();
        tag["reason"].as_str().map(str::to_owned)
    });
    assert!(why.contains("is odd"), "{why}");
    let windows = until("windows give", || {
        let rule = rule(&edge, "windows");
        (rule["rows_out"].as_u64()? > 2).then_some(rule)
    });
    assert_eq!(windows["errors"], 0, "{windows}");

    let failed = until("the rule whose function does not end is stopped", || {
        let rule = rule(&edge, "stuck");
        (rule["state"] == "failed").then_some(rule)
    });
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("endless took longer than 100ms 10 times running"), "{failed}");
    assert_eq!(rule(&edge, "evens")["state"], "running");
    let late = json!({ "query": "SELECT endless(n) FROM boiler WHERE n > 3" });
    let refused = edge.local().post("/api/v1/sql", &late).expect(422).text();
    assert!(refused.contains("endless: it took longer than 100ms"), "{refused}");
}

#[test]
fn the_same_rows_come_after_kills_and_again_from_history() {
    let mut edge = Edge::with_config(&config());
    let mut counted = each_scripted_once(&edge, 10);
    for _ in 0..3 {
        edge.kill();
        edge.restart();
        counted = each_scripted_once(&edge, counted + 10);
    }
    let second = |after: &str| {
        let query = format!(
            "SELECT date_trunc('second', min(n_source_time) + INTERVAL '1 second') FROM evens
             WHERE n_source_time > {after}"
        );
        until("a second is over", || {
            let found = rows(&edge, &query)[0][0].as_str()?.to_owned();
            let newest =
                rows(&edge, "SELECT max(n_source_time) FROM evens")[0][0].as_str()?.to_owned();
            (newest > found).then_some(found)
        })
    };
    let from = second("TIMESTAMP '2000-01-01'");
    let to = second(&format!("TIMESTAMP '{from}' + INTERVAL '1 second'"));
    let sql = rule(&edge, "evens")["sql"].clone();
    let body = json!({ "name": "evens", "sql": sql, "from": from, "to": to });
    let again = edge.local().post("/api/v1/rules/trial", &body).expect(200).json();
    let compared = &again["compared"];
    assert!(compared["same"].as_u64().unwrap() >= 4, "{again}");
    assert_eq!(
        (&compared["only_trial"], &compared["only_live"]),
        (&json!(0), &json!(0)),
        "{again}"
    );
    assert!(again["errors"].as_u64().unwrap() > 0, "odd numbers fail there too: {again}");
}

#[test]
fn a_change_of_a_function_is_a_change_of_what_uses_it() {
    let edge = Edge::with_config(&config());
    each_scripted_once(&edge, 10);
    let seen = rule(&edge, "windows")["rows_in"].as_u64().unwrap();
    let changed = config().replace("`${n}/${most}`", "`${n} of ${most}`");
    edge.apply(&changed, edge.revision()).expect(200);
    until("the rule gives what the new function gives", || {
        let found = rows(&edge, "SELECT count(*) FROM scripted WHERE grade LIKE '% of 7'");
        (found[0][0].as_u64()? > 3).then_some(())
    });
    until("so does the formula", || {
        let tag = edge.local().get("/api/v1/devices/boiler/tags/grade").expect(200).json();
        tag["value"].as_str()?.contains(" of 2.5").then_some(())
    });
    // It remembers nothing of what it did with the other function.
    let low = rows(&edge, "SELECT min(seen) FROM scripted WHERE grade LIKE '% of 7'");
    assert_eq!(low[0][0], 1);
    // What does not use it goes on.
    assert!(rule(&edge, "windows")["rows_in"].as_u64().unwrap() > seen);
}

#[track_caller]
fn refused(edge: &Edge, from: &str, to: &str) -> Value {
    let text = config();
    assert!(text.contains(from), "{from}");
    let reply = edge.apply(&text.replacen(from, to, 1), edge.revision());
    reply.refusal(422, "invalid")["findings"][0].clone()
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    let edge = Edge::with_config(&config());
    let line =
        |part: &str| config().lines().position(|line| line.contains(part)).unwrap() as u64 + 1;
    let finding = refused(&edge, "n > 1000000n ?", "n > > 1000000n ?");
    assert_eq!(finding["line"], line("n > 1000000n"), "{finding}");
    assert!(finding["problem"].as_str().unwrap().contains("of the JavaScript: "), "{finding}");
    let finding = refused(&edge, "function graded", "function grade");
    assert!(finding["problem"].as_str().unwrap().contains("no function graded"), "{finding}");
    for (taken, says) in
        [("abs", "there is a function abs already"), ("lag", "lag"), ("select", "word of SQL")]
    {
        let finding = refused(&edge, "name: graded", &format!("name: {taken}"));
        assert_eq!(finding["line"], line("name: graded"), "{finding}");
        assert!(finding["problem"].as_str().unwrap().contains(says), "{finding}");
    }
    let finding = refused(&edge, "exactly(n) AS big", "exactly('x') AS big");
    let problem = finding["problem"].as_str().unwrap();
    assert!(
        problem.contains("exactly(int64) takes int64 as argument 1, and text is given"),
        "{finding}"
    );
    let finding = refused(&edge, "exactly(n) AS big", "exactly(n, n) AS big");
    let problem = finding["problem"].as_str().unwrap();
    assert!(problem.contains("takes 1 arguments, and 2 are given"), "{finding}");
    let finding = refused(&edge, "formula: \"odd_fails(n)\"", "formula: \"odd_fails(n / 2.0)\"");
    assert!(
        finding["problem"].as_str().unwrap().contains("takes int64 as argument 1"),
        "{finding}"
    );
}

#[test]
fn functions_are_listed_and_tried() {
    let edge = Edge::with_config(&config());
    let viewer = edge.with_role("viewer");
    let listed = viewer.get("/api/v1/functions").expect(200).json()["items"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!(listed[0]["signature"], "graded(int64, float64)", "{listed}");
    assert_eq!(
        (&listed[0]["returns"], &listed[0]["description"]),
        (&json!("text"), &json!("How high it is"))
    );
    let tables = viewer.get("/api/v1/sql/tables").expect(200).json();
    let known = |function: &Value| function["name"] == "graded";
    assert!(tables["functions"].as_array().unwrap().iter().any(known));

    let body = |javascript: &str, values: Value| {
        json!({ "name": "f", "arguments": ["uint64", "bytes"], "returns": "uint64",
                "javascript": javascript, "values": values })
    };
    let good = body(
        "function f(a, b) { return a + BigInt(b[0]) }",
        json!([18446744073709551000_u64, "ff"]),
    );
    viewer.post("/api/v1/functions/try", &good).expect(403);
    let engineer = edge.with_role("engineer");
    let tried = |body: &Value| engineer.post("/api/v1/functions/try", body).expect(200).json();
    let answer = tried(&good);
    assert_eq!(
        (&answer["value"], &answer["findings"]),
        (&json!(18446744073709551255_u64), &json!([])),
        "{answer}"
    );
    assert!(answer["microseconds"].is_u64(), "{answer}");
    for (javascript, line, says) in [
        ("function f(a, b) {\n  return a +\n}", 3, ""),
        ("function f(a, b) {\n  throw new Error('no')\n}", 2, "no"),
        ("function f(a, b) {\n  while (true) {}\n}", 1, "took longer than 100ms"),
        ("function f(a, b) { return -1n }", 1, "-1 does not fit uint64"),
    ] {
        let answer = tried(&body(javascript, json!([1, "ff"])));
        let finding = &answer["findings"][0];
        assert_eq!((&finding["line"], &answer["value"]), (&json!(line), &json!(null)), "{answer}");
        assert!(finding["problem"].as_str().unwrap().contains(says), "{answer}");
    }
    for wrong in [
        body("function f() {}", json!([1])),
        body("function f() {}", json!([-1, null])),
        json!({ "name": "F", "returns": "bool", "javascript": "x" }),
        json!({ "name": "abs", "returns": "bool", "javascript": "x" }),
        json!({ "name": "f", "returns": "list", "javascript": "x" }),
    ] {
        engineer.post("/api/v1/functions/try", &wrong).refusal(400, "invalid");
    }
}

/// The example of `docs/guides/functions.md` is a configuration as it stands there, and its trial a trial.
#[test]
fn the_guide_is_right() {
    let guide = std::fs::read_to_string(repository().join("docs/guides/functions.md")).unwrap();
    let part = |fence: &str| {
        let (_, rest) = guide.split_once(fence).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let edge = Edge::with_config(&part("```yaml\n"));
    let margin = until("the formula gives", || {
        let tag = edge.local().get("/api/v1/devices/hall/tags/margin").expect(200).json();
        tag["value"].as_f64()
    });
    assert!((0.0..20.0).contains(&margin), "{margin}");
    let body: Value = serde_json::from_str(&part("```json\n")).unwrap();
    let answer = edge.local().post("/api/v1/functions/try", &body).expect(200).json();
    assert_eq!((&answer["value"], &answer["findings"]), (&json!(9.5), &json!([])), "{answer}");
}
