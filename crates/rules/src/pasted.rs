//! Rows that somebody wrote as the batches that they would be read in.

use crate::past::batch;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tagwerk_model::{
    Columns, DataType, Kind, Quality, SampleBatch, TagDefinition, TagSet, TagSetDefinition, Value,
};
use tagwerk_sql::{Named, TagEntry, TagTable};

/// From a row to the next one that does not say its time.
const APART: i64 = 1_000_000_000;

/// A row: its columns by their names.
pub type PastedRow = BTreeMap<String, Json>;

/// Rows of tables: in each in their order, among tables in that of their times. `instant` reads a
/// time; `begin` is that of a first row that has none. Err: what is wrong with one.
pub fn pasted(
    tags: &TagTable,
    tables: &BTreeMap<String, Vec<PastedRow>>,
    instant: &dyn Fn(&str) -> Option<i64>,
    begin: i64,
) -> Result<Vec<SampleBatch>, String> {
    let mut pasting = Pasting { tags, instant, sets: HashMap::new() };
    let mut waiting: Vec<VecDeque<SampleBatch>> = Vec::new();
    for (table, rows) in tables {
        let mut time = begin;
        let mut batches = VecDeque::with_capacity(rows.len());
        for (place, row) in rows.iter().enumerate() {
            let at = |problem: String| format!("row {} of {table}: {problem}", place + 1);
            time = match row.get("time") {
                None if place == 0 => begin,
                None => time.saturating_add(APART),
                Some(given) => pasting.time("time", given).map_err(at)?,
            };
            batches.push_back(pasting.row(table, row, time).map_err(at)?);
        }
        waiting.push(batches);
    }
    let mut all = Vec::new();
    loop {
        let next = waiting.iter_mut().filter(|rows| !rows.is_empty());
        let next = next.min_by_key(|rows| rows.front().map(|batch| batch.unix_ns));
        match next.and_then(VecDeque::pop_front) {
            Some(batch) => all.push(batch),
            None => return Ok(all),
        }
    }
}

struct Pasting<'a> {
    tags: &'a TagTable,
    instant: &'a dyn Fn(&str) -> Option<i64>,
    sets: HashMap<Arc<str>, Arc<TagSet>>,
}

/// A tag's sample as far as a row tells it.
#[derive(Default)]
struct Told {
    value: Option<Json>,
    quality: Option<Quality>,
    time: Option<i64>,
}

