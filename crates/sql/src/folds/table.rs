//! Folds as a table: a row for what the samples of a tag and a bucket come to.

use super::asked::Asked;
use super::bucket::SECOND;
use crate::columns::{field, kind_type, optional_times, repeated, time_type, times};
use crate::device::Shape;
use crate::partition::{Batches, Cancel, partitioned};
use crate::planning::partitions;
use crate::samples::ROWS;
use crate::select::{Span, span, tags};
use crate::source::{Rows, Source, TagEntry};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, UInt64Array,
};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tagwerk_historian::{Buckets, FoldNumbers, FoldRow, Need, Numbers, Scan};
use tagwerk_model::{Kind, TagId};

/// Of which values a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of all numbers, as doubles: the column `value`.
    Number,
    /// Of the values of a kind, in their own type.
    Exact(Kind),
    /// Of the values of a kind, as doubles.
    Double(Kind),
    /// Of the tag with this place among those of a device's table.
    Tag { place: usize, kind: Kind, as_double: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Usable,
    Sum,
    Min,
    Max,
    First,
    FirstAt,
    Last,
    LastAt,
    Area,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Some time of the bucket.
    Time,
    Device,
    Tag,
    Type,
    Samples,
    MinTime,
    MaxTime,
    Of(Whose, Part),
}

impl Whose {
    /// A column of `samples` that has values.
    pub fn of_column(name: &str) -> Option<Whose> {
        Some(match name {
            "value" => Whose::Number,
            "value_f64" => Whose::Exact(Kind::F64),
            "value_i64" => Whose::Exact(Kind::I64),
            "value_u64" => Whose::Exact(Kind::U64),
            "value_bool" => Whose::Exact(Kind::Bool),
            "value_text" => Whose::Exact(Kind::Text),
            "value_bytes" => Whose::Exact(Kind::Bytes),
            _ => return None,
        })
    }

    fn name(self) -> String {
        let name = match self {
            Whose::Number => "value",
            Whose::Tag { place, .. } => return format!("tag {place}"),
            Whose::Exact(kind) | Whose::Double(kind) => match kind {
                Kind::F64 => "value_f64",
                Kind::I64 => "value_i64",
                Kind::U64 => "value_u64",
                Kind::Bool => "value_bool",
                Kind::Text | Kind::List => "value_text",
                Kind::Bytes => "value_bytes",
            },
        };
        name.to_owned()
    }

    fn is_converted(self) -> bool {
        matches!(self, Whose::Double(_) | Whose::Tag { as_double: true, .. })
    }

    /// Whether values of a kind stand in the column; of a tag, where it is the one.
    fn has(self, kind: Kind, tag: Option<usize>) -> bool {
        match self {
            Whose::Number => matches!(kind, Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64),
            Whose::Exact(Kind::Text) => matches!(kind, Kind::Text | Kind::List),
            Whose::Exact(own) | Whose::Double(own) => own == kind,
            Whose::Tag { place, .. } => tag == Some(place),
        }
    }

    /// The kind of the column; none where it is doubles.
    fn exact(self) -> Option<Kind> {
        match self {
            Whose::Exact(kind) | Whose::Tag { kind, as_double: false, .. } => Some(kind),
            _ => None,
        }
    }

    fn arrow(self) -> ArrowType {
        self.exact().map_or(ArrowType::Float64, kind_type)
    }
}

impl Column {
    /// A column by which statements group.
    pub fn key(name: &str) -> Option<Column> {
        [Column::Time, Column::Device, Column::Tag, Column::Type]
            .into_iter()
            .find(|column| column.name() == name)
    }

