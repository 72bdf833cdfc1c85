//! Reading on demand: in requests as large as the server takes, each tag with its own quality.

use crate::connection::decode;
use crate::operation_limits::halve;
use crate::session::{OpcSession, fault};
use crate::{Group, Point, convert};
use std::sync::Arc;
use tagwerk_component::Fault;
use tagwerk_model::{BatchBuilder, Quality};
use tagwerk_proto_opcua::service::{self, Attribute, ReadNode, id};
use tagwerk_proto_opcua::{DataValue, NodeId, Status, time};

impl OpcSession {
    pub async fn read_group(
        &mut self,
        group: &Arc<Group>,
        out: &mut BatchBuilder,
    ) -> Result<(), Fault> {
        let mut known: Vec<(&Point, NodeId)> = Vec::with_capacity(group.points.len());
        for point in &group.points {
            match point.address.resolve(&self.namespaces) {
                Some(node_id) => known.push((point, node_id)),
                None => out.put_quality(point.index as usize, Quality::BAD_UNKNOWN_ADDRESS),
            }
        }
        let nodes: Vec<(&NodeId, Attribute, &str)> = known
            .iter()
            .map(|(point, node_id)| (node_id, Attribute::Value, &*point.address.range))
            .collect();
        let values = self.read_nodes(&nodes).await?;
        self.resolve(&values).await?;
        for ((point, _), data) in known.iter().zip(&values) {
            self.put(point, data, out);
        }
        Ok(())
    }

    /// One value for each node, in as many requests as it takes.
    pub async fn read_nodes(
        &mut self,
        nodes: &[(&NodeId, Attribute, &str)],
    ) -> Result<Vec<DataValue>, Fault> {
        let mut values = Vec::with_capacity(nodes.len());
        while values.len() < nodes.len() {
            let rest = &nodes[values.len()..];
            let part = &rest[..rest.len().min(self.limits.read)];
            let answer = self
                .call(
                    || meaning(part),
                    |header, out| {
                        let nodes = part.iter().map(|(node_id, attribute, range)| ReadNode {
                            node_id,
                            attribute: *attribute,
                            range,
                        });
                        service::read(header, nodes, out);
                    },
                )
                .await?;
            match decode(answer, id::READ, service::read_results)? {
                Ok(results) if results.len() == part.len() => values.extend(results),
                Ok(results) => {
                    let (got, asked) = (results.len(), part.len());
                    let text = format!("the server gave {got} values where {asked} were asked");
                    return Err(Fault::Link(text));
                }
                Err(status)
                    if status.is_too_much()
                        && halve(&mut self.limits.read, part.len()).is_some() =>
                {
                    let limit = self.limits.read;
                    self.note(|| format!("{status}: reading {limit} values at once from now on"));
                }
                Err(status) => return Err(fault(status, "reading")),
            }
        }
        Ok(values)
    }

    fn put(&self, point: &Point, data: &DataValue, out: &mut BatchBuilder) {
        let index = point.index as usize;
        let quality = convert::quality(data.status);
        if quality.is_bad() {
            out.put_quality(index, quality);
        } else {
            let value = match &data.value {
                Some(value) => convert::to_point_value(value, point, &self.types),
                None => Err("the server has no value".into()),
            };
            match value {
                Ok(value) => {
                    out.put(index, value.as_ref());
                    if data.status != Status::GOOD {
                        out.put_quality(index, quality);
                    }
                }
                Err(reason) => {
                    out.put_quality(index, Quality::BAD_ENCODING);
                    self.note(|| format!("`{}`: {reason}", point.address));
                }
            }
        }
        if let Some(unix_ns) = data.source_ticks.or(data.server_ticks).and_then(time::unix_ns) {
            out.put_source_time(index, unix_ns);
        }
    }
}

fn meaning(nodes: &[(&NodeId, Attribute, &str)]) -> String {
    match nodes.first() {
        Some((node_id, attribute, _)) if nodes.len() == 1 => {
            format!("Read {attribute:?} of {node_id}")
        }
        Some((node_id, ..)) => format!("Read {} attributes, the first of {node_id}", nodes.len()),
        None => "Read nothing".to_owned(),
    }
}
