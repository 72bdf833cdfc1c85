//! What the register tables are made of: a tag's name, address, type, byte order, scale and words
//! for people, and how its value lies in the registers. The tables themselves are `*_tags.rs`.

use std::fmt;

use crate::codec::Area;

/// How far each address space of a device reaches; what no tag uses in it reads as zero.
pub const BITS: usize = 64;
pub const INPUTS: usize = 1000;
pub const HOLDINGS: usize = 200;

/// One value, exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Real(f64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float32,
    Float64,
    Text,
}

/// Where the bytes A (most significant) to D of a value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Abcd,
    Cdab,
    Badc,
    Dcba,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    None,
    /// value = raw × slope + offset
    Linear {
        slope: f64,
        offset: f64,
    },
    /// raw `from` becomes `to`
    Range {
        from: (f64, f64),
        to: (f64, f64),
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// What breaks together with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    Machine,
    /// A temperature probe: broken, it reads 0x8000.
    Probe,
    /// An instrument behind the controller: broken, reading it is refused with exception 4.
    Analyser,
}

/// `area:offset[.bit][/bytes][#order]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Address {
    pub area: Area,
    pub offset: u16,
    pub bit: Option<u8>,
    pub bytes: Option<u16>,
    pub order: Option<Order>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    pub group: &'static str,
    pub name: String,
    pub address: Address,
    pub kind: Kind,
    pub scale: Scale,
    pub unit: &'static str,
    pub description: String,
    pub access: Access,
    pub range: Option<(f64, f64)>,
    pub deadband: Option<f64>,
    pub on_change: bool,
    pub circuit: Circuit,
}

/// What a master can read and write of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub coils: Vec<bool>,
    pub discrete: Vec<bool>,
    pub inputs: Vec<u16>,
    pub holdings: Vec<u16>,
}

type Get<M> = Box<dyn Fn(&M) -> Value + Send>;
type Set<M> = Box<dyn Fn(&mut M, &Value) + Send>;

/// A device's tags, each with where its value lives in the model `M`.
pub struct Table<M> {
    pub tags: Vec<Tag>,
    get: Vec<Get<M>>,
    set: Vec<Option<Set<M>>>,
}

pub fn coil(offset: u16) -> Address {
    Address { area: Area::Coil, offset, bit: None, bytes: None, order: None }
}

pub fn discrete(offset: u16) -> Address {
    Address { area: Area::Discrete, ..coil(offset) }
}

pub fn input(offset: u16) -> Address {
    Address { area: Area::Input, ..coil(offset) }
}

pub fn holding(offset: u16) -> Address {
    Address { area: Area::Holding, ..coil(offset) }
}

impl Address {
    pub fn bit(self, bit: u8) -> Address {
        Address { bit: Some(bit), ..self }
    }

    pub fn bytes(self, bytes: u16) -> Address {
        Address { bytes: Some(bytes), ..self }
    }

    pub fn order(self, order: Order) -> Address {
        Address { order: Some(order), ..self }
    }
}

pub fn tag(group: &'static str, name: impl Into<String>, address: Address, kind: Kind) -> Tag {
    Tag {
        group,
        name: name.into(),
        address,
        kind,
        scale: Scale::None,
        unit: "",
        description: String::new(),
        access: Access::Read,
        range: None,
        deadband: None,
        on_change: false,
        circuit: Circuit::Machine,
    }
}

impl Tag {
    pub fn unit(self, unit: &'static str) -> Tag {
        Tag { unit, ..self }
    }

    pub fn says(self, description: impl Into<String>) -> Tag {
        Tag { description: description.into(), ..self }
    }

    pub fn slope(self, slope: f64) -> Tag {
        Tag { scale: Scale::Linear { slope, offset: 0.0 }, ..self }
    }

    pub fn scaled(self, from: (f64, f64), to: (f64, f64)) -> Tag {
        Tag { scale: Scale::Range { from, to }, ..self }
    }

    pub fn range(self, low: f64, high: f64) -> Tag {
        Tag { range: Some((low, high)), ..self }
    }

    pub fn deadband(self, deadband: f64) -> Tag {
        Tag { deadband: Some(deadband), ..self }
    }

    pub fn on_change(self) -> Tag {
        Tag { on_change: true, ..self }
    }

