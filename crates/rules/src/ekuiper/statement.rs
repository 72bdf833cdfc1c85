//! A statement of eKuiper's, made into one of ours on its tree: tables, columns, functions and windows.

use super::build;
use super::columns;
use super::dialect;
use super::functions::{self, name_of};
use super::names;
use super::neuron::{self, Part};
use super::report::Note;
use super::stream::{Kind, Stream};
use super::tree::is_aggregated;
use super::windows;
use super::{Mapping, Target};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, LimitClause, ObjectName, OrderByKind, Query, Select, SetExpr,
    Spanned, TableFactor,
};
use datafusion::sql::sqlparser::tokenizer::Location;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_sql::walk::visit_mut;

/// What a statement is translated among.
pub struct Surroundings<'a> {
    pub streams: &'a BTreeMap<String, Stream>,
    pub mapping: &'a Mapping,
    /// Of rules, by their ids.
    pub names: &'a BTreeMap<String, String>,
    /// Topics in memory, each with the id of a rule that writes to it.
    pub memory: &'a [(String, String)],
    /// Of the rule here.
    pub rule: &'a str,
    pub event_time: bool,
}

/// A table that a statement reads.
#[derive(Clone, Debug)]
pub struct Use {
    pub stream: String,
    pub target: Target,
    /// The id of the rule whose output it is.
    pub rule: Option<String>,
    /// What it is called in the statement.
    pub call: String,
    pub neuron: bool,
    pub columns: BTreeMap<String, Kind>,
    /// Of columns that stand in the statement: eKuiper's name, step by step into records and lists.
    pub paths: BTreeMap<String, Vec<String>>,
}

impl Use {
    pub fn table(&self) -> String {
        self.target.name().to_owned()
    }

    pub fn is_rule(&self) -> bool {
        self.rule.is_some()
    }
}

pub struct Translation {
    pub sql: String,
    pub uses: Vec<Use>,
    pub notes: Vec<Note>,
    /// Something in it has no counterpart.
    pub lost: bool,
}

pub fn translate(text: &str, around: &Surroundings<'_>) -> Translation {
    let mut query = match dialect::parse(text) {
        Ok(query) => query,
        Err(note) => {
            let (sql, notes) = (text.to_owned(), vec![note]);
            return Translation { sql, uses: Vec::new(), notes, lost: true };
        }
    };
    let mut translator = Translator::new(around);
    translator.query(&mut query);
    let sql = format!("{query:#}");
    let Translator { uses, notes, lost, .. } = translator;
    Translation { sql, uses, notes, lost }
}

pub struct Translator<'a> {
    around: &'a Surroundings<'a>,
    pub uses: Vec<Use>,
    notes: Vec<Note>,
    lost: bool,
    pub windowed: bool,
    pub aggregated: bool,
    /// What columns of the result are called, and where each stands.
    pub aliases: BTreeMap<String, usize>,
    /// Those that are made of a column of the same name.
    pub shadows: BTreeSet<String>,
    /// Those that are a column, and nothing but it.
    pub plain: BTreeSet<usize>,
    /// The column of the result that is being translated.
    pub current: Option<usize>,
    /// Bytes of parts that may still be put into templates.
    budget: usize,
}

/// What stands for another column of the result until that is translated.
pub const ALIAS_PREFIX: &str = "__alias_";
/// What stands for the row's time in what is looked at once more.
const TIME: &str = "__time";

