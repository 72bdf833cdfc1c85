//! Walks through the tree of a statement. The parser makes its walk anew for each type of visitor: two
//! hundred kilobytes of code, for a thousand types of nodes. Here all visitors go by the same two.

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut,
    Visitor, VisitorMut,
};
use std::ops::ControlFlow;

pub fn visit<V: Visitor>(node: &impl Visit, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut held = Held { visitor, broken: None };
    let _ = node.visit(&mut Any(&mut held));
    held.broken.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

pub fn visit_mut<V: VisitorMut>(
    node: &mut impl VisitMut,
    visitor: &mut V,
) -> ControlFlow<V::Break> {
    let mut held = HeldMut { visitor, broken: None };
    let _ = node.visit(&mut AnyMut(&mut held));
    held.broken.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

/// Each expression, before those in it.
pub fn visit_expressions<B>(
    node: &impl Visit,
    each: impl FnMut(&Expr) -> ControlFlow<B>,
) -> ControlFlow<B> {
    struct Each<F>(F);

    impl<B, F: FnMut(&Expr) -> ControlFlow<B>> Visitor for Each<F> {
        type Break = B;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<B> {
            self.0(expr)
        }
    }

    visit(node, &mut Each(each))
}

/// Each expression, behind those in it.
pub fn visit_expressions_mut<B>(
    node: &mut impl VisitMut,
    each: impl FnMut(&mut Expr) -> ControlFlow<B>,
) -> ControlFlow<B> {
    struct Each<F>(F);

    impl<B, F: FnMut(&mut Expr) -> ControlFlow<B>> VisitorMut for Each<F> {
        type Break = B;

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<B> {
            self.0(expr)
        }
    }

    visit_mut(node, &mut Each(each))
}

/// Keeps what the visitor breaks off with.
struct Held<'a, V: Visitor> {
    visitor: &'a mut V,
    broken: Option<V::Break>,
}

struct HeldMut<'a, V: VisitorMut> {
    visitor: &'a mut V,
    broken: Option<V::Break>,
}

struct Any<'a>(&'a mut dyn Visitor<Break = ()>);
struct AnyMut<'a>(&'a mut dyn VisitorMut<Break = ()>);

fn hold<B>(flow: ControlFlow<B>, broken: &mut Option<B>) -> ControlFlow<()> {
    flow.map_break(|with| *broken = Some(with))
}

macro_rules! passes_on {
    ($($method:ident: $node:ty),* $(,)?) => {
        impl<V: Visitor> Visitor for Held<'_, V> {
            type Break = ();
            $(fn $method(&mut self, node: &$node) -> ControlFlow<()> {
                hold(self.visitor.$method(node), &mut self.broken)
            })*
        }

        impl<V: VisitorMut> VisitorMut for HeldMut<'_, V> {
            type Break = ();
            $(fn $method(&mut self, node: &mut $node) -> ControlFlow<()> {
                hold(self.visitor.$method(node), &mut self.broken)
            })*
        }

        impl Visitor for Any<'_> {
            type Break = ();
            $(fn $method(&mut self, node: &$node) -> ControlFlow<()> {
                self.0.$method(node)
            })*
        }

        impl VisitorMut for AnyMut<'_> {
            type Break = ();
            $(fn $method(&mut self, node: &mut $node) -> ControlFlow<()> {
                self.0.$method(node)
            })*
        }
    };
}

passes_on! {
    pre_visit_query: Query,
    post_visit_query: Query,
    pre_visit_select: Select,
    post_visit_select: Select,
    pre_visit_relation: ObjectName,
    post_visit_relation: ObjectName,
    pre_visit_table_factor: TableFactor,
    post_visit_table_factor: TableFactor,
    pre_visit_expr: Expr,
    post_visit_expr: Expr,
    pre_visit_statement: Statement,
    post_visit_statement: Statement,
    pre_visit_value: ValueWithSpan,
    post_visit_value: ValueWithSpan,
}
