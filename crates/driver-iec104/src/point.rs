//! What an object says, as a tag's value and quality.

use crate::address::{Monitored, Part, Wrong};
use std::ops::RangeInclusive;
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_proto_iec104::{self as proto, Element, Family, TimeTag};

/// Details of a quality beside the protocol's own bits, which are the lowest eight.
pub mod detail {
    /// The time tag is marked as invalid, or is no time.
    pub const TIME_INVALID: u16 = 0x0100;
    /// A step position whose equipment moves.
    pub const MOVING: u16 = 0x0200;
    /// A counter ran over since it was read before.
    pub const CARRY: u16 = 0x0400;
    /// A counter was set since it was read before.
    pub const ADJUSTED: u16 = 0x0800;
}

/// How one tag is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub address: Monitored,
    pub data_type: DataType,
}

/// A part of an object, before the tag's type is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Bool(bool),
    Whole(i64),
    Real(f64),
}

impl Point {
    /// Whether the tag's type can hold what the address names.
    pub fn check(address: Monitored, data_type: DataType) -> Result<Point, Wrong> {
        if matches!(data_type, DataType::Text | DataType::Bytes | DataType::List) {
            return Err(Wrong::new(
                format!("no object of IEC 60870-5-104 is a `{data_type}`"),
                "give the tag type `bool`, an integer type or a float type",
            ));
        }
        if fits(address, data_type) {
            return Ok(Point { address, data_type });
        }
        let what = match (address.part, address.family) {
            (Part::Value, Some(family)) => format!("a {}", family.name()),
            _ => "this part of an object".to_owned(),
        };
        let types = DataType::ALL.into_iter().filter(|candidate| fits(address, *candidate));
        let names: Vec<String> = types.map(|candidate| format!("`{candidate}`")).collect();
        Err(Wrong::new(
            format!("{what} does not fit into type `{data_type}`"),
            format!("give the tag one of the types {}", names.join(", ")),
        ))
    }

    /// The value that an object has for this tag, and its quality; no value where it is bad.
    pub fn read(&self, element: &Element, time: Option<&Time>) -> (Option<Value>, Quality) {
        let quality = quality(element, time);
        if self.address.family.is_some_and(|family| !same(family, element.family())) {
            return (None, Quality::BAD_ENCODING.with_detail(quality.detail()));
        }
        // The bits themselves can be read however bad they are.
        let quality = match self.address.part {
            Part::Quality => Quality::GOOD,
            _ => quality,
        };
        if quality.is_bad() {
            return (None, quality);
        }
        match self.number(element).and_then(|number| fit(number, self.data_type)) {
            Ok(value) => (Some(value), quality),
            Err(reason) => (None, reason.with_detail(quality.detail())),
        }
    }

    fn number(&self, element: &Element) -> Result<Number, Quality> {
        let bit = |bits: u32| match self.address.part {
            Part::Bit(bit) => Number::Bool(bits >> bit & 1 != 0),
            _ => Number::Whole(bits.into()),
        };
        let whole = |number: u16| Ok(Number::Whole(number.into()));
        Ok(match (self.address.part, element) {
            (Part::Quality, element) => return whole(element.quality().0.into()),
            (Part::Moving, Element::Step { transient, .. }) => Number::Bool(*transient),
            (Part::Sequence, Element::Counter(counter)) => return whole(counter.sequence.into()),
            (Part::Changes, Element::PackedSingles { changes, .. }) => return whole(*changes),
            (Part::Elapsed, Element::ProtectionEvent { elapsed_ms: millis, .. })
            | (Part::Elapsed, Element::ProtectionStart { duration_ms: millis, .. })
            | (Part::Elapsed, Element::ProtectionCircuit { operating_ms: millis, .. }) => {
                return whole(*millis);
            }
            (part, element) if !part.is_of(element.family()) => {
                return Err(Quality::BAD_ENCODING);
            }
            (_, Element::Single { on, .. }) => Number::Bool(*on),
            (_, Element::Double { state, .. } | Element::ProtectionEvent { state, .. }) => {
                return self.double(*state);
            }
            (_, Element::Step { position, .. }) => Number::Whole((*position).into()),
            (_, Element::Bits { bits, .. }) => bit(*bits),
            (_, Element::Normalized { raw, .. } | Element::NormalizedBare { raw }) => {
                match self.data_type.integer_range() {
                    Some(_) => Number::Whole((*raw).into()),
                    None => Number::Real(f64::from(*raw) / 32_768.0),
                }
            }
            (_, Element::Scaled { value, .. }) => Number::Whole((*value).into()),
            (_, Element::Float { value, .. }) => Number::Real((*value).into()),
            (_, Element::Counter(counter)) => Number::Whole(counter.value.into()),
            (_, Element::ProtectionStart { events, .. }) => bit((*events).into()),
            (_, Element::ProtectionCircuit { circuits, .. }) => bit((*circuits).into()),
            (_, Element::PackedSingles { states, .. }) => bit((*states).into()),
            _ => return Err(Quality::BAD_ENCODING),
        })
    }

    /// 0 in between, 1 off, 2 on, 3 indeterminate; as a `bool` only off and on have a value.
    fn double(&self, state: u8) -> Result<Number, Quality> {
        match (self.data_type, state) {
            (DataType::Bool, 1) => Ok(Number::Bool(false)),
            (DataType::Bool, 2) => Ok(Number::Bool(true)),
            (DataType::Bool, _) => Err(Quality::BAD_OUT_OF_RANGE),
            _ => Ok(Number::Whole(state.into())),
        }
    }
}

