//! Plans kept for statements that come again with other texts in their conditions, as those of a page
//! with charts do: planning takes longer than reading what they ask for.

use crate::device::{DeviceTable, Shape};
use crate::folds::FoldsTable;
use crate::forms::{Form, Forms};
use crate::partition::ScanExec;
use crate::planning::{Line, Planned, is_line};
use crate::rollups::RollupsTable;
use crate::samples::SamplesTable;
use crate::select::{Span, span};
use crate::source::Source;
use crate::{engine, filled};
use datafusion::catalog::TableProvider;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr_rewriter::unnormalize_cols;
use datafusion::logical_expr::logical_plan::TableScan;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, SetExpr, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tagwerk_model::limits;

/// Statements that are longer are not asked again and again.
const KEY_BYTES_MAX: usize = 4_096;
/// Says of a literal in a plan which text of the statement it was.
const MARK: &str = "tagwerk.text";

/// A statement without the texts that its conditions compare columns with.
pub struct Template {
    pub statement: Statement,
    pub key: String,
    pub texts: Vec<String>,
}

impl Template {
    /// None of what is no plain question. The clients of PostgreSQL's have functions that others do
    /// not: `asker` keeps them apart.
    pub fn of(statement: &Statement, asker: &str) -> Option<Template> {
        let Statement::Statement(asked) = statement else { return None };
        let ast::Statement::Query(query) = &**asked else { return None };
        let mut query = query.clone();
        let SetExpr::Select(select) = &mut *query.body else { return None };
        let mut texts = Vec::new();
        if let Some(condition) = &mut select.selection {
            take(condition, &mut texts);
        }
        let key = format!("{asker} {query}");
        // A parameter of the statement's own would be taken for one of ours.
        let own = key.matches('$').count() != texts.len();
        if own || key.len() > KEY_BYTES_MAX {
            return None;
        }
        let statement = Statement::Statement(Box::new(ast::Statement::Query(query)));
        Some(Template { statement, key, texts })
    }

    /// The texts as values that are known again in the plan.
    pub fn values(&self) -> ParamValues {
        let marked = |(place, text): (usize, &String)| {
            let mark = BTreeMap::from([(MARK.to_owned(), place.to_string())]);
            let value = ScalarValue::Utf8(Some(text.clone()));
            ScalarAndMetadata::new(value, Some(FieldMetadata::new(mark)))
        };
        ParamValues::List(self.texts.iter().enumerate().map(marked).collect())
    }
}

/// Takes texts out of a condition.
fn take(condition: &mut ast::Expr, texts: &mut Vec<String>) {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, Or};
    let is_column = |expr: &ast::Expr| {
        matches!(expr, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
    };
    match condition {
        ast::Expr::Nested(inner) => take(inner, texts),
        ast::Expr::BinaryOp { left, op: And | Or, right } => {
            take(left, texts);
            take(right, texts);
        }
        ast::Expr::BinaryOp { left, op: Eq | Lt | LtEq | Gt | GtEq, right } => {
            if is_column(left) {
                take_text(right, texts);
            } else if is_column(right) {
                take_text(left, texts);
            }
        }
        ast::Expr::Between { expr, low, high, .. } if is_column(expr) => {
            take_text(low, texts);
            take_text(high, texts);
        }
        ast::Expr::InList { expr, list, .. } if is_column(expr) => {
            list.iter_mut().for_each(|text| take_text(text, texts));
        }
        _ => {}
    }
}

fn take_text(expr: &mut ast::Expr, texts: &mut Vec<String>) {
    if let ast::Expr::Value(value) = expr
        && let Value::SingleQuotedString(text) = &mut value.value
    {
        texts.push(std::mem::take(text));
        value.value = Value::Placeholder(format!("${}", texts.len()));
    }
}

