//! The door for fuzzing: addresses as anybody may write them, structures as any server may send
//! them.

use crate::address::Address;
use crate::convert;
use crate::structure;
use crate::types::{Step, Types, read_definition};
use tagwerk_model::DataType;
use tagwerk_proto_opcua::{Encoding, ExtensionObject, NodeId, Reader, Variant};

/// What is shown of an address reads back as the same.
pub fn address(text: &str) {
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.to_string()), Ok(address));
    }
}

/// The first part of the bytes as the definition of a structure, the rest as one, and as a value.
pub fn structure(bytes: &[u8]) {
    let Some((&length, rest)) = bytes.split_first() else { return };
    let (definition, body) = rest.split_at(rest.len().min(usize::from(length)));
    let data_type =
        NodeId { namespace: 1, identifier: tagwerk_proto_opcua::Identifier::Numeric(1) };
    let mut types = Types::default();
    let object = |body: &[u8], number| {
        Variant::ExtensionObject(Box::new(ExtensionObject {
            type_id: NodeId::standard(number),
            encoding: Encoding::Binary,
            body: body.into(),
        }))
    };
    types.learn_target(Step::Encoding(NodeId::standard(9_999)), Some(data_type.clone()));
    types.learn_definition(data_type, Some(object(definition, 122)));
    while let Some(step) = types.next() {
        types.learn_target(step, None);
    }
    let value = object(body, 9_999);
    let mut out = Vec::new();
    let _ = structure::write(&value, &types, &mut out);
    if let Ok(structure) = read_definition(definition) {
        let mut out = Vec::new();
        let _ = structure::write_structure(&structure, &types, &mut Reader::new(body), &mut out);
    }
    if let Ok(value) = Variant::decode(&mut Reader::new(body)) {
        for data_type in DataType::ALL {
            if let Ok(value) = convert::to_value(&value, data_type, &types) {
                let _ = convert::to_variant(&value, 12);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_breaks_the_structures(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            super::structure(&bytes);
        }
    }
}
