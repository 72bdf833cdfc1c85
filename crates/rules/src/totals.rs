//! Windows whose rows need not be kept: what is asked of them are aggregates, which are kept up to date
//! with each row. The engine's own accumulators do it, and what stands above them in the statement is run
//! over what they come to when the window is over.

use crate::error::RuleError;
use crate::finding::Finding;
use crate::program::{Body, Physical, Window};
use crate::stages::{Stage, stages};
use crate::table::{Slot, slot_scan};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat_batches, filter};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use std::sync::Arc;

/// Aggregates that remember a few numbers for each group, however many rows there are, and to which the
/// order of rows means nothing but their own.
const CONSTANT: [&str; 14] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
];

/// What is done with each row, and at the end.
pub struct Totals {
    pub stages: Vec<Stage>,
    keys: Vec<Physical>,
    key_schema: SchemaRef,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    filters: Vec<Option<Physical>>,
    schema: SchemaRef,
    /// What the accumulators come to, put before the plan above them is run.
    pub slot: Arc<Slot>,
    pub rest: Arc<dyn ExecutionPlan>,
}

/// A pane of a window, or the window itself.
pub struct Tally {
    pub start: i64,
    /// Why it will give nothing.
    pub failed: Option<String>,
    groups: Option<Box<dyn GroupValues>>,
    accumulators: Vec<Counter>,
    /// Groups; without keys one, once there was a row.
    count: usize,
    indices: Vec<usize>,
}

/// What counts for one aggregate.
enum Counter {
    /// The same numbers come of the same rows in whatever batches.
    Groups(Box<dyn GroupsAccumulator>),
    /// Without keys: to the least and the greatest NaN is a number there, as in statements.
    One(Box<dyn Accumulator>),
}

/// What a tally is as data.
pub struct SavedTally {
    pub start: i64,
    pub failed: Option<String>,
    pub count: usize,
    pub rows: RecordBatch,
}

impl Totals {
    /// None, where the plan over rows with these columns is not of this form.
    pub fn of(
        plan: &Arc<dyn ExecutionPlan>,
        rows: &SchemaRef,
        window: &Window,
    ) -> Result<Option<Totals>, Finding> {
        let Some((size, hop)) = window.panes().filter(|_| window.partition.is_empty()) else {
            return Ok(None);
        };
        let Some((node, stages)) = lowest(plan, rows) else { return Ok(None) };
        let any: &dyn std::any::Any = &*node;
        let Some(aggregate) = any.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let input = aggregate.input().schema();
        if size != hop && !is_the_same_in_parts(aggregate)? {
            return Ok(None);
        }
        let (slot, scan) = slot_scan("totals", &aggregate.schema())?;
        let rest = plan.clone().transform_down(|each| {
            Ok(match Arc::ptr_eq(&each, &node) {
                true => Transformed::new(scan.clone(), true, TreeNodeRecursion::Jump),
                false => Transformed::no(each),
            })
        })?;
        let keys = aggregate.group_expr();
        Ok(Some(Totals {
            stages,
            keys: keys.expr().iter().map(|(key, _)| key.clone()).collect(),
            key_schema: keys.group_schema(&input)?,
            aggregates: aggregate.aggr_expr().to_vec(),
            filters: aggregate.filter_expr().to_vec(),
            schema: aggregate.schema(),
            slot,
            rest: rest.data,
        }))
    }

    pub fn tally(&self, start: i64) -> Result<Tally, RuleError> {
        let groups = match self.keys.is_empty() {
            true => None,
            false => Some(new_group_values(self.key_schema.clone(), &GroupOrdering::None)?),
        };
        let accumulators = self.counters()?;
        Ok(Tally { start, failed: None, groups, accumulators, count: 0, indices: Vec::new() })
    }

    fn counters(&self) -> Result<Vec<Counter>, RuleError> {
        let counter = |of: &Arc<AggregateFunctionExpr>| {
            Ok(match self.keys.is_empty() && ["min", "max"].contains(&of.fun().name()) {
                true => Counter::One(of.create_accumulator()?),
                false => Counter::Groups(of.create_groups_accumulator()?),
            })
        };
        self.aggregates.iter().map(counter).collect()
    }

