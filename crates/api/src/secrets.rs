//! Secrets: names and who uses them. A value goes in and never comes out.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    pub name: String,
    pub changed_at: Time,
    pub changed_by: String,
    /// Places in the running configuration, such as `devices/press/settings/password`.
    pub used_by: Vec<String>,
}

#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    pub value: String,
}
