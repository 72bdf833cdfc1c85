//! Spellings that only PostgreSQL has, put into those that the engine knows.

use super::{empty, names};
use crate::walk::{visit, visit_mut};
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, Query,
    SelectItem, SetExpr, Statement, TableFactor, TimezoneInfo, UnaryOperator, Value, ValueWithSpan,
    Visitor, VisitorMut,
};
use std::ops::ControlFlow;

/// All of them, and the highest number of a parameter.
pub fn statement(statement: &mut Statement) -> usize {
    // Counted first: what has no rows goes, with the parameters in it.
    let mut count = Count(0);
    // None of them ever breaks off.
    let _ = visit(statement, &mut count);
    let _ = visit_mut(statement, &mut Rewrite);
    lists(statement);
    count.0
}

struct Count(usize);

impl Visitor for Count {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0 = self.0.max(super::parameter::number(expr).unwrap_or(0));
        ControlFlow::Continue(())
    }
}

/// `= ANY('{a,b}')`, which a parameter may have become.
pub fn lists(statement: &mut Statement) {
    let _ = visit_mut(statement, &mut Lists);
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(nothing) = empty::columns(query).and_then(|names| empty::nothing(&names)) {
            *query = nothing;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } = factor {
            without_schema(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replaced = match expr {
            Expr::Subquery(query) if empty::columns(query).is_some() => Some(value(Value::Null)),
            Expr::Exists { subquery, negated } if empty::columns(subquery).is_some() => {
                Some(value(Value::Boolean(*negated)))
            }
            Expr::InSubquery { subquery, negated, .. } if empty::columns(subquery).is_some() => {
                Some(value(Value::Boolean(*negated)))
            }
            // Grafana finds out which schemas are searched.
            Expr::InSubquery { expr: left, subquery, negated }
                if subquery.to_string().contains("current_setting('search_path')") =>
            {
                let list = vec![text("public")];
                Some(Expr::InList { expr: left.clone(), list, negated: *negated })
            }
            Expr::Function(function) => array_of(function),
            Expr::Subquery(query) => {
                at_most_one(query);
                None
            }
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expr = replaced;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Collate { expr: inner, .. } => *expr = take(inner),
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                plain_escape(pattern, escape_char);
            }
            Expr::BinaryOp { op, .. } => plain_operator(op),
            Expr::Function(function) => plain_function(function),
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
                if let Some(function) = bare_function(&ident.value) {
                    *expr = function;
                }
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: inner,
                data_type,
                ..
            } => {
                if let Some(special) = registered(inner, data_type) {
                    *expr = special;
                } else {
                    plain_type(data_type);
                }
            }
            Expr::TypedString(typed) => plain_type(&mut typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The engine knows patterns in which a backslash is what takes a letter's meaning away.
fn plain_escape(pattern: &mut Box<Expr>, escape: &mut Option<ValueWithSpan>) {
    let Some(Value::SingleQuotedString(letter)) = escape.as_ref().map(|escape| &escape.value)
    else {
        return;
    };
    if letter != "\\" {
        let letter = text(letter);
        **pattern = call("like_pattern", vec![take(pattern), letter]);
        *escape = None;
    }
}

struct Lists;

impl VisitorMut for Lists {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let (left, right, negated) = match expr {
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
            _ => return ControlFlow::Continue(()),
        };
        let replaced = match elements(right) {
            Some(list) if list.is_empty() => value(Value::Boolean(negated)),
            Some(list) => Expr::InList { expr: left.clone(), list, negated },
            None if is_open(right) => return ControlFlow::Continue(()),
            None => {
                let found = call("array_text_has", vec![take(right), take(left)]);
                match negated {
                    true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) },
                    false => found,
                }
            }
        };
        *expr = replaced;
        ControlFlow::Continue(())
    }
}

