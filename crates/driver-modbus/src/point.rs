//! A tag's place and form in the device: what its address and its type mean together.

use crate::address::{Address, Area, Base, Wrong};
use crate::order::{Order, Width};
use crate::settings::{BitWrite, Settings, WriteSingle};
use tagwerk_model::DataType;

/// How a value lies in coils or registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// A coil or discrete input.
    Coil,
    /// One bit of a register; the detail is its number, with the order of bytes already applied.
    Bit,
    /// A register as a truth value: not zero.
    NonZero,
    /// The low byte of a register.
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
    /// The detail is the length in bytes.
    Text,
    /// A text whose registers hold the first character in the low byte.
    TextExchanged,
    Bytes,
    BytesExchanged,
}

/// How to read and write one value; small, because every tag has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    pub form: Form,
    /// The order of a number's bytes, the number of a bit, the length of a text.
    pub detail: u8,
}

impl Codec {
    pub fn order(self) -> Order {
        Order::from_code(self.detail)
    }

    /// Registers that the value takes, or 1 for a coil.
    pub fn width(self) -> u16 {
        match self.form {
            Form::Coil | Form::Bit | Form::NonZero => 1,
            Form::I8 | Form::U8 | Form::I16 | Form::U16 => 1,
            Form::I32 | Form::U32 | Form::F32 => 2,
            Form::I64 | Form::U64 | Form::F64 => 4,
            Form::Text | Form::TextExchanged | Form::Bytes | Form::BytesExchanged => {
                u16::from(self.detail).div_ceil(2)
            }
        }
    }
}

/// Where a tag is and how it lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub unit: u8,
    pub area: Area,
    pub offset: u16,
    pub codec: Codec,
}

impl Point {
    pub fn parse(text: &str, data_type: DataType, settings: &Settings) -> Result<Point, Wrong> {
        let base = if settings.address_base == 1 { Base::One } else { Base::Zero };
        let address = Address::parse(text, base)?;
        let codec = match address.area.is_bits() {
            true => coil(&address, data_type)?,
            false => register(&address, data_type, settings)?,
        };
        let end = u32::from(address.offset) + u32::from(codec.width());
        if end > 1 << 16 {
            return Err(Wrong::address(
                format!(
                    "the value takes {} registers and would end beyond the last",
                    codec.width()
                ),
                format!(
                    "it can start at {} at most, counted from 0",
                    65_536 - u32::from(codec.width())
                ),
            ));
        }
        Ok(Point {
            unit: address.unit.unwrap_or(settings.unit),
            area: address.area,
            offset: address.offset,
            codec,
        })
    }

    /// Why the tag cannot be read.
    pub fn check_read(&self, settings: &Settings) -> Result<(), Wrong> {
        let width = self.codec.width();
        if !self.area.is_bits() && width > u16::from(settings.size) {
            return Err(Wrong::address(
                format!(
                    "the value takes {width} registers, but `size` lets a read have {}",
                    settings.size
                ),
                "raise `size`: a value is never put together from two reads",
            ));
        }
        Ok(())
    }

    /// Why the tag cannot be written.
    pub fn check_write(&self, settings: &Settings) -> Result<(), Wrong> {
        let width = self.codec.width();
        match self.area {
            Area::Discrete | Area::Input => {
                return Err(Wrong::address(
                    format!("{} cannot be written", self.area.item()),
                    "write coils or holding registers, or leave the tag without write access",
                ));
            }
            Area::Coil | Area::Holding => {}
        }
        match self.codec.form {
            Form::Bit if settings.bit_write == BitWrite::Refuse => {
                return Err(Wrong::address(
                    "one bit of a register is not written by itself, as `bit_write: refuse` says",
                    "set `bit_write: mask`, or write the whole register as `uint16`",
                ));
            }
            Form::Bit if settings.bit_write == BitWrite::ReadModifyWrite && self.unit == 0 => {
                return Err(Wrong::address(
                    "one bit of a register cannot be broadcast with `bit_write: read_modify_write`",
                    "give the device's own unit, or set `bit_write: mask`",
                ));
            }
            Form::I8 | Form::U8 => {
                return Err(Wrong::data_type(
                    "one byte of a register cannot be written without writing the other",
                    "write the whole register as `int16` or `uint16`",
                ));
            }
            _ => {}
        }
        let most = settings.write_registers_max();
        if width > u16::from(most) {
            return Err(Wrong::address(
                format!(
                    "the value takes {width} registers, but `{}` lets a write have {most}",
                    if most < settings.write_size { "write_read" } else { "write_size" }
                ),
                "a value is never written in two parts; 123 registers (246 bytes) is the most",
            ));
        }
        if width > 1 && settings.write_single == WriteSingle::Always {
            return Err(Wrong::address(
                format!(
                    "the value takes {width} registers, but `write_single: always` writes one at \
                     a time"
                ),
                "set `write_single: auto`, or leave the tag without write access",
            ));
        }
        Ok(())
    }
}

