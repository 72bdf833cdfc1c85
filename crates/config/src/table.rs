//! Checks lookup tables: their names, where their rows are from, and the types of their columns. The
//! rows of a source are read by others.

use crate::check::{Checker, Names};
use crate::checked::{CheckedTable, TableSource};
use crate::document::{Lenient, Part};
use crate::names::check_name;
use crate::rule::taken;
use crate::scalar::Scalar;
use crate::source::{Form, Node, shortened};
use crate::table_source::{CsvForm, HttpForm, PostgresForm, SqliteForm};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_component::Duration;
use tagwerk_model::table::{Given, TableBuilder};
use tagwerk_model::{ColumnType, limits};

/// Tables that statements have by themselves.
const OWN: [&str; 10] = [
    "samples",
    "samples_by_minute",
    "samples_by_hour",
    "samples_by_day",
    "latest",
    "events",
    "alarms",
    "ledger",
    "ledger_sinks",
    "ledger_delivery",
];

/// A small table of the plant's own, which rules and statements join with: from one of `rows`, `csv`,
/// `sqlite`, `postgres` and `http`.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Table", deny_unknown_fields)]
pub(crate) struct TableForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; no device, template or rule has it.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// What it is for.
    #[serde(default, borrow)]
    pub text: Lenient<Option<&'s str>>,
    /// The rows themselves, each as its columns and their values.
    #[serde(default)]
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    rows: Part,
    #[serde(default)]
    #[schemars(with = "Option<CsvForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    csv: Part,
    #[serde(default)]
    #[schemars(with = "Option<SqliteForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    sqlite: Part,
    #[serde(default)]
    #[schemars(with = "Option<PostgresForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    postgres: Part,
    #[serde(default)]
    #[schemars(with = "Option<HttpForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    http: Part,
    /// The columns that are taken, and their types. Default: all, with the types that their values have.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, TypeForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    columns: Part,
    /// How often the source is read again, `1s` at least. Default: it is read once.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub refresh: Lenient<Option<Duration>>,
}

/// The type of a column of a lookup table.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "TableType")]
#[serde(rename_all = "lowercase")]
pub(crate) enum TypeForm {
    Bool,
    Int64,
    Uint64,
    Float64,
    Text,
    Bytes,
    /// An instant, as in `2026-11-21T04:05:06Z`.
    Time,
}

impl TypeForm {
    fn column_type(self) -> ColumnType {
        match self {
            TypeForm::Bool => ColumnType::Bool,
            TypeForm::Int64 => ColumnType::Int64,
            TypeForm::Uint64 => ColumnType::Uint64,
            TypeForm::Float64 => ColumnType::Float64,
            TypeForm::Text => ColumnType::Text,
            TypeForm::Bytes => ColumnType::Bytes,
            TypeForm::Time => ColumnType::Time,
        }
    }
}

const SOURCES: [&str; 5] = ["rows", "csv", "sqlite", "postgres", "http"];

impl<'s> Checker<'s> {
    pub fn tables(&mut self, root: Node<'s>) -> Vec<CheckedTable> {
        let Some(list) = root.get("tables") else { return Vec::new() };
        let mut taken = taken(root);
        for rule in root.get("rules").into_iter().flat_map(Node::items) {
            if let Some(name) = rule.get("name") {
                taken.entry(name.text()).or_insert(("rule", name.line()));
            }
        }
        let mut names = Names::default();
        let mut tables = Vec::with_capacity(list.len());
        for node in list.items() {
            tables.extend(self.table(node, &mut names, &taken));
        }
        self.incomplete |= tables.len() != list.len();
        tables
    }

    fn table(
        &mut self,
        node: Node<'s>,
        names: &mut Names<'s>,
        taken: &std::collections::HashMap<&str, (&'static str, u32)>,
    ) -> Option<CheckedTable> {
        let form = TableForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "table", names);
        if let Some(name) = name {
            self.free_table_name(node, name, taken);
        }
        let text = form.text.optional();
        self.lengths(node, [("text", text)]);
        let columns = self.table_columns(node);
        let source = self.table_source(node, name.unwrap_or("?"), &columns);
        let refresh = form.refresh.optional().map(|refresh| refresh.0);
        if let Some(refresh) = refresh.filter(|refresh| *refresh < limits::TABLE_REFRESH_MIN) {
            let problem = format!("a table cannot be read every {}", Duration(refresh));
            let place = node.get("refresh").unwrap_or(node);
            self.report.error(place, problem, "write `1s` or more");
        }
        if let (Some(TableSource::Rows(_)), Some(place)) = (&source, node.get("refresh")) {
            let remedy = "remove `refresh`";
            self.report.warning(place, "rows that stand here are not read again", remedy);
        }
        Some(CheckedTable {
            name: name?.into(),
            text: text.map(Into::into),
            source: source?,
            columns,
            refresh,
        })
    }

