//! Application service data units (IEC 60870-5-101, 7.1 and 7.2): one type, one cause, one station,
//! and some objects, each with its address or in a row.

use crate::bytes::{put_number, take_number, take_u8};
use crate::cause::{Cause, Sign};
use crate::element::Element;
use crate::time::{Cp24, Cp56, TimeTag};
use crate::type_id::{TimeForm, TypeId};
use std::fmt;

/// The longest ASDU that a frame can hold.
pub const ASDU_BYTES_MAX: usize = 249;
const OBJECTS_MAX: usize = 127;
const IN_A_ROW: u8 = 0x80;

/// How wide the fields are that both ends must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// Of the cause of transmission: 1, or 2 with the originator.
    pub cause: u8,
    /// Of the common address: 1 or 2.
    pub common_address: u8,
    /// Of an object's address: 1, 2 or 3.
    pub object_address: u8,
}

impl Default for Sizes {
    /// Those that IEC 60870-5-104 prescribes.
    fn default() -> Sizes {
        Sizes { cause: 2, common_address: 2, object_address: 3 }
    }
}

impl Sizes {
    pub fn object_address_max(self) -> u32 {
        match self.object_address {
            1 => 0xFF,
            2 => 0xFFFF,
            _ => 0xFF_FFFF,
        }
    }

    /// The address of all stations.
    pub fn broadcast(self) -> u16 {
        if self.common_address == 1 { 0xFF } else { 0xFFFF }
    }
}

/// What stands before the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Also of types that are not known here.
    pub type_code: u8,
    pub count: u8,
    /// SQ: one address, and the objects follow each other.
    pub in_a_row: bool,
    pub cause: Cause,
    pub sign: Sign,
    pub test: bool,
    /// 0 where sizes have no originator.
    pub originator: u8,
    pub common_address: u16,
}

impl Header {
    /// For an ASDU to send; `count` and `in_a_row` are set by [`encode`].
    pub fn new(type_id: TypeId, cause: Cause, common_address: u16) -> Header {
        Header {
            type_code: type_id.code(),
            count: 0,
            in_a_row: false,
            cause,
            sign: Sign::Positive,
            test: false,
            originator: 0,
            common_address,
        }
    }

    /// The header and what follows it.
    pub fn decode(bytes: &[u8], sizes: Sizes) -> Result<(Header, &[u8]), Malformed> {
        let mut rest = bytes;
        Header::take(&mut rest, sizes)
            .map(|header| (header, rest))
            .ok_or(Malformed::Header(bytes.len()))
    }

    fn take(rest: &mut &[u8], sizes: Sizes) -> Option<Header> {
        let type_code = take_u8(rest)?;
        let variable = take_u8(rest)?;
        let cause = take_u8(rest)?;
        let originator = if sizes.cause == 2 { take_u8(rest)? } else { 0 };
        let common_address = take_number(rest, sizes.common_address)? as u16;
        Some(Header {
            type_code,
            count: variable & 0x7F,
            in_a_row: variable & IN_A_ROW != 0,
            cause: Cause::new(cause),
            sign: if cause & 0x40 != 0 { Sign::Negative } else { Sign::Positive },
            test: cause & 0x80 != 0,
            originator,
            common_address,
        })
    }

    fn put(&self, sizes: Sizes, out: &mut Vec<u8>) {
        let row = if self.in_a_row { IN_A_ROW } else { 0 };
        let flags = u8::from(self.sign == Sign::Negative) << 6 | u8::from(self.test) << 7;
        out.extend_from_slice(&[self.type_code, self.count | row, self.cause.code() | flags]);
        if sizes.cause == 2 {
            out.push(self.originator);
        }
        put_number(self.common_address.into(), sizes.common_address, out);
    }
}

/// Why bytes are not the ASDU they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Too short for a header.
    Header(usize),
    UnknownType(u8),
    /// Its objects need another number of bytes than are there.
    Length {
        type_id: TypeId,
        count: u8,
        needed: usize,
        bytes: usize,
    },
    NoObjects(TypeId),
    /// Objects in a row whose addresses leave the range.
    Address {
        first: u32,
        count: u8,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Header(bytes) => write!(f, "{bytes} bytes are too few for an ASDU"),
            Malformed::UnknownType(code) => write!(f, "type {code} is not known"),
            Malformed::Length { type_id, count, needed, bytes } => write!(
                f,
                "{count} objects of {type_id} take {needed} bytes, but {bytes} are there: do the \
                 sizes of cause, common address and object address fit the station?"
            ),
            Malformed::NoObjects(type_id) => write!(f, "{type_id} without any object"),
            Malformed::Address { first, count } => {
                write!(f, "{count} objects in a row from address {first} leave the range")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// One object: its address, what it says, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    pub address: u32,
    pub element: Element,
    pub time: Option<TimeTag>,
}

impl Object {
    pub fn new(address: u32, element: Element) -> Object {
        Object { address, element, time: None }
    }

    fn take(type_id: TypeId, address: u32, rest: &mut &[u8]) -> Option<Object> {
        let element = Element::decode(type_id.family(), rest)?;
        let time = match type_id.time() {
            TimeForm::None => None,
            TimeForm::Cp24 => Some(TimeTag::Cp24(Cp24::decode(rest)?)),
            TimeForm::Cp56 => Some(TimeTag::Cp56(Cp56::decode(rest)?)),
        };
        Some(Object { address, element, time })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.element.encode(out);
        match self.time {
            None => {}
            Some(TimeTag::Cp24(time)) => time.encode(out),
            Some(TimeTag::Cp56(time)) => time.encode(out),
        }
    }

    fn fits(&self, type_id: TypeId) -> bool {
        let time = match self.time {
            None => TimeForm::None,
            Some(TimeTag::Cp24(_)) => TimeForm::Cp24,
            Some(TimeTag::Cp56(_)) => TimeForm::Cp56,
        };
        self.element.family() == type_id.family() && time == type_id.time()
    }
}

/// An ASDU as received: its bytes are as many as its objects need.
#[derive(Clone, Copy, Debug)]
pub struct Asdu<'a> {
    pub header: Header,
    pub type_id: TypeId,
    sizes: Sizes,
    objects: &'a [u8],
}

