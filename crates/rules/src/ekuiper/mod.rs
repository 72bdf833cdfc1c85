//! Imports eKuiper's streams and rules from its JSON export: rules of ours as YAML, and a report of what
//! was translated, what means something else here, and what has no counterpart. Pure; the only thing
//! that is left to the engine is to plan each rule against tables that are made up for it.

mod actions;
mod build;
mod columns;
mod dialect;
mod document;
mod export;
mod functions;
mod lists;
mod names;
mod neuron;
mod options;
mod proof;
mod report;
mod rule;
mod source;
mod statement;
mod stream;
mod table;
mod tree;
mod windows;

use crate::finding::Finding;
use crate::program::Planner;
use actions::Sinks;
use export::Export;
pub use report::{Note, NoteKind, Place, Report, RuleReport, StreamReport, Text};
use rule::Rule;
use source::Device;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use stream::Stream;
use table::LookupTable;

/// The table that stands for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Device(String),
    /// Of all devices that have it, with the column `device`.
    Template(String),
}

impl Target {
    pub fn name(&self) -> &str {
        match self {
            Target::Device(name) | Target::Template(name) => name,
        }
    }
}

/// Which table stands for which stream, by the stream's name. A stream that is not named is read from
/// the device of its own name.
#[derive(Clone, Debug, Default)]
pub struct Mapping(BTreeMap<String, Target>);

impl Mapping {
    /// Takes `stream=device` or `stream=template:name`.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let wrong =
            || format!("`{text}` maps nothing; write `stream=device` or `stream=template:name`");
        let (stream, target) = text.split_once('=').ok_or_else(wrong)?;
        let (stream, target) = (stream.trim(), target.trim());
        let target = match target.split_once(':') {
            Some(("template", name)) => Target::Template(name.trim().to_owned()),
            Some(_) => return Err(wrong()),
            None => Target::Device(target.to_owned()),
        };
        if stream.is_empty() || names::tidied(target.name()) != target.name() {
            return Err(wrong());
        }
        self.0.insert(stream.to_owned(), target);
        Ok(())
    }

    pub fn get(&self, stream: &str) -> Option<&Target> {
        self.0.get(stream)
    }
}

/// Why a file was not read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub problem: String,
    pub remedy: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for Refused {}

/// What became of an export. Nothing is applied.
#[derive(Clone, Debug)]
pub struct Import {
    /// The sections `tables:`, `rules:` and, disabled, `sinks:` and `devices:`.
    pub yaml: String,
    pub report: Report,
}

/// Reads an export. Never panics; what cannot be translated is told in the report, and the rule is a
/// draft then.
pub fn import(bytes: &[u8], mapping: &Mapping, planner: &Planner) -> Result<Import, Refused> {
    let export = Export::read(bytes)?;
    let mut work = Work::new(&export, mapping);
    let rules = work.rules(planner);
    let sinks = std::mem::take(&mut work.sinks).into_list(&mut work.report.others);
    let devices = work.devices(&rules);
    let yaml = document::yaml(&work.tables, &rules, &sinks, &devices);
    for rule in rules {
        work.report.rules.push(rule.into_report());
    }
    Ok(Import { yaml, report: work.report })
}

/// What rules are translated with.
struct Work<'a> {
    export: &'a Export,
    mapping: &'a Mapping,
    streams: BTreeMap<String, Stream>,
    tables: Vec<LookupTable>,
    /// The name here of each rule.
    names: BTreeMap<String, String>,
    /// Topics in memory, each with the id of a rule that writes to it.
    memory: Vec<(String, String)>,
    sinks: Sinks,
    report: Report,
}

