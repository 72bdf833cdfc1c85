//! Neuron's stream: a row says its node and its group, and its tags lie in `values`. Here each node is a
//! device with a table of its own.

use super::build;
use super::tree::path;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

/// What a part of such a row is.
pub enum Part {
    /// A tag, which is a column here.
    Tag(Vec<String>),
    Node,
    Group,
    /// Milliseconds since 1970.
    Time,
    /// Without a counterpart.
    Errors,
}

pub fn part(path: &[String]) -> Part {
    match (path.first().map(String::as_str), path.len()) {
        (Some("values" | "tags"), 2..) => Part::Tag(path[1..].to_vec()),
        (Some("node_name" | "node"), 1) => Part::Node,
        (Some("group_name" | "group"), 1) => Part::Group,
        (Some("timestamp"), 1) => Part::Time,
        (Some("errors" | "metas" | "values"), _) => Part::Errors,
        _ => Part::Tag(path.to_vec()),
    }
}

/// What a statement's WHERE says of a node or a group: with what stands before its name, if anything.
pub struct Condition {
    pub qualifier: Option<String>,
    pub node: bool,
    pub value: String,
}

/// Takes conditions on nodes and groups out of WHERE, where all of them must hold.
pub fn conditions(selection: &mut Option<Expr>) -> Vec<Condition> {
    let mut found = Vec::new();
    if let Some(expr) = selection.take() {
        *selection = without(expr, &mut found);
    }
    found
}

fn without(expr: Expr, found: &mut Vec<Condition>) -> Option<Expr> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            match (without(*left, found), without(*right, found)) {
                (Some(left), Some(right)) => Some(Expr::BinaryOp {
                    left: Box::new(left),
                    op: BinaryOperator::And,
                    right: Box::new(right),
                }),
                (left, right) => left.or(right),
            }
        }
        Expr::Nested(inner) => without(*inner, found).map(|rest| match rest {
            rest @ Expr::Nested(_) => rest,
            rest => Expr::Nested(Box::new(rest)),
        }),
        expr => match condition(&expr) {
            Some(condition) => {
                found.push(condition);
                None
            }
            None => Some(expr),
        },
    }
}

fn condition(expr: &Expr) -> Option<Condition> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return None };
    let (named, value) = match (build::literal(left), build::literal(right)) {
        (None, Some(value)) => (path(left)?, value),
        (Some(value), None) => (path(right)?, value),
        _ => return None,
    };
    let node = match named.last().map(String::as_str) {
        Some("node_name") => true,
        Some("group_name") => false,
        _ => return None,
    };
    let qualifier = match named.len() {
        1 => None,
        2 => named.first().cloned(),
        _ => return None,
    };
    Some(Condition { qualifier, node, value: value.to_owned() })
}
