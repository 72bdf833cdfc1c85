//! Why a statement was not answered, in words for the one who wrote it.

use datafusion::error::DataFusionError;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The statement is wrong.
    Statement,
    /// It would change something, or reach outside.
    NotAllowed,
    /// It wants more memory than a statement may have.
    TooLarge,
    TimedOut,
    /// As many statements are at work as may be.
    Busy,
    /// History could not be read, or something here is broken.
    Inside,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    pub fault: Fault,
    pub message: String,
    /// Line and column in the statement, from 1.
    pub place: Option<(u64, u64)>,
}

impl SqlError {
    pub fn new(fault: Fault, message: impl Into<String>) -> SqlError {
        SqlError { fault, message: message.into(), place: None }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.fault {
            Fault::Statement => {
                "mend the statement; the list of tables and functions tells the names"
            }
            Fault::NotAllowed => "ask with SELECT: history is read only",
            Fault::TooLarge => {
                "choose fewer tags or less time, group by larger intervals, or add a LIMIT"
            }
            Fault::TimedOut => "choose fewer tags or less time, or allow more time",
            Fault::Busy => "try again when one of them has ended",
            Fault::Inside => "try again; if it stays, the log says more",
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SqlError {}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> SqlError {
        let diagnosed = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let place = diagnosed.map(|span| (span.start.line, span.start.column));
        let root = error.find_root();
        let fault = match root {
            DataFusionError::ResourcesExhausted(_) => Fault::TooLarge,
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Execution(_)
            | DataFusionError::ArrowError(..)
            | DataFusionError::Configuration(_) => Fault::Statement,
            _ => Fault::Inside,
        };
        let message = match (fault, root) {
            (Fault::TooLarge, _) => "the statement wants more memory than one may have".to_owned(),
            (_, DataFusionError::Execution(text) | DataFusionError::Plan(text)) => text.clone(),
            (_, DataFusionError::SQL(parse, _)) => plain(&parse.to_string()).to_owned(),
            (_, DataFusionError::NotImplemented(text)) if is_sub_query(text) => {
                "a sub-query cannot stand in this place: join what it reads (LEFT JOIN and IS NOT NULL \
                 say what IN says), or write IN or EXISTS in WHERE"
                    .to_owned()
            }
            (_, other) => other.strip_backtrace(),
        };
        let (message, told) = without_place(&message);
        SqlError { fault, message, place: place.or(told) }
    }
}

/// What the engine could neither make a join of nor compute beforehand.
fn is_sub_query(text: &str) -> bool {
    ["InSubquery(", "Exists(", "ScalarSubquery("].iter().any(|kind| text.contains(kind))
}

fn plain(text: &str) -> &str {
    text.strip_prefix("sql parser error: ").unwrap_or(text)
}

/// The parser ends its messages in ` at Line: 1, Column: 8`.
fn without_place(message: &str) -> (String, Option<(u64, u64)>) {
    let found = message.rsplit_once(" at Line: ").and_then(|(before, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((before, (line.trim().parse().ok()?, column.trim().parse().ok()?)))
    });
    match found {
        Some((before, place)) => (before.to_owned(), Some(place)),
        None => (message.to_owned(), None),
    }
}