    pub fn name(self) -> String {
        match self {
            Column::Time => "time".to_owned(),
            Column::Device => "device".to_owned(),
            Column::Tag => "tag".to_owned(),
            Column::Type => "type".to_owned(),
            Column::Samples => "samples".to_owned(),
            Column::MinTime => "min_time".to_owned(),
            Column::MaxTime => "max_time".to_owned(),
            Column::Of(whose, part) => {
                let part = match part {
                    Part::Usable => "usable",
                    Part::Sum => "sum",
                    Part::Min => "min",
                    Part::Max => "max",
                    Part::First => "first",
                    Part::FirstAt => "first_at",
                    Part::Last => "last",
                    Part::LastAt => "last_at",
                    Part::Area => "area",
                };
                let double = if whose.is_converted() { "_as_double" } else { "" };
                format!("{part}_{}{double}", whose.name())
            }
        }
    }

    fn arrow(self) -> (ArrowType, bool) {
        match self {
            Column::Time | Column::MinTime | Column::MaxTime => (time_type(), false),
            Column::Device | Column::Tag | Column::Type => (ArrowType::Utf8View, false),
            Column::Samples | Column::Of(_, Part::Usable) => (ArrowType::Int64, false),
            Column::Of(_, Part::FirstAt | Part::LastAt) => (time_type(), true),
            Column::Of(_, Part::Sum | Part::Area) => (ArrowType::Float64, true),
            Column::Of(whose, Part::Min | Part::Max | Part::First | Part::Last) => {
                (whose.arrow(), true)
            }
        }
    }

    pub fn whose(self) -> Option<Whose> {
        match self {
            Column::Of(whose, _) => Some(whose),
            _ => None,
        }
    }

    fn array(self, rows: &[FoldRow], known: &HashMap<TagId, Known>) -> Result<ArrayRef> {
        // Rows come tag by tag.
        let texts = |text: fn(&Known) -> &str| {
            let of_tag = |rows: &[FoldRow]| known.get(&rows[0].tag).map_or("", text);
            let tags = rows.chunk_by(|a, b| a.tag == b.tag);
            repeated(tags.map(|rows| (of_tag(rows), rows.len())))
        };
        Ok(match self {
            Column::Time => times(rows.iter().map(|row| row.start)),
            Column::MinTime => times(rows.iter().map(|row| row.fold.min_time)),
            Column::MaxTime => times(rows.iter().map(|row| row.fold.max_time)),
            Column::Device => texts(|known| &known.device)?,
            Column::Tag => texts(|known| &known.tag)?,
            Column::Type => Arc::new(StringViewArray::from_iter_values(
                rows.iter().map(|row| row.data_type.name()),
            )),
            Column::Samples => {
                let count = |row: &FoldRow| row.fold.samples as i64;
                Arc::new(Int64Array::from_iter_values(rows.iter().map(count)))
            }
            Column::Of(whose @ Whose::Tag { .. }, part) => {
                let place = |tag: TagId| known.get(&tag).and_then(|known| known.place);
                let last = Cell::new(rows.first().map(|row| (row.tag, place(row.tag))));
                part.array(whose, rows, |row| {
                    if last.get().is_none_or(|(tag, _)| tag != row.tag) {
                        last.set(Some((row.tag, place(row.tag))));
                    }
                    whose.has(row.data_type.kind(), last.get().and_then(|(_, place)| place))
                })
            }
            Column::Of(whose, part) => {
                part.array(whose, rows, |row| whose.has(row.data_type.kind(), None))
            }
        })
    }
}

