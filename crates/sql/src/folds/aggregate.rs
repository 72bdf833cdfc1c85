//! Which aggregates folds can answer, and how their parts make them up.

use super::FOLDS;
use super::asked::{Argument, Asked};
use super::table::{Column, Part, Whose};
use crate::functions::{Course, of_stretches};
use arrow::datatypes::DataType;
use datafusion::common::{Column as Named, Result, TableReference};
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::expr::{AggregateFunction, Cast};
use datafusion::logical_expr::{AggregateUDF, Expr, cast, lit, when};
use std::sync::Arc;
use tagwerk_historian::Need;
use tagwerk_model::Kind;

/// Aggregates over folds, as they are asked for.
pub struct Aggregates<'a> {
    asked: Asked<'a>,
    /// Each under the name of its place.
    pub parts: Vec<Expr>,
    known: Vec<Expr>,
    columns: Vec<Column>,
    pub need: Need,
}

impl<'a> Aggregates<'a> {
    pub fn new(asked: Asked<'a>) -> Aggregates<'a> {
        let (parts, known, columns) = (Vec::new(), Vec::new(), Vec::new());
        Aggregates { asked, parts, known, columns, need: Need::default() }
    }

    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        self.columns.iter().copied()
    }

    /// An expression over the parts that is the aggregate; none when folds do not tell it.
    pub fn output(&mut self, expr: &Expr) -> Result<Option<Expr>> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else {
            return Ok(None);
        };
        let plain = !params.distinct
            && params.filter.is_none()
            && params.order_by.is_empty()
            && params.null_treatment.is_none();
        let argument = |expr| self.argument(expr);
        let arguments: Option<Vec<Argument>> = params.args.iter().map(argument).collect();
        let Some(arguments) = arguments.filter(|_| plain) else { return Ok(None) };
        use Argument::{Constant, Present, Time, Value};
        Ok(match (func.name(), &arguments[..]) {
            ("count", [Time | Present | Constant(_)]) if !self.asked.counts_rows() => None,
            ("count", [Time | Present]) => Some(self.count(Column::Samples)?),
            ("count", [Constant(expr)]) if !may_be_null(expr) => Some(self.count(Column::Samples)?),
            ("count", [Value(whose)]) => Some(self.count(Column::Of(*whose, Part::Usable))?),
            ("min", [Time]) => Some(self.over(Column::MinTime, min)),
            ("max", [Time]) => Some(self.over(Column::MaxTime, max)),
            ("min" | "max", [Constant(expr)]) => {
                let of_folds = self.requalified(expr);
                Some(self.part(call(func, vec![of_folds])))
            }
            ("min", [Value(whose)]) if whose.is_ordered() => {
                Some(self.over(Column::Of(*whose, Part::Min), min))
            }
            ("max", [Value(whose)]) if whose.is_ordered() => {
                Some(self.over(Column::Of(*whose, Part::Max), max))
            }
            ("sum", [Value(whose)]) if whose.is_double() => {
                Some(self.over(Column::Of(*whose, Part::Sum), sum))
            }
            ("avg", [Value(whose)]) if whose.is_double() => {
                let total = self.over(Column::Of(*whose, Part::Sum), sum);
                let count = self.over(Column::Of(*whose, Part::Usable), sum);
                Some(total / cast(count, DataType::Float64))
            }
            ("first", [Value(whose), Time]) if whose.is_ordered() => {
                Some(self.end(func, *whose, Part::First, Part::FirstAt))
            }
            ("last", [Value(whose), Time]) if whose.is_ordered() => {
                Some(self.end(func, *whose, Part::Last, Part::LastAt))
            }
            ("time_weighted_average", [Time, Value(whose)]) if whose.is_double() => {
                Some(self.stretches(of_stretches(Course::TimeWeightedAverage), *whose))
            }
            ("seconds_where", [Time, Value(whose)]) if whose.is_double() => {
                Some(self.stretches(of_stretches(Course::SecondsWhere), *whose))
            }
            _ => None,
        })
    }

    fn argument(&self, expr: &Expr) -> Option<Argument> {
        Some(match expr {
            Expr::Literal(..) => Argument::Constant(expr.clone()),
            Expr::Column(column) => self.asked.argument(&column.name)?,
            Expr::Cast(Cast { expr, field }) if *field.data_type() == DataType::Float64 => {
                let Expr::Column(column) = expr.as_ref() else { return None };
                match self.asked.argument(&column.name)? {
                    Argument::Value(whose) => Argument::Value(whose.as_double()?),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn column(&mut self, column: Column) -> Expr {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
        Expr::Column(Named::new(Some(TableReference::bare(FOLDS)), column.name()))
    }

    fn requalified(&mut self, expr: &Expr) -> Expr {
        match expr {
            Expr::Column(column) => match Column::key(&column.name) {
                Some(key) => self.column(key),
                None => expr.clone(),
            },
            other => other.clone(),
        }
    }

    /// The aggregate over folds as a column behind it.
    fn part(&mut self, expr: Expr) -> Expr {
        let place = self.known.iter().position(|known| *known == expr).unwrap_or_else(|| {
            self.parts.push(expr.clone().alias(format!("part {}", self.known.len())));
            self.known.push(expr);
            self.known.len() - 1
        });
        Expr::Column(Named::new_unqualified(format!("part {place}")))
    }

    fn over(&mut self, column: Column, aggregate: fn(Expr) -> Expr) -> Expr {
        let column = self.column(column);
        self.part(aggregate(column))
    }

    /// A count of nothing is 0, a sum of nothing is not.
    fn count(&mut self, column: Column) -> Result<Expr> {
        let sum = self.over(column, sum);
        when(sum.clone().is_not_null(), sum).otherwise(lit(0i64))
    }

    fn end(&mut self, func: &Arc<AggregateUDF>, whose: Whose, value: Part, at: Part) -> Expr {
        self.need.ends = true;
        let arguments =
            vec![self.column(Column::Of(whose, value)), self.column(Column::Of(whose, at))];
        self.part(call(func, arguments))
    }

    fn stretches(&mut self, func: Arc<AggregateUDF>, whose: Whose) -> Expr {
        self.need = Need { ends: true, area: true, ..self.need };
        let parts = [Part::FirstAt, Part::First, Part::LastAt, Part::Last, Part::Area];
        let arguments = parts.map(|part| self.column(Column::Of(whose, part))).to_vec();
        self.part(call(&func, arguments))
    }
}

fn call(func: &Arc<AggregateUDF>, arguments: Vec<Expr>) -> Expr {
    let call = AggregateFunction::new_udf(func.clone(), arguments, false, None, vec![], None);
    Expr::AggregateFunction(call)
}

fn may_be_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

impl Whose {
    /// It has an order that folds know.
    fn is_ordered(self) -> bool {
        match self {
            Whose::Number | Whose::Double(_) => true,
            Whose::Exact(kind) | Whose::Tag { kind, .. } => {
                matches!(kind, Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64)
            }
        }
    }

    /// The same converted; texts may or may not stand for a number.
    fn as_double(self) -> Option<Whose> {
        let double = match self {
            Whose::Number => self,
            Whose::Exact(kind) | Whose::Double(kind) => Whose::Double(kind),
            Whose::Tag { place, kind, .. } => Whose::Tag { place, kind, as_double: true },
        };
        double.is_double().then_some(double)
    }

    /// Doubles, of which folds have the sum.
    fn is_double(self) -> bool {
        match self {
            Whose::Number => true,
            Whose::Double(kind) | Whose::Tag { kind, as_double: true, .. } => {
                matches!(kind, Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64)
            }
            Whose::Exact(kind) | Whose::Tag { kind, .. } => kind == Kind::F64,
        }
    }
}
