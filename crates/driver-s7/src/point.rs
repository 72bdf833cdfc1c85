//! A tag's place and form in the controller: what its address and its type mean together.

use crate::address::{Address, Kind, Width, Wrong};
use crate::settings::Cpu;
use std::fmt;
use tagwerk_model::DataType;
use tagwerk_proto_s7::Area;

/// How a value lies in the controller's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The length is the number of the bit.
    Bit,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// Characters without a head; the length is theirs.
    Chars,
    Bytes,
    /// STRING and WSTRING; the length is the declared one, in characters.
    Text,
    WideText,
    /// A counter: three digits in BCD.
    Bcd,
    Date,
    Time,
    S5Time,
    TimeOfDay,
    DateAndTime,
    Dtl,
    LTime,
    LTimeOfDay,
    LDateAndTime,
}

/// What a value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// What the form is by itself.
    Plain,
    /// Times as whole nanoseconds, as seconds, or as text.
    Nanoseconds,
    Seconds,
    Text,
    /// As many elements of the form as the length says.
    List,
}

/// How to read and write one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    pub form: Form,
    pub shape: Shape,
    pub length: u16,
}

impl Codec {
    /// Bytes that the value takes.
    pub fn width(self) -> usize {
        let length = usize::from(self.length);
        let one = match self.form {
            Form::Bit | Form::I8 | Form::U8 => 1,
            Form::I16 | Form::U16 | Form::Bcd | Form::Date | Form::S5Time => 2,
            Form::I32 | Form::U32 | Form::F32 | Form::Time | Form::TimeOfDay => 4,
            Form::I64 | Form::U64 | Form::F64 | Form::DateAndTime => 8,
            Form::LTime | Form::LTimeOfDay | Form::LDateAndTime => 8,
            Form::Dtl => 12,
            Form::Chars | Form::Bytes => return length,
            Form::Text => return length + 2,
            Form::WideText => return length * 2 + 4,
        };
        if self.shape == Shape::List { one * length } else { one }
    }
}

/// Where a tag is and how it lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub area: Area,
    pub block: u16,
    /// Byte; of timers and counters twice their number, since each takes two.
    pub start: u32,
    pub codec: Codec,
}

impl Point {
    pub fn parse(text: &str, data_type: DataType, cpu: Cpu) -> Result<Point, Wrong> {
        let address = Address::parse(text)?;
        let codec = match address.area.is_numbered() {
            true => numbered(&address, data_type, cpu)?,
            false => in_memory(&address, data_type)?,
        };
        let start = match address.area.is_numbered() {
            true => u32::from(address.start) * 2,
            false => u32::from(address.start),
        };
        let width = codec.width();
        if start as usize + width > 1 << 16 {
            return Err(Wrong::address(
                format!("the value takes {width} bytes and would end beyond byte 65535"),
                "a data block with standard access has 65536 bytes at most",
            ));
        }
        Ok(Point { area: address.area, block: address.block, start, codec })
    }

    /// Why the tag cannot be written.
    pub fn check_write(&self) -> Result<(), Wrong> {
        match self.area {
            Area::Timer | Area::Counter => Err(Wrong::address(
                "timers and counters are not written by this driver",
                "write a flag or a word of a data block, and let the program load it",
            )),
            _ => Ok(()),
        }
    }

    pub fn span(&self) -> Span {
        let bytes = self.codec.width() as u32;
        Span { area: self.area, block: self.block, start: self.start, bytes }
    }
}

/// A run of bytes of one area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub area: Area,
    pub block: u16,
    pub start: u32,
    pub bytes: u32,
}

impl Span {
    pub fn end(&self) -> u32 {
        self.start + self.bytes
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.start, self.end().saturating_sub(1).max(self.start));
        let name = match self.area {
            Area::Block => {
                write!(f, "DB{} ", self.block)?;
                "byte"
            }
            Area::Input => "input byte",
            Area::Output => "output byte",
            Area::Flag => "flag byte",
            Area::Timer => return numbers(f, 'T', first / 2, last / 2),
            Area::Counter => return numbers(f, 'C', first / 2, last / 2),
        };
        match first == last {
            true => write!(f, "{name} {first}"),
            false => write!(f, "{name}s {first} to {last}"),
        }
    }
}

fn numbers(f: &mut fmt::Formatter<'_>, letter: char, first: u32, last: u32) -> fmt::Result {
    match first == last {
        true => write!(f, "{letter}{first}"),
        false => write!(f, "{letter}{first} to {letter}{last}"),
    }
}

