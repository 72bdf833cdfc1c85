//! How much a server takes in one request: as it says, and less when it then refuses.

use crate::connection::{Connection, decode};
use crate::open::ask;
use tagwerk_component::Fault;
use tagwerk_proto_opcua::service::{self, Attribute, ReadNode, id};
use tagwerk_proto_opcua::{NodeId, Variant};

/// What is asked at once of a server that sets no limit.
const UNLIMITED: usize = 1_000;
/// What is asked at once of one that allows more.
const MOST: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationLimits {
    pub read: usize,
    pub history: usize,
    pub browse: usize,
    pub paths: usize,
    pub items: usize,
}

const NODES: [u32; 5] = [11_705, 12_165, 11_710, 11_712, 11_714];

impl Default for OperationLimits {
    fn default() -> OperationLimits {
        OperationLimits {
            read: UNLIMITED,
            history: UNLIMITED,
            browse: UNLIMITED,
            paths: UNLIMITED,
            items: UNLIMITED,
        }
    }
}

impl OperationLimits {
    pub async fn read(connection: &mut Connection) -> Result<OperationLimits, Fault> {
        let nodes = NODES.map(NodeId::standard);
        let mut values = [None; NODES.len()];
        // One by one if need be: the limit on reading is not known yet.
        for (node, value) in nodes.iter().zip(&mut values) {
            let answer = ask(connection, "Read an operation limit", |header, out| {
                let node = ReadNode { node_id: node, attribute: Attribute::Value, range: "" };
                service::read(header, [node].into_iter(), out);
            });
            let results = decode(answer.await?, id::READ, service::read_results)?;
            let data = results.ok().and_then(|list| list.into_iter().next());
            *value = match data.and_then(|data| data.value) {
                Some(Variant::UInt32(limit)) => Some(limit as usize),
                _ => None,
            };
        }
        let [read, history, browse, paths, items] = values.map(limit);
        let limits = OperationLimits { read, history, browse, paths, items };
        connection.context().trace.note(|| format!("Operations per request: {limits:?}"));
        Ok(limits)
    }
}

/// Zero stands for no limit, as does a server without such a node.
fn limit(said: Option<usize>) -> usize {
    match said {
        None | Some(0) => UNLIMITED,
        Some(limit) => limit.min(MOST),
    }
}

/// Half of it, for a server that refused; `None` when there is nothing left to halve.
pub fn halve(limit: &mut usize, tried: usize) -> Option<()> {
    if tried <= 1 {
        return None;
    }
    *limit = (tried / 2).max(1).min(*limit);
    Some(())
}
