//! Writes rules, sinks and devices as YAML that people can read on.

use super::rule::Rule;
use super::source::Device;
use super::table::{LookupTable, column_type};
use serde_json::Value;
use std::fmt::Write;

pub fn yaml(tables: &[LookupTable], rules: &[Rule], sinks: &[Value], devices: &[Device]) -> String {
    let mut text = String::new();
    if !tables.is_empty() {
        text.push_str("tables:\n");
    }
    tables.iter().for_each(|each| table(each, &mut text));
    text.push_str(if rules.is_empty() { "rules: []\n" } else { "rules:\n" });
    for rule in rules {
        one(rule, &mut text);
    }
    if !sinks.is_empty() {
        text.push_str("sinks:\n");
    }
    for sink in sinks {
        let mut lead = "  - ";
        for key in ["name", "kind", "enabled", "settings", "tags"] {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{lead}{key}: {}", flow(&sink[key]));
            lead = "    ";
        }
    }
    if !devices.is_empty() {
        text.push_str("devices:\n");
    }
    devices.iter().for_each(|made| device(made, &mut text));
    text
}

fn table(table: &LookupTable, text: &mut String) {
    let _ = writeln!(text, "  - name: {}", scalar(&table.name));
    let (key, source) = &table.source;
    let _ = writeln!(text, "    {key}: {}", flow(source));
    if !table.columns.is_empty() {
        let columns = table.columns.iter();
        let columns: Vec<String> = columns
            .map(|(name, kind)| format!("{}: {}", scalar(name), column_type(*kind).name()))
            .collect();
        let _ = writeln!(text, "    columns: {{ {} }}", columns.join(", "));
    }
    if let Some(seconds) = table.refresh_s {
        let _ = writeln!(text, "    refresh: {seconds}s");
    }
}

fn device(device: &Device, text: &mut String) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "  - name: {}", scalar(&device.name));
    text.push_str("    driver: mqtt\n    enabled: false\n");
    let _ = writeln!(text, "    settings: {}", flow(&device.settings));
    text.push_str("    groups:\n      - name: messages\n        interval: 1s\n        tags:\n");
    for tag in &device.tags {
        let (name, address) = (scalar(&tag.name), scalar(&tag.address));
        let of = tag.data_type;
        let _ = writeln!(text, "          - {{ name: {name}, address: {address}, type: {of} }}");
    }
}

fn one(rule: &Rule, text: &mut String) {
    let _ = writeln!(text, "  - name: {}", scalar(&rule.name));
    sql(&rule.sql, text);
    if rule.draft {
        text.push_str("    stage: draft\n");
    }
    if let Some(ms) = rule.lateness_ms {
        let _ = match ms % 1_000 {
            0 => writeln!(text, "    lateness: {}s", ms / 1_000),
            _ => writeln!(text, "    lateness: {ms}ms"),
        };
    }
    if !rule.labels.is_empty() {
        let labels: Vec<String> = rule.labels.iter().map(|label| scalar(label)).collect();
        let _ = writeln!(text, "    labels: [{}]", labels.join(", "));
    }
    if let Some(said) = &rule.text {
        let _ = writeln!(text, "    text: {}", scalar(said));
    }
    if !rule.writes.is_empty() {
        text.push_str("    actions:\n");
    }
    for write in &rule.writes {
        let (Some(column), Some(tag)) = (&write.column, &write.tag) else { continue };
        let tag = scalar(&format!("{}/{tag}", write.device));
        let _ = writeln!(text, "      - write: {{ column: {}, tag: {tag} }}", scalar(column));
    }
}

/// As a block, where a block can hold it.
fn sql(sql: &str, text: &mut String) {
    if sql.trim().is_empty() {
        // A rule has SQL, also one that is not written yet.
        text.push_str("    sql: SELECT\n");
        return;
    }
    let plain = |c: char| c == '\n' || !(c.is_control() || is_odd(c));
    let block = sql.chars().all(plain)
        && !sql.starts_with([' ', '\n'])
        && sql.lines().all(|line| !line.ends_with(' ') || line.is_empty());
    if !block {
        let _ = writeln!(text, "    sql: {}", quoted(sql));
        return;
    }
    text.push_str("    sql: |\n");
    for line in sql.trim_end().lines() {
        let _ = match line.is_empty() {
            true => writeln!(text),
            false => writeln!(text, "      {line}"),
        };
    }
}

/// What readers of YAML take for a line's end, for a mark, or for nothing.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let mut keys: Vec<(&String, &Value)> = keys.iter().collect();
            // An address says most.
            keys.sort_by_key(|(key, _)| (key.as_str() != "url", key.as_str()));
            let pairs =
                keys.into_iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text, in quotes unless it can be nothing else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let word = text.to_ascii_lowercase();
    let reserved =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&word.as_str());
    match plain && !reserved {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_odd(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
