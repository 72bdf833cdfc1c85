//! Finds statements that group by `time_bucket_gapfill`, and the range of time that they ask about.

use super::node::GapFill;
use super::{Fill, Grid};
use crate::columns::time_type;
use crate::folds::{instant, interval_ns};
use crate::functions::{GAPFILL_BUCKET, GAPFILL_CARRY, GAPFILL_INTERPOLATE};
use crate::select::{ALWAYS, Span, span_of, within};
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, Result, ScalarValue, plan_err};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::logical_plan::{Aggregate, Extension, Filter, Projection};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use std::sync::Arc;
use tagwerk_historian::Buckets;
use tagwerk_model::limits;

#[derive(Debug)]
pub struct GapFillRule;

impl OptimizerRule for GapFillRule {
    fn name(&self) -> &str {
        "gap_fill"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let filled = plan.transform_down_with_subqueries(|plan| {
            let filled = match &plan {
                LogicalPlan::Projection(projection) => under_projection(projection, config)?,
                LogicalPlan::Aggregate(aggregate) => alone(aggregate, config)?,
                _ => None,
            };
            Ok(filled.map_or_else(|| Transformed::no(plan), Transformed::yes))
        })?;
        if !filled.transformed {
            return Ok(filled);
        }
        // What was never NULL may be so now: counts in gaps.
        let anew = |plan: LogicalPlan| plan.recompute_schema().map(Transformed::yes);
        filled.data.transform_up_with_subqueries(anew)
    }
}

/// The SELECT list says with what gaps are filled.
fn under_projection(
    projection: &Projection,
    config: &dyn OptimizerConfig,
) -> Result<Option<LogicalPlan>> {
    let mut having = Vec::new();
    let mut input = projection.input.as_ref();
    while let LogicalPlan::Filter(filter) = input {
        having.push(filter.predicate.clone());
        input = filter.input.as_ref();
    }
    let LogicalPlan::Aggregate(aggregate) = input else { return Ok(None) };
    let Some(series) = series(aggregate)? else { return Ok(None) };
    let mut fills: Vec<(Expr, Fill)> = Vec::new();
    let mut exprs = Vec::new();
    for expr in &projection.expr {
        let name = expr.schema_name().to_string();
        exprs.push(without_fills(expr.clone(), &mut fills)?.alias_if_changed(name)?);
    }
    let filled = filled(aggregate, series, having, fills, config)?;
    let projection = Projection::try_new(exprs, Arc::new(filled))?;
    Ok(Some(LogicalPlan::Projection(projection)))
}

/// A statement without a SELECT list right above, such as one with window functions: the gaps are NULL.
fn alone(aggregate: &Aggregate, config: &dyn OptimizerConfig) -> Result<Option<LogicalPlan>> {
    let Some(series) = series(aggregate)? else { return Ok(None) };
    filled(aggregate, series, Vec::new(), Vec::new(), config).map(Some)
}

/// The calls of the filling functions become columns that the node has.
fn without_fills(expr: Expr, fills: &mut Vec<(Expr, Fill)>) -> Result<Expr> {
    let replaced = expr.transform_down(|expr| {
        let Some((fill, argument)) = fill_of(&expr) else { return Ok(Transformed::no(expr)) };
        let column = Expr::Column(Column::new_unqualified(expr.schema_name().to_string()));
        let argument = argument.clone();
        if argument.exists(|inner| Ok(fill_of(inner).is_some()))? {
            return plan_err!("a gap is filled once: one of {expr} is too many");
        }
        if !fills.iter().any(|known| known.0 == argument && known.1 == fill) {
            fills.push((argument, fill));
        }
        Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
    })?;
    Ok(replaced.data)
}

fn fill_of(expr: &Expr) -> Option<(Fill, &Expr)> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else { return None };
    let fill = match func.name() {
        GAPFILL_CARRY => Fill::Carry,
        GAPFILL_INTERPOLATE => Fill::Interpolate,
        _ => return None,
    };
    Some((fill, args.first()?))
}

/// The name under which a filled column is known.
pub fn fill_name(argument: &Expr, fill: Fill) -> String {
    let function = match fill {
        Fill::Carry => GAPFILL_CARRY,
        Fill::Interpolate => GAPFILL_INTERPOLATE,
    };
    format!("{function}({})", argument.schema_name())
}

/// Which of the group's expressions is the bucket, and its arguments.
struct Series {
    place: usize,
    arguments: Vec<Expr>,
}

fn series(aggregate: &Aggregate) -> Result<Option<Series>> {
    let mut found = None;
    for (place, expr) in aggregate.group_expr.iter().enumerate() {
        if !expr.exists(|inner| Ok(is_bucket(inner)))? {
            continue;
        }
        match expr.clone().unalias() {
            Expr::ScalarFunction(call) if call.func.name() == GAPFILL_BUCKET => {
                if found.is_some() {
                    return plan_err!("{GAPFILL_BUCKET} stands in GROUP BY once");
                }
                found = Some(Series { place, arguments: call.args });
            }
            _ => {
                return plan_err!(
                    "{GAPFILL_BUCKET} stands in GROUP BY alone, not inside of another expression"
                );
            }
        }
    }
    Ok(found)
}

fn is_bucket(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == GAPFILL_BUCKET)
}

