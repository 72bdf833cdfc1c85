//! Questions about the CPU itself: its blocks and its system status lists (SZL). Answers may come
//! in several PDUs, each of which has to be asked for.

use crate::Malformed;
use crate::answer::{Kind, Pdu};
use crate::bytes::{length, take, take_u16};
use crate::code::{ErrorCode, ItemCode};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The numbers of all data blocks.
    ListDataBlocks,
    /// One data block's length, by its number.
    DataBlock(u16),
    /// A partial list of the system status list.
    StatusList { id: u16, index: u16 },
}

impl Function {
    fn group(self) -> u8 {
        match self {
            Function::ListDataBlocks | Function::DataBlock(_) => 3,
            Function::StatusList { .. } => 4,
        }
    }

    fn number(self) -> u8 {
        match self {
            Function::ListDataBlocks => 2,
            Function::DataBlock(_) => 3,
            Function::StatusList { .. } => 1,
        }
    }
}

/// Appends the first question.
pub fn ask(reference: u16, function: Function, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut payload = Vec::with_capacity(8);
    match function {
        Function::ListDataBlocks => payload.extend_from_slice(b"0A"),
        Function::DataBlock(number) => {
            payload.extend_from_slice(b"0A");
            payload.extend_from_slice(format!("{number:05}").as_bytes());
            payload.push(b'A');
        }
        Function::StatusList { id, index } => {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&index.to_be_bytes());
        }
    }
    let parameter = [0, 1, 0x12, 4, 0x11, 0x40 | function.group(), function.number(), 0];
    let [high, low] = length(payload.len())?.to_be_bytes();
    let mut data = vec![0xFF, 0x09, high, low];
    data.extend_from_slice(&payload);
    pdu(reference, &parameter, &data, out)
}

/// What it takes to ask for the next part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continue {
    sequence: u8,
}

/// Appends the question for the next part.
pub fn go_on(
    reference: u16,
    function: Function,
    next: Continue,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let (group, number) = (0x40 | function.group(), function.number());
    let parameter = [0, 1, 0x12, 8, 0x12, group, number, next.sequence, 0, 0, 0, 0];
    pdu(reference, &parameter, &[0x0A, 0, 0, 0], out)
}

fn pdu(reference: u16, parameter: &[u8], data: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.extend_from_slice(&[0x32, 0x07, 0, 0]);
    out.extend_from_slice(&reference.to_be_bytes());
    out.extend_from_slice(&length(parameter.len())?.to_be_bytes());
    out.extend_from_slice(&length(data.len())?.to_be_bytes());
    out.extend_from_slice(parameter);
    out.extend_from_slice(data);
    Ok(())
}

/// One part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    pub error: ErrorCode,
    pub code: ItemCode,
    pub payload: &'a [u8],
    /// There is more.
    pub more: Option<Continue>,
}

impl<'a> Status<'a> {
    pub fn decode(pdu: &Pdu<'a>) -> Result<Status<'a>, Malformed> {
        if pdu.kind != Kind::UserData {
            // Some CPUs refuse with the answer of a job.
            return match pdu.error.is_none() {
                true => Err(Malformed::Parameter),
                false => Ok(Status {
                    error: pdu.error,
                    code: ItemCode::NO_OBJECT,
                    payload: &[],
                    more: None,
                }),
            };
        }
        let &[_, _, _, _, 0x12, kind, _, sequence, _, more, high, low, ..] = pdu.parameter else {
            return Err(Malformed::Parameter);
        };
        if kind & 0xF0 != 0x80 {
            return Err(Malformed::Parameter);
        }
        let (code, payload) = match pdu.data {
            [code, _, high, low, payload @ ..] => {
                let stated = u16::from_be_bytes([*high, *low]);
                let payload = payload.get(..usize::from(stated));
                (ItemCode(*code), payload.ok_or(Malformed::Data { stated })?)
            }
            [code, ..] => (ItemCode(*code), &[][..]),
            [] => return Err(Malformed::Short { bytes: 0 }),
        };
        Ok(Status {
            error: ErrorCode(u16::from_be_bytes([high, low])),
            code,
            payload,
            more: (more == 1).then_some(Continue { sequence }),
        })
    }
}

/// The numbers of blocks in the payload of a list.
#[derive(Clone, Copy, Debug)]
pub struct BlockEntries<'a>(&'a [u8]);

pub fn blocks(payload: &[u8]) -> BlockEntries<'_> {
    BlockEntries(payload)
}

impl Iterator for BlockEntries<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let [high, low, _, _] = take::<4>(&mut self.0)?;
        Some(u16::from_be_bytes([*high, *low]))
    }
}

/// What a CPU says of one data block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize {
    pub number: u16,
    /// Of its data, in bytes.
    pub bytes: u16,
}

/// The size in the payload of a block's description.
pub fn block_size(payload: &[u8]) -> Result<BlockSize, Malformed> {
    const NUMBER: usize = 12;
    const DATA_BYTES: usize = 40;
    let at = |place: usize| payload.get(place..).and_then(|mut rest| take_u16(&mut rest));
    match (at(NUMBER), at(DATA_BYTES)) {
        (Some(number), Some(bytes)) => Ok(BlockSize { number, bytes }),
        _ => Err(Malformed::Short { bytes: payload.len() }),
    }
}
