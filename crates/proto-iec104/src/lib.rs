//! IEC 60870-5-104 as bytes, for both ends: frames (APCI), application data (ASDU), times. After
//! IEC 60870-5-101:2003 (section 7) and IEC 60870-5-104:2006. No I/O, no timers: when to send what
//! is the driver's.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod apci;
mod asdu;
mod bytes;
mod cause;
mod element;
mod element_bytes;
pub mod fuzz;
mod quality;
mod time;
mod type_id;
mod words;

pub use apci::{
    Frame, FrameBuffer, Framing, Function, Sequence, encode_information, encode_supervisory,
    encode_unnumbered,
};
pub use asdu::{ASDU_BYTES_MAX, Asdu, Header, Malformed, Object, Objects, Sizes, Unfit, encode};
pub use cause::{Cause, Sign};
pub use element::{CommandQualifier, Counter, Element, SetQualifier, Stage};
pub use quality::Quality;
pub use time::{Cp24, Cp56, TimeTag};
pub use type_id::{Family, TimeForm, TypeId};
pub use words::Words;
