//! What is known of every function that a statement or a rule can call, read from the texts in
//! `catalogue/`. They stand there in the order in which users see them; each example is run by a test.

use std::sync::LazyLock;

/// A function as the reference lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    pub name: &'static str,
    /// The title of its section.
    pub kind: &'static str,
    pub class: FunctionClass,
    pub signature: &'static str,
    /// Other names of the same.
    pub aliases: Vec<&'static str>,
    pub description: &'static str,
    pub example: &'static str,
    /// The rows that the example gives, as JSON without brackets.
    pub gives: Vec<&'static str>,
}

/// Where a function can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionClass {
    Scalar,
    Aggregate,
    Window,
    /// In FROM.
    Table,
    /// In rules alone; its example is a case of `cases/rules/functions.case`.
    Rule,
}

const TEXTS: &[&str] = &[
    include_str!("catalogue/historian.txt"),
    include_str!("catalogue/process.txt"),
    include_str!("catalogue/times.txt"),
    include_str!("catalogue/numbers.txt"),
    include_str!("catalogue/text.txt"),
    include_str!("catalogue/patterns.txt"),
    include_str!("catalogue/conditions.txt"),
    include_str!("catalogue/bits.txt"),
    include_str!("catalogue/bytes.txt"),
    include_str!("catalogue/json.txt"),
    include_str!("catalogue/arrays.txt"),
    include_str!("catalogue/types.txt"),
    include_str!("catalogue/aggregates.txt"),
    include_str!("catalogue/statistics.txt"),
    include_str!("catalogue/windows.txt"),
    include_str!("catalogue/tables.txt"),
    include_str!("catalogue/rule_windows.txt"),
    include_str!("catalogue/over_stream.txt"),
];

static ALL: LazyLock<(Vec<FunctionInfo>, Vec<FunctionInfo>)> = LazyLock::new(|| {
    let all = TEXTS.iter().flat_map(|text| section(text));
    all.partition(|function| function.class != FunctionClass::Rule)
});

/// What a statement can call.
pub fn statement_functions() -> &'static [FunctionInfo] {
    &ALL.0
}

/// What a rule can call besides.
pub fn rule_functions() -> &'static [FunctionInfo] {
    &ALL.1
}

/// The functions of one text: a title, the class of its functions, then an entry for each.
fn section(text: &'static str) -> Vec<FunctionInfo> {
    let mut entries = text.split("\n## ");
    let head = entries.next().unwrap_or_default();
    let kind = head.lines().next().unwrap_or_default().trim_start_matches("# ");
    let class = field(head, "class").next().and_then(class_named);
    let class = class.unwrap_or(FunctionClass::Scalar);
    entries
        .map(|entry| {
            let one = |key| field(entry, key).next().unwrap_or_default();
            FunctionInfo {
                name: entry.lines().next().unwrap_or_default(),
                kind,
                class: class_named(one("class")).unwrap_or(class),
                signature: one("signature"),
                aliases: one("also").split(", ").filter(|name| !name.is_empty()).collect(),
                description: one("says"),
                example: one("example"),
                gives: field(entry, "gives").collect(),
            }
        })
        .collect()
}

fn field<'a>(entry: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    entry.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
}

fn class_named(name: &str) -> Option<FunctionClass> {
    Some(match name {
        "scalar" => FunctionClass::Scalar,
        "aggregate" => FunctionClass::Aggregate,
        "window" => FunctionClass::Window,
        "table" => FunctionClass::Table,
        "rule" => FunctionClass::Rule,
        _ => return None,
    })
}
