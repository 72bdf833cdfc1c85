//! Looking around (Part 4, 5.9).

use super::{RequestHeader, bytes, id};
use crate::bytes::{Put, Reader, Result};
use crate::node_id::{ExpandedNodeId, LocalizedText, NodeId, QualifiedName};
use crate::status::Status;
use crate::variant::skip_all_diagnostics;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward = 0,
    Inverse = 1,
}

/// The references of nodes of one type and its subtypes, at most so many at once.
pub fn browse<'a>(
    header: &RequestHeader<'_>,
    nodes: impl ExactSizeIterator<Item = &'a NodeId>,
    direction: Direction,
    reference_type: u32,
    references_max: u32,
    out: &mut Vec<u8>,
) {
    const ALL_FIELDS: u32 = 0x3f;
    header.begin(id::BROWSE, out);
    NodeId::NULL.encode(out);
    out.put_i64(0);
    out.put_u32(0);
    out.put_u32(references_max);
    out.put_count(nodes.len());
    for node in nodes {
        node.encode(out);
        out.put_u32(direction as u32);
        NodeId::standard(reference_type).encode(out);
        out.put_bool(true);
        out.put_u32(0);
        out.put_u32(ALL_FIELDS);
    }
}

/// Goes on where an answer ended.
pub fn browse_next(header: &RequestHeader<'_>, continuation: &[u8], out: &mut Vec<u8>) {
    header.begin(id::BROWSE_NEXT, out);
    out.put_bool(false);
    out.put_count(1);
    out.put_string(Some(continuation));
}

#[derive(Clone, Debug, PartialEq)]
pub struct References {
    pub status: Status,
    /// There is more when it is not empty.
    pub continuation: Vec<u8>,
    pub list: Vec<Reference>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub reference_type: NodeId,
    pub target: ExpandedNodeId,
    pub browse_name: QualifiedName,
    pub display_name: LocalizedText,
    pub node_class: u32,
}

/// One per node of the request.
pub fn references(reader: &mut Reader<'_>) -> Result<Vec<References>> {
    let results = reader.list(12, |reader| {
        let status = Status(reader.u32()?);
        let continuation = bytes(reader)?;
        let list = reader.list(14, |reader| {
            let reference_type = NodeId::decode(reader)?;
            reader.bool()?;
            let reference = Reference {
                reference_type,
                target: ExpandedNodeId::decode(reader)?,
                browse_name: QualifiedName::decode(reader)?,
                display_name: LocalizedText::decode(reader)?,
                node_class: reader.u32()?,
            };
            ExpandedNodeId::decode(reader)?;
            Ok(reference)
        })?;
        Ok(References { status, continuation, list })
    })?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}

/// One step from a node to a property of the standard.
pub struct Path<'a> {
    pub from: &'a NodeId,
    pub property: &'a str,
}

impl Path<'_> {
    pub fn request<'a>(
        header: &RequestHeader<'_>,
        paths: impl ExactSizeIterator<Item = Path<'a>>,
        out: &mut Vec<u8>,
    ) {
        const HAS_PROPERTY: u32 = 46;
        header.begin(id::TRANSLATE_PATHS, out);
        out.put_count(paths.len());
        for path in paths {
            path.from.encode(out);
            out.put_count(1);
            NodeId::standard(HAS_PROPERTY).encode(out);
            out.put_bool(false);
            out.put_bool(true);
            QualifiedName { namespace: 0, name: path.property.into() }.encode(out);
        }
    }
}

/// Where each path leads, if anywhere.
pub fn paths(reader: &mut Reader<'_>) -> Result<Vec<Option<NodeId>>> {
    let results = reader.list(8, |reader| {
        let status = Status(reader.u32()?);
        let targets = reader.list(6, |reader| {
            let target = ExpandedNodeId::decode(reader)?;
            reader.u32()?;
            Ok(target.node_id)
        })?;
        Ok(targets.into_iter().next().filter(|_| !status.is_bad()))
    })?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}
