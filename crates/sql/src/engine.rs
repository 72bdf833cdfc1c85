//! Statements, run on threads of their own with a bound on memory, rows and time.

use crate::catalog::{CATALOG, SCHEMA, Tables};
use crate::encode::{Encoder, Format};
use crate::error::{Fault, SqlError};
use crate::forms::Form;
use crate::planning::{self, Line, Planned, Planner};
use crate::plans::{self, Plans, Template};
use crate::postgres::{self, Ask, Parameter, ParameterKind, Session as Client, Shape};
use crate::source::Source;
use crate::watch::{Ends, Watch, watched};
use crate::{Calls, ColumnInfo, Limits, TableInfo, catalog, functions, outer};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::config::Dialect;
use datafusion::execution::TaskContext;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionState};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Analyzer;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tagwerk_env::Env;
use tagwerk_model::limits;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

/// Threads that work on statements, all together.
const THREADS: usize = 2;
/// Batches made ahead of the reader.
const AHEAD: usize = 2;

/// Answers statements. Cheap to clone.
#[derive(Clone)]
pub struct Sql(Arc<Inner>);

struct Inner {
    env: Env,
    source: Arc<dyn Source>,
    /// Taken down without waiting: a statement may still be at work.
    runtime: Option<Runtime>,
    base: SessionState,
    runtime_env: RuntimeEnv,
    /// One permit for each statement at work.
    turns: Arc<Semaphore>,
    /// States that statements planned with and left as they were: to clone one takes longer than much
    /// of planning.
    idle: Mutex<Vec<SessionState>>,
    plans: Plans,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inner {
    /// The engine with the functions that there are now, each counting for one statement; and whether
    /// it can be given to another.
    fn base(&self, calls: &dyn Fn() -> Calls) -> Result<(SessionState, bool), SqlError> {
        use datafusion::execution::FunctionRegistry;
        let functions = self.source.functions();
        let plain = functions.is_empty();
        let idle = plain.then(|| self.idle().pop()).flatten();
        let mut state = idle.unwrap_or_else(|| self.base.clone());
        for function in functions {
            state.register_udf(Arc::new(function.udf(&Arc::new(calls()))))?;
        }
        Ok((state, plain))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SessionState>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back what [`Inner::base`] gave.
    fn keep(&self, state: SessionState) {
        let mut idle = self.idle();
        if idle.len() < limits::SQL_STATEMENTS_MAX {
            idle.push(state);
        }
    }

    /// What is to be executed for a statement, as one like it was planned before where there was one.
    async fn plan(
        &self,
        base: SessionState,
        plain: bool,
        asked: Asked,
    ) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
        let mut line = Line::new(base);
        // The user's own functions count for one statement.
        let form = match &asked {
            Asked::Text(text) if plain => Form::of(text),
            _ => None,
        };
        if let Some(form) = &form
            && let Some(physical) = self.plans.again_of(form, &self.source, &line).await?
        {
            self.keep(line.state);
            return Ok(physical);
        }
        let (client, statement) = match asked {
            Asked::Text(text) => (None, parse(&text)?),
            Asked::Ask(asked) => (Some(asked.0), asked.1.into_statement()),
        };
        let asker = client.as_ref().map_or("", |_| "postgres");
        let template = Template::of(&statement, asker).filter(|_| plain);
        if let Some(Template { key, texts, .. }) = &template
            && let Some(physical) = self.plans.again(key, texts, &self.source, &line).await?
        {
            if let Some(form) = form {
                self.plans.keep_form(form, key);
            }
            self.keep(line.state);
            return Ok(physical);
        }
        if let Some(client) = &client {
            let state = postgres::state(&line.state, &self.source, client)?;
            if plain {
                self.keep(std::mem::replace(&mut line, Line::new(state)).state);
            } else {
                line = Line::new(state);
            }
        }
        // What now() is.
        line.state.mark_start_execution();
        let planned = match template {
            Some(template) => self.planned_of(&mut line, template, form).await?,
            None => None,
        };
        let planned = match planned {
            Some(planned) => planned,
            None => {
                let plan = line.state.statement_to_plan(statement).await?;
                allowed(&plan)?;
                planning::physical_plan(&mut line, plan).await?
            }
        };
        if plain && client.is_none() {
            self.keep(line.state);
        }
        Ok(planned.physical)
    }

    /// Plans a template with its texts, and keeps the plan for others. None where it fails: what is
    /// wrong is said of the statement as it was written.
    async fn planned_of(
        &self,
        line: &mut Line,
        template: Template,
        form: Option<Form>,
    ) -> Result<Option<Planned>, SqlError> {
        let plan = line.state.statement_to_plan(template.statement.clone()).await;
        let plan = plan.and_then(|plan| plan.replace_params_with_values(&template.values()));
        let Ok(plan) = plan else { return Ok(None) };
        allowed(&plan)?;
        let table = plans::table_of(&plan)?;
        let Ok(planned) = planning::physical_plan(line, plan).await else { return Ok(None) };
        if let Some(table) = table
            && self.plans.keep(&template, table, &planned)?
            && let Some(form) = form
        {
            self.plans.keep_form(form, &template.key);
        }
        Ok(Some(planned))
    }

    /// Where a statement works: with a memory of its own. Plans hold their functions themselves.
    fn task(&self, state: &SessionState, limits: &Limits, watch: &Watch) -> Arc<TaskContext> {
        let memory_pool = Arc::new(GreedyMemoryPool::new(limits.memory_max));
        let runtime_env = RuntimeEnv { memory_pool, ..self.runtime_env.clone() };
        Arc::new(TaskContext::new(
            None,
            state.session_id().to_owned(),
            state.config().clone().with_extension(Arc::new(watch.clone())),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::new(runtime_env),
        ))
    }
}

impl Sql {
    pub fn start(env: &Env, source: Arc<dyn Source>) -> io::Result<Sql> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sql")
            .on_thread_start(tagwerk_env::yield_to_other_threads)
            .enable_all()
            .build()?;
        let base = base(&source).map_err(io::Error::other)?;
        let turns = Arc::new(Semaphore::new(limits::SQL_STATEMENTS_MAX));
        let runtime_env = runtime_env().map_err(io::Error::other)?;
        let (env, runtime) = (env.clone(), Some(runtime));
        let (idle, plans) = (Mutex::default(), Plans::default());
        let inner = Inner { env, source, runtime, base, runtime_env, turns, idle, plans };
        Ok(Sql(Arc::new(inner)))
    }

