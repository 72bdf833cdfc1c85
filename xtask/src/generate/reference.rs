//! The reference page of each driver, sink and channel, from what the component says of itself.

use super::{Files, REFERENCE};
use anyhow::{Context, Result};
use serde_json::Value;

const MARK: &str =
    "<!-- Written by `cargo xtask gen` from the component's own spec; edit its code instead. -->\n";

/// The pages of all components and the list of them.
pub fn pages(catalogue: &Value) -> Result<Files> {
    let mut files = Files::new();
    let mut index = format!(
        "{MARK}\n# Reference\n\n- [Limits](limits.md): the bound of every queue, file and retry\n\
         - [Functions](functions.md): what statements and rules can call\n"
    );
    for (kind, title) in [("drivers", "Drivers"), ("sinks", "Sinks"), ("channels", "Channels")] {
        index.push_str(&format!("\n## {title}\n\n"));
        let specs = catalogue[kind].as_array();
        for spec in specs.with_context(|| format!("the catalogue has no list `{kind}`"))? {
            let name = text(spec, "name");
            index.push_str(&format!("- [`{name}`]({kind}/{name}.md): {}\n", text(spec, "summary")));
            files.insert(format!("{REFERENCE}/{kind}/{name}.md"), page(kind, spec));
        }
    }
    files.insert(format!("{REFERENCE}/README.md"), index);
    Ok(files)
}

fn page(kind: &str, spec: &Value) -> String {
    let name = text(spec, "name");
    let mut page = format!("{MARK}\n# `{name}`\n\n{}\n", text(spec, "summary"));
    let chosen_by = if kind == "drivers" { "driver" } else { "kind" };
    page.push_str(&format!("\nChosen with `{chosen_by}: {name}`. "));
    // A channel can one thing, which its summary says.
    match kind {
        "channels" => page.push('\n'),
        _ => page.push_str(&format!("Can: {}.\n", words(&spec["abilities"]))),
    }
    page.push_str("\n## Settings\n\n");
    let mut rows = Vec::new();
    setting_rows(&spec["settings"], &spec["settings"], "", &mut rows);
    if rows.is_empty() {
        page.push_str("None.\n");
    } else {
        page.push_str("| Setting | Type | Default | Meaning |\n|---|---|---|---|\n");
        rows.iter().for_each(|row| page.push_str(row));
    }
    page.push_str(&format!("\nExample:\n\n```yaml\n{}\n```\n", text(spec, "example").trim_end()));
    if let Some(forms) = spec["addresses"].as_array().filter(|forms| !forms.is_empty()) {
        page.push_str("\n## Addresses\n\n| Form | Meaning | Example |\n|---|---|---|\n");
        for form in forms {
            page.push_str(&format!(
                "| `{}` | {} | `{}` |\n",
                cell(text(form, "form")),
                cell(text(form, "meaning")),
                cell(text(form, "example"))
            ));
        }
        page.push_str(&format!("\n## Types\n\n{}\n", words(&spec["data_types"])));
    }
    page
}

fn words(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A row per setting; those of nested records and lists below their own.
fn setting_rows(root: &Value, schema: &Value, path: &str, rows: &mut Vec<String>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        let resolved = resolve(root, property);
        let default = match &property["default"] {
            Value::Null if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => "–".to_owned(),
            default => format!("`{}`", cell(&default.to_string().replace('"', ""))),
        };
        let meaning = [property, resolved].map(|schema| text(schema, "description"));
        let meaning = meaning.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        rows.push(format!(
            "| `{path}` | {} | {default} | {} |\n",
            cell(&type_of(root, resolved)),
            cell(meaning)
        ));
        if resolved["properties"].is_object() {
            setting_rows(root, resolved, &format!("{path}."), rows);
        }
        let items = resolve(root, &resolved["items"]);
        if items["properties"].is_object() {
            setting_rows(root, items, &format!("{path}[]."), rows);
        }
    }
}

fn type_of(root: &Value, schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<_> = choices.iter().filter(|choice| !choice.is_null()).cloned().collect();
        return words(&Value::Array(choices));
    }
    if let Some(options) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let options: Vec<String> = options
            .iter()
            .filter(|option| option["type"] != "null")
            .map(|option| match option["const"].as_str() {
                Some(word) => format!("`{word}`"),
                None => type_of(root, resolve(root, option)),
            })
            .collect();
        return options.join(", ");
    }
    let name = match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        one => one.as_str(),
    };
    match name.unwrap_or_default() {
        "string" => match schema["format"].as_str() {
            Some("duration") => "duration".to_owned(),
            Some("secret" | "password") => "secret".to_owned(),
            _ => "text".to_owned(),
        },
        "integer" => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(low), Some(high)) => format!("whole number, {low} to {high}"),
            _ => "whole number".to_owned(),
        },
        "number" => "number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => format!("list of {}", type_of(root, resolve(root, &schema["items"]))),
        "object" => "record".to_owned(),
        other => other.to_owned(),
    }
}

/// What `$ref` and an `anyOf` with null point to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return root.pointer(reference.trim_start_matches('#')).unwrap_or(schema);
    }
    let options = schema["anyOf"].as_array().or(schema["allOf"].as_array());
    let mut options = options.into_iter().flatten().filter(|option| option["type"] != "null");
    match (options.next(), options.next()) {
        (Some(only), None) => resolve(root, only),
        _ => schema,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Text that may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_spec_becomes_a_page() {
        let spec = json!({
            "name": "x", "summary": "A thing.", "abilities": ["read"], "example": "port: 1\n",
            "data_types": ["bool"],
            "addresses": [{ "form": "a|b", "meaning": "m", "example": "a" }],
            "settings": {
                "required": ["mode"],
                "properties": {
                    "port": { "type": "integer", "minimum": 1, "maximum": 9, "default": 5,
                              "description": "The port." },
                    "mode": { "$ref": "#/$defs/Mode", "description": "How." },
                    "wait": { "type": ["string", "null"], "format": "duration",
                              "description": "W." }
                },
                "$defs": { "Mode": { "type": "string", "enum": ["a", "b"] } }
            }
        });
        let files = pages(&json!({ "drivers": [spec], "sinks": [], "channels": [] })).unwrap();
        let page = &files["docs/reference/drivers/x.md"];
        for line in [
            "| `port` | whole number, 1 to 9 | `5` | The port. |\n",
            "| `mode` | `a`, `b` | required | How. |\n",
            "| `wait` | duration | – | W. |\n",
            "| `a\\|b` | m | `a` |\n",
            "```yaml\nport: 1\n```\n",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
        assert!(files["docs/reference/README.md"].contains("- [`x`](drivers/x.md): A thing.\n"));
    }
}