    pub fn circuit(self, circuit: Circuit) -> Tag {
        Tag { circuit, ..self }
    }

    /// How many registers (or bits, in the areas of bits) it takes.
    pub fn span(&self) -> u16 {
        match self.kind {
            Kind::Bool | Kind::Int16 | Kind::Uint16 => 1,
            Kind::Int32 | Kind::Uint32 | Kind::Float32 => 2,
            Kind::Int64 | Kind::Uint64 | Kind::Float64 => 4,
            Kind::Text => self.address.bytes.unwrap_or(0).div_ceil(2),
        }
    }

    pub fn touches(&self, area: Area, start: u16, count: u16) -> bool {
        let (from, until) = (u32::from(start), u32::from(start) + u32::from(count));
        let own = u32::from(self.address.offset);
        self.address.area == area && own < until && from < own + u32::from(self.span())
    }

    /// Whether a master may write `value`.
    pub fn fits(&self, value: &Value) -> bool {
        let real = value.real();
        !real.is_nan() && self.range.is_none_or(|(low, high)| (low..=high).contains(&real))
    }

    pub fn writable(&self) -> bool {
        self.access != Access::Read
    }

    /// Puts `value` into the registers; what does not fit is held at the type's end, as a
    /// controller does. `order` is the device's, unless the tag has its own.
    pub fn store(&self, image: &mut Image, order: Order, value: &Value) {
        let at = usize::from(self.address.offset);
        match self.address.area {
            Area::Coil => image.coils[at] = value.flag(),
            Area::Discrete => image.discrete[at] = value.flag(),
            Area::Input => self.store_words(&mut image.inputs[at..], order, value),
            Area::Holding => self.store_words(&mut image.holdings[at..], order, value),
        }
    }

    /// The value a master gets that reads the tag.
    pub fn load(&self, image: &Image, order: Order) -> Value {
        let at = usize::from(self.address.offset);
        match self.address.area {
            Area::Coil => Value::Bool(image.coils[at]),
            Area::Discrete => Value::Bool(image.discrete[at]),
            Area::Input => self.load_words(&image.inputs[at..], order),
            Area::Holding => self.load_words(&image.holdings[at..], order),
        }
    }

    fn store_words(&self, words: &mut [u16], order: Order, value: &Value) {
        if let Some(bit) = self.address.bit {
            words[0] = words[0] & !(1 << bit) | u16::from(value.flag()) << bit;
            return;
        }
        let mut bytes = [0u8; 64];
        let span = usize::from(self.span());
        let bytes = &mut bytes[..span * 2];
        match self.kind {
            Kind::Bool => bytes.copy_from_slice(&u16::from(value.flag()).to_be_bytes()),
            Kind::Float32 => bytes.copy_from_slice(&(self.raw_real(value) as f32).to_be_bytes()),
            Kind::Float64 => bytes.copy_from_slice(&self.raw_real(value).to_be_bytes()),
            Kind::Text => {
                for (to, from) in bytes.iter_mut().zip(value.text().bytes()) {
                    *to = from;
                }
            }
            _ => {
                let raw = self.raw_whole(value).to_be_bytes();
                bytes.copy_from_slice(&raw[raw.len() - span * 2..]);
            }
        }
        if self.kind != Kind::Text {
            reorder(bytes, self.address.order.unwrap_or(order));
        }
        for (word, pair) in words.iter_mut().zip(bytes.chunks_exact(2)) {
            *word = u16::from_be_bytes([pair[0], pair[1]]);
        }
    }

    fn load_words(&self, words: &[u16], order: Order) -> Value {
        if let Some(bit) = self.address.bit {
            return Value::Bool(words[0] >> bit & 1 == 1);
        }
        let mut bytes: Vec<u8> =
            words[..usize::from(self.span())].iter().flat_map(|word| word.to_be_bytes()).collect();
        if self.kind == Kind::Text {
            bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
            return Value::Text(String::from_utf8_lossy(&bytes).into_owned());
        }
        reorder(&mut bytes, self.address.order.unwrap_or(order));
        let raw = bytes.iter().fold(0u64, |raw, byte| raw << 8 | u64::from(*byte));
        let value = match self.kind {
            Kind::Bool => Value::Bool(raw != 0),
            Kind::Int16 => Value::Int(i64::from(raw as u16 as i16)),
            Kind::Int32 => Value::Int(i64::from(raw as u32 as i32)),
            Kind::Int64 => Value::Int(raw as i64),
            Kind::Float32 => Value::Real(f64::from(f32::from_bits(raw as u32))),
            Kind::Float64 => Value::Real(f64::from_bits(raw)),
            _ => Value::Uint(raw),
        };
        match self.scale {
            Scale::None => value,
            Scale::Linear { slope, offset } => Value::Real(value.real() * slope + offset),
            Scale::Range { from, to } => {
                let part = (value.real() - from.0) / (from.1 - from.0);
                Value::Real(to.0 + part * (to.1 - to.0))
            }
        }
    }

