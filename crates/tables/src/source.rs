//! Reads a table from its source, whole, within its limits.

use crate::{csv, http, json, postgres, sqlite};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tagwerk_component::{Certificates, Secrets};
use tagwerk_config::{CheckedTable, CheckedTls, TableSource};
use tagwerk_env::{Env, timeout};
use tagwerk_model::table::TableWrong;
use tagwerk_model::{Table, limits};
use tagwerk_tls::TlsSettings;

/// What reading takes from the edge.
#[derive(Clone)]
pub struct Context {
    pub env: Env,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
    /// The folder that paths of files are below.
    pub files: PathBuf,
}

/// Why a table could not be read, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    pub problem: String,
    pub remedy: String,
}

impl TableFault {
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> TableFault {
        TableFault { problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for TableFault {}

impl From<TableWrong> for TableFault {
    fn from(wrong: TableWrong) -> TableFault {
        TableFault { problem: wrong.problem, remedy: wrong.remedy }
    }
}

/// Reads a table once. Bounded in time.
pub async fn read(context: &Context, table: &CheckedTable) -> Result<Arc<Table>, TableFault> {
    let clock = &*context.env.clock;
    let until = clock.now().after(limits::TABLE_READ_TIME_MAX);
    let read = timeout(clock, until, read_unbounded(context, table)).await;
    let read = read.unwrap_or_else(|| {
        let seconds = limits::TABLE_READ_TIME_MAX.as_secs();
        let problem = format!("reading it took more than {seconds} s");
        Err(TableFault::new(problem, "let the source give fewer rows, or answer sooner"))
    });
    // A server may repeat in its answer what it was sent.
    read.map_err(|fault| TableFault {
        problem: context.secrets.redact(fault.problem),
        remedy: fault.remedy,
    })
}

async fn read_unbounded(context: &Context, table: &CheckedTable) -> Result<Arc<Table>, TableFault> {
    let columns = &table.columns[..];
    match &table.source {
        TableSource::Rows(rows) => return Ok(rows.clone()),
        TableSource::Csv { path, separator, decimal } => {
            let (disk, file) = (context.env.disk.clone(), context.files.join(&**path));
            let (columns, letters) = (columns.to_vec(), (*separator, *decimal));
            let read = tokio::task::spawn_blocking(move || {
                let read = disk.read(&file, limits::TABLE_BYTES_MAX as u64);
                let bytes = read.map_err(|error| {
                    let problem = format!("{} cannot be read: {error}", file.display());
                    TableFault::new(problem, "put the file there, where the edge may read it")
                })?;
                Ok::<_, TableFault>(csv::read(&bytes, letters, &columns)?)
            });
            read.await.unwrap_or_else(|_| Err(fault_inside()))
        }
        TableSource::Sqlite { path, query } => {
            let asked = sqlite::Asked {
                file: context.files.join(&**path),
                query: query.clone(),
                columns: columns.to_vec(),
                clock: context.env.clock.clone(),
            };
            let read = tokio::task::spawn_blocking(move || sqlite::read(&asked));
            read.await.unwrap_or_else(|_| Err(fault_inside()))
        }
        TableSource::Postgres { .. } => postgres::read(context, &table.source, columns).await,
        TableSource::Http { url, headers, csv: letters, at, tls } => {
            let asked = http::Asked { url, headers, tls: tls.as_ref() };
            let bytes = http::get(context, &asked).await?;
            let (columns, letters, at) = (columns.to_vec(), *letters, at.clone());
            let read = tokio::task::spawn_blocking(move || match letters {
                Some(letters) => csv::read(&bytes, letters, &columns),
                None => json::read(&bytes, &at, &columns),
            });
            match read.await {
                Ok(read) => Ok(read?),
                Err(_) => Err(fault_inside()),
            }
        }
    }
    .map(Arc::new)
}

fn fault_inside() -> TableFault {
    TableFault::new("a fault inside the reader", "report it with an example of the source")
}

pub fn tls_settings(tls: &CheckedTls) -> TlsSettings {
    TlsSettings {
        ca_file: tls.ca_file.as_deref().map(str::to_owned),
        certificate_file: tls.certificate_file.as_deref().map(str::to_owned),
        key_file: tls.key_file.as_deref().map(str::to_owned),
        key: None,
        server_name: tls.server_name.as_deref().map(str::to_owned),
        verify: tls.verify,
    }
}
