//! Addresses as users write them: `[unit!]area:offset[.bit][/bytes][#order]`, or a number such as
//! `40001` in place of `area:offset`. What the parts mean for a tag's type is `point`'s to say.

use crate::order::{Order, Width};
use std::fmt;
use tagwerk_component::nearest;
use tagwerk_proto_modbus::Function;

/// One of the four tables of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    Coil,
    Discrete,
    Input,
    Holding,
}

impl Area {
    const NAMES: [(&str, &str, Area); 4] = [
        ("coil", "c", Area::Coil),
        ("discrete", "d", Area::Discrete),
        ("input", "i", Area::Input),
        ("holding", "h", Area::Holding),
    ];

    /// As in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Area::Coil => "coil",
            Area::Discrete => "discrete",
            Area::Input => "input",
            Area::Holding => "holding",
        }
    }

    /// One of what the area consists of.
    pub fn item(self) -> &'static str {
        match self {
            Area::Coil => "a coil",
            Area::Discrete => "a discrete input",
            Area::Input => "an input register",
            Area::Holding => "a holding register",
        }
    }

    /// Whether it consists of single bits rather than registers.
    pub fn is_bits(self) -> bool {
        matches!(self, Area::Coil | Area::Discrete)
    }

    /// The number of six digits of its first coil or register: `400001`.
    pub fn number(self) -> u32 {
        match self {
            Area::Coil => 1,
            Area::Discrete => 100_001,
            Area::Input => 300_001,
            Area::Holding => 400_001,
        }
    }

    pub fn read_function(self) -> Function {
        match self {
            Area::Coil => Function::ReadCoils,
            Area::Discrete => Function::ReadDiscreteInputs,
            Area::Input => Function::ReadInputRegisters,
            Area::Holding => Function::ReadHoldingRegisters,
        }
    }

    fn from_name(name: &str) -> Option<Area> {
        let found = Area::NAMES.iter().find(|(long, short, _)| {
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        })?;
        Some(found.2)
    }
}

/// An address taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub unit: Option<u8>,
    pub area: Area,
    /// As the protocol counts, from 0.
    pub offset: u16,
    /// Behind a dot.
    pub bit: Option<u16>,
    /// Behind a slash: the length of a text or of bytes.
    pub bytes: Option<u16>,
    pub order: Option<(Order, Width)>,
}

/// What is wrong with an address, and how a right one looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The key of the tag that is at fault: `address` or `type`.
    pub key: &'static str,
    pub problem: String,
    pub remedy: String,
}

impl Wrong {
    pub fn address(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { key: "address", problem: problem.into(), remedy: remedy.into() }
    }

    pub fn data_type(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { key: "type", problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

/// The number that the first register has in `area:offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Zero,
    One,
}

impl Address {
    pub fn parse(text: &str, base: Base) -> Result<Address, Wrong> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Wrong::address(
                "the address is empty",
                "write one such as `holding:100`, `coil:7` or `40101`",
            ));
        }
        let (unit, rest) = match text.split_once('!') {
            Some((unit, rest)) => (Some(parse_unit(unit)?), rest),
            None => (None, text),
        };
        let (rest, order) = match rest.split_once('#') {
            Some((rest, order)) => (rest, Some(parse_order(order)?)),
            None => (rest, None),
        };
        let (rest, bytes) = match rest.split_once('/') {
            Some((rest, bytes)) => (rest, Some(parse_bytes(bytes)?)),
            None => (rest, None),
        };
        let (rest, dot) = match rest.split_once('.') {
            Some((rest, dot)) => (rest, Some(dot)),
            None => (rest, None),
        };
        let (area, offset) = match rest.split_once(':') {
            Some((area, offset)) => (parse_area(area)?, parse_offset(offset, base)?),
            None => parse_number(rest)?,
        };
        let mut address = Address { unit, area, offset, bit: None, bytes, order };
        if let Some(dot) = dot {
            address.take_dot(dot)?;
        }
        Ok(address)
    }

    /// What is behind the dot: a bit, or the length of a text as Neuron writes it, `.10H`.
    fn take_dot(&mut self, dot: &str) -> Result<(), Wrong> {
        let digits = dot.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let letter = &dot[digits.len()..];
        let order = match letter {
            "" => {
                self.bit = Some(number(dot).ok_or_else(|| wrong_bit(dot))?);
                return Ok(());
            }
            "H" | "h" => Order::from_name("AB"),
            "L" | "l" => Order::from_name("BA"),
            _ => return Err(wrong_bit(dot)),
        };
        if self.bytes.is_some() || self.order.is_some() {
            return Err(Wrong::address(
                format!("`.{dot}` gives a length and an order that are given again behind it"),
                format!("write `/{digits}#AB` or `/{digits}#BA`"),
            ));
        }
        self.bytes = Some(parse_bytes(digits)?);
        self.order = order;
        Ok(())
    }
}

