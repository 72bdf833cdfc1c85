//! eKuiper's functions, and what stands for each.

use super::build;
use super::lists;
use super::report::Note;
use super::statement::Translator;
use super::stream::Kind;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, WindowType,
};

/// The same here, by name and meaning.
const SAME: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "chr", "coalesce", "concat", "cos",
    "cosh", "cot", "count", "degrees", "exp", "floor", "length", "ln", "log", "lower", "ltrim",
    "max", "min", "pi", "power", "radians", "round", "rtrim", "sin", "sinh", "sqrt", "sum", "tan",
    "tanh", "trim", "upper",
];

/// Those that take texts, where nothing else says what a column is.
const OF_TEXT: &[&str] = &[
    "concat",
    "crc32",
    "decode",
    "encode",
    "endswith",
    "indexof",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "numbytes",
    "regexp_matches",
    "regexp_replace",
    "reverse",
    "rpad",
    "rtrim",
    "split_value",
    "startswith",
    "substring",
    "trim",
    "upper",
];

/// Those that take numbers.
const OF_NUMBERS: &[&str] = &[
    "abs",
    "acc_avg",
    "acc_sum",
    "acos",
    "asin",
    "atan",
    "avg",
    "ceil",
    "cos",
    "exp",
    "floor",
    "inc_avg",
    "inc_sum",
    "ln",
    "log",
    "percentile",
    "power",
    "round",
    "sign",
    "sin",
    "sqrt",
    "stddev",
    "stddevs",
    "sum",
    "tan",
    "trunc",
    "var",
    "vars",
];

