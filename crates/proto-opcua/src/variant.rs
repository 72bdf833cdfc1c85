//! Values of any built-in type (Part 6, 5.2.2.15 to 5.2.2.17). Texts that are not UTF-8 are kept
//! apart, so that one of them does not take the rest of a message along.

use crate::bytes::{Malformed, Put, Reader, Result};
use crate::limits;
use crate::node_id::{ExpandedNodeId, LocalizedText, NodeId, QualifiedName};
use crate::status::Status;

/// Numbers of the built-in types (Part 6, 5.1.2), which are also those of their data type nodes.
pub mod builtin {
    pub const BOOLEAN: u8 = 1;
    pub const SBYTE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const INT16: u8 = 4;
    pub const UINT16: u8 = 5;
    pub const INT32: u8 = 6;
    pub const UINT32: u8 = 7;
    pub const INT64: u8 = 8;
    pub const UINT64: u8 = 9;
    pub const FLOAT: u8 = 10;
    pub const DOUBLE: u8 = 11;
    pub const STRING: u8 = 12;
    pub const DATE_TIME: u8 = 13;
    pub const GUID: u8 = 14;
    pub const BYTE_STRING: u8 = 15;
    pub const XML_ELEMENT: u8 = 16;
    pub const NODE_ID: u8 = 17;
    pub const EXPANDED_NODE_ID: u8 = 18;
    pub const STATUS_CODE: u8 = 19;
    pub const QUALIFIED_NAME: u8 = 20;
    pub const LOCALIZED_TEXT: u8 = 21;
    pub const EXTENSION_OBJECT: u8 = 22;
    pub const DATA_VALUE: u8 = 23;
    pub const VARIANT: u8 = 24;
    pub const DIAGNOSTIC_INFO: u8 = 25;

