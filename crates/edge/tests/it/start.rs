//! How it starts, ends, and starts again.

use crate::process::{Edge, MIXER, tagwerk};
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