impl Part {
    fn array(self, whose: Whose, rows: &[FoldRow], has: impl Fn(&FoldRow) -> bool) -> ArrayRef {
        let numbers =
            |row: &FoldRow| -> Option<FoldNumbers> { row.fold.numbers.filter(|_| has(row)) };
        let times = |at: fn(FoldNumbers) -> i64| {
            optional_times(rows.iter().map(|row| numbers(row).map(at)))
        };
        match self {
            Part::Usable => {
                let count = |row: &FoldRow| if has(row) { row.fold.usable as i64 } else { 0 };
                Arc::new(Int64Array::from_iter_values(rows.iter().map(count)))
            }
            Part::Sum => {
                let sums = rows.iter().map(|row| numbers(row).map(|n| n.sum));
                Arc::new(Float64Array::from_iter(sums))
            }
            Part::Area => {
                let areas = rows.iter().map(|row| numbers(row).and_then(|n| n.area));
                Arc::new(Float64Array::from_iter(areas))
            }
            Part::FirstAt => times(|n| n.first_at),
            Part::LastAt => times(|n| n.last_at),
            Part::Min => values(whose, rows, |row| numbers(row).map(|n| n.min)),
            Part::Max => values(whose, rows, |row| numbers(row).map(|n| n.max)),
            Part::First => values(whose, rows, |row| numbers(row).map(|n| n.first)),
            Part::Last => values(whose, rows, |row| numbers(row).map(|n| n.last)),
        }
    }
}

/// Bits as values of the column's type.
fn values(whose: Whose, rows: &[FoldRow], bits: impl Fn(&FoldRow) -> Option<u64>) -> ArrayRef {
    let bits = rows.iter().map(|row| (row.data_type, bits(row)));
    match whose.exact() {
        Some(Kind::Bool) => {
            Arc::new(BooleanArray::from_iter(bits.map(|(_, bits)| bits.map(|bits| bits != 0))))
        }
        Some(Kind::I64) => {
            Arc::new(Int64Array::from_iter(bits.map(|(_, bits)| bits.map(|bits| bits as i64))))
        }
        Some(Kind::U64) => Arc::new(UInt64Array::from_iter(bits.map(|(_, bits)| bits))),
        _ => {
            let double = |(data_type, bits): (_, Option<u64>)| {
                bits.map(|bits| Numbers::as_f64(data_type, bits))
            };
            Arc::new(Float64Array::from_iter(bits.map(double)))
        }
    }
}

/// What is known of a tag whose samples are folded.
#[derive(Clone)]
struct Known {
    device: Arc<str>,
    tag: Arc<str>,
    /// Among the tags of a device's table.
    place: Option<usize>,
}

pub struct FoldsTable {
    source: Arc<dyn Source>,
    /// Of a device's table.
    shape: Option<Shape>,
    columns: Vec<Column>,
    schema: SchemaRef,
    buckets: Option<Buckets>,
    need: Need,
    /// Tags of which no column tells say when there are rows.
    others: Others,
}

/// What becomes of tags of which nothing is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Others {
    Counted,
    LeftOut,
}

impl fmt::Debug for FoldsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.buckets.map(|buckets| buckets.width_ns as f64 / SECOND as f64);
        write!(f, "FoldsTable({seconds:?} s, {:?})", self.need)
    }
}

