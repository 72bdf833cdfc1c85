//! A text cut into the commands it holds: what asks, what only concerns the connection, and what is
//! refused because it is more than reading.

use super::{Ask, names, rewrite};
use crate::error::{Fault, SqlError};
use datafusion::sql::sqlparser::ast::{
    CloseCursor, CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget,
    DiscardObject, Expr, Reset, Set, Statement, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// What one statement wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Ask(Ask),
    /// `COPY … TO STDOUT`
    Copy(Ask, CopyForm),
    Begin,
    Commit,
    Rollback,
    /// Marks inside a transaction, under the word that tells it was done.
    Mark(&'static str),
    /// None: its default.
    Set(String, Option<String>),
    /// A setting that means nothing here, such as the isolation of transactions that only read.
    SetNothing,
    Reset(Option<String>),
    Show(String),
    /// Forgets everything, or all statements, or nothing that there is.
    Discard(Discarded),
    /// None: all of them.
    Deallocate(Option<String>),
    /// None: all of them.
    CloseCursor(Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    All,
    Plans,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    Text,
    Csv,
}

/// How `COPY` writes its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyForm {
    pub format: CopyFormat,
    pub header: bool,
    pub delimiter: u8,
    pub null: String,
    pub quote: u8,
    pub escape: u8,
}

/// All commands of a text, in their order.
pub fn commands(text: &str) -> Result<Vec<Command>, SqlError> {
    crate::depth::check(text)?;
    let parsed = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(crate::DEPTH_MAX)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| {
            SqlError::from(datafusion::error::DataFusionError::SQL(Box::new(error), None))
        })?;
    parsed.into_iter().map(command).collect()
}

fn command(statement: Statement) -> Result<Command, SqlError> {
    Ok(match statement {
        asks @ (Statement::Query(_)
        | Statement::Explain { .. }
        | Statement::ExplainTable { .. }
        | Statement::ShowColumns { .. }) => Command::Ask(ask(asks)?),
        Statement::ShowTables { .. } => Command::Ask(listing(
            "SELECT table_schema AS \"Schema\", table_name AS \"Name\" FROM \
             information_schema.tables WHERE table_schema = 'public' ORDER BY 2",
        )?),
        Statement::Copy {
            source,
            to: true,
            target: CopyTarget::Stdout,
            options,
            legacy_options,
            ..
        } => {
            let form = form(&options, &legacy_options)?;
            Command::Copy(ask(copied(source)?)?, form)
        }
        Statement::Copy { .. } => {
            let text = "COPY reads and writes no files, programs or tables here; COPY (SELECT …) TO \
                        STDOUT sends rows to the client";
            return Err(SqlError::new(Fault::NotAllowed, text));
        }
        Statement::StartTransaction { statements, .. } if statements.is_empty() => Command::Begin,
        Statement::Commit { .. } => Command::Commit,
        Statement::Rollback { savepoint: None, .. } => Command::Rollback,
        Statement::Rollback { .. } => Command::Mark("ROLLBACK"),
        Statement::Savepoint { .. } => Command::Mark("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Command::Mark("RELEASE"),
        Statement::Set(set) => setting(set)?,
        Statement::Reset(reset) => Command::Reset(match reset.reset {
            Reset::ALL => None,
            Reset::ConfigurationParameter(name) => Some(name.to_string().to_lowercase()),
        }),
        Statement::ShowVariable { variable } => {
            let words: Vec<String> =
                variable.iter().map(|word| word.value.to_lowercase()).collect();
            Command::Show(words.join(" "))
        }
        Statement::Discard { object_type } => Command::Discard(match object_type {
            DiscardObject::ALL => Discarded::All,
            DiscardObject::PLANS => Discarded::Plans,
            _ => Discarded::Nothing,
        }),
        Statement::Deallocate { name, .. } => {
            let all = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
            Command::Deallocate((!all).then_some(name.value))
        }
        Statement::Close { cursor } => Command::CloseCursor(match cursor {
            CloseCursor::All => None,
            CloseCursor::Specific { name } => Some(name.value),
        }),
        other => return Err(refused(&other)),
    })
}

fn refused(statement: &Statement) -> SqlError {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default().to_uppercase();
    let why = match word.as_str() {
        "DECLARE" | "FETCH" => "cursors are not kept here; fetch rows in portions instead",
        "PREPARE" | "EXECUTE" => "prepare statements through the driver instead",
        "LISTEN" | "NOTIFY" | "UNLISTEN" => "nobody notifies here",
        _ => "history is read only",
    };
    SqlError::new(Fault::NotAllowed, format!("{word} is not allowed here: {why}"))
}

fn listing(text: &str) -> Result<Ask, SqlError> {
    one(text).and_then(ask)
}

fn ask(mut statement: Statement) -> Result<Ask, SqlError> {
    reads_only(&statement)?;
    crate::filled::take_from(&mut statement)?;
    let names = match &statement {
        Statement::Query(query) => names::of_query(query),
        _ => None,
    };
    let parameters = rewrite::statement(&mut statement);
    rewrite::distinct_names(&mut statement);
    if parameters > tagwerk_model::limits::SQL_PARAMETERS_MAX {
        let most = tagwerk_model::limits::SQL_PARAMETERS_MAX;
        let text = format!("a statement has at most {most} parameters, not {parameters}");
        return Err(SqlError::new(Fault::Statement, text));
    }
    Ok(Ask { statement, names, parameters })
}

/// A query can hold statements that change: they are refused by their first word.
fn reads_only(statement: &Statement) -> Result<(), SqlError> {
    match statement {
        Statement::Explain { statement, .. } => match &**statement {
            Statement::Query(_) => Ok(()),
            other => Err(refused(other)),
        },
        _ => Ok(()),
    }
}

fn one(text: &str) -> Result<Statement, SqlError> {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, text);
    let first = parsed.ok().and_then(|mut statements| statements.pop());
    first.ok_or_else(|| SqlError::new(Fault::Inside, "a listing could not be read"))
}

