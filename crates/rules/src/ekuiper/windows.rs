//! eKuiper's windows, and ours.

use super::build;
use super::functions::{name_of, over_clause};
use super::report::Note;
use super::statement::Translator;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned,
};

pub fn is_window(expr: &Expr) -> bool {
    const NAMES: [&str; 6] = [
        "tumblingwindow",
        "hoppingwindow",
        "slidingwindow",
        "sessionwindow",
        "countwindow",
        "statewindow",
    ];
    matches!(expr, Expr::Function(call) if NAMES.contains(&name_of(call).as_str()))
}

/// The window that stands for a call, none of whose parts is translated yet.
pub fn translate(call: &Function, within: &mut Translator<'_>) -> Option<Expr> {
    let name = name_of(call);
    let start = call.name.span().start;
    let mut parts: Vec<Expr> = Vec::new();
    let Some(mut inside) = shape(&name, call, &mut parts, within) else {
        let text = format!("`{name}` with these arguments is not understood");
        within.lost(Note::lost(text, "write the window anew").at(start));
        return None;
    };
    if let Some(time) = within.event_time() {
        parts.push(time);
        inside.push(format!("time => ${}", parts.len()));
    }
    let (keys, condition) = over_clause(call);
    if let Some(mut condition) = condition {
        within.visit(&mut condition);
        if name == "slidingwindow" {
            parts.push(condition);
            inside.push(format!("trigger => ${}", parts.len()));
        } else {
            let text = "only sliding windows have `OVER (WHEN …)` here";
            within.lost(Note::lost(text, "write it as FILTER, or use a sliding window").at(start));
        }
    }
    let ours = match name.as_str() {
        "tumblingwindow" => "tumbling_window",
        "hoppingwindow" => "hopping_window",
        "slidingwindow" => "sliding_window",
        "sessionwindow" => "session_window",
        "countwindow" => "count_window",
        _ => "state_window",
    };
    let mut template = format!("{ours}({})", inside.join(", "));
    if let Some(filter) = &call.filter {
        let mut filter = (**filter).clone();
        within.visit(&mut filter);
        parts.push(filter);
        template += &format!(" FILTER (WHERE ${})", parts.len());
    }
    if !keys.is_empty() {
        let mut places = Vec::new();
        for mut key in keys {
            within.visit(&mut key);
            parts.push(key);
            places.push(format!("${}", parts.len()));
        }
        template += &format!(" OVER (PARTITION BY {})", places.join(", "));
    }
    build::fill(&template, &parts)
}

/// The arguments, as a template.
fn shape(
    name: &str,
    call: &Function,
    parts: &mut Vec<Expr>,
    within: &mut Translator<'_>,
) -> Option<Vec<String>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let mut given = Vec::new();
    for argument in &list.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else { return None };
        given.push(expr.clone());
    }
    let start = call.name.span().start;
    let times = |places: &[usize]| -> Option<Vec<String>> {
        let unit = unit(given.first()?)?;
        let span = |place: &usize| Some(format!("'{}{unit}'", build::whole(given.get(*place)?)?));
        places.iter().map(span).collect()
    };
    let made = match (name, given.len()) {
        ("tumblingwindow", 2) => times(&[1])?,
        ("hoppingwindow", 3) => times(&[1, 2])?,
        ("slidingwindow", 2) => times(&[1])?,
        ("slidingwindow", 3) => times(&[1, 2])?,
        // The longest comes first there.
        ("sessionwindow", 3) => {
            let text = "the longest time of a session counts from its first row; in eKuiper it is \
                        looked at once in that time";
            within.note(Note::changed(text, "nothing is to be done").at(start));
            times(&[2, 1])?
        }
        ("countwindow", 1 | 2) => {
            if given.len() == 2 {
                let text = "a count window gives its rows while there are fewer, too";
                let remedy = "add HAVING count(*) where only full windows count";
                within.note(Note::changed(text, remedy).at(start));
            }
            given.iter().map(|n| build::whole(n).map(|n| n.to_string())).collect::<Option<_>>()?
        }
        ("statewindow", 1) => return state(call, given, parts, within),
        ("statewindow", 2) => {
            let text = "a row that opens and closes a window is one by itself";
            within.note(
                Note::changed(text, "nothing is to be done unless both can be true").at(start),
            );
            for mut condition in given {
                within.visit(&mut condition);
                parts.push(condition);
            }
            return Some(vec!["$1".to_owned(), "$2".to_owned()]);
        }
        _ => return None,
    };
    let days = matches!(given.first().and_then(unit), Some("d" | "h"));
    if days && matches!(name, "tumblingwindow" | "hoppingwindow") {
        let text = "windows lie on multiples of their size in UTC, and not in local time";
        within
            .note(Note::changed(text, "nothing is to be done unless the bounds matter").at(start));
    }
    Some(made)
}

/// A window from each row where a condition is true to the one before the next.
fn state(
    call: &Function,
    given: Vec<Expr>,
    parts: &mut Vec<Expr>,
    within: &mut Translator<'_>,
) -> Option<Vec<String>> {
    for mut condition in given {
        within.visit(&mut condition);
        parts.push(condition);
    }
    parts.push(within.row_time());
    let (keys, _) = over_clause(call);
    let mut places = Vec::new();
    for mut key in keys {
        within.visit(&mut key);
        parts.push(key);
        places.push(format!("${}", parts.len()));
    }
    let over = match places.is_empty() {
        true => String::new(),
        false => format!(" OVER (PARTITION BY {})", places.join(", ")),
    };
    Some(vec![format!("nullif(running_count($2) FILTER (WHERE $1){over}, 0)")])
}

fn unit(expr: &Expr) -> Option<&'static str> {
    let word = match expr {
        Expr::Identifier(word) => word.value.as_str(),
        other => build::literal(other)?,
    };
    Some(match word.to_ascii_lowercase().as_str() {
        "dd" => "d",
        "hh" => "h",
        "mi" => "m",
        "ss" => "s",
        "ms" => "ms",
        _ => return None,
    })
}