    pub fn tables(&self) -> Vec<TableInfo> {
        catalog::describe(&self.0.source)
    }

    /// Plans and starts a statement, up to its first rows; the others are made while they are read.
    /// Dropping what comes back stops the work.
    pub async fn query(&self, text: &str, limits: Limits) -> Result<Query, SqlError> {
        let turn = Arc::clone(&self.0.turns).try_acquire_owned().map_err(|_| busy())?;
        self.begin(Asked::Text(text.to_owned()), limits, turn).await
    }

    /// The same for a client of PostgreSQL's. Where too many are at work it waits for its turn, no
    /// longer than it may work.
    pub async fn answer(
        &self,
        session: &Client,
        ask: &Ask,
        values: Vec<Parameter>,
        limits: Limits,
    ) -> Result<Query, SqlError> {
        let turn = self.turn(&limits).await?;
        let ask = ask.bound(&values.into_iter().map(Some).collect::<Vec<_>>())?;
        self.begin(Asked::Ask(Box::new((session.clone(), ask))), limits, turn).await
    }

    /// What a statement takes and gives. It is planned, and not run.
    pub async fn shape(
        &self,
        session: &Client,
        ask: &Ask,
        said: Vec<ParameterKind>,
        limits: Limits,
    ) -> Result<Shape, SqlError> {
        let _turn = self.turn(&limits).await?;
        let Some(runtime) = &self.0.runtime else {
            return Err(SqlError::new(Fault::Inside, "the edge ends"));
        };
        let (inner, session, ask) = (self.0.clone(), session.clone(), ask.clone());
        let (told, shape) = tokio::sync::oneshot::channel();
        let unwanted = Arc::default();
        let _work = Work {
            task: runtime
                .spawn(async move {
                    let planned = async {
                        let (base, _) = inner.base(&Calls::default)?;
                        let state = postgres::state(&base, &inner.source, &session)?;
                        postgres::shape_of(&state, &ask, &said).await
                    };
                    let clock = inner.env.clock.clone();
                    let deadline = clock.now().after(limits.time_max);
                    let ended = tagwerk_env::timeout(&*clock, deadline, planned).await;
                    // Whoever asked may be gone.
                    let _ = told.send(ended.unwrap_or_else(|| Err(late(&limits))));
                })
                .abort_handle(),
            unwanted,
        };
        shape.await.unwrap_or_else(|_| Err(SqlError::new(Fault::Inside, FAULT)))
    }

