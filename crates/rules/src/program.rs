//! A rule's SQL, planned once: where its rows come from, which windows they lie in, and what is made of
//! them.

use crate::alone::{number_rows, row_by_row, row_column};
use crate::bounds::Bounds;
use crate::cell::CellType;
use crate::columns::{Column, columns, fingerprint};
use crate::expression::expression;
use crate::feed::Feed;
use crate::finding::Finding;
use crate::instance::MEMORY_MAX;
use crate::lookup::{LookupSource, RuleLookup};
use crate::over::Over;
use crate::parse::{self, OVER_PREFIX, OverCall, TableUse, Text, WindowCall, WindowKind};
use crate::reading::{Reading, Table, explained};
pub use crate::source::Source;
use crate::stages::{Stage, stages};
use crate::table::StreamTable;
use crate::totals::Totals;
use crate::unsigned::with_unsigned;
use crate::user::Used;
use crate::work::Deadline;
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider,
};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::tokenizer::Span;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tagwerk_sql::stream::{Ends, SAMPLES, Stream, filled_of, filling_reads, watched};
use tagwerk_sql::{Lookup, TagTable, UserFunction};

/// The engine that plans rules. One is enough for all of them.
#[derive(Clone)]
pub struct Planner {
    pub(crate) state: SessionState,
    /// What windows' statements may take while they are run.
    pub(crate) means: Arc<RuntimeEnv>,
    pub(crate) functions: Vec<UserFunction>,
}

pub type Physical = Arc<dyn PhysicalExpr>;

/// Which windows there are, with what is computed of each row for them.
pub struct Window {
    pub kind: WindowKind,
    /// Of each source; none: its own time.
    pub time: Option<Physical>,
    pub filter: Option<Physical>,
    pub trigger: Option<Physical>,
    pub partition: Vec<Physical>,
    pub states: Vec<Physical>,
}

pub enum Body {
    /// Conditions and expressions, one after the other.
    Stages(Vec<Stage>),
    /// Aggregates of a tumbling or a hopping window, and what is made of them.
    Totals(Box<Totals>),
    Plan(Arc<dyn ExecutionPlan>),
}

impl Body {
    fn may_take_long(&self) -> bool {
        match self {
            Body::Stages(stages) => stages.iter().any(Stage::makes_lists),
            _ => true,
        }
    }
}

pub struct Program {
    pub sources: Vec<Source>,
    pub lookups: Vec<LookupSource>,
    /// Where the body gives the number of the row that its row is of; none: it is run for each.
    pub row: Option<usize>,
    pub overs: Vec<Over>,
    pub window: Option<Window>,
    pub body: Body,
    pub bounds: Arc<Bounds>,
    pub deadline: Arc<Deadline>,
    /// Without the time, and their places among what the body gives.
    pub columns: Vec<Column>,
    pub places: Vec<usize>,
    /// Where the body gives the time of a row.
    pub time: Option<usize>,
    /// A row may take longer than a moment: it is no mere condition and expression.
    pub may_take_long: bool,
    pub task: Arc<TaskContext>,
    /// For people.
    pub plan: String,
    /// Two programs of which this is the same go on in each other's state.
    pub fingerprint: String,
    pub used: Used,
    /// Whoever runs it holds this.
    pub turn: parking_lot::Mutex<()>,
}

