//! What the tables are made of: tags and devices, history, and the newest values and events.

use crate::lookup::Lookups;
use crate::partition::Cancel;
use crate::user::UserFunction;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use tagwerk_historian::{Buckets, FoldRow, Need, Piece, Scan, Wanted};
use tagwerk_model::{DataType, Quality, TagDefinition, TagId, Value};

/// Pieces of history in the order of the scan: tag by tag, each in the order of time.
pub type Pieces = Box<dyn Iterator<Item = Result<Piece, String>> + Send>;

/// Where rows come from. Asked anew for each statement.
pub trait Source: Send + Sync + 'static {
    /// All tags, configured or only in history.
    fn tags(&self) -> Arc<TagTable>;
    /// Lookup tables, as they were read last.
    fn lookups(&self) -> Arc<Lookups> {
        Arc::default()
    }
    fn history(&self, scan: &Scan) -> Pieces;
    /// The same, of which columns that are not wanted may be missing.
    fn history_columns(&self, scan: &Scan, _wanted: Wanted) -> Pieces {
        self.history(scan)
    }
    /// Functions of the user's own, which statements may call.
    fn functions(&self) -> Vec<UserFunction> {
        Vec::new()
    }
    /// Whether [`Source::folds`] answers for this span of time, half open.
    fn can_fold(&self, _span: &Range<i64>) -> bool {
        false
    }
    /// The samples of the scan, folded into buckets, tag by tag, some rows at a time: what many
    /// statements can do with, without any sample being decoded.
    fn folds(&self, _scan: &Scan, _buckets: Option<Buckets>, _need: Need) -> Rows<Vec<FoldRow>> {
        Box::new(std::iter::once(Err("this history is not folded".to_owned())))
    }
    /// The types that a tag's samples of the span have; none when that is not known.
    fn types(&self, _tag: TagId, _span: &Range<i64>) -> Option<Vec<DataType>> {
        None
    }
    /// How many samples the tags have in the span, about; none when that is not soon told.
    fn samples_about(&self, _tags: &[TagId], _span: &Range<i64>) -> Option<u64> {
        None
    }
    /// The newest sample of each of these tags, where it has one.
    fn latest(&self, _tags: &[TagId]) -> Vec<Latest> {
        Vec::new()
    }
    fn events(&self) -> Vec<EventRow> {
        Vec::new()
    }
    /// What became of alarms, newest first.
    fn alarms(&self) -> Vec<AlarmRow> {
        Vec::new()
    }
    /// The ledger of these tags by minute, in the order of time; minutes that begin in the span.
    fn ledger(&self, _span: Range<i64>, _tags: &[TagId], _cancel: Cancel) -> Rows<LedgerRow> {
        Box::new(std::iter::empty())
    }
    /// The ledger of the sinks by minute, in the order of time.
    fn ledger_sinks(&self, _span: Range<i64>, _cancel: Cancel) -> Rows<SinkRow> {
        Box::new(std::iter::empty())
    }
    /// The ledger of these tags by minute and sink, in the order of time.
    fn ledger_delivery(
        &self,
        _span: Range<i64>,
        _tags: &[TagId],
        _cancel: Cancel,
    ) -> Rows<DeliveryRow> {
        Box::new(std::iter::empty())
    }
}

/// Rows that are made while they are read.
pub type Rows<T> = Box<dyn Iterator<Item = Result<T, String>> + Send>;

/// What became of the samples of a tag in a minute. Expected is the sum of all but `stored`.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    pub unix_ns: i64,
    pub device: Arc<str>,
    pub group: Arc<str>,
    pub tag: Arc<str>,
    pub expected: u64,
    pub good: u64,
    pub uncertain: u64,
    pub bad: u64,
    pub suppressed: u64,
    pub missed: u64,
    pub stored: u64,
    /// Why samples are bad or missing, where any are.
    pub reason: Option<Arc<str>>,
}

/// What became of the samples of a minute on their way to a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkRow {
    pub unix_ns: i64,
    pub sink: Arc<str>,
    pub expected: u64,
    pub delivered: u64,
    pub pending: u64,
    pub rejected: u64,
    pub lost: u64,
    pub reason: Option<Arc<str>>,
}

/// The samples of a tag in a minute, and what became of the stored ones on their way to a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    pub tag: LedgerRow,
    pub sink: Arc<str>,
    pub delivered: u64,
    pub pending: u64,
    pub rejected: u64,
    pub lost: u64,
    /// Why most of them were lost, where any were.
    pub lost_reason: Option<Arc<str>>,
}

/// A tag as a statement sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TagEntry {
    pub id: TagId,
    pub device: Arc<str>,
    pub name: Arc<str>,
    pub data_type: DataType,
    pub unit: Arc<str>,
}

impl TagEntry {
    pub fn of(device: Arc<str>, tag: &TagDefinition) -> TagEntry {
        let (name, unit) = ((&*tag.name).into(), (&*tag.unit).into());
        TagEntry { id: tag.id, device, name, data_type: tag.data_type, unit }
    }
}

