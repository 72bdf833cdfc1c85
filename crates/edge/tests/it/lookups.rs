//! Lookup tables, from outside: rules and statements join with them, as they are read again.

use crate::process::Edge;
use crate::rig::until;
use serde_json::{Value, json};

const PLANT: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: line
    driver: sim
    groups:
      - name: process
        interval: 50ms
        tags:
          - { name: n, address: counter, type: int64 }
tables:
  - name: products
    text: What is made
    rows: [ { code: 1, name: Vanilla }, { code: 2, name: Plain } ]
  - name: recipes
    csv: { path: recipes.csv, separator: ";" }
    refresh: 1h
rules:
  - name: made
    sql: |
      SELECT n, p.name AS product, r.factor
      FROM line l JOIN products p ON p.code = l.n % 2 + 1 LEFT JOIN recipes r ON r.code = p.code
      WHERE n IS NOT NULL
"#;

fn table(edge: &Edge, name: &str) -> Value {
    edge.local().get(&format!("/api/v1/tables/{name}")).expect(200).json()
}

fn state(edge: &Edge, state: &str) -> Value {
    until(&format!("recipes are {state}"), || {
        let table = table(edge, "recipes");
        (table["state"] == state && table["reading"] == false).then_some(table)
    })
}

/// The newest rows of the rule, once one has this factor.
fn made(edge: &Edge, factor: &Value) -> Value {
    until(&format!("a row with {factor}"), || {
        let rule = edge.local().get("/api/v1/rules/made").expect(200).json();
        let rows = rule["newest"]["rows"].as_array()?.clone();
        rows.into_iter().rev().find(|row| row["values"][2] == *factor)
    })
}

#[test]
fn rules_and_statements_join_with_what_is_read() {
    let mut edge = Edge::start();
    let applied = edge.apply(PLANT, 0);
    let findings = applied.expect(200).json()["findings"].clone();
    assert!(findings.to_string().contains("recipes are not known"), "{findings}");
    let failed = state(&edge, "failed");
    assert!(failed["error"]["problem"].as_str().unwrap().contains("recipes.csv"), "{failed}");
    let rule = edge.local().get("/api/v1/rules/made").expect(200).json();
    assert_eq!(rule["state"], "waiting", "{rule}");
    let status = edge.local().get("/api/v1/status").expect(200).json();
    assert!(status["problems"].to_string().contains("table recipes"), "{status}");

    let file = edge.data.path().join("files/recipes.csv");
    std::fs::write(&file, "code;factor\n1;1.5\n2;2.5\n").unwrap();
    let read = edge.local().post("/api/v1/tables/recipes/refresh", &json!({})).expect(200).json();
    assert_eq!((&read["state"], &read["rows"]), (&json!("good"), &json!(2)), "{read}");
    let row = made(&edge, &json!(1.5));
    assert_eq!(row["values"][1], "Vanilla", "{row}");
    let known = table(&edge, "recipes");
    assert_eq!(known["columns"][1], json!({ "name": "factor", "type": "float64" }));
    assert_eq!(known["page"]["items"], json!([{ "values": [1, 1.5] }, { "values": [2, 2.5] }]));
    assert_eq!(known["rules"], json!(["made"]));

    // Other rows, and no new plan; then another column.
    std::fs::write(&file, "code;factor\n1;7.5\n2;2.5\n").unwrap();
    edge.local().post("/api/v1/tables/recipes/refresh", &json!({})).expect(200);
    made(&edge, &json!(7.5));
    let query = json!({ "query": "SELECT p.name, r.factor FROM products p JOIN recipes r USING (code) ORDER BY 1" });
    let rows = edge.local().post("/api/v1/sql", &query).expect(200).json()["rows"].clone();
    assert_eq!(rows, json!([["Plain", 2.5], ["Vanilla", 7.5]]));
    let tables = edge.local().get("/api/v1/sql/tables").expect(200).json();
    let listed = tables["tables"].as_array().unwrap().iter().find(|t| t["name"] == "recipes");
    assert_eq!(listed.unwrap()["kind"], "lookup");
    std::fs::write(&file, "code;factor\n1;high\n2;low\n").unwrap();
    edge.local().post("/api/v1/tables/recipes/refresh", &json!({})).expect(200);
    made(&edge, &json!("high"));

    // Without its source it stays, also after an end.
    std::fs::remove_file(&file).unwrap();
    edge.local().post("/api/v1/tables/recipes/refresh", &json!({})).expect(200);
    state(&edge, "stale");
    assert!(edge.stop().success());
    edge.restart();
    let stale = state(&edge, "stale");
    assert_eq!(
        stale["page"]["items"],
        json!([{ "values": [1, "high"] }, { "values": [2, "low"] }])
    );
    made(&edge, &json!("low"));
    let metrics = edge.local().get("/metrics").expect(200).text();
    assert!(metrics.contains("tagwerk_table_failing{table=\"recipes\"} 1"));
}

#[test]
fn tables_are_asked_for_by_their_names() {
    let edge = Edge::with_config(PLANT);
    let listed = edge.local().get("/api/v1/tables").expect(200).json();
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names, ["products", "recipes"]);
    let first = edge.local().get("/api/v1/tables/products?limit=1").expect(200).json();
    assert_eq!(first["page"]["items"], json!([{ "values": [1, "Vanilla"] }]));
    assert_eq!((&first["page"]["total"], &first["page"]["next"]), (&json!(2), &json!(1)));
    edge.local().get("/api/v1/tables/nothing").expect(404);
    edge.local().post("/api/v1/tables/products/refresh", &json!({})).expect(400);
    edge.local().post("/api/v1/tables/nothing/refresh", &json!({})).expect(404);
    let check = json!({ "sql": "SELECT n FROM line JOIN products p ON p.cod = n" });
    let checked = edge.local().post("/api/v1/rules/check", &check).expect(200).json();
    assert!(checked["findings"].to_string().contains("cod"), "{checked}");
    let rows = json!({
        "sql": "SELECT n, name FROM line JOIN products ON code = n",
        "rows": { "line": [ { "n": 2 }, { "n": 3 } ] }
    });
    let tried = edge.local().post("/api/v1/rules/trial", &rows).expect(200).json();
    assert_eq!(tried["rows"][0]["values"], json!([2, "Plain"]), "{tried}");
    assert_eq!(tried["lookups"], json!(["products"]));
}
