//! Unsigned 64-bit numbers beside whole numbers that the statement writes stay what they are: the engine
//! takes both for signed ones, and makes decimals of them, which no tag is.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// The engine with both rules.
pub fn with_unsigned(state: SessionState) -> Result<SessionState> {
    let mut rules = state.analyzer().rules.clone();
    // Before types are made the same.
    rules.insert(0, Arc::new(Unsigned));
    let mut state =
        SessionStateBuilder::new_from_existing(state).with_analyzer_rules(rules).build();
    state.register_expr_planner(Arc::new(Unsigned))?;
    Ok(state)
}

#[derive(Debug)]
struct Unsigned;

impl ExprPlanner for Unsigned {
    /// What a sum, a product or a remainder comes to is unsigned, exactly or not at all. A difference may be
    /// below zero, and a quotient is a fraction.
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match raw.op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Modulo => Operator::Modulo,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        if !is_unsigned(&raw.left, op, &raw.right, schema) {
            return Ok(PlannerResult::Original(raw));
        }
        let made = Expr::BinaryExpr(BinaryExpr::new(Box::new(raw.left), op, Box::new(raw.right)));
        Ok(PlannerResult::Planned(cast(made, DataType::UInt64)))
    }
}

/// A sum, a product or a remainder of an unsigned number and one that is written.
fn is_unsigned(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> bool {
    let other = match (unsigned(left), unsigned(right)) {
        (Some(_), None) => right,
        (None, Some(_)) => left,
        _ => return false,
    };
    matches!(op, Operator::Plus | Operator::Multiply | Operator::Modulo)
        // What is wrong with it, the engine says better, and where.
        && other.get_type(schema).is_ok_and(|own| own == DataType::UInt64)
}

/// A whole number that is not negative, as an unsigned one.
fn unsigned(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(ScalarValue::Int64(Some(number)), metadata) = expr else { return None };
    let number = u64::try_from(*number).ok()?;
    Some(Expr::Literal(ScalarValue::UInt64(Some(number)), metadata.clone()))
}

/// Functions that give one of their arguments.
const CHOOSING: [&str; 5] = ["coalesce", "nvl", "ifnull", "greatest", "least"];

impl AnalyzerRule for Unsigned {
    fn name(&self) -> &str {
        "unsigned_literals"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if plan.exists(|node| Ok(!node.all_out_ref_exprs().is_empty()))? {
            // Types of columns outside are fixed already.
            return Ok(plan);
        }
        Ok(plan.transform_up_with_subqueries(chosen_within)?.data)
    }
}

fn chosen_within(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = DFSchema::empty();
    for input in plan.inputs() {
        schema.merge(input.schema());
    }
    let schema: DFSchemaRef = Arc::new(schema);
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let made = expr.transform_up(|expr| chosen(expr, &schema))?;
        Ok(made.update_data(|expr| name.restore(expr)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

/// A choice between unsigned numbers and such that are written.
fn chosen(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(mut call) if CHOOSING.contains(&call.name()) => {
            let changed = all_unsigned(call.args.iter_mut().collect(), schema);
            Ok(Transformed::new(Expr::ScalarFunction(call), changed, TreeNodeRecursion::Continue))
        }
        Expr::Case(mut case) => {
            let then = case.when_then_expr.iter_mut().map(|(_, then)| &mut **then);
            let all = then.chain(case.else_expr.iter_mut().map(|expr| &mut **expr)).collect();
            let changed = all_unsigned(all, schema);
            Ok(Transformed::new(Expr::Case(case), changed, TreeNodeRecursion::Continue))
        }
        // Of what only now is unsigned.
        Expr::BinaryExpr(of) if is_unsigned(&of.left, of.op, &of.right, schema) => {
            Ok(Transformed::yes(cast(Expr::BinaryExpr(of), DataType::UInt64)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Where all are unsigned, NULL or written, those that are written become unsigned.
fn all_unsigned(mut parts: Vec<&mut Expr>, schema: &DFSchema) -> bool {
    let mut is_unsigned = false;
    for part in &parts {
        match part.get_type(schema) {
            Ok(DataType::UInt64) => is_unsigned = true,
            Ok(DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::Null) => {}
            Ok(DataType::Int64) if unsigned(part).is_some() => {}
            _ => return false,
        }
    }
    if !is_unsigned {
        return false;
    }
    let mut changed = false;
    for part in &mut parts {
        if let Some(made) = unsigned(part) {
            **part = made;
            changed = true;
        }
    }
    changed
}
