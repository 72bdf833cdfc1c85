//! RTU: a unit, a PDU and a CRC (Modbus over Serial Line V1.02, 2.5.1). A frame does not say how
//! long it is; its function does. Where bytes make no sense, the place in the stream is found again
//! at the next silence, which the caller tells.

use crate::serial::{Asked, Damage, Echo, Head, Line};
use crate::{Function, Malformed};

/// The longest frame: unit, PDU and CRC.
pub const FRAME_BYTES_MAX: usize = 256;
/// The shortest: unit, function, CRC.
const FRAME_BYTES_MIN: usize = 4;

/// The CRC over a frame's bytes; it follows them low byte first.
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        let [low, high] = crc.to_le_bytes();
        let index = usize::from(low ^ byte);
        u16::from(high) ^ TABLE.get(index).copied().unwrap_or_default()
    })
}

/// The CRC's change for each byte (polynomial 0xA001).
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
            bit = plus(bit, 1);
        }
        #[allow(clippy::indexing_slicing, reason = "at compile time")]
        {
            table[byte as usize] = crc;
        }
        byte = plus(byte, 1);
    }
    table
};

const fn plus(a: u16, b: u16) -> u16 {
    a.saturating_add(b)
}

/// How long a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// In bytes, with unit and CRC.
    Known(usize),
    /// Its first bytes are not all there.
    More,
    /// The function is not one of those that carry data.
    Unknown,
}

/// The length of an answer, from its first bytes.
pub fn answer_length(bytes: &[u8]) -> Length {
    let Some(code) = bytes.get(1) else { return Length::More };
    if code & 0x80 != 0 {
        return match Function::from_code(code & 0x7F) {
            Some(_) => Length::Known(5),
            None => Length::Unknown,
        };
    }
    match Function::from_code(*code) {
        None => Length::Unknown,
        Some(
            Function::ReadCoils
            | Function::ReadDiscreteInputs
            | Function::ReadHoldingRegisters
            | Function::ReadInputRegisters
            | Function::ReadWriteRegisters,
        ) => counted(bytes, 2),
        Some(Function::MaskWriteRegister) => Length::Known(10),
        Some(
            Function::WriteCoil
            | Function::WriteRegister
            | Function::WriteCoils
            | Function::WriteRegisters,
        ) => Length::Known(8),
    }
}

/// The length of a request, from its first bytes.
pub fn request_length(bytes: &[u8]) -> Length {
    let Some(code) = bytes.get(1) else { return Length::More };
    match Function::from_code(*code) {
        None => Length::Unknown,
        Some(Function::WriteCoils | Function::WriteRegisters) => counted(bytes, 6),
        Some(Function::ReadWriteRegisters) => counted(bytes, 10),
        Some(Function::MaskWriteRegister) => Length::Known(10),
        Some(_) => Length::Known(8),
    }
}

/// With the count of its data bytes at a place.
fn counted(bytes: &[u8], at: usize) -> Length {
    match bytes.get(at) {
        None => Length::More,
        Some(count) => Length::Known(at.saturating_add(3).saturating_add(usize::from(*count))),
    }
}

/// Whether bytes are a frame with a right CRC.
pub fn is_whole(frame: &[u8]) -> bool {
    let Some((body, crc_bytes)) = frame.split_last_chunk::<2>() else { return false };
    (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len())
        && crc(body) == u16::from_le_bytes(*crc_bytes)
}

/// Appends unit, PDU and CRC, or nothing.
pub(crate) fn framed(
    unit: u8,
    out: &mut Vec<u8>,
    pdu: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let start = out.len();
    out.push(unit);
    if let Err(wrong) = pdu(out) {
        out.truncate(start);
        return Err(wrong);
    }
    let crc = crc(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// What the bytes begin with. Until the line is silent, nothing is given up: what looks wrong may
/// be noise in front of a frame that is still arriving.
pub(crate) fn head(bytes: &[u8], asked: Option<&Asked<'_>>, line: Line) -> Head {
    let found = at(bytes, asked);
    let damage = match found {
        Head::Frame(_) | Head::Echo(_) => return found,
        _ if line == Line::Active => return Head::More,
        Head::Noise(_, damage) => damage,
        Head::More => Damage::Form,
    };
    // The next place where a frame lies, or where the answer may have begun: adapters pause in the
    // middle of a frame for longer than the specification lets them.
    let begins = |offset: usize| {
        let rest = bytes.get(offset..).unwrap_or_default();
        match at(rest, asked) {
            Head::Frame(_) | Head::Echo(_) => true,
            Head::More => asked.is_some_and(|asked| may_begin(rest, asked)),
            Head::Noise(..) => false,
        }
    };
    let whole = |offset: usize| {
        let rest = bytes.get(offset..).unwrap_or_default();
        matches!(at(rest, asked), Head::Frame(_) | Head::Echo(_))
    };
    if matches!(found, Head::More) && asked.is_some_and(|asked| may_begin(bytes, asked)) {
        return match (1..bytes.len()).find(|offset| whole(*offset)) {
            Some(offset) => Head::Noise(offset, damage),
            None => Head::More,
        };
    }
    match (1..bytes.len()).find(|offset| begins(*offset)) {
        Some(offset) => Head::Noise(offset, damage),
        // A function that is not known here: only silence says where its frame ends.
        None if matches!(answer_length(bytes), Length::Unknown) && is_whole(bytes) => {
            Head::Frame(bytes.len())
        }
        None => Head::Noise(bytes.len(), damage),
    }
}

/// What lies just here.
fn at(bytes: &[u8], asked: Option<&Asked<'_>>) -> Head {
    let echo = asked.filter(|asked| !asked.sent.is_empty());
    let expected = echo.filter(|asked| asked.echo == Echo::Expected);
    if let Some(asked) = expected {
        if bytes.starts_with(asked.sent) {
            return Head::Echo(asked.sent.len());
        }
        if asked.sent.starts_with(bytes) {
            return Head::More;
        }
    }
    let found = match answer_length(bytes) {
        Length::Unknown => Head::Noise(1, Damage::Form),
        Length::More => Head::More,
        Length::Known(count) if count > FRAME_BYTES_MAX => Head::Noise(1, Damage::Form),
        Length::Known(count) => match bytes.get(..count) {
            None => Head::More,
            Some(frame) if is_whole(frame) => Head::Frame(count),
            Some(_) => Head::Noise(1, Damage::CheckSum),
        },
    };
    let Some(asked) = echo.filter(|asked| bytes.starts_with(asked.sent)) else { return found };
    match found {
        Head::Frame(count) if is_answer(bytes, count, asked) => found,
        _ => Head::Echo(asked.sent.len()),
    }
}

fn is_answer(bytes: &[u8], count: usize, asked: &Asked<'_>) -> bool {
    let body = bytes.get(..count.saturating_sub(2)).unwrap_or_default();
    body.split_first().is_some_and(|(unit, pdu)| asked.is_answered_by(*unit, pdu))
}

/// Whether bytes that are too few may be the first of the answer, or of the request's echo.
fn may_begin(bytes: &[u8], asked: &Asked<'_>) -> bool {
    if asked.sent.starts_with(bytes) {
        return true;
    }
    let [unit, rest @ ..] = bytes else { return false };
    let [code, rest @ ..] = rest else { return *unit == asked.unit };
    if *unit != asked.unit || code & 0x7F != asked.function {
        return false;
    }
    // The count of a read's data bytes is its third byte.
    let length = answer_length(bytes);
    code & 0x80 != 0
        || rest.is_empty()
        || matches!(length, Length::Known(count) if count == asked.answer_bytes.saturating_add(3))
}
