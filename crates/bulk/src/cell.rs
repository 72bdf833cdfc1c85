//! What single cells hold: texts that a spreadsheet must not run, numbers as people write them, and
//! values of settings.

use serde_json::{Number, Value};

/// A text that no spreadsheet takes for a formula. Read back by [`unguarded`].
pub(crate) fn guarded(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

pub(crate) fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

/// A value of settings or parameters. Read back by [`value`].
pub(crate) fn written(given: &Value) -> String {
    match given {
        Value::String(text) if text.is_empty() => given.to_string(),
        Value::String(text) => match value(text, true) == *given && text.trim() == text {
            true => guarded(text),
            false => given.to_string(),
        },
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// What a cell of settings or parameters stands for: JSON where it is JSON, else text.
pub(crate) fn value(cell: &str, decimal_comma: bool) -> Value {
    let text = cell.trim();
    if let Some(rest) = text.strip_prefix('\'') {
        return Value::String(rest.to_owned());
    }
    match text {
        "true" | "TRUE" | "True" => return Value::Bool(true),
        "false" | "FALSE" | "False" => return Value::Bool(false),
        "null" => return Value::Null,
        _ => {}
    }
    if let Some(number) = number(text, decimal_comma) {
        return Value::Number(number);
    }
    let json = match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).ok(),
        Some(b'{' | b'[') => tagwerk_config::document_value(text.as_bytes()).ok(),
        _ => None,
    };
    json.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A number; whole ones stay exact.
pub(crate) fn number(cell: &str, decimal_comma: bool) -> Option<Number> {
    let text = cell.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',') {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    let commas = text.matches(',').count();
    let float = match (commas, decimal_comma && !text.contains('.')) {
        (0, _) => text.parse::<f64>().ok(),
        (1, true) => text.replace(',', ".").parse::<f64>().ok(),
        _ => None,
    };
    float.and_then(Number::from_f64)
}

/// `true` or `false`, in the words of spreadsheets.
pub(crate) fn truth(cell: &str) -> Option<bool> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "wahr" | "vrai" => Some(true),
        "false" | "no" | "off" | "0" | "falsch" | "faux" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn cells_are_read_as_people_mean_them() {
        let cases = [
            ("502", false, json!(502)),
            (" -7 ", false, json!(-7)),
            ("1.5", false, json!(1.5)),
            ("1,5", true, json!(1.5)),
            ("1,5", false, json!("1,5")),
            ("1.234,5", true, json!("1.234,5")),
            ("10.0.0.5", false, json!("10.0.0.5")),
            ("TRUE", false, json!(true)),
            ("\"502\"", false, json!("502")),
            ("{\"secret\":\"a\"}", false, json!({ "secret": "a" })),
            ("[1, 2]", false, json!([1, 2])),
            ("{broken", false, json!("{broken")),
            ("18446744073709551615", false, json!(u64::MAX)),
            ("1e999", false, json!("1e999")),
            ("'=1+1", false, json!("=1+1")),
            ("nan", false, json!("nan")),
        ];
        for (cell, comma, expected) in cases {
            assert_eq!(value(cell, comma), expected, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn values_read_back(text: String, float in any::<f64>(), whole: i64) {
            for given in [json!(text), json!(float), json!(whole), json!([text]), json!({ "a": text })] {
                if given.is_null() {
                    continue;
                }
                prop_assert_eq!(value(&written(&given), false), given.clone());
                prop_assert_eq!(value(&written(&given), true), given);
            }
            let guarded = guarded(&text);
            prop_assert_eq!(unguarded(&guarded), &text);
            prop_assert!(!guarded.starts_with(['=', '+', '-', '@']));
        }
    }
}
