//! A stream as a table of the engine's: its rows are those that are put into its slot before the plan
//! is run.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures_util::stream;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The rows that a plan reads when it is run, with the columns that somebody wants.
#[derive(Default)]
pub struct Slot {
    pub rows: Mutex<Vec<RecordBatch>>,
    /// Of each column of the table its place among those in `rows`.
    pub places: Mutex<Vec<Option<usize>>>,
    /// Columns that plans read.
    pub used: Mutex<BTreeSet<usize>>,
}

impl Slot {
    pub fn put(&self, rows: Vec<RecordBatch>) {
        *self.rows.lock() = rows;
    }

    fn projected(&self, picked: &[usize], schema: &SchemaRef) -> Vec<Result<RecordBatch>> {
        let places = self.places.lock();
        let rows = self.rows.lock();
        let project = |batch: &RecordBatch| {
            let columns = picked.iter().map(|column| {
                let place = places.get(*column).copied().flatten();
                match place {
                    Some(place) => batch.column(place).clone(),
                    None => {
                        arrow::array::new_null_array(schema.field(0).data_type(), batch.num_rows())
                    }
                }
            });
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(schema.clone(), columns.collect(), &options)?)
        };
        rows.iter().map(project).collect()
    }
}

pub struct StreamTable {
    pub name: String,
    pub schema: SchemaRef,
    pub slot: Arc<Slot>,
}

impl fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamTable({})", self.name)
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let picked = projection.unwrap_or(&all).clone();
        self.slot.used.lock().extend(&picked);
        let schema = Arc::new(self.schema.project(&picked)?);
        let part = Part {
            name: self.name.clone(),
            schema: schema.clone(),
            picked,
            slot: self.slot.clone(),
        };
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, None, false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// A scan of all that is put into the slot.
pub fn slot_scan(name: &str, schema: &SchemaRef) -> Result<(Arc<Slot>, Arc<dyn ExecutionPlan>)> {
    let picked: Vec<usize> = (0..schema.fields().len()).collect();
    let slot = Arc::new(Slot::default());
    *slot.places.lock() = picked.iter().copied().map(Some).collect();
    let (name, schema) = (name.to_owned(), schema.clone());
    let part = Part { name, schema: schema.clone(), picked, slot: slot.clone() };
    let scan = StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, None, false, None)?;
    Ok((slot, Arc::new(scan)))
}

struct Part {
    name: String,
    schema: SchemaRef,
    picked: Vec<usize>,
    slot: Arc<Slot>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.slot.projected(&self.picked, &self.schema);
        let rows = stream::iter(rows);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}
