//! `ledger`, `ledger_sinks` and `ledger_delivery`: what was expected, stored, missed and delivered, minute by minute.

use crate::columns::{field, time_type, times};
use crate::partition::{Batches, Cancel, partitioned};
use crate::select::{Known, pushdown, span, tags};
use crate::source::{DeliveryRow, LedgerRow, Rows, SinkRow, Source};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray, UInt64Array};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::{Arc, LazyLock};
use tagwerk_model::TagId;

/// Rows of one batch.
const ROWS: usize = 4_096;

/// Makes the values of a column from rows.
type Maker<T> = fn(&[T]) -> ArrayRef;

type Column<T> = (&'static str, Maker<T>);

fn counts<T>(rows: &[T], of: fn(&T) -> u64) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(rows.iter().map(of)))
}

fn texts<T>(rows: &[T], of: fn(&T) -> Option<&str>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter(rows.iter().map(of)))
}

const COLUMNS: &[Column<LedgerRow>] = &[
    ("time", |rows| times(rows.iter().map(|row| row.unix_ns))),
    ("device", |rows| texts(rows, |row| Some(&row.device))),
    ("group_name", |rows| texts(rows, |row| Some(&row.group))),
    ("tag", |rows| texts(rows, |row| Some(&row.tag))),
    ("expected", |rows| counts(rows, |row| row.expected)),
    ("good", |rows| counts(rows, |row| row.good)),
    ("uncertain", |rows| counts(rows, |row| row.uncertain)),
    ("bad", |rows| counts(rows, |row| row.bad)),
    ("suppressed", |rows| counts(rows, |row| row.suppressed)),
    ("missed", |rows| counts(rows, |row| row.missed)),
    ("stored", |rows| counts(rows, |row| row.stored)),
    ("reason", |rows| texts(rows, |row| row.reason.as_deref())),
];

const SINK_COLUMNS: &[Column<SinkRow>] = &[
    ("time", |rows| times(rows.iter().map(|row| row.unix_ns))),
    ("sink", |rows| texts(rows, |row| Some(&row.sink))),
    ("expected", |rows| counts(rows, |row| row.expected)),
    ("delivered", |rows| counts(rows, |row| row.delivered)),
    ("pending", |rows| counts(rows, |row| row.pending)),
    ("rejected", |rows| counts(rows, |row| row.rejected)),
    ("lost", |rows| counts(rows, |row| row.lost)),
    ("reason", |rows| texts(rows, |row| row.reason.as_deref())),
];

const DELIVERY_COLUMNS: &[Column<DeliveryRow>] = &[
    ("time", |rows| times(rows.iter().map(|row| row.tag.unix_ns))),
    ("device", |rows| texts(rows, |row| Some(&row.tag.device))),
    ("group_name", |rows| texts(rows, |row| Some(&row.tag.group))),
    ("tag", |rows| texts(rows, |row| Some(&row.tag.tag))),
    ("sink", |rows| texts(rows, |row| Some(&row.sink))),
    ("expected", |rows| counts(rows, |row| row.tag.expected)),
    ("good", |rows| counts(rows, |row| row.tag.good)),
    ("uncertain", |rows| counts(rows, |row| row.tag.uncertain)),
    ("bad", |rows| counts(rows, |row| row.tag.bad)),
    ("suppressed", |rows| counts(rows, |row| row.tag.suppressed)),
    ("missed", |rows| counts(rows, |row| row.tag.missed)),
    ("stored", |rows| counts(rows, |row| row.tag.stored)),
    ("delivered", |rows| counts(rows, |row| row.delivered)),
    ("pending", |rows| counts(rows, |row| row.pending)),
    ("rejected", |rows| counts(rows, |row| row.rejected)),
    ("lost", |rows| counts(rows, |row| row.lost)),
    ("reason", |rows| texts(rows, |row| row.tag.reason.as_deref())),
    ("lost_reason", |rows| texts(rows, |row| row.lost_reason.as_deref())),
];