    pub fn name(number: u8) -> &'static str {
        const NAMES: [&str; 26] = [
            "Null",
            "Boolean",
            "SByte",
            "Byte",
            "Int16",
            "UInt16",
            "Int32",
            "UInt32",
            "Int64",
            "UInt64",
            "Float",
            "Double",
            "String",
            "DateTime",
            "Guid",
            "ByteString",
            "XmlElement",
            "NodeId",
            "ExpandedNodeId",
            "StatusCode",
            "QualifiedName",
            "LocalizedText",
            "Structure",
            "DataValue",
            "Variant",
            "DiagnosticInfo",
        ];
        NAMES.get(usize::from(number)).copied().unwrap_or("an unknown type")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Variant {
    Empty,
    Boolean(bool),
    SByte(i8),
    Byte(u8),
    Int16(i16),
    UInt16(u16),
    Int32(i32),
    UInt32(u32),
    Int64(i64),
    UInt64(u64),
    Float(f32),
    Double(f64),
    /// Null reads as empty.
    String(Box<str>),
    /// In ticks, see [`crate::time`].
    DateTime(i64),
    Guid([u8; 16]),
    ByteString(Box<[u8]>),
    XmlElement(Box<str>),
    NodeId(Box<NodeId>),
    ExpandedNodeId(Box<ExpandedNodeId>),
    StatusCode(Status),
    QualifiedName(Box<QualifiedName>),
    LocalizedText(Box<LocalizedText>),
    ExtensionObject(Box<ExtensionObject>),
    DataValue(Box<DataValue>),
    Variant(Box<Variant>),
    DiagnosticInfo,
    Array(Box<Array>),
    /// Whole as bytes, but not a value; with the reason.
    Invalid(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub builtin: u8,
    pub items: Vec<Variant>,
    /// Of a matrix, whose items are in row-major order; empty for a plain array.
    pub dimensions: Vec<u32>,
}

/// A structure in its own encoding.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtensionObject {
    /// Of the encoding, not of the data type.
    pub type_id: NodeId,
    pub encoding: Encoding,
    pub body: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    None,
    Binary,
    Xml,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct DataValue {
    pub value: Option<Variant>,
    pub status: Status,
    pub source_ticks: Option<i64>,
    pub server_ticks: Option<i64>,
}

const IS_ARRAY: u8 = 0x80;
const HAS_DIMENSIONS: u8 = 0x40;

impl Variant {
    pub fn text(text: &str) -> Variant {
        Variant::String(text.into())
    }

    pub fn decode(reader: &mut Reader<'_>) -> Result<Variant> {
        let form = reader.u8()?;
        let number = form & 0x3f;
        match (form & IS_ARRAY != 0, form & HAS_DIMENSIONS != 0) {
            (false, false) if number == 0 => Ok(Variant::Empty),
            (false, false) => Variant::scalar(number, reader),
            (true, dimensions) if number != 0 => {
                reader.nested(|reader| Variant::array(number, dimensions, reader))
            }
            _ => Err(Malformed("a value of an impossible form")),
        }
    }

    fn array(number: u8, has_dimensions: bool, reader: &mut Reader<'_>) -> Result<Variant> {
        let items = reader.list(1, |reader| Variant::scalar(number, reader))?;
        let mut dimensions = Vec::new();
        if has_dimensions {
            dimensions = reader.list(4, |reader| reader.i32().map(|n| n.max(0) as u32))?;
            let product = dimensions.iter().try_fold(1u32, |all, one| all.checked_mul(*one));
            if product.map(|all| all as usize) != Some(items.len()) {
                return Ok(Variant::Invalid("the dimensions do not fit the number of elements"));
            }
        }
        Ok(Variant::Array(Box::new(Array { builtin: number, items, dimensions })))
    }

    /// One value of a built-in type, as it stands in arrays and structures.
    pub fn scalar(number: u8, reader: &mut Reader<'_>) -> Result<Variant> {
        Ok(match number {
            builtin::BOOLEAN => Variant::Boolean(reader.bool()?),
            builtin::SBYTE => Variant::SByte(reader.i8()?),
            builtin::BYTE => Variant::Byte(reader.u8()?),
            builtin::INT16 => Variant::Int16(reader.i16()?),
            builtin::UINT16 => Variant::UInt16(reader.u16()?),
            builtin::INT32 => Variant::Int32(reader.i32()?),
            builtin::UINT32 => Variant::UInt32(reader.u32()?),
            builtin::INT64 => Variant::Int64(reader.i64()?),
            builtin::UINT64 => Variant::UInt64(reader.u64()?),
            builtin::FLOAT => Variant::Float(reader.f32()?),
            builtin::DOUBLE => Variant::Double(reader.f64()?),
            builtin::STRING => text(reader, Variant::String)?,
            builtin::DATE_TIME => Variant::DateTime(reader.i64()?),
            builtin::GUID => Variant::Guid(reader.guid()?),
            builtin::BYTE_STRING => {
                Variant::ByteString(reader.byte_string()?.unwrap_or_default().into())
            }
            builtin::XML_ELEMENT => text(reader, Variant::XmlElement)?,
            builtin::NODE_ID => Variant::NodeId(Box::new(NodeId::decode(reader)?)),
            builtin::EXPANDED_NODE_ID => {
                Variant::ExpandedNodeId(Box::new(ExpandedNodeId::decode(reader)?))
            }
            builtin::STATUS_CODE => Variant::StatusCode(Status(reader.u32()?)),
            builtin::QUALIFIED_NAME => {
                Variant::QualifiedName(Box::new(QualifiedName::decode(reader)?))
            }
            builtin::LOCALIZED_TEXT => {
                Variant::LocalizedText(Box::new(LocalizedText::decode(reader)?))
            }
            builtin::EXTENSION_OBJECT => {
                Variant::ExtensionObject(Box::new(ExtensionObject::decode(reader)?))
            }
            builtin::DATA_VALUE => Variant::DataValue(Box::new(reader.nested(DataValue::decode)?)),
            builtin::VARIANT => Variant::Variant(Box::new(reader.nested(Variant::decode)?)),
            builtin::DIAGNOSTIC_INFO => {
                skip_diagnostics(reader)?;
                Variant::DiagnosticInfo
            }
            // Types 26 to 31 are reserved, and are encoded as byte strings (Part 6, 5.2.2.16).
            26..=31 => {
                reader.byte_string()?;
                Variant::Invalid("a value of a type that the standard does not know yet")
            }
            _ => return Err(Malformed("a value of an unknown built-in type")),
        })
    }

    /// The number of the built-in type; of an array, that of its elements.
    pub fn builtin(&self) -> u8 {
        match self {
            Variant::Empty | Variant::Invalid(_) => 0,
            Variant::Boolean(_) => builtin::BOOLEAN,
            Variant::SByte(_) => builtin::SBYTE,
            Variant::Byte(_) => builtin::BYTE,
            Variant::Int16(_) => builtin::INT16,
            Variant::UInt16(_) => builtin::UINT16,
            Variant::Int32(_) => builtin::INT32,
            Variant::UInt32(_) => builtin::UINT32,
            Variant::Int64(_) => builtin::INT64,
            Variant::UInt64(_) => builtin::UINT64,
            Variant::Float(_) => builtin::FLOAT,
            Variant::Double(_) => builtin::DOUBLE,
            Variant::String(_) => builtin::STRING,
            Variant::DateTime(_) => builtin::DATE_TIME,
            Variant::Guid(_) => builtin::GUID,
            Variant::ByteString(_) => builtin::BYTE_STRING,
            Variant::XmlElement(_) => builtin::XML_ELEMENT,
            Variant::NodeId(_) => builtin::NODE_ID,
            Variant::ExpandedNodeId(_) => builtin::EXPANDED_NODE_ID,
            Variant::StatusCode(_) => builtin::STATUS_CODE,
            Variant::QualifiedName(_) => builtin::QUALIFIED_NAME,
            Variant::LocalizedText(_) => builtin::LOCALIZED_TEXT,
            Variant::ExtensionObject(_) => builtin::EXTENSION_OBJECT,
            Variant::DataValue(_) => builtin::DATA_VALUE,
            Variant::Variant(_) => builtin::VARIANT,
            Variant::DiagnosticInfo => builtin::DIAGNOSTIC_INFO,
            Variant::Array(array) => array.builtin,
        }
    }

    /// What it is, in words: `Int32`, `3 elements of Double`.
    pub fn type_name(&self) -> String {
        match self {
            Variant::Array(array) => {
                format!("{} elements of {}", array.items.len(), builtin::name(array.builtin))
            }
            Variant::Invalid(reason) => (*reason).to_owned(),
            other => builtin::name(other.builtin()).to_owned(),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Variant::Array(array) => {
                let dimensions = if array.dimensions.is_empty() { 0 } else { HAS_DIMENSIONS };
                out.put_u8(array.builtin | IS_ARRAY | dimensions);
                out.put_count(array.items.len());
                array.items.iter().for_each(|item| item.encode_body(out));
                if !array.dimensions.is_empty() {
                    out.put_count(array.dimensions.len());
                    array.dimensions.iter().for_each(|n| out.put_u32(*n));
                }
            }
            other => {
                out.put_u8(other.builtin());
                other.encode_body(out);
            }
        }
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Variant::Empty | Variant::Invalid(_) => {}
            Variant::Boolean(v) => out.put_bool(*v),
            Variant::SByte(v) => out.put_bytes(&v.to_le_bytes()),
            Variant::Byte(v) => out.put_u8(*v),
            Variant::Int16(v) => out.put_bytes(&v.to_le_bytes()),
            Variant::UInt16(v) => out.put_u16(*v),
            Variant::Int32(v) => out.put_i32(*v),
            Variant::UInt32(v) => out.put_u32(*v),
            Variant::Int64(v) | Variant::DateTime(v) => out.put_i64(*v),
            Variant::UInt64(v) => out.put_bytes(&v.to_le_bytes()),
            Variant::Float(v) => out.put_bytes(&v.to_le_bytes()),
            Variant::Double(v) => out.put_f64(*v),
            Variant::String(v) | Variant::XmlElement(v) => out.put_text(v),
            Variant::Guid(v) => out.put_bytes(v),
            Variant::ByteString(v) => out.put_string(Some(v)),
            Variant::NodeId(v) => v.encode(out),
            Variant::ExpandedNodeId(v) => v.encode(out),
            Variant::StatusCode(v) => out.put_u32(v.0),
            Variant::QualifiedName(v) => v.encode(out),
            Variant::LocalizedText(v) => v.encode(out),
            Variant::ExtensionObject(v) => v.encode(out),
            Variant::DataValue(v) => v.encode(out),
            Variant::Variant(v) => v.encode(out),
            Variant::DiagnosticInfo => out.put_u8(0),
            // An array inside an array stands in a Variant of its own.
            Variant::Array(_) => self.encode(out),
        }
    }
}

/// A text, or the reason why it is none.
fn text(reader: &mut Reader<'_>, make: fn(Box<str>) -> Variant) -> Result<Variant> {
    let bytes = reader.byte_string()?.unwrap_or_default();
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => make(text.into()),
        Err(_) => Variant::Invalid("a text that is not UTF-8"),
    })
}

