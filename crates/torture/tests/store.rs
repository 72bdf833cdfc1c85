//! The short form of every rig of the journal and of history, controls included.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::process::Command;

fn check(subject: &str) {
    let program = env!("CARGO_BIN_EXE_tagwerk-torture");
    let output = Command::new(program).args([subject, "--short"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    eprintln!("{said}");
}

#[test]
fn the_journal_keeps_what_it_promised() {
    check("journal");
}

#[test]
fn history_keeps_what_the_journal_promised() {
    check("history");
}
