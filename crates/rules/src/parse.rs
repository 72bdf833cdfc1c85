//! Reads a rule's text: takes the window out of GROUP BY and what is computed over the stream out of
//! its expressions. What is left is a statement as any other.

use crate::finding::Finding;
use crate::form::{self, Places};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    ObjectName, Select, SelectItem, Statement, TableFactor, Value, Visitor, VisitorMut, WindowType,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use tagwerk_sql::stream::Nanoseconds;
use tagwerk_sql::walk::{visit, visit_mut};

/// Names of columns that stand for what is computed over the stream.
pub const OVER_PREFIX: &str = "__over_";

/// Which rows a window holds, and what it needs of them.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowKind {
    Tumbling {
        size: i64,
    },
    Hopping {
        size: i64,
        hop: i64,
    },
    Sliding {
        size: i64,
        delay: i64,
    },
    Session {
        gap: i64,
        longest: Option<i64>,
    },
    Count {
        rows: u64,
        every: u64,
    },
    /// Rows in a row that have the same value.
    State,
    /// From the row that opens it to the one that closes it.
    OpenClose,
}

/// A call of a window function.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    pub kind: WindowKind,
    /// Of `state_window`.
    pub states: Vec<Expr>,
    pub time: Option<Expr>,
    pub trigger: Option<Expr>,
    pub filter: Option<Expr>,
    pub partition: Vec<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverKind {
    Lag,
    Latest,
    HadChanged,
    ChangedValue,
    RunningSum,
    RunningMin,
    RunningMax,
    RunningAvg,
    RunningCount,
    RateOf,
}

impl OverKind {
    const ALL: [(&str, OverKind); 10] = [
        ("lag", OverKind::Lag),
        ("latest", OverKind::Latest),
        ("had_changed", OverKind::HadChanged),
        ("changed_value", OverKind::ChangedValue),
        ("running_sum", OverKind::RunningSum),
        ("running_min", OverKind::RunningMin),
        ("running_max", OverKind::RunningMax),
        ("running_avg", OverKind::RunningAvg),
        ("running_count", OverKind::RunningCount),
        ("rate_of", OverKind::RateOf),
    ];

    fn named(name: &str) -> Option<OverKind> {
        OverKind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    pub fn name(self) -> &'static str {
        OverKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// How many arguments it takes.
    fn arguments(self) -> (usize, usize) {
        match self {
            OverKind::Lag => (1, 3),
            OverKind::Latest => (1, 2),
            _ => (1, 1),
        }
    }
}

/// A call of a function over the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct OverCall {
    pub kind: OverKind,
    pub arguments: Vec<Expr>,
    pub filter: Option<Expr>,
    pub partition: Vec<Expr>,
}

/// A table that is read, and what it is called in the statement.
#[derive(Clone, Debug, PartialEq)]
pub struct TableUse {
    pub name: String,
    pub ident: Ident,
    pub alias: Option<String>,
}

#[derive(Debug)]
pub struct Text {
    pub statement: Parsed,
    pub window: Option<WindowCall>,
    pub overs: Vec<OverCall>,
    pub tables: Vec<TableUse>,
    pub places: Places,
}

/// `is_aggregate` and `is_lookup` tell of the names of functions and tables what they are.
pub fn read(
    text: &str,
    is_aggregate: &dyn Fn(&str) -> bool,
    is_lookup: &dyn Fn(&str) -> bool,
) -> Result<Text, Finding> {
    let mut parsed = tagwerk_sql::stream::parse(text)?;
    let Parsed::Statement(statement) = &mut parsed else {
        return Err(Finding::new("a rule is one SELECT", "begin with SELECT"));
    };
    let places = Places::of(statement);
    let mut named = Named::default();
    if let ControlFlow::Break(finding) = named.look(statement) {
        return Err(finding);
    }
    let mut taker = Taker::default();
    if let ControlFlow::Break(finding) = visit_mut(&mut **statement, &mut taker) {
        return Err(*finding);
    }
    let Taker { window, overs, .. } = taker;
    form::check(statement, window.is_some(), is_aggregate, is_lookup)?;
    Ok(Text { statement: parsed, window, overs, tables: named.tables, places })
}