/// By name and number of arguments. `$9` is the time that the statement speaks of.
const TABLE: &[(&str, usize, &str)] = &[
    ("acc_avg", 1, "running_avg($1)"),
    ("acc_count", 1, "running_count($1)"),
    ("acc_max", 1, "running_max($1)"),
    ("acc_min", 1, "running_min($1)"),
    ("acc_sum", 1, "running_sum($1)"),
    ("bitand", 2, "(($1) & ($2))"),
    ("bitnot", 1, "(-1 - ($1))"),
    ("bitor", 2, "(($1) | ($2))"),
    ("bitxor", 2, "(($1) # ($2))"),
    ("ceiling", 1, "ceil($1)"),
    ("cur_date", 0, "to_char($9, '%Y-%m-%d')"),
    ("cur_time", 0, "to_char($9, '%H:%M:%S')"),
    ("current_date", 0, "to_char($9, '%Y-%m-%d')"),
    ("current_time", 0, "to_char($9, '%H:%M:%S')"),
    ("current_timestamp", 0, "to_char($9, '%Y-%m-%d %H:%M:%S')"),
    ("crc32", 1, "to_hex(crc32($1))"),
    ("day", 1, "CAST(date_part('day', $1) AS BIGINT)"),
    ("day_name", 1, "to_char($1, '%A')"),
    ("day_of_month", 1, "CAST(date_part('day', $1) AS BIGINT)"),
    ("day_of_week", 1, "(CAST(date_part('dow', $1) AS BIGINT) + 1)"),
    ("day_of_year", 1, "CAST(date_part('doy', $1) AS BIGINT)"),
    ("decode", 2, "decode($1, $2)"),
    ("dec2hex", 1, "to_hex(CAST($1 AS BIGINT))"),
    ("encode", 2, "encode($1, $2)"),
    ("endswith", 2, "ends_with($1, $2)"),
    ("event_time", 0, "CAST(CAST($9 AS TIMESTAMP(3)) AS BIGINT)"),
    ("from_unix_time", 1, "to_timestamp_seconds(CAST($1 AS BIGINT))"),
    ("hour", 1, "CAST(date_part('hour', $1) AS BIGINT)"),
    ("inc_avg", 1, "avg($1)"),
    ("inc_count", 1, "count($1)"),
    ("inc_last_value", 1, "last_value($1 ORDER BY $8)"),
    ("inc_max", 1, "max($1)"),
    ("inc_min", 1, "min($1)"),
    ("inc_sum", 1, "sum($1)"),
    ("indexof", 2, "(strpos($1, $2) - 1)"),
    ("isnull", 1, "(($1) IS NULL)"),
    ("lag", 1, "lag($1)"),
    ("lag", 2, "lag($1, $2)"),
    ("lag", 3, "lag($1, $2, $3)"),
    ("last_value", 1, "last_value($1 ORDER BY $8)"),
    ("latest", 1, "latest($1)"),
    ("latest", 2, "latest($1, $2)"),
    ("local_time", 0, "to_char($9, '%Y-%m-%d %H:%M:%S')"),
    ("local_timestamp", 0, "to_char($9, '%Y-%m-%d %H:%M:%S')"),
    ("lpad", 2, "concat(repeat(' ', CAST($2 AS BIGINT)), $1)"),
    ("minute", 1, "CAST(date_part('minute', $1) AS BIGINT)"),
    ("mod", 2, "(($1) % ($2))"),
    ("month", 1, "CAST(date_part('month', $1) AS BIGINT)"),
    ("month_name", 1, "to_char($1, '%B')"),
    ("now", 0, "to_char($9, '%Y-%m-%d %H:%M:%S')"),
    ("numbytes", 1, "octet_length($1)"),
    ("percentile", 2, "percentile_cont($2) WITHIN GROUP (ORDER BY $1)"),
    ("percentile_cont", 2, "percentile_cont($2) WITHIN GROUP (ORDER BY $1)"),
    ("pow", 2, "power($1, $2)"),
    ("regexp_matches", 2, "regexp_like($1, $2)"),
    ("regexp_replace", 3, "regexp_replace($1, $2, $3, 'g')"),
    ("reverse", 1, "reverse($1)"),
    ("row_number", 0, "row_number() OVER (ORDER BY $8)"),
    ("rpad", 2, "concat($1, repeat(' ', CAST($2 AS BIGINT)))"),
    ("second", 1, "CAST(date_part('second', $1) AS BIGINT)"),
    ("sign", 1, "signum($1)"),
    ("split_value", 3, "split_part($1, $2, CAST($3 AS BIGINT) + 1)"),
    ("startswith", 2, "starts_with($1, $2)"),
    ("stddev", 1, "stddev_pop($1)"),
    ("stddevs", 1, "stddev($1)"),
    ("substring", 2, "substr($1, CAST($2 AS BIGINT) + 1)"),
    ("substring", 3, "substr($1, CAST($2 AS BIGINT) + 1, CAST($3 AS BIGINT))"),
    ("to_seconds", 1, "CAST(date_part('epoch', $1) AS BIGINT)"),
    ("trunc", 2, "trunc($1, CAST($2 AS BIGINT))"),
    ("tstamp", 0, "CAST(CAST($9 AS TIMESTAMP(3)) AS BIGINT)"),
    ("var", 1, "var_pop($1)"),
    ("vars", 1, "var_samp($1)"),
    ("window_end", 0, "CAST(CAST(window_end() AS TIMESTAMP(3)) AS BIGINT)"),
    ("window_start", 0, "CAST(CAST(window_start() AS TIMESTAMP(3)) AS BIGINT)"),
    ("year", 1, "CAST(date_part('year', $1) AS BIGINT)"),
    ("changed_col", 1, "changed_value($1)"),
    ("had_changed", 1, "had_changed($1)"),
    ("iif", 3, "CASE WHEN $1 THEN $2 ELSE $3 END"),
];

/// Of those the first argument is a time.
const OF_TIME: &[&str] = &[
    "day",
    "day_name",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "format_time",
    "hour",
    "minute",
    "month",
    "month_name",
    "second",
    "to_seconds",
    "year",
];

/// Over the stream: from row to row.
pub const OVERS: &[&str] = &[
    "lag",
    "latest",
    "had_changed",
    "changed_value",
    "running_sum",
    "running_min",
    "running_max",
    "running_avg",
    "running_count",
    "rate_of",
];

/// Over the rows of a window.
pub const AGGREGATES: &[&str] = &[
    "avg",
    "count",
    "max",
    "min",
    "sum",
    "stddev",
    "stddev_pop",
    "var_pop",
    "var_samp",
    "percentile_cont",
    "first_value",
    "last_value",
    "array_agg",
];