fn coil(address: &Address, data_type: DataType) -> Result<Codec, Wrong> {
    if data_type != DataType::Bool {
        return Err(Wrong::data_type(
            format!("{} is a single bit and cannot be `{data_type}`", address.area.item()),
            "set `type: bool`, or address a register, such as `holding:100`",
        ));
    }
    let part = match (address.bit, address.bytes, address.order) {
        (None, None, None) => return Ok(Codec { form: Form::Coil, detail: 0 }),
        (Some(bit), ..) => format!("a bit (`.{bit}`)"),
        (_, Some(bytes), _) => format!("a length (`/{bytes}`)"),
        _ => "an order of bytes".into(),
    };
    Err(Wrong::address(
        format!("{} is a single bit and has no use for {part}", address.area.item()),
        "write area and number alone, such as `coil:7`",
    ))
}

fn register(address: &Address, data_type: DataType, settings: &Settings) -> Result<Codec, Wrong> {
    let form = match data_type {
        DataType::Bool => Form::Bit,
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
        DataType::Text => Form::Text,
        DataType::Bytes => Form::Bytes,
        DataType::List => {
            return Err(Wrong::data_type(
                "Modbus has no lists",
                "give each element a tag of its own",
            ));
        }
    };
    let sized = matches!(form, Form::Text | Form::Bytes);
    if let (Some(bytes), false) = (address.bytes, sized) {
        return Err(Wrong::address(
            format!("`/{bytes}` is a length, which only `text` and `bytes` have"),
            format!("leave it out: `{data_type}` has its own length"),
        ));
    }
    if let (Some(bit), false) = (address.bit, data_type == DataType::Bool) {
        return Err(Wrong::address(
            format!("`.{bit}` picks a bit, which only type `bool` has"),
            match sized {
                true => format!("write a length of {bit} bytes as `/{bit}`"),
                false => "set `type: bool`, or leave the bit out".into(),
            },
        ));
    }
    let order = order_of(address, data_type, form, settings)?;
    let detail = match (form, address.bit) {
        (Form::Bit, None) => return Ok(Codec { form: Form::NonZero, detail: 0 }),
        (Form::Bit, Some(bit)) => bit_place(bit, order)?,
        (Form::Text | Form::Bytes, _) => length(address, data_type)?,
        _ => order.code(),
    };
    let form = match (form, order.exchanges_bytes()) {
        (Form::Text, true) => Form::TextExchanged,
        (Form::Bytes, true) => Form::BytesExchanged,
        (form, _) => form,
    };
    Ok(Codec { form, detail })
}

/// A bit's number in the register as it arrives: exchanging bytes moves it by eight.
fn bit_place(bit: u16, order: Order) -> Result<u8, Wrong> {
    match u8::try_from(bit) {
        Ok(bit @ 0..=15) if order.exchanges_bytes() => Ok(bit ^ 8),
        Ok(bit @ 0..=15) => Ok(bit),
        _ => Err(Wrong::address(
            format!("`.{bit}` is not a bit from 0 to 15"),
            "a register has bits 0 (the lowest) to 15, such as `holding:100.3`",
        )),
    }
}

fn length(address: &Address, data_type: DataType) -> Result<u8, Wrong> {
    address.bytes.and_then(|bytes| u8::try_from(bytes).ok()).ok_or_else(|| {
        Wrong::address(
            format!("`{data_type}` needs a length"),
            "write it in bytes behind a slash, such as `holding:100/20`",
        )
    })
}

fn order_of(
    address: &Address,
    data_type: DataType,
    form: Form,
    settings: &Settings,
) -> Result<Order, Wrong> {
    let (bits, fits): (_, &[Width]) = match form {
        Form::I32 | Form::U32 | Form::F32 => (32, &[Width::Wide]),
        Form::I64 | Form::U64 | Form::F64 => (64, &[Width::Wide, Width::W64]),
        _ => (16, &[Width::W16]),
    };
    match address.order {
        Some((order, width)) if fits.contains(&width) => Ok(order),
        Some(_) => Err(Wrong::address(
            format!("the order of bytes does not fit `{data_type}`"),
            match bits {
                16 => "use `#AB` or `#BA`",
                32 => "use `#ABCD`, `#BADC`, `#CDAB` or `#DCBA`",
                _ => {
                    "use `#ABCD`, `#BADC`, `#CDAB` or `#DCBA`, or eight letters such as \
                     `#GHEFCDAB`"
                }
            },
        )),
        None if bits == 16 => Ok(Order::default()),
        None => Ok(settings.byte_order.into()),
    }
}
