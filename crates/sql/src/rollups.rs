//! `samples_by_minute`, `samples_by_hour` and `samples_by_day`: what the samples of each tag come to,
//! from rollups where samples are gone.

use crate::columns::{field, time_type, times};
use crate::folds::next_rows;
use crate::partition::{Batches, Cancel, partitioned};
use crate::samples::ROWS;
use crate::select::{Known, Span, pushdown, span, tags};
use crate::source::{Rows, Source, TagEntry};
use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray,
};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use tagwerk_historian::{Buckets, FoldNumbers, FoldRow, Need, Numbers, Scan, Width};
use tagwerk_model::TagId;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Time,
    Device,
    Tag,
    Samples,
    Usable,
    Good,
    Min,
    Max,
    First,
    Last,
    Sum,
    Average,
    TimeWeightedAverage,
}

const COLUMNS: &[(&str, Column, &str)] = &[
    ("time", Column::Time, "when the minute, hour or day begins, UTC"),
    ("device", Column::Device, "name of the device"),
    ("tag", Column::Tag, "name of the tag"),
    ("samples", Column::Samples, "how many samples there were"),
    ("usable", Column::Usable, "samples with a value, good and uncertain ones"),
    ("good", Column::Good, "good samples"),
    ("min", Column::Min, "smallest value, as a double"),
    ("max", Column::Max, "largest value, as a double"),
    ("first", Column::First, "earliest value, as a double"),
    ("last", Column::Last, "latest value, as a double"),
    ("sum", Column::Sum, "sum of the values"),
    ("avg", Column::Average, "mean of the values, each counting the same"),
    (
        "time_weighted_average",
        Column::TimeWeightedAverage,
        "mean over time, each value holding until the next one of the same row",
    ),
];

pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = COLUMNS.iter().map(|(name, column, _)| {
        let (data_type, nullable) = match column {
            Column::Time => (time_type(), false),
            Column::Device | Column::Tag => (ArrowType::Utf8View, false),
            Column::Samples | Column::Usable | Column::Good => (ArrowType::Int64, false),
            _ => (ArrowType::Float64, true),
        };
        field(name, data_type, nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
});

/// What a column of these tables says.
pub fn describe(name: &str) -> Option<&'static str> {
    COLUMNS.iter().find(|(column, ..)| *column == name).map(|(.., text)| *text)
}

impl Column {
    fn array(self, rows: &[FoldRow], known: &HashMap<TagId, TagEntry>) -> ArrayRef {
        let texts = |text: fn(&TagEntry) -> &str| -> ArrayRef {
            let of = |row: &FoldRow| known.get(&row.tag).map_or("", text);
            Arc::new(StringViewArray::from_iter_values(rows.iter().map(of)))
        };
        let counts = |count: fn(&FoldRow) -> u64| -> ArrayRef {
            let counts = rows.iter().map(|row| count(row) as i64);
            Arc::new(Int64Array::from_iter_values(counts))
        };
        match self {
            Column::Time => times(rows.iter().map(|row| row.start)),
            Column::Device => texts(|tag| &tag.device),
            Column::Tag => texts(|tag| &tag.name),
            Column::Samples => counts(|row| row.fold.samples),
            Column::Usable => counts(|row| row.fold.usable),
            Column::Good => counts(|row| row.fold.good),
            _ => {
                let number = |row: &FoldRow| row.fold.numbers.and_then(|n| self.number(row, &n));
                Arc::new(Float64Array::from_iter(rows.iter().map(number)))
            }
        }
    }

    fn number(self, row: &FoldRow, numbers: &FoldNumbers) -> Option<f64> {
        let value = |bits| Some(Numbers::as_f64(row.data_type, bits));
        match self {
            Column::Min => value(numbers.min),
            Column::Max => value(numbers.max),
            Column::First => value(numbers.first),
            Column::Last => value(numbers.last),
            Column::Sum => Some(numbers.sum),
            Column::Average => Some(numbers.sum / row.fold.usable as f64),
            Column::TimeWeightedAverage => numbers.time_weighted_average(row.data_type),
            _ => None,
        }
    }
}

pub struct RollupsTable {
    pub source: Arc<dyn Source>,
    pub width: Width,
}

impl fmt::Debug for RollupsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RollupsTable({:?})", self.width)
    }
}

#[async_trait]
impl TableProvider for RollupsTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// A bound on the time may lie inside of a row: it is looked at again behind the scan.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let about_time = pushdown(filters, Known::Time);
        let about_either = pushdown(filters, Known::Tag);
        let decide = |(time, either)| match (time, either) {
            (TableProviderFilterPushDown::Exact, _) => TableProviderFilterPushDown::Inexact,
            (_, either) => either,
        };
        Ok(about_time.into_iter().zip(about_either).map(decide).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let tags = tags(state, &self.source.tags(), filters)?;
        let all: Vec<usize> = (0..COLUMNS.len()).collect();
        let picked = projection.unwrap_or(&all);
        let columns: Arc<[Column]> = picked.iter().map(|place| COLUMNS[*place].1).collect();
        let buckets = Buckets { width_ns: self.width.ns(), origin_ns: 0 };
        let asked = span(filters);
        let scan = RollupsScan {
            source: self.source.clone(),
            span: buckets.start(asked.start)..buckets.end(buckets.start(asked.end)),
            columns,
            schema: Arc::new(SCHEMA.project(picked)?),
            buckets,
        };
        let parts = tags.len().min(state.config().target_partitions()).max(1);
        let share = tags.len().div_ceil(parts).max(1);
        let shares = tags.chunks(share).map(<[TagEntry]>::to_vec);
        let makers = shares.map(|tags| scan.clone().maker(tags)).collect();
        partitioned(scan.schema.clone(), makers, false)
    }
}

#[derive(Clone)]
struct RollupsScan {
    source: Arc<dyn Source>,
    span: Span,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    buckets: Buckets,
}

impl RollupsScan {
    fn maker(self, tags: Vec<TagEntry>) -> Batches {
        Arc::new(move |cancel| {
            let mut folds = self.folds(&tags, cancel);
            let known = tags.iter().map(|tag| (tag.id, tag.clone())).collect();
            let scan = self.clone();
            Box::new(std::iter::from_fn(move || scan.batch(&mut folds, &known).transpose()))
        })
    }

    fn folds(&self, tags: &[TagEntry], cancel: Cancel) -> Rows<Vec<FoldRow>> {
        let scan = Scan {
            tags: tags.iter().map(|tag| tag.id).collect(),
            from_unix_ns: self.span.start,
            to_unix_ns: self.span.end,
            cancel: Some(cancel),
            ..Scan::default()
        };
        // With the area, a bucket is one row.
        let need = Need { ends: true, area: true, ..Need::default() };
        self.source.folds(&scan, Some(self.buckets), need)
    }

    fn batch(
        &self,
        folds: &mut Rows<Vec<FoldRow>>,
        known: &HashMap<TagId, TagEntry>,
    ) -> Result<Option<RecordBatch>> {
        let rows = next_rows(folds, ROWS)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let arrays = self.columns.iter().map(|column| column.array(&rows, known)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = self.schema.clone();
        Ok(Some(RecordBatch::try_new_with_options(schema, arrays, &options)?))
    }
}
