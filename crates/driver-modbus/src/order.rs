//! In which order a device puts the bytes of a value that is wider than a register.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The order of the bytes on the wire, as exchanges against big-endian: neighbouring bytes, then
/// neighbouring registers, then the two halves of 64 bits. Each exchange undoes itself and they do
/// not depend on each other, so the same steps decode and encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Order(u8);

const BYTES: u8 = 1;
const REGISTERS: u8 = 2;
const HALVES: u8 = 4;

/// How a user may write each order. `#LL` and the like are Neuron's names. Orders of four letters
/// hold for 64 bits too: `CDAB` has all registers reversed.
const NAMES: [(&str, Width, Order); 20] = [
    ("AB", Width::W16, Order(0)),
    ("BA", Width::W16, Order(BYTES)),
    ("L", Width::W16, Order(0)),
    ("B", Width::W16, Order(BYTES)),
    ("ABCD", Width::Wide, Order(0)),
    ("BADC", Width::Wide, Order(BYTES)),
    ("CDAB", Width::Wide, Order(REGISTERS | HALVES)),
    ("DCBA", Width::Wide, Order(BYTES | REGISTERS | HALVES)),
    ("LL", Width::Wide, Order(0)),
    ("LB", Width::Wide, Order(BYTES)),
    ("BL", Width::Wide, Order(REGISTERS | HALVES)),
    ("BB", Width::Wide, Order(BYTES | REGISTERS | HALVES)),
    ("ABCDEFGH", Width::W64, Order(0)),
    ("BADCFEHG", Width::W64, Order(BYTES)),
    ("CDABGHEF", Width::W64, Order(REGISTERS)),
    ("DCBAHGFE", Width::W64, Order(BYTES | REGISTERS)),
    ("EFGHABCD", Width::W64, Order(HALVES)),
    ("FEHGBADC", Width::W64, Order(BYTES | HALVES)),
    ("GHEFCDAB", Width::W64, Order(REGISTERS | HALVES)),
    ("HGFEDCBA", Width::W64, Order(BYTES | REGISTERS | HALVES)),
];

/// What an order's name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One register, and the characters of a text.
    W16,
    /// Two registers or four.
    Wide,
    /// Four registers.
    W64,
}

impl Order {
    pub fn from_name(name: &str) -> Option<(Order, Width)> {
        let (_, width, order) =
            NAMES.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known))?;
        Some((*order, *width))
    }

    /// Whether the two bytes of each register change places.
    pub fn exchanges_bytes(self) -> bool {
        self.0 & BYTES != 0
    }

    pub fn of_16(self, bytes: [u8; 2]) -> [u8; 2] {
        let [a, b] = bytes;
        if self.exchanges_bytes() { [b, a] } else { bytes }
    }

    pub fn of_32(self, bytes: [u8; 4]) -> [u8; 4] {
        let mut v = u32::from_be_bytes(bytes);
        if self.0 & BYTES != 0 {
            v = (v & 0x00FF_00FF) << 8 | v >> 8 & 0x00FF_00FF;
        }
        if self.0 & REGISTERS != 0 {
            v = v.rotate_left(16);
        }
        v.to_be_bytes()
    }

    pub fn of_64(self, bytes: [u8; 8]) -> [u8; 8] {
        let mut v = u64::from_be_bytes(bytes);
        if self.0 & BYTES != 0 {
            v = (v & 0x00FF_00FF_00FF_00FF) << 8 | v >> 8 & 0x00FF_00FF_00FF_00FF;
        }
        if self.0 & REGISTERS != 0 {
            v = (v & 0x0000_FFFF_0000_FFFF) << 16 | v >> 16 & 0x0000_FFFF_0000_FFFF;
        }
        if self.0 & HALVES != 0 {
            v = v.rotate_left(32);
        }
        v.to_be_bytes()
    }

    /// As one byte, for the decode table.
    pub fn code(self) -> u8 {
        self.0
    }

    pub fn from_code(code: u8) -> Order {
        Order(code & (BYTES | REGISTERS | HALVES))
    }
}

/// The order of values of two and four registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum ByteOrder {
    /// Big-endian, as Modbus has it within a register: 0x12345678 is 1234 5678.
    #[default]
    #[serde(rename = "ABCD")]
    Abcd,
    /// Bytes exchanged in each register: 3412 7856.
    #[serde(rename = "BADC")]
    Badc,
    /// Registers reversed, the lowest first: 5678 1234.
    #[serde(rename = "CDAB")]
    Cdab,
    /// Little-endian throughout: 7856 3412.
    #[serde(rename = "DCBA")]
    Dcba,
}

impl From<ByteOrder> for Order {
    fn from(order: ByteOrder) -> Order {
        Order(match order {
            ByteOrder::Abcd => 0,
            ByteOrder::Badc => BYTES,
            ByteOrder::Cdab => REGISTERS | HALVES,
            ByteOrder::Dcba => BYTES | REGISTERS | HALVES,
        })
    }
}