impl<'a> Asdu<'a> {
    pub fn decode(bytes: &'a [u8], sizes: Sizes) -> Result<Asdu<'a>, Malformed> {
        let (header, objects) = Header::decode(bytes, sizes)?;
        let type_id =
            TypeId::from_code(header.type_code).ok_or(Malformed::UnknownType(header.type_code))?;
        if header.count == 0 {
            return Err(Malformed::NoObjects(type_id));
        }
        let count = usize::from(header.count);
        let addresses = if header.in_a_row { 1 } else { count };
        let needed = addresses
            .saturating_mul(sizes.object_address.into())
            .saturating_add(count.saturating_mul(type_id.object_bytes()));
        if needed != objects.len() {
            let (count, bytes) = (header.count, objects.len());
            return Err(Malformed::Length { type_id, count, needed, bytes });
        }
        if header.in_a_row {
            let mut rest = objects;
            let first = take_number(&mut rest, sizes.object_address).unwrap_or_default();
            let last = first.saturating_add(u32::from(header.count)).saturating_sub(1);
            if last > sizes.object_address_max() {
                return Err(Malformed::Address { first, count: header.count });
            }
        }
        Ok(Asdu { header, type_id, sizes, objects })
    }

    pub fn objects(&self) -> Objects<'a> {
        Objects { asdu: *self, rest: self.objects, left: self.header.count, row: None }
    }
}

/// The objects of an ASDU, in order.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    asdu: Asdu<'a>,
    rest: &'a [u8],
    left: u8,
    /// The address of the next object in a row.
    row: Option<u32>,
}

impl Iterator for Objects<'_> {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        self.left = self.left.checked_sub(1)?;
        let address = match self.row {
            Some(address) => address,
            None => take_number(&mut self.rest, self.asdu.sizes.object_address)?,
        };
        if self.asdu.header.in_a_row {
            self.row = Some(address.saturating_add(1));
        }
        Object::take(self.asdu.type_id, address, &mut self.rest)
    }
}

/// Why objects cannot be put into one ASDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    UnknownType(u8),
    /// None, or more than 127.
    Count(usize),
    /// Longer than a frame holds.
    Bytes(usize),
    /// An object's content or time tag is not of the ASDU's type.
    Object {
        address: u32,
        type_id: TypeId,
    },
    Address(u32),
    CommonAddress(u16),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::UnknownType(code) => write!(f, "type {code} is not known"),
            Unfit::Count(count) => write!(f, "an ASDU holds 1 to 127 objects, not {count}"),
            Unfit::Bytes(bytes) => {
                write!(f, "an ASDU holds {ASDU_BYTES_MAX} bytes, not {bytes}")
            }
            Unfit::Object { address, type_id } => {
                write!(f, "the object at {address} is not of type {type_id}")
            }
            Unfit::Address(address) => write!(f, "{address} is wider than object addresses are"),
            Unfit::CommonAddress(address) => {
                write!(f, "{address} is wider than common addresses are")
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// Appends an ASDU of these objects, each with its address or, where `header.in_a_row`, after the
/// first one's; addresses must then follow each other. On error nothing is appended.
pub fn encode(
    header: &Header,
    objects: &[Object],
    sizes: Sizes,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let type_id =
        TypeId::from_code(header.type_code).ok_or(Unfit::UnknownType(header.type_code))?;
    if objects.is_empty() || objects.len() > OBJECTS_MAX {
        return Err(Unfit::Count(objects.len()));
    }
    if header.common_address > sizes.broadcast() {
        return Err(Unfit::CommonAddress(header.common_address));
    }
    let mut expected = None;
    for object in objects {
        if !object.fits(type_id) {
            return Err(Unfit::Object { address: object.address, type_id });
        }
        let follows = expected.is_none_or(|expected| expected == object.address);
        if object.address > sizes.object_address_max() || header.in_a_row && !follows {
            return Err(Unfit::Address(object.address));
        }
        expected = Some(object.address.saturating_add(1));
    }
    let start = out.len();
    Header { count: objects.len() as u8, ..*header }.put(sizes, out);
    for (index, object) in objects.iter().enumerate() {
        if index == 0 || !header.in_a_row {
            put_number(object.address, sizes.object_address, out);
        }
        object.put(out);
    }
    let bytes = out.len().saturating_sub(start);
    if bytes > ASDU_BYTES_MAX {
        out.truncate(start);
        return Err(Unfit::Bytes(bytes));
    }
    Ok(())
}