/// The elements of an array that stands in the statement itself.
fn elements(array: &Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => elements(inner),
        Expr::Array(Array { elem, .. }) => Some(elem.clone()),
        Expr::Function(function) if names::last(&function.name)? == "current_schemas" => {
            Some(vec![text("pg_catalog"), text("public")])
        }
        Expr::Value(found) => match &found.value {
            Value::SingleQuotedString(array) => {
                Some(array_elements(array)?.iter().map(|element| text(element)).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

/// Has no value yet, or is a query.
fn is_open(array: &Expr) -> bool {
    match array {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_open(inner),
        Expr::Subquery(_) => true,
        other => super::parameter::number(other).is_some(),
    }
}

/// `{a,"b c"}` as its elements. Arrays of arrays are none.
pub fn array_elements(array: &str) -> Option<Vec<String>> {
    let inner = array.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    let (mut current, mut quoted, mut any) = (String::new(), false, false);
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        any = true;
        match (letter, quoted) {
            ('\\', _) => current.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => elements.push(std::mem::take(&mut current)),
            ('{' | '}', false) => return None,
            (other, _) => current.push(other),
        }
    }
    if any {
        elements.push(current);
    }
    Some(elements)
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, value(Value::Null))
}

fn value(value: Value) -> Expr {
    Expr::Value(value.into())
}

fn text(text: &str) -> Expr {
    value(Value::SingleQuotedString(text.to_owned()))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args =
        arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    let list = FunctionArgumentList {
        duplicate_treatment: None,
        args: args.collect(),
        clauses: Vec::new(),
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A query that stands for a value has at most one row; the engine wants it to say so.
fn at_most_one(query: &mut Query) {
    let SetExpr::Select(select) = &mut *query.body else { return };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let plain = query.limit_clause.is_none() && query.fetch.is_none() && select.distinct.is_none();
    if grouped || !plain || select.from.is_empty() || empty::aggregates(&select.projection) {
        return;
    }
    if let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] =
        select.projection.as_mut_slice()
    {
        *expr = call("max", vec![take(expr)]);
        query.order_by = None;
    }
}

/// Stands between a name and what makes it the only one.
const ONLY: char = '\u{200b}';

/// A name as clients are told it.
pub fn told_name(name: &str) -> &str {
    name.split(ONLY).next().unwrap_or(name)
}

/// The engine wants each name once among the columns of what is answered.
pub fn distinct_names(statement: &mut Statement) {
    let Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = &mut *query.body else { return };
    let all = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut seen = std::collections::HashSet::new();
    for (at, item) in select.projection.iter_mut().enumerate() {
        let (key, name, expr) = match item {
            SelectItem::UnnamedExpr(expr) => {
                (expr.to_string(), names::of_expr(expr).unwrap_or_default(), expr)
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                (alias.value.clone(), alias.value.clone(), expr)
            }
            _ => continue,
        };
        // Beside a `*`, a column may come twice.
        let column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if !seen.insert(key) || (all && column) {
            let alias = Ident::with_quote('"', format!("{name}{ONLY}{at}"));
            *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
        }
    }
}

/// `ARRAY(SELECT …)` of what has no rows.
fn array_of(function: &Function) -> Option<Expr> {
    match &function.args {
        FunctionArguments::Subquery(query) if empty::columns(query).is_some() => Some(text("{}")),
        _ => None,
    }
}

fn without_schema(name: &mut ObjectName) {
    let schema = name.0.first().and_then(ObjectNamePart::as_ident);
    if name.0.len() == 2
        && schema.is_some_and(|s| s.value.eq_ignore_ascii_case(super::catalogue::SCHEMA))
    {
        name.0.remove(0);
    }
}

fn plain_function(function: &mut Function) {
    without_schema(&mut function.name);
    let name = names::last(&function.name).unwrap_or_default();
    if function.args == FunctionArguments::None
        && let Some(Expr::Function(plain)) = bare_function(&name)
    {
        *function = plain;
    }
}

/// Functions that are written without parentheses.
fn bare_function(name: &str) -> Option<Expr> {
    const BARE: &[&str] = &[
        "current_catalog",
        "current_role",
        "current_schema",
        "current_user",
        "session_user",
        "user",
    ];
    let name = name.to_lowercase();
    BARE.contains(&name.as_str()).then(|| call(&name, Vec::new()))
}

/// `OPERATOR(pg_catalog.~)` is `~`.
fn plain_operator(op: &mut BinaryOperator) {
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return };
    let plain = match parts.last().map(String::as_str) {
        Some("=") => BinaryOperator::Eq,
        Some("<>" | "!=") => BinaryOperator::NotEq,
        Some("<") => BinaryOperator::Lt,
        Some("<=") => BinaryOperator::LtEq,
        Some(">") => BinaryOperator::Gt,
        Some(">=") => BinaryOperator::GtEq,
        Some("+") => BinaryOperator::Plus,
        Some("-") => BinaryOperator::Minus,
        Some("||") => BinaryOperator::StringConcat,
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("~~") => BinaryOperator::PGLikeMatch,
        Some("!~~") => BinaryOperator::PGNotLikeMatch,
        _ => return,
    };
    *op = plain;
}

/// Casts to names of objects: of a text the object's number, of a number its name.
fn registered(inner: &mut Expr, data_type: &DataType) -> Option<Expr> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, _) => names::last(name)?,
        _ => return None,
    };
    let literal = match &*inner {
        Expr::Value(found) => match &found.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    Some(match (name.as_str(), literal) {
        ("regclass", Some(_)) => call("regclass_oid", vec![take(inner)]),
        ("regclass", None) => call("regclass_name", vec![take(inner)]),
        ("regtype", Some(_)) => call("to_regtype", vec![take(inner)]),
        ("regtype", None) => call("format_type", vec![take(inner), value(Value::Null)]),
        ("regnamespace", Some(_)) => call("regnamespace_oid", vec![take(inner)]),
        ("regnamespace", None) => call("regnamespace_name", vec![take(inner)]),
        ("regrole", None) => call("pg_get_userbyid", vec![take(inner)]),
        ("regproc" | "regprocedure", Some(name)) => {
            text(name.trim_start_matches("pg_catalog.").trim_end_matches("()"))
        }
        _ => return None,
    })
}

fn plain_type(data_type: &mut DataType) {
    let plain = match data_type {
        DataType::Custom(name, _) => match names::last(name).unwrap_or_default().as_str() {
            "oid" | "xid" | "cid" | "int8" | "bigint" => DataType::BigInt(None),
            "int4" | "int" | "integer" => DataType::Integer(None),
            "int2" | "smallint" => DataType::SmallInt(None),
            "float4" | "real" => DataType::Real,
            "float8" => DataType::DoublePrecision,
            "bool" | "boolean" => DataType::Boolean,
            "bytea" => DataType::Bytea,
            "date" => DataType::Date,
            "timestamptz" => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
            "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
            "interval" => DataType::Interval { fields: None, precision: None },
            "numeric" => DataType::Numeric(datafusion::sql::sqlparser::ast::ExactNumberInfo::None),
            _ => DataType::Varchar(None),
        },
        DataType::Character(_)
        | DataType::CharacterVarying(_)
        | DataType::CharVarying(_)
        | DataType::Varchar(Some(_))
        | DataType::Char(_)
        | DataType::JSON
        | DataType::JSONB
        | DataType::Uuid
        | DataType::Array(_) => DataType::Varchar(None),
        DataType::Timestamp(Some(_), zone) => DataType::Timestamp(None, *zone),
        DataType::TimestampNtz(_) => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return,
    };
    *data_type = plain;
}
