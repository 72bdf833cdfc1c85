//! Nothing that a document holds makes the check panic, and no mistake hides another.
#![allow(clippy::unwrap_used)]

mod fake;

use proptest::prelude::*;
use tagwerk_config::{Lint, Weight, diff, lint};

const VALID: &str = include_str!("../../../cases/config/valid-full.yaml");
const TEMPLATE: &str = include_str!("../../../cases/config/template-valid.yaml");
const RULES: &str = include_str!("../../../cases/config/rules.yaml");
const VALID_JSON: &str = include_str!("../../../cases/config/valid-json.json");

/// Checks a text, and what must hold for the findings of any text.
fn check(text: &[u8]) -> Lint {
    let lint = lint(text, &fake::CATALOGUE);
    for finding in &lint.findings {
        assert!(finding.line >= 1 && finding.column >= 1, "{finding}");
        assert!(!finding.problem.is_empty() && !finding.remedy.is_empty(), "{finding}");
        assert!(!finding.to_string().contains(char::is_control), "{finding}");
    }
    let errors = lint.findings.iter().any(|f| f.weight == Weight::Error);
    assert_eq!(lint.checked.is_none(), errors);
    let _ = diff(VALID.as_bytes(), text);
    assert!(diff(text, text).is_ok_and(|diff| diff.changes.is_empty()) || lint.checked.is_none());
    lint
}

fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just("\t"),
        Just("\n"),
        Just(": "),
        Just("- "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("\""),
        Just("'"),
        Just("&a "),
        Just("*a"),
        Just("!x "),
        Just("|\n"),
        Just("#"),
        Just("? "),
        Just("---\n"),
        Just("..."),
        Just("%"),
        Just("\\"),
        Just(","),
        Just("\u{feff}"),
        Just("\0"),
        Just("ü"),
        Just("0x"),
        Just("1e999"),
        Just("<<: "),
        Just("  "),
        Just("\r"),
    ];
    let edit = (any::<prop::sample::Index>(), 0..6usize, pieces);
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, cut, piece) in edits {
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, piece.bytes());
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        check(&bytes);
    }

    #[test]
    fn any_marks_are_survived(text in "[-a:{}\\[\\]\"'&*!|>#?%,\\\\ \n\t.0]{0,60}") {
        check(text.as_bytes());
    }

    #[test]
    fn a_damaged_document_is_survived(bytes in mutated(VALID)) {
        check(&bytes);
    }

    #[test]
    fn a_damaged_template_is_survived(bytes in mutated(TEMPLATE)) {
        let _ = diff(TEMPLATE.as_bytes(), &bytes);
        check(&bytes);
    }

    #[test]
    fn damaged_rules_are_survived(bytes in mutated(RULES)) {
        check(&bytes);
    }

    #[test]
    fn a_damaged_json_document_is_survived(bytes in mutated(VALID_JSON)) {
        check(&bytes);
    }

    #[test]
    fn no_mistake_hides_another(mistakes in prop::collection::vec(0..TAG_MISTAKES.len(), 1..40)) {
        let mut text = "version: 1\nedge: { name: p }\ndevices:\n- name: d\n  driver: modbus-tcp\n  \
                        settings: { host: h }\n  groups:\n  - name: g\n    interval: 1s\n    \
                        tags:\n".to_owned();
        for (i, mistake) in mistakes.iter().enumerate() {
            let line = TAG_MISTAKES[*mistake].replace("NAME", &format!("t{i}"));
            text.push_str(&format!("    - {line}\n"));
        }
        let lint = check(text.as_bytes());
        for (i, _) in mistakes.iter().enumerate() {
            prop_assert!(lint.findings.iter().any(|f| f.line as usize == 11 + i), "{text}");
        }
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused() {
    let refused = |text: &str, part: &str| {
        let lint = check(text.as_bytes());
        assert!(lint.findings[0].problem.contains(part), "{}", lint.findings[0]);
    };
    refused(&" ".repeat(64 * 1024 * 1024 + 1), "CONFIG_BYTES_MAX");
    refused(&format!("version: 1\nedge:\n- [{}]", "a,".repeat(1 << 20)), "in one piece");
    refused(&format!("[{}a: b]", "1,".repeat(1 << 20)), "as JSON has it");
    let comments = format!("{}{VALID}", "# a remark\n".repeat(200_000));
    assert!(check(comments.as_bytes()).checked.is_some());
    let tag = r#"{"name":"tNAME","address":"input:0","type":"bool"},"#;
    let tags: String = (0..40_000).map(|i| tag.replace("NAME", &i.to_string())).collect();
    let json = format!(
        r#"{{"version":1,"edge":{{"name":"p"}},"devices":[{{"name":"d","driver":"modbus-tcp",
        "settings":{{"host":"h"}},"groups":[{{"name":"g","interval":"1s","tags":[{}]}}]}}]}}"#,
        tags.trim_end_matches(',')
    );
    assert!(check(json.as_bytes()).checked.is_some());
}

/// Tags with one mistake each.
const TAG_MISTAKES: &[&str] = &[
    "{ name: NAME, address: 'input:0', type: flaot32 }",
    "{ name: NAME, address: 'inptu:0', type: float32 }",
    "{ name: NAME, addres: 'input:0', type: float32 }",
    "{ name: NAME x, address: 'input:0', type: float32 }",
    "{ name: NAME, address: 'input:0', type: float32, range: [1, 2] }",
    "{ name: NAME, address: 'holding:0', type: float32, access: write, range: [2, 1] }",
    "{ name: NAME, address: 'input:0', type: float32, scale: { slope: 0 } }",
    "{ name: NAME, address: 'input:0', type: bool, deadband: 1 }",
    "{ name: NAME, address: 'input:0', type: float32, deadband: x }",
    "{ name: NAME, address: 'input:0', type: float32, type: float64 }",
    "{ name: NAME, address: 'input:0', type: list }",
    "NAME",
    "",
];
