//! Makes expressions of templates: SQL of ours with `$1`, `$2` … where the parts go.

use datafusion::sql::sqlparser::ast::{Expr, Value};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;
use tagwerk_sql::walk::visit_expressions_mut;

/// `None`, when the template is wrong: a mistake that the tests find.
pub fn fill(template: &str, parts: &[Expr]) -> Option<Expr> {
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(template).ok()?;
    let mut made = parser.parse_expr().ok()?;
    let mut complete = true;
    let _: ControlFlow<()> = visit_expressions_mut(&mut made, |expr| {
        if let Some(place) = placeholder(expr) {
            match parts.get(place - 1) {
                Some(part) => *expr = part.clone(),
                None => complete = false,
            }
        }
        ControlFlow::Continue(())
    });
    complete.then_some(made)
}

/// How often each part stands in a template.
pub fn uses(template: &str, place: usize) -> usize {
    template.matches(&format!("${place}")).count()
}

fn placeholder(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(text) = &value.value else { return None };
    text.strip_prefix('$')?.parse().ok().filter(|place| *place > 0)
}

pub fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

pub fn number(value: i64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

pub fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

pub fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

pub fn whole(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

pub fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Number(..)))
}

pub fn boolean(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        },
        _ => None,
    }
}

/// Takes brackets away that say nothing.
pub fn bare(expr: &mut Expr) {
    while let Expr::Nested(inner) = expr {
        *expr = std::mem::replace(&mut **inner, null());
    }
}

/// The same within an expression, where what is in them is one thing.
pub fn bare_within(expr: &mut Expr) -> ControlFlow<()> {
    if let Expr::Nested(inner) = expr
        && matches!(
            **inner,
            Expr::Identifier(_)
                | Expr::CompoundIdentifier(_)
                | Expr::Value(_)
                | Expr::Function(_)
                | Expr::Cast { .. }
                | Expr::Nested(_)
        )
    {
        *expr = std::mem::replace(&mut **inner, null());
    }
    ControlFlow::Continue(())
}