/// A time tag as the moment it names; `None` when it cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    pub tag: TimeTag,
    pub unix_ns: Option<i64>,
}

/// The protocol's quality bits as a quality, with them as its detail.
pub fn quality(element: &Element, time: Option<&Time>) -> Quality {
    use proto::Quality as Bits;
    let bits = element.quality();
    let mut detail = u16::from(bits.0);
    let mut uncertain = false;
    if time.is_some_and(|time| time.unix_ns.is_none()) {
        detail |= detail::TIME_INVALID;
        uncertain = true;
    }
    match element {
        Element::Step { transient: true, .. } => {
            detail |= detail::MOVING;
            uncertain = true;
        }
        Element::Counter(counter) => {
            detail |= if counter.carry { detail::CARRY } else { 0 };
            detail |= if counter.adjusted { detail::ADJUSTED } else { 0 };
        }
        _ => {}
    }
    let reason = if bits.has(Bits::IV) {
        Quality::BAD
    } else if bits.has(Bits::NT.with(Bits::BL)) {
        Quality::UNCERTAIN_LAST_USABLE
    } else if uncertain || bits.has(Bits::SB.with(Bits::OV).with(Bits::EI)) {
        Quality::UNCERTAIN
    } else {
        Quality::GOOD
    };
    reason.with_detail(detail)
}

/// Whether an address of one family takes objects of the other.
fn same(wanted: Family, found: Family) -> bool {
    let plain = |family| match family {
        Family::NormalizedBare => Family::Normalized,
        other => other,
    };
    plain(wanted) == plain(found)
}

/// Whether a type holds what an address names.
fn fits(address: Monitored, data_type: DataType) -> bool {
    if matches!(data_type, DataType::Text | DataType::Bytes | DataType::List) {
        return false;
    }
    match (address.part, address.family) {
        (Part::Bit(_) | Part::Moving, _) => data_type == DataType::Bool,
        (Part::Quality, _) => holds_range(data_type, 0..=0xFF),
        (Part::Sequence, _) => holds_range(data_type, 0..=31),
        (Part::Changes | Part::Elapsed, _) => holds_range(data_type, 0..=0xFFFF),
        (Part::Value, None) => true,
        (Part::Value, Some(family)) => holds(family, data_type),
    }
}

fn holds(family: Family, data_type: DataType) -> bool {
    match family {
        Family::Single => data_type == DataType::Bool || data_type.integer_range().is_some(),
        Family::Double | Family::ProtectionEvent => {
            data_type == DataType::Bool || data_type.integer_range().is_some()
        }
        Family::Step => holds_range(data_type, -64..=63),
        Family::Bits => holds_range(data_type, 0..=u32::MAX.into()),
        Family::Normalized | Family::NormalizedBare | Family::Scaled => {
            holds_range(data_type, i16::MIN.into()..=i16::MAX.into())
        }
        Family::Float => matches!(data_type, DataType::Float32 | DataType::Float64),
        // Many stations count without sign.
        Family::Counter => {
            holds_range(data_type, i32::MIN.into()..=i32::MAX.into())
                || holds_range(data_type, 0..=i32::MAX.into())
        }
        Family::ProtectionStart => holds_range(data_type, 0..=0x3F),
        Family::ProtectionCircuit => holds_range(data_type, 0..=0x0F),
        Family::PackedSingles => holds_range(data_type, 0..=0xFFFF),
        _ => false,
    }
}

/// Whether a type holds every whole number of a range exactly.
fn holds_range(data_type: DataType, range: RangeInclusive<i64>) -> bool {
    let (low, high) = (i128::from(*range.start()), i128::from(*range.end()));
    match data_type {
        DataType::Float32 => high - low <= 1 << 24,
        DataType::Float64 => true,
        other => other.integer_range().is_some_and(|(min, max)| min <= low && high <= max),
    }
}

/// A number in the tag's type, or why it cannot be in it.
fn fit(number: Number, data_type: DataType) -> Result<Value, Quality> {
    let whole = |value: i64| match data_type.integer_range() {
        Some((min, max)) if i128::from(value) < min || i128::from(value) > max => {
            Err(Quality::BAD_OUT_OF_RANGE)
        }
        Some((0, _)) => Ok(Value::U64(value.unsigned_abs())),
        Some(_) => Ok(Value::I64(value)),
        None => Err(Quality::BAD_ENCODING),
    };
    match (number, data_type) {
        (Number::Bool(value), DataType::Bool) => Ok(Value::Bool(value)),
        (Number::Bool(value), _) => whole(value.into()),
        (Number::Whole(value), DataType::Float64) => Ok(Value::F64(value as f64)),
        (Number::Whole(value), DataType::Float32) if value.unsigned_abs() <= 1 << 24 => {
            Ok(Value::F64(value as f64))
        }
        (Number::Whole(value), _) => whole(value),
        (Number::Real(value), DataType::Float32 | DataType::Float64) => match value.is_finite() {
            true => Ok(Value::F64(value)),
            false => Err(Quality::BAD_OUT_OF_RANGE),
        },
        (Number::Real(_), _) => Err(Quality::BAD_ENCODING),
    }
}

/// The type that suits objects of a family best.
pub fn suggested(family: Family) -> DataType {
    match family {
        Family::Single => DataType::Bool,
        Family::Step => DataType::Int8,
        Family::Bits => DataType::Uint32,
        Family::Normalized | Family::NormalizedBare | Family::Float => DataType::Float32,
        Family::Scaled => DataType::Int16,
        Family::Counter => DataType::Int32,
        Family::PackedSingles => DataType::Uint16,
        _ => DataType::Uint8,
    }
}
