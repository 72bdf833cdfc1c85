//! Reads a table by a query of an SQLite file, which is opened to read only. The library opens the file
//! itself. Blocks.

use crate::source::TableFault;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Clock;
use tagwerk_model::table::{Given, TableBuilder};
use tagwerk_model::{ColumnType, Table, limits};

/// Steps of SQLite's machine from one look at the clock to the next.
const STEPS: i32 = 10_000;
/// How long a copy waits for whoever writes to the file.
const COPY_TIME_MAX: Duration = Duration::from_secs(5);

pub struct Asked {
    pub file: PathBuf,
    pub query: Box<str>,
    pub columns: Vec<(Box<str>, ColumnType)>,
    pub clock: Arc<dyn Clock>,
}

/// Writes a file into another that is not there yet, whole and by itself, whoever writes to it meanwhile.
pub fn copy(file: &Path, to: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(COPY_TIME_MAX)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop)
}

pub fn read(asked: &Asked) -> Result<Table, TableFault> {
    let file = asked.file.display();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = Connection::open_with_flags(&asked.file, flags);
    let refused = |error: rusqlite::Error| {
        let problem = format!("the file {file} cannot be read: {error}");
        TableFault::new(problem, "put the file there, where the edge may read it")
    };
    let connection = open.map_err(refused)?;
    guard(&connection, &asked.clock).map_err(refused)?;
    let wrong = |error: rusqlite::Error| {
        let problem = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                let seconds = limits::TABLE_READ_TIME_MAX.as_secs();
                format!("the query worked for more than {seconds} s")
            }
            Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
                "the query does more than read tables of the file".to_owned()
            }
            _ => format!("the query failed: {error}"),
        };
        TableFault::new(problem, "correct `query`: one SELECT over tables of the file")
    };
    let mut statement = connection.prepare(&asked.query).map_err(wrong)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    if names.is_empty() || !statement.readonly() {
        let remedy = "write one SELECT";
        return Err(TableFault::new("the query gives no columns", remedy));
    }
    let mut builder = TableBuilder::new(&asked.columns);
    let mut places = Vec::with_capacity(names.len());
    for name in &names {
        let place = builder.column(name)?;
        if place.is_some() && places.contains(&place) {
            let problem = format!("two columns are called `{name}`");
            return Err(TableFault::new(problem, "give one of them another name with AS"));
        }
        places.push(place);
    }
    let mut rows = statement.query([]).map_err(wrong)?;
    while let Some(row) = rows.next().map_err(wrong)? {
        builder.row()?;
        for (column, place) in places.iter().enumerate() {
            let Some(place) = place else { continue };
            let value = match row.get_ref(column).map_err(wrong)? {
                ValueRef::Null => continue,
                ValueRef::Integer(number) => Given::Int(number),
                ValueRef::Real(number) => Given::Float(number),
                ValueRef::Text(text) => Given::Text(String::from_utf8_lossy(text).into()),
                ValueRef::Blob(bytes) => Given::Bytes(bytes.into()),
            };
            builder.put(*place, value)?;
        }
    }
    Ok(builder.finish()?)
}

/// Other files, pragmas and writing are refused; so is what takes too long or becomes too large.
fn guard(connection: &Connection, clock: &Arc<dyn Clock>) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, limits::TABLE_BYTES_MAX as i32)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.authorizer(Some(|asked: AuthContext<'_>| match asked.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Authorization::Allow,
        _ => Authorization::Deny,
    }))?;
    let clock = clock.clone();
    let until = clock.now().after(limits::TABLE_READ_TIME_MAX);
    connection.progress_handler(STEPS, Some(move || clock.now() > until))
}