impl<'a> Translator<'a> {
    fn new(around: &'a Surroundings<'a>) -> Translator<'a> {
        Translator {
            around,
            uses: Vec::new(),
            notes: Vec::new(),
            lost: false,
            windowed: false,
            aggregated: false,
            aliases: BTreeMap::new(),
            shadows: BTreeSet::new(),
            plain: BTreeSet::new(),
            current: None,
            budget: 4 * 1024 * 1024,
        }
    }

    pub fn note(&mut self, note: Note) {
        const NOTES_MAX: usize = 50;
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub fn lost(&mut self, note: Note) {
        self.lost = true;
        self.note(note);
    }

    pub fn rule_name(&self) -> &str {
        self.around.rule
    }

    pub fn stream(&self, used: &Use) -> Option<&'a Stream> {
        self.around.streams.get(&used.stream)
    }

    fn query(&mut self, query: &mut Query) {
        let SetExpr::Select(select) = &mut *query.body else {
            self.lost(Note::lost("this is no single SELECT", "write it as several rules"));
            return;
        };
        self.tables(select);
        let window = self.take_window(select);
        self.windowed = window.is_some();
        self.aggregated = self.windowed && is_aggregated(select);
        columns::expand(select, self);
        columns::name(select, self);
        for place in 0..select.projection.len() {
            self.current = Some(place);
            let _ = visit_mut(&mut select.projection[place], self);
        }
        self.current = None;
        let _ = visit_mut(&mut select.from, self);
        let _ = visit_mut(&mut select.selection, self);
        let _ = visit_mut(&mut select.group_by, self);
        let _ = visit_mut(&mut select.having, self);
        self.hint_condition(select.selection.as_ref());
        let _ = visit_mut(&mut query.order_by, self);
        let window = match &window {
            Some(Expr::Function(call)) => windows::translate(call, self),
            _ => None,
        };
        let (SetExpr::Select(select), order) = (&mut *query.body, &mut query.order_by) else {
            return;
        };
        let mut ordered: Vec<&mut Expr> = Vec::new();
        if let Some(order) = order
            && let OrderByKind::Expressions(items) = &mut order.kind
        {
            ordered.extend(items.iter_mut().map(|item| &mut item.expr));
        }
        if let Some(window) = window
            && let GroupByExpr::Expressions(keys, _) = &mut select.group_by
        {
            keys.push(window);
        }
        columns::fill_aliases(select, &mut ordered, self);
        if self.aggregated {
            columns::first_rows(select, &mut ordered, self);
        }
        columns::tidy(select);
        if !self.windowed {
            // A row by itself is in order, and no more than one.
            query.order_by = None;
            if matches!(query.limit_clause, Some(LimitClause::LimitOffset { offset: None, .. })) {
                query.limit_clause = None;
            }
        }
    }

    /// Which tables are read, under our names.
    fn tables(&mut self, select: &mut Select) {
        let mut read: Vec<(String, Option<String>, Location)> = Vec::new();
        let relations = select.from.iter().flat_map(|from| {
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
        });
        for relation in relations {
            match relation {
                TableFactor::Table { name, alias, .. } => {
                    let ident = name.0.last().and_then(|part| part.as_ident());
                    if ident.is_some_and(dialect::is_keyword) {
                        let note = Note::lost("a table is missing", "correct the statement");
                        self.lost(note.at(name.span().start));
                    }
                    let stream = ident.map(|ident| ident.value.clone()).unwrap_or_default();
                    let alias = alias.as_ref().map(|alias| alias.name.value.clone());
                    read.push((stream, alias, name.span().start));
                }
                _ => self.lost(Note::lost("sub-queries are not eKuiper's", "write two rules")),
            }
        }
        let neuron = |stream: &str| self.around.streams.get(stream).is_some_and(Stream::is_neuron);
        let conditions = match read.iter().any(|(stream, ..)| neuron(stream)) {
            true => neuron::conditions(&mut select.selection),
            false => Vec::new(),
        };
        for (stream, alias, at) in read {
            let called = alias.clone().unwrap_or_else(|| stream.clone());
            let mine = conditions.iter().filter(|condition| {
                condition.qualifier.as_ref().is_none_or(|name| *name == called || *name == stream)
            });
            let (mut node, mut group) = (None, None);
            for condition in mine {
                let slot = if condition.node { &mut node } else { &mut group };
                *slot = Some(condition.value.clone());
            }
            let used = self.used(&stream, alias, node, at);
            if let Some(group) = group.filter(|_| used.neuron) {
                let text = format!("the condition on the group `{group}` is left out");
                let remedy = "columns of the device's other groups are NULL in a row";
                self.note(Note::changed(text, remedy));
            }
            self.uses.push(used);
        }
        let mut names = self.uses.iter().map(|used| used.table()).collect::<Vec<_>>().into_iter();
        for from in &mut select.from {
            let joined = from.joins.iter_mut().map(|join| &mut join.relation);
            for relation in std::iter::once(&mut from.relation).chain(joined) {
                if let TableFactor::Table { name, alias, .. } = relation
                    && let Some(table) = names.next()
                {
                    *name = ObjectName::from(vec![names::ident(&table)]);
                    if let Some(alias) = alias {
                        alias.name = names::ident(&alias.name.value);
                    }
                }
            }
        }
    }

    fn used(
        &mut self,
        stream: &str,
        alias: Option<String>,
        node: Option<String>,
        at: Location,
    ) -> Use {
        let known = self.around.streams.get(stream);
        let mut rule = None;
        let target = match known {
            None => {
                let remedy = "export the stream with the rule, or make a device of this name";
                self.note(Note::by_hand(format!("`{stream}` is not in the export"), remedy).at(at));
                names::target(self.around.mapping, stream)
            }
            Some(known) if !known.table && known.source() == "memory" => {
                let (target, id) = self.of_memory(known, at);
                rule = id;
                target
            }
            Some(known) if !known.table && known.is_neuron() => self.of_neuron(stream, node, at),
            Some(_) => names::target(self.around.mapping, stream),
        };
        let call = alias.unwrap_or_else(|| target.name().to_owned());
        let neuron = known.is_some_and(Stream::is_neuron);
        let (columns, paths) = (BTreeMap::new(), BTreeMap::new());
        Use { stream: stream.to_owned(), target, rule, call, neuron, columns, paths }
    }

    fn of_neuron(&mut self, stream: &str, node: Option<String>, at: Location) -> Target {
        match (self.around.mapping.get(stream), node) {
            (Some(target), _) => target.clone(),
            (None, Some(node)) => Target::Device(names::tidied(&node)),
            (None, None) => {
                let text = format!("`{stream}` is the tags of all of Neuron's nodes");
                let remedy = format!("choose the device or the template with --map {stream}=…");
                self.lost(Note::lost(text, remedy).at(at));
                names::target(self.around.mapping, stream)
            }
        }
    }

    /// The rule that writes what a stream in memory reads.
    fn of_memory(&mut self, stream: &Stream, at: Location) -> (Target, Option<String>) {
        if let Some(target) = self.around.mapping.get(&stream.name) {
            return (target.clone(), None);
        }
        let topic = stream.option("datasource").unwrap_or_default();
        let writers: BTreeSet<&String> = self
            .around
            .memory
            .iter()
            .filter(|(written, _)| matches(topic, written))
            .map(|(_, id)| id)
            .collect();
        let first = writers.iter().find_map(|id| Some((self.around.names.get(*id)?, *id)));
        if writers.len() != 1 {
            let count = writers.len();
            let text = format!("{count} rules write to `{topic}`, which `{}` reads", stream.name);
            let remedy = "write FROM and the rule that is meant; several are joined by UNION ALL in \
                          a window";
            self.lost(Note::lost(text, remedy).at(at));
        }
        match first {
            Some((name, id)) => (Target::Device(name.clone()), Some(id.clone())),
            None => (names::target(self.around.mapping, &stream.name), None),
        }
    }

    fn take_window(&mut self, select: &mut Select) -> Option<Expr> {
        let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return None };
        let place = keys.iter().position(windows::is_window)?;
        let window = keys.remove(place);
        if keys.iter().any(windows::is_window) {
            keys.retain(|key| !windows::is_window(key));
            self.lost(Note::lost("there are two windows", "write two rules"));
        }
        Some(window)
    }

    /// Translates a part by itself.
    pub fn visit(&mut self, expr: &mut Expr) {
        let _ = visit_mut(expr, self);
    }

    /// A template with parts; `$8` is the row's time and `$9` the time that the statement speaks of.
    pub fn filled(&mut self, template: &str, arguments: &[Expr]) -> Option<Expr> {
        let bytes: usize = arguments.iter().map(|part| part.to_string().len()).sum();
        let times = (1..=arguments.len()).map(|place| build::uses(template, place)).max();
        let Some(left) = self.budget.checked_sub(bytes * times.unwrap_or(1)) else {
            self.lost(Note::lost("the statement grows too long", "divide it into rules"));
            return None;
        };
        self.budget = left;
        let mut parts = arguments.to_vec();
        parts.resize(7, build::null());
        parts.push(self.row_time());
        parts.push(match self.aggregated {
            true => build::fill("window_end()", &[])?,
            false => self.row_time(),
        });
        build::fill(template, &parts)
    }

    /// The time of a row of the first table.
    pub fn row_time(&self) -> Expr {
        let first = self.uses.first().map(|used| used.call.as_str()).unwrap_or_default();
        self.own_column(first, "time")
    }

    /// What windows count by, where it is not the time of the read.
    pub fn event_time(&mut self) -> Option<Expr> {
        if !self.around.event_time {
            return None;
        }
        let used = self.uses.first()?.clone();
        let stream = self.stream(&used)?;
        let Some(column) = stream.option("timestamp").map(str::to_owned) else {
            let text = format!("event time is asked for, and `{}` has no TIMESTAMP", used.stream);
            self.note(Note::changed(text, "windows count by the time of the read"));
            return None;
        };
        if used.neuron && column == "timestamp" {
            return None;
        }
        let mut value = Expr::Identifier(Ident::new(column));
        self.visit(&mut value);
        if stream.option("timestamp_format").is_some() {
            let remedy = "see that to_timestamp() reads the texts";
            self.note(Note::changed("the format of event times is not looked at", remedy));
        }
        Some(functions::as_time(&value, self))
    }

    fn column_of(&mut self, expr: &Expr) -> Option<&mut Kind> {
        let (call, name) = match expr {
            Expr::Identifier(name) => (None, name),
            Expr::CompoundIdentifier(parts) if parts.len() == 2 => (parts.first(), &parts[1]),
            _ => return None,
        };
        let mut uses = self.uses.iter_mut();
        let used = uses.find(|used| match call {
            Some(call) => used.call == call.value,
            None => used.columns.contains_key(&name.value),
        })?;
        used.columns.get_mut(&name.value)
    }

    /// What a column seems to be.
    pub fn hint(&mut self, expr: &Expr, kind: Kind) {
        if let Some(known) = self.column_of(expr) {
            *known = known.or(kind);
        }
    }

    pub fn kind(&mut self, expr: &Expr) -> Option<Kind> {
        self.column_of(expr).map(|kind| *kind)
    }

    pub fn is_time(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Identifier(name) => name.value == "time",
            Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|p| p.value == "time"),
            Expr::Function(call) => {
                let name = name_of(call);
                name.starts_with("to_timestamp") || name.starts_with("window_")
            }
            _ => false,
        }
    }

    fn hint_condition(&mut self, condition: Option<&Expr>) {
        if let Some(condition) = condition {
            self.hint(condition, Kind::Bool);
        }
    }

    /// What stands for a column, or a part of one.
    pub fn resolved(&mut self, path: &[String], at: Location) -> Expr {
        if let [call, TIME] = path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            return self.own_column(call, "time");
        }
        let named = |used: &&Use| used.call == path[0] || used.stream == path[0];
        let qualified = path.len() > 1 && self.uses.iter().any(|used| named(&used));
        let rest = if qualified { &path[1..] } else { path };
        if let ([name], false) = (rest, qualified)
            && let Some(place) = self.aliases.get(name)
            && Some(*place) != self.current
            && match &self.current {
                Some(current) => !self.plain.contains(current),
                None => !self.shadows.contains(name),
            }
        {
            return Expr::Identifier(Ident::new(format!("{ALIAS_PREFIX}{place}")));
        }
        let owner = self.uses.iter().position(|used| match qualified {
            true => named(&used),
            false => self.stream(used).is_some_and(|stream| stream.kind(&rest[0]).is_some()),
        });
        let owner = owner.unwrap_or(0);
        let Some(used) = self.uses.get(owner).cloned() else {
            return Expr::Identifier(names::ident(&rest.join(".")));
        };
        let mut rest = rest.to_vec();
        if used.neuron {
            match self.of_row(&used, &rest, at) {
                Ok(tag) => rest = tag,
                Err(expr) => return *expr,
            }
        }
        let name = names::tag(&rest.join("."));
        if rest.len() > 1 {
            let text = format!("`{}` is read from a tag `{name}`", rest.join("->"));
            self.note(Note::by_hand(text, "make a tag of this name for the value").at(at));
        }
        let kind = self.stream(&used).and_then(|stream| stream.kind(&rest[0]));
        let kind = kind.filter(|_| rest.len() == 1).unwrap_or(Kind::Unknown);
        let column = if name == "time" { "time_value".to_owned() } else { name.clone() };
        self.uses[owner].paths.insert(name.clone(), rest);
        self.uses[owner].columns.entry(name).or_insert(kind);
        self.own_column(&used.call, &column)
    }

    /// A column, with its table's name where there are several.
    fn own_column(&self, call: &str, column: &str) -> Expr {
        match self.uses.len() > 1 {
            true => Expr::CompoundIdentifier(vec![names::ident(call), names::ident(column)]),
            false => Expr::Identifier(names::ident(column)),
        }
    }

    /// The tag that a part of Neuron's row is, or what stands for it.
    fn of_row(
        &mut self,
        used: &Use,
        path: &[String],
        at: Location,
    ) -> Result<Vec<String>, Box<Expr>> {
        match neuron::part(path) {
            Part::Tag(tag) => Ok(tag),
            Part::Time => {
                let time = Expr::CompoundIdentifier(vec![
                    Ident::new(used.call.as_str()),
                    Ident::new(TIME),
                ]);
                let made = build::fill("CAST(CAST($1 AS TIMESTAMP(3)) AS BIGINT)", &[time]);
                Err(Box::new(made.unwrap_or_else(build::null)))
            }
            Part::Node => Err(Box::new(match &used.target {
                Target::Device(name) => build::text(name),
                Target::Template(_) => self.own_column(&used.call, "device"),
            })),
            Part::Group | Part::Errors => {
                let text = format!("`{}` has no counterpart", path.join("->"));
                let remedy = "a tag's quality is in the column `<tag>_quality`";
                self.lost(Note::lost(text, remedy).at(at));
                Err(Box::new(build::null()))
            }
        }
    }
}

/// Whether a topic is one that a pattern with `+` and `#` is for.
fn matches(pattern: &str, topic: &str) -> bool {
    let mut parts = topic.split('/');
    for wanted in pattern.split('/') {
        match (wanted, parts.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}
