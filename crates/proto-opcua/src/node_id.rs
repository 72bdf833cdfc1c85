//! Names of nodes and of things in them (Part 6, 5.2.2.9 to 5.2.2.14).

use crate::bytes::{Malformed, Put, Reader, Result};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    pub namespace: u16,
    pub identifier: Identifier,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    Numeric(u32),
    Text(Box<str>),
    /// In the order of the wire.
    Guid([u8; 16]),
    Opaque(Box<[u8]>),
}

/// A node that may be in another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandedNodeId {
    pub node_id: NodeId,
    pub namespace_uri: Option<Box<str>>,
    pub server: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct QualifiedName {
    pub namespace: u16,
    pub name: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalizedText {
    pub locale: Option<Box<str>>,
    pub text: Option<Box<str>>,
}

const URI_FOLLOWS: u8 = 0x80;
const SERVER_FOLLOWS: u8 = 0x40;

impl NodeId {
    pub const NULL: NodeId = NodeId::standard(0);

    /// In the namespace of the standard.
    pub const fn standard(number: u32) -> NodeId {
        NodeId { namespace: 0, identifier: Identifier::Numeric(number) }
    }

    pub fn is_null(&self) -> bool {
        *self == NodeId::NULL
    }

    /// The number, of a node that the standard names.
    pub fn standard_number(&self) -> Option<u32> {
        match self.identifier {
            Identifier::Numeric(number) if self.namespace == 0 => Some(number),
            _ => None,
        }
    }

    pub fn decode(reader: &mut Reader<'_>) -> Result<NodeId> {
        let form = reader.u8()?;
        NodeId::body(form, reader)
    }

    fn body(form: u8, reader: &mut Reader<'_>) -> Result<NodeId> {
        let (namespace, identifier) = match form {
            0 => (0, Identifier::Numeric(reader.u8()?.into())),
            1 => (reader.u8()?.into(), Identifier::Numeric(reader.u16()?.into())),
            2 => (reader.u16()?, Identifier::Numeric(reader.u32()?)),
            3 => (reader.u16()?, Identifier::Text(reader.owned()?)),
            4 => (reader.u16()?, Identifier::Guid(reader.guid()?)),
            5 => {
                let namespace = reader.u16()?;
                let bytes = reader.byte_string()?.unwrap_or_default();
                (namespace, Identifier::Opaque(bytes.into()))
            }
            _ => return Err(Malformed("a node id of an unknown form")),
        };
        Ok(NodeId { namespace, identifier })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.identifier {
            Identifier::Numeric(number) => match (self.namespace, *number) {
                (0, small) if small <= 0xff => out.put_bytes(&[0, small as u8]),
                (namespace, short) if namespace <= 0xff && short <= 0xffff => {
                    out.put_bytes(&[1, namespace as u8]);
                    out.put_u16(short as u16);
                }
                (namespace, number) => {
                    out.put_u8(2);
                    out.put_u16(namespace);
                    out.put_u32(number);
                }
            },
            Identifier::Text(text) => {
                out.put_u8(3);
                out.put_u16(self.namespace);
                out.put_text(text);
            }
            Identifier::Guid(guid) => {
                out.put_u8(4);
                out.put_u16(self.namespace);
                out.put_bytes(guid);
            }
            Identifier::Opaque(bytes) => {
                out.put_u8(5);
                out.put_u16(self.namespace);
                out.put_string(Some(bytes));
            }
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Numeric(number) => write!(f, "i={number}"),
            Identifier::Text(text) => write!(f, "s={text}"),
            Identifier::Guid(guid) => write!(f, "g={}", guid_text(guid)),
            Identifier::Opaque(bytes) => write!(f, "b={}", base64(bytes)),
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace != 0 {
            write!(f, "ns={};", self.namespace)?;
        }
        self.identifier.fmt(f)
    }
}

impl ExpandedNodeId {
    pub fn decode(reader: &mut Reader<'_>) -> Result<ExpandedNodeId> {
        let form = reader.u8()?;
        let node_id = NodeId::body(form & !(URI_FOLLOWS | SERVER_FOLLOWS), reader)?;
        let namespace_uri =
            if form & URI_FOLLOWS == 0 { None } else { reader.text()?.map(Box::from) };
        let server = if form & SERVER_FOLLOWS == 0 { 0 } else { reader.u32()? };
        Ok(ExpandedNodeId { node_id, namespace_uri, server })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let form = out.len();
        self.node_id.encode(out);
        if let Some(uri) = &self.namespace_uri {
            out[form] |= URI_FOLLOWS;
            out.put_text(uri);
        }
        if self.server != 0 {
            out[form] |= SERVER_FOLLOWS;
            out.put_u32(self.server);
        }
    }
}

impl QualifiedName {
    pub fn decode(reader: &mut Reader<'_>) -> Result<QualifiedName> {
        Ok(QualifiedName { namespace: reader.u16()?, name: reader.owned()? })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.namespace);
        out.put_text(&self.name);
    }
}

impl LocalizedText {
    pub fn decode(reader: &mut Reader<'_>) -> Result<LocalizedText> {
        let mask = reader.u8()?;
        let mut part = |bit| {
            if mask & bit == 0 { Ok(None) } else { reader.text().map(|t| t.map(Box::from)) }
        };
        Ok(LocalizedText { locale: part(1)?, text: part(2)? })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::from(self.locale.is_some()) | u8::from(self.text.is_some()) << 1);
        for part in [&self.locale, &self.text].into_iter().flatten() {
            out.put_text(part);
        }
    }

    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

/// A Guid as people write it; its first three parts are little-endian on the wire.
pub fn guid_text(guid: &[u8; 16]) -> String {
    let g = |i: usize| guid[i];
    format!(
        "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-\
         {:02x}{:02x}{:02x}{:02x}{:02x}{:02x}",
        g(3),
        g(2),
        g(1),
        g(0),
        g(5),
        g(4),
        g(7),
        g(6),
        g(8),
        g(9),
        g(10),
        g(11),
        g(12),
        g(13),
        g(14),
        g(15),
    )
}

pub fn guid_from_text(text: &str) -> Option<[u8; 16]> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if lengths != [8, 4, 4, 4, 12] {
        return None;
    }
    let mut guid = [0; 16];
    let digits: Vec<char> = parts.concat().chars().collect();
    for (byte, pair) in guid.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (pair[0].to_digit(16)? << 4 | pair[1].to_digit(16)?) as u8;
    }
    guid[..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    Some(guid)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= group.len() { BASE64[sextet] as char } else { '=' });
        }
    }
    text
}

pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if text.len() - bare.len() > 2 || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(bare.len() * 3 / 4);
    for group in bare.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for letter in group {
            bits = bits << 6 | BASE64.iter().position(|known| known == letter)? as u32;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len().max(1)]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(node_id: NodeId, text: &str) {
        let mut bytes = Vec::new();
        node_id.encode(&mut bytes);
        assert_eq!(NodeId::decode(&mut Reader::new(&bytes)).unwrap(), node_id);
        assert_eq!(node_id.to_string(), text);
    }

    #[test]
    fn node_ids_are_written_in_every_form() {
        let id = |namespace, identifier| NodeId { namespace, identifier };
        check(NodeId::standard(85), "i=85");
        check(id(2, Identifier::Numeric(70_000)), "ns=2;i=70000");
        check(id(300, Identifier::Numeric(1)), "ns=300;i=1");
        check(id(1, Identifier::Text("Line1.Temp".into())), "ns=1;s=Line1.Temp");
        let guid = guid_from_text("72962b91-fa75-4ae6-8d28-b404dc7daf63").unwrap();
        check(id(1, Identifier::Guid(guid)), "ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63");
        check(id(1, Identifier::Opaque([1, 2, 0xff, 0].into())), "ns=1;b=AQL/AA==");
    }

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "QQ==", "QUI=", "QUJD", "AQL/AA=="] {
            assert_eq!(base64(&base64_decode(text).unwrap()), text);
        }
        for wrong in ["Q", "QQ", "QQ=", "Q===", "Q!==", "===="] {
            assert_eq!(base64_decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_expanded_node_id_keeps_its_uri_and_server() {
        let id = ExpandedNodeId {
            node_id: NodeId::standard(7),
            namespace_uri: Some("urn:x".into()),
            server: 3,
        };
        let mut bytes = Vec::new();
        id.encode(&mut bytes);
        assert_eq!(ExpandedNodeId::decode(&mut Reader::new(&bytes)).unwrap(), id);
    }
}
