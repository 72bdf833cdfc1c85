//! Reads the YAML of a component's own example into JSON. Only for these small, trusted texts: the
//! product reads documents in `tagwerk-config`.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

enum Open {
    List(Vec<Value>),
    Map(serde_json::Map<String, Value>, Option<String>),
}

/// The document as JSON, or what is wrong with it.
pub fn to_json(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Object(serde_json::Map::new());
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let done = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Some(plain(&text)),
            Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(serde_json::Map::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|closed| match closed {
                Open::List(items) => Value::Array(items),
                Open::Map(entries, _) => Value::Object(entries),
            }),
            Event::Alias(_) => return Err("an example needs no aliases".to_owned()),
            _ => None,
        };
        let Some(value) = done else { continue };
        match open.last_mut() {
            None => root = value,
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(entries, key)) => match (key.take(), value) {
                (Some(key), value) => {
                    entries.insert(key, value);
                }
                (None, Value::String(text)) => *key = Some(text),
                (None, other) => return Err(format!("`{other}` as a key")),
            },
        }
    }
    Ok(root)
}

/// A scalar without quotes, by the core schema of YAML 1.2.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_becomes_json() {
        let value =
            to_json("host: 10.0.0.5\nport: 502\nfast: true\nlist: [1, 'x', {a: 2s}]\n").unwrap();
        let expected = serde_json::json!({
            "host": "10.0.0.5", "port": 502, "fast": true, "list": [1, "x", {"a": "2s"}]
        });
        assert_eq!(value, expected);
    }
}