#[derive(Clone, Debug)]
pub struct Latest {
    pub tag: TagId,
    pub unix_ns: i64,
    pub source_time: Option<i64>,
    pub quality: Quality,
    /// None when it is bad.
    pub value: Option<Value>,
}

/// What became of an alarm.
#[derive(Clone, Debug)]
pub struct AlarmRow {
    pub unix_ns: i64,
    pub alarm: Box<str>,
    pub device: Box<str>,
    pub tag: Box<str>,
    pub change: &'static str,
    pub priority: &'static str,
    pub announced: bool,
    pub value: Option<Box<str>>,
    pub by: Option<Box<str>>,
    pub comment: Option<Box<str>>,
    pub text: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct EventRow {
    pub unix_ns: i64,
    pub kind: String,
    pub severity: String,
    pub about: String,
    pub text: String,
    pub by: Option<String>,
}

/// Columns of a tag itself, by which tags are chosen before anything is read.
pub static TAG_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, ArrowType::Utf8, false);
    Arc::new(Schema::new(vec![text("device"), text("tag"), text("unit"), text("type")]))
});

/// All tags, ordered by device and name, with the devices among them.
#[derive(Debug)]
pub struct TagTable {
    tags: Vec<TagEntry>,
    batch: RecordBatch,
    devices: BTreeMap<Arc<str>, Range<usize>>,
    /// The devices of each template, of which all are among `devices`.
    templates: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    lookups: Arc<Lookups>,
}

/// What a name stands for.
pub enum Named<'a> {
    Device(&'a [TagEntry]),
    /// The tags of each device of a template.
    Template(Vec<&'a [TagEntry]>),
}

impl TagTable {
    pub fn new(mut tags: Vec<TagEntry>) -> TagTable {
        tags.sort_by(|a, b| (&a.device, &a.name, a.id).cmp(&(&b.device, &b.name, b.id)));
        let column = |text: fn(&TagEntry) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(tags.iter().map(text)))
        };
        let columns = vec![
            column(|tag| &tag.device),
            column(|tag| &tag.name),
            column(|tag| &tag.unit),
            column(|tag| tag.data_type.name()),
        ];
        let batch = RecordBatch::try_new(TAG_SCHEMA.clone(), columns)
            .unwrap_or_else(|_| RecordBatch::new_empty(TAG_SCHEMA.clone()));
        let mut devices: BTreeMap<Arc<str>, Range<usize>> = BTreeMap::new();
        for (index, tag) in tags.iter().enumerate() {
            devices.entry(tag.device.clone()).or_insert(index..index).end = index + 1;
        }
        TagTable { tags, batch, devices, templates: BTreeMap::new(), lookups: Arc::default() }
    }

    /// With templates and the names of their devices. A template that has the name of a device has no
    /// table, and one whose devices have no tag yet has none either.
    pub fn with_templates(
        mut self,
        templates: impl IntoIterator<Item = (Arc<str>, Vec<Arc<str>>)>,
    ) -> TagTable {
        for (template, mut devices) in templates {
            devices.retain(|device| self.devices.contains_key(device));
            devices.sort();
            devices.dedup();
            if !devices.is_empty() {
                self.templates.insert(template, devices);
            }
        }
        self
    }

    /// With lookup tables, for rules.
    pub fn with_lookups(self, lookups: Arc<Lookups>) -> TagTable {
        TagTable { lookups, ..self }
    }

    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    pub fn tags(&self) -> &[TagEntry] {
        &self.tags
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Where the tags of a device are; nowhere when there is none of that name.
    pub(crate) fn places_of(&self, device: &str) -> Range<usize> {
        self.devices.get(device).cloned().unwrap_or(0..0)
    }

    pub fn device_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.devices.keys()
    }

    /// Templates that have a table.
    pub fn template_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.templates.keys().filter(|name| !self.devices.contains_key(*name))
    }

    /// A device whose template has the same name, and so no table.
    pub(crate) fn hides_template(&self, device: &str) -> bool {
        self.templates.contains_key(device)
    }

    /// What a table's name stands for. A name in other capitals is found where it is the only one.
    pub fn named(&self, name: &str) -> Option<Named<'_>> {
        if let Some(found) = self.exactly(name) {
            return Some(found);
        }
        let all = self.device_names().chain(self.template_names());
        let mut alike = all.filter(|known| known.eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some(known), None) => self.exactly(known),
            _ => None,
        }
    }

    fn exactly(&self, name: &str) -> Option<Named<'_>> {
        let tags = |device: &str| self.tags.get(self.devices.get(device)?.clone());
        if let Some(tags) = tags(name) {
            return Some(Named::Device(tags));
        }
        let devices = self.templates.get(name)?;
        Some(Named::Template(devices.iter().filter_map(|device| tags(device)).collect()))
    }
}
