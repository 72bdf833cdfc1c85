//! The PostgreSQL protocol from outside: psql and psycopg over TLS, with the edge's own users.

use crate::process::{Edge, PASSWORD};
use crate::rig::{python, until};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

const ENDS: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: ends
    driver: sim
    settings: {}
    groups:
      - name: fast
        interval: 100ms
        tags:
          - { name: most, address: "constant:18446744073709551615", type: uint64 }
          - { name: least, address: "constant:-9223372036854775808", type: int64 }
"#;

/// An edge with some history of numbers at their ends, and its administrator `anna`.
fn edge() -> Edge {
    let edge = Edge::start_with(&["--postgres", "127.0.0.1:0"]);
    edge.set_up();
    edge.apply(ENDS, 0).expect(200);
    let query = json!({ "query": "SELECT count(*) FROM samples" });
    until("samples come into history", || {
        let answer = edge.local().post("/api/v1/sql", &query).expect(200).json();
        (answer["rows"][0][0].as_u64()? >= 8).then_some(())
    });
    edge
}

fn psql(edge: &Edge, user: &str, password: &str, mode: &str, statement: &str) -> Output {
    let certificate = edge.data.path().join("tls/cert.pem");
    Command::new("psql")
        .args(["-X", "-A", "-t", "-h", "localhost", "-U", user, "-d", "tagwerk", "-c", statement])
        .env("PGPORT", edge.postgres.rsplit_once(':').unwrap().1)
        .env("PGPASSWORD", password)
        .env("PGSSLMODE", mode)
        .env("PGSSLROOTCERT", certificate)
        .output()
        .expect("psql is installed by cargo xtask setup")
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn psycopg_reads_over_tls_what_the_api_answers() {
    let mut edge = edge();
    let mut peer = python("postgres.py");
    peer.arg(edge.postgres.rsplit_once(':').unwrap().1).arg(PASSWORD);
    peer.arg(edge.data.path().join("tls/cert.pem"));
    let output = peer.output().unwrap();
    let text = said(&output);
    let lines: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let found = |key: &str| lines.iter().find_map(|line| line.get(key)).unwrap_or(&Value::Null);
    assert_eq!(found("end"), true, "{text}");
    assert_eq!(found("tls"), true);
    let query = |tag: &str| {
        let text = format!(
            "SELECT time, value_u64, value_i64 FROM samples WHERE device = 'ends' AND tag = '{tag}' \
             ORDER BY time LIMIT 3"
        );
        let answer = edge.local().post("/api/v1/sql", &json!({ "query": text })).expect(200).json();
        answer["rows"].as_array().unwrap().clone()
    };
    let (most, least) = (query("most"), query("least"));
    assert_eq!(most[0][1].as_u64(), Some(u64::MAX));
    for line in lines.iter().filter(|line| line.get("tag").is_some()) {
        for (row, api) in line["rows"].as_array().unwrap().iter().zip(match &line["tag"] {
            tag if tag == "most" => &most,
            _ => &least,
        }) {
            assert_eq!(
                row[1].as_str(),
                api[1].as_u64().map(|n| n.to_string()).as_deref(),
                "{line}"
            );
            assert_eq!(row[2].as_i64(), api[2].as_i64(), "{line}");
            // The wire has microseconds.
            let time = api[0].as_str().unwrap();
            let wire = row[0].as_str().unwrap();
            assert_eq!(wire[..19], time[..19], "{line}");
        }
    }
    for (key, wanted) in [
        ("count", json!(1)),
        ("exact", json!(true)),
        ("some", json!(["most"])),
        ("copy", json!(["least", "most"])),
        ("canceled", json!("canceling statement due to user request")),
        ("wrong", json!(true)),
    ] {
        assert_eq!(*found(key), wanted, "{key}: {text}");
    }
    assert!(found("late").as_str().is_some(), "{text}");
    assert!(found("refused").as_str().unwrap().contains("read only"), "{text}");
    let events = edge.local().get("/api/v1/events?kind=login").expect(200).json();
    assert!(events.to_string().contains("failed to log in from 127.0.0.1"), "{events}");
    assert!(edge.stop().success());
}

/// What a Python program says, line by line.
fn lines(output: &Output) -> Vec<Value> {
    let text = said(output);
    let lines: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.last().map(|line| &line["end"]), Some(&json!(true)), "{text}");
    lines
}

