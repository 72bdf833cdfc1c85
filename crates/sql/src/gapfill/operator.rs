//! The gap fill at work: rows in the order of series and time, completed and given on in batches.

use super::fill::{Filled, Rows};
use super::node::GapFill;
use super::{Fill, Grid};
use crate::samples::ROWS;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    InputDistributionRequirements, Partitioning, PlanProperties, ReplaceChildrenOptions,
    SendableRecordBatchStream, apply_expression_roots,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::fmt;
use std::sync::Arc;

/// Makes the operator of the node.
pub struct GapFillPlanner;

#[async_trait]
impl ExtensionPlanner for GapFillPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<GapFill>() else { return Ok(None) };
        let [input] = physical_inputs else { return internal_err!("a gap fill has one input") };
        let schema = node.input.schema();
        let place = |expr: &Expr| match expr {
            Expr::Column(column) => schema.index_of_column(column),
            other => internal_err!("gaps are filled between columns, and {other} is none"),
        };
        let fills = node.fills.iter().map(|(argument, fill)| {
            Ok((planner.create_physical_expr(argument, schema, session, context)?, *fill))
        });
        let operator = GapFillExec::new(Plan {
            input: input.clone(),
            time: place(&node.time)?,
            keys: node.keys.iter().map(place).collect::<Result<_>>()?,
            fills: fills.collect::<Result<_>>()?,
            grid: node.grid,
            schema: Arc::new(UserDefinedLogicalNode::schema(node).as_arrow().clone()),
        });
        Ok(Some(Arc::new(operator)))
    }
}

#[derive(Clone, Debug)]
struct Plan {
    input: Arc<dyn ExecutionPlan>,
    time: usize,
    keys: Vec<usize>,
    fills: Vec<(Arc<dyn PhysicalExpr>, Fill)>,
    grid: Grid,
    schema: SchemaRef,
}

#[derive(Debug)]
struct GapFillExec {
    plan: Plan,
    properties: Arc<PlanProperties>,
}

impl GapFillExec {
    fn new(plan: Plan) -> GapFillExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        GapFillExec { plan, properties: Arc::new(properties) }
    }
}

impl DisplayAs for GapFillExec {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "GapFillExec: every {} s", self.plan.grid.width_ns as f64 / 1e9)
    }
}

impl ExecutionPlan for GapFillExec {
    fn name(&self) -> &str {
        "GapFillExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let schema = self.plan.input.schema();
        let column = |place: &usize| -> Arc<dyn PhysicalExpr> {
            Arc::new(Column::new(schema.field(*place).name(), *place))
        };
        let columns = self.plan.keys.iter().chain([&self.plan.time]).map(column);
        let order = LexOrdering::new(columns.map(PhysicalSortExpr::new_default));
        vec![order.map(OrderingRequirements::from)]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.plan.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.plan.fills.iter().map(|(argument, _)| argument), f)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("a gap fill has an input") };
        Ok(Arc::new(GapFillExec::new(Plan { input, ..self.plan.clone() })))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut rows = self.plan.input.execute(partition, context.clone())?;
        let memory = MemoryConsumer::new(self.name()).register(context.memory_pool());
        let (plan, schema) = (self.plan.clone(), self.plan.schema.clone());
        let filled = async move {
            let mut batches = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                // Held as they come, and once more as one.
                memory.try_grow(bytes(&batch) * 2)?;
                batches.push(batch);
            }
            let mut filled = plan.filled(concat_batches(&plan.input.schema(), &batches)?)?;
            drop(batches);
            let parts = std::iter::from_fn(move || {
                let _held = &memory;
                filled.next(ROWS).transpose()
            });
            Ok::<_, DataFusionError>(stream::iter(parts))
        };
        let stream = stream::once(filled).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

/// What the rows take: a sort gives slices of one large batch, which all hold the whole of it.
fn bytes(batch: &RecordBatch) -> usize {
    let column = |array: &ArrayRef| {
        array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
    };
    batch.columns().iter().map(column).sum()
}

impl Plan {
    fn filled(&self, rows: RecordBatch) -> Result<Filled> {
        let fills = self.fills.iter().map(|(argument, fill)| {
            Ok((argument.evaluate(&rows)?.into_array(rows.num_rows())?, *fill))
        });
        let fills = fills.collect::<Result<_>>()?;
        let (time, keys, schema) = (self.time, self.keys.clone(), self.schema.clone());
        Filled::new(Rows { rows, time, keys, fills, grid: self.grid, schema })
    }
}