/// A timer or counter.
fn numbered(address: &Address, data_type: DataType, cpu: Cpu) -> Result<Codec, Wrong> {
    if !cpu.has_timers() {
        return Err(Wrong::address(
            "this kind of controller does not show its timers and counters",
            "read the data block of an IEC timer or counter, or copy the value to one",
        ));
    }
    if address.length.is_some() || address.count.is_some() || address.kind.is_some() {
        return Err(Wrong::address(
            "a timer or counter has its own form",
            "write its number alone, such as `T5` or `C5`",
        ));
    }
    let (form, shape) = match (address.area, data_type) {
        (_, DataType::Uint16 | DataType::Int16) if address.area == Area::Counter => {
            (Form::Bcd, Shape::Plain)
        }
        (Area::Counter, _) => {
            return Err(Wrong::data_type(
                format!("a counter counts from 0 to 999 and cannot be `{data_type}`"),
                "set `type: uint16`",
            ));
        }
        (_, DataType::Int64) => (Form::S5Time, Shape::Nanoseconds),
        (_, DataType::Float64) => (Form::S5Time, Shape::Seconds),
        (_, DataType::Uint16) => (Form::U16, Shape::Plain),
        _ => {
            return Err(Wrong::data_type(
                format!("a timer cannot be `{data_type}`"),
                "set `type: float64` for seconds, `int64` for nanoseconds, or `uint16` for the \
                 word as it is",
            ));
        }
    };
    Ok(Codec { form, shape, length: 0 })
}

fn in_memory(address: &Address, data_type: DataType) -> Result<Codec, Wrong> {
    if data_type == DataType::List || address.count.is_some() {
        return list(address, data_type);
    }
    if let Some(kind) = address.kind {
        return time(address, kind, data_type);
    }
    match address.width {
        Some(width @ (Width::Text | Width::WideText)) => return string(address, width, data_type),
        Some(width) => fits(address, width, data_type)?,
        None => {}
    }
    if let (Some(bit), true) = (address.bit, data_type != DataType::Bool) {
        return Err(Wrong::data_type(
            format!("`.{bit}` picks a bit, which cannot be `{data_type}`"),
            "set `type: bool`, or leave the bit out",
        ));
    }
    let sized = matches!(data_type, DataType::Text | DataType::Bytes);
    if let (Some(length), false) = (address.length, sized) {
        return Err(Wrong::address(
            format!("`/{length}` is a length, which only `text` and `bytes` have"),
            format!("leave it out: `{data_type}` has its own length"),
        ));
    }
    let form = match data_type {
        DataType::Bool => {
            let bit = address.bit.ok_or_else(|| {
                Wrong::address(
                    "a `bool` needs its bit",
                    "write byte and bit, such as `DB1.DBX0.3` or `M0.1`",
                )
            })?;
            return Ok(Codec { form: Form::Bit, shape: Shape::Plain, length: bit.into() });
        }
        DataType::Text | DataType::Bytes => {
            let length = address.length.ok_or_else(|| {
                Wrong::address(
                    format!("`{data_type}` needs a length"),
                    "write it in bytes behind a slash, such as `DB1.DBB10/20`, or name a string, \
                     such as `DB1.STRING10.20`",
                )
            })?;
            let form = if data_type == DataType::Text { Form::Chars } else { Form::Bytes };
            return Ok(Codec { form, shape: Shape::Plain, length });
        }
        DataType::Int8 => Form::I8,
        DataType::Uint8 => Form::U8,
        DataType::Int16 => Form::I16,
        DataType::Uint16 => Form::U16,
        DataType::Int32 => Form::I32,
        DataType::Uint32 => Form::U32,
        DataType::Int64 => Form::I64,
        DataType::Uint64 => Form::U64,
        DataType::Float32 => Form::F32,
        DataType::Float64 => Form::F64,
        DataType::List => return list(address, data_type),
    };
    Ok(Codec { form, shape: Shape::Plain, length: 0 })
}

/// Whether the letters of the address say what the type needs.
fn fits(address: &Address, width: Width, data_type: DataType) -> Result<(), Wrong> {
    let (letter, needed) = match data_type {
        DataType::Bool => ("X", None),
        DataType::Text | DataType::Bytes => ("B", Some(1)),
        DataType::Int8 | DataType::Uint8 => ("B", Some(1)),
        DataType::Int16 | DataType::Uint16 => ("W", Some(2)),
        DataType::Int32 | DataType::Uint32 | DataType::Float32 => ("D", Some(4)),
        DataType::Int64 | DataType::Uint64 | DataType::Float64 => ("L", Some(8)),
        DataType::List => return Ok(()),
    };
    if width.bytes() == needed {
        return Ok(());
    }
    let start = address.start;
    let example = match (address.area, data_type) {
        (Area::Block, DataType::Bool) => format!("DB{}.DBX{start}.0", address.block),
        (Area::Block, DataType::Text | DataType::Bytes) => {
            format!("DB{}.DBB{start}/20", address.block)
        }
        (Area::Block, _) => format!("DB{}.DB{letter}{start}", address.block),
        (_, DataType::Bool) => format!("M{start}.0"),
        (_, DataType::Text | DataType::Bytes) => format!("MB{start}/20"),
        _ => format!("M{letter}{start}"),
    };
    let types = match width {
        Width::Bit => "`bool`",
        Width::Byte => "`uint8` or `int8`",
        Width::Word => "`uint16` or `int16`",
        Width::Double => "`uint32`, `int32` or `float32`",
        _ => "`uint64`, `int64` or `float64`",
    };
    Err(Wrong::data_type(
        format!("{} cannot be `{data_type}`", width.name()),
        format!("set type {types}, or write an address such as `{example}`"),
    ))
}