    fn free_table_name(
        &mut self,
        node: Node<'s>,
        name: &str,
        taken: &std::collections::HashMap<&str, (&'static str, u32)>,
    ) {
        let alike = taken.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let problem = match alike {
            _ if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) => {
                format!("`{name}` is a table of the edge's own")
            }
            Some((_, (kind, line))) => {
                format!("a {kind} is called `{name}` already, on line {line}")
            }
            None => return,
        };
        let remedy = "give the table another name, which no other table in SQL has";
        self.report.error(node.get("name").unwrap_or(node), problem, remedy);
    }

    fn table_columns(&mut self, node: Node<'s>) -> Vec<(Box<str>, ColumnType)> {
        let Some(list) = node.get("columns").filter(|list| list.form() == Form::Map) else {
            return Vec::new();
        };
        if list.pairs().count() > limits::TABLE_COLUMNS_MAX {
            let problem = format!("the table has {} columns", list.pairs().count());
            self.report.error(list, problem, format!("keep {}", limits::TABLE_COLUMNS_MAX));
        }
        let mut columns = Vec::new();
        for (key, value) in list.pairs() {
            let name = key.text();
            if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
                let problem = format!("`{}` is no name of a column", shortened(name));
                let remedy = format!("write 1 to {} bytes", limits::NAME_BYTES_MAX);
                self.report.error(key, problem, remedy);
            }
            if let Ok(of) = TypeForm::deserialize(value) {
                columns.push((name.into(), of.column_type()));
            }
        }
        columns
    }

    fn table_source(
        &mut self,
        node: Node<'s>,
        name: &str,
        columns: &[(Box<str>, ColumnType)],
    ) -> Option<TableSource> {
        let mut given: Vec<(&str, Node<'s>)> = Vec::new();
        for key in SOURCES {
            let part = node.get(key).filter(|part| part.scalar() != Some(Scalar::Null));
            given.extend(part.map(|part| (key, part)));
        }
        match given[..] {
            [] => {
                let remedy = "add `rows`, `csv`, `sqlite`, `postgres` or `http`";
                self.report.error(node, "the table has no source", remedy);
                None
            }
            [(key, part)] => match key {
                "rows" => self.table_rows(part, columns),
                "csv" => self.csv_source(part),
                "sqlite" => self.sqlite_source(part),
                "postgres" => self.postgres_source(part, name),
                _ => self.http_source(part, name),
            },
            [(first, _), (second, part), ..] => {
                let problem = format!("a table has one source, and this one has `{first}` too");
                self.report.error(part, problem, format!("remove `{first}` or `{second}`"));
                None
            }
        }
    }

    fn table_rows(
        &mut self,
        list: Node<'s>,
        columns: &[(Box<str>, ColumnType)],
    ) -> Option<TableSource> {
        let mut builder = TableBuilder::new(columns);
        for row in list.items() {
            let mut taken = builder.row();
            for (key, value) in row.pairs() {
                let given = match value.scalar() {
                    Some(Scalar::Null) => Given::Null,
                    Some(Scalar::Bool(flag)) => Given::Bool(flag),
                    Some(Scalar::Integer(number)) => match i64::try_from(number) {
                        Ok(number) => Given::Int(number),
                        Err(_) => u64::try_from(number).map_or(Given::Null, Given::Uint),
                    },
                    Some(Scalar::Float(number)) => Given::Float(number),
                    Some(Scalar::Text(text)) => Given::Text(text.into()),
                    Some(Scalar::Huge) => Given::Text(value.text().into()),
                    None => {
                        let remedy = "write a number, a text, true, false or null";
                        self.report.error(value, "a list or mapping is no value", remedy);
                        continue;
                    }
                };
                taken = taken.and_then(|()| match builder.column(key.text())? {
                    Some(place) => builder.put(place, given),
                    None => Ok(()),
                });
            }
            if let Err(wrong) = taken {
                self.report.error(row, wrong.problem, wrong.remedy);
                return None;
            }
        }
        match builder.finish() {
            Ok(table) => Some(TableSource::Rows(Arc::new(table))),
            Err(wrong) => {
                self.report.error(list, wrong.problem, wrong.remedy);
                None
            }
        }
    }
}
