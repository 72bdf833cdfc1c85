//! Statements without a window: what they may do over each row by itself, and how they are run over
//! many rows at once nevertheless.

use crate::finding::Finding;
use crate::parse::{OVER_PREFIX, TableUse, name_of};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{JoinType, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    Statement, TableFactor,
};

/// The column that holds the number of a row among those that the statement is run over. What the rule
/// gives is without it, as without all of this prefix.
pub const ROW: &str = "row";

pub fn row_column() -> String {
    format!("{OVER_PREFIX}{ROW}")
}

/// What is over each row by itself, and nothing else. What reads lookup tables alone may do anything.
pub fn row_by_row(plan: &LogicalPlan, is_lookup: &dyn Fn(&str) -> bool) -> Result<(), Finding> {
    if !reads_stream(plan, is_lookup) {
        return Ok(());
    }
    let all = || plan.inputs().into_iter().try_for_each(|input| row_by_row(input, is_lookup));
    let what = match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Unnest(_) => return all(),
        LogicalPlan::Join(join) => {
            let left = reads_stream(&join.left, is_lookup);
            let right = reads_stream(&join.right, is_lookup);
            let keeps = match join.join_type {
                JoinType::Inner => true,
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                    left
                }
                JoinType::Right
                | JoinType::RightSemi
                | JoinType::RightAnti
                | JoinType::RightMark => right,
                JoinType::Full => false,
            };
            match (left && right, keeps) {
                (false, true) => return all(),
                (false, false) => "a join that keeps rows of a lookup table",
                (true, _) => "a join of streams",
            }
        }
        LogicalPlan::Aggregate(_) => "an aggregate",
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Window(_) => "a window function of SQL",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Union(_) => "UNION",
        _ => "this",
    };
    let remedy = "add a window, as in GROUP BY tumbling_window('10s')";
    Err(Finding::new(format!("{what} needs to know over which rows"), remedy))
}

/// Sub-queries of its conditions are not looked at: they are run for each row.
fn reads_stream(plan: &LogicalPlan, is_lookup: &dyn Fn(&str) -> bool) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let mut found = false;
    // Cannot fail: what it does has no errors.
    let _ = plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && !is_lookup(scan.table_name.table())
        {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Lets a statement give the number of the row of the stream that each of its rows is of, so that it can
/// be run over many rows at once. False, where it is not of a form in which that can be said.
pub fn number_rows(statement: &mut Statement, streams: &[&TableUse]) -> bool {
    let [stream] = streams else { return false };
    let Statement::Query(query) = statement else { return false };
    let Some(select) = plain_select(query) else { return false };
    let joined = select.from.iter().flat_map(|from| from.joins.iter().map(|join| &join.relation));
    let all = select.from.iter().map(|from| &from.relation).chain(joined);
    if !all.into_iter().any(|relation| is_table(relation, &stream.name)) {
        return false;
    }
    let own = stream.alias.as_deref().unwrap_or(&stream.name);
    let has_it = |item: &SelectItem| match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            last(name).is_some_and(|ident| name_of(ident) == own)
        }
        _ => false,
    };
    if !select.projection.iter().any(has_it) {
        let parts = vec![Ident::with_quote('"', own), Ident::with_quote('"', row_column())];
        select.projection.push(SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)));
    }
    true
}

fn plain_select(query: &mut Query) -> Option<&mut Select> {
    match &mut *query.body {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

fn is_table(relation: &TableFactor, wanted: &str) -> bool {
    matches!(relation, TableFactor::Table { name, args: None, .. }
        if last(name).is_some_and(|ident| name_of(ident) == wanted))
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(|part| part.as_ident())
}
