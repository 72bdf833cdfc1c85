//! What the server has said of its data types: how structures are laid out, and which built-in type
//! is behind a type of its own. Asks step by step, for only what values need.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tagwerk_proto_opcua::bytes::{Malformed, Result};
use tagwerk_proto_opcua::variant::{Encoding, builtin};
use tagwerk_proto_opcua::{ExtensionObject, LocalizedText, NodeId, Reader, Variant};

/// Types of one server that are remembered. More: their structures are shown as bytes.
const TYPES_MAX: usize = 4_096;
/// Fields of one structure. More: it is shown as bytes.
const FIELDS_MAX: usize = 1_024;

/// How values of a data type are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Layout {
    Builtin(u8),
    Structure(Arc<Structure>),
    /// The server does not say.
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    pub shape: Shape,
    pub fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    /// A mask says which of the optional fields are there.
    Optional,
    /// One field, by number.
    Union,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: Box<str>,
    pub data_type: NodeId,
    /// 0 for a scalar, 1 for an array, more for a matrix.
    pub dimensions: u32,
    pub optional: bool,
}

/// What to ask the server next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Of which data type this is the encoding.
    Encoding(NodeId),
    /// How this data type is made.
    Definition(NodeId),
    /// Which data type it is derived from.
    Supertype(NodeId),
}

#[derive(Default)]
pub struct Types {
    encodings: HashMap<NodeId, Option<NodeId>>,
    layouts: HashMap<NodeId, Layout>,
    /// The type from which another is derived, while that is followed up.
    derived: HashMap<NodeId, NodeId>,
    wanted: VecDeque<Step>,
    asked: HashSet<Step>,
}

impl Types {
    /// The next thing to ask, if any.
    pub fn next(&mut self) -> Option<Step> {
        self.wanted.pop_front()
    }

    fn want(&mut self, step: Step) {
        if self.asked.len() < TYPES_MAX && self.asked.insert(step.clone()) {
            self.wanted.push_back(step);
        }
    }

    /// Whether the step was taken down before and nothing came of it yet.
    fn is_pending(&self, step: &Step) -> bool {
        self.asked.contains(step)
    }

    /// Whether all is known that is needed to show the value, as far as it ever will be; what is
    /// not is taken down to be asked.
    pub fn ready(&mut self, value: &Variant) -> bool {
        match value {
            Variant::ExtensionObject(object) => self.object_ready(object),
            Variant::Variant(inner) => self.ready(inner),
            Variant::Array(array) => {
                let relevant = [builtin::EXTENSION_OBJECT, builtin::VARIANT];
                !relevant.contains(&array.builtin)
                    || array.items.iter().filter(|item| !self.ready(item)).count() == 0
            }
            _ => true,
        }
    }

    fn object_ready(&mut self, object: &ExtensionObject) -> bool {
        if object.encoding != Encoding::Binary {
            return true;
        }
        match self.encodings.get(&object.type_id).cloned() {
            Some(Some(data_type)) => self.type_ready(&data_type, &mut HashSet::new()),
            Some(None) => true,
            None => {
                let step = Step::Encoding(object.type_id.clone());
                self.want(step.clone());
                !self.is_pending(&step)
            }
        }
    }

    /// The same of a data type and all that its fields need.
    fn type_ready(&mut self, data_type: &NodeId, seen: &mut HashSet<NodeId>) -> bool {
        if standard(data_type).is_some() || !seen.insert(data_type.clone()) {
            return true;
        }
        match self.layouts.get(data_type).cloned() {
            Some(Layout::Structure(structure)) => {
                let fields = structure.fields.iter();
                fields.filter(|field| !self.type_ready(&field.data_type, seen)).count() == 0
            }
            Some(_) => true,
            None => {
                if let Some(above) = self.derived.get(data_type).cloned() {
                    return self.type_ready(&above, seen);
                }
                let step = Step::Definition(data_type.clone());
                self.want(step.clone());
                !self.is_pending(&step)
            }
        }
    }

    /// Whether it is known how the data type is written; if not, that is taken down to be asked.
    pub fn is_known(&mut self, data_type: &NodeId) -> bool {
        self.type_ready(data_type, &mut HashSet::new())
    }