impl Pasting<'_> {
    fn time(&self, column: &str, given: &Json) -> Result<i64, String> {
        let text = given.as_str().and_then(|text| (self.instant)(text));
        text.ok_or_else(|| {
            format!("`{column}` is no instant: {given}; write it like 2026-11-21T04:05:06.789Z")
        })
    }

    fn row(&mut self, table: &str, row: &PastedRow, time: i64) -> Result<SampleBatch, String> {
        let text = |column: &str| row.get(column).and_then(Json::as_str);
        let tags = self.tags;
        match tags.named(table) {
            _ if table == "samples" => {
                let missing = || "a sample has a `device` and a `tag`".to_owned();
                let (device, tag) = (text("device"), text("tag"));
                let (device, tag) = device.zip(tag).ok_or_else(missing)?;
                let Some(Named::Device(known)) = tags.named(device) else {
                    return Err(format!("there is no device {device}"));
                };
                self.sample(known, tag, row, time)
            }
            Some(Named::Device(known)) => self.read(known, row, time, &["time"]),
            Some(Named::Template(devices)) => {
                let device = text("device").ok_or("it does not say its `device`")?;
                let of = |tags: &&&[TagEntry]| tags.first().is_some_and(|t| *t.device == *device);
                let Some(known) = devices.iter().find(of) else {
                    return Err(format!("no device {device} is of the template"));
                };
                self.read(known, row, time, &["time", "device"])
            }
            None => Err("there is no such table".to_owned()),
        }
    }

    fn set(&mut self, tags: &[TagEntry]) -> Result<Arc<TagSet>, String> {
        let device = &tags.first().ok_or("the device has no tags")?.device;
        let id = self.sets.len() as u32;
        let set = self.sets.entry(device.clone()).or_insert_with(|| {
            let definition = |tag: &TagEntry| TagDefinition {
                id: tag.id,
                name: (&*tag.name).into(),
                data_type: tag.data_type,
                unit: (&*tag.unit).into(),
            };
            Arc::new(TagSet::new(TagSetDefinition {
                id,
                device: (&**device).into(),
                group: "pasted".into(),
                tags: tags.iter().map(definition).collect(),
            }))
        });
        Ok(set.clone())
    }

    fn sample(
        &mut self,
        tags: &[TagEntry],
        tag: &str,
        row: &PastedRow,
        time: i64,
    ) -> Result<SampleBatch, String> {
        let index = tags.iter().position(|known| *known.name == *tag);
        let index = index.ok_or_else(|| format!("there is no tag {tag}"))?;
        let mut told = Told::default();
        for (column, given) in row {
            match column.as_str() {
                "time" | "device" | "tag" | "unit" | "type" | "code" => {}
                "quality" => told.quality = Some(quality(column, given)?),
                "source_time" if !given.is_null() => told.time = Some(self.time(column, given)?),
                "source_time" => {}
                value if value == "value" || value.starts_with("value_") => {
                    if told.value.is_none() || !given.is_null() {
                        told.value = Some(given.clone());
                    }
                }
                _ => return Err(format!("samples has no column {column}")),
            }
        }
        self.batch(tags, BTreeMap::from([(index, told)]), time)
    }

    fn read(
        &mut self,
        tags: &[TagEntry],
        row: &PastedRow,
        time: i64,
        lead: &[&str],
    ) -> Result<SampleBatch, String> {
        let place = |name: &str| tags.iter().position(|tag| *tag.name == *name);
        let mut told: BTreeMap<usize, Told> = BTreeMap::new();
        for (column, given) in row.iter().filter(|(column, _)| !lead.contains(&column.as_str())) {
            let renamed = column.strip_suffix("_value").filter(|name| lead.contains(name));
            let quality_of = column.strip_suffix("_quality").and_then(place);
            let time_of = column.strip_suffix("_source_time").and_then(place);
            if let Some(tag) = place(renamed.unwrap_or(column)) {
                told.entry(tag).or_default().value = Some(given.clone());
            } else if let Some(tag) = quality_of {
                told.entry(tag).or_default().quality = Some(quality(column, given)?);
            } else if let Some(tag) = time_of {
                let time = (!given.is_null()).then(|| self.time(column, given)).transpose()?;
                told.entry(tag).or_default().time = time;
            } else {
                return Err(format!("there is no column {column}"));
            }
        }
        self.batch(tags, told, time)
    }

    fn batch(
        &mut self,
        tags: &[TagEntry],
        told: BTreeMap<usize, Told>,
        time: i64,
    ) -> Result<SampleBatch, String> {
        let set = self.set(tags)?;
        let (mut indices, mut qualities, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let mut columns = Columns::default();
        for (index, Told { value, quality, time }) in told {
            let tag = &set.tags()[index];
            let value = value.filter(|value| !value.is_null());
            let none = if value.is_none() { Quality::BAD_NO_DATA } else { Quality::GOOD };
            let held = match &value {
                None => anything(tag.data_type.kind()),
                Some(json) => from_json(json, tag.data_type).ok_or_else(|| {
                    format!("{json} is not a value for {}, which is a {}", tag.name, tag.data_type)
                })?,
            };
            indices.push(index as u32);
            qualities.push(quality.filter(|q| value.is_some() || q.is_bad()).unwrap_or(none));
            times.extend(time);
            columns.push(held.as_ref());
        }
        let times = (!times.is_empty() && times.len() == indices.len()).then_some(times);
        Ok(batch(&set, time, (indices, qualities), columns, times))
    }
}

fn quality(column: &str, given: &Json) -> Result<Quality, String> {
    match given.as_str() {
        Some("good") => Ok(Quality::GOOD),
        Some("uncertain") => Ok(Quality::UNCERTAIN),
        Some("bad") => Ok(Quality::BAD),
        _ => Err(format!("`{column}` is good, uncertain or bad, not {given}")),
    }
}

/// What lies at the place of a bad sample.
fn anything(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::I64 => Value::I64(0),
        Kind::U64 => Value::U64(0),
        Kind::F64 => Value::F64(0.0),
        Kind::Text => Value::Text("".into()),
        Kind::Bytes => Value::Bytes(Box::default()),
        Kind::List => Value::List(Box::default()),
    }
}

fn from_json(json: &Json, data_type: DataType) -> Option<Value> {
    let fits =
        |v: i128| data_type.integer_range().is_none_or(|(low, high)| (low..=high).contains(&v));
    Some(match (data_type.kind(), json) {
        (Kind::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Kind::I64, Json::Number(number)) => {
            Value::I64(number.as_i64().filter(|value| fits(i128::from(*value)))?)
        }
        (Kind::U64, Json::Number(number)) => {
            Value::U64(number.as_u64().filter(|value| fits(i128::from(*value)))?)
        }
        (Kind::F64, Json::Number(number)) => Value::F64(number.as_f64()?),
        (Kind::Text, Json::String(text)) => Value::Text(text.as_str().into()),
        (Kind::Bytes, Json::String(hex)) => Value::Bytes(bytes(hex)?.into()),
        (Kind::List, Json::Array(items)) => {
            Value::List(items.iter().map(item).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn item(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::I64(value),
            (_, Some(value)) => Value::U64(value),
            _ => Value::F64(number.as_f64()?),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    })
}
