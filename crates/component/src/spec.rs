//! How a component describes itself: one declaration from which parser, linter, reference page and
//! form are made.

use schemars::Schema;
use serde::Serialize;
use tagwerk_model::DataType;

/// A driver, a sink or a channel as users see it.
#[derive(Clone, Debug, Serialize)]
pub struct Spec {
    /// The name in `driver:` or `kind:`, such as `modbus-tcp`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// JSON schema of `settings:`, from the settings' own struct.
    pub settings: Schema,
    /// The forms of a tag's address; of drivers only.
    pub addresses: Vec<AddressForm>,
    /// Types a tag of this driver can have; of drivers only.
    pub data_types: Vec<DataType>,
    pub abilities: Vec<Ability>,
    /// A complete `settings:` that passes its own check, as YAML.
    pub example: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct AddressForm {
    pub form: &'static str,
    pub meaning: &'static str,
    pub example: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    Read,
    Write,
    Subscribe,
    Browse,
    Discover,
}
