//! Parameters: values that stand for `$1` and so on. Each becomes a literal of its type in the tree of
//! the statement, so that nothing in a value is ever read as SQL.

use super::Ask;
use crate::error::{Fault, SqlError};
use crate::walk::visit_mut;
use arrow::datatypes::DataType as ArrowType;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, TimezoneInfo, Value, VisitorMut,
};
use std::ops::ControlFlow;

/// What a parameter is, as far as statements tell kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Nobody said: a text that takes the type of what it stands beside.
    Unknown,
    Text,
    Bool,
    Int,
    Float,
    Numeric,
    TimestampTz,
    Timestamp,
    Date,
    Interval,
    Bytes,
}

/// A value as text, or NULL; bytes as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub kind: ParameterKind,
    pub text: Option<String>,
}

impl Parameter {
    /// Stands for a value that is not known yet.
    pub fn null(kind: ParameterKind) -> Parameter {
        Parameter { kind, text: None }
    }

    fn literal(&self) -> Result<Expr, SqlError> {
        let Some(text) = &self.text else {
            let null = value(Value::Null);
            return Ok(match self.kind.sql() {
                Some(data_type) => cast(null, data_type),
                None => null,
            });
        };
        let wrong = |what: &str| {
            let shown: String = text.chars().take(40).collect();
            Err(SqlError::new(Fault::Statement, format!("a parameter is no {what}: \"{shown}\"")))
        };
        let quoted = || value(Value::SingleQuotedString(text.clone()));
        Ok(match self.kind {
            ParameterKind::Unknown | ParameterKind::Text => quoted(),
            ParameterKind::Bool => match text.trim().to_ascii_lowercase().as_str() {
                "t" | "true" | "y" | "yes" | "on" | "1" => value(Value::Boolean(true)),
                "f" | "false" | "n" | "no" | "off" | "0" => value(Value::Boolean(false)),
                _ => return wrong("boolean"),
            },
            ParameterKind::Int | ParameterKind::Numeric => {
                let plain = text.trim();
                let exact = plain.parse::<i64>().is_ok() || plain.parse::<u64>().is_ok();
                match (exact, self.kind, plain.parse::<f64>()) {
                    (true, ..) => value(Value::Number(plain.to_owned(), false)),
                    (false, ParameterKind::Numeric, Ok(_)) => cast(quoted(), double()),
                    (false, ParameterKind::Numeric, Err(_)) => return wrong("number"),
                    (false, ..) => return wrong("integer of 64 bits"),
                }
            }
            ParameterKind::Bytes => value(Value::HexStringLiteral(text.clone())),
            _ => match self.kind.sql() {
                Some(data_type) => cast(quoted(), data_type),
                None => quoted(),
            },
        })
    }
}

impl ParameterKind {
    /// The kind of a column's type.
    pub fn of(data_type: &ArrowType) -> ParameterKind {
        match data_type {
            ArrowType::Boolean => ParameterKind::Bool,
            ArrowType::UInt64 | ArrowType::Decimal128(..) => ParameterKind::Numeric,
            ArrowType::Float16 | ArrowType::Float32 | ArrowType::Float64 => ParameterKind::Float,
            integer if integer.is_integer() => ParameterKind::Int,
            ArrowType::Timestamp(_, Some(_)) => ParameterKind::TimestampTz,
            ArrowType::Timestamp(_, None) => ParameterKind::Timestamp,
            ArrowType::Date32 | ArrowType::Date64 => ParameterKind::Date,
            ArrowType::Interval(_) => ParameterKind::Interval,
            ArrowType::Binary | ArrowType::LargeBinary => ParameterKind::Bytes,
            _ => ParameterKind::Text,
        }
    }

    fn sql(self) -> Option<DataType> {
        Some(match self {
            ParameterKind::Unknown => return None,
            ParameterKind::Text => DataType::Varchar(None),
            ParameterKind::Bool => DataType::Boolean,
            ParameterKind::Int => DataType::BigInt(None),
            ParameterKind::Float => double(),
            ParameterKind::Numeric => DataType::Numeric(ExactNumberInfo::PrecisionAndScale(38, 10)),
            ParameterKind::TimestampTz => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
            ParameterKind::Timestamp => DataType::Timestamp(None, TimezoneInfo::None),
            ParameterKind::Date => DataType::Date,
            ParameterKind::Interval => DataType::Interval { fields: None, precision: None },
            ParameterKind::Bytes => DataType::Bytea,
        })
    }
}

fn double() -> DataType {
    DataType::DoublePrecision
}

fn value(value: Value) -> Expr {
    Expr::Value(value.into())
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    let expr = Box::new(expr);
    Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None }
}

/// The number of `$1`.
pub fn number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

impl Ask {
    /// The statement with values for its parameters; where there is none, the parameter stays.
    pub(crate) fn bound(&self, values: &[Option<Parameter>]) -> Result<Ask, SqlError> {
        let mut ask = self.clone();
        let literals =
            values.iter().map(|value| value.as_ref().map(Parameter::literal).transpose());
        let mut bind = Bind { literals: literals.collect::<Result<Vec<_>, _>>()? };
        // It never breaks off.
        let _ = visit_mut(&mut ask.statement, &mut bind);
        super::rewrite::lists(&mut ask.statement);
        Ok(ask)
    }
}

struct Bind {
    literals: Vec<Option<Expr>>,
}

impl VisitorMut for Bind {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let literal = number(expr).and_then(|number| self.literals.get(number.checked_sub(1)?));
        if let Some(Some(literal)) = literal {
            *expr = literal.clone();
        }
        ControlFlow::Continue(())
    }
}