/// The only table of the statement, before it is optimized; none where it depends on more than texts
/// and tables.
pub fn table_of(plan: &LogicalPlan) -> Result<Option<String>> {
    if !is_line(plan)? {
        return Ok(None);
    }
    let (mut table, mut lasting) = (None, true);
    plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            table = Some(scan.table_name.table().to_owned());
        }
        node.apply_expressions(|expr| {
            lasting &= !expr.exists(|expr| Ok(changes(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(table.filter(|_| lasting))
}

/// Such as `now()`, which the optimizer replaces by its value.
fn changes(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
        Expr::ScalarVariable(..) => true,
        _ => false,
    }
}

/// What was planned once.
struct Kept {
    table: String,
    provider: Arc<dyn TableProvider>,
    projection: Option<Vec<usize>>,
    filters: Vec<Expr>,
    fetch: Option<usize>,
    plan: Arc<dyn ExecutionPlan>,
    scan: ScanExec,
}

impl Kept {
    /// None where a text has become something else than what a scan is told, or where two were made
    /// one: with other texts the plan might be another.
    fn of(template: &Template, table: String, planned: &Planned) -> Result<Option<Kept>> {
        let Some(optimized) = &planned.optimized else { return Ok(None) };
        if !is_line(optimized)? {
            return Ok(None);
        }
        let (mut scans, mut marks) = (Vec::new(), 0);
        optimized.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                scans.push(scan.clone());
            }
            node.apply_expressions(|expr| {
                marks += marks_of(expr)?.len();
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        let Some(scan) = scans.pop().filter(|_| scans.is_empty()) else { return Ok(None) };
        let TableScan { source, projection, filters, fetch, .. } = scan;
        let mut known = Vec::new();
        for filter in &filters {
            known.extend(marks_of(filter)?);
        }
        let places: BTreeSet<usize> = known.iter().map(|(place, _)| *place).collect();
        let unchanged = known.iter().all(|(place, value)| {
            let text = template.texts.get(*place);
            text.and_then(|text| value_of(text, value)).is_some_and(|own| own == *value)
        });
        if known.len() != marks || places.len() != template.texts.len() || !unchanged {
            return Ok(None);
        }
        let Some(read) = scan_of(&planned.physical)? else { return Ok(None) };
        Ok(Some(Kept {
            table,
            provider: source_as_provider(&source)?,
            projection,
            filters: unnormalize_cols(filters),
            fetch,
            plan: planned.physical.clone(),
            scan: read,
        }))
    }

    /// The plan for other texts; none where it would be another now.
    async fn again(
        &self,
        texts: &[String],
        source: &Arc<dyn Source>,
        line: &Line,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(filters) = self.filters_of(texts)? else { return Ok(None) };
        if !stands(&*self.provider, &self.table, source, &span(&filters)) {
            return Ok(None);
        }
        let read = self.provider.scan(line, self.projection.as_ref(), &filters, self.fetch).await?;
        let read = read.downcast_ref::<ScanExec>().and_then(|read| read.in_place_of(&self.scan));
        let Some(read) = read else { return Ok(None) };
        let read: Arc<dyn ExecutionPlan> = Arc::new(read);
        let plan = self.plan.clone().transform_up(|node| {
            Ok(Transformed::yes(match node.is::<ScanExec>() {
                true => read.clone(),
                // Operators keep what they found while they worked.
                false => node.reset_state()?,
            }))
        })?;
        Ok(Some(plan.data))
    }

    fn filters_of(&self, texts: &[String]) -> Result<Option<Vec<Expr>>> {
        let mut complete = true;
        let replaced = |filter: &Expr| {
            let filter = filter.clone().transform_up(|expr| match (mark_of(&expr), &expr) {
                (Some(place), Expr::Literal(old, _)) => {
                    match texts.get(place).and_then(|text| value_of(text, old)) {
                        Some(value) => Ok(Transformed::yes(Expr::Literal(value, None))),
                        None => {
                            complete = false;
                            Ok(Transformed::no(expr))
                        }
                    }
                }
                _ => Ok(Transformed::no(expr)),
            });
            Ok(filter?.data)
        };
        let filters = self.filters.iter().map(replaced).collect::<Result<Vec<Expr>>>()?;
        Ok(complete.then_some(filters))
    }
}

/// A text as a value of the same type as another.
fn value_of(text: &str, other: &ScalarValue) -> Option<ScalarValue> {
    let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(&other.data_type()).ok()?;
    (!value.is_null()).then_some(value)
}

fn mark_of(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Literal(_, Some(metadata)) => metadata.inner().get(MARK)?.parse().ok(),
        _ => None,
    }
}

fn marks_of(expr: &Expr) -> Result<Vec<(usize, ScalarValue)>> {
    let mut marks = Vec::new();
    expr.apply(|expr| {
        if let (Some(place), Expr::Literal(value, _)) = (mark_of(expr), expr) {
            marks.push((place, value.clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(marks)
}

/// The only thing at the bottom of the plan.
fn scan_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<ScanExec>> {
    let (mut leaves, mut scan) = (0, None);
    plan.apply(|node| {
        leaves += usize::from(node.children().is_empty());
        scan = node.downcast_ref::<ScanExec>().cloned().or_else(|| scan.take());
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(scan.filter(|_| leaves == 1))
}

/// Whether the table is still what the name stands for, and can still answer for this span.
fn stands(provider: &dyn TableProvider, name: &str, source: &Arc<dyn Source>, span: &Span) -> bool {
    if provider.is::<SamplesTable>() || provider.is::<RollupsTable>() {
        return true;
    }
    let shape = if let Some(folds) = provider.downcast_ref::<FoldsTable>() {
        if !folds.serves(span) {
            return false;
        }
        folds.shape()
    } else if let Some(device) = provider.downcast_ref::<DeviceTable>() {
        Some(&device.shape)
    } else {
        return false;
    };
    let Some(shape) = shape else { return true };
    let of = filled::split(name).map_or(name, |(of, _)| of);
    let tags = source.tags();
    source.lookups().get(name).is_none()
        && tags.named(of).is_some_and(|named| Shape::new(&named) == *shape)
}

/// The plans that were asked for last.
#[derive(Default)]
pub struct Plans(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    plans: HashMap<String, (u64, Arc<Kept>)>,
    turn: u64,
    forms: Forms,
}

impl Plans {
    pub async fn again(
        &self,
        key: &str,
        texts: &[String],
        source: &Arc<dyn Source>,
        line: &Line,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let kept = {
            let shelf = &mut *self.shelf();
            shelf.turn += 1;
            let Some((used, kept)) = shelf.plans.get_mut(key) else { return Ok(None) };
            *used = shelf.turn;
            kept.clone()
        };
        kept.again(texts, source, line).await
    }

    /// The same for a statement that was not read.
    pub async fn again_of(
        &self,
        form: &Form,
        source: &Arc<dyn Source>,
        line: &Line,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let known = self.shelf().forms.find(form).map(|(key, texts)| (key.to_owned(), texts));
        let Some((key, texts)) = known else { return Ok(None) };
        self.again(&key, &texts, source, line).await
    }

    /// Remembers what a statement of this form becomes, whose plan is kept under the key.
    pub fn keep_form(&self, form: Form, key: &str) {
        let Ok(marked) = engine::parse(&form.marked()) else { return };
        if let Some(template) = Template::of(&marked, "") {
            self.shelf().forms.keep(form, key, &template.texts);
        }
    }

    /// Whether it is kept.
    pub fn keep(&self, template: &Template, table: String, planned: &Planned) -> Result<bool> {
        let Some(kept) = Kept::of(template, table, planned)? else { return Ok(false) };
        let shelf = &mut *self.shelf();
        if shelf.plans.len() >= limits::SQL_PLANS_MAX {
            let oldest = shelf.plans.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                shelf.plans.remove(&key);
                shelf.forms.forget(&key);
            }
        }
        shelf.plans.insert(template.key.clone(), (shelf.turn, Arc::new(kept)));
        Ok(true)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::physical_plan;
    use crate::planning::tests::{LINES, base};
    use datafusion::physical_plan::displayable;

    /// As they are first, and with other texts.
    const KEPT: [(&str, &str); 5] = [
        (
            "SELECT time, value FROM samples WHERE device = 'boiler' AND tag = 'level' AND time >= '2026-11-01' ORDER BY time",
            "SELECT time, value FROM samples WHERE device = 'press' AND tag = 'recipe' AND time >= '2026-11-07 12:00:00' ORDER BY time",
        ),
        (
            "SELECT date_trunc('minute', time) AS t, tag, avg(value) FROM samples WHERE device = 'boiler' AND tag IN ('level', 'running', 'temperature', 'x') GROUP BY 1, 2 ORDER BY 1, 2",
            "SELECT date_trunc('minute', time) AS t, tag, avg(value) FROM samples WHERE device = 'boiler' AND tag IN ('level', 'running', 'y', 'z') GROUP BY 1, 2 ORDER BY 1, 2",
        ),
        (
            "SELECT max(temperature) FROM boiler WHERE time BETWEEN '2026-11-01' AND '2026-11-02'",
            "SELECT max(temperature) FROM boiler WHERE time BETWEEN '2026-11-03' AND '2026-11-04'",
        ),
        (
            "SELECT temperature FROM boiler b WHERE b.time > '2026-11-01' ORDER BY temperature DESC LIMIT 3",
            "SELECT temperature FROM boiler b WHERE b.time > '2026-11-02' ORDER BY temperature DESC LIMIT 3",
        ),
        (
            "SELECT DISTINCT unit FROM samples WHERE '2026-11-01' <= time LIMIT 4",
            "SELECT DISTINCT unit FROM samples WHERE '2026-11-05' <= time LIMIT 4",
        ),
    ];

    const NOT_KEPT: [&str; 7] = [
        "SELECT value FROM samples WHERE time > now() - INTERVAL '1 day'",
        "SELECT value FROM samples WHERE tag = 'level' AND random() < 0.5",
        "SELECT time_bucket_gapfill('1 minute', time) AS t, avg(value) FROM samples WHERE tag = 'level' AND time >= '2026-11-01' AND time < '2026-11-02' GROUP BY 1 ORDER BY 1",
        // With other texts, the first of the two may be the one that counts.
        "SELECT value FROM samples WHERE time > '2026-11-01' AND time > '2026-11-02'",
        "SELECT value FROM samples WHERE tag = 'level' AND value > '3'",
        "SELECT value FROM samples WHERE tag = 'level' AND value_text = 'x'",
        "SELECT text FROM events WHERE time > '2026-11-01'",
    ];

    async fn planned(text: &str, plans: &Plans) -> String {
        let (state, _) = base(None);
        let template = Template::of(&engine::parse(text).unwrap(), "").unwrap();
        let plan = state.statement_to_plan(template.statement.clone()).await.unwrap();
        let plan = plan.replace_params_with_values(&template.values()).unwrap();
        let table = table_of(&plan).unwrap();
        let planned = physical_plan(&mut Line::new(state), plan).await.unwrap();
        if let Some(table) = table
            && plans.keep(&template, table, &planned).unwrap()
        {
            plans.keep_form(Form::of(text).unwrap(), &template.key);
        }
        displayable(&*planned.physical).indent(false).to_string()
    }

    async fn again(text: &str, plans: &Plans) -> Option<String> {
        let (state, source) = base(None);
        let template = Template::of(&engine::parse(text).unwrap(), "").unwrap();
        let (Template { key, texts, .. }, line) = (template, Line::new(state));
        let shown = |plan: Arc<dyn ExecutionPlan>| displayable(&*plan).indent(false).to_string();
        let plan = plans.again(&key, &texts, &source, &line).await.unwrap().map(shown);
        let form = Form::of(text).unwrap();
        let by_form = plans.again_of(&form, &source, &line).await.unwrap().map(shown);
        assert!(by_form == plan, "{text}: {by_form:?} and {plan:?}");
        plan
    }

    #[tokio::test]
    async fn a_plan_serves_a_statement_with_other_texts() {
        for (first, other) in KEPT {
            let plans = Plans::default();
            planned(first, &plans).await;
            let afresh = planned(other, &Plans::default()).await;
            assert_eq!(again(other, &plans).await.as_ref(), Some(&afresh), "{other}");
            // Clients of PostgreSQL's have other functions.
            let statement = engine::parse(other).unwrap();
            let (own, theirs) =
                (Template::of(&statement, ""), Template::of(&statement, "postgres"));
            assert_ne!(own.unwrap().key, theirs.unwrap().key);
        }
        for line in LINES {
            let plans = Plans::default();
            let first = planned(line, &plans).await;
            let again = again(line, &plans).await;
            assert!(again.is_none_or(|again| again == first), "{line}");
        }
    }

    #[tokio::test]
    async fn what_depends_on_more_than_texts_is_planned_each_time() {
        for text in NOT_KEPT {
            let plans = Plans::default();
            planned(text, &plans).await;
            assert_eq!(again(text, &plans).await, None, "{text}");
        }
        for text in [
            "SELECT value FROM samples WHERE tag = $1",
            "SELECT 1 UNION SELECT 2",
            "EXPLAIN SELECT value FROM samples WHERE tag = 'level'",
        ] {
            assert!(Template::of(&engine::parse(text).unwrap(), "").is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn plans_are_kept_up_to_a_limit() {
        let plans = Plans::default();
        let text =
            |number: usize| format!("SELECT value + {number} FROM samples WHERE tag = 'level'");
        for number in 0..limits::SQL_PLANS_MAX + 1 {
            planned(&text(number), &plans).await;
            // The first is asked for again and again.
            assert!(again(&text(0), &plans).await.is_some());
        }
        assert_eq!(plans.shelf().plans.len(), limits::SQL_PLANS_MAX);
        assert!(again(&text(1), &plans).await.is_none());
        assert!(again(&text(limits::SQL_PLANS_MAX), &plans).await.is_some());
    }
}
