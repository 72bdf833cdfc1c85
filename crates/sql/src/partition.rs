//! Scans as streams: one iterator of batches per partition, made when it is executed, told to stop
//! when nobody wants it any more.

use crate::watch::{Ends, Watch};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
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

/// The same, of which some may have to be waited for.
type Streams = Arc<dyn Fn(Cancel) -> BoxStream<'static, Result<RecordBatch>> + Send + Sync>;

/// `sorted`: the rows come in the order of their time.
pub fn partitioned(
    schema: SchemaRef,
    partitions: Vec<Batches>,
    sorted: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    if partitions.is_empty() {
        return Ok(Arc::new(EmptyExec::new(schema)));
    }
    let stream = |batches: Batches| -> Streams {
        Arc::new(move |cancel| stream::iter(batches(cancel)).boxed())
    };
    scan(schema, partitions.into_iter().map(stream).collect(), sorted)
}

/// One partition, of which all batches are made before the first is given.
pub fn gathered<F>(
    schema: SchemaRef,
    batches: impl Fn(Cancel) -> F + Send + Sync + 'static,
) -> Result<Arc<dyn ExecutionPlan>>
where
    F: Future<Output = Result<Vec<RecordBatch>>> + Send + 'static,
{
    let stream = move |cancel: Cancel| {
        let all = stream::once(batches(cancel));
        all.map_ok(|all| stream::iter(all.into_iter().map(Ok))).try_flatten().boxed()
    };
    scan(schema, Arc::new([Arc::new(stream) as Streams]), false)
}

fn scan(
    schema: SchemaRef,
    partitions: Arc<[Streams]>,
    sorted: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let order = match schema.column_with_name("time") {
        Some(_) if sorted => {
            let order = PhysicalSortExpr::new_default(col("time", &schema)?).asc().nulls_last();
            LexOrdering::new([order])
        }
        _ => None,
    };
    let properties = PlanProperties::new(
        EquivalenceProperties::new_with_orderings(schema.clone(), order.clone()),
        Partitioning::UnknownPartitioning(partitions.len()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    );
    let properties = Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative));
    Ok(Arc::new(ScanExec { schema, order, partitions, properties }))
}

/// What reads. It knows nothing of what is made of its rows.
#[derive(Clone)]
pub struct ScanExec {
    schema: SchemaRef,
    order: Option<LexOrdering>,
    partitions: Arc<[Streams]>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    /// The same in the place of another, where what stands on that one can stand on this one.
    pub fn in_place_of(&self, other: &ScanExec) -> Option<ScanExec> {
        let alike = self.partitions.len() == other.partitions.len()
            && self.order == other.order
            && self.schema == other.schema;
        alike.then(|| ScanExec { properties: other.properties.clone(), ..self.clone() })
    }
}

impl fmt::Debug for ScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScanExec")
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let partitions = self.partitions.len();
        if matches!(form, DisplayFormatType::TreeRender) {
            return write!(f, "partitions={partitions}");
        }
        write!(f, "ScanExec: partitions={partitions}, columns=[{}]", names.join(", "))?;
        match &self.order {
            Some(order) => write!(f, ", output_ordering=[{order}]"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let guard = Guard(Arc::new(AtomicBool::new(false)));
        let mut batches = (self.partitions[partition])(guard.0.clone());
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
            batches.poll_next_unpin(context)
        });
        let stream = RecordBatchStreamAdapter::new(self.schema.clone(), stream);
        Ok(Box::pin(cooperative(stream)))
    }
}

/// Tells a scan to stop when its stream is dropped.
struct Guard(Cancel);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
