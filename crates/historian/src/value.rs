//! Values as readers get them, and their stored form inside a chunk: 64 bits each, which for text,
//! bytes and lists is a place in the chunk's dictionary.

use crate::bytes::{Input, put_blob, put_varint};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_model::{Kind, Value, ValueRef, limits};

/// The values of a piece, in its order. At the place of a bad sample is anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Bool(Vec<bool>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F64(Vec<f64>),
    Text(Vec<Arc<str>>),
    Bytes(Vec<Arc<[u8]>>),
    List(Vec<Box<[Value]>>),
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Bool(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U64(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::Bytes(v) => v.len(),
            Values::List(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn kind(&self) -> Kind {
        match self {
            Values::Bool(_) => Kind::Bool,
            Values::I64(_) => Kind::I64,
            Values::U64(_) => Kind::U64,
            Values::F64(_) => Kind::F64,
            Values::Text(_) => Kind::Text,
            Values::Bytes(_) => Kind::Bytes,
            Values::List(_) => Kind::List,
        }
    }

    /// The value at a place below [`Values::len`].
    pub fn get(&self, place: usize) -> ValueRef<'_> {
        match self {
            Values::Bool(v) => ValueRef::Bool(v[place]),
            Values::I64(v) => ValueRef::I64(v[place]),
            Values::U64(v) => ValueRef::U64(v[place]),
            Values::F64(v) => ValueRef::F64(v[place]),
            Values::Text(v) => ValueRef::Text(&v[place]),
            Values::Bytes(v) => ValueRef::Bytes(&v[place]),
            Values::List(v) => ValueRef::List(&v[place]),
        }
    }

    pub(crate) fn reverse(&mut self) {
        match self {
            Values::Bool(v) => v.reverse(),
            Values::I64(v) => v.reverse(),
            Values::U64(v) => v.reverse(),
            Values::F64(v) => v.reverse(),
            Values::Text(v) => v.reverse(),
            Values::Bytes(v) => v.reverse(),
            Values::List(v) => v.reverse(),
        }
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> Values {
        match self {
            Values::Bool(v) => Values::Bool(v[range].to_vec()),
            Values::I64(v) => Values::I64(v[range].to_vec()),
            Values::U64(v) => Values::U64(v[range].to_vec()),
            Values::F64(v) => Values::F64(v[range].to_vec()),
            Values::Text(v) => Values::Text(v[range].to_vec()),
            Values::Bytes(v) => Values::Bytes(v[range].to_vec()),
            Values::List(v) => Values::List(v[range].to_vec()),
        }
    }

    /// Values of several columns of one kind: which column, and the place in it.
    pub(crate) fn gather(
        columns: &[&Values],
        places: impl Iterator<Item = (usize, usize)>,
    ) -> Values {
        macro_rules! gather {
            ($kind:ident) => {{
                // A column of another kind does not come here; it would read as missing.
                let get = |(column, place): (usize, usize)| match columns[column] {
                    Values::$kind(v) => v.get(place).cloned(),
                    _ => None,
                };
                Values::$kind(places.filter_map(get).collect())
            }};
        }
        match columns[0] {
            Values::Bool(_) => gather!(Bool),
            Values::I64(_) => gather!(I64),
            Values::U64(_) => gather!(U64),
            Values::F64(_) => gather!(F64),
            Values::Text(_) => gather!(Text),
            Values::Bytes(_) => gather!(Bytes),
            Values::List(_) => gather!(List),
        }
    }

    /// From stored bits. A place outside of the dictionary, as a bad sample has it, reads as empty.
    pub(crate) fn from_bits(kind: Kind, bits: Vec<u64>, dictionary: &[Arc<[u8]>]) -> Values {
        match kind {
            Kind::Bool => Values::Bool(bits.into_iter().map(|b| b != 0).collect()),
            Kind::I64 => Values::I64(bits.into_iter().map(|b| b as i64).collect()),
            Kind::U64 => Values::U64(bits),
            Kind::F64 => Values::F64(bits.into_iter().map(f64::from_bits).collect()),
            Kind::Text => {
                let text = |bytes: &Arc<[u8]>| Arc::from(String::from_utf8_lossy(bytes));
                let texts: Vec<Arc<str>> = dictionary.iter().map(text).collect();
                let empty: Arc<str> = "".into();
                let get = |b: u64| texts.get(b as usize).unwrap_or(&empty).clone();
                Values::Text(bits.into_iter().map(get).collect())
            }
            Kind::Bytes => {
                let empty: Arc<[u8]> = [].into();
                let get = |b: u64| dictionary.get(b as usize).unwrap_or(&empty).clone();
                Values::Bytes(bits.into_iter().map(get).collect())
            }
            Kind::List => {
                let lists: Vec<Box<[Value]>> =
                    dictionary.iter().map(|b| read_list(b).unwrap_or_default()).collect();
                let get = |b: u64| lists.get(b as usize).cloned().unwrap_or_default();
                Values::List(bits.into_iter().map(get).collect())
            }
        }
    }
}

/// Bits of a value that needs no dictionary.
#[inline]
pub(crate) fn plain_bits(value: ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Bool(v) => Some(u64::from(v)),
        ValueRef::I64(v) => Some(v as u64),
        ValueRef::U64(v) => Some(v),
        ValueRef::F64(v) => Some(v.to_bits()),
        _ => None,
    }
}

/// Gives each different content a number, in the order of their coming.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    places: HashMap<Arc<[u8]>, u64>,
    contents: Vec<Arc<[u8]>>,
    bytes: usize,
}

