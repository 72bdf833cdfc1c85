//! Siemens S7 communication as bytes: TPKT (RFC 1006), COTP class 0 (RFC 905) and the jobs that
//! read and write variables, set up a connection and look at blocks. No I/O; what to ask, and when,
//! is the driver's. Everything that is read has a bound and never panics.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod answer;
mod bytes;
mod code;
pub mod cotp;
pub mod fuzz;
mod item;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod userdata;

pub use answer::{Kind, Pdu, ReadAnswer, Setup, WriteAnswer};
pub use code::{ErrorCode, ItemCode};
pub use item::{Area, Item, ItemSize};
pub use request::{read, setup, write};
pub use stream::{Event, Framing, Receiver};
pub use userdata::{
    BlockEntries, BlockSize, Continue, Function, Status, ask, block_size, blocks, go_on,
};

use std::fmt;

/// The longest PDU that is asked for; an S7-1500 grants this much, an S7-300 or S7-1200 240.
pub const PDU_BYTES_MAX: u16 = 960;
/// The shortest PDU that is worked with. Less would not hold one item with its value.
pub const PDU_BYTES_MIN: u16 = 64;
/// Items that one job may name.
pub const ITEMS_MAX: usize = 20;

/// Bytes of a read job that are not items: header and parameter.
pub const READ_JOB_BYTES: usize = 12;
/// Bytes that each item adds to a job.
pub const ITEM_BYTES: usize = 12;
/// Bytes of a read's answer that are not items: header and parameter.
pub const READ_ANSWER_BYTES: usize = 14;
/// Bytes that each item adds to an answer, before its data.
pub const ITEM_HEAD_BYTES: usize = 4;
/// Bytes of a job that writes one item, before its data.
pub const WRITE_JOB_BYTES: usize = 28;

/// Why bytes are not the PDU they should be, or a PDU cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than its own header, or than the header says.
    Short {
        bytes: usize,
    },
    /// Not 0x32.
    Protocol(u8),
    Kind(u8),
    /// The parameter is not the one of the job that was sent.
    Parameter,
    /// The count of items differs from what was asked.
    Items {
        stated: u8,
    },
    /// The data of an item ends before its stated length.
    Data {
        stated: u16,
    },
    /// A job with nothing or with more than it can carry.
    Quantity {
        items: usize,
    },
    /// More data than the length field can say.
    TooLong {
        bytes: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Short { bytes } => write!(f, "a message of {bytes} bytes is cut off"),
            Malformed::Protocol(id) => {
                write!(f, "protocol 0x{id:02X} where 0x32 (S7 communication) must be")
            }
            Malformed::Kind(kind) => write!(f, "messages of kind {kind} are not known"),
            Malformed::Parameter => write!(f, "it belongs to another kind of job"),
            Malformed::Items { stated } => write!(f, "it has {stated} items, not as many as asked"),
            Malformed::Data { stated } => {
                write!(f, "an item states {stated} bits or bytes of data that are not there")
            }
            Malformed::Quantity { items } => {
                write!(f, "a job takes 1 to {ITEMS_MAX} items, not {items}")
            }
            Malformed::TooLong { bytes } => write!(f, "{bytes} bytes do not fit one job"),
        }
    }
}

impl std::error::Error for Malformed {}