impl ExtensionObject {
    pub fn decode(reader: &mut Reader<'_>) -> Result<ExtensionObject> {
        let type_id = NodeId::decode(reader)?;
        let encoding = match reader.u8()? {
            0 => Encoding::None,
            1 => Encoding::Binary,
            2 => Encoding::Xml,
            _ => return Err(Malformed("a structure of an unknown encoding")),
        };
        let body = match encoding {
            Encoding::None => &[],
            _ => reader.byte_string()?.unwrap_or_default(),
        };
        Ok(ExtensionObject { type_id, encoding, body: body.into() })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        self.type_id.encode(out);
        out.put_u8(self.encoding as u8);
        if self.encoding != Encoding::None {
            out.put_string(Some(&self.body));
        }
    }

    /// Writes one of the standard's own structures.
    pub fn put(type_id: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        NodeId::standard(type_id).encode(out);
        out.put_u8(Encoding::Binary as u8);
        let mut bytes = Vec::new();
        body(&mut bytes);
        out.put_string(Some(&bytes));
    }

    pub fn put_null(out: &mut Vec<u8>) {
        out.put_bytes(&[0, 0, 0]);
    }
}

impl DataValue {
    pub fn decode(reader: &mut Reader<'_>) -> Result<DataValue> {
        let mask = reader.u8()?;
        let mut data = DataValue::default();
        if mask & 0x01 != 0 {
            data.value = Some(Variant::decode(reader)?);
        }
        if mask & 0x02 != 0 {
            data.status = Status(reader.u32()?);
        }
        if mask & 0x04 != 0 {
            data.source_ticks = Some(reader.i64()?);
        }
        // Picoseconds, which no clock of a plant has.
        if mask & 0x10 != 0 {
            reader.u16()?;
        }
        if mask & 0x08 != 0 {
            data.server_ticks = Some(reader.i64()?);
        }
        if mask & 0x20 != 0 {
            reader.u16()?;
        }
        Ok(data)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let bit = |bit, present| if present { bit } else { 0 };
        out.put_u8(
            bit(0x01, self.value.is_some())
                | bit(0x02, self.status != Status::GOOD)
                | bit(0x04, self.source_ticks.is_some())
                | bit(0x08, self.server_ticks.is_some()),
        );
        if let Some(value) = &self.value {
            value.encode(out);
        }
        if self.status != Status::GOOD {
            out.put_u32(self.status.0);
        }
        for ticks in [self.source_ticks, self.server_ticks].into_iter().flatten() {
            out.put_i64(ticks);
        }
    }
}

