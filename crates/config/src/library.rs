//! The templates that come with Tagwerk, to be copied into a configuration and changed there.

use crate::scalar::Scalar;
use crate::source::{Form, Node};
use crate::syntax;
use crate::value_types::ParameterKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A template of the library.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LibraryTemplate {
    pub name: String,
    pub version: u32,
    pub driver: String,
    /// Its description.
    pub summary: String,
    pub parameters: Vec<LibraryParameter>,
    /// One item of `templates:`, as YAML, beginning with `name:` at the margin.
    pub document: &'static str,
    /// How many tags it has.
    pub tags: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LibraryParameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// JSON; `None` when a device must give a value.
    pub default: Option<Value>,
    pub description: Option<String>,
    pub required: bool,
}

/// In the order in which users see them.
const FILES: [&str; 3] = [
    include_str!("../library/sunspec-meter.yaml"),
    include_str!("../library/s7-line.yaml"),
    include_str!("../library/iec104-feeder.yaml"),
];

pub fn library() -> Vec<LibraryTemplate> {
    FILES.iter().filter_map(|document| template(document)).collect()
}

fn template(document: &'static str) -> Option<LibraryTemplate> {
    let (source, _) = syntax::read(document.as_bytes()).ok()?;
    let root = source.root();
    let text = |key: &str| root.get(key).map(Node::text).unwrap_or_default().to_owned();
    let list = |key: &str| root.get(key).filter(|list| list.form() == Form::List);
    let tags = |group: Node<'_>| group.get("tags").map_or(0, Node::len);
    Some(LibraryTemplate {
        name: text("name"),
        version: text("version").parse().ok()?,
        driver: text("driver"),
        summary: text("description"),
        parameters: list("parameters")
            .iter()
            .flat_map(|l| l.items())
            .filter_map(parameter)
            .collect(),
        tags: list("groups").iter().flat_map(|l| l.items()).map(tags).sum(),
        document,
    })
}

fn parameter(node: Node<'_>) -> Option<LibraryParameter> {
    let default = node.get("default").filter(|node| node.scalar() != Some(Scalar::Null));
    Some(LibraryParameter {
        name: node.get("name")?.text().to_owned(),
        kind: ParameterKind::deserialize(node.get("type")?).ok()?,
        required: default.is_none(),
        default: default.map(Node::to_json),
        description: node.get("description").map(|node| node.text().to_owned()),
    })
}
