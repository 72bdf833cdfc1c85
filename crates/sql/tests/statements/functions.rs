//! The list of functions is what the engine knows, and every example gives what stands beside it.

use crate::plant::{Folding, LIMITS, Plant, SECOND, START};
use std::collections::BTreeSet;
use tagwerk_model::{DataType, Value};
use tagwerk_sql::{
    Format, FunctionClass, FunctionInfo, Sql, SqlError, rule_functions, statement_functions,
};

/// What the engine knows and the list does not tell, with the reason.
const HIDDEN: &[(&str, &str)] = &[
    ("arrow_field", "no column here has metadata"),
    ("arrow_metadata", "no column here has metadata"),
    ("with_metadata", "no column here has metadata"),
    ("cast_to_type", "CAST says the same; takes a type by an example of it"),
    ("try_cast_to_type", "TRY_CAST says the same; takes a type by an example of it"),
    ("file_row_index", "history is no file to a statement"),
    ("input_file_name", "history is no file to a statement"),
    ("union_extract", "no statement makes a value of several types"),
    ("union_tag", "no statement makes a value of several types"),
    ("version", "tells the engine's version, and nothing of the edge's"),
];

fn plant() -> Sql {
    let mut plant = Plant::new();
    let boiler = plant.device("boiler-1", &[("temperature", DataType::Float64)]);
    let meter = plant.device("meter-1", &[("energy", DataType::Float64)]);
    let pump = plant.device("pump-1", &[("running", DataType::Bool)]);
    for (second, value) in [(0, 20.0), (10, 22.0), (40, 26.0)] {
        plant.read(&boiler, START + second * SECOND, &[Some(Value::F64(value))]);
    }
    for (second, value) in [(0, 100.0), (10, 105.0), (20, 3.0), (30, 8.0)] {
        plant.read(&meter, START + second * SECOND, &[Some(Value::F64(value))]);
    }
    for (second, value) in [(0, true), (20, false), (50, true), (60, true)] {
        plant.read(&pump, START + second * SECOND, &[Some(Value::Bool(value))]);
    }
    plant.sql(Folding::Yes)
}

/// Each row as JSON, without its brackets.
async fn rows(sql: &Sql, text: &str) -> Result<Vec<String>, SqlError> {
    let mut query = sql.query(text, LIMITS).await?;
    let mut encoder = query.encoder(Format::JsonRows { text: false })?;
    let mut rows = Vec::new();
    while let Some(batch) = query.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let row = String::from_utf8(encoder.batch(&batch.slice(row, 1))?).unwrap();
            let row = row.trim_start_matches(',').strip_prefix('[').unwrap();
            rows.push(row.strip_suffix(']').unwrap().to_owned());
        }
    }
    Ok(rows)
}

#[tokio::test]
async fn every_example_gives_what_is_said() {
    let sql = plant();
    let mut wrong = Vec::new();
    for FunctionInfo { name, example, gives, .. } in statement_functions() {
        match rows(&sql, example).await {
            Ok(rows) if rows == *gives && !rows.is_empty() => {}
            Ok(rows) => {
                let rows = rows.iter().map(|row| format!("gives: {row}\n"));
                wrong.push(format!("## {name}\nexample: {example}\n{}", rows.collect::<String>()));
            }
            Err(error) => wrong.push(format!("## {name}\nexample: {example}\n{error}\n")),
        }
    }
    assert!(wrong.is_empty(), "{} give something else:\n{}", wrong.len(), wrong.join("\n"));
}

