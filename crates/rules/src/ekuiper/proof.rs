//! Plans each rule against tables that are made up of what is known of its streams: so that what is
//! called live is valid SQL.

use super::Target;
use super::report::Note;
use super::rule::{Rule, Write};
use super::statement::Use;
use super::stream::Stream;
use super::table::LookupTable;
use crate::program::Planner;
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_model::{DataType, TagId, limits};
use tagwerk_sql::{Lookup, Lookups, TagEntry, TagTable};

type Columns = BTreeMap<String, Vec<(String, DataType)>>;

/// Plans all rules, those first that others read.
pub fn plan_all(
    rules: &mut [Rule],
    streams: &BTreeMap<String, Stream>,
    tables: &[LookupTable],
    planner: &Planner,
) {
    let made = Made { streams, tables };
    let mut known = Columns::new();
    let mut waiting: Vec<usize> = (0..rules.len()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for place in waiting {
            let mut read = rules[place].uses.iter().filter_map(|used| used.rule.as_ref());
            if read.any(|id| !known.contains_key(id)) {
                later.push(place);
                continue;
            }
            plan(&mut rules[place], &made, planner, &known);
            known.insert(rules[place].id.clone(), rules[place].columns.clone());
        }
        if later.len() == before {
            for place in later {
                let text = "it reads its own output, by way of memory";
                rules[place].draft_for(Note::lost(text, "cut the circle, or use lag"));
            }
            break;
        }
        waiting = later;
    }
    rules.iter_mut().for_each(writes);
}

/// What rules read that are no rules.
struct Made<'a> {
    streams: &'a BTreeMap<String, Stream>,
    tables: &'a [LookupTable],
}

fn plan(rule: &mut Rule, made: &Made<'_>, planner: &Planner, known: &Columns) {
    if !rule.planned {
        return;
    }
    match planner.plan(&rule.sql, &tables(&rule.uses, made, known)) {
        Ok(program) => {
            let columns = program.columns.iter();
            rule.columns = columns.map(|c| (c.name.clone(), c.data_type())).collect();
        }
        // Of what is told already nothing can be planned.
        Err(_) if rule.lost => {}
        Err(finding) => rule.draft_for(finding.into()),
    }
}

fn tables(uses: &[Use], made: &Made<'_>, known: &Columns) -> TagTable {
    let mut lookups = Lookups::default();
    let mut columns: BTreeMap<String, BTreeMap<String, DataType>> = BTreeMap::new();
    let mut templates: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for used in uses {
        if let Some(table) = made.tables.iter().find(|table| table.of == used.stream) {
            lookups.add(Lookup::new(table.name.as_str().into(), "".into(), &table.empty()));
            continue;
        }
        let device = match &used.target {
            Target::Device(name) => name.clone(),
            Target::Template(name) => {
                let device = format!("{name}-1");
                templates.insert(name.as_str().into(), vec![device.as_str().into()]);
                device
            }
        };
        let of_device = columns.entry(device).or_default();
        if let Some(stream) = made.streams.get(&used.stream) {
            let tags = stream.columns.iter();
            of_device.extend(tags.map(|(n, kind)| (super::names::tag(n), kind.data_type())));
        }
        for (name, kind) in &used.columns {
            of_device.entry(name.clone()).or_insert_with(|| kind.data_type());
        }
        if let Some(id) = &used.rule {
            // What a rule gives is known, and what it does not give is not there.
            *of_device = known.get(id).into_iter().flatten().cloned().collect();
        }
        if of_device.is_empty() {
            of_device.insert("value".to_owned(), DataType::Float64);
        }
    }
    let mut id = 0;
    let mut entries = Vec::new();
    for (device, tags) in columns {
        for (name, data_type) in tags {
            id += 1;
            let (device, name) = (device.as_str().into(), name.as_str().into());
            entries.push(TagEntry { id: TagId(id), device, name, data_type, unit: "".into() });
        }
    }
    TagTable::new(entries).with_templates(templates).with_lookups(Arc::new(lookups))
}

/// Writes of columns that there are.
fn writes(rule: &mut Rule) {
    let mut made: Vec<Write> = Vec::new();
    for write in std::mem::take(&mut rule.writes) {
        match &write.column {
            Some(column) if rule.columns.iter().any(|(name, _)| name == column) => made.push(write),
            // What a draft would give is not known.
            Some(_) if rule.columns.is_empty() => made.push(write),
            Some(column) => {
                let text = format!("the column `{column}` that is written is not selected");
                rule.notes.push(Note::lost(text, "select it, and add the write"));
            }
            None => made.extend(rule.columns.iter().map(|(name, _)| Write {
                column: Some(name.clone()),
                device: write.device.clone(),
                tag: Some(name.clone()),
            })),
        }
    }
    let max = limits::RULE_ACTIONS_MAX as usize;
    if made.len() > max {
        made.truncate(max);
        let text = "there are more writes than a rule can have";
        rule.notes.push(Note::lost(text, "divide it into several rules"));
    }
    rule.writes = made;
}
