//! Reading and writing attributes, present and past (Part 4, 5.11).

use super::{RequestHeader, bytes, id};
use crate::bytes::{Put, Reader, Result};
use crate::node_id::{NodeId, QualifiedName};
use crate::status::Status;
use crate::variant::{DataValue, Encoding, ExtensionObject, Variant, skip_all_diagnostics};

/// Numbers of attributes (Part 6, annex A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    DisplayName = 4,
    Description = 5,
    Value = 13,
    DataType = 14,
    ValueRank = 15,
    AccessLevel = 17,
    UserAccessLevel = 18,
    Historizing = 20,
    DataTypeDefinition = 23,
}

pub struct ReadNode<'a> {
    pub node_id: &'a NodeId,
    pub attribute: Attribute,
    /// Empty for the whole.
    pub range: &'a str,
}

impl ReadNode<'_> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.node_id.encode(out);
        out.put_u32(self.attribute as u32);
        put_range(self.range, out);
        QualifiedName::default().encode(out);
    }
}

fn put_range(range: &str, out: &mut Vec<u8>) {
    out.put_string(Some(range.as_bytes()).filter(|range| !range.is_empty()));
}

const BOTH_TIMES: u32 = 2;

/// Reads values no older than now.
pub fn read<'a>(
    header: &RequestHeader<'_>,
    nodes: impl ExactSizeIterator<Item = ReadNode<'a>>,
    out: &mut Vec<u8>,
) {
    header.begin(id::READ, out);
    out.put_f64(0.0);
    out.put_u32(BOTH_TIMES);
    out.put_count(nodes.len());
    nodes.for_each(|node| node.encode(out));
}

pub fn read_results(reader: &mut Reader<'_>) -> Result<Vec<DataValue>> {
    let results = reader.list(1, DataValue::decode)?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}

pub struct WriteNode<'a> {
    pub node_id: &'a NodeId,
    pub range: &'a str,
    pub value: &'a Variant,
}

/// Writes a value without status or times, which many servers do not take.
pub fn write(header: &RequestHeader<'_>, node: &WriteNode<'_>, out: &mut Vec<u8>) {
    header.begin(id::WRITE, out);
    out.put_count(1);
    node.node_id.encode(out);
    out.put_u32(Attribute::Value as u32);
    put_range(node.range, out);
    out.put_u8(1);
    node.value.encode(out);
}

pub fn write_results(reader: &mut Reader<'_>) -> Result<Vec<Status>> {
    super::statuses(reader)
}

pub struct HistoryNode<'a> {
    pub node_id: &'a NodeId,
    pub range: &'a str,
    /// Of the answer before; empty at first.
    pub continuation: &'a [u8],
}

/// Reads what was, between two times in ticks, at most so many values of each node at once.
pub fn history_read<'a>(
    header: &RequestHeader<'_>,
    (from, to): (i64, i64),
    values_max: u32,
    nodes: impl ExactSizeIterator<Item = HistoryNode<'a>>,
    out: &mut Vec<u8>,
) {
    const READ_RAW: u32 = 649;
    header.begin(id::HISTORY_READ, out);
    ExtensionObject::put(READ_RAW, out, |out| {
        out.put_bool(false);
        out.put_i64(from);
        out.put_i64(to);
        out.put_u32(values_max);
        out.put_bool(false);
    });
    out.put_u32(BOTH_TIMES);
    out.put_bool(false);
    out.put_count(nodes.len());
    for node in nodes {
        node.node_id.encode(out);
        put_range(node.range, out);
        QualifiedName::default().encode(out);
        out.put_string(Some(node.continuation).filter(|point| !point.is_empty()));
    }
}

pub struct HistoryResult {
    pub status: Status,
    /// There is more when it is not empty.
    pub continuation: Vec<u8>,
    pub values: Vec<DataValue>,
}

pub fn history_results(reader: &mut Reader<'_>) -> Result<Vec<HistoryResult>> {
    let results = reader.list(12, |reader| {
        let status = Status(reader.u32()?);
        let continuation = bytes(reader)?;
        let data = ExtensionObject::decode(reader)?;
        let values = history_data(reader, &data)?;
        Ok(HistoryResult { status, continuation, values })
    })?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}

/// The values in a `HistoryData`; none where it is something else.
pub fn history_data(reader: &Reader<'_>, data: &ExtensionObject) -> Result<Vec<DataValue>> {
    const HISTORY_DATA: u32 = 658;
    let known = data.type_id.standard_number() == Some(HISTORY_DATA);
    if !known || data.encoding != Encoding::Binary {
        return Ok(Vec::new());
    }
    reader.inside(&data.body).list(1, DataValue::decode)
}