fn copied(source: CopySource) -> Result<Statement, SqlError> {
    match source {
        CopySource::Query(query) => Ok(Statement::Query(query)),
        CopySource::Table { table_name, columns } => {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            let listed = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
            one(&format!("SELECT {listed} FROM {table_name}"))
        }
    }
}

fn setting(set: Set) -> Result<Command, SqlError> {
    let named = |name: String, values: Vec<Expr>| {
        let words: Vec<String> = values.iter().map(word).collect();
        let text = words.join(", ");
        let default = text.eq_ignore_ascii_case("default");
        Command::Set(name.to_lowercase(), (!default).then_some(text))
    };
    Ok(match set {
        Set::SingleAssignment { variable, values, .. } => named(variable.to_string(), values),
        Set::SetTimeZone { value, .. } => named("timezone".to_owned(), vec![value]),
        Set::SetNames { charset_name, .. } => {
            Command::Set("client_encoding".to_owned(), Some(charset_name.value))
        }
        Set::SetTransaction { .. } => Command::SetNothing,
        Set::SetRole { role_name: None, .. } => Command::SetNothing,
        other => {
            let text = format!("{other} is not allowed here: history is read only");
            return Err(SqlError::new(Fault::NotAllowed, text));
        }
    })
}

/// A setting's value without quotes.
fn word(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

fn form(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<CopyForm, SqlError> {
    let csv = options.iter().any(|option| {
        matches!(option, CopyOption::Format(name) if name.value.eq_ignore_ascii_case("csv"))
    }) || legacy.iter().any(|option| matches!(option, CopyLegacyOption::Csv(_)));
    let mut form = match csv {
        true => CopyForm {
            format: CopyFormat::Csv,
            delimiter: b',',
            null: String::new(),
            ..CopyForm::default()
        },
        false => CopyForm::default(),
    };
    for option in options {
        with_option(&mut form, option)?;
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Csv(parts) => {
                for part in parts {
                    match part {
                        CopyLegacyCsvOption::Header => form.header = true,
                        CopyLegacyCsvOption::Quote(quote) => form.quote = byte(*quote, "QUOTE")?,
                        CopyLegacyCsvOption::Escape(escape) => {
                            form.escape = byte(*escape, "ESCAPE")?;
                        }
                        other => return Err(no_copy(&other.to_string())),
                    }
                }
            }
            CopyLegacyOption::Header => form.header = true,
            CopyLegacyOption::Delimiter(delimiter) => {
                form.delimiter = byte(*delimiter, "DELIMITER")?;
            }
            CopyLegacyOption::Null(null) => form.null.clone_from(null),
            other => return Err(no_copy(&other.to_string())),
        }
    }
    Ok(form)
}

fn with_option(form: &mut CopyForm, option: &CopyOption) -> Result<(), SqlError> {
    match option {
        CopyOption::Format(name)
            if ["csv", "text"].contains(&name.value.to_lowercase().as_str()) => {}
        CopyOption::Header(header) => form.header = *header,
        CopyOption::Delimiter(delimiter) => form.delimiter = byte(*delimiter, "DELIMITER")?,
        CopyOption::Null(null) => form.null.clone_from(null),
        CopyOption::Quote(quote) => form.quote = byte(*quote, "QUOTE")?,
        CopyOption::Escape(escape) => form.escape = byte(*escape, "ESCAPE")?,
        CopyOption::Encoding(name) if is_utf8(name) => {}
        other => return Err(no_copy(&other.to_string())),
    }
    Ok(())
}

pub fn is_utf8(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode", "sqlascii"].contains(&plain.to_ascii_lowercase().as_str())
}

fn byte(letter: char, what: &str) -> Result<u8, SqlError> {
    let plain = u8::try_from(letter).ok().filter(|b| b.is_ascii() && !b"\r\n".contains(b));
    plain.ok_or_else(|| {
        let text = format!("{what} of COPY is one character of ASCII, and no end of a line");
        SqlError::new(Fault::Statement, text)
    })
}

fn no_copy(option: &str) -> SqlError {
    let text = format!(
        "COPY has no {option} here; it has FORMAT text and csv, HEADER, DELIMITER, NULL, QUOTE and \
         ESCAPE"
    );
    SqlError::new(Fault::Statement, text)
}

impl Default for CopyForm {
    fn default() -> CopyForm {
        CopyForm {
            format: CopyFormat::Text,
            header: false,
            delimiter: b'\t',
            null: "\\N".to_owned(),
            quote: b'"',
            escape: b'"',
        }
    }
}
