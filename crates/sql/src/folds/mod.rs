//! Aggregates over `samples` and tables of devices out of folds, which history mostly has without
//! decoding a sample: a rule of the optimizer. What it does not understand stays as it is.

mod aggregate;
mod asked;
mod bucket;
mod scan;
mod table;

pub use bucket::{instant, interval_ns};
pub use scan::next_rows;
pub use table::FoldsTable;

use crate::select::span;
use aggregate::Aggregates;
use asked::Asked;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column as Named, Result, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::logical_plan::{Aggregate, TableScan, TableScanBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::collections::HashMap;
use std::sync::Arc;
use table::{Column, Others, Whose};
use tagwerk_historian::Buckets;

/// The name under which EXPLAIN shows them.
const FOLDS: &str = "folds";

#[derive(Debug)]
pub struct AggregatesFromFolds;

impl OptimizerRule for AggregatesFromFolds {
    fn name(&self) -> &str {
        "aggregates_from_folds"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let folded = match &plan {
            LogicalPlan::Aggregate(aggregate) => of_folds(aggregate)?,
            _ => None,
        };
        Ok(folded.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// What an aggregate is computed of, in terms of the scan under it.
struct Chain<'a> {
    scan: &'a TableScan,
    group: Vec<Expr>,
    aggregates: Vec<Expr>,
    /// Conditions that are held on the way.
    conditions: Vec<Expr>,
}

fn chain(aggregate: &Aggregate) -> Result<Option<Chain<'_>>> {
    let unnamed = |expr: &Expr| expr.clone().unalias();
    let mut exprs: Vec<Expr> =
        aggregate.group_expr.iter().chain(&aggregate.aggr_expr).map(unnamed).collect();
    let mut plan = aggregate.input.as_ref();
    let scan = loop {
        let known: HashMap<Named, Expr> = match plan {
            LogicalPlan::TableScan(scan) => break scan,
            LogicalPlan::Filter(filter) => {
                exprs.push(filter.predicate.clone());
                plan = filter.input.as_ref();
                continue;
            }
            LogicalPlan::Projection(projection) => {
                let columns = projection.schema.columns().into_iter();
                plan = projection.input.as_ref();
                columns.zip(projection.expr.iter().map(unnamed)).collect()
            }
            LogicalPlan::SubqueryAlias(alias) => {
                plan = alias.input.as_ref();
                let inner = plan.schema().columns().into_iter().map(Expr::Column);
                alias.schema.columns().into_iter().zip(inner).collect()
            }
            _ => return Ok(None),
        };
        for expr in &mut exprs {
            match replaced(std::mem::take(expr), |column| known.get(column).cloned())? {
                Some(found) => *expr = found,
                None => return Ok(None),
            }
        }
    };
    let aggregated = exprs.split_off(aggregate.group_expr.len());
    let (aggregates, conditions) = aggregated.split_at(aggregate.aggr_expr.len());
    let (aggregates, conditions) = (aggregates.to_vec(), conditions.to_vec());
    Ok(Some(Chain { scan, group: exprs, aggregates, conditions }))
}

/// The expression with every column replaced; none where one has no replacement.
fn replaced(expr: Expr, of: impl Fn(&Named) -> Option<Expr>) -> Result<Option<Expr>> {
    let mut complete = true;
    let replaced = expr.transform_up(|expr| match &expr {
        Expr::Column(column) => Ok(match of(column) {
            Some(known) => Transformed::yes(known),
            None => {
                complete = false;
                Transformed::no(expr)
            }
        }),
        _ => Ok(Transformed::no(expr)),
    })?;
    Ok(complete.then_some(replaced.data))
}

fn of_folds(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let Some(chain) = chain(aggregate)? else { return Ok(None) };
    let provider = source_as_provider(&chain.scan.source)?;
    let Some(asked) = Asked::of(&*provider) else { return Ok(None) };
    let span = span(&chain.scan.filters);
    if chain.scan.fetch.is_some() || !asked.source().can_fold(&span) {
        return Ok(None);
    }
    let mut buckets = None;
    for expr in chain.group.iter().chain(&chain.conditions) {
        if !bucket::constant(expr, asked.constants(), &mut buckets)? {
            return Ok(None);
        }
    }
    let mut aggregates = Aggregates::new(asked);
    let mut outputs = Vec::new();
    for expr in &chain.aggregates {
        match aggregates.output(expr)? {
            Some(output) => outputs.push(output),
            None => return Ok(None),
        }
    }
    let whose = aggregates.columns().filter_map(Column::whose);
    if !asked.has_one_type(whose, &span) {
        return Ok(None);
    }
    let table = table(&chain, asked, buckets, &aggregates);
    build(aggregate, &chain, table, aggregates.parts, outputs).map(Some)
}

fn table(
    chain: &Chain<'_>,
    asked: Asked<'_>,
    buckets: Option<Buckets>,
    aggregates: &Aggregates<'_>,
) -> FoldsTable {
    let mut columns: Vec<Column> = Vec::new();
    let keys = chain.group.iter().chain(&chain.conditions).flat_map(Expr::column_refs);
    let keys = keys.filter_map(|column| Column::key(&column.name));
    for column in keys.chain(aggregates.columns()) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    // A table has a column.
    if columns.is_empty() {
        columns.push(Column::Samples);
    }
    let of_tags = |column: &Column| matches!(column, Column::Of(Whose::Tag { .. }, _));
    // Without groups there is one row, whatever other tags have.
    let others = match chain.group.is_empty() && columns.iter().all(of_tags) {
        true => Others::LeftOut,
        false => Others::Counted,
    };
    FoldsTable::new(asked, columns, buckets, aggregates.need, others)
}

fn build(
    aggregate: &Aggregate,
    chain: &Chain<'_>,
    table: FoldsTable,
    parts: Vec<Expr>,
    outputs: Vec<Expr>,
) -> Result<LogicalPlan> {
    let source = provider_as_source(Arc::new(table));
    let of_folds = |expr: &Expr| {
        let key = |column: &Named| {
            let own = Named::new(Some(TableReference::bare(FOLDS)), column.name.clone());
            Some(Expr::Column(own))
        };
        replaced(expr.clone(), key).map(|expr| expr.unwrap_or_default())
    };
    let filters = chain.scan.filters.iter().map(of_folds).collect::<Result<Vec<Expr>>>()?;
    let scan = TableScanBuilder::new(FOLDS, source).with_filters(filters).build()?;
    let mut plan = LogicalPlanBuilder::new(LogicalPlan::TableScan(scan));
    for condition in &chain.conditions {
        plan = plan.filter(of_folds(condition)?)?;
    }
    let keys = chain.group.iter().enumerate();
    let keys = keys
        .map(|(n, expr)| Ok(of_folds(expr)?.alias(key_name(n))))
        .collect::<Result<Vec<Expr>>>()?;
    let keys_of_group = (0..keys.len()).map(|n| Expr::Column(Named::new_unqualified(key_name(n))));
    let outputs: Vec<Expr> = keys_of_group.chain(outputs).collect();
    let plan = plan.aggregate(keys, parts)?;
    let named = aggregate.schema.iter().zip(outputs).map(|((relation, field), output)| {
        output.alias_qualified(relation.cloned(), field.name().as_str())
    });
    plan.project(named.collect::<Vec<Expr>>())?.build()
}

fn key_name(index: usize) -> String {
    format!("key {index}")
}
