//! Writing one value: as the type that the server says the node has, sent at most once.

use crate::connection::decode;
use crate::session::{OpcSession, fault};
use crate::types::Layout;
use crate::{Write, convert};
use tagwerk_component::{Fault, WriteFault, WriteSent};
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_proto_opcua::service::{self, Attribute, WriteNode, id};
use tagwerk_proto_opcua::variant::builtin;
use tagwerk_proto_opcua::{NodeId, Status, Variant};

/// Nodes whose type is remembered. More: forgotten, and asked again.
const REMEMBERED_MAX: usize = 4_096;

impl OpcSession {
    pub(crate) async fn write_value(
        &mut self,
        write: &Write,
        value: &Value,
    ) -> Result<(), WriteFault> {
        let no: fn(Fault) -> WriteFault = |fault| WriteFault { sent: WriteSent::No, fault };
        let refused = |quality, reason: String| Fault::Refused { quality, reason };
        let address = &write.address;
        let Some(node_id) = address.resolve(&self.namespaces) else {
            let uri = address.uri().unwrap_or_default();
            let reason = format!("the server has no namespace `{uri}`");
            return Err(no(refused(Quality::BAD_UNKNOWN_ADDRESS, reason)));
        };
        let (wanted, is_array) = self.written_type(&node_id, write).await.map_err(no)?;
        let variant = convert::to_variant(value, wanted)
            .map_err(|(quality, reason)| no(refused(quality, format!("`{address}`: {reason}"))))?;
        // An index range of an array is written as an array, even when it is one element.
        let variant = match variant {
            scalar if is_array && !matches!(scalar, Variant::Array(_)) => {
                Variant::Array(Box::new(tagwerk_proto_opcua::variant::Array {
                    builtin: wanted,
                    items: vec![scalar],
                    dimensions: Vec::new(),
                }))
            }
            other => other,
        };
        let node = WriteNode { node_id: &node_id, range: &address.range, value: &variant };
        let shown = value.as_ref().to_text(write.data_type);
        let meaning = || format!("Write {shown} to {address} as {}", variant.type_name());
        let answer = self.call(meaning, |header, out| service::write(header, &node, out)).await;
        let perhaps: fn(Fault) -> WriteFault =
            |fault| WriteFault { sent: WriteSent::Perhaps, fault };
        let answer = answer.map_err(perhaps)?;
        // An answer that was given up half way says nothing of what was done.
        let given_up = matches!(answer, Err(status) if status != Status::BAD_REQUEST_TOO_LARGE);
        let result = decode(answer, id::WRITE, service::write_results);
        let status = match result.map_err(perhaps)? {
            Ok(results) => results.first().copied(),
            Err(status) => Some(status),
        };
        match status {
            None => Err(perhaps(Fault::Link("the server answered without a result".to_owned()))),
            Some(status) if !status.is_bad() => Ok(()),
            Some(status) => {
                self.written.remove(&node_id);
                let sent = match given_up || status.code() == Status::BAD_TIMEOUT {
                    true => perhaps,
                    false => no,
                };
                Err(sent(fault(status, &format!("writing `{address}`"))))
            }
        }
    }

    /// The built-in type that the node takes, and whether an array of it.
    async fn written_type(&mut self, node_id: &NodeId, write: &Write) -> Result<(u8, bool), Fault> {
        if let Some(known) = self.written.get(node_id).filter(|_| write.address.range.is_empty()) {
            return Ok(*known);
        }
        let attributes = [Attribute::DataType, Attribute::ValueRank, Attribute::Value];
        let nodes = attributes.map(|attribute| match attribute {
            Attribute::Value => (node_id, attribute, &*write.address.range),
            _ => (node_id, attribute, ""),
        });
        let [data_type, rank, present] = match <[_; 3]>::try_from(self.read_nodes(&nodes).await?) {
            Ok(values) => values,
            Err(_) => return Err(Fault::Link("reading a type: no values".to_owned())),
        };
        if data_type.status.is_bad() {
            return Err(fault(data_type.status, &format!("writing `{}`", write.address)));
        }
        let data_type = match data_type.value {
            Some(Variant::NodeId(data_type)) => *data_type,
            _ => NodeId::NULL,
        };
        self.resolve_type(&data_type).await?;
        let present = present.value.unwrap_or(Variant::Empty);
        // Such a server would replace the whole array by the part.
        if let (Some(length), Variant::Array(array)) = (write.address.range_length(), &present)
            && array.items.len() as u64 > length
        {
            let reason = format!("`{}`: {}", write.address, convert::NO_RANGES);
            return Err(Fault::Refused { quality: Quality::BAD_NOT_SUPPORTED, reason });
        }
        let number = match self.types.layout(&data_type) {
            // An abstract type takes what is there at present.
            Layout::Builtin(builtin::VARIANT) | Layout::Unknown => match present.builtin() {
                0 | builtin::VARIANT => builtin_of(write.data_type),
                number => number,
            },
            Layout::Builtin(number) => number,
            Layout::Structure(_) => builtin::EXTENSION_OBJECT,
        };
        let is_array = match rank.value {
            Some(Variant::Int32(rank)) if rank >= 0 => true,
            Some(Variant::Int32(-1)) => false,
            _ => matches!(present, Variant::Array(_)),
        };
        // Part of a text or of bytes is again a text or bytes.
        if self.written.len() >= REMEMBERED_MAX {
            self.written.clear();
        }
        self.written.insert(node_id.clone(), (number, is_array));
        Ok((number, is_array))
    }

    async fn resolve_type(&mut self, data_type: &NodeId) -> Result<(), Fault> {
        let until = self.connection.deadline();
        while !self.types.is_known(data_type) && self.now() < until {
            self.ask_types();
            self.pump(until).await?;
        }
        Ok(())
    }
}

/// For a node that takes anything and holds nothing.
fn builtin_of(data_type: DataType) -> u8 {
    match data_type {
        DataType::Bool => builtin::BOOLEAN,
        DataType::Int8 => builtin::SBYTE,
        DataType::Uint8 => builtin::BYTE,
        DataType::Int16 => builtin::INT16,
        DataType::Uint16 => builtin::UINT16,
        DataType::Int32 => builtin::INT32,
        DataType::Uint32 => builtin::UINT32,
        DataType::Int64 => builtin::INT64,
        DataType::Uint64 => builtin::UINT64,
        DataType::Float32 => builtin::FLOAT,
        DataType::Float64 => builtin::DOUBLE,
        DataType::Text | DataType::List => builtin::STRING,
        DataType::Bytes => builtin::BYTE_STRING,
    }
}
