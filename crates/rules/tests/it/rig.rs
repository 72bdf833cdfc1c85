//! A case at work: its tables as devices, its rows as batches of samples.

use crate::case::{BASE_NS, Case, CaseValue, Step, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tagwerk_env::Env;
use tagwerk_model::table::{Given, TableBuilder};
use tagwerk_model::{
    ColumnType, Columns, DataType, Qualities, Quality, Rows, SampleBatch, SourceTimes,
    TagDefinition, TagId, TagSet, TagSetDefinition, ValueRef,
};
use tagwerk_rules::{
    Cell, Counts, Feed, Finding, Instance, Output, Planner, Program, Reading, Runner,
};
use tagwerk_sql::{Lookup, Lookups, TagEntry, TagTable};

/// How rows reach the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As many at once as one stream has in a row.
    Many,
    /// One after the other.
    Single,
    /// One after the other, and after each the rule is put down as bytes and taken up again.
    Interrupted,
}

pub struct Bench {
    planner: Planner,
    runner: Runner,
}

pub struct Run {
    pub given: Vec<Output>,
    pub counts: Counts,
    pub error: Option<String>,
}

impl Bench {
    pub fn new() -> Bench {
        let env = Env::system();
        let runner = Runner::new(env.clock.clone()).unwrap();
        Bench { planner: Planner::new().unwrap(), runner }
    }

    pub fn plan(&self, case: &Case) -> Result<Program, Finding> {
        self.planner.plan(&case.sql, &tags(case))
    }

    pub fn run(&self, case: &Case, pace: Pace) -> Result<Run, Finding> {
        let program = Arc::new(self.plan(case)?);
        let sets = sets(case);
        let mut feeds: Vec<Feed> = program.feeds();
        let mut instance = Instance::new(program.clone(), case.lateness_ns);
        let mut given = Vec::new();
        let mut feeding: Option<usize> = None;
        let mut error = None;
        let mut note = |result: Result<(), tagwerk_rules::RuleError>| {
            if let Err(problem) = result {
                error = Some(problem.to_string());
            }
        };
        for step in &case.steps {
            let flush = |at: &mut Option<usize>,
                         feeds: &mut [Feed],
                         instance: &mut Instance,
                         given: &mut Vec<Output>| {
                let Some(source) = at.take() else { return Ok(()) };
                let Some(rows) = feeds[source].finish() else { return Ok(()) };
                instance.take(&self.runner, source, &rows, given)
            };
            match step {
                Step::Tick(time) => {
                    note(flush(&mut feeding, &mut feeds, &mut instance, &mut given));
                    note(instance.tick(&self.runner, *time, &mut given));
                }
                Step::Lookup { table, rows } => {
                    note(flush(&mut feeding, &mut feeds, &mut instance, &mut given));
                    program.look_up_in(&lookup(case, table, rows));
                }
                Step::Row { table, device, time_ns, values } => {
                    let device = device.as_ref().unwrap_or(table);
                    let batch = batch(&sets[device], *time_ns, values);
                    for source in 0..feeds.len() {
                        if !feeds[source].wants(device) {
                            continue;
                        }
                        if feeding.is_some_and(|before| before != source) {
                            note(flush(&mut feeding, &mut feeds, &mut instance, &mut given));
                        }
                        feeds[source].push(&Reading::of(&batch));
                        feeding = Some(source);
                    }
                    if pace != Pace::Many {
                        note(flush(&mut feeding, &mut feeds, &mut instance, &mut given));
                    }
                    if pace == Pace::Interrupted {
                        let saved = instance.save().unwrap();
                        instance = Instance::restore(&program, case.lateness_ns, &saved)
                            .expect("what was saved is read");
                    }
                }
            }
            if matches!(case.steps.last(), Some(last) if std::ptr::eq(last, step)) {
                note(flush(&mut feeding, &mut feeds, &mut instance, &mut given));
            }
        }
        let error = error.or(instance.last_error.clone());
        Ok(Run { given, counts: instance.counts.clone(), error })
    }
}

pub fn data_type(of: Type) -> DataType {
    match of {
        Type::Int64 => DataType::Int64,
        Type::Uint64 => DataType::Uint64,
        Type::Float64 => DataType::Float64,
        Type::Bool => DataType::Bool,
        Type::Text => DataType::Text,
        Type::Bytes => DataType::Bytes,
        Type::Time => unreachable!("of lookup tables alone"),
    }
}

/// The devices of each table, with their columns.
fn devices(case: &Case) -> BTreeMap<String, Vec<(String, Type)>> {
    let mut devices = BTreeMap::new();
    for table in case.tables.iter().filter(|table| !table.template && table.lookup.is_none()) {
        devices.insert(table.name.clone(), table.columns.clone());
    }
    for (table, device) in of_templates(case) {
        let Some(known) = case.tables.iter().find(|known| known.name == table) else { continue };
        devices.insert(device, known.columns.clone());
    }
    devices
}

/// Templates and their devices; one that no row names has a device too, so that it is a table.
fn of_templates(case: &Case) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for table in case.tables.iter().filter(|table| table.template) {
        found.insert((table.name.clone(), format!("{}-1", table.name)));
    }
    for step in &case.steps {
        if let Step::Row { table, device: Some(device), .. } = step {
            found.insert((table.clone(), device.clone()));
        }
    }
    found
}

fn sets(case: &Case) -> HashMap<String, Arc<TagSet>> {
    let mut id = 0;
    let set = |(place, (device, columns)): (usize, (String, Vec<(String, Type)>))| {
        let tags = columns.into_iter().map(|(name, of)| {
            id += 1;
            TagDefinition {
                id: TagId(id),
                name: name.into(),
                data_type: data_type(of),
                unit: "".into(),
            }
        });
        let definition = TagSetDefinition {
            id: place as u32 + 1,
            device: (&*device).into(),
            group: "g".into(),
            tags: tags.collect(),
        };
        (device, Arc::new(TagSet::new(definition)))
    };
    devices(case).into_iter().enumerate().map(set).collect()
}

