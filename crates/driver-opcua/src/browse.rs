//! Looking into a server: a node's children by pages, with what a tag for each would be.

use crate::address::{Address, of_node};
use crate::connection::decode;
use crate::convert;
use crate::session::{OpcSession, fault};
use std::collections::{HashMap, HashSet};
use tagwerk_component::{BrowseNode, BrowsePage, BrowseRequest, Fault};
use tagwerk_model::{DataType, Quality};
use tagwerk_proto_opcua::node_id::{base64, base64_decode};
use tagwerk_proto_opcua::service::{self, Attribute, Direction, Path, Reference, id};
use tagwerk_proto_opcua::{DataValue, LocalizedText, NodeId, Reader, Variant, builtin};

/// The folder `Objects`, where a server shows what it has.
const ROOT: NodeId = NodeId::standard(85);
const HIERARCHICAL: u32 = 33;
const HAS_PROPERTY: NodeId = NodeId::standard(46);
const OBJECT: u32 = 1;
const VARIABLE: u32 = 2;
const CAN_WRITE: u8 = 0x02;
/// Nodes of one page.
const PAGE: u32 = 100;
/// Longer values are left out.
const SHOWN_BYTES_MAX: usize = 1_024;

const ATTRIBUTES: [Attribute; 4] =
    [Attribute::DataType, Attribute::UserAccessLevel, Attribute::Description, Attribute::Value];

impl OpcSession {
    pub async fn browse_page(&mut self, request: &BrowseRequest<'_>) -> Result<BrowsePage, Fault> {
        let refused =
            |reason: String| Fault::Refused { quality: Quality::BAD_UNKNOWN_ADDRESS, reason };
        let from = match request.from {
            "" => ROOT,
            text => {
                let address = Address::parse(text)
                    .map_err(|problem| refused(format!("`{text}` is no node: {problem}")))?;
                address
                    .resolve(&self.namespaces)
                    .ok_or_else(|| refused(format!("the server has no namespace of `{text}`")))?
            }
        };
        let answer = match request.after {
            None => {
                self.call(
                    || format!("Browse below {from}"),
                    |header, out| {
                        let nodes = [&from].into_iter();
                        service::browse(header, nodes, Direction::Forward, HIERARCHICAL, PAGE, out);
                    },
                )
                .await?
            }
            Some(more) => {
                let point = base64_decode(more)
                    .ok_or_else(|| refused("this page does not go on".to_owned()))?;
                self.call(
                    || format!("Browse on below {from}"),
                    |header, out| service::browse_next(header, &point, out),
                )
                .await?
            }
        };
        let number = if request.after.is_none() { id::BROWSE } else { id::BROWSE_NEXT };
        let what = format!("looking into `{}`", request.from);
        let results = decode(answer, number, service::references)?;
        let results = results.map_err(|status| fault(status, &what))?;
        let Some(result) = results.into_iter().next() else { return Ok(BrowsePage::default()) };
        if result.status.is_bad() {
            return Err(fault(result.status, &what));
        }
        let more = (!result.continuation.is_empty()).then(|| base64(&result.continuation));
        let nodes = self.describe(result.list).await?;
        Ok(BrowsePage { nodes, more })
    }

    async fn describe(&mut self, references: Vec<Reference>) -> Result<Vec<BrowseNode>, Fault> {
        let mut seen = HashSet::new();
        let references: Vec<Reference> = references
            .into_iter()
            .filter(|reference| {
                let local =
                    reference.target.server == 0 && reference.target.namespace_uri.is_none();
                let shown = matches!(reference.node_class, OBJECT | VARIABLE);
                local && shown && seen.insert(reference.target.node_id.clone())
            })
            .collect();
        let variables: Vec<&NodeId> = references
            .iter()
            .filter(|reference| reference.node_class == VARIABLE)
            .map(|reference| &reference.target.node_id)
            .collect();
        let asked: Vec<(&NodeId, Attribute, &str)> = variables
            .iter()
            .flat_map(|node_id| ATTRIBUTES.map(|attribute| (*node_id, attribute, "")))
            .collect();
        let values = match asked.is_empty() {
            true => Vec::new(),
            // Values may be longer than one answer: then without them.
            false => self.read_nodes(&asked).await.or_else(|fault| match fault {
                Fault::Refused { .. } => Ok(Vec::new()),
                other => Err(other),
            })?,
        };
        let units = self.units(&variables).await?;
        let mut details: HashMap<&NodeId, &[DataValue]> = HashMap::new();
        for (node_id, values) in variables.iter().zip(values.chunks(ATTRIBUTES.len())) {
            details.insert(node_id, values);
        }
        let nodes = references.iter().map(|reference| {
            let node_id = &reference.target.node_id;
            let mut node = self.node(reference, details.get(node_id).copied().unwrap_or_default());
            node.unit = units.get(node_id).cloned();
            node
        });
        Ok(nodes.collect())
    }

