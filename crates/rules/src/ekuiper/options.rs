//! What a rule of eKuiper's says beside its statement and its actions.

use super::names;
use super::report::Note;
use super::rule::Rule;
use serde_json::Value;
use tagwerk_model::limits;

/// Options that say how eKuiper runs a rule, and nothing about what it gives.
const SILENT: &[&str] = &[
    "bufferLength",
    "checkpointInterval",
    "concurrency",
    "debug",
    "disableBufferFullDiscard",
    "enableRuleTracer",
    "isEventTime",
    "lateTolerance",
    "logFilename",
    "notifySub",
    "planOptimizeStrategy",
    "qos",
    "restartStrategy",
    "schedule",
    "sendNilField",
];

pub fn read(document: &Value, rule: &mut Rule) {
    if document["triggered"].as_bool() == Some(false) {
        rule.draft_for(Note::changed("it is not started", "set its stage to live to start it"));
    }
    if let Some(text) = document["name"].as_str().filter(|text| !text.trim().is_empty()) {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        rule.text = Some(text.chars().take(200).map(clean).collect());
    }
    labels(document, rule);
    let Some(options) = document["options"].as_object() else { return };
    if options.get("isEventTime").and_then(Value::as_bool) == Some(true) {
        let ms = options.get("lateTolerance").and_then(number).unwrap_or(0);
        let max = limits::RULE_LATENESS_MAX.as_millis() as u64;
        rule.lateness_ms = Some(ms.min(max));
        if ms > max {
            let text = format!("rows are waited for an hour, and not {ms} ms");
            rule.notes.push(Note::changed(text, "nothing is to be done unless rows come later"));
        }
    }
    for (key, value) in options {
        let off = match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            _ => false,
        };
        if off || SILENT.contains(&key.as_str()) {
            continue;
        }
        match key.as_str() {
            "cron" | "duration" | "cronDatetimeRange" => {
                let text = format!("`{key}`: a rule runs always");
                let remedy = "write the times as a condition on `time`, and set the stage to live";
                rule.draft_for(Note::lost(text, remedy));
            }
            "sendError" => {
                let text = "errors are counted with the rule, and not sent";
                rule.notes.push(Note::changed(text, "look at the rule's `errors`"));
            }
            "sendMetaToSink" => {
                let text = "there is nothing but its columns to send";
                rule.notes.push(Note::lost(text, "select what is needed"));
            }
            _ => {
                let text = format!("the option `{key}` has no counterpart");
                rule.notes.push(Note::lost(text, "look whether it matters"));
            }
        }
    }
}

/// Versions write numbers as texts too.
fn number(value: &Value) -> Option<u64> {
    let text = value.as_str().map(|text| text.trim_end_matches("ms").parse().ok());
    value.as_u64().or(text.flatten())
}

fn labels(document: &Value, rule: &mut Rule) {
    for tag in document["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let label = names::tidied(tag);
        if label != tag {
            let text = format!("the tag `{tag}` is the label `{label}`");
            rule.notes.push(Note::changed(text, "labels have letters, digits, `.`, `_` and `-`"));
        }
        if rule.labels.len() == limits::RULE_LABELS_MAX as usize {
            let text = "there are more tags than labels";
            rule.notes.push(Note::lost(text, "choose those that are needed"));
            return;
        }
        if !rule.labels.contains(&label) {
            rule.labels.push(label);
        }
    }
}
