//! The part of JSON Schema that settings may use, so that one form can draw every component: text,
//! number, choice, flag, duration, secret, nested records, and lists of these.

use serde_json::Value;

/// What the settings' schema lacks or has too much of.
pub fn check(schema: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    check_record(schema, schema, "settings", &mut complaints);
    complaints
}

/// Keys of `value` that the schema does not have.
pub fn unknown_keys(schema: &Value, value: &Value) -> Vec<String> {
    let known = schema["properties"].as_object();
    let keys = value.as_object().into_iter().flat_map(|entries| entries.keys());
    keys.filter(|key| !known.is_some_and(|known| known.contains_key(*key)))
        .map(|key| format!("the example has `{key}`, which the schema does not"))
        .collect()
}

fn check_record(root: &Value, schema: &Value, path: &str, complaints: &mut Vec<String>) {
    if schema["additionalProperties"] != Value::Bool(false) {
        complaints.push(format!(
            "{path} takes unknown keys: put #[serde(deny_unknown_fields)] on the struct"
        ));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            complaints.push(format!("{path} has no description: give the field a doc comment"));
        }
        check_value(root, property, &path, complaints);
    }
}

fn check_value(root: &Value, schema: &Value, path: &str, complaints: &mut Vec<String>) {
    let schema = resolve(root, schema);
    if schema["enum"].is_array() || schema["const"].is_string() {
        return;
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(options) = schema[word].as_array() {
            options
                .iter()
                .filter(|option| option["type"] != "null")
                .for_each(|option| check_value(root, option, path, complaints));
            return;
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match types.iter().find(|t| **t != "null") {
        Some(&"object") if schema["properties"].is_object() => {
            check_record(root, schema, path, complaints);
        }
        // A mapping from free names to values, such as labels.
        Some(&"object") if schema["additionalProperties"].is_object() => {
            check_value(root, &schema["additionalProperties"], path, complaints);
        }
        Some(&"array") => check_value(root, &schema["items"], path, complaints),
        Some(&("string" | "integer" | "number" | "boolean")) => {}
        _ => complaints.push(format!("{path} has a schema that no form can draw: {schema}")),
    }
}

/// Follows `$ref`, and `allOf` with one entry, within the schema.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([one]) => one,
        _ => schema,
    };
    target["$ref"]
        .as_str()
        .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
        .unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complaints(properties: Value) -> usize {
        check(&json!({
            "type": "object", "additionalProperties": false, "properties": properties,
            "$defs": { "Mode": { "type": "string", "enum": ["a", "b"] } }
        }))
        .len()
    }

    #[test]
    fn only_what_a_form_can_draw_passes() {
        let mode = json!({ "description": "d", "$ref": "#/$defs/Mode" });
        assert_eq!(complaints(json!({ "mode": mode })), 0);
        let maybe = json!({ "description": "d", "type": ["string", "null"] });
        assert_eq!(complaints(json!({ "name": maybe })), 0);
        assert_eq!(complaints(json!({ "bare": { "type": "string" } })), 1, "no description");
        assert_eq!(complaints(json!({ "any": { "description": "d" } })), 1, "no type");
        assert_eq!(check(&json!({ "type": "object", "properties": {} })).len(), 1, "open record");
    }
}
