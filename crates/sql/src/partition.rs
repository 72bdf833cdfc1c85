//! Scans as streams: one iterator of batches per partition, made when it is executed, told to stop
//! when nobody wants it any more.

use crate::watch::{Ends, Watch};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr, expressions::col};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures_util::stream;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// How long a scan is read before other statements come between.
const TURN: Duration = Duration::from_millis(10);

pub type Cancel = Arc<AtomicBool>;
type Iter = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Makes the batches of one partition.
pub type Batches = Arc<dyn Fn(Cancel) -> Iter + Send + Sync>;

/// `sorted`: the rows come in the order of their time.
pub fn partitioned(
    schema: SchemaRef,
    partitions: Vec<Batches>,
    sorted: bool,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if partitions.is_empty() {
        return Ok(Arc::new(EmptyExec::new(schema)));
    }
    let order = match schema.column_with_name("time") {
        Some(_) if sorted => {
            let order = PhysicalSortExpr::new_default(col("time", &schema)?).asc().nulls_last();
            LexOrdering::new([order])
        }
        _ => None,
    };
    let streams = partitions.into_iter().map(|make| -> Arc<dyn PartitionStream> {
        Arc::new(Partition { schema: schema.clone(), make })
    });
    let plan =
        StreamingTableExec::try_new(schema.clone(), streams.collect(), None, order, false, limit)?;
    Ok(Arc::new(plan))
}

struct Partition {
    schema: SchemaRef,
    make: Batches,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("history")
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let guard = Guard(Arc::new(AtomicBool::new(false)));
        let mut batches = (self.make)(guard.0.clone());
        let watch = context.session_config().get_extension::<Watch>();
        let mut turn = watch.as_ref().map(|watch| watch.clock.now());
        // An operator above takes many batches before it asks whether others wait, or it is to end.
        let stream = stream::poll_fn(move |context| {
            let _held = &guard;
            if let (Some(watch), Some(begun)) = (&watch, &mut turn) {
                if watch.is_over() {
                    return Poll::Ready(Some(exec_err!("the statement was stopped")));
                }
                let now = watch.clock.now();
                if now.since(*begun) >= TURN {
                    *begun = now;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Ready(batches.next())
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

/// Tells a scan to stop when its stream is dropped.
struct Guard(Cancel);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
