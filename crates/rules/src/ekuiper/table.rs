//! A table of eKuiper's as a lookup table here: where its rows are from, as far as the export says.

use super::export::Export;
use super::names;
use super::report::{Note, StreamReport};
use super::statement::Use;
use super::stream::{Kind, Stream};
use serde_json::{Map, Value, json};
use tagwerk_model::{ColumnType, Table};

/// A section `tables:` item.
pub struct LookupTable {
    /// Of eKuiper's table.
    pub of: String,
    pub name: String,
    /// `csv`, `http` and so on, and what belongs to it.
    pub source: (&'static str, Value),
    pub columns: Vec<(String, Kind)>,
    pub refresh_s: Option<u64>,
}

const FILES: &str = "the folder `files` of the edge's data folder";

impl LookupTable {
    pub fn of(stream: &Stream, export: &Export, told: &mut StreamReport) -> LookupTable {
        let mut columns = Vec::new();
        for (name, kind) in &stream.columns {
            if matches!(kind, Kind::Nested | Kind::Texts) {
                let remedy = "add a column for each value that rules use";
                told.notes.push(Note::lost(format!("`{name}` is a list or a record"), remedy));
            } else if names::tag(name) != *name {
                let remedy = format!("call it `{}` where its rows are from", names::tag(name));
                told.notes.push(Note::by_hand(format!("`{name}` cannot be a column"), remedy));
                columns.push((names::tag(name), *kind));
            } else {
                columns.push((name.clone(), *kind));
            }
        }
        let settings = export.source(&stream.source(), stream.option("conf_key"));
        let (source, note) = source(stream, &settings);
        told.notes.push(note);
        let interval = settings.get("interval").or_else(|| settings.get("refreshInterval"));
        LookupTable {
            of: stream.name.clone(),
            name: names::tidied(&stream.name),
            refresh_s: interval.and_then(seconds).filter(|_| source.0 != "rows"),
            source,
            columns,
        }
    }

    /// Where its statement names no columns, it has those that rules name.
    pub fn learn<'a>(&mut self, uses: impl Iterator<Item = &'a Use>) {
        if !self.columns.is_empty() {
            return;
        }
        let of = self.of.clone();
        for (name, kind) in uses.filter(|used| used.stream == of).flat_map(|used| &used.columns) {
            match self.columns.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = known.or(*kind),
                None => self.columns.push((name.clone(), *kind)),
            }
        }
    }

    /// Without rows: rules are planned against it.
    pub fn empty(&self) -> Table {
        let columns = self.columns.iter();
        Table::without_rows(columns.map(|(name, kind)| (name.as_str(), column_type(*kind))))
    }
}

pub fn column_type(kind: Kind) -> ColumnType {
    match kind {
        Kind::Whole => ColumnType::Int64,
        Kind::Unknown | Kind::Float => ColumnType::Float64,
        Kind::Bool => ColumnType::Bool,
        Kind::Bytes => ColumnType::Bytes,
        Kind::Text | Kind::Time | Kind::Nested | Kind::Texts => ColumnType::Text,
    }
}

