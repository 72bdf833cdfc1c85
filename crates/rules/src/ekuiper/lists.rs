//! eKuiper's functions over lists and records, and what stands for each: a list or a record that a message
//! brings is a text in JSON here, and becomes a list where it is used.

use super::build;
use super::functions::{name_of, plain_numbers};
use super::report::Note;
use super::statement::Translator;
use super::stream::Kind;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, Spanned, Subscript, UnaryOperator,
};

/// What the items of a list are that comes as a text.
#[derive(Clone, Copy, PartialEq)]
enum Items {
    Numbers,
    Texts,
    /// What its stream says, or what is compared with them.
    Some,
}

/// By name and number of arguments: which of them are lists, of what, and what stands for the call.
const TABLE: &[(&str, usize, &[usize], Items, &str)] = &[
    ("array_avg", 1, &[0], Items::Numbers, "array_avg($1)"),
    (
        "array_cardinality",
        1,
        &[0],
        Items::Some,
        "coalesce(CAST(array_length(array_compact($1)) AS BIGINT), 0)",
    ),
    ("array_contains", 2, &[0], Items::Some, "array_has($1, $2)"),
    ("array_contains_any", 2, &[0, 1], Items::Some, "coalesce(array_has_any($1, $2), false)"),
    ("array_distinct", 1, &[0], Items::Some, "array_distinct($1)"),
    ("array_except", 2, &[0, 1], Items::Some, "array_distinct(array_except($1, $2))"),
    ("array_intersect", 2, &[0, 1], Items::Some, "array_intersect($1, $2)"),
    ("array_join", 2, &[0], Items::Texts, "array_to_string($1, $2)"),
    ("array_join", 3, &[0], Items::Texts, "array_to_string($1, $2, $3)"),
    (
        "array_last_position",
        2,
        &[0],
        Items::Some,
        "coalesce(CAST(array_length($1) AS BIGINT) - CAST(array_position(array_reverse($1), $2) AS BIGINT), -1)",
    ),
    ("array_max", 1, &[0], Items::Numbers, "array_max($1)"),
    ("array_min", 1, &[0], Items::Numbers, "array_min($1)"),
    (
        "array_position",
        2,
        &[0],
        Items::Some,
        "(coalesce(CAST(array_position($1, $2) AS BIGINT), 0) - 1)",
    ),
    ("array_remove", 2, &[0], Items::Some, "array_remove_all($1, $2)"),
    ("array_sort", 1, &[0], Items::Some, "array_sort($1)"),
    ("array_union", 2, &[0, 1], Items::Some, "array_union($1, $2)"),
    ("cardinality", 1, &[0], Items::Some, "coalesce(CAST(array_length($1) AS BIGINT), 0)"),
    ("collect", 1, &[], Items::Some, "array_agg($1 ORDER BY $8)"),
    ("inc_collect", 1, &[], Items::Some, "array_agg($1 ORDER BY $8)"),
    ("repeat", 2, &[], Items::Some, "array_repeat($1, CAST($2 AS BIGINT))"),
    (
        "sequence",
        3,
        &[],
        Items::Some,
        "generate_series(CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT))",
    ),
    ("unnest", 1, &[0], Items::Some, "unnest($1)"),
];

/// Those of records.
const RECORDS: &[(&str, &str)] = &[
    ("keys", "json_texts(json_keys($1, '$'), '$')"),
    ("object_size", "json_length($1, '$')"),
    ("parse_json", "$1"),
];

/// What stands for a call; none, where it is another's.
pub fn translate(
    name: &str,
    call: &Function,
    arguments: &[Expr],
    within: &mut Translator<'_>,
) -> Option<Option<Expr>> {
    if let Some((.., template)) =
        RECORDS.iter().find(|known| known.0 == name && arguments.len() == 1)
    {
        within.hint(&arguments[0], Kind::Nested);
        return Some(within.filled(template, arguments));
    }
    match (name, arguments) {
        ("array_create", [_, ..]) => return Some(called("make_array", arguments, within)),
        ("array_concat", [_, ..]) => {
            let lists = arguments.iter().map(|list| as_list(list, Items::Some, within));
            let lists: Vec<Expr> = lists.collect();
            return Some(called("array_concat", &lists, within));
        }
        ("array_flatten", [list]) if within.kind(list).is_none() => {
            return Some(called("flatten", arguments, within));
        }
        ("element_at", [list, index]) if build::literal(index).is_none() => {
            return Some(element(list, index, within));
        }
        ("sequence", [from, to]) => {
            let template = match (build::whole(from), build::whole(to)) {
                (Some(from), Some(to)) if from > to => "generate_series($1, $2, -1)",
                (Some(_), Some(_)) => "generate_series($1, $2)",
                _ => {
                    "generate_series(CAST($1 AS BIGINT), CAST($2 AS BIGINT), CASE WHEN ($1) <= ($2) \
                     THEN 1 ELSE -1 END)"
                }
            };
            return Some(within.filled(template, arguments));
        }
        ("object_construct", [_, _, ..]) => return construct(call, arguments, within),
        ("json_path_query_first" | "json_path_exists", [json, path]) => {
            return by_path(name, call, (json, path), within);
        }
        _ => {}
    }
    let known = TABLE.iter().find(|known| known.0 == name && known.1 == arguments.len());
    let (_, _, lists, items, template) = known?;
    let of_texts = arguments.iter().any(|argument| build::literal(argument).is_some());
    let items = if *items == Items::Some && of_texts { Items::Texts } else { *items };
    let mut arguments = arguments.to_vec();
    for place in *lists {
        arguments[*place] = as_list(&arguments[*place], items, within);
    }
    let template = plain_numbers(template, &mut arguments);
    Some(within.filled(&template, &arguments))
}

