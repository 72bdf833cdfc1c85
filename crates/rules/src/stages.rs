//! A plan of conditions and expressions only, without the engine's streams around them: two
//! microseconds for a row instead of ten or more.

use crate::program::Physical;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use std::sync::Arc;

pub enum Stage {
    /// Rows for which it is true.
    Filter(Physical),
    /// The columns that there are behind it, with their expressions.
    Project(Vec<Physical>, SchemaRef),
}

impl Stage {
    /// What cannot be computed is NULL, whatever the plan says of the column.
    fn project(expressions: Vec<Physical>, columns: &SchemaRef) -> Stage {
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let fields: Vec<Field> = columns.fields().iter().map(nullable).collect();
        Stage::Project(expressions, Arc::new(Schema::new(fields)))
    }

    /// It means something else the next time.
    pub fn is_volatile(&self) -> bool {
        match self {
            Stage::Filter(condition) => is_volatile(condition),
            Stage::Project(expressions, _) => expressions.iter().any(is_volatile),
        }
    }

    /// A list may be as long as somebody asks for, and what is done with it takes as long.
    pub fn makes_lists(&self) -> bool {
        let makes = |expr: &Physical| {
            let list = |part: &Physical| {
                let any: &dyn std::any::Any = &**part;
                let call = any.downcast_ref::<ScalarFunctionExpr>();
                Ok(call.is_some_and(|call| call.return_type().is_nested()))
            };
            expr.exists(list).unwrap_or(true)
        };
        match self {
            Stage::Filter(condition) => makes(condition),
            Stage::Project(expressions, _) => expressions.iter().any(makes),
        }
    }
}

/// The stages of a plan over rows with these columns; none, where it does more.
pub fn stages(plan: &Arc<dyn ExecutionPlan>, rows: &SchemaRef) -> Option<Vec<Stage>> {
    let any: &dyn std::any::Any = &**plan;
    if any.downcast_ref::<StreamingTableExec>().is_some() {
        let own = plan.schema();
        if own.fields() == rows.fields() {
            return Some(Vec::new());
        }
        // The scan picks columns.
        return Some(vec![Stage::project(by_name(&own, rows)?, &own)]);
    }
    if any.downcast_ref::<CooperativeExec>().is_some() {
        return stages(plan.children().first()?, rows);
    }
    if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
        let mut before = stages(projection.input(), rows)?;
        let input = below(&before, rows);
        let expressions = projection.expr().iter().map(|named| named.expr.clone());
        let expressions = expressions.map(|expr| reassign_expr_columns(expr, &input).ok());
        before.push(Stage::project(expressions.collect::<Option<_>>()?, &plan.schema()));
        return Some(before);
    }
    if let Some(filter) = any.downcast_ref::<FilterExec>() {
        let mut before = stages(filter.input(), rows)?;
        let input = below(&before, rows);
        before.push(Stage::Filter(reassign_expr_columns(filter.predicate().clone(), &input).ok()?));
        if filter.projection().is_some() {
            let picked = plan.schema();
            before.push(Stage::project(by_name(&picked, &input)?, &picked));
        }
        return Some(before);
    }
    None
}

/// These columns of others.
fn by_name(picked: &SchemaRef, rows: &SchemaRef) -> Option<Vec<Physical>> {
    let column = |name: &str| -> Option<Physical> {
        datafusion::physical_expr::expressions::col(name, rows).ok()
    };
    picked.fields().iter().map(|field| column(field.name())).collect()
}

/// The columns behind the stages.
fn below(stages: &[Stage], rows: &SchemaRef) -> SchemaRef {
    let last = stages.iter().rev().find_map(|stage| match stage {
        Stage::Project(_, schema) => Some(schema.clone()),
        Stage::Filter(_) => None,
    });
    last.unwrap_or_else(|| rows.clone())
}

/// What stages make of rows.
pub struct Made {
    pub rows: RecordBatch,
    /// Which of the rows given these come from; none: all.
    pub kept: Option<BooleanArray>,
    /// Rows of which something could not be computed, which is NULL, and why.
    pub failed: u64,
    pub reason: Option<String>,
}

/// Runs the stages.
pub fn run(stages: &[Stage], rows: &RecordBatch) -> Result<Made> {
    let mut made = Made { rows: rows.clone(), kept: None, failed: 0, reason: None };
    for stage in stages {
        if made.rows.num_rows() == 0 {
            break;
        }
        match stage {
            Stage::Filter(condition) => {
                let array = made.compute(condition, &DataType::Boolean)?;
                let holds = as_boolean_array(&array)?;
                if holds.true_count() == holds.len() {
                    continue;
                }
                made.rows = filter_record_batch(&made.rows, holds)?;
                made.kept = Some(match made.kept.take() {
                    None => holds.clone(),
                    Some(before) => both(&before, holds),
                });
            }
            Stage::Project(expressions, schema) => {
                let fields = expressions.iter().zip(schema.fields());
                let columns = fields.map(|(expr, field)| made.compute(expr, field.data_type()));
                let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
                let rows = made.rows.num_rows();
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                made.rows = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
            }
        }
    }
    Ok(made)
}

impl Made {
    /// A column; where it cannot be computed for all rows at once, row by row, with NULL for those that
    /// it cannot be computed for.
    fn compute(&mut self, expr: &Physical, wanted: &DataType) -> Result<ArrayRef> {
        let typed = |rows: &RecordBatch| -> Result<ArrayRef> {
            let column = expr.evaluate(rows)?.into_array(rows.num_rows())?;
            match column.data_type() == wanted {
                true => Ok(column),
                false => Ok(arrow::compute::cast(&column, wanted)?),
            }
        };
        let error = match typed(&self.rows) {
            Ok(column) => return Ok(column),
            Err(error) => error,
        };
        self.reason = Some(tagwerk_sql::SqlError::from(error).message);
        if self.rows.num_rows() == 1 {
            self.failed += 1;
            return Ok(arrow::array::new_null_array(wanted, 1));
        }
        let parts = (0..self.rows.num_rows()).map(|row| {
            typed(&self.rows.slice(row, 1)).unwrap_or_else(|_| {
                self.failed += 1;
                arrow::array::new_null_array(wanted, 1)
            })
        });
        let parts: Vec<ArrayRef> = parts.collect();
        let parts: Vec<&dyn Array> = parts.iter().map(|part| &**part).collect();
        Ok(arrow::compute::concat(&parts)?)
    }
}

/// Of the rows that `before` kept, those that `then` keeps.
fn both(before: &BooleanArray, then: &BooleanArray) -> BooleanArray {
    let mut next = 0;
    let holds = before.iter().map(|kept| {
        if kept != Some(true) {
            return Some(false);
        }
        let holds = then.is_valid_and_true(next);
        next += 1;
        Some(holds)
    });
    holds.collect()
}

trait Holds {
    fn is_valid_and_true(&self, row: usize) -> bool;
}

impl Holds for BooleanArray {
    fn is_valid_and_true(&self, row: usize) -> bool {
        row < self.len() && self.is_valid(row) && self.value(row)
    }
}