/// Where its rows are from, and what is left to do.
fn source(stream: &Stream, settings: &Map<String, Value>) -> ((&'static str, Value), Note) {
    let named = stream.option("datasource").unwrap_or_default();
    let said = |key: &str| settings.get(key).and_then(Value::as_str);
    let format = stream.option("format").or(said("fileType")).unwrap_or("json");
    match stream.source().as_str() {
        "file" if ["delimited", "csv"].contains(&format.to_ascii_lowercase().as_str()) => {
            let mut csv = json!({ "path": file_name(named) });
            if let Some(separator) = stream.option("delimiter").or(said("delimiter")) {
                csv["separator"] = json!(separator);
            }
            let remedy = format!("put it into {FILES}; its first line names the columns");
            (("csv", csv), Note::by_hand(format!("its rows are in the file `{named}`"), remedy))
        }
        "file" => {
            let remedy = format!("make it CSV in {FILES}, or write its rows here");
            (rows(), Note::by_hand(format!("its rows are in the file `{named}`, in JSON"), remedy))
        }
        "httppull" | "httppush" if said("url").is_some() => {
            let url = said("url").unwrap_or_default();
            let (url, secret) = without_secret(url);
            let url = match url.contains("://") {
                true => format!("{}{named}", url.trim_end_matches('/')),
                false => format!("http://{}{named}", url.trim_end_matches('/')),
            };
            let text = format!("its rows are what `{url}` answers");
            let headers = secret || settings.contains_key("headers");
            let remedy = match headers {
                true => "write its headers and passwords as secrets, and try it",
                false => "try it; `at` says where in the answer the rows are",
            };
            (("http", json!({ "url": url })), Note::by_hand(text, remedy))
        }
        "sql" => sql(named, said("url").or(said("dburl")).unwrap_or_default()),
        other => {
            let text = format!("its rows are from `{other}`");
            let remedy = "write them here, or say where they are read from";
            (rows(), Note::by_hand(text, remedy))
        }
    }
}

fn rows() -> (&'static str, Value) {
    ("rows", json!([]))
}

fn sql(table: &str, url: &str) -> ((&'static str, Value), Note) {
    let quoted = table.replace('"', "\"\"");
    let query = format!("SELECT * FROM \"{quoted}\"");
    let (plain, _) = without_secret(url);
    let (kind, rest) = plain.split_once(':').unwrap_or((&plain, ""));
    match kind {
        "sqlite" | "sqlite3" => {
            let path = file_name(rest);
            let remedy = format!("put `{path}` into {FILES}");
            let source = json!({ "path": path, "query": query });
            (("sqlite", source), Note::by_hand("its rows are in an SQLite file", remedy))
        }
        "postgres" | "postgresql" => {
            let rest = rest.trim_start_matches('/');
            let (at, database) = rest.split_once('/').unwrap_or((rest, ""));
            let database = database.split('?').next().unwrap_or_default();
            let (user, at) = url_user(url).map_or(("", at), |user| (user, at));
            let (host, port) = at.split_once(':').unwrap_or((at, ""));
            let mut source = json!({
                "host": host, "database": database, "username": user, "query": query,
                "password": { "secret": "lookup-password" }, "tls": {},
            });
            if let Ok(port) = port.parse::<u16>() {
                source["port"] = json!(port);
            }
            let remedy = "set the secret `lookup-password`; leave `tls` out if it is not encrypted";
            (("postgres", source), Note::by_hand("its rows are in PostgreSQL", remedy))
        }
        _ => {
            let text = format!("its rows are in `{table}` of a database");
            let remedy = "SQLite and PostgreSQL are read; write the rows here otherwise";
            (rows(), Note::by_hand(text, remedy))
        }
    }
}

/// An address without the user and the password in it, and whether there were any.
fn without_secret(url: &str) -> (String, bool) {
    match (url.split_once("://"), url_user(url)) {
        (Some((kind, rest)), Some(_)) => {
            let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
            (format!("{kind}://{rest}"), true)
        }
        _ => (url.to_owned(), false),
    }
}

fn url_user(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    user.split(':').next()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// eKuiper's are milliseconds, or a duration as Go writes it.
fn seconds(value: &Value) -> Option<u64> {
    let ms = match value {
        Value::Number(ms) => ms.as_u64()?,
        Value::String(text) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let unit = match &text[digits.len()..] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            digits.parse::<u64>().ok()?.checked_mul(unit)?
        }
        _ => return None,
    };
    // Read no more often than every second, and at least daily.
    Some(ms.div_ceil(1_000).clamp(1, 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        for (url, plain, user) in [
            ("http://a/b", "http://a/b", None),
            ("http://u:p@a:1/b@c", "http://a:1/b@c", Some("u")),
            ("postgres://u@h/db", "postgres://h/db", Some("u")),
            ("sqlite:/data/x.db", "sqlite:/data/x.db", None),
            ("", "", None),
        ] {
            assert_eq!(without_secret(url), (plain.to_owned(), user.is_some()), "{url}");
            assert_eq!(url_user(url), user, "{url}");
        }
        assert_eq!(seconds(&json!(10_000)), Some(10));
        assert_eq!(seconds(&json!("90s")), Some(90));
        assert_eq!(seconds(&json!("soon")), None);
    }
}
