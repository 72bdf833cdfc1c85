//! Every document of `cases/config/`: its findings are those of the file beside it. Run with
//! `UPDATE_EXPECT=1` to write them anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod fake;

use std::path::{Path, PathBuf};

#[test]
fn every_case_gives_the_expected_findings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/config");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 40, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case)).collect();
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 writes them anew", wrong.join("\n"));
}

fn check(case: &Path) -> Option<String> {
    let lint = tagwerk_config::lint(&std::fs::read(case).unwrap(), &fake::CATALOGUE);
    let errors = lint.findings.iter().filter(|f| f.weight == tagwerk_config::Weight::Error).count();
    assert_eq!(lint.checked.is_some(), errors == 0, "{}", case.display());
    let found: String = lint
        .findings
        .iter()
        .map(|finding| match finding.weight {
            tagwerk_config::Weight::Error => format!("{finding}\n"),
            tagwerk_config::Weight::Warning => format!("warning: {finding}\n"),
        })
        .collect();
    let file = case.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &found).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let name = case.file_name().unwrap().to_string_lossy();
    (expected != found).then(|| format!("{name}\n--- expected\n{expected}--- found\n{found}"))
}

/// The examples of `docs/guides/alarms.md` are configurations as they stand there.
#[test]
fn the_guides_alarms_have_no_findings() {
    let devices = "version: 1\nedge: { name: plant }\ndevices:\n";
    let device = |name: &str| {
        let tag = |(index, name): (usize, &str), of_type: &str| {
            format!("          - {{ name: {name}, address: \"input:{index}\", type: {of_type} }}\n")
        };
        let numbers = ["temperature", "setpoint"].into_iter().enumerate();
        let numbers: String = numbers.map(|(at, name)| tag((at * 2, name), "float32")).collect();
        format!(
            "  - name: {name}\n    driver: modbus-tcp\n    \
             settings: {{ host: 127.0.0.1, port: 5020, unit: 1 }}\n    groups:\n      \
             - name: process\n        interval: 1s\n        tags:\n{numbers}          \
             - {{ name: running, address: \"discrete:0\", type: bool }}\n"
        )
    };
    let devices = format!("{devices}{}{}", device("press-1"), device("boiler-1"));
    let guide = include_str!("../../../docs/guides/alarms.md");
    let examples: Vec<&str> = guide
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let lint = tagwerk_config::lint(format!("{devices}{example}").as_bytes(), &fake::CATALOGUE);
        assert!(lint.findings.is_empty(), "{example}{}", lint.findings[0]);
    }
}
