//! Answers: the header of every PDU, and what the answers to jobs carry.

use crate::Malformed;
use crate::bytes::{take_slice, take_u8, take_u16};
use crate::code::{ErrorCode, ItemCode};
use crate::request::{READ, SETUP, WRITE};

/// What a PDU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Job,
    /// An answer without data: an error, mostly.
    Ack,
    AckData,
    UserData,
}

/// A PDU taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    pub kind: Kind,
    /// The number that an answer has from its job.
    pub reference: u16,
    /// Of an answer as a whole.
    pub error: ErrorCode,
    pub parameter: &'a [u8],
    pub data: &'a [u8],
}

impl<'a> Pdu<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Pdu<'a>, Malformed> {
        let short = Malformed::Short { bytes: bytes.len() };
        let mut rest = bytes;
        match take_u8(&mut rest).ok_or(short)? {
            0x32 => {}
            other => return Err(Malformed::Protocol(other)),
        }
        let kind = match take_u8(&mut rest).ok_or(short)? {
            1 => Kind::Job,
            2 => Kind::Ack,
            3 => Kind::AckData,
            7 => Kind::UserData,
            other => return Err(Malformed::Kind(other)),
        };
        take_u16(&mut rest).ok_or(short)?;
        let reference = take_u16(&mut rest).ok_or(short)?;
        let parameter = take_u16(&mut rest).ok_or(short)?;
        let data = take_u16(&mut rest).ok_or(short)?;
        let error = match kind {
            Kind::Ack | Kind::AckData => ErrorCode(take_u16(&mut rest).ok_or(short)?),
            Kind::Job | Kind::UserData => ErrorCode::NONE,
        };
        let parameter = take_slice(&mut rest, parameter.into()).ok_or(short)?;
        let data = take_slice(&mut rest, data.into()).ok_or(short)?;
        Ok(Pdu { kind, reference, error, parameter, data })
    }

    pub fn is_answer(&self) -> bool {
        self.kind != Kind::Job
    }

    /// The function of a job or its answer.
    pub fn function(&self) -> Option<u8> {
        self.parameter.first().copied()
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub pdu_bytes: u16,
}

impl Setup {
    pub fn decode(pdu: &Pdu<'_>) -> Result<Setup, Malformed> {
        match pdu.parameter {
            [SETUP, _, _, _, _, _, high, low, ..] => {
                Ok(Setup { pdu_bytes: u16::from_be_bytes([*high, *low]) })
            }
            _ => Err(Malformed::Parameter),
        }
    }
}

/// The items of a read's answer, in the order of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAnswer<'a> {
    left: u8,
    rest: &'a [u8],
}

impl<'a> ReadAnswer<'a> {
    pub fn decode(pdu: &Pdu<'a>, items: usize) -> Result<ReadAnswer<'a>, Malformed> {
        let &[READ, stated, ..] = pdu.parameter else { return Err(Malformed::Parameter) };
        if usize::from(stated) != items {
            return Err(Malformed::Items { stated });
        }
        Ok(ReadAnswer { left: stated, rest: pdu.data })
    }

    fn item(&mut self) -> Result<Result<&'a [u8], ItemCode>, Malformed> {
        let short = Malformed::Short { bytes: self.rest.len() };
        let code = ItemCode(take_u8(&mut self.rest).ok_or(short)?);
        // Some servers leave the rest of a refused last item out.
        if !code.is_success() && self.rest.len() < 3 {
            self.rest = &[];
            return Ok(Err(code));
        }
        let transport = take_u8(&mut self.rest).ok_or(short)?;
        let stated = take_u16(&mut self.rest).ok_or(short)?;
        let bytes = match transport {
            // Counted in bits: single bits, bytes and words, integers.
            0x03..=0x05 => stated.div_ceil(8),
            _ => stated,
        };
        if !code.is_success() {
            // What a refused item still carries, if anything, is of no use.
            let _ = take_slice(&mut self.rest, padded(bytes, self.left));
            return Ok(Err(code));
        }
        let data = take_slice(&mut self.rest, bytes.into()).ok_or(Malformed::Data { stated })?;
        if bytes % 2 == 1 && self.left > 0 {
            let _ = take_u8(&mut self.rest);
        }
        Ok(Ok(data))
    }
}

fn padded(bytes: u16, left: u8) -> usize {
    let bytes = usize::from(bytes);
    if left > 0 { bytes.next_multiple_of(2) } else { bytes }
}

impl<'a> Iterator for ReadAnswer<'a> {
    /// The data of an item or why there is none; an error ends the answer.
    type Item = Result<Result<&'a [u8], ItemCode>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let item = self.item();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }
}

/// The outcome of writing one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteAnswer(pub ItemCode);

impl WriteAnswer {
    pub fn decode(pdu: &Pdu<'_>) -> Result<WriteAnswer, Malformed> {
        match (pdu.parameter, pdu.data) {
            ([WRITE, 1, ..], [code, ..]) => Ok(WriteAnswer(ItemCode(*code))),
            ([WRITE, 1, ..], []) => Err(Malformed::Short { bytes: 0 }),
            ([WRITE, stated, ..], _) => Err(Malformed::Items { stated: *stated }),
            _ => Err(Malformed::Parameter),
        }
    }
}
