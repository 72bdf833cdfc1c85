//! Reads the file: the JSON of `GET /data/export` or of a rule set. Bounded; what it holds is looked at
//! by others.

use super::Refused;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tagwerk_model::limits;

const ANEW: &str = "export it anew with GET /data/export of eKuiper's REST API";

#[derive(Debug, Default)]
pub struct Export {
    /// Names and statements.
    streams: Vec<(String, String)>,
    tables: Vec<(String, String)>,
    /// Names and documents; what could not be read is text.
    pub rules: Vec<(String, Value)>,
    /// Settings of sinks, connections and sources by kind and name.
    settings: BTreeMap<(String, String), Map<String, Value>>,
    connections: BTreeMap<(String, String), Map<String, Value>>,
    sources: BTreeMap<(String, String), Map<String, Value>>,
    /// What else is in it, with how many of it.
    pub others: Vec<(String, usize)>,
}

impl Export {
    pub fn read(bytes: &[u8]) -> Result<Export, Refused> {
        let max = limits::IMPORT_BYTES_MAX;
        if bytes.len() > max {
            let problem = format!("the file has {} bytes, {max} are allowed", bytes.len());
            return Err(Refused { problem, remedy: "export fewer rules at once" });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| Refused {
            problem: format!("the file is not JSON: {error}"),
            remedy: ANEW,
        })?;
        let Value::Object(document) = value else {
            return Err(Refused { problem: "the file is no JSON object".to_owned(), remedy: ANEW });
        };
        let mut export = Export::default();
        for (key, value) in &document {
            export.section(key, value)?;
        }
        if export.streams.is_empty() && export.rules.is_empty() {
            let problem = "the file holds neither streams nor rules".to_owned();
            return Err(Refused { problem, remedy: ANEW });
        }
        let max = limits::RULES_MAX as usize;
        if export.rules.len() > max {
            let problem = format!("the file has {} rules, {max} are allowed", export.rules.len());
            return Err(Refused { problem, remedy: "export fewer rules at once" });
        }
        export.others.sort();
        Ok(export)
    }

    fn section(&mut self, key: &str, value: &Value) -> Result<(), Refused> {
        let empty = Map::new();
        let section = match value {
            Value::Object(section) => section,
            Value::Null => &empty,
            _ => {
                let problem = format!("`{}` is no JSON object", key.escape_debug());
                return Err(Refused { problem, remedy: ANEW });
            }
        };
        match key {
            "streams" => self.streams = sorted(section, statement),
            "tables" => self.tables = sorted(section, statement),
            "rules" => self.rules = sorted(section, document),
            "sinkConfig" => self.settings = settings(section),
            "connectionConfig" => self.connections = settings(section),
            "sourceConfig" => self.sources = settings(section),
            _ if section.is_empty() => {}
            _ => self.others.push((key.to_owned(), section.len())),
        }
        Ok(())
    }

    /// Streams and tables: name, statement, whether it is a table.
    pub fn definitions(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        let streams = self.streams.iter().map(|(name, text)| (name.as_str(), text.as_str(), false));
        let tables = self.tables.iter().map(|(name, text)| (name.as_str(), text.as_str(), true));
        streams.chain(tables)
    }

    /// The settings of a source: those of its name, and for what they do not say the default.
    pub fn source(&self, kind: &str, name: Option<&str>) -> Map<String, Value> {
        let of = |name: &str| self.sources.get(&(kind.to_owned(), name.to_owned())).cloned();
        let mut all = of("default").unwrap_or_default();
        all.extend(name.and_then(of).unwrap_or_default());
        all
    }

    /// The properties of an action, with those that it refers to.
    pub fn properties(&self, kind: &str, own: &Map<String, Value>) -> Map<String, Value> {
        let named = |key: &str| own.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut all = Map::new();
        if let Some(name) = named("resourceId") {
            all.extend(self.settings.get(&(kind.to_owned(), name)).cloned().unwrap_or_default());
        }
        let selector = named("connectionSelector")
            .or_else(|| all.get("connectionSelector").and_then(Value::as_str).map(str::to_owned));
        if let Some(selector) = selector {
            let name = selector.rsplit('.').next().unwrap_or_default().to_owned();
            let known = self.connections.get(&(kind.to_owned(), name)).cloned();
            all.extend(known.unwrap_or_default());
        }
        all.extend(own.clone());
        all
    }
}

/// What a section holds, by name: in the order in which eKuiper writes it.
fn sorted<T>(
    section: &Map<String, Value>,
    read: fn((&String, &Value)) -> (String, T),
) -> Vec<(String, T)> {
    let mut all: Vec<(String, T)> = section.iter().map(read).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// A statement stands by itself, or under `sql`.
fn statement((name, value): (&String, &Value)) -> (String, String) {
    let text = value.as_str().or_else(|| value["sql"].as_str()).unwrap_or_default();
    (name.clone(), text.to_owned())
}

/// A document stands as JSON within a text, or by itself.
fn document((name, value): (&String, &Value)) -> (String, Value) {
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    (name.clone(), parsed.unwrap_or_else(|| value.clone()))
}

fn settings(section: &Map<String, Value>) -> BTreeMap<(String, String), Map<String, Value>> {
    let mut all = BTreeMap::new();
    for (kind, value) in section {
        let (_, value) = document((kind, value));
        for (name, value) in value.as_object().into_iter().flatten() {
            if let Value::Object(keys) = value {
                all.insert((kind.clone(), name.clone()), keys.clone());
            }
        }
    }
    all
}

pub fn remedy(section: &str) -> &'static str {
    match section {
        "nativePlugins" | "portablePlugins" | "Service" | "scripts" => {
            "rules that call them are drafts; write the expression in SQL instead"
        }
        "Schema" | "schema" => "devices say what they read; no schema is needed",
        _ => "look whether a rule needs it",
    }
}