    async fn turn(&self, limits: &Limits) -> Result<OwnedSemaphorePermit, SqlError> {
        let clock = self.0.env.clock.clone();
        let deadline = clock.now().after(limits.time_max);
        let turn = Arc::clone(&self.0.turns).acquire_owned();
        let turn = tagwerk_env::timeout(&*clock, deadline, turn).await;
        turn.and_then(Result::ok).ok_or_else(busy)
    }

    async fn begin(
        &self,
        asked: Asked,
        limits: Limits,
        turn: OwnedSemaphorePermit,
    ) -> Result<Query, SqlError> {
        let (rows_in, mut rows) = mpsc::channel(AHEAD);
        let inner = self.0.clone();
        let Some(runtime) = &self.0.runtime else {
            return Err(SqlError::new(Fault::Inside, "the edge ends"));
        };
        let clock = self.0.env.clock.clone();
        let deadline = clock.now().after(limits.time_max);
        let unwanted = Arc::new(AtomicBool::new(false));
        let watch = Watch { unwanted: unwanted.clone(), clock: clock.clone(), deadline };
        let work = async move {
            // Free again when the work has ended, and no sooner.
            let _turn = turn;
            let failed = rows_in.clone();
            let run = run(&inner, asked, (&limits, &watch), rows_in);
            let ended = tagwerk_env::timeout(&*clock, deadline, run).await;
            let ended = ended.filter(|ended| ended.is_ok() || clock.now() <= deadline);
            if let Err(error) = ended.unwrap_or_else(|| Err(late(&limits))) {
                // Whoever asked may be gone.
                let _ = failed.send(Err(error)).await;
            }
        };
        let work = Work { task: runtime.spawn(work).abort_handle(), unwanted };
        match rows.recv().await {
            Some(Ok(Row::Head(schema, first))) => {
                Ok(Query { schema, first, truncated: false, rows, _work: work })
            }
            Some(Err(error)) => Err(error),
            _ => Err(SqlError::new(Fault::Inside, FAULT)),
        }
    }
}

const FAULT: &str = "a fault inside the statement's task";

enum Asked {
    Text(String),
    Ask(Box<(Client, Ask)>),
}

fn late(limits: &Limits) -> SqlError {
    let text = format!("the statement was stopped after {:?}", limits.time_max);
    SqlError::new(Fault::TimedOut, text)
}

/// Stops the work when it is dropped.
struct Work {
    task: AbortHandle,
    unwanted: Arc<AtomicBool>,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

enum Row {
    /// Comes first, with the first rows where there are any: whoever asked is woken once for both.
    Head(SchemaRef, Option<RecordBatch>),
    Batch(RecordBatch),
    /// There would be more rows.
    Truncated,
}

/// A statement at work.
pub struct Query {
    schema: SchemaRef,
    first: Option<RecordBatch>,
    truncated: bool,
    rows: mpsc::Receiver<Result<Row, SqlError>>,
    _work: Work,
}

impl Query {
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub fn columns(&self) -> Vec<ColumnInfo> {
        self.schema.fields().iter().map(ColumnInfo::of).collect()
    }

