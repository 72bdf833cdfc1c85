//! The gap fill in a plan: over rows of one bucket and one group each.

use super::rule::fill_name;
use super::{Fill, Grid};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Gives the rows of its input, the rows that are missing between them, and a column for each fill.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GapFill {
    pub input: LogicalPlan,
    /// Column of the bucket.
    pub time: Expr,
    /// Columns that tell one series from the other.
    pub keys: Vec<Expr>,
    pub fills: Vec<(Expr, Fill)>,
    pub grid: Grid,
    schema: DFSchemaRef,
}

impl GapFill {
    pub fn new(
        input: LogicalPlan,
        time: Expr,
        keys: Vec<Expr>,
        fills: Vec<(Expr, Fill)>,
        grid: Grid,
    ) -> Result<GapFill> {
        let inner = input.schema();
        let mut fields = Vec::new();
        for (relation, field) in inner.iter() {
            let is_key = |key: &Expr| {
                matches!(key, Expr::Column(key)
                if key.name == *field.name() && key.relation.as_ref() == relation)
            };
            let nullable = field.is_nullable() || !(keys.iter().any(is_key) || is_key(&time));
            let field = field.as_ref().clone().with_nullable(nullable);
            fields.push((relation.cloned(), Arc::new(field)));
        }
        for (argument, fill) in &fills {
            let data_type = match fill {
                Fill::Carry => argument.get_type(inner)?,
                Fill::Interpolate => DataType::Float64,
            };
            let field = Field::new(fill_name(argument, *fill), data_type, true);
            fields.push((None, Arc::new(field)));
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, HashMap::new())?);
        Ok(GapFill { input, time, keys, fills, grid, schema })
    }
}

impl PartialOrd for GapFill {
    fn partial_cmp(&self, other: &GapFill) -> Option<Ordering> {
        let own = (&self.time, &self.keys, &self.fills, self.grid);
        let others = (&other.time, &other.keys, &other.fills, other.grid);
        own.partial_cmp(&others)
            .map(|order| {
                order.then_with(|| self.input.partial_cmp(&other.input).unwrap_or(Ordering::Equal))
            })
            .filter(|order| order.is_ne() || self == other)
    }
}

impl UserDefinedLogicalNodeCore for GapFill {
    fn name(&self) -> &str {
        "GapFill"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let fills = self.fills.iter().map(|(argument, _)| argument);
        std::iter::once(&self.time).chain(&self.keys).chain(fills).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let seconds = self.grid.width_ns as f64 / 1e9;
        write!(f, "GapFill: {} every {seconds} s", self.time)?;
        self.keys.iter().try_for_each(|key| write!(f, ", {key}"))?;
        self.fills.iter().try_for_each(|(argument, fill)| write!(f, ", {fill:?}({argument})"))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<GapFill> {
        let mut exprs = exprs.into_iter();
        let (Some(time), Some(input)) = (exprs.next(), inputs.into_iter().next()) else {
            return internal_err!("a gap fill has a time and an input");
        };
        let keys = exprs.by_ref().take(self.keys.len()).collect();
        let fills = exprs.zip(&self.fills).map(|(argument, (_, fill))| (argument, *fill)).collect();
        let schema = self.schema.clone();
        Ok(GapFill { input, time, keys, fills, grid: self.grid, schema })
    }
}