fn schema<T>(columns: &[Column<T>]) -> SchemaRef {
    let fields = columns.iter().map(|(name, _)| match *name {
        "time" => field(name, time_type(), false),
        "device" | "group_name" | "tag" | "sink" => field(name, ArrowType::Utf8View, false),
        "reason" | "lost_reason" => field(name, ArrowType::Utf8View, true),
        _ => field(name, ArrowType::UInt64, false),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema(COLUMNS));
pub static SINK_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema(SINK_COLUMNS));
pub static DELIVERY_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema(DELIVERY_COLUMNS));

/// Rows as batches of the wanted columns.
fn batches<T: Send + 'static>(
    mut rows: Rows<T>,
    schema: SchemaRef,
    columns: Vec<Maker<T>>,
) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
    Box::new(std::iter::from_fn(move || {
        let part: std::result::Result<Vec<T>, String> = rows.by_ref().take(ROWS).collect();
        let part = match part {
            Ok(part) if part.is_empty() => return None,
            Ok(part) => part,
            Err(error) => return Some(Err(DataFusionError::Execution(error))),
        };
        let arrays = columns.iter().map(|column| column(&part)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(part.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options);
        Some(batch.map_err(DataFusionError::from))
    }))
}

fn picked<T>(
    columns: &[Column<T>],
    whole: &SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<(SchemaRef, Vec<Maker<T>>)> {
    let all: Vec<usize> = (0..columns.len()).collect();
    let picked = projection.unwrap_or(&all);
    Ok((Arc::new(whole.project(picked)?), picked.iter().map(|i| columns[*i].1).collect()))
}

/// Which account a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Tags,
    Sinks,
    /// By tag and sink.
    Delivery,
}

pub struct LedgerTable {
    pub source: Arc<dyn Source>,
    pub account: Account,
}

impl fmt::Debug for LedgerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerTable({:?})", self.account)
    }
}

impl LedgerTable {
    fn known(&self) -> Known {
        match self.account {
            Account::Tags | Account::Delivery => Known::Tag,
            Account::Sinks => Known::Time,
        }
    }

    fn chosen(&self, state: &dyn Session, filters: &[Expr]) -> Result<Arc<[TagId]>> {
        let chosen = tags(state, &self.source.tags(), filters)?;
        Ok(chosen.iter().map(|tag| tag.id).collect())
    }
}

#[async_trait]
impl TableProvider for LedgerTable {
    fn schema(&self) -> SchemaRef {
        match self.account {
            Account::Tags => SCHEMA.clone(),
            Account::Sinks => SINK_SCHEMA.clone(),
            Account::Delivery => DELIVERY_SCHEMA.clone(),
        }
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters, self.known()))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (source, span) = (self.source.clone(), span(filters));
        let (schema, make): (SchemaRef, Batches) = match self.account {
            Account::Tags => {
                let chosen = self.chosen(state, filters)?;
                let (schema, columns) = picked(COLUMNS, &SCHEMA, projection)?;
                let rows = move |cancel| source.ledger(span.clone(), &chosen, cancel);
                (schema.clone(), maker(rows, schema, columns))
            }
            Account::Delivery => {
                let chosen = self.chosen(state, filters)?;
                let (schema, columns) = picked(DELIVERY_COLUMNS, &DELIVERY_SCHEMA, projection)?;
                let rows = move |cancel| source.ledger_delivery(span.clone(), &chosen, cancel);
                (schema.clone(), maker(rows, schema, columns))
            }
            Account::Sinks => {
                let (schema, columns) = picked(SINK_COLUMNS, &SINK_SCHEMA, projection)?;
                let rows = move |cancel| source.ledger_sinks(span.clone(), cancel);
                (schema.clone(), maker(rows, schema, columns))
            }
        };
        partitioned(schema, vec![make], true)
    }
}

fn maker<T: Send + 'static>(
    rows: impl Fn(Cancel) -> Rows<T> + Send + Sync + 'static,
    schema: SchemaRef,
    columns: Vec<Maker<T>>,
) -> Batches {
    Arc::new(move |cancel| batches(rows(cancel), schema.clone(), columns.clone()))
}
