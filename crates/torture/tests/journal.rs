//! The short form of every rig of the journal, controls included.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::process::Command;

#[test]
fn the_journal_keeps_what_it_promised() {
    let program = env!("CARGO_BIN_EXE_tagwerk-torture");
    let output = Command::new(program).args(["journal", "--short"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    eprintln!("{said}");
}