impl<'a> Work<'a> {
    fn new(export: &'a Export, mapping: &'a Mapping) -> Work<'a> {
        let mut report = Report::default();
        let (mut streams, mut tables) = (BTreeMap::new(), Vec::new());
        for (name, text, table) in export.definitions() {
            let mut told = StreamReport::new(name, table);
            match Stream::parse(name, text, table) {
                Ok(stream) => {
                    if table && mapping.get(name).is_none() {
                        tables.push(LookupTable::of(&stream, export, &mut told));
                    } else {
                        stream.tell(mapping, &mut told);
                    }
                    streams.insert(name.to_owned(), stream);
                }
                Err(note) => told.notes.push(note),
            }
            report.streams.push(told);
        }
        for (what, count) in &export.others {
            report.others.push(Note::lost(format!("{count} of `{what}`"), export::remedy(what)));
        }
        let mut taken: BTreeSet<String> =
            streams.keys().map(|name| names::target(mapping, name).name().to_owned()).collect();
        let mut names = BTreeMap::new();
        for (id, _) in &export.rules {
            names.insert(id.clone(), names::unique(id, "rule", &mut taken));
        }
        let memory = actions::memory(export);
        Work { export, mapping, streams, tables, names, memory, sinks: Sinks::default(), report }
    }

    /// All rules, in the order of the export. A rule that reads another is planned after it.
    fn rules(&mut self, planner: &Planner) -> Vec<Rule> {
        let mut made = Vec::new();
        for (id, document) in &self.export.rules {
            made.push(Rule::read(id, document, self));
        }
        Work::columns_of_streams(&mut made);
        for table in &mut self.tables {
            table.learn(made.iter().flat_map(|rule| &rule.uses));
        }
        // Without rows and columns there is nothing to write; the report says that it was there.
        self.tables.retain(|table| table.source.0 != "rows" || !table.columns.is_empty());
        proof::plan_all(&mut made, &self.streams, &self.tables, planner);
        self.tell_columns(&made);
        made
    }

    /// What a rule learns of a stream's columns holds for the others that read it.
    fn columns_of_streams(rules: &mut [Rule]) {
        let mut known: BTreeMap<String, BTreeMap<String, stream::Kind>> = BTreeMap::new();
        for used in rules.iter().flat_map(|rule| &rule.uses) {
            let all = known.entry(used.table()).or_default();
            for (column, kind) in &used.columns {
                let slot = all.entry(column.clone()).or_insert(*kind);
                *slot = slot.or(*kind);
            }
        }
        for used in rules.iter_mut().flat_map(|rule| &mut rule.uses) {
            let Some(all) = known.get(&used.table()) else { continue };
            if used.columns.is_empty() {
                // It takes them all, by `*`.
                let some = all.iter().take(COLUMNS_SHARED_MAX);
                used.columns.extend(some.map(|(column, kind)| (column.clone(), *kind)));
            }
            for (column, own) in &mut used.columns {
                *own = own.or(all.get(column).copied().unwrap_or(*own));
            }
        }
    }

    /// Devices for the streams that come from a broker and have none.
    fn devices(&mut self, rules: &[Rule]) -> Vec<Device> {
        let mut wanted: BTreeMap<&str, source::Wanted> = BTreeMap::new();
        for used in rules.iter().flat_map(|rule| &rule.uses).filter(|used| !used.is_rule()) {
            source::gather(used, wanted.entry(&used.stream).or_default());
        }
        let mut devices: Vec<Device> = Vec::new();
        for told in self.report.streams.iter_mut().filter(|told| !told.table) {
            let Some(stream) = self.streams.get(&told.name) else { continue };
            let mapped = self.mapping.get(&told.name).is_some();
            if stream.table || stream.source() != "mqtt" || mapped {
                continue;
            }
            let name = names::target(self.mapping, &told.name).name().to_owned();
            let wanted = wanted.remove(told.name.as_str()).unwrap_or_default();
            let made = match devices.iter().any(|device| device.name == name) {
                true => None,
                false => Device::of(name, stream, wanted, self.export, &mut told.notes),
            };
            match made {
                Some(device) => devices.push(device),
                None => told.notes.push(stream.by_hand(self.mapping)),
            }
        }
        devices
    }

    /// What a device must have for the rules to work.
    fn tell_columns(&mut self, rules: &[Rule]) {
        let mut wanted: BTreeMap<&str, (BTreeSet<String>, BTreeSet<&String>)> = BTreeMap::new();
        for used in rules.iter().flat_map(|rule| &rule.uses).filter(|used| !used.is_rule()) {
            let (tables, columns) = wanted.entry(&used.stream).or_default();
            tables.insert(used.table());
            columns.extend(used.columns.keys());
        }
        for told in &mut self.report.streams {
            if let Some((tables, columns)) = wanted.remove(told.name.as_str()) {
                told.tables = tables;
                told.columns = columns.into_iter().cloned().collect();
            }
        }
    }
}

/// Columns that a rule with `*` is planned with, where its stream has no schema.
const COLUMNS_SHARED_MAX: usize = 256;

impl From<Finding> for Note {
    fn from(finding: Finding) -> Note {
        let place = Place { of: Text::Rule, line: finding.line, column: finding.column };
        Note { place: Some(place), ..Note::lost(finding.problem, finding.remedy) }
    }
}
