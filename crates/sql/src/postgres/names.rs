//! Names of columns that a statement does not name, as PostgreSQL makes them up.

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, SelectItem, SetExpr};

/// What PostgreSQL calls a column that has no better name.
const NOTHING: &str = "?column?";

/// None where the statement does not list its columns.
pub fn of_query(query: &Query) -> Option<Vec<String>> {
    of_body(&query.body)
}

fn of_body(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => select.projection.iter().map(of_item).collect(),
        SetExpr::Query(query) => of_query(query),
        SetExpr::SetOperation { left, .. } => of_body(left),
        _ => None,
    }
}

fn of_item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(of_expr(expr).unwrap_or_else(|| NOTHING.to_owned())),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

fn folded(ident: &datafusion::sql::sqlparser::ast::Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

pub fn last(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(folded)
}

pub fn of_expr(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded),
        Expr::Function(function) => last(&function.name),
        Expr::Nested(inner) => of_expr(inner),
        Expr::Collate { expr, .. } => of_expr(expr),
        Expr::Cast { expr, data_type, .. } => of_expr(expr)
            .filter(|name| name != "case")
            .or_else(|| Some(type_name(&data_type.to_string()))),
        Expr::Case { .. } => Some("case".to_owned()),
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Subquery(query) => of_query(query)?.into_iter().next(),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::AtTimeZone { .. } => Some("timezone".to_owned()),
        _ => None,
    }
}

fn type_name(data_type: &str) -> String {
    let lower = data_type.to_lowercase();
    let bare = lower.rsplit('.').next().unwrap_or(&lower);
    let bare = bare.split('(').next().unwrap_or(bare).trim();
    match bare {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "double precision" => "float8",
        "real" => "float4",
        "boolean" => "bool",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        other => other,
    }
    .to_owned()
}
