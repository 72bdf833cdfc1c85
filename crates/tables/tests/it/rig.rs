//! What the tests of sources share: a context, programs that serve, and tables in words.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tagwerk_component::{NoCertificates, SecretText, Secrets};
use tagwerk_config::{CheckedTable, CheckedTls, TableSource};
use tagwerk_env::Env;
use tagwerk_model::{ColumnType, Table, Value};
use tagwerk_tables::Context;
use tokio::process::{Child, Command};

/// Every secret is `open sesame`.
struct Sesame;

impl Secrets for Sesame {
    fn get(&self, _name: &str) -> Result<SecretText, String> {
        Ok(SecretText::new("open sesame"))
    }

    fn redact(&self, text: String) -> String {
        text.replace("open sesame", "…")
    }
}

pub fn context(files: &Path) -> Context {
    Context {
        env: Env::system(),
        secrets: Arc::new(Sesame),
        certificates: Arc::new(NoCertificates),
        files: files.to_owned(),
    }
}

/// Takes servers whose certificates the authority of this folder made, and no others.
pub fn trusting(folder: &Path) -> CheckedTls {
    CheckedTls {
        ca_file: Some(folder.join("ca.pem").to_str().unwrap().into()),
        certificate_file: None,
        key_file: None,
        server_name: None,
        verify: true,
    }
}

pub fn table(source: TableSource, columns: &[(&str, ColumnType)]) -> CheckedTable {
    let columns = columns.iter().map(|(name, of)| ((*name).into(), *of)).collect();
    CheckedTable { name: "t".into(), text: None, source, columns, refresh: None }
}

/// `name:type,…` and the rows behind it, with `|` between values.
pub fn shown(table: &Table) -> Vec<String> {
    let head: Vec<String> =
        table.shape().map(|(name, of)| format!("{name}:{}", of.name())).collect();
    let value = |value: Option<Value>| match value {
        None => "null".to_owned(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::I64(value)) => value.to_string(),
        Some(Value::U64(value)) => value.to_string(),
        Some(Value::F64(value)) => format!("{value:?}"),
        Some(Value::Text(value)) => value.to_string(),
        Some(Value::Bytes(value)) => format!("{value:02x?}"),
        Some(Value::List(_)) => unreachable!("tables have no lists"),
    };
    let row = |row: usize| -> String {
        let values = table.columns().iter().map(|column| value(column.values.value(row)));
        values.collect::<Vec<_>>().join("|")
    };
    std::iter::once(head.join(",")).chain((0..table.rows()).map(row)).collect()
}

pub async fn read(context: &Context, table: &CheckedTable) -> Result<Vec<String>, String> {
    let read = tagwerk_tables::read(context, table).await;
    read.map(|table| shown(&table)).map_err(|fault| fault.to_string())
}

pub fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("TAGWERK_VENV").map_or(root.join(".venv"), PathBuf::from);
    folder.join("bin/python")
}

/// Runs a program of Python to its end.
pub async fn run_python(program: &str, arguments: &[&Path]) {
    let mut command = Command::new(python());
    command.arg("-c").arg(program).args(arguments);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A program of Python that serves, and the first line that it writes.
pub async fn serve_python(program: &str, folder: &Path) -> (Child, String) {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut command = Command::new(python());
    command.arg("-u").arg("-c").arg(program).current_dir(folder);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    (child, line)
}