/// Why there is no counterpart, and what to do.
fn without(name: &str) -> (&'static str, &'static str) {
    match name {
        "collect" | "merge_agg" | "deduplicate" => {
            ("rows are no value", "collect a column, or select the columns themselves")
        }
        "meta" | "mqtt" => {
            ("rows come from devices, and not with a message", "make a tag of what it says")
        }
        "rand" | "newuuid" | "delay" => {
            ("a rule gives the same when it is run again", "do it where the rows go")
        }
        "get_keyed_state" | "last_hit_count" | "last_hit_time" | "last_agg_hit_count"
        | "last_agg_hit_time" => {
            ("a rule has no such memory", "use running_count or lag, or a rule that reads this one")
        }
        "md5" | "sha1" | "sha256" | "sha384" | "sha512" | "compress" | "decompress" => {
            ("there is no such function", "do it where the rows go, as in a sink's jq program")
        }
        _ if name.starts_with("json_")
            || name.starts_with("object_")
            || name.starts_with("array_")
            || matches!(name, "items" | "values" | "element_at" | "zip" | "object" | "erase") =>
        {
            ("there is no such function of lists and records", "make a tag of each value")
        }
        _ => ("there is no such function", "write it in SQL, or in another rule"),
    }
}

pub fn name_of(call: &Function) -> String {
    let last = call.name.0.last().and_then(|part| part.as_ident());
    last.map(|ident| ident.value.to_ascii_lowercase()).unwrap_or_default()
}

