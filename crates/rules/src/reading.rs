//! The tables that a statement names: streams, whose rows make it run, and lookup tables, which it joins
//! them with.

use crate::finding::Finding;
use crate::lookup::LookupSource;
use crate::near::nearest;
use crate::parse::{TableUse, Text};
use crate::table::Slot;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use tagwerk_sql::TagTable;
use tagwerk_sql::stream::{SAMPLE_SCHEMA, Stream, names, stream};

/// A stream with the columns that statements see of it.
pub struct Table {
    pub name: String,
    pub stream: Stream,
    pub schema: SchemaRef,
    pub slot: Arc<Slot>,
}

/// What a statement reads.
pub struct Reading {
    pub streams: Vec<Table>,
    pub lookups: Vec<(String, LookupSource)>,
}

impl Reading {
    pub fn of(text: &Text, tags: &TagTable) -> Result<Reading, Finding> {
        let mut reading = Reading { streams: Vec::new(), lookups: Vec::new() };
        for table in &text.tables {
            if !reading.knows(&table.name) {
                reading.add(table, tags)?;
            }
        }
        if !reading.streams.is_empty() {
            return Ok(reading);
        }
        let remedy = "write FROM and the name of a device, a template, a rule, or samples";
        Err(match text.tables.first() {
            None => Finding::new("the rule reads nothing", remedy),
            Some(table) => {
                let problem = "the rule reads lookup tables alone, and nothing makes it run";
                Finding::placed(table.ident.span, problem, remedy)
            }
        })
    }

    fn knows(&self, name: &str) -> bool {
        self.streams.iter().any(|known| known.name == name) || self.is_lookup(name)
    }

    /// By the name that the statement writes.
    pub fn is_lookup(&self, name: &str) -> bool {
        self.lookups.iter().any(|(known, _)| known == name)
    }

    fn add(&mut self, table: &TableUse, tags: &TagTable) -> Result<(), Finding> {
        if let Some(lookup) = tags.lookups().get(&table.name) {
            self.lookups.push((table.name.clone(), LookupSource::new(lookup)));
            return Ok(());
        }
        if let Some(why) = tags.lookups().unread(&table.name) {
            let problem = format!("the columns of the table {} are not known: {why}", table.name);
            let remedy = "say them under `columns` of the table, or wait until it has been read";
            let finding = Finding::placed(table.ident.span, problem, remedy);
            return Err(Finding { waits: true, ..finding });
        }
        let stream = stream(tags, &table.name).ok_or_else(|| unknown(table, tags))?;
        let schema = match &stream {
            Stream::Reads(shape) => shape.schema.clone(),
            Stream::Samples => SAMPLE_SCHEMA.clone(),
        };
        let slot = Arc::default();
        self.streams.push(Table { name: table.name.clone(), stream, schema, slot });
        Ok(())
    }
}

fn unknown(table: &TableUse, tags: &TagTable) -> Finding {
    let mut known = names(tags);
    known.extend(tags.lookups().names().map(ToString::to_string));
    let near = nearest(&table.name, known.iter().map(String::as_str));
    let remedy = match near {
        Some(near) => format!("did you mean {near}?"),
        None => {
            "use the name of a device, a template, a rule, a lookup table, or samples".to_owned()
        }
    };
    Finding::placed(table.ident.span, format!("there is no table {}", table.name), remedy)
}
