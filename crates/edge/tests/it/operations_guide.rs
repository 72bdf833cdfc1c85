//! The commands of `docs/guides/operations.md`, as they are written there.

use crate::process::{Edge, MIXER};
use crate::rig::repository;
use std::process::Command;

#[test]
fn the_guides_commands_work_as_they_are_written() {
    let text = std::fs::read_to_string(repository().join("docs/guides/operations.md")).unwrap();
    let edge = Edge::with_config(MIXER);
    edge.set_up();
    let folder = tempfile::tempdir().unwrap();
    let blocks: Vec<(&str, &str)> =
        text.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect();
    let device = blocks.iter().find(|(language, _)| *language == "json").unwrap().1;
    std::fs::write(folder.path().join("mixer.json"), device).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_tagwerk")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let commands = blocks.iter().filter(|(language, _)| *language == "sh");
    let mut count = 0;
    for line in commands.flat_map(|(_, block)| block.lines()) {
        let output = Command::new("sh")
            .args(["-ec", line])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("TAGWERK_URL", format!("http://127.0.0.1:{}", edge.port))
            .env("TAGWERK_DATA", edge.data.path())
            .env_remove("TAGWERK_TOKEN")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {words}");
        count += 1;
    }
    assert!(count >= 9, "{count}");
}
