//! The command line against a running edge, and without one.

use crate::process::{Edge, MIXER, tagwerk};
use std::process::Output;

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn check(edge: &Edge, arguments: &[&str], code: i32, expected: &str) -> String {
    let output = edge.cli(arguments);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(expected), "{arguments:?}: {text}");
    text
}

#[test]
fn a_configuration_goes_its_way_by_command_line() {
    let edge = Edge::start();
    let file = edge.data.path().join("mixer.yaml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, MIXER).unwrap();
    check(&edge, &["lint", path], 0, "");
    check(&edge, &["diff", path], 0, "device mixer starts");
    check(&edge, &["apply", path, "--dry-run"], 0, "device mixer starts");
    check(&edge, &["apply", path, "--comment", "first & best"], 0, "revision 1 runs");
    check(&edge, &["diff", path], 0, "nothing would change");
    std::fs::write(&file, MIXER.replace("100ms", "fast")).unwrap();
    check(&edge, &["lint", path], 1, "mixer.yaml:10:");
    check(&edge, &["apply", path], 1, "mixer.yaml:10:");
    std::fs::write(&file, MIXER.replace("100ms", "200ms")).unwrap();
    check(&edge, &["apply", path, "--base", "0"], 1, "revision 1, applied by local");
    check(&edge, &["apply", path], 0, "revision 2 runs, with 1 changes");
    check(&edge, &["export", "--revision", "1"], 0, MIXER);
    check(&edge, &["rollback", "1"], 0, "revision 3 has the text of revision 1");
    check(&edge, &["export"], 0, MIXER);
    check(&edge, &["revisions"], 0, "first & best");
}

#[test]
fn values_are_read_and_written_by_command_line() {
    let edge = Edge::with_config(MIXER);
    check(&edge, &["write", "mixer/speed", "12.5", "--yes", "--id", "a"], 0, "command a is done");
    check(&edge, &["read", "mixer/speed"], 0, "12.5");
    check(&edge, &["write", "mixer/speed", "-1", "--yes"], 1, "");
    check(&edge, &["write", "mixer/speed", "1"], 1, "add --yes");
    check(&edge, &["devices"], 0, "mixer");
    check(&edge, &["tags", "mixer", "--filter", "LEV"], 0, "mixer/level");
    check(&edge, &["tags", "nobody"], 1, "there is no device nobody");
    // Whether all is well depends on the clock of the machine that runs the test.
    let output = edge.cli(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let well = status["problems"].as_array().unwrap().is_empty();
    assert_eq!(output.status.success(), well, "{status}");
}

#[test]
fn tokens_and_users_are_kept_by_command_line() {
    let edge = Edge::start();
    let token = check(&edge, &["token", "create", "grafana", "--role", "viewer"], 0, "twk_");
    check(&edge, &["token", "list"], 0, "grafana");
    check(&edge, &["--token", token.trim(), "devices"], 0, "DEVICE");
    check(&edge, &["--token", token.trim(), "token", "list"], 1, "needs the role admin");
    check(&edge, &["user", "list"], 0, "USER");
}

#[test]
fn without_an_edge_it_says_so() {
    let nowhere = tempfile::tempdir().unwrap();
    let output =
        tagwerk(nowhere.path()).args(["--url", "http://127.0.0.1:1", "status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("no edge answers"), "{}", text(&output));
}
