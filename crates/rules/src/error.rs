//! Why a rule cannot go on.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// These rows cannot be computed; the next may.
    Rows(String),
    /// It wants more than a rule may have: it is stopped.
    Limit(String),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleError::Rows(text) | RuleError::Limit(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for RuleError {}

impl From<ArrowError> for RuleError {
    fn from(error: ArrowError) -> RuleError {
        RuleError::Rows(error.to_string())
    }
}

impl From<DataFusionError> for RuleError {
    fn from(error: DataFusionError) -> RuleError {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => {
                RuleError::Limit("the window's statement wants more memory than it may have".into())
            }
            _ => RuleError::Rows(tagwerk_sql::SqlError::from(error).message),
        }
    }
}