    /// Counts rows that passed the stages.
    pub fn add(&self, tally: &mut Tally, rows: &RecordBatch) -> Result<(), RuleError> {
        let column = |expr: &Physical| expr.evaluate(rows)?.into_array(rows.num_rows());
        match &mut tally.groups {
            Some(groups) => {
                let keys = self.keys.iter().map(column).collect::<Result<Vec<_>, _>>()?;
                groups.intern(&keys, &mut tally.indices)?;
                tally.count = groups.len();
            }
            None => {
                tally.indices.clear();
                tally.indices.resize(rows.num_rows(), 0);
                tally.count = 1;
            }
        }
        let of = self.aggregates.iter().zip(&self.filters).zip(&mut tally.accumulators);
        for ((aggregate, filter), accumulator) in of {
            let values = aggregate.expressions();
            let values = values.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            let which = filter.as_ref().map(column).transpose()?;
            let which: Option<&BooleanArray> = which.as_ref().map(|holds| holds.as_boolean());
            accumulator.add(values, which, &tally.indices, tally.count)?;
        }
        Ok(())
    }

    /// What the tally comes to.
    pub fn result(&self, mut tally: Tally) -> Result<RecordBatch, RuleError> {
        let mut columns = match &mut tally.groups {
            Some(groups) => groups.emit(EmitTo::All)?,
            None => Vec::new(),
        };
        for accumulator in &mut tally.accumulators {
            columns.push(accumulator.result()?);
        }
        let mut count = tally.count;
        if self.keys.is_empty() && count == 0 {
            // Without keys there is a result of no rows, too.
            let none =
                |of: &Arc<AggregateFunctionExpr>| of.create_accumulator()?.evaluate()?.to_array();
            columns = self.aggregates.iter().map(none).collect::<Result<_, _>>()?;
            count = 1;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }

    /// The keys and what accumulators remember, as columns.
    pub fn state_schema(&self) -> Result<SchemaRef, RuleError> {
        let keys = self.key_schema.fields().iter().map(|field| field.data_type().clone());
        let mut types: Vec<_> = keys.collect();
        for aggregate in &self.aggregates {
            types.extend(aggregate.state_fields()?.iter().map(|field| field.data_type().clone()));
        }
        let field = |(place, of)| Field::new(format!("c{place}"), of, true);
        Ok(Arc::new(Schema::new(types.into_iter().enumerate().map(field).collect::<Vec<_>>())))
    }

    /// As data.
    pub fn saved(&self, mut tally: Tally) -> Result<SavedTally, RuleError> {
        if tally.failed.is_some() {
            let rows = RecordBatch::new_empty(self.state_schema()?);
            return Ok(SavedTally { start: tally.start, failed: tally.failed, count: 0, rows });
        }
        let mut columns = match &mut tally.groups {
            Some(groups) => groups.emit(EmitTo::All)?,
            None => Vec::new(),
        };
        for accumulator in &mut tally.accumulators {
            columns.extend(accumulator.state(tally.count)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(tally.count));
        let rows = RecordBatch::try_new_with_options(self.state_schema()?, columns, &options)?;
        Ok(SavedTally { start: tally.start, failed: tally.failed, count: tally.count, rows })
    }

    pub fn restore(&self, saved: &SavedTally) -> Result<Tally, RuleError> {
        self.together(saved.start, &[saved])
    }

    /// Several that follow on each other, as one.
    pub fn together(&self, start: i64, parts: &[&SavedTally]) -> Result<Tally, RuleError> {
        let mut tally = self.tally(start)?;
        tally.failed = parts.iter().find_map(|part| part.failed.clone());
        let rows = concat_batches(&self.state_schema()?, parts.iter().map(|part| &part.rows))?;
        if rows.num_rows() == 0 || tally.failed.is_some() {
            return Ok(tally);
        }
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        let mut states = columns.split_off(self.keys.len().min(columns.len()));
        match &mut tally.groups {
            Some(groups) => {
                groups.intern(&columns, &mut tally.indices)?;
                tally.count = groups.len();
            }
            None => {
                tally.indices.resize(rows.num_rows(), 0);
                tally.count = 1;
            }
        }
        for (aggregate, accumulator) in self.aggregates.iter().zip(&mut tally.accumulators) {
            let others = states.split_off(aggregate.state_fields()?.len().min(states.len()));
            accumulator.merge(&states, &tally.indices, tally.count)?;
            states = others;
        }
        Ok(tally)
    }
}

impl Counter {
    fn add(
        &mut self,
        mut values: Vec<ArrayRef>,
        which: Option<&BooleanArray>,
        indices: &[usize],
        count: usize,
    ) -> Result<(), RuleError> {
        match self {
            Counter::Groups(groups) => groups.update_batch(&values, indices, which, count)?,
            Counter::One(one) => {
                if let Some(which) = which {
                    for column in &mut values {
                        *column = filter(column, which)?;
                    }
                }
                one.update_batch(&values)?;
            }
        }
        Ok(())
    }

    fn merge(
        &mut self,
        states: &[ArrayRef],
        indices: &[usize],
        count: usize,
    ) -> Result<(), RuleError> {
        match self {
            Counter::Groups(groups) => groups.merge_batch(states, indices, count)?,
            Counter::One(one) => one.merge_batch(states)?,
        }
        Ok(())
    }

    fn result(&mut self) -> Result<ArrayRef, RuleError> {
        Ok(match self {
            Counter::Groups(groups) => groups.evaluate(EmitTo::All)?,
            Counter::One(one) => one.evaluate()?.to_array()?,
        })
    }

    fn state(&mut self, count: usize) -> Result<Vec<ArrayRef>, RuleError> {
        match self {
            Counter::Groups(groups) => Ok(groups.state(EmitTo::All)?),
            Counter::One(one) => {
                let states = one.state()?;
                let states = states.iter().map(|state| state.to_array_of_size(count));
                Ok(states.collect::<Result<_, _>>()?)
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Counter::Groups(groups) => groups.size(),
            Counter::One(one) => one.size(),
        }
    }
}

impl Tally {
    pub fn size(&self) -> usize {
        self.groups.as_ref().map_or(0, |groups| groups.size())
            + self.accumulators.iter().map(Counter::size).sum::<usize>()
    }
}

/// The lowest node of aggregates in a plan that is one chain, and what stands below it.
fn lowest(
    plan: &Arc<dyn ExecutionPlan>,
    rows: &SchemaRef,
) -> Option<(Arc<dyn ExecutionPlan>, Vec<Stage>)> {
    let mut node = plan.clone();
    loop {
        let any: &dyn std::any::Any = &*node;
        if let Some(aggregate) = any.downcast_ref::<AggregateExec>()
            && let Some(stages) = stages(aggregate.input(), rows)
        {
            let fits = is_constant(aggregate) && !stages.iter().any(Stage::is_volatile);
            return fits.then_some((node, stages));
        }
        let below = match node.children()[..] {
            [only] => only.clone(),
            _ => return None,
        };
        node = below;
    }
}

fn is_constant(aggregate: &AggregateExec) -> bool {
    let keys = aggregate.group_expr();
    let own = matches!(aggregate.mode(), AggregateMode::Single | AggregateMode::SinglePartitioned);
    let plain = own && keys.is_single() && aggregate.limit_options().is_none();
    let steady = |expr: &Physical| !is_volatile(expr);
    let constant = |of: &Arc<AggregateFunctionExpr>| {
        CONSTANT.contains(&of.fun().name())
            && !of.is_distinct()
            && of.order_bys().is_empty()
            && of.groups_accumulator_supported()
            && of.expressions().iter().all(steady)
    };
    plain
        && keys.expr().iter().all(|(key, _)| steady(key))
        && aggregate.filter_expr().iter().flatten().all(steady)
        && aggregate.aggr_expr().iter().all(constant)
}

/// The same comes of the parts of its rows, put together, as of the rows: to the last digit, and with no
/// numbers among them that are none.
fn is_the_same_in_parts(aggregate: &AggregateExec) -> Result<bool, Finding> {
    let input = aggregate.input().schema();
    let keyed = !aggregate.group_expr().expr().is_empty();
    for of in aggregate.aggr_expr() {
        let types = of.expressions();
        let types = types.iter().map(|expr| expr.data_type(&input));
        let types = types.collect::<Result<Vec<_>, _>>()?;
        let floats = types.iter().any(DataType::is_floating);
        let same = match of.fun().name() {
            "count" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" => true,
            "sum" => !floats,
            "min" | "max" => !(floats && keyed),
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Body {
    pub fn totals(&self) -> Option<&Totals> {
        match self {
            Body::Totals(totals) => Some(totals),
            _ => None,
        }
    }
}