/// Expressions of our functions: `expression => what it gives`.
#[tokio::test]
async fn odd_arguments_give_null_and_no_error() {
    let sql = plant();
    let mut wrong = Vec::new();
    let cases = include_str!("functions.txt").lines();
    let cases = cases.filter(|line| !line.is_empty() && !line.starts_with('#'));
    for case in cases {
        let (expression, expected) = case.split_once(" => ").expect(case);
        let said = match rows(&sql, &format!("SELECT {expression} AS r")).await {
            Ok(rows) => rows.join("; "),
            Err(error) => format!("error: {error}"),
        };
        let right = match expected.strip_prefix("error: ") {
            Some(part) => said.starts_with("error: ") && said.contains(part),
            None => said == expected,
        };
        if !right {
            wrong.push(format!("{expression} => {said}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

type Known = BTreeSet<(String, Vec<String>)>;

fn known<'a>(names: impl Iterator<Item = (&'a str, &'a [String])>) -> Known {
    let hidden = |name: &str| HIDDEN.iter().any(|(hidden, _)| *hidden == name);
    let shown = names.filter(|(name, _)| !hidden(name));
    shown.map(|(name, aliases)| (name.to_owned(), aliases.to_vec())).collect()
}

#[test]
fn the_list_is_what_the_engine_knows() {
    let state = tagwerk_sql::stream::state().unwrap();
    let engine = [
        (
            FunctionClass::Scalar,
            known(state.scalar_functions().values().map(|f| (f.name(), f.aliases()))),
        ),
        (
            FunctionClass::Aggregate,
            known(state.aggregate_functions().values().map(|f| (f.name(), f.aliases()))),
        ),
        (
            FunctionClass::Window,
            known(state.window_functions().values().map(|f| (f.name(), f.aliases()))),
        ),
        (
            FunctionClass::Table,
            known(state.table_functions().keys().map(|name| (name.as_str(), &[][..]))),
        ),
    ];
    for (class, engine) in engine {
        let listed = statement_functions().iter().filter(|function| function.class == class);
        let listed: Vec<(String, Vec<String>)> = listed
            .map(|f| (f.name.to_owned(), f.aliases.iter().map(|&name| name.to_owned()).collect()))
            .collect();
        let twice = listed.len() - listed.iter().collect::<BTreeSet<_>>().len();
        let listed: Known = listed.into_iter().collect();
        let missing: Vec<_> = engine.difference(&listed).collect();
        let unknown: Vec<_> = listed.difference(&engine).collect();
        assert!(
            missing.is_empty() && unknown.is_empty() && twice == 0,
            "{class:?}: not in the list: {missing:?}; not in the engine: {unknown:?}; {twice} twice"
        );
    }
    for (name, _) in HIDDEN {
        assert!(state.scalar_functions().contains_key(*name), "{name} is hidden for nothing");
    }
}

#[test]
fn every_function_is_described_and_has_an_example() {
    let all: Vec<_> = statement_functions().iter().chain(rule_functions()).collect();
    for function in &all {
        let FunctionInfo { name, signature, description, example, kind, .. } = function;
        assert!(signature.starts_with(&format!("{name}(")), "{name}: {signature}");
        assert!(description.len() > 5 && !kind.is_empty(), "{name}: {description}");
        assert!(example.starts_with("SELECT "), "{name}: {example}");
        let called = function.aliases.iter().chain([name]);
        let called = called
            .map(|name| name.to_lowercase())
            .any(|name| example.to_lowercase().contains(&format!("{name}(")));
        assert!(called, "{name} is not called in {example}");
    }
    let names: BTreeSet<_> = all.iter().map(|function| function.name).collect();
    assert!(names.len() >= 190, "{} functions", names.len());
}

/// Run with the other cases of rules; here only that they are the examples of the list.
#[test]
fn functions_of_rules_have_a_case_each() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/rules/functions.case");
    let cases = std::fs::read_to_string(path).unwrap();
    let cases: Vec<&str> = cases.split("\n== ").skip(1).collect();
    assert_eq!(cases.len(), rule_functions().len());
    for (case, function) in cases.iter().zip(rule_functions()) {
        assert!(case.starts_with(&format!("{}: ", function.name)), "{case}");
        let statement = case.split("\nsql\n").nth(1).and_then(|rest| rest.split("\nrows\n").next());
        assert_eq!(statement, Some(function.example));
    }
}