/// Diagnostics (Part 6, 5.2.2.12) are never asked for, but may come.
pub fn skip_diagnostics(reader: &mut Reader<'_>) -> Result<()> {
    let mask = reader.u8()?;
    for bit in [0x01, 0x02, 0x08, 0x04] {
        if mask & bit != 0 {
            reader.i32()?;
        }
    }
    if mask & 0x10 != 0 {
        reader.byte_string()?;
    }
    if mask & 0x20 != 0 {
        reader.u32()?;
    }
    if mask & 0x40 != 0 {
        reader.nested(skip_diagnostics)?;
    }
    Ok(())
}

/// A list of diagnostics.
pub fn skip_all_diagnostics(reader: &mut Reader<'_>) -> Result<()> {
    for _ in 0..reader.count(1)? {
        skip_diagnostics(reader)?;
    }
    Ok(())
}

const _: () = assert!(limits::DEPTH_MAX < 64, "each level takes a few hundred bytes of stack");

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Variant) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Variant::decode(&mut reader).unwrap(), value);
        assert!(reader.remaining().is_empty());
    }

    #[test]
    fn values_go_both_ways() {
        check(Variant::Empty);
        check(Variant::UInt64(u64::MAX));
        check(Variant::Int64(i64::MIN));
        check(Variant::Float(1.1));
        check(Variant::text("Öl"));
        check(Variant::ByteString([0, 255].into()));
        check(Variant::LocalizedText(Box::new(LocalizedText {
            locale: None,
            text: Some("hot".into()),
        })));
        check(Variant::Array(Box::new(Array {
            builtin: builtin::INT32,
            items: (0..6).map(Variant::Int32).collect(),
            dimensions: vec![2, 3],
        })));
        check(Variant::ExtensionObject(Box::new(ExtensionObject {
            type_id: NodeId::standard(886),
            encoding: Encoding::Binary,
            body: [1; 16].into(),
        })));
    }

    #[test]
    fn what_is_no_value_is_said_so() {
        let read = |bytes: &[u8]| Variant::decode(&mut Reader::new(bytes));
        assert!(matches!(read(&[12, 1, 0, 0, 0, 0xff]), Ok(Variant::Invalid(_))));
        assert!(matches!(
            read(&[0xc3, 1, 0, 0, 0, 9, 1, 0, 0, 0, 2, 0, 0, 0]),
            Ok(Variant::Invalid(_))
        ));
        assert!(read(&[0x80]).is_err());
        assert!(read(&[60]).is_err());
        // A variant in a variant in a variant …
        assert_eq!(read(&[24; 100]), Err(Malformed("nested too deeply")));
        // … and arrays of them.
        let arrays: Vec<u8> = [0x98, 1, 0, 0, 0].repeat(100);
        assert_eq!(read(&arrays), Err(Malformed("nested too deeply")));
    }
}
