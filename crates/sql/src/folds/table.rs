//! Folds as a table: a row for what the samples of a tag and a bucket come to.

use super::asked::Asked;
use super::bucket::SECOND;
use super::scan::{FoldsScan, Known, SHARED, Shared, Tags};
use crate::columns::{field, kind_type, optional_times, time_type, times};
use crate::device::Shape;
use crate::partition::{gathered, partitioned};
use crate::planning::partitions;
use crate::select::{Span, span, tags};
use crate::source::{Source, TagEntry};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringViewArray, UInt64Array,
};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::Arc;
use tagwerk_historian::{Buckets, FoldNumbers, FoldRow, Need, Numbers};
use tagwerk_model::Kind;

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

    pub fn array(self, rows: &[FoldRow], tags: &Tags) -> Result<ArrayRef> {
        Ok(match self {
            Column::Time => times(rows.iter().map(|row| row.start)),
            Column::MinTime => times(rows.iter().map(|row| row.fold.min_time)),
            Column::MaxTime => times(rows.iter().map(|row| row.fold.max_time)),
            Column::Device => tags.texts(rows, |known| &known.device)?,
            Column::Tag => tags.texts(rows, |known| &known.tag)?,
            Column::Type => Arc::new(StringViewArray::from_iter_values(
                rows.iter().map(|row| row.data_type.name()),
            )),
            Column::Samples => {
                let count = |row: &FoldRow| row.fold.samples as i64;
                Arc::new(Int64Array::from_iter_values(rows.iter().map(count)))
            }
            Column::Of(whose @ Whose::Tag { .. }, part) => {
                let find = tags.finder();
                part.array(whose, rows, |row| {
                    let place = find(row.tag).and_then(|known| known.place);
                    whose.has(row.data_type.kind(), place)
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
    fn tags(&self, state: &dyn Session, filters: &[Expr]) -> Result<(Vec<Known>, usize)> {
        let Some(shape) = &self.shape else {
            let tags = tags(state, &self.source.tags(), filters)?.into_iter();
            let known = |tag: TagEntry| {
                let (id, device, tag) = (tag.id, tag.device, tag.name);
                Known { id, device, tag, place: None }
            };
            let tags: Vec<Known> = tags.map(known).collect();
            let told = tags.len();
            return Ok((tags, told));
        };
        let is_told = |place: Option<usize>| {
            let of =
                |whose: Whose| matches!(whose, Whose::Tag { place: own, .. } if place == Some(own));
            self.columns.iter().any(|column| column.whose().is_some_and(of))
        };
        let (mut told, mut others): (Vec<Known>, Vec<Known>) = (Vec::new(), Vec::new());
        for device in shape.chosen(state, filters)? {
            for (tag, place) in &device.tags {
                let (device, id, place) = (device.name.clone(), *tag, *place);
                let known = Known { id, device, tag: "".into(), place };
                match is_told(place) {
                    true => told.push(known),
                    false if self.others == Others::Counted => others.push(known),
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
        let ids = tags.iter().map(|tag| tag.id);
        let (parts, samples) = partitions(state, &*self.source, ids, &span(filters));
        if parts == 1 && tags.len() > 1 && samples.is_some_and(|samples| SHARED.contains(&samples))
        {
            let (schema, shared) = (scan.schema.clone(), Arc::new(Shared::new(scan, tags, told)));
            return gathered(schema, move |cancel| shared.clone().batches(cancel));
        }
        let share = tags.len().div_ceil(parts).max(1);
        let makers = tags.chunks(share).enumerate().map(|(number, tags)| {
            let told = told.saturating_sub(number * share).min(tags.len());
            scan.clone().maker(tags.to_vec(), told)
        });
        let makers = makers.collect();
        partitioned(scan.schema.clone(), makers, false)
    }
}
