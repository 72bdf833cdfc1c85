//! What is wrong with a rule's SQL, and where.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span;
use std::fmt;
use tagwerk_sql::SqlError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In the text, counted from 1.
    pub line: u32,
    pub column: u32,
    pub problem: String,
    pub remedy: String,
    /// Nothing is wrong with the rule: it waits until a table that it reads has been read.
    pub waits: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, column, problem, remedy, .. } = self;
        write!(f, "line {line}, column {column}: {problem}; {remedy}")
    }
}

impl Finding {
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { line: 1, column: 1, problem: problem.into(), remedy: remedy.into(), waits: false }
    }

    /// At a place of the text, where the tree knows it.
    pub fn at(
        node: &impl Spanned,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding::placed(node.span(), problem, remedy)
    }

    pub fn placed(span: Span, problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
        let start = span.start;
        let known = start.line > 0;
        let (line, column) = if known { (start.line, start.column) } else { (1, 1) };
        Finding { line: line as u32, column: column as u32, ..Finding::new(problem, remedy) }
    }
}

impl From<SqlError> for Finding {
    fn from(error: SqlError) -> Finding {
        let (line, column) = error.place.unwrap_or((1, 1));
        let remedy = error.remedy().to_owned();
        Finding { line: line as u32, column: column as u32, ..Finding::new(error.message, remedy) }
    }
}

impl From<DataFusionError> for Finding {
    fn from(error: DataFusionError) -> Finding {
        SqlError::from(error).into()
    }
}
