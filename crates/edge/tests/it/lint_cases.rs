//! `tagwerk lint` on every document of `cases/config/`, with the real drivers and sinks.

use crate::rig::repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Settings that only the driver has that stands for the real ones: those documents are judged there.
const OF_THE_STAND_IN: [&str; 2] = ["login:", "keep_alive:"];

/// A finding that the stand-in places at `access` and Modbus at `address`, on another line.
const PLACED_OTHERWISE: &str = "template-wrong-by-parameters.yaml";

fn lint(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tagwerk")).arg("lint").arg(file).output().unwrap()
}

#[test]
fn every_case_is_judged_as_expected() {
    let folder = repository().join("cases/config");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"))
        .collect();
    cases.retain(|path| {
        let text = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&text);
        let other = OF_THE_STAND_IN.iter().any(|key| text.contains(key));
        !other && !path.ends_with(PLACED_OTHERWISE)
    });
    cases.sort();
    assert!(cases.len() >= 40, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| difference(case)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The expectations stem from a driver that only stands for the real ones, so that their words may
/// differ; what is wrong, and where, may not.
fn difference(case: &Path) -> Option<String> {
    let expected = std::fs::read_to_string(case.with_extension("expected")).unwrap();
    let has_errors = expected.lines().any(|line| !line.starts_with("warning: "));
    let output = lint(case);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code();
    let wanted: BTreeSet<String> = expected.lines().map(line_of_expectation).collect();
    let prefix = format!("{}:", case.display());
    let found: BTreeSet<String> =
        said.lines().filter_map(|line| line_of_finding(line.strip_prefix(&prefix)?)).collect();
    let same = code == Some(i32::from(has_errors)) && wanted == found;
    (!same).then(|| {
        format!(
            "{}: exit code {code:?}\n--- expected\n{expected}--- found\n{said}{}",
            case.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// `warning: line 3, a.b: …`
fn line_of_expectation(text: &str) -> String {
    let (weight, rest) = match text.strip_prefix("warning: ") {
        Some(rest) => ("warning ", rest),
        None => ("", text),
    };
    let line = rest.strip_prefix("line ").unwrap_or(rest);
    let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
    format!("{weight}{}", &line[..end])
}

/// `3:7 warning: a.b: …`
fn line_of_finding(text: &str) -> Option<String> {
    let (place, rest) = text.split_once(' ')?;
    let (line, _column) = place.split_once(':')?;
    let weight = if rest.starts_with("warning: ") { "warning " } else { "" };
    Some(format!("{weight}{line}"))
}

#[test]
fn the_example_of_the_plant_has_no_findings() {
    let output = lint(&repository().join("examples/plant.yaml"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing() {
    let output = lint(Path::new("no-such-file.yaml"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no-such-file.yaml"), "{said}");
}
