//! Functions of the user's own: which there are, and what one gives.

use crate::{Anything, RuleFinding};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserFunction {
    pub name: String,
    /// As it is called: `dew_margin(float64, float64)`.
    pub signature: String,
    /// The types of its arguments.
    pub arguments: Vec<String>,
    pub returns: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub javascript: String,
}

/// A function to try; it need not be part of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionTrial {
    pub name: String,
    /// The types of its arguments: bool, int64, uint64, float64, text or bytes.
    #[serde(default)]
    pub arguments: Vec<String>,
    pub returns: String,
    pub javascript: String,
    /// What it is called with, one for each argument; bytes as hexadecimal digits.
    #[serde(default)]
    pub values: Vec<Anything>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FunctionTrialAnswer {
    /// Empty: it gave a value, or nothing.
    pub findings: Vec<RuleFinding>,
    /// `null` where it gave none.
    pub value: Anything,
    /// How long the call took.
    pub microseconds: u64,
}