impl Planner {
    pub fn new() -> Result<Planner, Finding> {
        let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let means = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(MEMORY_MAX)))
            .with_disk_manager_builder(no_files)
            .build_arc()?;
        let state = with_unsigned(tagwerk_sql::stream::state()?)?;
        Ok(Planner { state, means, functions: Vec::new() })
    }

    /// Plans a rule's SQL. Blocks; not for a thread that runs tasks.
    pub fn plan(&self, sql: &str, tags: &TagTable) -> Result<Program, Finding> {
        let known = self.state.aggregate_functions();
        let is_lookup = |name: &str| {
            // A name that stands for nothing is told of as such.
            let stream = name == SAMPLES || filled_of(name).is_some() || tags.named(name).is_some();
            tags.lookups().has(name) || !stream
        };
        let text = parse::read(sql, &|name| known.contains_key(name), &is_lookup)?;
        let places = text.places.clone();
        self.planned(sql, text, tags).map_err(|finding| places.place(finding))
    }

    fn planned(&self, sql: &str, mut text: Text, tags: &TagTable) -> Result<Program, Finding> {
        let reading = Reading::of(&text, tags)?;
        let is_lookup = |name: &str| reading.is_lookup(name);
        let uses: Vec<TableUse> =
            text.tables.iter().filter(|table| !is_lookup(&table.name)).cloned().collect();
        let lookups: BTreeSet<String> =
            reading.lookups.iter().map(|(name, _)| name.clone()).collect();
        let numbered = !lookups.is_empty() && text.window.is_none() && {
            let streams: Vec<&TableUse> = uses.iter().collect();
            match &mut text.statement {
                Parsed::Statement(statement) => number_rows(statement, &streams),
                _ => false,
            }
        };
        let bounds = Arc::new(Bounds::default());
        let spans = text.places.columns.clone();
        let used = self.used(sql);
        let mut state = self.state(&bounds)?;
        used.register(&mut state)?;
        let means = self.means.clone();
        let mut planning = Planning {
            state,
            tables: reading.streams,
            lookups: reading.lookups,
            numbered,
            overs: Vec::new(),
            spans,
            means,
            used,
        };
        for (place, call) in text.overs.iter().enumerate() {
            let over = planning.over(place, call, &uses)?;
            planning.overs.push(over);
        }
        planning.register()?;
        let window = text.window.as_ref().map(|call| planning.window(call)).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Finding::new(error.to_string(), "try again"))?;
        let asked = (!lookups.is_empty()).then(|| text.statement.clone());
        let logical = runtime.block_on(planning.state.statement_to_plan(text.statement));
        let explain = |error: DataFusionError| {
            let Planning { tables, lookups, .. } = &planning;
            explained(error.into(), asked.as_ref(), &text.tables, tables, lookups)
        };
        let logical = logical.map_err(explain)?;
        tagwerk_sql::stream::allowed(&logical)?;
        if window.is_none() {
            row_by_row(&logical, &|name| lookups.contains(name))?;
        }
        let physical = runtime.block_on(planning.state.create_physical_plan(&logical));
        let physical = physical.map_err(explain)?;
        planning.program(sql, window, physical, bounds)
    }

    fn state(&self, bounds: &Arc<Bounds>) -> Result<SessionState, Finding> {
        let catalogs = MemoryCatalogProviderList::new();
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema("public", Arc::new(MemorySchemaProvider::new()))?;
        catalogs.register_catalog("tagwerk".to_owned(), Arc::new(catalog));
        let mut state = SessionStateBuilder::new_from_existing(self.state.clone())
            .with_catalog_list(Arc::new(catalogs))
            .build();
        for function in bounds.functions() {
            state.register_udf(Arc::new(function))?;
        }
        Ok(state)
    }
}

impl Program {
    /// The tables that it reads, lookup tables last.
    pub fn tables(&self) -> Vec<String> {
        let streams = self.sources.iter().map(|source| source.table.clone());
        streams.chain(self.lookups.iter().map(|lookup| lookup.name.to_string())).collect()
    }

    /// From now on this version of a lookup table is read, where it is one of the rule's.
    pub fn look_up_in(&self, lookup: &Lookup) {
        let own = self.lookups.iter().filter(|own| own.name == lookup.name);
        own.for_each(|own| own.put(lookup));
    }

    /// What gathers rows for each of its sources.
    pub fn feeds(&self) -> Vec<Feed> {
        self.sources.iter().map(Feed::new).collect()
    }
}

struct Planning {
    state: SessionState,
    tables: Vec<Table>,
    lookups: Vec<(String, LookupSource)>,
    /// The statement gives the number of the row that each of its rows is of.
    numbered: bool,
    overs: Vec<Over>,
    /// Of the columns that the rule gives.
    spans: Vec<Span>,
    means: Arc<RuntimeEnv>,
    used: Used,
}

impl Planning {
    /// The columns of a table with those that are computed over it, by the name that it has.
    fn schema(&self, table: &Table, alias: Option<&str>) -> Result<DFSchema, Finding> {
        let schema = self.with_overs(&table.schema);
        let name = alias.unwrap_or(&table.name);
        let qualified = DFSchema::try_from_qualified_schema(
            datafusion::common::TableReference::bare(name),
            &schema,
        );
        Ok(qualified?)
    }