    pub fn layout(&self, data_type: &NodeId) -> Layout {
        let mut data_type = data_type;
        // As long as chains of derivation are in any server, and a bound on circles.
        for _ in 0..32 {
            if let Some(number) = standard(data_type) {
                return Layout::Builtin(number);
            }
            match (self.layouts.get(data_type), self.derived.get(data_type)) {
                (Some(layout), _) => return layout.clone(),
                (None, Some(above)) => data_type = above,
                (None, None) => break,
            }
        }
        Layout::Unknown
    }

    /// The layout of a structure by its encoding.
    pub fn structure(&self, encoding: &NodeId) -> Option<Arc<Structure>> {
        match self.layout(self.encodings.get(encoding)?.as_ref()?) {
            Layout::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The answer to [`Step::Encoding`] or [`Step::Supertype`].
    pub fn learn_target(&mut self, step: Step, target: Option<NodeId>) {
        match (step, target) {
            (Step::Encoding(encoding), target) => {
                self.encodings.insert(encoding, target.clone());
                if let Some(data_type) = target {
                    self.is_known(&data_type);
                }
            }
            (Step::Supertype(data_type), Some(above)) => {
                self.derived.insert(data_type, above.clone());
                self.is_known(&above);
            }
            (Step::Supertype(data_type) | Step::Definition(data_type), _) => {
                self.layouts.insert(data_type, Layout::Unknown);
            }
        }
    }

    /// The answer to [`Step::Definition`].
    pub fn learn_definition(&mut self, data_type: NodeId, value: Option<Variant>) {
        const STRUCTURE_DEFINITION: u32 = 122;
        const ENUM_DEFINITION: u32 = 123;
        let object = match value {
            Some(Variant::ExtensionObject(object)) => object,
            _ => {
                let step = Step::Supertype(data_type.clone());
                self.want(step.clone());
                if !self.is_pending(&step) {
                    self.layouts.insert(data_type, Layout::Unknown);
                }
                return;
            }
        };
        let layout = match object.type_id.standard_number() {
            Some(ENUM_DEFINITION) => Layout::Builtin(builtin::INT32),
            Some(STRUCTURE_DEFINITION) => match read_definition(&object.body) {
                Ok(structure) => Layout::Structure(Arc::new(structure)),
                Err(_) => Layout::Unknown,
            },
            _ => Layout::Unknown,
        };
        if let Layout::Structure(structure) = &layout {
            let types: Vec<NodeId> =
                structure.fields.iter().map(|field| field.data_type.clone()).collect();
            self.layouts.insert(data_type, layout);
            types.iter().for_each(|data_type| {
                self.is_known(data_type);
            });
            return;
        }
        self.layouts.insert(data_type, layout);
    }
}

/// The built-in type behind a data type of the standard (Part 6, 5.1.2; Part 3, 8): abstract ones
/// are written as variants or as structures in their own encoding.
fn standard(data_type: &NodeId) -> Option<u8> {
    match data_type.standard_number()? {
        number @ 1..=25 => Some(number as u8),
        26..=28 => Some(builtin::VARIANT),
        29 => Some(builtin::INT32),
        // Duration, UtcTime, LocaleId, Image.
        290 => Some(builtin::DOUBLE),
        294 => Some(builtin::DATE_TIME),
        295 => Some(builtin::STRING),
        30 => Some(builtin::BYTE_STRING),
        _ => None,
    }
}

/// A `StructureDefinition` (Part 3, 8.48).
pub fn read_definition(body: &[u8]) -> Result<Structure> {
    let mut reader = Reader::new(body);
    NodeId::decode(&mut reader)?;
    NodeId::decode(&mut reader)?;
    let shape = match reader.u32()? {
        0 => Shape::Plain,
        1 => Shape::Optional,
        2 => Shape::Union,
        _ => return Err(Malformed("a structure with fields of derived types")),
    };
    let fields = reader.list(20, |reader| {
        let name = reader.owned()?;
        LocalizedText::decode(reader)?;
        let data_type = NodeId::decode(reader)?;
        let dimensions = reader.i32()?.max(0) as u32;
        reader.list(4, Reader::u32)?;
        reader.u32()?;
        Ok(Field { name, data_type, dimensions, optional: reader.bool()? })
    })?;
    if fields.len() > FIELDS_MAX {
        return Err(Malformed("a structure with too many fields"));
    }
    Ok(Structure { shape, fields })
}
