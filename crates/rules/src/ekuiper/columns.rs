//! The columns of a statement's result: what `*` stands for, names, columns that use each other, and
//! columns beside aggregates.

use super::build;
use super::dialect;
use super::functions::{AGGREGATES, OVERS, name_of};
use super::names;
use super::report::Note;
use super::statement::{ALIAS_PREFIX, Translator};
use super::tree::path;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, Spanned, VisitorMut,
    WildcardAdditionalOptions,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use tagwerk_sql::walk::{visit_expressions, visit_expressions_mut, visit_mut};

/// Writes out `*` where the columns are known, and what gives several columns.
pub fn expand(select: &mut Select, within: &mut Translator<'_>) {
    let mut items = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        match &item {
            SelectItem::Wildcard(options) => {
                let calls: Vec<String> = within.uses.iter().map(|used| used.call.clone()).collect();
                wildcard(&item, options, &calls, within, &mut items);
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                let named = last(name);
                let call = within
                    .uses
                    .iter()
                    .find(|used| used.call == named || used.stream == named)
                    .map(|used| used.call.clone());
                let options = options.clone();
                wildcard(&item, &options, &[call.unwrap_or(named)], within, &mut items);
            }
            SelectItem::UnnamedExpr(Expr::Function(call)) if name_of(call) == "changed_cols" => {
                changed_columns(call, within, &mut items);
            }
            _ => items.push(item),
        }
    }
    select.projection = items;
}

fn last(name: &ObjectName) -> String {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.map(|ident| ident.value.clone()).unwrap_or_default()
}

fn wildcard(
    item: &SelectItem,
    options: &WildcardAdditionalOptions,
    calls: &[String],
    within: &mut Translator<'_>,
    items: &mut Vec<SelectItem>,
) {
    let mut except: BTreeSet<String> = BTreeSet::new();
    if let Some(list) = &options.opt_except {
        except.insert(list.first_element.value.clone());
        except.extend(list.additional_elements.iter().map(|ident| ident.value.clone()));
    }
    let replaced = options.opt_replace.as_ref().map(|replace| replace.items.clone());
    let replaced = replaced.unwrap_or_default();
    let mut columns: Vec<(String, String)> = Vec::new();
    for call in calls {
        let used = within.uses.iter().find(|used| used.call == *call).cloned();
        let known = used.as_ref().and_then(|used| within.stream(used));
        let known = known.map(|stream| stream.columns.as_slice()).unwrap_or_default();
        columns.extend(known.iter().map(|(name, _)| (call.clone(), name.clone())));
    }
    if columns.is_empty() {
        let at = options.wildcard_token.0.span.start;
        let plain = except.is_empty() && replaced.is_empty();
        if !plain || within.aggregated {
            let text = "what `*` stands for is not known, since the stream has no schema";
            within.lost(Note::lost(text, "name the columns").at(at));
        } else {
            let text = "`*` gives the quality and the source's time of each tag, too";
            within.note(Note::changed(text, "name the columns that are meant").at(at));
        }
        items.push(match item {
            SelectItem::QualifiedWildcard(..) if within.uses.len() > 1 => {
                let name = ObjectName::from(vec![names::ident(&calls[0])]);
                let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
                SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions::default())
            }
            _ => SelectItem::Wildcard(WildcardAdditionalOptions::default()),
        });
        return;
    }
    for (call, name) in columns {
        let replacement = replaced.iter().find(|item| item.column_name.value == name);
        if let Some(item) = replacement {
            let alias = Ident::new(name);
            items.push(SelectItem::ExprWithAlias { expr: item.expr.clone(), alias });
        } else if !except.contains(&name) {
            let parts = vec![Ident::new(call), Ident::new(name)];
            items.push(SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)));
        }
    }
}

/// `changed_cols(prefix, ignore, a, b …)`: a column for each.
fn changed_columns(call: &Function, within: &mut Translator<'_>, items: &mut Vec<SelectItem>) {
    let at = call.name.span().start;
    let FunctionArguments::List(list) = &call.args else { return };
    let mut plain = Vec::new();
    let mut star = false;
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => plain.push(expr.clone()),
            _ => star = true,
        }
    }
    let prefix = plain.first().and_then(build::literal).unwrap_or_default().to_owned();
    if star {
        let known = within.uses.first().cloned();
        let known = known.and_then(|used| within.stream(&used));
        let names = known.map(|stream| stream.columns.as_slice()).unwrap_or_default();
        plain.extend(names.iter().map(|(name, _)| Expr::Identifier(Ident::new(name))));
    }
    if plain.len() < 3 {
        let text = "which columns `changed_cols` is of is not known";
        within.lost(Note::lost(text, "write changed_value(column) AS column for each").at(at));
        return;
    }
    let text = "`changed_cols` compares with the row before, and gives a row of NULLs where nothing \
                changed";
    within.note(Note::changed(text, "add WHERE had_changed(column) for rows with a change").at(at));
    for (place, expr) in plain[2..].iter().enumerate() {
        let own = path(expr).and_then(|path| path.last().cloned());
        let alias = Ident::new(format!("{prefix}{}", own.unwrap_or_else(|| place.to_string())));
        let mut called = call.clone();
        called.name = ObjectName::from(vec![Ident::new("changed_col")]);
        let arguments = [plain[1].clone(), expr.clone()];
        if let FunctionArguments::List(list) = &mut called.args {
            list.args =
                arguments.map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).to_vec();
        }
        items.push(SelectItem::ExprWithAlias { expr: Expr::Function(called), alias });
    }
}

