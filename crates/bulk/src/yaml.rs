//! Writes a document as YAML that people can read on: a tag on a line, keys in the order in which the
//! reference has them.

use serde_json::{Map, Value};
use std::fmt::Write;

/// Keys that stand first, in this order; the others follow by name.
const ORDER: [&str; 27] = [
    "version",
    "edge",
    "name",
    "template",
    "driver",
    "kind",
    "enabled",
    "tag",
    "group",
    "address",
    "formula",
    "type",
    "unit",
    "access",
    "scale",
    "range",
    "deadband",
    "report",
    "interval",
    "parameters",
    "settings",
    "overrides",
    "templates",
    "devices",
    "sinks",
    "archive",
    "description",
];

/// What comes after everything else.
const LAST: [&str; 2] = ["groups", "tags"];

/// Bytes of a value that is written on the line of its key.
const LINE_BYTES_MAX: usize = 400;

/// The document as YAML, which reads back as the same value.
pub fn to_yaml(document: &Value) -> String {
    let mut text = String::new();
    match document {
        Value::Object(keys) if !keys.is_empty() => map(keys, 0, false, &mut text),
        other => {
            text.push_str(&flow(other));
            text.push('\n');
        }
    }
    text
}

/// The pairs of a map; the first stands where the text is.
fn map(keys: &Map<String, Value>, indent: usize, started: bool, text: &mut String) {
    for (i, (key, value)) in in_order(keys).into_iter().enumerate() {
        if i > 0 || !started {
            pad(indent, text);
        }
        text.push_str(&scalar(key));
        text.push(':');
        below(key, value, indent, text);
    }
}

fn below(key: &str, value: &Value, indent: usize, text: &mut String) {
    let structure = matches!(key, "devices" | "groups" | "templates" | "sinks" | "edge");
    match value {
        Value::Object(keys) if !keys.is_empty() => {
            let line = flow(value);
            if line.len() <= LINE_BYTES_MAX && !structure {
                let _ = writeln!(text, " {line}");
            } else {
                text.push('\n');
                map(keys, indent + 2, false, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let line = flow(value);
            let short = line.len() <= LINE_BYTES_MAX / 4 && !structure && key != "tags";
            if short && !items.iter().any(Value::is_object) {
                let _ = writeln!(text, " {line}");
                return;
            }
            text.push('\n');
            for value in items {
                item(key, value, indent + 2, text);
            }
        }
        other => {
            let _ = writeln!(text, " {}", flow(other));
        }
    }
}

fn item(list: &str, value: &Value, indent: usize, text: &mut String) {
    pad(indent, text);
    text.push_str("- ");
    let structure = matches!(list, "devices" | "groups" | "templates" | "sinks");
    let line = flow(value);
    match value {
        Value::Object(keys) if !keys.is_empty() && (structure || line.len() > LINE_BYTES_MAX) => {
            map(keys, indent + 2, true, text);
        }
        _ => {
            let _ = writeln!(text, "{line}");
        }
    }
}

fn pad(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn in_order(keys: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = keys.iter().collect();
    let rank = |key: &str| match LAST.iter().position(|last| *last == key) {
        Some(at) => 1000 + at,
        None => ORDER.iter().position(|known| *known == key).unwrap_or(500),
    };
    pairs.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then(a.cmp(b)));
    pairs
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let pairs = in_order(keys).into_iter();
            let pairs: Vec<String> =
                pairs.map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => scalar(text),
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// A text, in quotes unless it can be nothing else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        || is_duration(text)
        || is_internet_address(text)
        || is_sentence(text);
    let word = text.to_ascii_lowercase();
    let reserved = matches!(
        word.as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan" | "inf"
    );
    match plain && !reserved {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// `250ms`.
fn is_duration(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && matches!(unit, "ms" | "s" | "m" | "h")
}

/// `10.0.0.5`, which is no number.
fn is_internet_address(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split('.').count() == 4 && text.split('.').all(digits)
}

/// Words with single spaces between them.
fn is_sentence(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ')
        && !text.contains("  ")
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn documents_are_written_for_people() {
        let document = json!({
            "sinks": [{ "name": "s", "kind": "mqtt", "settings": { "url": "mqtt://h:1" } }],
            "devices": [{
                "groups": [{ "interval": "1s", "name": "g", "tags": [
                    { "type": "bool", "name": "a", "address": "input:1", "description": "The first" },
                ] }],
                "settings": { "port": 502, "host": "10.0.0.5" },
                "name": "d", "driver": "modbus-tcp",
            }],
            "version": 1,
            "edge": { "name": "plant" },
        });
        let expected = "version: 1\nedge:\n  name: plant\ndevices:\n  - name: d\n    driver: \
             modbus-tcp\n    settings: { host: 10.0.0.5, port: 502 }\n    groups:\n      - name: \
             g\n        interval: 1s\n        tags:\n          - { name: a, address: \"input:1\", \
             type: bool, description: The first }\nsinks:\n  - name: s\n    kind: mqtt\n    settings: \
             { url: \"mqtt://h:1\" }\n";
        assert_eq!(to_yaml(&document), expected);
    }

    proptest! {
        #[test]
        fn documents_read_back(
            texts in prop::collection::vec(any::<String>(), 1..6),
            words in prop::collection::vec("[-a-z0-9.~/ ]{0,8}|true|Null|0x1f|1e5|\\.inf", 1..6),
            float in any::<f64>(), whole: i64, deep in 0..6usize,
        ) {
            let float = if float.is_finite() { json!(float) } else { json!(0.5) };
            let long = texts.concat().repeat(9);
            let mut value = json!({ "a": texts, "b": words, "c": float, "d": whole, "long": long });
            for _ in 0..deep {
                value = json!({ "devices": [value, { "x": [[], {}, [1, ["y"]]], "": null, "k k": true }] });
            }
            let text = to_yaml(&json!({ "version": 1, "x": value }));
            let read = tagwerk_config::document_value(text.as_bytes());
            let read = read.map_err(|finding| TestCaseError::fail(format!("{finding}\n{text}")))?;
            prop_assert_eq!(read, json!({ "version": 1, "x": value }), "{}", text);
        }
    }
}
