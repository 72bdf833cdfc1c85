//! Hands nodes over: as JSON values to components, and through serde to the structs of the document.

use crate::report::LocatedFinding;
use crate::scalar::Scalar;
use crate::source::{Form, Node};
use crate::syntax;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Map, Number, Value};

/// A document, or a part of one, as JSON; says nothing of what it means. Integers stay exact.
pub fn document_value(text: &[u8]) -> Result<Value, LocatedFinding> {
    syntax::read(text).map(|(source, _)| source.root().to_json())
}

impl Node<'_> {
    /// The node as JSON; integers stay exact.
    pub fn to_json(self) -> Value {
        match self.form() {
            Form::List => Value::Array(self.items().map(Node::to_json).collect()),
            Form::Map => {
                let pairs = self.pairs().map(|(k, v)| (k.text().to_owned(), v.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
            Form::Plain | Form::Text => match self.scalar() {
                None | Some(Scalar::Null) => Value::Null,
                Some(Scalar::Bool(b)) => Value::Bool(b),
                Some(Scalar::Integer(n)) => match (i64::try_from(n), u64::try_from(n)) {
                    (Ok(n), _) => Value::Number(n.into()),
                    (_, Ok(n)) => Value::Number(n.into()),
                    _ => Value::Null,
                },
                Some(Scalar::Float(f)) => Number::from_f64(f).map_or(Value::Null, Value::Number),
                Some(Scalar::Huge) => {
                    let float = self.text().parse().ok().and_then(Number::from_f64);
                    float.map_or(Value::Null, Value::Number)
                }
                Some(Scalar::Text(text)) => Value::String(text.to_owned()),
            },
        }
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.form() {
            Form::List => {
                visitor.visit_seq(de::value::SeqDeserializer::new(self.items().map(Member)))
            }
            Form::Map => visitor.visit_map(de::value::MapDeserializer::new(
                self.pairs().map(|(key, value)| (Key(key.text()), Member(value))),
            )),
            Form::Plain | Form::Text => match self.scalar() {
                None | Some(Scalar::Null) => visitor.visit_unit(),
                Some(Scalar::Bool(b)) => visitor.visit_bool(b),
                Some(Scalar::Integer(n)) => match (i64::try_from(n), u64::try_from(n)) {
                    (_, Ok(n)) => visitor.visit_u64(n),
                    (Ok(n), _) => visitor.visit_i64(n),
                    _ => Err(de::Error::custom("an integer beyond 64 bits")),
                },
                Some(Scalar::Float(f)) => visitor.visit_f64(f),
                Some(Scalar::Huge) => match self.text().parse() {
                    Ok(float) => visitor.visit_f64(float),
                    Err(_) => Err(de::Error::custom("an integer beyond 64 bits")),
                },
                Some(Scalar::Text(text)) => visitor.visit_borrowed_str(text),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar() {
            Some(Scalar::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.scalar() {
            Some(Scalar::Text(text)) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(de::Error::custom("expected a word")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier
    }
}

struct Member<'s>(Node<'s>);

impl<'s> IntoDeserializer<'s, Error> for Member<'s> {
    type Deserializer = Node<'s>;

    fn into_deserializer(self) -> Node<'s> {
        self.0
    }
}

struct Key<'s>(&'s str);

impl<'s> IntoDeserializer<'s, Error> for Key<'s> {
    type Deserializer = StrDeserializer<'s, Error>;

    fn into_deserializer(self) -> StrDeserializer<'s, Error> {
        self.0.into_deserializer()
    }
}