    /// Known behind the last row.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The next rows; none behind the last.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, SqlError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        loop {
            match self.rows.recv().await? {
                Ok(Row::Batch(batch)) => return Some(Ok(batch)),
                Ok(Row::Head(..)) => {}
                Ok(Row::Truncated) => self.truncated = true,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    pub fn encoder(&self, format: Format) -> Result<Encoder, SqlError> {
        Encoder::new(format, self.schema())
    }
}

fn busy() -> SqlError {
    let text = format!("{} statements are at work, which is the limit", limits::SQL_STATEMENTS_MAX);
    SqlError::new(Fault::Busy, text)
}

pub(crate) fn base(source: &Arc<dyn Source>) -> datafusion::common::Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_target_partitions(THREADS)
        .with_batch_size(crate::samples::ROWS);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    // Functions over a tag's course in time get its samples in their order, whole.
    options.optimizer.enable_round_robin_repartition = false;
    options.optimizer.max_passes = planning::PASSES_OF_LINES;
    options.execution.time_zone = Some(crate::columns::UTC.to_owned());
    let catalogs = MemoryCatalogProviderList::new();
    datafusion::catalog::CatalogProviderList::register_catalog(
        &catalogs,
        CATALOG.to_owned(),
        Arc::new(Tables(source.clone())),
    );
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_catalog_list(Arc::new(catalogs))
        .with_analyzer_rules(outer::first_of(Analyzer::new().rules))
        .with_optimizer_rules(planning::rules())
        .with_query_planner(Arc::new(Planner))
        .build();
    use datafusion::execution::FunctionRegistry;
    for function in functions::scalars() {
        state.register_udf(function)?;
    }
    for function in functions::aggregates() {
        state.register_udaf(function)?;
    }
    Ok(state)
}

/// What all statements share but memory: none of them writes files.
fn runtime_env() -> datafusion::common::Result<RuntimeEnv> {
    let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new().with_disk_manager_builder(no_files).build()
}

async fn run(
    inner: &Inner,
    asked: Asked,
    (limits, watch): (&Limits, &Watch),
    rows: mpsc::Sender<Result<Row, SqlError>>,
) -> Result<(), SqlError> {
    let (base, plain) = inner.base(&|| {
        let watch = watch.clone();
        Calls::until(move || watch.is_over())
    })?;
    let task = inner.task(&base, limits, watch);
    let physical = inner.plan(base, plain, asked).await?;
    let ends: Arc<dyn Ends> = Arc::new(watch.clone());
    let physical = watched(physical, &ends)?;
    let stream = execute_stream(physical, task)?;
    forward(stream, limits.rows_max, rows).await
}

async fn forward(
    mut stream: SendableRecordBatchStream,
    rows_max: usize,
    rows: mpsc::Sender<Result<Row, SqlError>>,
) -> Result<(), SqlError> {
    let mut head = Some(stream.schema());
    let (mut left, mut whole) = (rows_max, true);
    while whole && let Some(batch) = stream.next().await {
        let batch = batch?;
        whole = batch.num_rows() <= left;
        let part = if whole { batch } else { batch.slice(0, left) };
        left -= part.num_rows();
        if part.num_rows() == 0 {
            continue;
        }
        let row = match head.take() {
            Some(schema) => Row::Head(schema, Some(part)),
            None => Row::Batch(part),
        };
        if rows.send(Ok(row)).await.is_err() {
            return Ok(());
        }
    }
    let head = head.map(|schema| Row::Head(schema, None));
    for row in head.into_iter().chain((!whole).then_some(Row::Truncated)) {
        // Whoever asked may be gone.
        let _ = rows.send(Ok(row)).await;
    }
    Ok(())
}

/// One statement, and one that only asks.
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    crate::depth::check(text)?;
    let mut parser = DFParserBuilder::new(text)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(crate::DEPTH_MAX)
        .build()?;
    let mut statements = parser.parse_statements()?;
    let statement = statements.pop_front();
    match (statement, statements.is_empty()) {
        (None, _) => Err(SqlError::new(Fault::Statement, "there is no statement")),
        (Some(_), false) => {
            Err(SqlError::new(Fault::Statement, "there is more than one statement; one at a time"))
        }
        (Some(mut statement), true) if asks(&statement) => {
            crate::filled::take(&mut statement)?;
            Ok(statement)
        }
        (Some(statement), true) => {
            let word = statement.to_string();
            let word = word.split_whitespace().next().unwrap_or_default().to_uppercase();
            Err(SqlError::new(Fault::NotAllowed, format!("{word} is not allowed here")))
        }
    }
}

/// One expression and nothing behind it.
pub(crate) fn parse_expression(text: &str) -> Result<ast::Expr, SqlError> {
    crate::depth::check(text)?;
    let mut parser = DFParserBuilder::new(text)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(crate::DEPTH_MAX)
        .build()?;
    Ok(parser.parse_into_expr()?.expr)
}

fn asks(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(
            **statement,
            ast::Statement::Query(_)
                | ast::Statement::ShowTables { .. }
                | ast::Statement::ShowColumns { .. }
                | ast::Statement::ShowFunctions { .. }
                | ast::Statement::ShowVariable { .. }
                | ast::Statement::ExplainTable { .. }
        ),
        Statement::Explain(explain) => asks(&explain.statement),
        _ => false,
    }
}

pub(crate) fn allowed(plan: &LogicalPlan) -> Result<(), SqlError> {
    let reading =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading
        .verify_plan(plan)
        .map_err(|error| SqlError::new(Fault::NotAllowed, error.strip_backtrace()))
}