    fn raw_real(&self, value: &Value) -> f64 {
        match self.scale {
            Scale::None => value.real(),
            Scale::Linear { slope, offset } => (value.real() - offset) / slope,
            Scale::Range { from, to } => {
                let part = (value.real() - to.0) / (to.1 - to.0);
                from.0 + part * (from.1 - from.0)
            }
        }
    }

    fn raw_whole(&self, value: &Value) -> i128 {
        let (low, high) = match self.kind {
            Kind::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
            Kind::Uint16 => (0, i128::from(u16::MAX)),
            Kind::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Kind::Uint32 => (0, i128::from(u32::MAX)),
            Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => (0, i128::from(u64::MAX)),
        };
        let raw = match (value, self.scale) {
            (Value::Int(whole), Scale::None) => i128::from(*whole),
            (Value::Uint(whole), Scale::None) => i128::from(*whole),
            _ => self.raw_real(value).round() as i128,
        };
        raw.clamp(low, high)
    }
}

/// Turns big-endian bytes into `order`, and back: each of the four is its own inverse.
fn reorder(bytes: &mut [u8], order: Order) {
    match order {
        Order::Abcd => {}
        Order::Dcba => bytes.reverse(),
        Order::Badc => bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse),
        Order::Cdab => {
            bytes.reverse();
            bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
    }
}

impl<M> Default for Table<M> {
    fn default() -> Table<M> {
        Table { tags: Vec::new(), get: Vec::new(), set: Vec::new() }
    }
}

impl<M> Table<M> {
    /// A tag that masters read.
    pub fn read<V: Into<Value>>(&mut self, tag: Tag, get: impl Fn(&M) -> V + Send + 'static) {
        self.tags.push(tag);
        self.get.push(Box::new(move |model| get(model).into()));
        self.set.push(None);
    }

    /// A tag that masters read and write.
    pub fn write<V: Into<Value>>(
        &mut self,
        mut tag: Tag,
        get: impl Fn(&M) -> V + Send + 'static,
        set: impl Fn(&mut M, &Value) + Send + 'static,
    ) {
        if tag.access == Access::Read {
            tag.access = Access::ReadWrite;
        }
        self.read(tag, get);
        if let Some(last) = self.set.last_mut() {
            *last = Some(Box::new(set));
        }
    }

    pub fn get(&self, at: usize, model: &M) -> Value {
        self.get[at](model)
    }

    pub fn set(&self, at: usize, model: &mut M, value: &Value) {
        if let Some(set) = &self.set[at] {
            set(model, value);
        }
    }
}

impl Default for Image {
    fn default() -> Image {
        Image {
            coils: vec![false; BITS],
            discrete: vec![false; BITS],
            inputs: vec![0; INPUTS],
            holdings: vec![0; HOLDINGS],
        }
    }
}

impl Image {
    pub fn bits(&self, area: Area) -> &[bool] {
        if area == Area::Coil { &self.coils } else { &self.discrete }
    }

    pub fn registers(&self, area: Area) -> &[u16] {
        if area == Area::Input { &self.inputs } else { &self.holdings }
    }
}

impl Value {
    pub fn flag(&self) -> bool {
        match self {
            Value::Bool(flag) => *flag,
            other => other.real() != 0.0,
        }
    }

    pub fn real(&self) -> f64 {
        match self {
            Value::Bool(flag) => f64::from(u8::from(*flag)),
            Value::Int(whole) => *whole as f64,
            Value::Uint(whole) => *whole as f64,
            Value::Real(real) => *real,
            Value::Text(_) => 0.0,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Value::Text(text) => text,
            _ => "",
        }
    }

