//! The transport below S7: packets of RFC 1006 (TPKT) with the transport protocol of RFC 905
//! (COTP), class 0, inside. Asking for a connection, and sending data in pieces that the peer
//! takes.

use crate::Malformed;
use crate::bytes::{length, take_u8};

/// The longest packet: the longest TPDU there is, and its TPKT header.
pub const PACKET_BYTES_MAX: usize = 8192 + TPKT_BYTES;
pub(crate) const TPKT_BYTES: usize = 4;
/// Length, code and number before the data.
const DATA_HEAD_BYTES: u16 = 3;

/// The size of a TPDU that is asked for, as a power of two: 1024 bytes hold the longest PDU.
const SIZE_ASKED: u8 = 10;
/// What holds when the peer confirms no size (RFC 905, 13.3.4 b).
pub const TPDU_BYTES_DEFAULT: u16 = 128;

/// Appends a request for a connection between two transport selectors.
pub fn connect(local: u16, remote: u16, out: &mut Vec<u8>) {
    let [l0, l1] = local.to_be_bytes();
    let [r0, r1] = remote.to_be_bytes();
    out.extend_from_slice(&[
        3, 0, 0, 22, // TPKT
        17, 0xE0, 0, 0, 0, 1, 0, // a request from reference 1, class 0
        0xC0, 1, SIZE_ASKED, 0xC1, 2, l0, l1, 0xC2, 2, r0, r1,
    ]);
}

/// Appends a PDU as data, in as many TPDUs as the agreed size takes.
pub fn data(pdu: &[u8], tpdu_bytes: u16, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let room = tpdu_bytes.max(TPDU_BYTES_DEFAULT).saturating_sub(DATA_HEAD_BYTES);
    let mut pieces = pdu.chunks(room.into()).peekable();
    while let Some(piece) = pieces.next() {
        let whole = piece.len().saturating_add(TPKT_BYTES).saturating_add(DATA_HEAD_BYTES.into());
        let [high, low] = length(whole)?.to_be_bytes();
        let last = if pieces.peek().is_none() { 0x80 } else { 0 };
        out.extend_from_slice(&[3, 0, high, low, 2, 0xF0, last]);
        out.extend_from_slice(piece);
    }
    Ok(())
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tpdu<'a> {
    /// The connection stands, with TPDUs of at most this size.
    Confirm {
        tpdu_bytes: u16,
    },
    /// The peer refuses a connection or ends it.
    Disconnect {
        reason: u8,
    },
    /// The peer did not understand.
    Rejected {
        cause: u8,
    },
    Data {
        last: bool,
        payload: &'a [u8],
    },
}

impl<'a> Tpdu<'a> {
    /// `None` when it is none of class 0, or cut off.
    pub fn decode(bytes: &'a [u8]) -> Option<Tpdu<'a>> {
        let (&head, rest) = bytes.split_first()?;
        let (head, payload) = rest.split_at_checked(head.into())?;
        let (&code, mut rest) = head.split_first()?;
        match code & 0xF0 {
            0xD0 => {
                let (_, parameters) = rest.split_first_chunk::<5>()?;
                Some(Tpdu::Confirm { tpdu_bytes: confirmed_size(parameters) })
            }
            0x80 => {
                let (_, rest) = rest.split_first_chunk::<4>()?;
                Some(Tpdu::Disconnect { reason: rest.first().copied().unwrap_or(0) })
            }
            0x70 => {
                let (_, rest) = rest.split_first_chunk::<2>()?;
                Some(Tpdu::Rejected { cause: rest.first().copied().unwrap_or(0) })
            }
            0xF0 => {
                let number = take_u8(&mut rest)?;
                Some(Tpdu::Data { last: number & 0x80 != 0, payload })
            }
            _ => None,
        }
    }
}

/// The size among the parameters of a confirmation.
fn confirmed_size(mut parameters: &[u8]) -> u16 {
    while let Some((&[code, count], rest)) = parameters.split_first_chunk::<2>() {
        let Some((value, rest)) = rest.split_at_checked(count.into()) else { break };
        if let (0xC0, &[power @ 7..=13]) = (code, value) {
            return 1u16 << power;
        }
        parameters = rest;
    }
    TPDU_BYTES_DEFAULT
}

/// The reason of a disconnection in words (RFC 905, 13.5.3 d).
pub fn reason_words(reason: u8) -> &'static str {
    match reason {
        0 => "no reason given",
        1 => "no more connections at this end",
        2 => "nobody is attached to this transport selector",
        3 => "the transport selector is not known",
        128 => "normal end",
        129 => "the peer is congested",
        130 => "the terms of the connection were refused",
        131 => "a connection of this reference exists already",
        132 => "mismatched references",
        133 => "protocol error",
        136 => "the connection was refused on this network",
        138 => "wrong header length",
        _ => "unknown reason",
    }
}
