//! From a stream of bytes, however it is cut, to whole PDUs. A header that cannot be true means
//! that the place in the stream is lost; there is no mark to find it again by.

use crate::cotp::{PACKET_BYTES_MAX, TPKT_BYTES, Tpdu};
use std::fmt;

/// The longest PDU that is put together. Longer than any that is agreed on.
const ASSEMBLED_BYTES_MAX: usize = 8192;
/// Room for one packet of the greatest length, and for what comes with it.
const BUFFER_BYTES: usize = 2 * PACKET_BYTES_MAX;

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Confirmed {
        tpdu_bytes: u16,
    },
    Disconnected {
        reason: u8,
    },
    Rejected {
        cause: u8,
    },
    /// A part of a PDU; more follows.
    Fragment,
    /// A whole PDU, to be had from [`Receiver::pdu`].
    Pdu,
}

/// Bytes that cannot be what the protocol sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Version(u8),
    Length(u16),
    Tpdu(u8),
    TooLong,
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Framing::Version(version) => {
                write!(f, "not ISO on TCP: a packet of version {version} where 3 must be")
            }
            Framing::Length(length) => write!(
                f,
                "not ISO on TCP: a packet of {length} bytes, where 7 to {PACKET_BYTES_MAX} is \
                 possible"
            ),
            Framing::Tpdu(code) => {
                write!(f, "not ISO on TCP: a transport message 0x{code:02X} that is not understood")
            }
            Framing::TooLong => {
                write!(f, "a message in pieces that grows beyond {ASSEMBLED_BYTES_MAX} bytes")
            }
        }
    }
}

impl std::error::Error for Framing {}

/// Finds PDUs in a stream. Holds one buffer and one PDU, both bounded.
pub struct Receiver {
    bytes: Box<[u8]>,
    /// What has arrived and was not taken lies in `start..end`.
    start: usize,
    end: usize,
    /// Length of the packet that was taken last; it ends at `start`.
    taken: usize,
    pdu: Vec<u8>,
    whole: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver::new()
    }
}

impl Receiver {
    pub fn new() -> Receiver {
        let bytes = vec![0; BUFFER_BYTES].into();
        Receiver { bytes, start: 0, end: 0, taken: 0, pdu: Vec::new(), whole: true }
    }

    /// Where to put what arrives next: never empty once [`Receiver::take`] has said `None`. Tell
    /// [`Receiver::arrived`] afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len().saturating_sub(self.end) < PACKET_BYTES_MAX {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.taken = 0;
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// The first `count` bytes of the space are filled.
    pub fn arrived(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }

    /// The PDU that [`Event::Pdu`] spoke of, until the next call of [`Receiver::take`].
    pub fn pdu(&self) -> &[u8] {
        &self.pdu
    }

    /// The packet that was taken last, for a log; empty once there was room made for more.
    pub fn packet(&self) -> &[u8] {
        self.bytes.get(self.start.saturating_sub(self.taken)..self.start).unwrap_or_default()
    }

    /// What the next packet means; `None` until more arrives.
    pub fn take(&mut self) -> Result<Option<Event>, Framing> {
        let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        // A wrong header is an error as soon as it shows, not when a packet's worth has arrived.
        match waiting.first() {
            None => return Ok(None),
            Some(3) => {}
            Some(version) => return Err(Framing::Version(*version)),
        }
        let &[_, _, high, low, ..] = waiting else { return Ok(None) };
        let length = u16::from_be_bytes([high, low]);
        let bytes = usize::from(length);
        if !(7..=PACKET_BYTES_MAX).contains(&bytes) {
            return Err(Framing::Length(length));
        }
        let Some(packet) = waiting.get(TPKT_BYTES..bytes) else { return Ok(None) };
        self.start = self.start.saturating_add(bytes);
        self.taken = bytes;
        let code = packet.get(1).copied().unwrap_or(0);
        match Tpdu::decode(packet).ok_or(Framing::Tpdu(code))? {
            Tpdu::Confirm { tpdu_bytes } => Ok(Some(Event::Confirmed { tpdu_bytes })),
            Tpdu::Disconnect { reason } => Ok(Some(Event::Disconnected { reason })),
            Tpdu::Rejected { cause } => Ok(Some(Event::Rejected { cause })),
            Tpdu::Data { last, payload } => {
                if std::mem::replace(&mut self.whole, last) {
                    self.pdu.clear();
                }
                if self.pdu.len().saturating_add(payload.len()) > ASSEMBLED_BYTES_MAX {
                    return Err(Framing::TooLong);
                }
                self.pdu.extend_from_slice(payload);
                Ok(Some(if last { Event::Pdu } else { Event::Fragment }))
            }
        }
    }
}