/// The arguments, where all of them are expressions.
pub fn arguments(call: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

/// What stands for a call, whose arguments are translated.
pub fn translate(call: &Function, within: &mut Translator<'_>) -> Option<Expr> {
    let name = name_of(call);
    let Some(mut arguments) = arguments(call) else {
        return star(&name, call, within);
    };
    if OF_TEXT.contains(&name.as_str()) {
        arguments.iter().for_each(|argument| within.hint(argument, Kind::Text));
    }
    if OF_NUMBERS.contains(&name.as_str()) {
        arguments.iter().for_each(|argument| within.hint(argument, Kind::Float));
    }
    if OF_TIME.contains(&name.as_str())
        && let Some(first) = arguments.first_mut()
    {
        *first = as_time(first, within);
    }
    note_meaning(&name, call, within);
    match name.as_str() {
        "cast" => return cast(call, &arguments, within),
        "format_time" => return format_time(call, &arguments, within),
        "rule_id" if arguments.is_empty() => return Some(build::text(within.rule_name())),
        "had_changed" | "changed_col" => return changes(&name, call, arguments, within),
        "lag" if arguments.len() == 4 => {
            let ignore = arguments.pop().and_then(|last| build::boolean(&last));
            return over(call, "lag($1, $2, $3)", arguments, ignore == Some(true), within);
        }
        "last_value" if arguments.len() == 2 => {
            let ignore = arguments.pop().and_then(|last| build::boolean(&last));
            let template = match ignore {
                Some(true) => "last_value($1 ORDER BY $8) FILTER (WHERE ($1) IS NOT NULL)",
                _ => "last_value($1 ORDER BY $8)",
            };
            return within.filled(template, &arguments);
        }
        _ => {}
    }
    if let Some(made) = lists::translate(&name, call, &arguments, within) {
        return made;
    }
    if SAME.contains(&name.as_str()) && call.over.is_none() {
        return None;
    }
    let known = TABLE.iter().find(|known| known.0 == name && known.1 == arguments.len());
    match known {
        Some((.., template)) if OVERS.iter().any(|over| template.starts_with(over)) => {
            over(call, template, arguments, false, within)
        }
        Some((.., template)) => {
            let template = plain_numbers(template, &mut arguments);
            within.filled(&template, &arguments)
        }
        None => {
            let (why, remedy) = without(&name);
            let count = arguments.len();
            let text = match TABLE.iter().any(|known| known.0 == name) {
                true => format!("`{name}` with {count} arguments has no counterpart"),
                false => format!("`{name}` has no counterpart: {why}"),
            };
            within.lost(Note::lost(text, remedy).at(call.name.span().start));
            None
        }
    }
}

/// Writes whole numbers as they are, instead of casting them.
pub fn plain_numbers(template: &str, arguments: &mut [Expr]) -> String {
    let mut made = template.to_owned();
    for (place, argument) in arguments.iter_mut().enumerate() {
        let Some(number) = build::whole(argument) else { continue };
        let cast = format!("CAST(${} AS BIGINT)", place + 1);
        let next = format!("{cast} + 1");
        if made.contains(&next) {
            *argument = build::number(number.saturating_add(1));
            made = made.replace(&next, &format!("${}", place + 1));
        }
        made = made.replace(&cast, &format!("${}", place + 1));
    }
    made
}

/// A call with `*`.
fn star(name: &str, call: &Function, within: &mut Translator<'_>) -> Option<Expr> {
    match name {
        "count" => None,
        "inc_count" => build::fill("count(*)", &[]),
        "had_changed" => {
            let remedy = "write had_changed(column) OR had_changed(column) for those that matter";
            let note = Note::lost("`had_changed` of all columns has no counterpart", remedy);
            within.lost(note.at(call.name.span().start));
            None
        }
        _ => {
            let (why, remedy) = without(name);
            let note = Note::lost(format!("`{name}(*)` has no counterpart: {why}"), remedy);
            within.lost(note.at(call.name.span().start));
            None
        }
    }
}

/// Whose meaning differs although there is a counterpart.
fn note_meaning(name: &str, call: &Function, within: &mut Translator<'_>) {
    let note = match name {
        "now" | "local_time" | "local_timestamp" | "current_timestamp" | "cur_date"
        | "current_date" | "cur_time" | "current_time" | "tstamp" => Note::changed(
            format!("`{name}` is the row's time in UTC, or the window's end, and not the clock's"),
            "nothing is to be done unless the difference matters",
        ),
        "day" | "hour" | "day_name" | "day_of_month" | "day_of_week" | "day_of_year" | "month"
        | "month_name" | "year" | "format_time" => {
            Note::changed(format!("`{name}` is of UTC"), "add the offset where local time matters")
        }
        _ => return,
    };
    within.note(note.at(call.name.span().start));
}

/// What a condition or a key behind OVER says: keys, and the condition.
pub fn over_clause(call: &Function) -> (Vec<Expr>, Option<Expr>) {
    match &call.over {
        Some(WindowType::WindowSpec(spec)) => {
            let condition = spec.order_by.first().map(|item| item.expr.clone());
            (spec.partition_by.clone(), condition)
        }
        _ => (Vec::new(), None),
    }
}

/// A function over the stream, with its condition and its keys.
fn over(
    call: &Function,
    template: &str,
    mut arguments: Vec<Expr>,
    ignore_null: bool,
    within: &mut Translator<'_>,
) -> Option<Expr> {
    let (keys, condition) = over_clause(call);
    let mut template = template.to_owned();
    let first = arguments.first()?.clone();
    let mut next = arguments.len();
    let mut conditions = Vec::new();
    if let Some(condition) = condition {
        arguments.push(condition);
        next += 1;
        conditions.push(format!("${next}"));
    }
    if ignore_null {
        arguments.push(first);
        next += 1;
        conditions.push(format!("(${next}) IS NOT NULL"));
        if conditions.len() > 1 {
            conditions[0] = format!("({})", conditions[0]);
        }
    }
    if !conditions.is_empty() {
        template += &format!(" FILTER (WHERE {})", conditions.join(" AND "));
    }
    if next + keys.len() > 7 {
        within.lost(Note::lost("PARTITION BY has too many keys", "write fewer keys"));
        return None;
    }
    if !keys.is_empty() {
        let places: Vec<String> = (1..=keys.len()).map(|key| format!("${}", next + key)).collect();
        arguments.extend(keys);
        template += &format!(" OVER (PARTITION BY {})", places.join(", "));
    }
    within.filled(&template, &arguments)
}

/// `had_changed(ignore, a, b …)` and `changed_col(ignore, a)`.
fn changes(
    name: &str,
    call: &Function,
    mut arguments: Vec<Expr>,
    within: &mut Translator<'_>,
) -> Option<Expr> {
    let ignore = arguments.first().and_then(build::boolean);
    let Some(ignore) = ignore.filter(|_| arguments.len() > 1) else {
        let remedy = "write had_changed(column) or changed_value(column)";
        let note = Note::lost(format!("`{name}` with these arguments is not understood"), remedy);
        within.lost(note.at(call.name.span().start));
        return None;
    };
    arguments.remove(0);
    let template = match name {
        "had_changed" => "had_changed($1)",
        _ => "changed_value($1)",
    };
    let mut made: Option<Expr> = None;
    let several = arguments.len() > 1;
    for argument in arguments {
        let one = over(call, template, vec![argument], ignore, within)?;
        made = match made {
            None => Some(one),
            Some(before) => build::fill("$1 OR $2", &[before, one]),
        };
    }
    match several {
        true => made.map(|made| Expr::Nested(Box::new(made))),
        false => made,
    }
}

/// `cast(x, "bigint")`.
fn cast(call: &Function, arguments: &[Expr], within: &mut Translator<'_>) -> Option<Expr> {
    let wanted = arguments.get(1).and_then(build::literal).map(str::to_ascii_lowercase);
    let template = match wanted.as_deref() {
        Some("bigint") => "CAST($1 AS BIGINT)",
        Some("float") => "CAST($1 AS DOUBLE PRECISION)",
        Some("string") => "CAST($1 AS TEXT)",
        Some("boolean") => "CAST($1 AS BOOLEAN)",
        Some("bytea") => "CAST($1 AS BYTEA)",
        Some("datetime") => {
            return arguments.first().map(|value| as_time(value, within));
        }
        _ => {
            let note = Note::lost("the type of `cast` is not understood", "write CAST(x AS type)");
            within.lost(note.at(call.name.span().start));
            return None;
        }
    };
    within.filled(template, &arguments[..1])
}

/// A number of milliseconds, or a text, as a time.
pub fn as_time(value: &Expr, within: &mut Translator<'_>) -> Expr {
    // Milliseconds of a time that was one before.
    if let Expr::Cast { expr, .. } = value
        && let Expr::Cast { expr: time, .. } = &**expr
        && within.is_time(time)
    {
        return (**time).clone();
    }
    if within.is_time(value) {
        return value.clone();
    }
    let is_text = build::literal(value).is_some()
        || matches!(within.kind(value), Some(Kind::Text | Kind::Time));
    let template = match is_text {
        true => "to_timestamp($1)",
        false => "to_timestamp_millis(CAST($1 AS BIGINT))",
    };
    build::fill(template, std::slice::from_ref(value)).unwrap_or_else(|| value.clone())
}

fn format_time(call: &Function, arguments: &[Expr], within: &mut Translator<'_>) -> Option<Expr> {
    let pattern = arguments.get(1).and_then(build::literal).map(time_pattern);
    match pattern {
        Some(Ok(pattern)) => {
            within.filled("to_char($1, $2)", &[arguments[0].clone(), build::text(&pattern)])
        }
        Some(Err(letter)) => {
            let text = format!("`{letter}` in the pattern of `format_time` has no counterpart");
            let note = Note::lost(text, "write to_char(time, '%Y-%m-%d')");
            within.lost(note.at(call.name.span().start));
            None
        }
        None => {
            let text = "the pattern of `format_time` is no text in quotes";
            let note = Note::lost(text, "write to_char(time, '%Y-%m-%d')");
            within.lost(note.at(call.name.span().start));
            None
        }
    }
}

/// Letters that repeat, as the engine's `%` letters; or the letter that has none.
fn time_pattern(theirs: &str) -> Result<String, char> {
    let mut ours = String::new();
    let letters: Vec<char> = theirs.chars().take(256).collect();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let count = letters[at..].iter().take_while(|other| *other == letter).count();
        at += count;
        let made = match (letter, count) {
            ('Y', 4) => "%Y",
            ('Y', 2) => "%y",
            ('M', 2) => "%m",
            ('M', 3) => "%b",
            ('M', 4) => "%B",
            ('d', 2) => "%d",
            ('E', 3) => "%a",
            ('E', 4) => "%A",
            ('H', 2) => "%H",
            ('h', 2) => "%I",
            ('a', 1) => "%p",
            ('m', 2) => "%M",
            ('s', 2) => "%S",
            ('S', 3) => "%.3f",
            ('X', 1..=3) | ('Z', 1) => "+00:00",
            ('%', _) => return Err('%'),
            // Words between, such as `T`.
            ('T', 1) => "T",
            (letter, _) if letter.is_ascii_alphabetic() => return Err(*letter),
            (letter, count) => {
                ours.extend(std::iter::repeat_n(*letter, count));
                continue;
            }
        };
        ours.push_str(made);
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_expressions() {
        let parts: Vec<Expr> = (1..=9).map(build::number).collect();
        for (name, count, template) in TABLE {
            assert!(build::fill(template, &parts).is_some(), "{name} {count}");
        }
    }

    #[test]
    fn patterns_of_times_are_translated() {
        for (theirs, ours) in [
            ("YYYY-MM-dd T HH:mm:ss", Ok("%Y-%m-%d T %H:%M:%S")),
            ("YYYY/MM/dd HH:mm:ssSSS XXX", Ok("%Y/%m/%d %H:%M:%S%.3f +00:00")),
            ("q", Err('q')),
        ] {
            assert_eq!(
                time_pattern(theirs).as_deref(),
                ours.as_ref().map(|text| *text),
                "{theirs}"
            );
        }
    }
}
