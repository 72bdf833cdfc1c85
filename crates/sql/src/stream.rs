//! What rules share with statements: tables and their columns, functions, and how a text is read.

pub use crate::columns::{list_text, time_type};
pub use crate::device::{Column as ReadColumn, Device, Shape};
pub use crate::filled::{Filling, LastReads, needed as filling_reads, split as filled_of};
pub use crate::samples::{
    COLUMNS as SAMPLE_COLUMNS, Column as SampleColumn, SCHEMA as SAMPLE_SCHEMA,
};
pub use crate::span::Nanoseconds;
pub use crate::watch::{Ends, watched};

pub use crate::catalog::SAMPLES;
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::SqlError;
use crate::source::TagTable;
use crate::{engine, functions, outer};
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList};
use datafusion::config::Dialect;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::{SessionConfig, SessionState};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::Analyzer;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Expr;

/// A table as a stream of rows.
#[derive(PartialEq)]
pub enum Stream {
    /// Reads of devices.
    Reads(Shape),
    /// Every sample by itself.
    Samples,
}

/// What a name stands for in a rule.
pub fn stream(tags: &TagTable, name: &str) -> Option<Stream> {
    if name == SAMPLES {
        return Some(Stream::Samples);
    }
    tags.named(name).map(|named| Stream::Reads(Shape::new(&named)))
}

/// The names that a rule can read.
pub fn names(tags: &TagTable) -> Vec<String> {
    let others = tags.device_names().chain(tags.template_names()).map(|name| name.to_string());
    std::iter::once(SAMPLES.to_owned()).chain(others).collect()
}

/// One statement, and one that only asks.
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    engine::parse(text)
}

/// One expression and nothing behind it.
pub fn parse_expression(text: &str) -> Result<Expr, SqlError> {
    engine::parse_expression(text)
}

/// A statement of the engine's, unless it does more than ask.
pub fn allowed(plan: &datafusion::logical_expr::LogicalPlan) -> Result<(), SqlError> {
    engine::allowed(plan)
}

/// The engine with everything that statements know, without tables, in one thread.
pub fn state() -> Result<SessionState, SqlError> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(true)
        .with_information_schema(false)
        .with_target_partitions(1)
        .with_batch_size(crate::samples::ROWS);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    options.optimizer.enable_round_robin_repartition = false;
    // A plan is run again for each window, and must not remember the one before.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.execution.time_zone = Some(crate::columns::UTC.to_owned());
    let catalogs = MemoryCatalogProviderList::new();
    let catalog = datafusion::catalog::MemoryCatalogProvider::new();
    let schema = std::sync::Arc::new(datafusion::catalog::MemorySchemaProvider::new());
    datafusion::catalog::CatalogProvider::register_schema(&catalog, SCHEMA, schema)?;
    catalogs.register_catalog(CATALOG.to_owned(), std::sync::Arc::new(catalog));
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_analyzer_rules(outer::first_of(Analyzer::new().rules))
        .with_catalog_list(std::sync::Arc::new(catalogs))
        .build();
    for function in functions::scalars() {
        state.register_udf(function)?;
    }
    for function in functions::aggregates() {
        state.register_udaf(function)?;
    }
    Ok(state)
}