impl FoldsTable {
    /// With buckets of a width, or of the whole span.
    pub fn new(
        asked: Asked<'_>,
        columns: Vec<Column>,
        buckets: Option<Buckets>,
        need: Need,
        others: Others,
    ) -> FoldsTable {
        let fields = columns.iter().map(|column| {
            let (data_type, nullable) = column.arrow();
            field(&column.name(), data_type, nullable)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let (source, shape) = (asked.source().clone(), asked.shape().cloned());
        FoldsTable { source, shape, columns, schema, buckets, need, others }
    }

    /// Of the table of a device or template that it answers for.
    pub fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    /// Whether folds tell what is asked of this span.
    pub fn serves(&self, span: &Span) -> bool {
        let asked = match &self.shape {
            Some(shape) => Asked::Device(&self.source, shape),
            None => Asked::Samples(&self.source),
        };
        let whose = self.columns.iter().filter_map(|column| column.whose());
        self.source.can_fold(span) && asked.has_one_type(whose, span)
    }

    /// The tags that are left, those whose values are told first, and how many those are.
    fn tags(&self, state: &dyn Session, filters: &[Expr]) -> Result<(Tags, usize)> {
        let Some(shape) = &self.shape else {
            let tags = tags(state, &self.source.tags(), filters)?.into_iter();
            let known = |tag: TagEntry| Known { device: tag.device, tag: tag.name, place: None };
            let tags: Tags = tags.map(|tag| (tag.id, known(tag))).collect();
            let told = tags.len();
            return Ok((tags, told));
        };
        let is_told = |place: Option<usize>| {
            let of =
                |whose: Whose| matches!(whose, Whose::Tag { place: own, .. } if place == Some(own));
            self.columns.iter().any(|column| column.whose().is_some_and(of))
        };
        let (mut told, mut others): (Tags, Tags) = (Vec::new(), Vec::new());
        for device in shape.chosen(state, filters)? {
            for (tag, place) in &device.tags {
                let known = Known { device: device.name.clone(), tag: "".into(), place: *place };
                match is_told(*place) {
                    true => told.push((*tag, known)),
                    false if self.others == Others::Counted => others.push((*tag, known)),
                    false => {}
                }
            }
        }
        let count = told.len();
        told.append(&mut others);
        Ok((told, count))
    }
}

#[async_trait]
impl TableProvider for FoldsTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (tags, told) = self.tags(state, filters)?;
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let picked = projection.unwrap_or(&all);
        let scan = FoldsScan {
            source: self.source.clone(),
            span: span(filters),
            columns: picked.iter().map(|place| self.columns[*place]).collect(),
            schema: Arc::new(self.schema.project(picked)?),
            buckets: self.buckets,
            need: self.need,
        };
        let ids = tags.iter().map(|(tag, _)| *tag);
        let parts = partitions(state, &*self.source, ids, &span(filters));
        let share = tags.len().div_ceil(parts).max(1);
        let makers = tags.chunks(share).enumerate().map(|(number, tags)| {
            let told = told.saturating_sub(number * share).min(tags.len());
            scan.clone().maker(tags.to_vec(), told)
        });
        let makers = makers.collect();
        partitioned(scan.schema.clone(), makers, false)
    }
}

type Tags = Vec<(TagId, Known)>;

#[derive(Clone)]
struct FoldsScan {
    source: Arc<dyn Source>,
    span: Span,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    buckets: Option<Buckets>,
    need: Need,
}

impl FoldsScan {
    /// Of the first tags, which are so many, values are told.
    fn maker(self, tags: Tags, told: usize) -> Batches {
        Arc::new(move |cancel: Cancel| {
            let (told, others) = tags.split_at(told);
            let told = self.folds(told, cancel.clone(), self.need);
            let counts = Need { counts_only: true, ..Need::default() };
            let mut folds: Rows<FoldRow> = match others.is_empty() {
                true => told,
                false => Box::new(told.chain(self.folds(others, cancel, counts))),
            };
            let known = tags.iter().cloned().collect();
            let scan = self.clone();
            Box::new(std::iter::from_fn(move || scan.batch(&mut folds, &known).transpose()))
        })
    }

    fn folds(&self, tags: &[(TagId, Known)], cancel: Cancel, need: Need) -> Rows<FoldRow> {
        let scan = Scan {
            tags: tags.iter().map(|(tag, _)| *tag).collect(),
            from_unix_ns: self.span.start,
            to_unix_ns: self.span.end,
            cancel: Some(cancel),
            ..Scan::default()
        };
        self.source.folds(&scan, self.buckets, need)
    }

    fn batch(
        &self,
        folds: &mut Rows<FoldRow>,
        known: &HashMap<TagId, Known>,
    ) -> Result<Option<RecordBatch>> {
        let rows = folds.by_ref().take(ROWS).collect::<std::result::Result<Vec<FoldRow>, String>>();
        let rows = rows.map_err(DataFusionError::Execution)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let arrays = self.columns.iter().map(|column| column.array(&rows, known));
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = self.schema.clone();
        Ok(Some(RecordBatch::try_new_with_options(schema, arrays, &options)?))
    }
}
