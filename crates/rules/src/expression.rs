//! Expressions over the columns of a table, compiled.

use crate::finding::Finding;
use crate::program::{Physical, Planner};
use datafusion::common::DFSchema;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::{self, Expr};
use std::sync::Arc;

impl Planner {
    /// An expression by itself.
    pub(crate) fn expression(
        &self,
        text: &str,
        expr: &Expr,
        schema: &DFSchema,
    ) -> Result<Physical, Finding> {
        let used = self.used(text);
        if used.is_empty() {
            return expression(&self.state, expr, schema);
        }
        let mut state = self.state.clone();
        used.register(&mut state)?;
        expression(&state, expr, schema)
    }
}

pub fn expression(
    state: &SessionState,
    expr: &Expr,
    schema: &DFSchema,
) -> Result<Physical, Finding> {
    let placed = |finding: Finding| match finding.line {
        _ if finding.problem.contains("AggregateFunction(") => {
            let remedy = "let a rule compute the aggregate, and read that rule";
            Finding::at(expr, "an aggregate cannot stand here", remedy)
        }
        1 if finding.column == 1 => {
            Finding { remedy: finding.remedy, ..Finding::at(expr, finding.problem, "") }
        }
        _ => finding,
    };
    let logical = state
        .create_logical_expr_from_sql_expr(
            ast::ExprWithAlias { expr: expr.clone(), alias: None },
            schema,
        )
        .map_err(|error| placed(error.into()))?;
    // Some functions, such as coalesce, are only there until they are simplified.
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(state.config_options().clone())
        .build();
    let simplifier = ExprSimplifier::new(context);
    let simple = simplifier.coerce(logical, schema).and_then(|expr| simplifier.simplify(expr));
    let physical = simple.and_then(|expr| state.create_physical_expr(expr, schema));
    physical.map_err(|error| placed(error.into()))
}