fn tags(case: &Case) -> TagTable {
    let sets = sets(case);
    let entries = sets
        .values()
        .flat_map(|set| set.tags().iter().map(|tag| TagEntry::of(set.device().into(), tag)));
    let mut templates: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for (table, device) in of_templates(case) {
        templates.entry(table.into()).or_default().push(device.into());
    }
    let mut lookups = Lookups::default();
    for table in &case.tables {
        if let Some(rows) = &table.lookup {
            lookups.add(lookup(case, &table.name, rows));
        }
    }
    TagTable::new(entries.collect()).with_templates(templates).with_lookups(Arc::new(lookups))
}

fn lookup(case: &Case, name: &str, rows: &[Vec<CaseValue>]) -> Lookup {
    let table = case.tables.iter().find(|table| table.name == name).unwrap();
    let said: Vec<(Box<str>, ColumnType)> = table
        .columns
        .iter()
        .map(|(name, of)| {
            let of = match of {
                Type::Int64 => ColumnType::Int64,
                Type::Uint64 => ColumnType::Uint64,
                Type::Float64 => ColumnType::Float64,
                Type::Bool => ColumnType::Bool,
                Type::Text => ColumnType::Text,
                Type::Bytes => ColumnType::Bytes,
                Type::Time => ColumnType::Time,
            };
            (name.as_str().into(), of)
        })
        .collect();
    let mut builder = TableBuilder::new(&said);
    for row in rows {
        builder.row().unwrap();
        for ((name, _), value) in said.iter().zip(row) {
            let place = builder.column(name).unwrap().unwrap();
            builder.put(place, given(value)).unwrap();
        }
    }
    let version = format!("{rows:?}");
    Lookup::new(name.into(), version.into(), &builder.finish().unwrap())
}

fn given(value: &CaseValue) -> Given {
    match value {
        CaseValue::Null | CaseValue::Bad => Given::Null,
        CaseValue::Bool(value) => Given::Bool(*value),
        CaseValue::Int(value) => match i64::try_from(*value) {
            Ok(value) => Given::Int(value),
            Err(_) => Given::Uint(*value as u64),
        },
        CaseValue::Float(value) => Given::Float(*value),
        CaseValue::Text(value) => Given::Text(value.as_str().into()),
        CaseValue::Bytes(value) => Given::Bytes(value.as_slice().into()),
        CaseValue::Time(value) => Given::Time(*value),
    }
}

fn batch(
    set: &Arc<TagSet>,
    time_ns: i64,
    values: &[(String, Option<i64>, CaseValue)],
) -> SampleBatch {
    let mut picked: Vec<(u32, Option<i64>, &CaseValue)> = values
        .iter()
        .map(|(name, source_time, value)| {
            let index = set.tags().iter().position(|tag| &*tag.name == name);
            (index.unwrap() as u32, *source_time, value)
        })
        .collect();
    picked.sort_by_key(|(index, ..)| *index);
    let mut columns = Columns::default();
    let mut qualities = Vec::new();
    let mut times = Vec::new();
    for (index, source_time, value) in &picked {
        let of = set.tags()[*index as usize].data_type;
        qualities.push(match value {
            CaseValue::Bad => Quality::BAD_NO_DATA,
            _ => Quality::GOOD,
        });
        times.push(source_time.unwrap_or(time_ns));
        columns.push(match (value, of) {
            (CaseValue::Bool(value), _) => ValueRef::Bool(*value),
            (CaseValue::Int(value), DataType::Uint64) => ValueRef::U64(*value as u64),
            (CaseValue::Int(value), DataType::Int64) => ValueRef::I64(*value as i64),
            (CaseValue::Int(value), _) => ValueRef::F64(*value as f64),
            (CaseValue::Float(value), _) => ValueRef::F64(*value),
            (CaseValue::Text(value), _) => ValueRef::Text(value),
            (CaseValue::Bytes(value), _) => ValueRef::Bytes(value),
            (_, DataType::Bool) => ValueRef::Bool(false),
            (_, DataType::Int64) => ValueRef::I64(0),
            (_, DataType::Uint64) => ValueRef::U64(0),
            (_, DataType::Float64) => ValueRef::F64(0.0),
            (_, DataType::Bytes) => ValueRef::Bytes(&[]),
            (_, _) => ValueRef::Text(""),
        });
    }
    let said = values.iter().any(|(_, source_time, _)| source_time.is_some());
    SampleBatch {
        set: set.clone(),
        rows: Rows::Some(picked.iter().map(|(index, ..)| *index).collect()),
        moment_ns: (time_ns - BASE_NS).max(0) as u64,
        unix_ns: time_ns,
        source_times: if said { SourceTimes::Each(times) } else { SourceTimes::None },
        qualities: Qualities::Each(qualities),
        columns,
        expected: picked.len() as u32,
        suppressed: 0,
    }
}

pub fn case_value(cell: &Cell) -> CaseValue {
    match cell {
        Cell::Null => CaseValue::Null,
        Cell::Bool(value) => CaseValue::Bool(*value),
        Cell::I64(value) => CaseValue::Int(i128::from(*value)),
        Cell::U64(value) => CaseValue::Int(i128::from(*value)),
        Cell::F64(value) => CaseValue::Float(*value),
        Cell::Text(value) => CaseValue::Text(value.to_string()),
        Cell::Bytes(value) => CaseValue::Bytes(value.to_vec()),
        Cell::Time(value) => CaseValue::Time(*value),
    }
}
