//! Ends joins that nobody waits for any more. A join makes many rows of a few without ever asking
//! whether it is to stop: here it gives way after some batches, and a nested loop, which may make no
//! row at all, asks in its condition.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_env::{Clock, Moment};

/// Until when, and whether anybody, wants the answer.
#[derive(Clone)]
pub struct Watch {
    pub unwanted: Arc<AtomicBool>,
    pub clock: Arc<dyn Clock>,
    pub deadline: Moment,
}

/// What says when a plan is to end.
pub trait Ends: Send + Sync {
    fn is_over(&self) -> bool;
}

impl Ends for Watch {
    fn is_over(&self) -> bool {
        self.unwanted.load(Ordering::Relaxed) || self.clock.now() > self.deadline
    }
}

/// The same plan, with joins that end when it is over.
pub fn watched(
    plan: Arc<dyn ExecutionPlan>,
    watch: &Arc<dyn Ends>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = plan.transform_up(|node| {
        if node.children().len() < 2 {
            return Ok(Transformed::no(node));
        }
        let node = asking(&node, watch)?.unwrap_or(node);
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(watched.data)
}

/// A nested loop with a condition that asks.
fn asking(
    node: &Arc<dyn ExecutionPlan>,
    watch: &Arc<dyn Ends>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let any: &dyn std::any::Any = &**node;
    let Some(join) = any.downcast_ref::<NestedLoopJoinExec>() else { return Ok(None) };
    let Some(filter) = join.filter() else { return Ok(None) };
    let inner = filter.expression().clone();
    let condition = Arc::new(Watched { inner, watch: watch.clone() });
    let (indices, schema) = (filter.column_indices().to_vec(), filter.schema().clone());
    let filter = JoinFilter::new(condition, indices, schema);
    let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?;
    Ok(Some(Arc::new(join)))
}

/// A condition that fails when the statement is over.
struct Watched {
    inner: Arc<dyn PhysicalExpr>,
    watch: Arc<dyn Ends>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl PartialEq for Watched {
    fn eq(&self, other: &Watched) -> bool {
        self.inner.as_ref() == other.inner.as_ref()
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match self.watch.is_over() {
            // Nobody reads this: the statement was given up, or told that its time was over.
            true => exec_err!("the statement was stopped"),
            false => self.inner.evaluate(batch),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| self.inner.clone());
        Ok(Arc::new(Watched { inner, watch: self.watch.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
