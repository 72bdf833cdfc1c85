//! A lookup table inside a rule's plan: its rows are those of the version in force, whenever the plan
//! is run.

use crate::error::RuleError;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
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
use tagwerk_sql::Lookup;

/// Rows handed on at once: between them a statement that takes too long is stopped.
const ROWS: usize = 8_192;

/// A lookup table that a rule reads.
pub struct LookupSource {
    pub name: Arc<str>,
    pub schema: SchemaRef,
    pub slot: Arc<LookupSlot>,
}

/// The rows that a plan reads when it is run.
#[derive(Default)]
pub struct LookupSlot {
    rows: Mutex<Option<RecordBatch>>,
    /// Columns that the plan reads.
    used: Mutex<BTreeSet<usize>>,
}

impl LookupSource {
    pub fn new(lookup: &Lookup) -> LookupSource {
        let source = LookupSource {
            name: lookup.name.clone(),
            schema: lookup.schema(),
            slot: Arc::default(),
        };
        source.put(lookup);
        source
    }

    /// From now on the plan reads this version. Where its columns are others, those that are gone are
    /// NULL: a rule that needs them is planned anew by whoever knows the new ones.
    pub fn put(&self, lookup: &Lookup) {
        let rows = &lookup.rows;
        let column = |field: &Arc<arrow::datatypes::Field>| -> ArrayRef {
            let own = rows.column_by_name(field.name());
            let own = own.and_then(|own| match own.data_type() == field.data_type() {
                true => Some(own.clone()),
                false => cast(own, field.data_type()).ok(),
            });
            own.unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
        };
        let columns = self.schema.fields().iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let mapped = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        *self.slot.rows.lock() = mapped.ok();
    }

    /// The columns that the plan reads, with their types.
    pub fn fingerprint(&self) -> String {
        let used = self.slot.used.lock();
        let column = |place: &usize| {
            let field = self.schema.field(*place);
            format!(" {}:{}", field.name(), field.data_type())
        };
        format!("\nlookup {}{}", self.name, used.iter().map(column).collect::<String>())
    }
}

/// Versions of lookup tables that are kept for rules that were run with them.
pub trait Versions: Send {
    /// The version of a table; none, where it is not there any more.
    fn load(&self, table: &str, version: &str) -> Option<Lookup>;
    /// These versions are needed for a start, and no others, but for the newest of each table.
    fn keep(&self, needed: &BTreeSet<Arc<str>>);
}

/// For rules without lookup tables.
pub struct NoVersions;

impl Versions for NoVersions {
    fn load(&self, _table: &str, _version: &str) -> Option<Lookup> {
        None
    }

    fn keep(&self, _needed: &BTreeSet<Arc<str>>) {}
}

/// What the engine sees of it.
pub struct RuleLookup {
    pub name: Arc<str>,
    pub schema: SchemaRef,
    pub slot: Arc<LookupSlot>,
}

impl fmt::Debug for RuleLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleLookup({})", self.name)
    }
}

#[async_trait]
impl TableProvider for RuleLookup {
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

struct Part {
    name: Arc<str>,
    schema: SchemaRef,
    picked: Vec<usize>,
    slot: Arc<LookupSlot>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Part {
    fn rows(&self) -> Vec<Result<RecordBatch>> {
        let Some(rows) = self.slot.rows.lock().clone() else { return Vec::new() };
        let projected = match rows.project(&self.picked) {
            Ok(projected) => projected,
            Err(error) => return vec![Err(error.into())],
        };
        let count = projected.num_rows();
        let starts = (0..count).step_by(ROWS);
        starts.map(|from| Ok(projected.slice(from, ROWS.min(count - from)))).collect()
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = stream::iter(self.rows());
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}

/// Rows of a statement over many rows of a stream, put in the order of these; and of each the row that
/// it is of, whose number stands in the column at `place`.
pub fn in_order(
    made: &[RecordBatch],
    place: usize,
) -> Result<Option<(RecordBatch, ArrayRef)>, RuleError> {
    use arrow::array::{AsArray, UInt32Array};
    use arrow::datatypes::UInt64Type;
    let Some(first) = made.first() else { return Ok(None) };
    let whole = arrow::compute::concat_batches(&first.schema(), made)?;
    let numbers = whole.column(place).as_primitive::<UInt64Type>();
    let sorted = numbers.values().windows(2).all(|pair| pair[0] <= pair[1]);
    if sorted {
        return Ok(Some((whole.clone(), whole.column(place).clone())));
    }
    let mut order: Vec<u32> = (0..whole.num_rows() as u32).collect();
    order.sort_by_key(|row| numbers.value(*row as usize));
    let order = UInt32Array::from(order);
    let ordered = arrow::compute::take_record_batch(&whole, &order)?;
    let numbers = ordered.column(place).clone();
    Ok(Some((ordered, numbers)))
}
