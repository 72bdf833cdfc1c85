//! Exports of eKuiper's in `cases/import/ekuiper/`: the rules that come of each, and the report, stand
//! beside it. Run with `UPDATE_EXPECT=1` to write them anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use tagwerk_rules::Planner;
use tagwerk_rules::ekuiper::{Mapping, NoteKind, import};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/import/ekuiper")
}

/// What `--map` says, in a file beside the export.
fn mapping(case: &Path) -> Mapping {
    let mut mapping = Mapping::default();
    let text = std::fs::read_to_string(case.with_extension("map")).unwrap_or_default();
    for line in text.lines() {
        mapping.add(line).unwrap();
    }
    mapping
}

#[test]
fn exports_become_rules_and_a_report() {
    let planner = Planner::new().unwrap();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "only {} cases found", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let bytes = std::fs::read(case).unwrap();
        let (yaml, report) = match import(&bytes, &mapping(case), &planner) {
            Ok(import) => (Some(import.yaml), import.report.to_string()),
            Err(refused) => (None, format!("refused: {refused}\n")),
        };
        for (ending, found) in [("yaml", yaml), ("report", Some(report))] {
            let Some(found) = found else { continue };
            let file = case.with_extension(ending);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                std::fs::write(&file, &found).unwrap();
                continue;
            }
            let expected = std::fs::read_to_string(&file).unwrap_or_default();
            if expected != found {
                wrong.push(format!("{}\n--- found\n{found}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 writes them anew", wrong.join("\n"));
}

/// A rule is a draft where something of its statement is lost, and it says why.
#[test]
fn drafts_say_why() {
    let planner = Planner::new().unwrap();
    for case in ["functions", "lists", "windows", "neuron", "actions", "hostile"] {
        let file = folder().join(format!("{case}.json"));
        let import = import(&std::fs::read(&file).unwrap(), &mapping(&file), &planner).unwrap();
        for rule in &import.report.rules {
            let draft = rule.stage == "draft";
            assert!(!draft || !rule.notes.is_empty(), "{case}: {} is a draft", rule.name);
            let silent = rule.notes.iter().all(|note| note.kind != NoteKind::Lost);
            let named = rule.name.starts_with("lost-");
            assert!(!named || (draft && !silent), "{case}: {} lost nothing", rule.name);
        }
    }
}

#[test]
fn secrets_are_not_copied() {
    let planner = Planner::new().unwrap();
    let of = |case: &str| {
        let file = folder().join(case);
        let import = import(&std::fs::read(&file).unwrap(), &mapping(&file), &planner).unwrap();
        format!("{}{}", import.yaml, import.report)
    };
    let all = of("actions.json") + &of("tables.json") + &of("mqtt.json");
    for secret in ["do-not-copy", "Bearer", "token=", "user:pw"] {
        assert!(!all.contains(secret), "{secret} is in\n{all}");
    }
}

#[test]
fn files_that_are_too_long_are_refused() {
    let planner = Planner::new().unwrap();
    let bytes = vec![b' '; tagwerk_model::limits::IMPORT_BYTES_MAX + 1];
    let refused = import(&bytes, &Mapping::default(), &planner).unwrap_err();
    assert!(refused.to_string().contains("bytes"), "{refused}");
    let mut mapping = Mapping::default();
    for wrong in ["", "a", "=b", "a=", "a=x y", "a=sink:b"] {
        assert!(mapping.add(wrong).is_err(), "{wrong}");
    }
    mapping.add("demo = template:pump").unwrap();
}
