//! JSON in texts. A path is a pointer (RFC 6901) where it begins with `/`, else names and indexes as
//! JavaScript writes them: `$.motors[0].name`, with or without the `$.`.

use super::{Answer, Cell, Plain, Sort};
use Sort::{Number, Numbers, Text, Texts, Truth, Whole};
use serde_json::Value;

pub const ALL: &[Plain] = &[
    Plain { name: "json_text", takes: &[Text; 2], gives: Text, body: text },
    Plain { name: "json_number", takes: &[Text; 2], gives: Number, body: number },
    Plain { name: "json_integer", takes: &[Text; 2], gives: Whole, body: integer },
    Plain { name: "json_bool", takes: &[Text; 2], gives: Truth, body: truth },
    Plain { name: "json_exists", takes: &[Text; 2], gives: Truth, body: exists },
    Plain { name: "json_type", takes: &[Text; 2], gives: Text, body: kind },
    Plain { name: "json_length", takes: &[Text; 2], gives: Whole, body: length },
    Plain { name: "json_numbers", takes: &[Text; 2], gives: Numbers, body: numbers },
    Plain { name: "json_texts", takes: &[Text; 2], gives: Texts, body: texts },
    Plain { name: "json_keys", takes: &[Text; 2], gives: Text, body: keys },
    Plain { name: "json_valid", takes: &[Text], gives: Truth, body: valid },
];

/// The text, read. Nesting is bounded by the reader.
fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn found(cells: &[Cell]) -> Option<Value> {
    let [Cell::Text(text), Cell::Text(path)] = cells else { return None };
    let whole = read(text)?;
    if path.is_empty() || path.starts_with('/') {
        return whole.pointer(path).cloned();
    }
    let mut place = &whole;
    for step in steps(path)? {
        place = match (step, place) {
            (Step::Name(name), Value::Object(members)) => members.get(name)?,
            (Step::Index(index), Value::Array(items)) => items.get(index)?,
            _ => return None,
        };
    }
    Some(place.clone())
}

#[derive(Debug, PartialEq)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// None where the path is none.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    if rest.len() == path.len() && !rest.starts_with('[') {
        rest = name(rest, &mut steps)?;
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            rest = name(after, &mut steps)?;
            continue;
        }
        let inside = rest.strip_prefix('[')?;
        let quote = inside.chars().next().filter(|letter| matches!(letter, '\'' | '"'));
        rest = match quote {
            Some(quote) => {
                let (name, after) = inside[1..].split_once(quote)?;
                steps.push(Step::Name(name));
                after.strip_prefix(']')?
            }
            None => {
                let (index, after) = inside.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                after
            }
        };
    }
    Some(steps)
}

fn name<'a>(rest: &'a str, steps: &mut Vec<Step<'a>>) -> Option<&'a str> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    steps.push(Step::Name(name));
    (!name.is_empty()).then_some(after)
}

fn text(cells: &[Cell]) -> Option<Answer> {
    match found(cells)? {
        Value::Null => None,
        Value::String(text) => Some(Answer::Text(text)),
        other => Some(Answer::Text(other.to_string())),
    }
}

fn number(cells: &[Cell]) -> Option<Answer> {
    found(cells)?.as_f64().map(Answer::Number)
}

fn integer(cells: &[Cell]) -> Option<Answer> {
    let value = found(cells)?;
    let exact = value.as_i64().map(i128::from);
    let exact = exact.or_else(|| super::without_fraction(value.as_f64()?));
    exact.map(Answer::Whole)
}

fn truth(cells: &[Cell]) -> Option<Answer> {
    found(cells)?.as_bool().map(Answer::Truth)
}

fn exists(cells: &[Cell]) -> Option<Answer> {
    Some(Answer::Truth(found(cells).is_some()))
}

fn kind(cells: &[Cell]) -> Option<Answer> {
    let kind = match found(cells)? {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Some(Answer::Text(kind.to_owned()))
}

fn length(cells: &[Cell]) -> Option<Answer> {
    let count = match found(cells)? {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };
    i128::try_from(count).ok().map(Answer::Whole)
}

fn numbers(cells: &[Cell]) -> Option<Answer> {
    let Value::Array(items) = found(cells)? else { return None };
    Some(Answer::Numbers(items.iter().map(Value::as_f64).collect()))
}

fn texts(cells: &[Cell]) -> Option<Answer> {
    let Value::Array(items) = found(cells)? else { return None };
    let text = |item| match item {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Some(Answer::Texts(items.into_iter().map(text).collect()))
}

fn keys(cells: &[Cell]) -> Option<Answer> {
    let Value::Object(members) = found(cells)? else { return None };
    let keys = members.into_iter().map(|(name, _)| Value::String(name));
    Some(Answer::Text(Value::Array(keys.collect()).to_string()))
}

fn valid(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Text(text)] = cells else { return None };
    Some(Answer::Truth(read(text).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_names_and_indexes() {
        let cases: &[(&str, Option<&[Step]>)] = &[
            ("$", Some(&[])),
            ("a", Some(&[Step::Name("a")])),
            ("a.b[2]", Some(&[Step::Name("a"), Step::Name("b"), Step::Index(2)])),
            ("$.a['b.c']", Some(&[Step::Name("a"), Step::Name("b.c")])),
            ("$[0][\"x y\"]", Some(&[Step::Index(0), Step::Name("x y")])),
            ("[1]", Some(&[Step::Index(1)])),
            ("größe.ß", Some(&[Step::Name("größe"), Step::Name("ß")])),
            ("a..b", None),
            ("a.", None),
            ("a[", None),
            ("a[-1]", None),
            ("a[*]", None),
            ("a['b", None),
            ("$a", None),
            ("a[0]b", None),
        ];
        for (path, expected) in cases {
            assert_eq!(steps(path).as_deref(), *expected, "{path}");
        }
    }
}