/// The tables of a statement, without those that it defines itself.
#[derive(Default)]
struct Named {
    own: BTreeSet<String>,
    tables: Vec<TableUse>,
}

impl Named {
    fn look(&mut self, statement: &Statement) -> ControlFlow<Finding> {
        let _: ControlFlow<()> = visit(statement, self);
        let own = std::mem::take(&mut self.own);
        self.tables.retain(|table| !own.contains(&table.name));
        ControlFlow::Continue(())
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(
        &mut self,
        query: &datafusion::sql::sqlparser::ast::Query,
    ) -> ControlFlow<()> {
        let defined = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own.extend(defined.map(|table| name_of(&table.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some(ident) = last_ident(name)
        {
            let alias = alias.as_ref().map(|alias| name_of(&alias.name));
            self.tables.push(TableUse { name: name_of(ident), ident: ident.clone(), alias });
        }
        ControlFlow::Continue(())
    }
}

pub fn last_ident(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(|part| part.as_ident())
}

/// Names are as they are written in quotes, and in small letters without.
pub fn name_of(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

#[derive(Default)]
struct Taker {
    window: Option<WindowCall>,
    overs: Vec<OverCall>,
}

type Flow = ControlFlow<Box<Finding>>;

fn broken(finding: Finding) -> Flow {
    ControlFlow::Break(Box::new(finding))
}

impl VisitorMut for Taker {
    type Break = Box<Finding>;

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(Expr::Function(call)) = item
                && over_kind(call).is_some()
            {
                let remedy = "give the column a name with AS";
                return broken(Finding::at(item, "the column has no name", remedy));
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> Flow {
        let GroupByExpr::Expressions(keys, _) = &mut select.group_by else {
            return ControlFlow::Continue(());
        };
        let mut kept = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            let Expr::Function(call) = &key else {
                kept.push(key);
                continue;
            };
            let found = match window_call(call) {
                Ok(None) => {
                    kept.push(key);
                    continue;
                }
                Ok(Some(found)) => found,
                Err(finding) => return broken(finding),
            };
            if self.window.as_ref().is_some_and(|known| *known != found) {
                let remedy = "group by the same window everywhere; a rule that needs two is two \
                              rules, one reading the other";
                let problem = format!("{key} is a second window");
                return broken(Finding::at(&key, problem, remedy));
            }
            self.window = Some(found);
        }
        *keys = kept;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        if is_unrepeatable(call) {
            let problem = format!("{}() is another at each time", call.name);
            let remedy = "use the row's time, or window_end(): a rule must give the same when it is \
                          run again";
            return broken(Finding::at(&call.name, problem, remedy));
        }
        let Some(kind) = over_kind(call) else { return ControlFlow::Continue(()) };
        let over = match over_call(kind, call) {
            Ok(over) => over,
            Err(finding) => return broken(finding),
        };
        let place = self.overs.iter().position(|known| *known == over).unwrap_or_else(|| {
            self.overs.push(over);
            self.overs.len() - 1
        });
        let mut ident = Ident::new(format!("{OVER_PREFIX}{place}"));
        ident.span = datafusion::sql::sqlparser::ast::Spanned::span(&call.name);
        *expr = Expr::Identifier(ident);
        ControlFlow::Continue(())
    }
}

/// Needs no quotes.
pub fn is_plain(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(letters) && !name.starts_with(|c: char| c.is_ascii_digit())
}

pub fn plain_name(call: &Function) -> String {
    last_ident(&call.name).map(name_of).unwrap_or_default()
}

pub fn is_unrepeatable(call: &Function) -> bool {
    const NAMES: [&str; 10] = [
        "now",
        "current_timestamp",
        "current_date",
        "current_time",
        "today",
        "random",
        "rand",
        "uuid",
        "localtime",
        "localtimestamp",
    ];
    NAMES.contains(&plain_name(call).as_str())
}

/// One of ours, unless it says in which order: then it is SQL's own function of that name.
pub fn over_kind(call: &Function) -> Option<OverKind> {
    let ordered = match &call.over {
        Some(WindowType::WindowSpec(spec)) => {
            !spec.order_by.is_empty() || spec.window_frame.is_some()
        }
        Some(WindowType::NamedWindow(_)) => true,
        None => false,
    };
    OverKind::named(&plain_name(call)).filter(|_| !ordered)
}

/// Arguments by their place, and those with names.
type Arguments = (Vec<Expr>, Vec<(String, Expr)>);

fn arguments(call: &Function) -> Result<Arguments, Finding> {
    let (mut plain, mut named) = (Vec::new(), Vec::new());
    let list = match &call.args {
        FunctionArguments::None => &[],
        FunctionArguments::List(list) => list.args.as_slice(),
        FunctionArguments::Subquery(_) => {
            let problem = format!("{} takes no sub-query", call.name);
            return Err(Finding::at(&call.name, problem, "give it columns or values"));
        }
    };
    for argument in list {
        let (name, value) = match argument {
            FunctionArg::Unnamed(value) => (None, value),
            FunctionArg::Named { name, arg, .. } => (Some(name_of(name)), arg),
            FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string()), arg),
        };
        let FunctionArgExpr::Expr(value) = value else {
            let problem = format!("{} takes no `*`", call.name);
            return Err(Finding::at(&call.name, problem, "name a column"));
        };
        match name {
            None => plain.push(value.clone()),
            Some(name) => named.push((name, value.clone())),
        }
    }
    Ok((plain, named))
}

fn partition(call: &Function) -> Result<Vec<Expr>, Finding> {
    match &call.over {
        None => Ok(Vec::new()),
        Some(WindowType::WindowSpec(spec))
            if spec.order_by.is_empty() && spec.window_frame.is_none() =>
        {
            Ok(spec.partition_by.clone())
        }
        Some(_) => {
            let problem = format!("{} takes OVER (PARTITION BY …) only", call.name);
            Err(Finding::at(&call.name, problem, "leave ORDER BY and the frame out"))
        }
    }
}

fn over_call(kind: OverKind, call: &Function) -> Result<OverCall, Finding> {
    let (plain, named) = arguments(call)?;
    let (fewest, most) = kind.arguments();
    if !named.is_empty() || plain.len() < fewest || plain.len() > most {
        let problem = format!("{} does not take these arguments", call.name);
        let remedy = match kind {
            OverKind::Lag => "write lag(column [, rows [, default]])".to_owned(),
            OverKind::Latest => "write latest(column [, default])".to_owned(),
            _ => format!("write {}(column)", call.name),
        };
        return Err(Finding::at(&call.name, problem, remedy));
    }
    let filter = call.filter.as_deref().cloned();
    Ok(OverCall { kind, arguments: plain, filter, partition: partition(call)? })
}

fn window_call(call: &Function) -> Result<Option<WindowCall>, Finding> {
    let name = plain_name(call);
    let Some(usage) = usage(&name) else { return Ok(None) };
    let (plain, named) = arguments(call)?;
    let said = Said { call, usage, plain };
    let (kind, states) = said.kind(&name)?;
    let (filter, partition) = (call.filter.as_deref().cloned(), partition(call)?);
    let mut found = WindowCall { kind, states, time: None, trigger: None, filter, partition };
    for (name, value) in named {
        match name.as_str() {
            "time" => found.time = Some(value),
            "trigger" => found.trigger = Some(value),
            other => {
                let problem = format!("there is no argument `{other}`");
                return Err(Finding::at(&value, problem, format!("write {usage}")));
            }
        }
    }
    if let Some(trigger) = &found.trigger
        && name != "sliding_window"
    {
        let problem = "only sliding windows have a trigger";
        return Err(Finding::at(trigger, problem, format!("write {usage}")));
    }
    Ok(Some(found))
}

/// A call of a window function with its arguments that have no name.
struct Said<'a> {
    call: &'a Function,
    usage: &'static str,
    plain: Vec<Expr>,
}

impl Said<'_> {
    fn wrong(&self, problem: impl Into<String>) -> Finding {
        Finding::at(&self.call.name, problem, format!("write {}", self.usage))
    }

    fn kind(&self, name: &str) -> Result<(WindowKind, Vec<Expr>), Finding> {
        let most = if name == "tumbling_window" { 1 } else { 2 };
        if self.plain.len() > most {
            return Err(self.wrong(format!("{name} has {most} arguments at most")));
        }
        let kind = match name {
            "tumbling_window" => WindowKind::Tumbling { size: self.needed(0)? },
            "hopping_window" => {
                let (size, hop) = (self.needed(0)?, self.needed(1)?);
                if size / hop > WINDOWS_AT_ONCE_MAX {
                    let problem = format!("{} windows would be open at once", size / hop);
                    return Err(self.wrong(problem));
                }
                WindowKind::Hopping { size, hop }
            }
            "sliding_window" => {
                WindowKind::Sliding { size: self.needed(0)?, delay: self.span(1)?.unwrap_or(0) }
            }
            "session_window" => {
                WindowKind::Session { gap: self.needed(0)?, longest: self.span(1)? }
            }
            "count_window" => {
                let rows = self.number(0)?;
                let rows = rows.ok_or_else(|| self.wrong("how many rows is missing"))?;
                WindowKind::Count { rows, every: self.number(1)?.unwrap_or(rows) }
            }
            _ => match self.plain.len() {
                0 => return Err(self.wrong("the state is missing")),
                1 => return Ok((WindowKind::State, self.plain.clone())),
                _ => return Ok((WindowKind::OpenClose, self.plain.clone())),
            },
        };
        Ok((kind, Vec::new()))
    }

    fn needed(&self, at: usize) -> Result<i64, Finding> {
        let name = &self.call.name;
        self.span(at)?.ok_or_else(|| self.wrong(format!("{name} needs a size")))
    }

    fn span(&self, at: usize) -> Result<Option<i64>, Finding> {
        let Some(argument) = self.plain.get(at) else { return Ok(None) };
        match Nanoseconds::of(argument).filter(|span| *span > 0) {
            Some(span) => Ok(Some(span)),
            None => {
                let remedy = "write a span of time as '10s', '1m 30s' or '2 hours'";
                Err(Finding::at(argument, format!("{argument} is no span of time"), remedy))
            }
        }
    }

    fn number(&self, at: usize) -> Result<Option<u64>, Finding> {
        let Some(argument) = self.plain.get(at) else { return Ok(None) };
        match whole(argument).filter(|number| *number > 0) {
            Some(number) => Ok(Some(number)),
            None => {
                let problem = format!("{argument} is no number of rows");
                Err(Finding::at(argument, problem, "write a whole number above 0"))
            }
        }
    }
}

/// Windows of one size that may be open at once.
const WINDOWS_AT_ONCE_MAX: i64 = 10_000;

pub fn usage(name: &str) -> Option<&'static str> {
    Some(match name {
        "tumbling_window" => "tumbling_window('10s')",
        "hopping_window" => "hopping_window('10s', '5s'): size and hop",
        "sliding_window" => "sliding_window('10s' [, '2s']): size and delay",
        "session_window" => "session_window('5s' [, '1m']): gap and longest",
        "count_window" => "count_window(100 [, 10]): rows, and after how many again",
        "state_window" => "state_window(state) or state_window(opens, closes)",
        _ => return None,
    })
}

pub fn whole(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
