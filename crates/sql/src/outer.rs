//! Sub-queries in the condition of an outer join, which the engine leaves where they are and cannot run: a
//! condition on the side that gives way is a filter of that side, and `IN (SELECT …)` a column that says
//! whether there is a partner.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Subquery,
    col,
};
use datafusion::optimizer::AnalyzerRule;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the engine's rules begin.
pub fn first_of(
    mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    rules.insert(0, Arc::new(SubqueriesOfOuterJoins::default()));
    rules
}

#[derive(Debug, Default)]
struct SubqueriesOfOuterJoins {
    /// For names that nothing else has.
    count: AtomicUsize,
}

impl AnalyzerRule for SubqueriesOfOuterJoins {
    fn name(&self) -> &str {
        "subqueries_of_outer_joins"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let made = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) if is_outer(join.join_type) && asks(join.filter.as_ref())? => {
                self.rewritten(join)
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(made.data)
    }
}

fn is_outer(kind: JoinType) -> bool {
    matches!(kind, JoinType::Left | JoinType::Right | JoinType::Full)
}

fn asks(filter: Option<&Expr>) -> Result<bool> {
    match filter {
        Some(filter) => filter.exists(|expr| Ok(subquery(expr).is_some())),
        None => Ok(false),
    }
}

fn subquery(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::InSubquery(within) => Some(&within.subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::SetComparison(compared) => Some(&compared.subquery),
        _ => None,
    }
}

impl SubqueriesOfOuterJoins {
    fn rewritten(&self, mut join: Join) -> Result<Transformed<LogicalPlan>> {
        let columns = join.schema.columns();
        let (left_before, right_before) = (join.left.schema().clone(), join.right.schema().clone());
        let mut kept = Vec::new();
        let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
        for part in join.filter.take().map(split_conjunction_owned).unwrap_or_default() {
            let own = asks(Some(&part))?;
            match join.join_type {
                JoinType::Left if own && is_of(&part, &right_before)? => of_right.push(part),
                JoinType::Right if own && is_of(&part, &left_before)? => of_left.push(part),
                _ if own => kept.push(self.marked(part, &mut join)?),
                _ => kept.push(part),
            }
        }
        for (side, parts) in [(&mut join.left, of_left), (&mut join.right, of_right)] {
            if let Some(condition) = conjunction(parts) {
                *side = Arc::new(LogicalPlan::Filter(Filter::try_new(condition, side.clone())?));
            }
        }
        let grown =
            join.left.schema().fields().len() + join.right.schema().fields().len() > columns.len();
        let plan = LogicalPlan::Join(Join::try_new(
            join.left,
            join.right,
            join.on,
            conjunction(kept),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?);
        let plan = match grown {
            true => LogicalPlanBuilder::from(plan)
                .project(columns.into_iter().map(Expr::Column))?
                .build()?,
            false => plan,
        };
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Continue))
    }

    /// The condition with a column for each `IN (SELECT …)`, which the side then has that it is of. Only under
    /// AND and OR: the column says no where `IN` may be NULL, which is the same there, and not below NOT.
    fn marked(&self, part: Expr, join: &mut Join) -> Result<Expr> {
        match part {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::And | Operator::Or),
                right,
            }) => {
                let (left, right) = (self.marked(*left, join)?, self.marked(*right, join)?);
                Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated: false })
                if subquery.outer_ref_columns.is_empty() =>
            {
                let side = match () {
                    () if is_of(&expr, join.left.schema())? => &mut join.left,
                    () if is_of(&expr, join.right.schema())? => &mut join.right,
                    () => {
                        let within = InSubquery { expr, subquery, negated: false };
                        return Ok(Expr::InSubquery(within));
                    }
                };
                let name = format!("__in_{}", self.count.fetch_add(1, Ordering::Relaxed));
                let listed = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone())
                    .alias(name.as_str())?
                    .build()?;
                let column = Expr::Column(Column::from(listed.schema().qualified_field(0)));
                *side = Arc::new(
                    LogicalPlanBuilder::from(side.as_ref().clone())
                        .join_on(listed, JoinType::LeftMark, [(*expr).eq(column)])?
                        .build()?,
                );
                Ok(col(Column::new(Some(name), "mark")))
            }
            other => Ok(other),
        }
    }
}

/// Whether it speaks of nothing but columns of this side.
fn is_of(expr: &Expr, side: &DFSchema) -> Result<bool> {
    let mut named: HashSet<Column> = expr.column_refs().into_iter().cloned().collect();
    expr.apply(|part| {
        for outer in subquery(part).into_iter().flat_map(|query| &query.outer_ref_columns) {
            if let Expr::OuterReferenceColumn(_, column) = outer {
                named.insert(column.clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(!named.is_empty() && named.iter().all(|column| side.has_column(column)))
}