    fn node(&self, reference: &Reference, values: &[DataValue]) -> BrowseNode {
        let address = of_node(&reference.target.node_id, &self.namespaces).to_string();
        let display = reference.display_name.text();
        let name = if display.is_empty() { &reference.browse_name.name } else { display };
        let mut node = BrowseNode {
            id: address.clone(),
            name: name.to_owned(),
            inside: reference.reference_type != HAS_PROPERTY,
            ..BrowseNode::default()
        };
        if reference.node_class != VARIABLE {
            return node;
        }
        node.address = Some(address);
        let [data_type, access, description, present] = values else { return node };
        node.write = matches!(access.value, Some(Variant::Byte(level)) if level & CAN_WRITE != 0);
        node.description = match &description.value {
            Some(Variant::LocalizedText(text)) if !text.text().is_empty() => {
                Some(text.text().chars().take(SHOWN_BYTES_MAX).collect())
            }
            _ => None,
        };
        let standard = match &data_type.value {
            Some(Variant::NodeId(node_id)) => node_id.standard_number(),
            _ => None,
        };
        let value = present.value.as_ref().filter(|_| !present.status.is_bad());
        node.data_type = match (value, standard) {
            (Some(value), _) if *value != Variant::Empty => Some(convert::natural(value)),
            (_, Some(number @ 1..=21)) => Some(convert::of_builtin(number as u8)),
            _ => None,
        };
        let wanted = node.data_type.unwrap_or(DataType::Text);
        let shown = value.and_then(|value| convert::to_value(value, wanted, &self.types).ok());
        node.value = shown.filter(|value| value.as_ref().to_text(wanted).len() <= SHOWN_BYTES_MAX);
        node
    }

    /// The units of those variables that have one.
    async fn units(&mut self, variables: &[&NodeId]) -> Result<HashMap<NodeId, String>, Fault> {
        let mut units = HashMap::new();
        for part in variables.chunks(self.limits.paths.max(1)) {
            let answer = self
                .call(
                    || format!("Look for the units of {} variables", part.len()),
                    |header, out| {
                        let paths =
                            part.iter().map(|from| Path { from, property: "EngineeringUnits" });
                        Path::request(header, paths, out);
                    },
                )
                .await?;
            // Not every server has this service, and nothing depends on it.
            let Ok(targets) = decode(answer, id::TRANSLATE_PATHS, service::paths)? else {
                return Ok(units);
            };
            let found: Vec<(&NodeId, NodeId)> = part
                .iter()
                .zip(targets)
                .filter_map(|(variable, target)| Some((*variable, target?)))
                .collect();
            let nodes: Vec<(&NodeId, Attribute, &str)> =
                found.iter().map(|(_, unit)| (unit, Attribute::Value, "")).collect();
            if nodes.is_empty() {
                continue;
            }
            let values = match self.read_nodes(&nodes).await {
                Err(Fault::Refused { .. }) => continue,
                values => values?,
            };
            for ((variable, _), data) in found.iter().zip(&values) {
                units.extend(unit(data).map(|unit| ((*variable).clone(), unit)));
            }
        }
        Ok(units)
    }
}

/// The sign of an `EUInformation` (Part 8, 5.6.4.3).
fn unit(data: &DataValue) -> Option<String> {
    const EU_INFORMATION: u32 = 889;
    let Some(Variant::ExtensionObject(object)) = &data.value else { return None };
    if object.type_id.standard_number() != Some(EU_INFORMATION) {
        return None;
    }
    let mut reader = Reader::new(&object.body);
    Variant::scalar(builtin::STRING, &mut reader).ok()?;
    reader.i32().ok()?;
    let text = LocalizedText::decode(&mut reader).ok()?;
    let sign = text.text().chars().take(32).collect::<String>();
    (!sign.is_empty()).then_some(sign)
}
