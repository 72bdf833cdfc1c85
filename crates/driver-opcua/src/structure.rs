//! Structures as JSON text: integers exact, times as RFC 3339, bytes in Base64, absent fields left
//! out.

use crate::types::{Field, Layout, Shape, Structure, Types};
use tagwerk_model::value::write_json_text;
use tagwerk_proto_opcua::bytes::{Malformed, Result};
use tagwerk_proto_opcua::node_id::{base64, guid_text};
use tagwerk_proto_opcua::variant::{Encoding, builtin};
use tagwerk_proto_opcua::{ExtensionObject, NodeId, Reader, Variant, time};

/// Longer texts are refused: no tag could hold them.
const JSON_BYTES_MAX: usize = tagwerk_model::limits::VALUE_BYTES_MAX;

/// Writes a value as JSON.
pub fn write(value: &Variant, types: &Types, out: &mut Vec<u8>) -> Result<()> {
    bounded(out)?;
    match value {
        Variant::Empty | Variant::DiagnosticInfo => out.extend_from_slice(b"null"),
        Variant::Invalid(reason) => return Err(Malformed(reason)),
        Variant::Boolean(v) => out.extend_from_slice(if *v { b"true" } else { b"false" }),
        Variant::SByte(v) => text(out, v),
        Variant::Byte(v) => text(out, v),
        Variant::Int16(v) => text(out, v),
        Variant::UInt16(v) => text(out, v),
        Variant::Int32(v) => text(out, v),
        Variant::UInt32(v) => text(out, v),
        Variant::Int64(v) => text(out, v),
        Variant::UInt64(v) => text(out, v),
        Variant::Float(v) if v.is_finite() => text(out, v),
        Variant::Double(v) if v.is_finite() => text(out, v),
        Variant::Float(v) => quoted(out, &v.to_string()),
        Variant::Double(v) => quoted(out, &v.to_string()),
        Variant::String(v) | Variant::XmlElement(v) => quoted(out, v),
        Variant::DateTime(ticks) => match date_time(*ticks) {
            Some(shown) => quoted(out, &shown),
            None => out.extend_from_slice(b"null"),
        },
        Variant::Guid(v) => quoted(out, &guid_text(v)),
        Variant::ByteString(v) => quoted(out, &base64(v)),
        Variant::NodeId(v) => quoted(out, &v.to_string()),
        Variant::ExpandedNodeId(v) => quoted(out, &v.node_id.to_string()),
        Variant::StatusCode(v) => text(out, &v.0),
        Variant::QualifiedName(v) => quoted(out, &format!("{}:{}", v.namespace, v.name)),
        Variant::LocalizedText(v) => quoted(out, v.text()),
        Variant::ExtensionObject(v) => object(v, types, out)?,
        Variant::DataValue(v) => match &v.value {
            Some(value) => write(value, types, out)?,
            None => out.extend_from_slice(b"null"),
        },
        Variant::Variant(v) => write(v, types, out)?,
        Variant::Array(array) => {
            list(out, array.items.iter(), |item, out| write(item, types, out))?;
        }
    }
    Ok(())
}

/// A definition can say in a few bytes what has no end: structures of empty structures of …
fn bounded(out: &[u8]) -> Result<()> {
    match out.len() > JSON_BYTES_MAX {
        true => Err(Malformed("the text of the structure is longer than 65536 bytes")),
        false => Ok(()),
    }
}

/// RFC 3339 in UTC, to the 100 nanoseconds of the wire; `None` for no time.
pub fn date_time(ticks: i64) -> Option<String> {
    let unix_ns = time::unix_ns(ticks)?;
    let text = tagwerk_model::time::format_unix_ns(unix_ns);
    let fraction = unix_ns.rem_euclid(1_000_000_000) / 100;
    let whole = text.split('.').next()?;
    match fraction % 10_000 {
        0 => Some(text),
        _ => Some(format!("{whole}.{fraction:07}Z")),
    }
}

fn text(out: &mut Vec<u8>, value: &impl std::fmt::Debug) {
    out.extend_from_slice(format!("{value:?}").as_bytes());
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    write_json_text(text, out);
}

fn list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    out.push(b'[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}

/// A structure in its own encoding; `null` where there is none.
fn object(object: &ExtensionObject, types: &Types, out: &mut Vec<u8>) -> Result<()> {
    match object.encoding {
        Encoding::None => out.extend_from_slice(b"null"),
        Encoding::Xml => quoted(out, &String::from_utf8_lossy(&object.body)),
        Encoding::Binary => {
            let structure = types
                .structure(&object.type_id)
                .ok_or(Malformed("the server does not say how its structure is made"))?;
            let mut reader = Reader::new(&object.body);
            write_structure(&structure, types, &mut reader, out)?;
        }
    }
    Ok(())
}

/// Reads a structure and writes it.
pub fn write_structure(
    structure: &Structure,
    types: &Types,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    reader.nested(|reader| {
        let selector = match structure.shape {
            Shape::Plain => 0,
            Shape::Optional | Shape::Union => reader.u32()?,
        };
        let mut optional = 0;
        let mut first = true;
        out.push(b'{');
        for (number, field) in structure.fields.iter().enumerate() {
            let present = match structure.shape {
                Shape::Plain => true,
                Shape::Union => selector == number as u32 + 1,
                Shape::Optional if field.optional => {
                    optional += 1;
                    1u32.checked_shl(optional - 1).is_some_and(|bit| selector & bit != 0)
                }
                Shape::Optional => true,
            };
            if !present {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            quoted(out, &field.name);
            out.push(b':');
            write_field(field, types, reader, out)?;
        }
        out.push(b'}');
        Ok(())
    })
}

fn write_field(
    field: &Field,
    types: &Types,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    bounded(out)?;
    let count = match field.dimensions {
        0 => return write_one(&field.data_type, types, reader, out),
        1 => reader.count(1)?,
        // A matrix has its dimensions before its elements (Part 6, 5.2.5).
        _ => {
            let dimensions = reader.list(4, Reader::u32)?;
            let product = dimensions.iter().try_fold(1u32, |all, one| all.checked_mul(*one));
            let product = product.filter(|n| (*n as usize) <= reader.remaining().len());
            product.ok_or(Malformed("a matrix is longer than its structure"))? as usize
        }
    };
    list(out, 0..count, |_, out| write_one(&field.data_type, types, reader, out))
}

fn write_one(
    data_type: &NodeId,
    types: &Types,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    match types.layout(data_type) {
        Layout::Builtin(builtin::VARIANT) => {
            let value = reader.nested(Variant::decode)?;
            write(&value, types, out)
        }
        Layout::Builtin(number) => write(&Variant::scalar(number, reader)?, types, out),
        Layout::Structure(structure) => write_structure(&structure, types, reader, out),
        Layout::Unknown => Err(Malformed("the server does not say how a field is made")),
    }
}
