//! The drivers, sinks and channels that this edge has, as they describe themselves.

use crate::Anything;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Components {
    pub drivers: Vec<Spec>,
    pub sinks: Vec<Spec>,
    /// Ways to tell people of alarms.
    pub channels: Vec<Spec>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Spec {
    pub name: String,
    pub summary: String,
    /// JSON schema of `settings:`.
    pub settings: Anything,
    pub addresses: Vec<AddressForm>,
    pub data_types: Vec<String>,
    pub abilities: Vec<String>,
    /// A complete `settings:`, as YAML.
    pub example: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AddressForm {
    pub form: String,
    pub meaning: String,
    pub example: String,
}
