//! What rules give: tags that nobody polls, whose rows are samples like any other.
//!
//! An output is one group of a device that has no driver, and none of its troubles. What its rows
//! are is the rules' own business.

use crate::live::{GroupLive, Now};
use crate::publish::journal_set;
use crate::{ApplyError, Core, TagIds};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_config::{Access, CheckedTag};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, SourceTimes, TagDefinition, TagId, TagSet, TagSetDefinition,
    Value, limits,
};

/// What a rule gives: a device that nobody polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOutput {
    /// Its name is the device's.
    pub rule: Box<str>,
    /// The tags of its one group, each name once.
    pub columns: Vec<OutputColumn>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    pub name: Box<str>,
    pub data_type: DataType,
    /// Empty when there is none.
    pub unit: Box<str>,
}

/// One row of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRow {
    /// The row's own time, ns since 1970: its samples have it as their source's.
    pub time_ns: i64,
    /// One per column. None is bad, as [`Quality::BAD_NO_DATA`].
    pub values: Vec<Option<Value>>,
}

/// The group of an output's tags.
const GROUP: &str = "output";

/// The outputs that run, by rule.
pub(crate) type Outputs = BTreeMap<Arc<str>, Arc<Output>>;

/// An output that runs.
pub(crate) struct Output {
    pub live: Arc<GroupLive>,
    journal_set: Arc<tagwerk_journal::TagSet>,
    /// None when the output is another by now, or gone: its rows would be nobody's.
    row: Mutex<Option<BatchBuilder>>,
}

/// The outputs as they are to be: those that did not change as they are, the others new. Touches
/// nothing.
pub(crate) fn outputs(
    core: &Core,
    wanted: Vec<RuleOutput>,
    ids: &dyn TagIds,
) -> Result<Outputs, ApplyError> {
    let mut outputs = Outputs::new();
    let mut new = Vec::new();
    for wanted in wanted {
        match core.live.output(&wanted.rule).filter(|known| known.gives(&wanted)) {
            Some(known) => {
                outputs.insert(known.rule(), known);
            }
            None => new.push(wanted),
        }
    }
    if new.is_empty() {
        return Ok(outputs);
    }
    let first_set = ids.next_set_id(new.len() as u32).map_err(ApplyError::Storage)?;
    for (set, wanted) in (first_set..).zip(new) {
        let names: Vec<&str> = wanted.columns.iter().map(|column| &*column.name).collect();
        let tags = ids.tag_ids(&wanted.rule, &names).map_err(ApplyError::Storage)?;
        let output = Output::new(core, wanted, set, tags);
        outputs.insert(output.rule(), Arc::new(output));
    }
    Ok(outputs)
}

impl Output {
    fn new(core: &Core, wanted: RuleOutput, set: u32, ids: Vec<TagId>) -> Output {
        let tags = wanted.columns.iter().map(tag).collect();
        let definitions = wanted.columns.into_iter().zip(ids);
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: set,
            device: wanted.rule,
            group: GROUP.into(),
            tags: definitions
                .map(|(column, id)| TagDefinition {
                    id,
                    name: column.name,
                    data_type: column.data_type,
                    unit: column.unit,
                })
                .collect(),
        }));
        core.sets.insert(&set);
        let now = core.env.clock.now();
        let scales = vec![None; set.len()].into();
        Output {
            journal_set: journal_set(&set),
            row: Mutex::new(Some(BatchBuilder::new(set.clone(), scales))),
            // Without an interval nothing of it is ever stale: a rule says something when it does.
            live: Arc::new(GroupLive::new(set, tags, Duration::ZERO, Quality::BAD_WAITING, now)),
        }
    }

    pub fn rule(&self) -> Arc<str> {
        Arc::from(self.live.set.device())
    }

    fn gives(&self, wanted: &RuleOutput) -> bool {
        let known = self.live.set.tags().iter().map(|t| (&*t.name, t.data_type, &*t.unit));
        known.eq(wanted.columns.iter().map(|c| (&*c.name, c.data_type, &*c.unit)))
    }

    /// Lets no more rows in.
    pub fn end(&self) {
        *self.row.lock() = None;
    }

    /// Puts one row into the journal and shows it; why not, else. Blocking.
    pub fn write(&self, core: &Core, row: &OutputRow) -> Result<(), String> {
        let mut builder = self.row.lock();
        let Some(builder) = &mut *builder else {
            return Err("the rule gives something else by now, or is gone".to_owned());
        };
        let columns = self.live.set.len();
        if row.values.len() != columns {
            let values = row.values.len();
            return Err(format!("the row's values are {values}, the output's columns {columns}"));
        }
        for (index, value) in row.values.iter().enumerate() {
            match value {
                None => builder.put_quality(index, Quality::BAD_NO_DATA),
                Some(value) if fits(value) => builder.put(index, value.as_ref()),
                Some(_) => builder.put_quality(index, Quality::BAD_OUT_OF_RANGE),
            }
        }
        let now = Now::of(core.env.clock.as_ref());
        let mut batch = builder.batch(now.moment.0, now.unix_ns, columns as u32);
        batch.source_times = SourceTimes::One(row.time_ns);
        core.publisher.write(&self.journal_set, &batch)?;
        self.live.update(&batch);
        Ok(())
    }
}

/// Whether whoever reads the journal can read the value back.
fn fits(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= limits::VALUE_BYTES_MAX,
        Value::Bytes(bytes) => bytes.len() <= limits::VALUE_BYTES_MAX,
        Value::List(items) => {
            let flat = |item: &Value| !matches!(item, Value::List(_)) && fits(item);
            items.len() <= limits::LIST_ITEMS_MAX && items.iter().all(flat)
        }
        Value::Bool(_) | Value::I64(_) | Value::U64(_) | Value::F64(_) => true,
    }
}

fn tag(column: &OutputColumn) -> CheckedTag {
    CheckedTag {
        name: column.name.clone(),
        address: "".into(),
        formula: None,
        unit: Arc::from(&*column.unit),
        description: Some("Output of a rule".into()),
        scale: None,
        range: None,
        deadband: None,
        declared: column.data_type,
        published: column.data_type,
        access: Access::Read,
        on_change: false,
    }
}