#[test]
fn libraries_of_python_find_the_tables_and_read_them() {
    let mut edge = edge();
    let mut peer = python("postgres_libraries.py");
    peer.arg(edge.postgres.rsplit_once(':').unwrap().1).arg(PASSWORD);
    let lines = lines(&peer.output().unwrap());
    let first = |tag: &str| {
        let all = lines.iter().filter(|line| line["tag"] == tag).map(|line| &line["first"][0]);
        all.collect::<Vec<_>>()
    };
    for most in first("most") {
        assert_eq!((&most[0], &most[1]), (&json!(u64::MAX.to_string()), &Value::Null));
    }
    for least in first("least") {
        assert_eq!(least[1], json!(i64::MIN));
    }
    assert_eq!((first("most").len(), first("least").len()), (2, 2));
    let cursor = lines.iter().find_map(|line| line.get("cursor"));
    assert_eq!(cursor, Some(&json!(["least", "most"])));
    let looked: Vec<&Value> = lines.iter().filter(|line| line.get("tables").is_some()).collect();
    assert_eq!(looked.len(), 2);
    for looked in looked {
        assert_eq!(looked["schemas"], json!(["information_schema", "public"]), "{looked}");
        for table in ["samples", "latest", "alarms", "ledger", "ends"] {
            assert!(looked["tables"].as_array().unwrap().contains(&json!(table)), "{looked}");
        }
        let types = [&looked["columns"]["least"], &looked["columns"]["most"]];
        assert_eq!(types, [&json!("BIGINT"), &json!("NUMERIC")]);
        for none in ["views", "foreign", "indexes", "key"] {
            assert_eq!(looked[none], json!([]), "{none}: {looked}");
        }
    }
    let reflected: Vec<&Value> = lines.iter().filter_map(|line| line.get("reflected")).collect();
    assert_eq!(reflected, [&json!([[u64::MAX.to_string(), i64::MIN]]); 2]);
    assert!(edge.stop().success());
}

#[test]
fn the_odbc_driver_of_postgresql_lists_tables_and_reads_them() {
    let mut edge = edge();
    let port = edge.postgres.rsplit_once(':').unwrap().1;
    let ini = edge.data.path().join("odbc.ini");
    let source = format!(
        "[edge]\nDriver=PostgreSQL Unicode\nServername=127.0.0.1\nPort={port}\nDatabase=tagwerk\n\
         Username=anna\nPassword={PASSWORD}\nSSLmode=require\n"
    );
    std::fs::write(&ini, source).unwrap();
    let ask = |statement: &str| {
        let mut isql = Command::new("isql")
            .args(["-b", "-d,", "edge"])
            .env("ODBCINI", &ini)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("isql is installed by cargo xtask setup");
        std::io::Write::write_all(&mut isql.stdin.take().unwrap(), statement.as_bytes()).unwrap();
        said(&isql.wait_with_output().unwrap())
    };
    let tables = ask("help\n");
    assert!(tables.contains("tagwerk,public,ends,TABLE"), "{tables}");
    let columns = ask("help ends\n");
    assert!(columns.contains("tagwerk,public,ends,least,-5,int8"), "{columns}");
    let rows = ask("SELECT most, least FROM ends WHERE most IS NOT NULL LIMIT 1\n");
    assert_eq!(rows.trim(), format!("{},{}", u64::MAX, i64::MIN));
    assert!(edge.stop().success());
}

#[test]
fn accounts_come_and_go() {
    let edge = edge();
    let new = json!({ "username": "vera", "password": "another long sentence", "role": "viewer" });
    edge.local().post("/api/v1/users", &new).expect(200);
    let ask = |password: &str| psql(&edge, "vera", password, "require", "SELECT 1");
    assert_eq!(said(&ask("another long sentence")).trim(), "1");
    let change = json!({ "password": "a third long sentence" });
    edge.local().send_json("PUT", "/api/v1/users/vera", &change).expect(200);
    assert!(said(&ask("another long sentence")).contains("password authentication failed"));
    assert_eq!(said(&ask("a third long sentence")).trim(), "1");
    edge.local().send("DELETE", "/api/v1/users/vera", None).expect(204);
    assert!(said(&ask("a third long sentence")).contains("password authentication failed"));
    let token = json!({ "name": "grafana", "role": "viewer" });
    let made = edge.local().post("/api/v1/tokens", &token).expect(200).json();
    let secret = made["token"].as_str().unwrap();
    let tables = psql(&edge, "token", secret, "require", "\\dt");
    assert!(said(&tables).contains("public|ends|table|tagwerk"), "{}", said(&tables));
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    edge.local().send("DELETE", &path, None).expect(204);
    assert!(said(&psql(&edge, "token", secret, "require", "SELECT 1")).contains("API token"));
    until("guessing is slowed down", || {
        let answer = said(&psql(&edge, "anna", "wrong wrong wrong", "require", "SELECT 1"));
        answer.contains("too many failed logins").then_some(())
    });
}
