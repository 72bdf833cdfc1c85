//! A JSON schema in the form in which documents are checked against it: compiled once per settings
//! struct. Understands what `schemars` derives for settings; what it does not understand allows
//! anything, and is left to the component's own check.

use serde_json::{Map, Value};
use std::collections::HashMap;
use tagwerk_component::nearest;

/// Place of a shape in its [`Shapes`].
pub(crate) type Id = usize;

pub(crate) struct Shapes {
    pub list: Vec<Shape>,
    pub root: Id,
    /// Another schema checks what is open in this one.
    pub any_is_checked_elsewhere: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Any,
    Null,
    Bool,
    Integer { min: i128, max: i128 },
    Number { min: Bound, max: Bound },
    Text(TextShape),
    List { first: Vec<Id>, item: Id, min: usize, max: usize },
    Map(MapShape),
    OneOf(Vec<Id>),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    pub limit: Option<f64>,
    pub excluded: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TextShape {
    /// The only texts allowed; empty when any is.
    pub words: Vec<String>,
    pub duration: bool,
    pub min: usize,
    pub max: Option<usize>,
    pub example: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct MapShape {
    pub fields: Vec<Field>,
    /// What keys outside `fields` hold; `None` when there may be none.
    pub others: Option<Id>,
    /// It names a secret, which is kept elsewhere.
    pub secret: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: String,
    pub shape: Id,
    pub required: bool,
}

impl MapShape {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.fields.iter().map(|field| field.name.as_str()))
    }
}

impl Shapes {
    pub fn compile(schema: &Value) -> Shapes {
        let definitions = schema.get("$defs").and_then(Value::as_object);
        // The first is `ANY`, the second the whole schema, which may contain itself as `#`.
        let list = vec![Shape::Any, Shape::Any];
        let named = HashMap::from([("#", ROOT)]);
        let mut compiler = Compiler { definitions, named, list };
        let root = compiler.shape(schema);
        compiler.list[ROOT] = compiler.list[root].clone();
        Shapes { list: compiler.list, root, any_is_checked_elsewhere: false }
    }

    pub fn get(&self, id: Id) -> &Shape {
        &self.list[id]
    }
}

/// Where [`Shape::Any`] always lies.
const ANY: Id = 0;

const ROOT: Id = 1;

struct Compiler<'a> {
    definitions: Option<&'a Map<String, Value>>,
    named: HashMap<&'a str, Id>,
    list: Vec<Shape>,
}

impl<'a> Compiler<'a> {
    fn add(&mut self, shape: Shape) -> Id {
        self.list.push(shape);
        self.list.len() - 1
    }

