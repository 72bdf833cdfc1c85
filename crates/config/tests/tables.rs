//! Lookup tables of a configuration: what they are made of, and what is wrong with them.

mod fake;

use std::time::Duration;
use tagwerk_config::{HeaderText, Lint, TableSource, lint};
use tagwerk_model::{ColumnType, Value};

fn of(tables: &str) -> Lint {
    let head = "version: 1\nedge: { name: e }\n";
    lint(format!("{head}{tables}").as_bytes(), &fake::CATALOGUE)
}

#[test]
fn tables_are_read() {
    let read = of(r#"
tables:
  - name: products
    rows: [ {code: 1, name: Vanilla, limit: 80.5}, {code: 2, name: Plain} ]
  - name: recipes
    csv: { path: mes/recipes.csv, separator: ";", decimal: "," }
    columns: { code: int64, name: text, since: time }
    refresh: 1m
  - name: orders
    sqlite: { path: orders.db, query: "SELECT 1" }
  - name: plan
    postgres: { host: 127.0.0.1, database: mes, username: edge, password: { secret: mes }, query: "SELECT 1" }
  - name: weather
    http: { url: "https://example.com/a?b=1", headers: { X-Key: { secret: weather }, Accept: text/plain }, at: /items }
"#);
    let checked = read.checked.unwrap_or_else(|| panic!("{:?}", read.findings));
    assert_eq!(read.findings.len(), 0, "{:?}", read.findings);
    let [products, recipes, orders, plan, weather] = &checked.tables[..] else { panic!("five") };
    let TableSource::Rows(rows) = &products.source else { panic!("{products:?}") };
    assert_eq!((rows.rows(), rows.columns().len()), (2, 3));
    assert_eq!(rows.columns()[1].values.value(0), Some(Value::Text("Vanilla".into())));
    assert_eq!(rows.columns()[2].values.value(1), None);
    let TableSource::Csv { path, separator: b';', decimal: b',' } = &recipes.source else {
        panic!("{recipes:?}")
    };
    assert_eq!(&**path, "mes/recipes.csv");
    assert_eq!(recipes.refresh, Some(Duration::from_secs(60)));
    assert_eq!(recipes.columns[2], ("since".into(), ColumnType::Time));
    assert!(matches!(orders.source, TableSource::Sqlite { .. }));
    let TableSource::Postgres { port: 5432, password, tls: None, .. } = &plan.source else {
        panic!("{plan:?}")
    };
    assert_eq!(password.as_deref(), Some("mes"));
    let TableSource::Http { headers, csv: None, .. } = &weather.source else {
        panic!("{weather:?}")
    };
    assert_eq!(headers[0], ("X-Key".into(), HeaderText::Secret("weather".into())));
    assert_eq!(
        checked.secrets,
        [
            ("tables/plan/postgres/password".to_owned(), "mes".to_owned()),
            ("tables/weather/http/headers/X-Key".to_owned(), "weather".to_owned()),
        ]
    );
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let check = |table: &str, path: &str, problem: &str| {
        let read = of(&format!("tables: [ {{ name: t, {table} }} ]\n"));
        assert!(
            read.findings.iter().any(|f| f.path == path && f.problem.contains(problem)),
            "{table}: {:?}",
            read.findings
        );
    };
    check("text: x", "tables[t]", "no source");
    check("rows: [], csv: { path: a.csv }", "tables[t].csv", "one source");
    check("rows: [ { a: 1 }, { a: [1] } ]", "tables[t].rows[1].a", "no value");
    check("rows: [ { a: high } ], columns: { a: float64 }", "tables[t].rows", "row 1: \"high\"");
    check("rows: [ { b: 1 } ], columns: { a: float64 }", "tables[t].rows", "no column `a`");
    check("rows: [ { a: 1 } ], columns: { a: real }", "tables[t].columns.a", "real");
    for path in ["/etc/passwd", "../edge.db", "a/../../edge.db", "a//b", "", "a\\b", "./a"] {
        check(&format!("csv: {{ path: '{path}' }}"), "tables[t].csv.path", "no file below");
        let text = format!("sqlite: {{ path: '{path}', query: SELECT }}");
        check(&text, "tables[t].sqlite.path", "no file below");
    }
    check("csv: { path: a, separator: '\"' }", "tables[t].csv.separator", "cannot be");
    check("csv: { path: a, decimal: ';' }", "tables[t].csv.decimal", "cannot be");
    check("csv: { path: a }, refresh: 10ms", "tables[t].refresh", "every 10ms");
    check("sqlite: { path: a, query: ' ' }", "tables[t].sqlite.query", "empty");
    let http = |url: &str| format!("http: {{ url: '{url}' }}");
    for url in ["ftp://a", "http://", "http://u:p@h/", "https://a b", "https://h:port/"] {
        check(&http(url), "tables[t].http.url", "no address");
    }
    check(&http("http://mes.example/a"), "tables[t].http.url", "clear text");
    check("http: { url: 'https://a', at: b }", "tables[t].http.at", "JSON pointer");
    check("http: { url: 'https://a', format: csv, at: /b }", "tables[t].http.at", "json");
    check("http: { url: 'https://a', separator: ';' }", "tables[t].http.separator", "csv");
    let text = "http: { url: 'https://a', headers: { 'a b': c } }";
    check(text, "tables[t].http.headers.\"a b\"", "no name of a header");
    let postgres = "postgres: { database: d, username: u, query: SELECT 1";
    check(&format!("{postgres}, host: 'a b' }}"), "tables[t].postgres.host", "not a host");
    check(&format!("{postgres}, host: db }}"), "tables[t].postgres", "not encrypted");
    let text = format!("{postgres}, host: db, password: geheim }}");
    check(&text, "tables[t].postgres.password", "clear text");
    let text = format!("{postgres}, host: db, tls: {{ verify: false }} }}");
    check(&text, "tables[t].postgres.tls.verify", "not checked");
}

#[test]
fn names_are_those_of_no_other_table() {
    let check = |document: &str, problem: &str| {
        let read = of(document);
        assert!(
            read.findings.iter().any(|f| f.problem.contains(problem)),
            "{document}: {:?}",
            read.findings
        );
    };
    let table = "tables: [ { name: Press, rows: [ { a: 1 } ] } ]\n";
    check(&format!("rules: [ {{ name: press, sql: SELECT }} ]\n{table}"), "a rule is called");
    check(&format!("devices: [ {{ name: press }} ]\n{table}"), "a device is called");
    check(&table.replace("Press", "samples"), "a table of the edge's own");
    check("tables: [ { name: a, rows: [] }, { name: a, rows: [] } ]\n", "exists already");
}

/// The examples of `docs/guides/tables.md` are configurations as they stand there.
#[test]
fn the_guide_is_right() {
    let guide = include_str!("../../../docs/guides/tables.md");
    let examples: Vec<&str> =
        guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    for example in &examples {
        let read = of(example);
        assert_eq!(read.findings.len(), 0, "{example}: {:?}", read.findings);
        assert_eq!(read.checked.unwrap().tables.len(), 1);
    }
    assert_eq!(examples.len(), 5);
}