fn filled(
    aggregate: &Aggregate,
    series: Series,
    having: Vec<Expr>,
    fills: Vec<(Expr, Fill)>,
    config: &dyn OptimizerConfig,
) -> Result<LogicalPlan> {
    let schema = aggregate.input.schema();
    let simple = |argument: &Expr| simplified(argument, schema, config);
    let arguments = series.arguments.iter().map(simple).collect::<Result<Vec<Expr>>>()?;
    let Some((width, time)) = arguments.first().zip(arguments.get(1)) else {
        return plan_err!("{GAPFILL_BUCKET} takes an interval and a time");
    };
    let Some(width_ns) = interval_ns(width).filter(|width| *width > 0) else {
        return plan_err!(
            "{GAPFILL_BUCKET} takes an interval that has always the same length, such as \
             '15 minutes' or '1 day', not {width}"
        );
    };
    let asked = asked(time, &arguments[2..], &aggregate.input, config)?;
    let grid = grid(asked, width_ns)?;
    let mut group = aggregate.group_expr.clone();
    let name = group[series.place].schema_name().to_string();
    let interval = IntervalMonthDayNano::new(0, 0, width_ns);
    let interval = lit(ScalarValue::IntervalMonthDayNano(Some(interval)));
    group[series.place] = date_bin().call(vec![interval, time.clone()]).alias(name);
    let aggregated =
        Aggregate::try_new(aggregate.input.clone(), group, aggregate.aggr_expr.clone())?;
    let keys = aggregated.schema.columns().into_iter().take(aggregate.group_expr.len());
    let mut keys: Vec<Expr> = keys.map(Expr::Column).collect();
    let time = keys.remove(series.place);
    let mut input = LogicalPlan::Aggregate(aggregated);
    for condition in having.into_iter().rev() {
        input = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(input))?);
    }
    let node = GapFill::new(input, time, keys, fills, grid)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// From the arguments, else from the conditions; to the present where nothing says to when.
fn asked(
    time: &Expr,
    said: &[Expr],
    input: &LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Span> {
    let now = config.query_execution_start_time().and_then(|now| now.timestamp_nanos_opt());
    let mut asked = bounds(time, input, config)?;
    for (place, said) in said.iter().enumerate() {
        let Expr::Literal(said, _) = said else {
            return plan_err!("start and finish of {GAPFILL_BUCKET} are times, not {said}");
        };
        match (instant(&said.cast_to(&time_type())?), place) {
            (Some(start), 0) => asked.start = start,
            (Some(finish), _) => asked.end = finish,
            (None, _) => {}
        }
    }
    if asked.end == ALWAYS.end {
        asked.end = now.map_or(asked.end, |now| now.saturating_add(1));
    }
    if asked.start == ALWAYS.start || asked.end == ALWAYS.end {
        return plan_err!(
            "{GAPFILL_BUCKET} fills a range of time, and this statement does not say from when: \
             add a condition such as time >= now() - INTERVAL '1 day' to WHERE, or give start and \
             finish: {GAPFILL_BUCKET}('1 minute', time, '2026-11-01T00:00:00Z', \
             '2026-11-02T00:00:00Z')"
        );
    }
    Ok(asked)
}

/// What the conditions on the way to the table say of the time.
fn bounds(time: &Expr, input: &LogicalPlan, config: &dyn OptimizerConfig) -> Result<Span> {
    let Expr::Column(column) = time else {
        return plan_err!("the second argument of {GAPFILL_BUCKET} is a column, not {time}");
    };
    let (mut time, mut plan, mut span) = (column.clone(), input, ALWAYS);
    loop {
        let is_time = |expr: &Expr| matches!(expr, Expr::Column(column) if *column == time);
        match plan {
            LogicalPlan::Filter(filter) => {
                let condition = simplified(&filter.predicate, filter.input.schema(), config)?;
                span = within(span, span_of(&condition, &is_time));
                plan = &filter.input;
            }
            LogicalPlan::TableScan(scan) => {
                let holds = scan.filters.iter().map(|filter| span_of(filter, &is_time));
                return Ok(holds.fold(span, within));
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(place) = alias.schema.maybe_index_of_column(&time) else { break };
                time = Column::from(alias.input.schema().qualified_field(place));
                plan = &alias.input;
            }
            LogicalPlan::Projection(projection) => {
                let Some(place) = projection.schema.maybe_index_of_column(&time) else { break };
                let Expr::Column(inner) = projection.expr[place].clone().unalias() else { break };
                time = inner;
                plan = &projection.input;
            }
            _ => break,
        }
    }
    Ok(span)
}

/// With `now()` and the like computed: this comes before the engine does so itself, for it would
/// remove what deals with counts that are NULL.
fn simplified(expr: &Expr, schema: &DFSchemaRef, config: &dyn OptimizerConfig) -> Result<Expr> {
    let context = SimplifyContext::builder()
        .with_schema(schema.clone())
        .with_config_options(config.options())
        .with_query_execution_start_time(config.query_execution_start_time())
        .build();
    ExprSimplifier::new(context).simplify(expr.clone())
}

fn grid(asked: Span, width_ns: i64) -> Result<Grid> {
    let buckets = Buckets { width_ns, origin_ns: 0 };
    let first_ns = buckets.start(asked.start);
    let last_ns = buckets.start(asked.end.saturating_sub(1).max(asked.start));
    let count = (i128::from(last_ns) - i128::from(first_ns)) / i128::from(width_ns) + 1;
    if count > limits::SQL_ROWS_MAX as i128 {
        return plan_err!(
            "{GAPFILL_BUCKET} would make {count} buckets of each series, and {} is the limit; \
             choose larger buckets or less time",
            limits::SQL_ROWS_MAX
        );
    }
    Ok(Grid { first_ns, last_ns, width_ns })
}