impl Interner {
    pub fn place(&mut self, content: &[u8]) -> u64 {
        if let Some(place) = self.places.get(content) {
            return *place;
        }
        let place = self.contents.len() as u64;
        let content: Arc<[u8]> = content.into();
        self.bytes += content.len();
        self.contents.push(content.clone());
        self.places.insert(content, place);
        place
    }

    /// The place of a text, bytes or list value.
    pub fn place_of(&mut self, value: ValueRef<'_>) -> u64 {
        match value {
            ValueRef::Text(text) => self.place(text.as_bytes()),
            ValueRef::Bytes(bytes) => self.place(bytes),
            ValueRef::List(items) => {
                let mut stored = Vec::new();
                put_list(items, &mut stored);
                self.place(&stored)
            }
            other => plain_bits(other).unwrap_or_default(),
        }
    }

    pub fn contents(&self) -> &[Arc<[u8]>] {
        &self.contents
    }

    /// Bytes of all contents together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Lists inside of lists are not stored by the journal; more than this is cut off when reading.
const LIST_DEPTH_MAX: usize = 4;

fn put_list(items: &[Value], out: &mut Vec<u8>) {
    put_varint(items.len() as u64, out);
    for item in items {
        out.push(item.kind() as u8);
        match item {
            Value::Text(v) => put_blob(v.as_bytes(), out),
            Value::Bytes(v) => put_blob(v, out),
            Value::List(v) => put_list(v, out),
            other => {
                let bits = plain_bits(other.as_ref()).unwrap_or_default();
                out.extend_from_slice(&bits.to_le_bytes());
            }
        }
    }
}

fn read_list(bytes: &[u8]) -> Option<Box<[Value]>> {
    let mut input = Input(bytes);
    let list = read_items(&mut input, LIST_DEPTH_MAX)?;
    input.is_empty().then_some(list)
}

fn read_items(input: &mut Input<'_>, depth: usize) -> Option<Box<[Value]>> {
    let count = input.varint()?;
    if count > limits::LIST_ITEMS_MAX as u64 {
        return None;
    }
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Box::from);
    (0..count)
        .map(|_| {
            Some(match input.u8()? {
                0 => Value::Bool(input.u64()? != 0),
                1 => Value::I64(input.i64()?),
                2 => Value::U64(input.u64()?),
                3 => Value::F64(f64::from_bits(input.u64()?)),
                4 => Value::Text(text(input.blob(usize::MAX)?)?),
                5 => Value::Bytes(input.blob(usize::MAX)?.into()),
                6 if depth > 0 => Value::List(read_items(input, depth - 1)?),
                _ => return None,
            })
        })
        .collect()
}

/// Whether a dictionary's content is one of this kind.
pub(crate) fn is_sound(kind: Kind, content: &[u8]) -> bool {
    match kind {
        Kind::Text => std::str::from_utf8(content).is_ok(),
        Kind::List => read_list(content).is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back() {
        let list: Box<[Value]> = [
            Value::Bool(true),
            Value::I64(i64::MIN),
            Value::U64(u64::MAX),
            Value::F64(-0.0),
            Value::Text("ü".into()),
            Value::Bytes([0, 255].into()),
            Value::List([Value::Text("".into())].into()),
        ]
        .into();
        let mut stored = Vec::new();
        put_list(&list, &mut stored);
        assert_eq!(read_list(&stored).unwrap(), list);
        for end in 0..stored.len() {
            assert_eq!(read_list(&stored[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn contents_are_kept_once() {
        let mut interner = Interner::default();
        let places: Vec<u64> =
            ["a", "b", "a", ""].iter().map(|t| interner.place(t.as_bytes())).collect();
        assert_eq!((places, interner.bytes()), (vec![0, 1, 0, 2], 2));
    }
}
