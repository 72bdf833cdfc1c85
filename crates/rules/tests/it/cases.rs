//! Runs the corpus of `cases/rules`, at every pace the same.

use crate::case::{Case, Expected, difference, read, read_folder};
use crate::rig::{Bench, Pace, case_value};
use std::path::{Path, PathBuf};

fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/rules");
    let only = std::env::var("TAGWERK_CASE").unwrap_or_default();
    let mut cases = read_folder(&folder).unwrap();
    cases.retain(|case| case.name.contains(&only));
    cases
}

/// What is wrong with a case's outcome at this pace.
fn judge(bench: &Bench, case: &Case, pace: Pace) -> Option<String> {
    let run = bench.run(case, pace);
    match (&case.expected, run) {
        (Expected::Finding { line, column, text }, Err(finding)) => {
            let at = (finding.line as usize, finding.column as usize);
            let said = finding.to_string();
            let right =
                at == (*line, *column) && said.to_lowercase().contains(&text.to_lowercase());
            (!right).then(|| format!("expected line {line}, column {column}: {text}, got {said}"))
        }
        (Expected::Finding { text, .. }, Ok(_)) => Some(format!("it was planned: no {text}")),
        (Expected::Rows { .. }, Err(finding)) => Some(format!("it was not planned: {finding}")),
        (Expected::Rows { rows, late, errors, unordered }, Ok(run)) => {
            let given: Vec<_> = run
                .given
                .iter()
                .map(|row| (row.time_ns, row.cells.iter().map(case_value).collect()))
                .collect();
            let counts = (run.counts.rows_late, run.counts.errors);
            difference(rows, *unordered, &given)
                .map(|text| match &run.error {
                    Some(error) => format!("{text}({error})"),
                    None => text,
                })
                .or_else(|| {
                    (counts != (*late, *errors)).then(|| {
                        let error = run.error.unwrap_or_default();
                        format!("late and errors: {counts:?}, not {late}, {errors} {error}")
                    })
                })
        }
    }
}

#[test]
fn every_case_gives_what_it_says() {
    let bench = Bench::new();
    let cases = corpus();
    let mut wrong = Vec::new();
    for case in &cases {
        for pace in [Pace::Many, Pace::Single, Pace::Interrupted] {
            if let Some(problem) = judge(&bench, case, pace) {
                wrong.push(format!(
                    "{}:{} {} ({pace:?}): {problem}",
                    case.file, case.line, case.name
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 150 || std::env::var("TAGWERK_CASE").is_ok());
}

/// Rows, disorder, windows and their parameters at random; what must come of them is computed by
/// another program, in another language, with another database.
#[test]
fn what_is_computed_elsewhere_from_random_rows_is_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("TAGWERK_VENV").map_or(root.join(".venv"), PathBuf::from);
    let seed = std::env::var("TAGWERK_SEED").unwrap_or_else(|_| "7".to_owned());
    let output = std::process::Command::new(folder.join("bin/python"))
        .arg(root.join("cases/rules/oracle.py"))
        .args(["random", &seed, "150"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let cases = read("random", &String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(cases.len(), 150);
    let bench = Bench::new();
    for case in &cases {
        for pace in [Pace::Many, Pace::Interrupted] {
            if let Some(problem) = judge(&bench, case, pace) {
                panic!("{} ({pace:?}): {problem}\n{}", case.name, case.sql);
            }
        }
    }
}