/// Gives each column a name that a tag can have.
pub fn name(select: &mut Select, within: &mut Translator<'_>) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut fields = 0;
    for (place, item) in select.projection.iter_mut().enumerate() {
        let (expr, theirs) = match item {
            SelectItem::UnnamedExpr(expr) => {
                if path(expr).is_some() {
                    within.plain.insert(place);
                }
                let theirs = match (&*expr, path(expr)) {
                    (_, Some(path)) => path.last().cloned().unwrap_or_default(),
                    (Expr::Function(call), None) => name_of(call),
                    _ => {
                        fields += 1;
                        format!("kuiper_field_{}", fields - 1)
                    }
                };
                (expr.clone(), theirs)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), alias.value.clone()),
            _ => continue,
        };
        let mut ours = names::column(&theirs);
        let mut count = 2;
        while !taken.insert(ours.clone()) {
            ours = format!("{}_{count}", names::column(&theirs));
            count += 1;
        }
        if ours != theirs {
            let at = expr.span().start;
            let text = format!("the column `{theirs}` is called `{ours}`");
            within.note(Note::changed(text, "a column is a tag, and has a name of its own").at(at));
        }
        if matches!(item, SelectItem::ExprWithAlias { .. }) {
            if mentions(&expr, &theirs) {
                within.shadows.insert(theirs.clone());
            }
            within.aliases.insert(theirs, place);
        }
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::new(ours) };
    }
}