    fn shape(&mut self, schema: &'a Value) -> Id {
        let Some(schema) = schema.as_object() else { return ANY };
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return self.named(name);
        }
        if let Some(options) = list(schema, "oneOf").or_else(|| list(schema, "anyOf")) {
            return self.one_of(options);
        }
        if let Some([only]) = list(schema, "allOf") {
            return self.shape(only);
        }
        if let Some(values) = list(schema, "enum") {
            return self.words(values);
        }
        if let Some(value) = schema.get("const") {
            return self.words(std::slice::from_ref(value));
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.typed(name, schema),
            Some(Value::Array(names)) => {
                let options = names
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|name| self.typed(name, schema))
                    .collect();
                self.add(Shape::OneOf(options))
            }
            _ => ANY,
        }
    }

    fn named(&mut self, reference: &'a str) -> Id {
        let name = reference.strip_prefix("#/$defs/").unwrap_or(reference);
        if let Some(id) = self.named.get(name) {
            return *id;
        }
        let Some(schema) = self.definitions.and_then(|definitions| definitions.get(name)) else {
            return ANY;
        };
        // Entered before it is known, so that a schema may contain itself.
        let id = self.add(Shape::Any);
        self.named.insert(name, id);
        let compiled = self.shape(schema);
        self.list[id] = self.list[compiled].clone();
        id
    }

    /// Options that are single words become one shape, so that a wrong word is told all of them.
    fn one_of(&mut self, options: &'a [Value]) -> Id {
        let mut words: Option<TextShape> = None;
        let mut ids = Vec::new();
        for option in options {
            let id = self.shape(option);
            match &self.list[id] {
                Shape::Text(text) if !text.words.is_empty() => {
                    words.get_or_insert_default().words.extend(text.words.iter().cloned());
                }
                Shape::OneOf(inner) => ids.extend(inner.clone()),
                _ => ids.push(id),
            }
        }
        if let Some(words) = words {
            ids.push(self.add(Shape::Text(words)));
        }
        match ids[..] {
            [only] => only,
            _ => self.add(Shape::OneOf(ids)),
        }
    }

    fn words(&mut self, values: &'a [Value]) -> Id {
        let words: Vec<String> =
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let null = values.iter().any(Value::is_null);
        if words.len() + usize::from(null) != values.len() || words.is_empty() {
            return ANY;
        }
        let text = self.add(Shape::Text(TextShape { words, ..TextShape::default() }));
        if !null {
            return text;
        }
        let null = self.add(Shape::Null);
        self.add(Shape::OneOf(vec![text, null]))
    }

    fn typed(&mut self, name: &str, schema: &'a Map<String, Value>) -> Id {
        let shape = match name {
            "null" => Shape::Null,
            "boolean" => Shape::Bool,
            "integer" => integer(schema),
            "number" => number(schema),
            "string" => text(schema),
            "array" => self.array(schema),
            "object" => self.object(schema),
            _ => return ANY,
        };
        self.add(shape)
    }

    fn array(&mut self, schema: &'a Map<String, Value>) -> Shape {
        let first = list(schema, "prefixItems").unwrap_or_default();
        let first = first.iter().map(|item| self.shape(item)).collect();
        Shape::List {
            first,
            item: schema.get("items").map_or(ANY, |item| self.shape(item)),
            min: size(schema, "minItems").unwrap_or(0),
            max: size(schema, "maxItems").unwrap_or(usize::MAX),
        }
    }

    fn object(&mut self, schema: &'a Map<String, Value>) -> Shape {
        let required = list(schema, "required").unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields = properties
            .into_iter()
            .flatten()
            .map(|(name, property)| Field {
                name: name.clone(),
                shape: self.shape(property),
                required: required.iter().any(|r| r == name.as_str()),
            })
            .collect();
        let others = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(other) => Some(self.shape(other)),
            None => Some(ANY),
        };
        let secret = schema.get("format").and_then(Value::as_str) == Some("secret");
        Shape::Map(MapShape { fields, others, secret })
    }
}

fn list<'a>(schema: &'a Map<String, Value>, key: &str) -> Option<&'a [Value]> {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice)
}

fn size(schema: &Map<String, Value>, key: &str) -> Option<usize> {
    schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
}

fn integer(schema: &Map<String, Value>) -> Shape {
    let (low, high) = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("int64" | "int") => (i64::MIN.into(), i64::MAX.into()),
        Some("uint64" | "uint") => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), u64::MAX.into()),
    };
    let whole = |key: &str| {
        let value = schema.get(key)?;
        value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from))
            .or_else(|| value.as_f64().filter(|f| f.abs() < 1e15).map(|f| f as i128))
    };
    let above = whole("exclusiveMinimum").map(|n| n + 1);
    let below = whole("exclusiveMaximum").map(|n| n - 1);
    Shape::Integer {
        min: whole("minimum").or(above).map_or(low, |n| n.max(low)),
        max: whole("maximum").or(below).map_or(high, |n| n.min(high)),
    }
}

fn number(schema: &Map<String, Value>) -> Shape {
    let bound = |inclusive: &str, exclusive: &str| {
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        match limit(exclusive) {
            Some(excluded) => Bound { limit: Some(excluded), excluded: true },
            None => Bound { limit: limit(inclusive), excluded: false },
        }
    };
    Shape::Number {
        min: bound("minimum", "exclusiveMinimum"),
        max: bound("maximum", "exclusiveMaximum"),
    }
}

fn text(schema: &Map<String, Value>) -> Shape {
    let example = list(schema, "examples").and_then(|e| e.first()).or(schema.get("default"));
    Shape::Text(TextShape {
        words: Vec::new(),
        duration: schema.get("format").and_then(Value::as_str) == Some("duration"),
        min: size(schema, "minLength").unwrap_or(0),
        max: size(schema, "maxLength"),
        example: example.and_then(Value::as_str).map(str::to_owned),
    })
}
