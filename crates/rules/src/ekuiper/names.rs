//! Names here for names there, and identifiers in quotes where they need them.

use super::{Mapping, Target};
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::keywords;
use std::collections::BTreeSet;
use tagwerk_model::limits::NAME_BYTES_MAX;

/// What a name is made into so that a device, a rule or a sink can have it.
pub fn tidied(name: &str) -> String {
    let tidy = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c,
        false => '-',
    };
    let mut made: String = name.chars().map(tidy).take(NAME_BYTES_MAX - 16).collect();
    if !made.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        made = format!("r{made}");
    }
    made
}

/// What a column is made into so that it can be a tag.
pub fn column(name: &str) -> String {
    let tidy = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c,
        false => '_',
    };
    let made: String = name.chars().map(tidy).take(60).collect();
    match made.as_str() {
        // The device's own state.
        "status" => "state".to_owned(),
        _ if made.is_empty() || made.starts_with(['.', '-']) => format!("c{made}"),
        _ => made,
    }
}

/// A name that nothing else has.
pub fn unique(name: &str, other: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = tidied(name);
    // Names of other things, or addresses of the API.
    let reserved = matches!(plain.as_str(), "samples" | "check" | "trial");
    if !reserved && taken.insert(plain.clone()) {
        return plain;
    }
    let mut made = format!("{plain}-{other}");
    let mut count = 2;
    while !taken.insert(made.clone()) {
        made = format!("{plain}-{other}-{count}");
        count += 1;
    }
    made
}

/// What stands for a stream, unless its statement says otherwise.
pub fn target(mapping: &Mapping, stream: &str) -> Target {
    mapping.get(stream).cloned().unwrap_or_else(|| Target::Device(tidied(stream)))
}

/// An identifier as our SQL needs it: names are taken as they are written there.
pub fn ident(name: &str) -> Ident {
    let simple = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match simple && !is_reserved(name) {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
    }
}

/// Words that the dialect of PostgreSQL reads as something else than a column.
fn is_reserved(name: &str) -> bool {
    const OTHERS: [&str; 24] = [
        "all", "any", "array", "both", "case", "cast", "check", "default", "desc", "asc", "do",
        "else", "exists", "false", "in", "interval", "is", "not", "null", "or", "and", "then",
        "true", "user",
    ];
    let upper = name.to_ascii_uppercase();
    let keyword = keywords::ALL_KEYWORDS.binary_search(&upper.as_str()).ok();
    let keyword = keyword.map(|at| keywords::ALL_KEYWORDS_INDEX[at]);
    OTHERS.contains(&name)
        || name.starts_with("current_")
        || keyword.is_some_and(|keyword| {
            keywords::RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
                || keywords::RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
                || keywords::RESERVED_FOR_IDENTIFIER.contains(&keyword)
        })
}

/// The tag that a column is read from: names of tags may have letters of any script.
pub fn tag(name: &str) -> String {
    let tidy = |c: char| match c.is_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c,
        false => '_',
    };
    let made: String = name.chars().map(tidy).take(60).collect();
    match made.as_str() {
        "status" => "state".to_owned(),
        _ if made.starts_with(['.', '-']) || made.is_empty() => format!("t{made}"),
        _ => made,
    }
}
