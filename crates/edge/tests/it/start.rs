//! How it starts, ends, and starts again.

use crate::process::{Edge, MIXER, tagwerk};
use crate::rig::until;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

#[test]
fn it_starts_with_nothing_and_is_ready() {
    let mut edge = Edge::start();
    let nobody = edge.nobody();
    assert_eq!(nobody.get("/health/live").expect(200).json()["status"], "ok");
    assert_eq!(nobody.get("/health/ready").expect(200).json()["status"], "ok");
    let metrics = nobody.get("/metrics").expect(200).text();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("tagwerk_") && value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(metrics.contains("# TYPE tagwerk_journal_appended_total counter"));
    for secret in ["cli.token", "edge.db", "edge.db-wal"] {
        let mode = edge.data.path().join(secret).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    assert!(edge.stop().success());
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let edge = Edge::start();
    let second =
        tagwerk(edge.data.path()).args(["run", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another tagwerk runs on the data directory"), "{text}");
    edge.nobody().get("/health/live").expect(200);
}

#[test]
fn an_initial_configuration_is_the_first_revision_or_stops_the_start() {
    let files = tempfile::tempdir().unwrap();
    let good = files.path().join("good.yaml");
    std::fs::write(&good, MIXER).unwrap();
    let mut edge = Edge::start_with(&["--initial-config", good.to_str().unwrap()]);
    assert_eq!(edge.local().get("/api/v1/config").header("etag"), Some("\"1\""));
    // Once there is a revision it is not looked at again.
    std::fs::write(&good, "rubbish").unwrap();
    edge.stop();
    edge.restart();
    assert_eq!(edge.local().get("/api/v1/config").text(), MIXER);

    let bad = files.path().join("bad.yaml");
    std::fs::write(&bad, MIXER.replace("driver: sim", "driver: sym")).unwrap();
    let refused = tagwerk(&files.path().join("data"))
        .args(["run", "--listen", "127.0.0.1:0", "--initial-config", bad.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("bad.yaml:6:") && text.contains("nothing was started"), "{text}");
}

#[test]
fn a_revision_that_this_version_does_not_accept_is_a_problem_and_no_reason_not_to_start() {
    let mut edge = Edge::with_config(MIXER);
    edge.stop();
    let db = rusqlite::Connection::open(edge.data.path().join("edge.db")).unwrap();
    db.execute("UPDATE revisions SET text = replace(text, 'driver: sim', 'driver: gone')", [])
        .unwrap();
    drop(db);
    edge.restart();
    let status = edge.local().get("/api/v1/status").expect(200).json();
    assert_eq!(status["problems"][0]["subject"], "configuration", "{status}");
    assert_eq!(status["config"]["revision"], 1, "still what the edge is meant to run");
    edge.nobody().get("/health/ready").expect(503);
    edge.apply(MIXER, 1).expect(200);
    edge.nobody().get("/health/ready").expect(200);
}

/// CRC-32C, as the header of a segment of history has it.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A segment as a later version of the program would begin it.
fn newer_segment() -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(b"TAGWERKH");
    header[8..10].copy_from_slice(&99u16.to_le_bytes());
    let crc = crc32c(&header[..508]);
    header[508..].copy_from_slice(&crc.to_le_bytes());
    let mut file = vec![0; 4096];
    file[..512].copy_from_slice(&header);
    file[3584..].copy_from_slice(&header);
    file
}

/// What the edge says of a history that it does not open; everything else works.
fn works_without_history(edge: &Edge, why: &str) {
    let local = edge.local();
    let status = local.get("/api/v1/status").expect(200).json();
    let problems = status["problems"].as_array().unwrap();
    let of_history = problems.iter().find(|problem| problem["subject"] == "history").unwrap();
    assert!(of_history["cause"].as_str().unwrap().contains(why), "{of_history}");
    let storage = local.get("/api/v1/storage").expect(200).json();
    assert!(storage["history"]["last_error"].as_str().unwrap().contains(why), "{storage}");
    let ask = |query: &str| local.post("/api/v1/sql", &json!({ "query": query }));
    let refused = ask("SELECT count(value) FROM samples WHERE quality = 'good'");
    assert!(refused.status >= 400 && refused.text().contains(why), "{}", refused.text());
    let refused = ask("SELECT count(*) FROM samples");
    assert!(refused.status >= 400 && refused.text().contains(why), "{}", refused.text());
    let past = local.get("/api/v1/devices/mixer/tags/level/samples");
    assert_eq!(past.status, 503, "{}", past.text());
    ask("SELECT value FROM latest WHERE tag = 'level'").expect(200);
    let text = "the edge works without history";
    until("the event", || {
        let events = ask(&format!("SELECT text FROM events WHERE text LIKE '{text}%'"));
        (!events.expect(200).json()["rows"].as_array().unwrap().is_empty()).then_some(())
    });
}

#[test]
fn a_history_that_does_not_open_is_left_as_it_is_and_caught_up_with_later() {
    let mut edge = Edge::with_config(MIXER);
    let kept = |edge: &Edge| {
        let query = "SELECT count(*) FROM samples WHERE tag = 'level'";
        let answer = edge.local().post("/api/v1/sql", &json!({ "query": query }));
        answer.expect(200).json()["rows"][0][0].as_u64().unwrap()
    };
    let before = until("samples come into history", || Some(kept(&edge)).filter(|n| *n > 5));
    assert!(edge.stop().success());
    let folder = edge.data.path().join("history");
    let newer = folder.join(format!("{:020}.hist", 900_000));
    std::fs::write(&newer, newer_segment()).unwrap();
    edge.restart();
    works_without_history(&edge, "format version 99");
    assert!(edge.stop().success());
    assert!(newer.exists(), "nothing is taken away");
    std::fs::remove_file(&newer).unwrap();
    // A folder that is none cannot be read.
    let aside = edge.data.path().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    edge.restart();
    works_without_history(&edge, "check the disk");
    assert!(edge.stop().success());
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    edge.restart();
    until("history has what came meanwhile", || (kept(&edge) > before).then_some(()));
    let query = "SELECT count(*) FROM samples WHERE tag = 'level' AND quality <> 'good'";
    let bad = edge.local().post("/api/v1/sql", &json!({ "query": query })).expect(200).json();
    assert_eq!(bad["rows"], json!([[0]]));
}

#[test]
fn a_history_that_another_program_has_open_ends_the_start() {
    let mut edge = Edge::with_config(MIXER);
    assert!(edge.stop().success());
    let lock = std::fs::File::open(edge.data.path().join("history/lock")).unwrap();
    lock.lock().unwrap();
    let start = tagwerk(edge.data.path()).args(["run", "--listen", "127.0.0.1:0"]).output();
    let start = start.unwrap();
    assert_eq!(start.status.code(), Some(1));
    let text = String::from_utf8_lossy(&start.stderr).into_owned();
    assert!(text.contains("another program has it open"), "{text}");
}
