//! Tags as tables: out, changed in a spreadsheet, and in again.

use crate::process::{Edge, MIXER};
use serde_json::json;

#[test]
fn a_table_goes_out_is_changed_and_comes_in_again() {
    let edge = Edge::with_config(MIXER);
    let engineer = edge.with_role("engineer");
    let reply = engineer.get("/api/v1/export?format=csv");
    let name = reply.expect(200).header("content-disposition").unwrap();
    assert!(name.contains("test-edge-tags-") && name.contains(".csv"), "{name}");
    let table = reply.text();
    assert!(table.contains("ramp:0..100"), "{table}");
    let import = |table: &str, query: &str| {
        let path = format!("/api/v1/import?{query}");
        engineer.send("POST", &path, Some(table.as_bytes())).expect(200).json()
    };
    let same = import(&table, "format=csv");
    assert_eq!(
        (&same["kind"], &same["devices"], &same["tags"]),
        (&json!("csv"), &json!(1), &json!(2))
    );
    assert_eq!(same["diff"]["effects"], json!([]), "{same}");
    let changed = import(&table.replace("ramp:0..100", "ramp:0..50"), "mode=merge");
    let effects = changed["diff"]["effects"].as_array().unwrap();
    assert_eq!(effects.len(), 1, "{changed}");
    let document = changed["document"].as_str().unwrap();
    assert_eq!(engineer.get("/api/v1/config").header("etag"), Some("\"1\""), "nothing is applied");
    edge.apply(document, 1).expect(200);
    let wrong = import(&table.replace("ramp:0..100", "rampe:0..50"), "");
    assert_eq!((&wrong["document"], &wrong["diff"]), (&json!(null), &json!(null)), "{wrong}");
    assert_eq!(wrong["findings"][0]["weight"], "error");
    assert!(wrong["findings"][0]["row"].as_u64().unwrap() > 1, "{wrong}");
    let xlsx = engineer.get("/api/v1/export?format=xlsx&devices=mixer");
    assert!(xlsx.expect(200).body.starts_with(b"PK"));
    let empty = engineer.get("/api/v1/export?empty=true").expect(200).text();
    assert_eq!(empty.lines().count(), 2, "{empty}");
}

#[test]
fn what_is_no_table_is_refused_in_words() {
    let edge = Edge::start();
    let local = edge.local();
    local.get("/api/v1/export?format=pdf").refusal(400, "invalid");
    local.get("/api/v1/export?devices=nobody").refusal(404, "not_found");
    for query in ["format=pdf", "mode=both", "colour=red"] {
        let path = format!("/api/v1/import?{query}");
        local.send("POST", &path, Some(b"a")).refusal(400, "invalid");
    }
    for bytes in [&b""[..], b"\xff\xfe\x00", b"PK\x03\x04", b"{", b"a,b\n1,2\n"] {
        let answer = local.send("POST", "/api/v1/import", Some(bytes)).expect(200).json();
        assert_eq!(answer["document"], json!(null), "{answer}");
        assert!(!answer["findings"].as_array().unwrap().is_empty(), "{answer}");
    }
    let large = vec![b'a'; 16 * 1024 * 1024 + 1];
    local.send("POST", "/api/v1/import", Some(&large)).refusal(413, "too_large");
}

#[test]
fn tables_go_both_ways_by_command_line() {
    let edge = Edge::with_config(MIXER);
    let file = edge.data.path().join("tags.csv");
    let path = file.to_str().unwrap();
    let output = edge.cli(&["export", path]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, table.replace("ramp:0..100", "ramp:0..50")).unwrap();
    let output = edge.cli(&["import", path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("device mixer") && text.contains("--apply"), "{text}");
    assert!(edge.cli(&["import", path, "--apply"]).status.success());
    assert!(edge.local().get("/api/v1/config").text().contains("ramp:0..50"));
    std::fs::write(&file, "device,tag\nx\n").unwrap();
    assert!(!edge.cli(&["import", path]).status.success());
    assert!(!edge.cli(&["export", "/nowhere/tags.pdf"]).status.success());
}
