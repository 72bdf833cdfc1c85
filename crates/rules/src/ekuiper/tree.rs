//! Looks at the tree of a statement: columns and their parts, calls, and what operands say of columns.

use super::build;
use super::functions::{self, AGGREGATES, name_of};
use super::lists;
use super::report::Note;
use super::statement::Translator;
use super::stream::Kind;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, GroupByExpr, Select, Spanned, Subscript, UnaryOperator,
    Value, Visitor, VisitorMut,
};
use std::ops::ControlFlow;
use tagwerk_sql::walk::visit;

/// Whether rows of a window are put together.
pub fn is_aggregated(select: &Select) -> bool {
    struct Calls(bool);
    impl Visitor for Calls {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Function(call) = expr {
                let name = name_of(call);
                let plain = name.strip_prefix("inc_").unwrap_or(&name);
                let others = ["stddevs", "var", "vars", "percentile", "collect"];
                self.0 |= AGGREGATES.contains(&plain) || others.contains(&plain);
            }
            ControlFlow::Continue(())
        }
    }
    let mut calls = Calls(false);
    let _ = visit(&select.projection, &mut calls);
    let _ = visit(&select.having, &mut calls);
    let keyed = matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if !keys.is_empty());
    calls.0 || keyed
}

/// The names that lead to a column, or to a part of it.
pub fn path(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Identifier(name) => Some(vec![name.value.clone()]),
        Expr::CompoundIdentifier(parts) => {
            Some(parts.iter().map(|part| part.value.clone()).collect())
        }
        Expr::BinaryOp { left, op: BinaryOperator::Arrow, right } => {
            let mut all = path(left)?;
            all.extend(path(right)?);
            Some(all)
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let mut all = path(root)?;
            for access in access_chain {
                match access {
                    AccessExpr::Dot(expr) => all.extend(path(expr)?),
                    AccessExpr::Subscript(Subscript::Index { index }) => {
                        all.push(build::whole(index)?.to_string());
                    }
                    AccessExpr::Subscript(_) => return None,
                }
            }
            Some(all)
        }
        _ => None,
    }
}

impl VisitorMut for Translator<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(path) = path(expr) {
            let at = expr.span().start;
            *expr = self.resolved(&path, at);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let at = expr.span().start;
        if let Expr::CompoundFieldAccess { root, access_chain } = &*expr
            && let Some(made) = lists::part(root, access_chain, self)
        {
            *expr = made;
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Function(call) => {
                if let Some(made) = functions::translate(call, self) {
                    *expr = made;
                }
            }
            Expr::CompoundFieldAccess { .. } | Expr::BinaryOp { op: BinaryOperator::Arrow, .. } => {
                let text = "a part of a list or of a record has no counterpart here";
                self.lost(Note::lost(text, "make a tag of the value").at(at));
            }
            Expr::BinaryOp { left, op, right } => {
                if *op == BinaryOperator::BitwiseXor {
                    *op = BinaryOperator::PGBitwiseXor;
                }
                self.hint_operands(left, op, right);
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                self.hint(inner, Kind::Bool);
            }
            Expr::Between { expr: inner, low, .. } if build::is_number(low) => {
                self.hint(inner, Kind::Float);
            }
            Expr::Like { expr: inner, .. } => {
                self.hint(inner, Kind::Text);
            }
            Expr::InList { expr: inner, list, .. }
                if list.iter().any(|item| build::literal(item).is_some()) =>
            {
                self.hint(inner, Kind::Text);
            }
            Expr::Case { operand: Some(operand), conditions, .. }
                if conditions.iter().any(|when| build::literal(&when.condition).is_some()) =>
            {
                self.hint(operand, Kind::Text);
            }
            Expr::Value(value) => {
                if let Value::DoubleQuotedString(text) = &mut value.value {
                    value.value = Value::SingleQuotedString(std::mem::take(text));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Translator<'_> {
    fn hint_operands(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            self.hint(left, Kind::Bool);
            self.hint(right, Kind::Bool);
            return;
        }
        let arithmetic = matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
        );
        for (one, other) in [(left, right), (right, left)] {
            if arithmetic || build::is_number(other) {
                self.hint(one, Kind::Float);
            } else if build::literal(other).is_some() {
                self.hint(one, Kind::Text);
            } else if build::boolean(other).is_some() {
                self.hint(one, Kind::Bool);
            }
        }
    }
}