    fn with_overs(&self, schema: &SchemaRef) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        for (place, over) in self.overs.iter().enumerate() {
            let name = format!("{OVER_PREFIX}{place}");
            fields.push(Arc::new(Field::new(name, over.cell.arrow(), true)));
        }
        Arc::new(Schema::new(fields))
    }

    fn expression(&self, expr: &Expr, schema: &DFSchema) -> Result<Physical, Finding> {
        expression(&self.state, expr, schema)
    }

    fn condition(&self, expr: &Expr, schema: &DFSchema) -> Result<Physical, Finding> {
        let physical = self.expression(expr, schema)?;
        match physical.data_type(schema.as_arrow())? {
            ArrowType::Boolean | ArrowType::Null => Ok(physical),
            other => {
                let problem = format!("{expr} is no condition but of type {other}");
                Err(Finding::at(expr, problem, "compare it with something"))
            }
        }
    }

    /// The one stream that is read, and what it is called.
    fn only(&self, uses: &[TableUse], what: &str) -> Result<(&Table, Option<String>), Finding> {
        match (&self.tables[..], uses) {
            ([table], [one]) => Ok((table, one.alias.clone())),
            _ => {
                let problem = format!("{what} needs a statement that reads one stream once");
                Err(Finding::new(problem, "let another rule compute it, and read that rule"))
            }
        }
    }

    fn over(&self, place: usize, call: &OverCall, uses: &[TableUse]) -> Result<Over, Finding> {
        let (table, alias) = self.only(uses, "what is computed over a stream")?;
        let schema = self.schema(table, alias.as_deref())?;
        let value = self.expression(&call.arguments[0], &schema)?;
        let own = value.data_type(schema.as_arrow())?;
        let Some(own) = CellType::of(&own) else {
            let problem = format!("{} is of type {own}", call.arguments[0]);
            return Err(Finding::at(&call.arguments[0], problem, "cast it to a simpler type"));
        };
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, &schema));
        let partition = call.partition.iter().map(|key| self.expression(key, &schema));
        let rest = call.arguments.iter().skip(1).map(|a| self.expression(a, &schema));
        let rest = rest.collect::<Result<Vec<_>, _>>()?;
        let back = match (call.kind, call.arguments.get(1)) {
            (parse::OverKind::Lag, Some(rows)) => {
                parse::whole(rows).filter(|rows| (1..=1_000).contains(rows)).ok_or_else(|| {
                    let problem = format!("{rows} is no number of rows");
                    Finding::at(rows, problem, "use a whole number from 1 to 1000")
                })?
            }
            _ => 1,
        };
        let default = match call.kind {
            parse::OverKind::Lag => rest.get(1).cloned().zip(call.arguments.get(2)),
            _ => rest.first().cloned().zip(call.arguments.get(1)),
        };
        let default = match default {
            None => None,
            Some((default, said)) => {
                let of = default.data_type(schema.as_arrow())?;
                let fits = CellType::of(&of).is_some_and(|cell| cell.fits(own));
                if !fits && of != ArrowType::Null {
                    let problem = format!("{said} is of type {of}, and the column is not");
                    return Err(Finding::at(said, problem, "use a value of the column's type"));
                }
                Some(default)
            }
        };
        Over::new(
            (place, call.kind, own),
            (value, back as usize, default),
            filter.transpose()?,
            partition.collect::<Result<Vec<_>, _>>()?,
        )
        .map_err(|problem| Finding::at(&call.arguments[0], problem, "use a column of numbers"))
    }

    fn register(&mut self) -> Result<(), Finding> {
        let catalog = self.state.catalog_list().catalog("tagwerk");
        let Some(schema) = catalog.and_then(|catalog| catalog.schema("public")) else {
            return Err(Finding::new("the engine has no catalog", "try again"));
        };
        for table in &self.tables {
            let mut whole = self.with_overs(&table.schema);
            if self.numbered {
                let number = Field::new(row_column(), ArrowType::UInt64, false);
                let fields = whole.fields().iter().cloned().chain([Arc::new(number)]);
                whole = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            }
            let slot = table.slot.clone();
            let provider = StreamTable { name: table.name.clone(), schema: whole, slot };
            schema.register_table(table.name.clone(), Arc::new(provider))?;
        }
        for (name, LookupSource { name: own, schema: columns, slot }) in &self.lookups {
            let (own, columns, slot) = (own.clone(), columns.clone(), slot.clone());
            let provider = RuleLookup { name: own, schema: columns, slot };
            schema.register_table(name.clone(), Arc::new(provider))?;
        }
        Ok(())
    }

    fn window(&self, call: &WindowCall) -> Result<Window, Finding> {
        let wanted = call.time.iter().chain(&call.trigger).chain(&call.filter);
        let needs = wanted.chain(&call.partition).chain(&call.states).next();
        let count = matches!(call.kind, WindowKind::Count { .. } | WindowKind::Sliding { .. });
        if self.tables.len() > 1 && (needs.is_some() || count) {
            let problem = "windows over several streams are tumbling, hopping or session windows";
            let remedy = "leave FILTER, PARTITION BY and named arguments out, or let another rule \
                          join the streams first";
            return Err(match needs {
                Some(expr) => Finding::at(expr, problem, remedy),
                None => Finding::new(problem, remedy),
            });
        }
        let schema = self.schema(&self.tables[0], None)?;
        let time = call.time.as_ref().map(|time| {
            let physical = self.expression(time, &schema)?;
            match physical.data_type(schema.as_arrow())? {
                ArrowType::Timestamp(..) => Ok(physical),
                other => {
                    let problem = format!("{time} is no time but of type {other}");
                    Err(Finding::at(time, problem, "use a timestamp"))
                }
            }
        });
        let one = |expr: &Option<Expr>| {
            expr.as_ref().map(|expr| self.condition(expr, &schema)).transpose()
        };
        let partition = call.partition.iter().map(|key| self.expression(key, &schema));
        let conditions = call.kind == WindowKind::OpenClose;
        let states = call.states.iter().map(|state| match conditions {
            true => self.condition(state, &schema),
            false => self.expression(state, &schema),
        });
        Ok(Window {
            kind: call.kind.clone(),
            time: time.transpose()?,
            filter: one(&call.filter)?,
            trigger: one(&call.trigger)?,
            partition: partition.collect::<Result<_, _>>()?,
            states: states.collect::<Result<_, _>>()?,
        })
    }

    fn program(
        mut self,
        sql: &str,
        mut window: Option<Window>,
        physical: Arc<dyn ExecutionPlan>,
        bounds: Arc<Bounds>,
    ) -> Result<Program, Finding> {
        let (columns, places, time) = columns(&physical.schema(), &self.spans)?;
        let row = physical.schema().index_of(&row_column()).ok().filter(|_| self.numbered);
        self.note_used(window.as_ref());
        let schemas: Vec<(Vec<usize>, SchemaRef)> =
            self.tables.iter().map(|table| self.reduced(table)).collect();
        let first = schemas[0].1.clone();
        if let Some(window) = &mut window {
            window.each(&mut |expr| {
                *expr = reassign_expr_columns(expr.clone(), &first)?;
                Ok(())
            })?;
        }
        for over in &mut self.overs {
            over.each(&mut |expr| {
                *expr = reassign_expr_columns(expr.clone(), &first)?;
                Ok(())
            })?;
        }
        let deadline = Arc::new(Deadline::default());
        let body = self.body(&physical, window.as_ref(), &schemas[0].1, &deadline)?;
        let may_take_long = !self.used.is_empty() || body.may_take_long();
        let plan = displayable(&*physical).indent(false).to_string();
        let task = Arc::new(self.task());
        let sources: Vec<Source> = self
            .tables
            .into_iter()
            .zip(schemas)
            .map(|(table, (used, schema))| table.into_source(used, schema))
            .collect();
        let mut fingerprint = fingerprint(sql, &sources, &columns) + &self.used.fingerprint();
        let lookups: Vec<LookupSource> = self.lookups.into_iter().map(|(_, own)| own).collect();
        lookups.iter().for_each(|lookup| fingerprint.push_str(&lookup.fingerprint()));
        let overs = self.overs;
        Ok(Program {
            sources,
            lookups,
            row,
            overs,
            window,
            body,
            bounds,
            deadline,
            columns,
            places,
            time,
            may_take_long,
            task,
            plan,
            fingerprint,
            used: self.used,
            turn: parking_lot::Mutex::new(()),
        })
    }

    /// The cheapest form in which the plan can be run over rows with these columns.
    fn body(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        window: Option<&Window>,
        rows: &SchemaRef,
        deadline: &Arc<Deadline>,
    ) -> Result<Body, Finding> {
        let plain = self.tables.len() == 1 && self.lookups.is_empty();
        match window {
            None if plain => {
                return Ok(match stages(plan, rows) {
                    Some(stages) => Body::Stages(stages),
                    None => Body::Plan(plan.clone()),
                });
            }
            Some(window) if plain => {
                if let Some(totals) = Totals::of(plan, rows, window)? {
                    return Ok(Body::Totals(Box::new(totals)));
                }
            }
            _ => {}
        }
        let watch: Arc<dyn Ends> = deadline.clone();
        Ok(Body::Plan(watched(plan.clone(), &watch)?))
    }

    /// Each rule has memory of its own for its statement, and names no function any more.
    fn task(&self) -> TaskContext {
        let memory_pool = Arc::new(GreedyMemoryPool::new(MEMORY_MAX));
        let means = Arc::new(RuntimeEnv { memory_pool, ..(*self.means).clone() });
        let (scalar, higher) = (HashMap::new(), HashMap::new());
        let (aggregate, window) = (HashMap::new(), HashMap::new());
        let config = self.state.config().clone();
        let session = "rule".to_owned();
        TaskContext::new(None, session, config, scalar, higher, aggregate, window, means)
    }

    /// What windows and what is computed over the stream read is used too, and the time always.
    fn note_used(&self, window: Option<&Window>) {
        for (place, table) in self.tables.iter().enumerate() {
            let whole = self.with_overs(&table.schema);
            let mut used = table.slot.used.lock();
            used.insert(0);
            if place == 0 {
                let own = window.into_iter().flat_map(Window::expressions);
                for expr in own.chain(self.overs.iter().flat_map(Over::expressions)) {
                    let columns = collect_columns(expr);
                    let places = columns.iter().map(|column| whole.index_of(column.name()));
                    used.extend(places.filter_map(Result::ok));
                }
            }
            if let (Some(_), Stream::Reads(shape)) = (table.fill, &table.stream) {
                let own = used.iter().copied().filter(|at| *at < shape.columns.len()).collect();
                used.extend(filling_reads(&shape.columns, &own));
            }
        }
    }

    fn reduced(&self, table: &Table) -> (Vec<usize>, SchemaRef) {
        let base = table.schema.fields().len();
        let used: BTreeSet<usize> = table.slot.used.lock().clone();
        let used: Vec<usize> = used.into_iter().filter(|column| *column < base).collect();
        let mut fields: Vec<Arc<Field>> =
            used.iter().map(|column| table.schema.fields()[*column].clone()).collect();
        let mut places = vec![None; base + self.overs.len()];
        for (place, column) in used.iter().enumerate() {
            places[*column] = Some(place);
        }
        for (place, over) in self.overs.iter().enumerate() {
            places[base + place] = Some(fields.len());
            let name = format!("{OVER_PREFIX}{place}");
            fields.push(Arc::new(Field::new(name, over.cell.arrow(), true)));
        }
        if self.numbered {
            // Behind the others, where the number is put when the statement is run.
            places.push(Some(fields.len()));
        }
        *table.slot.places.lock() = places;
        (used, Arc::new(Schema::new(fields)))
    }
}

impl Window {
    fn expressions(&self) -> impl Iterator<Item = &Physical> {
        let some = self.time.iter().chain(&self.filter).chain(&self.trigger);
        some.chain(&self.partition).chain(&self.states)
    }

    fn each(
        &mut self,
        change: &mut dyn FnMut(&mut Physical) -> datafusion::common::Result<()>,
    ) -> datafusion::common::Result<()> {
        let some = self.time.iter_mut().chain(&mut self.filter).chain(&mut self.trigger);
        some.chain(&mut self.partition).chain(&mut self.states).try_for_each(change)
    }
}
