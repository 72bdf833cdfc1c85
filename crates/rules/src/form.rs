//! What a rule's statement must look like, told at its place before the engine plans it.

use crate::finding::Finding;
use crate::parse::{last_ident, name_of, plain_name, usage};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, JoinOperator, LimitClause, OrderByKind, Query, Select,
    SelectItem, SetExpr, Spanned, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use tagwerk_sql::walk::visit;

const WINDOW: &str = "add a window, as in GROUP BY tumbling_window('10s')";
const NAME: &str = "give it one with AS: letters, digits, `.`, `_` and `-`";

/// Where things stand in a statement.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Of each column of the result; empty, where they are not said one by one.
    pub columns: Vec<Span>,
    /// Functions by their names.
    functions: Vec<(String, Span)>,
    condition: Option<Span>,
    placeholder: Option<Span>,
}

impl Places {
    pub fn of(statement: &Statement) -> Places {
        let mut places = Places::default();
        if let Statement::Query(query) = statement
            && let Some(select) = first_select(query)
        {
            let plain = |item: &SelectItem| {
                matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
            };
            if select.projection.iter().all(plain) {
                places.columns = select.projection.iter().map(Spanned::span).collect();
            }
            places.condition = select.selection.as_ref().map(Spanned::span);
        }
        let _ = visit(statement, &mut places);
        places
    }

    /// A finding of the engine's that does not say where, at the place that it speaks of; in fewer
    /// words where it uses many.
    pub fn place(&self, finding: Finding) -> Finding {
        let told = no_match(&finding.problem);
        let finding = match told {
            Some(problem) => {
                let remedy = "cast the argument to another type, or use another function";
                Finding { problem, remedy: remedy.to_owned(), ..finding }
            }
            None => finding,
        };
        if (finding.line, finding.column) != (1, 1) {
            return finding;
        }
        let spoken_of = |name: &str| {
            let call = format!("{name}(");
            finding.problem.contains(&call) || finding.problem.contains(&format!("'{name}'"))
        };
        let function = self.functions.iter().find(|(name, _)| spoken_of(name)).map(|(_, at)| *at);
        let condition =
            self.condition.filter(|_| finding.problem.contains("non-boolean predicate"));
        let placeholder = self.placeholder.filter(|_| finding.problem.contains("Placeholder"));
        match condition.or(placeholder).or(function) {
            Some(span) => Finding::placed(span, finding.problem, finding.remedy),
            None => finding,
        }
    }
}

/// Of the engine's words for a call with arguments of types that the function does not take.
fn no_match(problem: &str) -> Option<String> {
    let (_, rest) =
        problem.split_once("No function matches the given name and argument types '")?;
    let (call, _) = rest.split_once('\'')?;
    Some(format!("there is no {call}"))
}

impl Visitor for Places {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) => self.functions.push((plain_name(call), call.name.span())),
            Expr::Value(value)
                if matches!(
                    value.value,
                    datafusion::sql::sqlparser::ast::Value::Placeholder(_)
                ) =>
            {
                self.placeholder = Some(value.span());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn first_select(query: &Query) -> Option<&Select> {
    let mut body = &*query.body;
    loop {
        match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => return first_select(query),
            _ => return None,
        }
    }
}

/// Names of the columns, and windows where they do not belong.
pub fn check(
    statement: &Statement,
    windowed: bool,
    is_aggregate: &dyn Fn(&str) -> bool,
    is_lookup: &dyn Fn(&str) -> bool,
) -> Result<(), Finding> {
    let Statement::Query(query) = statement else { return Ok(()) };
    if let Some(select) = first_select(query) {
        names(select)?;
    }
    let mut strays = Strays { windowed };
    if let ControlFlow::Break(finding) = visit(statement, &mut strays) {
        return Err(*finding);
    }
    if !windowed {
        row_by_row(query, is_aggregate, is_lookup)?;
    }
    Ok(())
}

fn names(select: &Select) -> Result<(), Finding> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for item in &select.projection {
        let name: &Ident = match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => name,
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => match parts.last() {
                Some(name) => name,
                None => continue,
            },
            SelectItem::UnnamedExpr(expr) => {
                return Err(Finding::at(expr, format!("{expr} has no name"), NAME));
            }
            SelectItem::ExprWithAlias { alias, .. } => alias,
            _ => continue,
        };
        if !is_name(&name.value) {
            let problem = format!("`{}` is no name that a tag can have", name.value);
            return Err(Finding::placed(name.span, problem, NAME));
        }
        if !seen.insert(&name.value) {
            let problem = format!("two columns have the name {}", name.value);
            let remedy = "give one of them another name with AS";
            return Err(Finding::placed(name.span, problem, remedy));
        }
    }
    Ok(())
}

pub fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 64 && name.chars().all(letters)
}

/// Windows, and their bounds, outside of GROUP BY.
struct Strays {
    windowed: bool,
}