/// Digits and nothing else, as a number that fits.
fn number(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_unit(text: &str) -> Result<u8, Wrong> {
    number(text).and_then(|unit| u8::try_from(unit).ok()).ok_or_else(|| {
        Wrong::address(
            format!("`{text}` before the `!` is not a unit from 0 to 255"),
            "write the unit as a number, such as `3!holding:100`, or leave it out",
        )
    })
}

fn parse_order(text: &str) -> Result<(Order, Width), Wrong> {
    Order::from_name(text).ok_or_else(|| {
        Wrong::address(
            format!("`#{text}` is not an order of bytes"),
            "use `#AB` or `#BA` for one register and texts, `#ABCD`, `#BADC`, `#CDAB` or `#DCBA` \
             for 32 and 64 bits, or eight letters such as `#GHEFCDAB` for 64",
        )
    })
}

fn parse_bytes(text: &str) -> Result<u16, Wrong> {
    number(text).filter(|bytes| (1..=250).contains(bytes)).ok_or_else(|| {
        Wrong::address(
            format!("`{text}` is not a length from 1 to 250 bytes"),
            "write the length in bytes behind the slash, such as `holding:100/20`",
        )
    })
}

fn wrong_bit(text: &str) -> Wrong {
    Wrong::address(
        format!("`.{text}` is not a bit from 0 to 15"),
        "write a bit as `holding:100.3`, the length of a text as `holding:100/20`",
    )
}

fn parse_area(text: &str) -> Result<Area, Wrong> {
    Area::from_name(text).ok_or_else(|| {
        let remedy = match nearest(text, Area::NAMES.map(|(name, ..)| name)) {
            Some(name) => format!("did you mean `{name}`, as in `{name}:100`?"),
            None => "areas are coil, discrete, input and holding, as in `holding:100`".into(),
        };
        Wrong::address(format!("`{text}` is not an area"), remedy)
    })
}

fn parse_offset(text: &str, base: Base) -> Result<u16, Wrong> {
    let first: u32 = match base {
        Base::Zero => 0,
        Base::One => 1,
    };
    let last = first + u32::from(u16::MAX);
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(Wrong::address(
            format!("`{text}` behind the colon is not a number"),
            "write the register's number, such as `holding:100`",
        ));
    }
    text.parse::<u32>()
        .ok()
        .filter(|offset| (first..=last).contains(offset))
        .and_then(|offset| u16::try_from(offset - first).ok())
        .ok_or_else(|| {
            Wrong::address(
                format!("offset {text} is outside {first} to {last}"),
                match base {
                    Base::One if text.bytes().all(|byte| byte == b'0') => {
                        "this device counts from 1, as its `address_base` says".to_owned()
                    }
                    _ => format!("a device has addresses {first} to {last} in each area"),
                },
            )
        })
}

/// A number of five or six digits whose first names the area: `40001`, `400001`.
fn parse_number(text: &str) -> Result<(Area, u16), Wrong> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || !(5..=6).contains(&text.len()) {
        let problem = match plain && !text.is_empty() {
            true => format!("`{text}` has {} digits and no area", text.len()),
            false => format!("`{text}` names no area"),
        };
        return Err(Wrong::address(
            problem,
            "write area and offset, such as `holding:100`, or five or six digits, such as `40101` \
             or `400101`",
        ));
    }
    let (area, name) = match &text[..1] {
        "0" => (Area::Coil, "coils"),
        "1" => (Area::Discrete, "discrete inputs"),
        "3" => (Area::Input, "input registers"),
        "4" => (Area::Holding, "holding registers"),
        digit => {
            return Err(Wrong::address(
                format!("`{text}` starts with {digit}, which names no area"),
                "start with 0 for coils, 1 for discrete inputs, 3 for input registers or 4 for \
                 holding registers",
            ));
        }
    };
    let last = if text.len() == 5 { 9_999 } else { 65_536 };
    text[1..]
        .parse::<u32>()
        .ok()
        .filter(|place| (1..=last).contains(place))
        .and_then(|place| u16::try_from(place - 1).ok())
        .map(|offset| (area, offset))
        .ok_or_else(|| {
            let width = text.len() - 1;
            Wrong::address(
                format!("`{text}` is outside the {name}"),
                format!("they are `{0}{1:0width$}` to `{0}{last:0width$}`", &text[..1], 1),
            )
        })
}
