//! What a statement takes and gives, known before it runs.

use super::{Ask, Parameter, ParameterKind};
use crate::error::SqlError;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;

#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Kinds of the parameters that were found where nobody said one, and what was said otherwise.
    pub parameters: Vec<ParameterKind>,
    pub schema: SchemaRef,
}

/// Plans without running. A kind that nobody said is taken from what the parameter stands beside.
pub async fn of(
    state: &SessionState,
    ask: &Ask,
    said: &[ParameterKind],
) -> Result<Shape, SqlError> {
    let kind = |at: usize| said.get(at).copied().unwrap_or(ParameterKind::Unknown);
    let kinds: Vec<ParameterKind> = (0..ask.parameters()).map(kind).collect();
    let mut found = kinds.clone();
    if kinds.contains(&ParameterKind::Unknown) {
        let open = |kind: &ParameterKind| {
            (*kind != ParameterKind::Unknown).then(|| Parameter::null(*kind))
        };
        let partly = ask.bound(&kinds.iter().map(open).collect::<Vec<_>>())?;
        // Where it cannot be told, a text is what everybody can send.
        let types = plan(state, partly).await.ok();
        let types = types.and_then(|plan| plan.get_parameter_types().ok()).unwrap_or_default();
        for (at, kind) in found.iter_mut().enumerate() {
            if *kind == ParameterKind::Unknown {
                let known: Option<&DataType> =
                    types.get(&format!("${}", at + 1)).and_then(Option::as_ref);
                *kind = known.map_or(ParameterKind::Text, ParameterKind::of);
            }
        }
    }
    let nulls: Vec<_> = found.iter().map(|kind| Some(Parameter::null(*kind))).collect();
    let plan = plan(state, ask.bound(&nulls)?).await?;
    let plan = state.optimize(&plan).unwrap_or(plan);
    Ok(Shape { parameters: found, schema: std::sync::Arc::new(plan.schema().as_arrow().clone()) })
}

async fn plan(state: &SessionState, ask: Ask) -> Result<LogicalPlan, SqlError> {
    let plan = state.statement_to_plan(ask.into_statement()).await?;
    crate::engine::allowed(&plan)?;
    Ok(plan)
}
