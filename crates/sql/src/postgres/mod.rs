//! Statements as PostgreSQL's clients write them: what they ask for, their parameters, and the
//! catalogue in which such clients look before they ask. The wire is the room `pg`.

mod catalogue;
mod empty;
mod functions;
mod information;
mod names;
mod parameter;
mod rewrite;
mod shape;
mod statement;
mod types;

pub use parameter::{Parameter, ParameterKind};
pub use rewrite::array_elements;
pub use shape::Shape;
pub(crate) use shape::of as shape_of;
pub use statement::{Command, CopyForm, CopyFormat, Discarded, commands, is_utf8};
pub use types::{BaseType, base_type};

use crate::catalog::{CATALOG, SCHEMA, Tables};
use crate::source::Source;
use arrow::datatypes::SchemaRef;
use catalogue::{Catalogue, Known};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProviderList, SchemaProvider};
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use std::fmt;
use std::sync::Arc;

/// Who asks, and what a connection set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    /// Number of the connection.
    pub pid: i32,
    /// Settings by their names in lower case, as `SHOW` and `current_setting` tell them.
    pub settings: Vec<(String, String)>,
}

impl Session {
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A statement that only asks, ready to be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    statement: ast::Statement,
    /// The columns' names as PostgreSQL gives them, where the statement lists its columns.
    names: Option<Vec<String>>,
    parameters: usize,
}

impl Ask {
    /// How many parameters it has: the highest number.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    pub(crate) fn into_statement(self) -> Statement {
        Statement::Statement(Box::new(self.statement))
    }

    /// The names of the columns of what it answers.
    pub fn column_names(&self, schema: &SchemaRef) -> Vec<String> {
        let fields = schema.fields();
        match &self.names {
            Some(names) if names.len() == fields.len() => names.clone(),
            _ => fields.iter().map(|field| rewrite::told_name(field.name()).to_owned()).collect(),
        }
    }
}

/// The state in which a session's statement is planned: the same tables, and what PostgreSQL's clients
/// expect beside them.
pub(crate) fn state(
    base: &SessionState,
    source: &Arc<dyn Source>,
    session: &Session,
) -> Result<SessionState> {
    let known = Arc::new(Known::new(source.clone(), session.clone()));
    let catalogs = MemoryCatalogProviderList::new();
    datafusion::catalog::CatalogProviderList::register_catalog(
        &catalogs,
        CATALOG.to_owned(),
        Arc::new(Database { source: source.clone(), known: known.clone() }),
    );
    let mut state = base.clone();
    state.config_mut().options_mut().catalog.information_schema = false;
    state.register_catalog_list(Arc::new(catalogs));
    for function in functions::all(&known) {
        state.register_udf(Arc::new(function))?;
    }
    Ok(state)
}

struct Database {
    source: Arc<dyn Source>,
    known: Arc<Known>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        [SCHEMA, catalogue::SCHEMA, information::SCHEMA].map(str::to_owned).into()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let known = self.known.clone();
        match name {
            SCHEMA => {
                let tables = Tables(self.source.clone());
                Some(Arc::new(Catalogue { known, own: Some(tables), tables: catalogue::table }))
            }
            catalogue::SCHEMA => {
                Some(Arc::new(Catalogue { known, own: None, tables: catalogue::table }))
            }
            information::SCHEMA => {
                Some(Arc::new(Catalogue { known, own: None, tables: information::table }))
            }
            _ => None,
        }
    }
}