fn string(address: &Address, width: Width, data_type: DataType) -> Result<Codec, Wrong> {
    if data_type != DataType::Text {
        return Err(Wrong::data_type(
            format!("{} cannot be `{data_type}`", width.name()),
            "set `type: text`, or read its bytes, such as `DB1.DBB10/22`",
        ));
    }
    let form = if width == Width::Text { Form::Text } else { Form::WideText };
    Ok(Codec { form, shape: Shape::Plain, length: address.length.unwrap_or(254) })
}

/// Times: of a point in time `int64` and `text`, of a duration `int64` and `float64`.
fn time(address: &Address, kind: Kind, data_type: DataType) -> Result<Codec, Wrong> {
    let name = kind.name();
    let (form, bytes, shapes): (Form, usize, &[DataType]) = match kind {
        Kind::Date => (Form::Date, 2, &POINTS),
        Kind::DateAndTime => (Form::DateAndTime, 8, &POINTS),
        Kind::Dtl => (Form::Dtl, 12, &POINTS),
        Kind::LDateAndTime => (Form::LDateAndTime, 8, &POINTS),
        Kind::Time => (Form::Time, 4, &DURATIONS),
        Kind::S5Time => (Form::S5Time, 2, &DURATIONS),
        Kind::LTime => (Form::LTime, 8, &DURATIONS),
        Kind::TimeOfDay => (Form::TimeOfDay, 4, &OF_DAY),
        Kind::LTimeOfDay => (Form::LTimeOfDay, 8, &OF_DAY),
        _ => {
            return Err(Wrong::address(
                format!("`#{name}` names the elements of a list"),
                format!("leave it out: `type: {data_type}` says it for one value"),
            ));
        }
    };
    let width_fits = match address.width {
        None | Some(Width::Byte) => true,
        Some(width) => width.bytes() == Some(bytes),
    };
    if !width_fits || address.bit.is_some() || address.length.is_some() {
        return Err(Wrong::address(
            format!("`#{name}` takes {bytes} bytes, which the address contradicts"),
            format!("write its first byte alone, such as `DB1.DBB{}#{name}`", address.start),
        ));
    }
    let shape = match data_type {
        DataType::Int64 => Shape::Nanoseconds,
        DataType::Float64 => Shape::Seconds,
        _ => Shape::Text,
    };
    if !shapes.contains(&data_type) {
        let known: Vec<String> = shapes.iter().map(|shape| format!("`{shape}`")).collect();
        return Err(Wrong::data_type(
            format!("`#{name}` cannot be `{data_type}`"),
            format!(
                "set type {}: `int64` is nanoseconds, `float64` seconds, `text` as people write it",
                known.join(" or ")
            ),
        ));
    }
    Ok(Codec { form, shape, length: 0 })
}

const POINTS: [DataType; 2] = [DataType::Int64, DataType::Text];
const DURATIONS: [DataType; 2] = [DataType::Int64, DataType::Float64];
const OF_DAY: [DataType; 3] = [DataType::Int64, DataType::Float64, DataType::Text];

fn list(address: &Address, data_type: DataType) -> Result<Codec, Wrong> {
    const EXAMPLE: &str = "write a list with the number and the S7 type of its elements, such as \
                           `DB1.DBW10[8]#INT`, and set `type: list`";
    let (Some(length), DataType::List) = (address.count, data_type) else {
        return Err(match data_type {
            DataType::List => Wrong::address("a `list` needs a number of elements", EXAMPLE),
            _ => Wrong::data_type(format!("several elements cannot be `{data_type}`"), EXAMPLE),
        });
    };
    let form = match address.kind {
        Some(Kind::Sint) => Form::I8,
        Some(Kind::Usint) => Form::U8,
        Some(Kind::Int) => Form::I16,
        Some(Kind::Uint) => Form::U16,
        Some(Kind::Dint) => Form::I32,
        Some(Kind::Udint) => Form::U32,
        Some(Kind::Lint) => Form::I64,
        Some(Kind::Ulint) => Form::U64,
        Some(Kind::Real) => Form::F32,
        Some(Kind::Lreal) => Form::F64,
        Some(kind) => {
            let problem = format!("lists of `#{}` are not known", kind.name());
            return Err(Wrong::address(problem, "elements are numbers, such as `#INT` or `#REAL`"));
        }
        None => return Err(Wrong::address("the list does not say what its elements are", EXAMPLE)),
    };
    let codec = Codec { form, shape: Shape::List, length };
    let element = Codec { length: 0, shape: Shape::Plain, ..codec }.width();
    let width_fits = match address.width {
        None | Some(Width::Byte) => true,
        Some(width) => width.bytes() == Some(element),
    };
    if !width_fits || address.bit.is_some() || address.length.is_some() {
        return Err(Wrong::address(
            format!("each element takes {element} bytes, which the address contradicts"),
            EXAMPLE,
        ));
    }
    Ok(codec)
}
