//! Exports of eKuiper's: reading ends, with rules or a refusal. The bytes are a file, or the statement of
//! a rule in one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_rules::Planner;
use tagwerk_rules::ekuiper::{Mapping, import};

static PLANNER: LazyLock<Planner> = LazyLock::new(|| Planner::new().expect("the engine starts"));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let file = match first % 3 {
        0 => rest.to_vec(),
        1 => {
            let sql = String::from_utf8_lossy(rest);
            let rule = serde_json::json!({ "sql": sql, "actions": [] });
            let stream = "CREATE STREAM demo (a float, b string, c boolean) WITH (TIMESTAMP=\"a\")";
            serde_json::json!({ "streams": { "demo": stream }, "rules": { "r": rule } })
                .to_string()
                .into_bytes()
        }
        _ => {
            let statement = String::from_utf8_lossy(rest);
            let rule = serde_json::json!({ "sql": "SELECT a FROM demo" });
            serde_json::json!({ "streams": { "demo": statement }, "rules": { "r": rule } })
                .to_string()
                .into_bytes()
        }
    };
    let Ok(made) = import(&file, &Mapping::default(), &PLANNER) else { return };
    let (live, drafts) = made.report.counts();
    assert_eq!(live + drafts, made.report.rules.len());
    for rule in made.report.rules.iter().filter(|rule| rule.stage == "draft") {
        assert!(!rule.notes.is_empty(), "a draft that does not say why");
    }
});