/// A column that is a list in JSON as a list; other expressions are one already.
fn as_list(expr: &Expr, items: Items, within: &mut Translator<'_>) -> Expr {
    within.hint(expr, Kind::Nested);
    let Some(kind) = within.kind(expr) else { return expr.clone() };
    let template = match (items, kind) {
        (Items::Texts, _) | (Items::Some, Kind::Texts) => "json_texts($1, '$')",
        (Items::Numbers, _) => "json_numbers($1, '$')",
        (Items::Some, _) => {
            let text = format!("the items of `{expr}` are taken for numbers");
            let remedy = "write json_texts in the place of json_numbers where they are texts";
            within.note(Note::changed(text, remedy));
            "json_numbers($1, '$')"
        }
    };
    within.filled(template, std::slice::from_ref(expr)).unwrap_or_else(|| expr.clone())
}

/// A function that takes any number of arguments.
fn called(name: &str, arguments: &[Expr], within: &mut Translator<'_>) -> Option<Expr> {
    const ARGUMENTS_MAX: usize = 7;
    if arguments.len() > ARGUMENTS_MAX {
        let text = format!("`{name}` has more than {ARGUMENTS_MAX} arguments");
        within.lost(Note::lost(text, "write the call anew"));
        return None;
    }
    let places: Vec<String> = (1..=arguments.len()).map(|place| format!("${place}")).collect();
    within.filled(&format!("{name}({})", places.join(", ")), arguments)
}

/// Counted from 0 there and from 1 here, from the end with a number below zero.
fn element(list: &Expr, index: &Expr, within: &mut Translator<'_>) -> Option<Expr> {
    let list = as_list(list, Items::Some, within);
    let below = match index {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => build::whole(expr).map(|n| -n),
        _ => None,
    };
    match below.or(build::whole(index).map(|number| number.saturating_add(1))) {
        Some(number) => within.filled("array_element($1, $2)", &[list, build::number(number)]),
        None => {
            let template = "array_element($1, CAST(CASE WHEN ($2) < 0 THEN $2 ELSE ($2) + 1 END \
                            AS BIGINT))";
            within.filled(template, &[list, index.clone()])
        }
    }
}

fn construct(
    call: &Function,
    arguments: &[Expr],
    within: &mut Translator<'_>,
) -> Option<Option<Expr>> {
    let names = arguments.iter().step_by(2);
    if names.clone().any(|name| build::literal(name).is_none()) || arguments.len() % 2 == 1 {
        return None;
    }
    let text = "`object_construct` has a member for what is NULL, too";
    let note = Note::changed(text, "nothing is to be done unless the difference matters");
    within.note(note.at(call.name.span().start));
    Some(called("named_struct", arguments, within))
}

/// Names and places are the same in both; conditions and `*` are not there.
fn by_path(
    name: &str,
    call: &Function,
    (json, path): (&Expr, &Expr),
    within: &mut Translator<'_>,
) -> Option<Option<Expr>> {
    let plain = build::literal(path)
        .is_some_and(|path| path.starts_with('$') && !path.contains(['*', '?', '@', ':', ',']))
        && build::literal(path).is_some_and(|path| !path.contains(".."));
    if !plain {
        return None;
    }
    within.hint(json, Kind::Nested);
    let template = match name {
        "json_path_exists" => "json_exists($1, $2)",
        _ => {
            let note = Note::changed(
                "`json_path_query_first` gives a text",
                "write json_number or json_bool where it is none",
            );
            within.note(note.at(call.name.span().start));
            "json_text($1, $2)"
        }
    };
    Some(within.filled(template, &[json.clone(), path.clone()]))
}

/// `list[2]` and `list[0:2]`, where they are no part of a message.
pub fn part(root: &Expr, chain: &[AccessExpr], within: &mut Translator<'_>) -> Option<Expr> {
    let [AccessExpr::Subscript(subscript)] = chain else { return None };
    let is_list = match root {
        Expr::Function(call) => {
            let name = name_of(call);
            let others = ["make_array", "flatten", "generate_series", "json_texts"];
            name.starts_with("array_") || others.contains(&name.as_str())
        }
        other => within.kind(other).is_some(),
    };
    if !is_list {
        return None;
    }
    match subscript {
        Subscript::Index { index } => element(root, index, within),
        Subscript::Slice { lower_bound, upper_bound, stride: None } => {
            let from = match lower_bound {
                None => 0,
                Some(bound) => build::whole(bound)?,
            };
            let list = as_list(root, Items::Some, within);
            let from = build::number(from.saturating_add(1));
            match upper_bound {
                // The upper bound is not in it there, and is here.
                Some(bound) => {
                    let to = build::number(build::whole(bound)?);
                    within.filled("array_slice($1, $2, $3)", &[list, from, to])
                }
                None => {
                    let template = "array_slice($1, $2, CAST(array_length($1) AS BIGINT))";
                    within.filled(template, &[list, from])
                }
            }
        }
        Subscript::Slice { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_expressions() {
        let parts: Vec<Expr> = (1..=9).map(build::number).collect();
        for (name, count, lists, _, template) in TABLE {
            assert!(build::fill(template, &parts).is_some(), "{name} {count}");
            assert!(lists.iter().all(|place| place < count), "{name}");
        }
        for (name, template) in RECORDS {
            assert!(build::fill(template, &parts).is_some(), "{name}");
        }
    }
}
