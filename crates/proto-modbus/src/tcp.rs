//! Frames on TCP: the MBAP header of 7 bytes before each PDU (Messaging on TCP/IP V1.0b, 3.1.3).
//!
//! A header that cannot be true means that the place in the stream is lost; there is no mark to
//! find it again by, so the connection must end.

use crate::limits::PDU_BYTES_MAX;
use crate::{Malformed, Request, Response};
use std::fmt;

/// The longest frame: header and PDU.
pub const FRAME_BYTES_MAX: usize = 260;

/// Transaction id, protocol id and length: what comes before the bytes that the length counts.
const PREFIX_BYTES: usize = 6;

/// Room for some frames, so that answers that arrive together are read together.
const BUFFER_BYTES: usize = 2048;

/// One frame as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub transaction: u16,
    pub unit: u8,
    /// At least one byte, the function code.
    pub pdu: &'a [u8],
    /// As received, with its header.
    pub raw: &'a [u8],
}

/// Bytes that cannot be the start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    ProtocolId(u16),
    Length(u16),
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Framing::ProtocolId(id) => {
                write!(f, "not Modbus TCP: protocol identifier {id} where 0 must be")
            }
            Framing::Length(length) => {
                write!(f, "not Modbus TCP: a frame of length {length}, where 2 to 254 is possible")
            }
        }
    }
}

impl std::error::Error for Framing {}

/// Appends a request's frame.
pub fn encode_request(
    transaction: u16,
    unit: u8,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    framed(transaction, unit, out, |out| request.encode(out))
}

/// Appends a response's frame.
pub fn encode_response(
    transaction: u16,
    unit: u8,
    response: &Response<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    framed(transaction, unit, out, |out| response.encode(out))
}

fn framed(
    transaction: u16,
    unit: u8,
    out: &mut Vec<u8>,
    pdu: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let start = out.len();
    let [t0, t1] = transaction.to_be_bytes();
    out.extend_from_slice(&[t0, t1, 0, 0, 0, 0, unit]);
    if let Err(malformed) = pdu(out) {
        out.truncate(start);
        return Err(malformed);
    }
    let counted = out.len().saturating_sub(start).saturating_sub(PREFIX_BYTES);
    let length = u16::try_from(counted).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(frame) = out.get_mut(start..)
        && let Some(place) = frame.get_mut(4..6)
    {
        place.copy_from_slice(&length);
    }
    Ok(())
}

/// Finds frames in a stream of bytes, however it is cut. Holds one buffer and never grows.
pub struct FrameBuffer {
    bytes: Box<[u8]>,
    /// What has arrived and was not taken lies in `start..end`.
    start: usize,
    end: usize,
}

impl Default for FrameBuffer {
    fn default() -> Self {
        FrameBuffer::new()
    }
}

impl FrameBuffer {
    pub fn new() -> FrameBuffer {
        FrameBuffer { bytes: vec![0; BUFFER_BYTES].into(), start: 0, end: 0 }
    }

    /// Where to put what arrives next: never empty once [`FrameBuffer::take`] has said `None`. Tell
    /// [`FrameBuffer::arrived`] afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len().saturating_sub(self.end) < FRAME_BYTES_MAX {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// The first `count` bytes of the space are filled.
    pub fn arrived(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }

    /// The next whole frame; `None` until more arrives.
    pub fn take(&mut self) -> Result<Option<Frame<'_>>, Framing> {
        let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        // A wrong header is an error as soon as it shows, not when a frame's worth has arrived.
        let Some((&[t0, t1, p0, p1], rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let protocol = u16::from_be_bytes([p0, p1]);
        if protocol != 0 {
            return Err(Framing::ProtocolId(protocol));
        }
        let Some((length, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let length = u16::from_be_bytes(*length);
        let counted = usize::from(length);
        if counted < 2 || counted > PDU_BYTES_MAX.saturating_add(1) {
            return Err(Framing::Length(length));
        }
        let Some((&unit, pdu)) = rest.get(..counted).and_then(|body| body.split_first()) else {
            return Ok(None);
        };
        let whole = PREFIX_BYTES.saturating_add(counted);
        let raw = waiting.get(..whole).unwrap_or_default();
        self.start = self.start.saturating_add(whole);
        Ok(Some(Frame { transaction: u16::from_be_bytes([t0, t1]), unit, pdu, raw }))
    }
}
