//! Templates: the library that comes with the edge, and those that the configuration uses.

use crate::{Anything, Change, ChangeKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Templates {
    pub library: Vec<LibraryTemplate>,
    pub used: Vec<UsedTemplate>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LibraryTemplate {
    pub name: String,
    pub version: String,
    pub driver: String,
    pub summary: String,
    pub parameters: Vec<TemplateParameter>,
    /// The template as YAML, to be copied into the configuration.
    pub document: String,
    pub tags: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateParameter {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub default: Option<Anything>,
    pub description: Option<String>,
    pub required: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsedTemplate {
    pub name: String,
    pub version: Option<String>,
    pub driver: String,
    pub devices: Vec<String>,
    /// The library's version of the template of this name; `null` when it has none.
    pub library_version: Option<String>,
}

/// How a configuration would change a template.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateChange {
    pub name: String,
    pub change: ChangeKind,
    /// Devices that it makes differ.
    pub devices: Vec<String>,
    /// The same devices, with what differs in each as the template makes it.
    pub touched: Vec<TouchedDevice>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TouchedDevice {
    pub name: String,
    pub changes: Vec<Change>,
    /// Changes that are not listed.
    pub more: u64,
}
