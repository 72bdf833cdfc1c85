//! Tables of PostgreSQL's catalogue that have no rows here: no index, no trigger, no policy. What asks
//! for rows of such a table is answered with none, whatever else the statement says about them.

use super::names;
use crate::walk::visit;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, JoinOperator, ObjectName, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Without a schema, or in the catalogue's.
const TABLES: &[&str] = &[
    "pg_aggregate",
    "pg_amop",
    "pg_amproc",
    "pg_attrdef",
    "pg_auth_members",
    "pg_cast",
    "pg_collation",
    "pg_constraint",
    "pg_conversion",
    "pg_cursors",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_depend",
    "pg_enum",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_index",
    "pg_indexes",
    "pg_inherits",
    "pg_largeobject",
    "pg_locks",
    "pg_matviews",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_options_to_table",
    "pg_partitioned_table",
    "pg_policies",
    "pg_policy",
    "pg_prepared_statements",
    "pg_prepared_xacts",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_range",
    "pg_rewrite",
    "pg_rules",
    "pg_seclabels",
    "pg_sequence",
    "pg_sequences",
    "pg_shdescription",
    "pg_stat_activity",
    "pg_stat_all_tables",
    "pg_stat_database",
    "pg_stat_ssl",
    "pg_stat_user_indexes",
    "pg_stat_user_tables",
    "pg_statio_user_tables",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_stats",
    "pg_subscription",
    "pg_timezone_names",
    "pg_trigger",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_user_mapping",
    "pg_views",
    "unnest",
];

pub fn is_empty_table(name: &ObjectName) -> bool {
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| part.as_ident()).map(|i| i.value.to_lowercase()).collect();
    match parts.as_slice() {
        [schema, table] => schema == super::catalogue::SCHEMA && TABLES.contains(&table.as_str()),
        [table] => table != "unnest" && TABLES.contains(&table.as_str()),
        _ => false,
    }
}

/// The columns of a query that can have no rows; none where it may have some.
pub fn columns(query: &Query) -> Option<Vec<String>> {
    if query.with.is_some() || !body_is_empty(&query.body) {
        return None;
    }
    names::of_query(query)
}

/// A query of the same columns without rows.
pub fn nothing(columns: &[String]) -> Option<Query> {
    // Numbered, because the engine wants each name once; clients are told the names themselves.
    let listed: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| match columns[..at].contains(name) {
            false => format!("CAST(NULL AS VARCHAR) AS \"{}\"", name.replace('"', "\"\"")),
            true => format!("CAST(NULL AS VARCHAR) AS \"column {at}\""),
        })
        .collect();
    let text = format!("SELECT {} WHERE false", listed.join(", "));
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok()?;
    parser.parse_query().ok().map(|query| *query)
}

fn body_is_empty(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select_is_empty(select),
        SetExpr::Query(query) => query.with.is_none() && body_is_empty(&query.body),
        SetExpr::SetOperation { left, right, .. } => body_is_empty(left) && body_is_empty(right),
        _ => false,
    }
}

fn select_is_empty(select: &Select) -> bool {
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    // Without groups, an aggregate makes a row out of none.
    (grouped || !aggregates(&select.projection)) && select.from.iter().any(source_is_empty)
}

fn source_is_empty(source: &TableWithJoins) -> bool {
    let mut empty = factor_is_empty(&source.relation);
    for join in &source.joins {
        let right = factor_is_empty(&join.relation);
        empty = match join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                empty || right
            }
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => empty,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => right,
            _ => empty && right,
        };
    }
    empty
}

fn factor_is_empty(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, .. } => is_empty_table(name),
        TableFactor::Derived { subquery, .. } => {
            subquery.with.is_none() && body_is_empty(&subquery.body)
        }
        TableFactor::NestedJoin { table_with_joins, .. } => source_is_empty(table_with_joins),
        _ => false,
    }
}

/// Whether any of the functions that clients aggregate the catalogue with occurs.
pub fn aggregates(projection: &[SelectItem]) -> bool {
    const AGGREGATES: &[&str] =
        &["count", "max", "min", "sum", "avg", "array_agg", "string_agg", "bool_or", "bool_and"];
    #[derive(Default)]
    struct Find {
        found: bool,
        /// Queries inside, which aggregate for themselves.
        inside: usize,
    }
    impl Visitor for Find {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.inside += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.inside -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let (Expr::Function(function), 0) = (expr, self.inside) {
                let name = names::last(&function.name).unwrap_or_default();
                self.found |= AGGREGATES.contains(&name.as_str());
            }
            ControlFlow::Continue(())
        }
    }
    let mut find = Find::default();
    for item in projection {
        // It never breaks off.
        let _ = visit(item, &mut find);
    }
    find.found
}