    pub fn json(&self) -> serde_json::Value {
        match self {
            Value::Bool(flag) => (*flag).into(),
            Value::Int(whole) => (*whole).into(),
            Value::Uint(whole) => (*whole).into(),
            Value::Real(real) => (*real).into(),
            Value::Text(text) => text.as_str().into(),
        }
    }

    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        match json {
            serde_json::Value::Bool(flag) => Some(Value::Bool(*flag)),
            serde_json::Value::String(text) => Some(Value::Text(text.clone())),
            serde_json::Value::Number(number) => (number.as_u64().map(Value::Uint))
                .or(number.as_i64().map(Value::Int))
                .or(number.as_f64().map(Value::Real)),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let area = match self.area {
            Area::Coil => "coil",
            Area::Discrete => "discrete",
            Area::Input => "input",
            Area::Holding => "holding",
        };
        write!(f, "{area}:{}", self.offset)?;
        if let Some(bit) = self.bit {
            write!(f, ".{bit}")?;
        }
        if let Some(bytes) = self.bytes {
            write!(f, "/{bytes}")?;
        }
        match self.order {
            Some(order) => write!(f, "#{order}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Abcd => "ABCD",
            Order::Cdab => "CDAB",
            Order::Badc => "BADC",
            Order::Dcba => "DCBA",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Bool => "bool",
            Kind::Int16 => "int16",
            Kind::Uint16 => "uint16",
            Kind::Int32 => "int32",
            Kind::Uint32 => "uint32",
            Kind::Int64 => "int64",
            Kind::Uint64 => "uint64",
            Kind::Float32 => "float32",
            Kind::Float64 => "float64",
            Kind::Text => "text",
        })
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Value {
        Value::Int(whole)
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Value {
        Value::Uint(whole)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Value {
        Value::Real(real)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn byte_orders() {
        let check = |order: Order, want: [u16; 2]| {
            let tag = tag("g", "t", input(0), Kind::Uint32);
            let mut image = Image::default();
            tag.store(&mut image, order, &Value::Uint(0x0a0b_0c0d));
            assert_eq!(image.inputs[..2], want, "{order}");
            assert_eq!(tag.load(&image, order), Value::Uint(0x0a0b_0c0d), "{order}");
        };
        check(Order::Abcd, [0x0a0b, 0x0c0d]);
        check(Order::Cdab, [0x0c0d, 0x0a0b]);
        check(Order::Badc, [0x0b0a, 0x0d0c]);
        check(Order::Dcba, [0x0d0c, 0x0b0a]);
    }

    #[test]
    fn values_are_held_at_the_ends_of_their_type() {
        let check = |kind: Kind, value: Value, want: Value| {
            let tag = tag("g", "t", holding(0), kind);
            let mut image = Image::default();
            tag.store(&mut image, Order::Abcd, &value);
            assert_eq!(tag.load(&image, Order::Abcd), want, "{kind} {value:?}");
        };
        check(Kind::Int16, Value::Real(1e9), Value::Int(32767));
        check(Kind::Uint16, Value::Real(-1.0), Value::Uint(0));
        check(Kind::Uint64, Value::Uint(u64::MAX), Value::Uint(u64::MAX));
        check(Kind::Int64, Value::Int(i64::MIN), Value::Int(i64::MIN));
        check(Kind::Uint16, Value::Real(f64::NAN), Value::Uint(0));
    }

    #[test]
    fn addresses_read_as_people_write_them() {
        assert_eq!(holding(40).bit(3).to_string(), "holding:40.3");
        assert_eq!(holding(60).bytes(16).to_string(), "holding:60/16");
        assert_eq!(input(900).order(Order::Abcd).to_string(), "input:900#ABCD");
    }

    proptest! {
        #[test]
        fn scaled_values_come_back_within_one_step(value in 0.0f64..100.0) {
            let valve = tag("g", "t", input(0), Kind::Uint16).scaled((0.0, 65535.0), (0.0, 100.0));
            let mut image = Image::default();
            valve.store(&mut image, Order::Abcd, &Value::Real(value));
            prop_assert!((valve.load(&image, Order::Abcd).real() - value).abs() < 0.001);
        }
    }
}