impl Visitor for Strays {
    type Break = Box<Finding>;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<Finding>> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        let name = plain_name(call);
        if usage(&name).is_some() {
            let problem = format!("{name} stands where no window can be");
            let remedy = "a window stands in GROUP BY";
            return ControlFlow::Break(Box::new(Finding::at(&call.name, problem, remedy)));
        }
        if !self.windowed && matches!(name.as_str(), "window_start" | "window_end") {
            let problem = format!("{name} has no window");
            return ControlFlow::Break(Box::new(Finding::at(&call.name, problem, WINDOW)));
        }
        ControlFlow::Continue(())
    }
}

/// Without a window: what is over each row by itself, and nothing else.
fn row_by_row(
    query: &Query,
    is_aggregate: &dyn Fn(&str) -> bool,
    is_lookup: &dyn Fn(&str) -> bool,
) -> Result<(), Finding> {
    let needs = |span: Span, what: &str| {
        Err(Finding::placed(span, format!("{what} needs to know over which rows"), WINDOW))
    };
    if let SetExpr::SetOperation { right, op, .. } = &*query.body {
        return needs(right.span(), &op.to_string());
    }
    if let Some(order) = &query.order_by {
        let span = match &order.kind {
            OrderByKind::Expressions(all) => all.first().map(Spanned::span),
            OrderByKind::All(_) => None,
        };
        return needs(span.unwrap_or_else(|| order.span()), "ORDER BY");
    }
    if let Some(limit) = &query.limit_clause {
        let span = match limit {
            LimitClause::LimitOffset { limit: Some(limit), .. } => limit.span(),
            LimitClause::LimitOffset { offset: Some(offset), .. } => offset.value.span(),
            other => other.span(),
        };
        return needs(span, "LIMIT");
    }
    let Some(select) = first_select(query) else { return Ok(()) };
    if select.distinct.is_some() {
        let first = select.projection.first().map_or_else(|| select.span(), Spanned::span);
        return needs(first, "DISTINCT");
    }
    if let GroupByExpr::Expressions(keys, _) = &select.group_by
        && let Some(key) = keys.first()
    {
        return needs(key.span(), "GROUP BY");
    }
    let mut found = None;
    for item in &select.projection {
        let mut calls = Calls { is_aggregate, is_lookup, aside: 0, found: &mut found };
        let _ = visit(item, &mut calls);
    }
    if let Some((span, what)) = found {
        return needs(span, &what);
    }
    one_stream(select, is_lookup)
}

/// What is joined with the stream is a lookup table, and no row of it is given without one of the
/// stream's.
fn one_stream(select: &Select, is_lookup: &dyn Fn(&str) -> bool) -> Result<(), Finding> {
    let mut streams = 0;
    for from in &select.from {
        let mut so_far = !looks_up(&from.relation, is_lookup);
        streams += usize::from(so_far);
        for join in &from.joins {
            let own = !looks_up(&join.relation, is_lookup);
            streams += usize::from(own);
            let keeps_lookup = match join.join_operator {
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => !so_far,
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => !own,
                JoinOperator::FullOuter(_) => true,
                _ => false,
            };
            if streams > 1 || keeps_lookup {
                let what = match keeps_lookup {
                    true => "a join that keeps rows of a lookup table",
                    false => "a join",
                };
                let problem = format!("{what} needs to know over which rows");
                return Err(Finding::placed(relation_span(&join.relation), problem, WINDOW));
            }
            so_far |= own;
        }
        if streams > 1 {
            let problem = "a join needs to know over which rows";
            return Err(Finding::placed(relation_span(&from.relation), problem, WINDOW));
        }
    }
    Ok(())
}

/// It reads lookup tables alone.
fn looks_up(part: &impl Visit, is_lookup: &dyn Fn(&str) -> bool) -> bool {
    struct Tables<'a>(&'a dyn Fn(&str) -> bool);
    impl Visitor for Tables<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Table { name, args: None, .. }
                    if !last_ident(name).is_some_and(|ident| (self.0)(&name_of(ident))) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    visit(part, &mut Tables(is_lookup)).is_continue()
}

fn relation_span(relation: &TableFactor) -> Span {
    match relation {
        TableFactor::Table { name, .. } => name.span(),
        other => other.span(),
    }
}

struct Calls<'a> {
    is_aggregate: &'a dyn Fn(&str) -> bool,
    is_lookup: &'a dyn Fn(&str) -> bool,
    /// Within so many queries over lookup tables alone, which may do anything.
    aside: usize,
    found: &'a mut Option<(Span, String)>,
}

impl Visitor for Calls<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.aside += usize::from(looks_up(query, self.is_lookup));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.aside -= usize::from(looks_up(query, self.is_lookup));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        if self.aside > 0 {
            return ControlFlow::Continue(());
        }
        match what(call, self.is_aggregate) {
            None => ControlFlow::Continue(()),
            Some(what) => {
                *self.found = Some((call.name.span(), what));
                ControlFlow::Break(())
            }
        }
    }
}

fn what(call: &Function, is_aggregate: &dyn Fn(&str) -> bool) -> Option<String> {
    let name = plain_name(call);
    match &call.over {
        Some(_) => Some(format!("{name}(…) OVER (…)")),
        None => is_aggregate(&name).then(|| format!("the aggregate {name}")),
    }
}