fn mentions(expr: &Expr, name: &str) -> bool {
    let found = visit_expressions(expr, |part| match part {
        Expr::Identifier(ident) if ident.value == name => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn expression(item: &mut SelectItem) -> Option<&mut Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// What is known of the columns of the result: their names, and what each is once it is complete.
struct Known {
    names: Vec<String>,
    columns: Vec<Option<Expr>>,
}

/// Puts columns of the result where others use them.
pub fn fill_aliases(select: &mut Select, ordered: &mut [&mut Expr], within: &mut Translator<'_>) {
    /// Columns that use a later one.
    const ROUNDS_MAX: usize = 16;
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        _ => String::new(),
    };
    let names: Vec<String> = select.projection.iter().map(name).collect();
    let mut known = Known { columns: vec![None; names.len()], names };
    for _ in 0..ROUNDS_MAX {
        let mut missing = false;
        for (place, item) in select.projection.iter_mut().enumerate() {
            if known.columns[place].is_some() {
                continue;
            }
            let Some(expr) = expression(item) else { continue };
            if known.has_all(expr) {
                known.fill(expr, within);
                known.columns[place] = Some(expr.clone());
            } else {
                missing = true;
            }
        }
        if !missing {
            break;
        }
    }
    for (place, item) in select.projection.iter_mut().enumerate() {
        if let Some(expr) = expression(item)
            && known.columns[place].is_none()
        {
            known.fill(expr, within);
        }
    }
    let keys = match &mut select.group_by {
        GroupByExpr::Expressions(keys, _) => keys.as_mut_slice(),
        GroupByExpr::All(_) => &mut [],
    };
    let conditions = select.selection.iter_mut().chain(&mut select.having);
    for expr in conditions.chain(keys).chain(ordered.iter_mut().map(|expr| &mut **expr)) {
        known.fill(expr, within);
        build::bare(expr);
    }
}

impl Known {
    fn place(expr: &Expr) -> Option<usize> {
        let Expr::Identifier(name) = expr else { return None };
        name.value.strip_prefix(ALIAS_PREFIX)?.parse().ok()
    }

    fn column(&self, place: usize) -> Option<&Expr> {
        self.columns.get(place).and_then(Option::as_ref)
    }

    fn has_all(&self, expr: &Expr) -> bool {
        let found = visit_expressions(expr, |part| match Known::place(part) {
            Some(place) if self.column(place).is_none() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        found.is_continue()
    }

    fn fill(&self, expr: &mut Expr, within: &mut Translator<'_>) {
        let mut filled = expr.clone();
        let mut bytes = 0;
        let mut complete = true;
        let _: ControlFlow<()> = visit_expressions_mut(&mut filled, |part| {
            let Some(place) = Known::place(part) else { return ControlFlow::Continue(()) };
            match self.column(place) {
                Some(column) if bytes < tagwerk_model::limits::RULE_SQL_BYTES_MAX => {
                    bytes += column.to_string().len();
                    *part = Expr::Nested(Box::new(column.clone()));
                }
                _ => complete = false,
            }
            ControlFlow::Continue(())
        });
        if complete && (bytes == 0 || dialect::is_shallow(&filled.to_string())) {
            *expr = filled;
            return;
        }
        let text = "columns that use each other could not be put into each other";
        within.lost(Note::lost(text, "write them in another rule, which this one reads"));
        let _: ControlFlow<()> = visit_expressions_mut(expr, |part| {
            if let Some(place) = Known::place(part) {
                let name = self.names.get(place).map(String::as_str).unwrap_or_default();
                *part = Expr::Identifier(names::ident(name));
            }
            ControlFlow::Continue(())
        });
    }
}

/// Beside aggregates a column is that of the first row.
pub fn first_rows(select: &mut Select, ordered: &mut [&mut Expr], within: &mut Translator<'_>) {
    let keys: Vec<String> = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys.iter().map(ToString::to_string).collect(),
        GroupByExpr::All(_) => Vec::new(),
    };
    let mut first = First { keys, within, depth: 0, found: false };
    for expr in select.projection.iter_mut().filter_map(expression) {
        let _ = visit_mut(expr, &mut first);
    }
    let others = select.having.iter_mut().chain(ordered.iter_mut().map(|expr| &mut **expr));
    for expr in others {
        let _ = visit_mut(expr, &mut first);
    }
    if first.found {
        let text = "a column beside aggregates is that of the window's first row";
        let note = Note::changed(text, "use last_value(column ORDER BY time) for the last");
        within.note(note);
    }
}

struct First<'t, 'a> {
    keys: Vec<String>,
    within: &'t mut Translator<'a>,
    depth: usize,
    found: bool,
}

impl First<'_, '_> {
    /// Not looked into: whether it is a column after all.
    fn closed(expr: &Expr) -> Option<bool> {
        let Expr::Function(call) = expr else { return None };
        let name = name_of(call);
        if AGGREGATES.contains(&name.as_str()) {
            return Some(false);
        }
        OVERS.contains(&name.as_str()).then_some(true)
    }

    fn is_key(&self, expr: &Expr) -> bool {
        let text = expr.to_string();
        self.keys.contains(&text)
    }
}

impl VisitorMut for First<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let key = self.depth == 0 && !self.keys.is_empty() && self.is_key(expr);
        if key {
            // Its parts are not columns of their own.
            *expr = Expr::Prefixed {
                prefix: Ident::new(KEY),
                value: Box::new(std::mem::replace(expr, build::null())),
            };
        }
        self.depth += usize::from(key || First::closed(expr).is_some());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Prefixed { prefix, value } = expr
            && prefix.value == KEY
        {
            *expr = std::mem::replace(&mut **value, build::null());
            self.depth = self.depth.saturating_sub(1);
            return ControlFlow::Continue(());
        }
        let closed = First::closed(expr);
        self.depth = self.depth.saturating_sub(usize::from(closed.is_some()));
        let column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if self.depth == 0 && (column || closed == Some(true)) {
            let value = std::mem::replace(expr, build::null());
            match self.within.filled("first_value($1 ORDER BY $8)", &[value]) {
                Some(made) => *expr = made,
                None => *expr = build::null(),
            }
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

/// Marks what is grouped by while columns are looked for.
const KEY: &str = "__key";

/// Takes names and brackets away that say nothing.
pub fn tidy(select: &mut Select) {
    for item in &mut select.projection {
        if let Some(expr) = expression(item) {
            build::bare(expr);
        }
        let same = match item {
            SelectItem::ExprWithAlias { expr, alias } => match &*expr {
                Expr::Identifier(name) => name.value == alias.value,
                Expr::CompoundIdentifier(parts) => {
                    parts.last().is_some_and(|name| name.value == alias.value)
                }
                _ => false,
            },
            _ => false,
        };
        if let SelectItem::ExprWithAlias { expr, alias } = item {
            alias.clone_from(&names::ident(&alias.value));
            if same {
                *item = SelectItem::UnnamedExpr(expr.clone());
            }
        }
    }
    for condition in select.selection.iter_mut().chain(&mut select.having) {
        build::bare(condition);
    }
    let _: ControlFlow<()> = visit_expressions_mut(select, build::bare_within);
}
