//! What a client asks.

use crate::bytes::{bytes_of_bits, take_u8, take_u16};
use crate::limits::{
    READ_BITS_MAX, READ_REGISTERS_MAX, READ_WRITE_REGISTERS_MAX, WRITE_BITS_MAX,
    WRITE_REGISTERS_MAX,
};
use crate::{Function, Malformed};

/// One request. Addresses are those of the protocol, from 0. `words` are registers as on the wire,
/// high byte first; `bits` are coils eight to a byte, the first in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    ReadCoils { start: u16, count: u16 },
    ReadDiscreteInputs { start: u16, count: u16 },
    ReadHoldingRegisters { start: u16, count: u16 },
    ReadInputRegisters { start: u16, count: u16 },
    WriteCoil { address: u16, on: bool },
    WriteRegister { address: u16, value: u16 },
    WriteCoils { start: u16, count: u16, bits: &'a [u8] },
    WriteRegisters { start: u16, words: &'a [u8] },
    MaskWriteRegister { address: u16, and: u16, or: u16 },
    ReadWriteRegisters { read_start: u16, read_count: u16, write_start: u16, words: &'a [u8] },
}

impl<'a> Request<'a> {
    pub fn function(&self) -> Function {
        match self {
            Request::ReadCoils { .. } => Function::ReadCoils,
            Request::ReadDiscreteInputs { .. } => Function::ReadDiscreteInputs,
            Request::ReadHoldingRegisters { .. } => Function::ReadHoldingRegisters,
            Request::ReadInputRegisters { .. } => Function::ReadInputRegisters,
            Request::WriteCoil { .. } => Function::WriteCoil,
            Request::WriteRegister { .. } => Function::WriteRegister,
            Request::WriteCoils { .. } => Function::WriteCoils,
            Request::WriteRegisters { .. } => Function::WriteRegisters,
            Request::MaskWriteRegister { .. } => Function::MaskWriteRegister,
            Request::ReadWriteRegisters { .. } => Function::ReadWriteRegisters,
        }
    }

    /// Bytes of the PDU of an answer that does not refuse.
    pub fn answer_bytes(&self) -> usize {
        let counted = |bytes: usize| bytes.saturating_add(2);
        match *self {
            Request::ReadCoils { count, .. } | Request::ReadDiscreteInputs { count, .. } => {
                counted(bytes_of_bits(count))
            }
            Request::ReadHoldingRegisters { count, .. }
            | Request::ReadInputRegisters { count, .. }
            | Request::ReadWriteRegisters { read_count: count, .. } => {
                counted(usize::from(count).saturating_mul(2))
            }
            Request::MaskWriteRegister { .. } => 7,
            Request::WriteCoil { .. }
            | Request::WriteRegister { .. }
            | Request::WriteCoils { .. }
            | Request::WriteRegisters { .. } => 5,
        }
    }

    /// Appends the PDU. Nothing is appended when the request is more than Modbus can carry.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.check()?;
        out.push(self.function().code());
        match *self {
            Request::ReadCoils { start, count }
            | Request::ReadDiscreteInputs { start, count }
            | Request::ReadHoldingRegisters { start, count }
            | Request::ReadInputRegisters { start, count } => put(out, &[start, count]),
            Request::WriteCoil { address, on } => put(out, &[address, coil(on)]),
            Request::WriteRegister { address, value } => put(out, &[address, value]),
            Request::WriteCoils { start, count, bits } => {
                put(out, &[start, count]);
                put_counted(out, bits);
            }
            Request::WriteRegisters { start, words } => {
                put(out, &[start, registers_in(words)]);
                put_counted(out, words);
            }
            Request::MaskWriteRegister { address, and, or } => put(out, &[address, and, or]),
            Request::ReadWriteRegisters { read_start, read_count, write_start, words } => {
                put(out, &[read_start, read_count, write_start, registers_in(words)]);
                put_counted(out, words);
            }
        }
        Ok(())
    }

    /// Reads a PDU.
    pub fn decode(pdu: &'a [u8]) -> Result<Request<'a>, Malformed> {
        let mut rest = pdu;
        let code = take_u8(&mut rest).ok_or(Malformed::Empty)?;
        let function = Function::from_code(code).ok_or(Malformed::UnknownFunction(code))?;
        let length = Malformed::Length { function, bytes: pdu.len() };
        let mut u16s = || take_u16(&mut rest).ok_or(length);
        let request = match function {
            Function::ReadCoils => Request::ReadCoils { start: u16s()?, count: u16s()? },
            Function::ReadDiscreteInputs => {
                Request::ReadDiscreteInputs { start: u16s()?, count: u16s()? }
            }
            Function::ReadHoldingRegisters => {
                Request::ReadHoldingRegisters { start: u16s()?, count: u16s()? }
            }
            Function::ReadInputRegisters => {
                Request::ReadInputRegisters { start: u16s()?, count: u16s()? }
            }
            Function::WriteCoil => {
                Request::WriteCoil { address: u16s()?, on: coil_state(u16s()?)? }
            }
            Function::WriteRegister => Request::WriteRegister { address: u16s()?, value: u16s()? },
            Function::MaskWriteRegister => {
                Request::MaskWriteRegister { address: u16s()?, and: u16s()?, or: u16s()? }
            }
            Function::WriteCoils => {
                let (start, count) = (u16s()?, u16s()?);
                let bits = counted(function, bytes_of_bits(count), &mut rest, length)?;
                Request::WriteCoils { start, count, bits }
            }
            Function::WriteRegisters => {
                let (start, count) = (u16s()?, u16s()?);
                let expected = usize::from(count).saturating_mul(2);
                let words = counted(function, expected, &mut rest, length)?;
                Request::WriteRegisters { start, words }
            }
            Function::ReadWriteRegisters => {
                let (read_start, read_count) = (u16s()?, u16s()?);
                let (write_start, count) = (u16s()?, u16s()?);
                let expected = usize::from(count).saturating_mul(2);
                let words = counted(function, expected, &mut rest, length)?;
                Request::ReadWriteRegisters { read_start, read_count, write_start, words }
            }
        };
        if !rest.is_empty() {
            return Err(length);
        }
        request.check()?;
        Ok(request)
    }

    /// Quantities within the protocol's bounds.
    fn check(&self) -> Result<(), Malformed> {
        let function = self.function();
        let within = |quantity: usize, max: u16| match quantity {
            q if q >= 1 && q <= usize::from(max) => Ok(()),
            quantity => Err(Malformed::Quantity { function, quantity, max }),
        };
        let whole = |words: &[u8], max: u16| {
            if !words.len().is_multiple_of(2) {
                return Err(Malformed::Length { function, bytes: words.len() });
            }
            within(words.len().div_ceil(2), max)
        };
        match *self {
            Request::ReadCoils { count, .. } | Request::ReadDiscreteInputs { count, .. } => {
                within(count.into(), READ_BITS_MAX)
            }
            Request::ReadHoldingRegisters { count, .. }
            | Request::ReadInputRegisters { count, .. } => within(count.into(), READ_REGISTERS_MAX),
            Request::WriteCoil { .. }
            | Request::WriteRegister { .. }
            | Request::MaskWriteRegister { .. } => Ok(()),
            Request::WriteCoils { count, bits, .. } => {
                within(count.into(), WRITE_BITS_MAX)?;
                match bits.len() == bytes_of_bits(count) {
                    true => Ok(()),
                    false => Err(Malformed::Length { function, bytes: bits.len() }),
                }
            }
            Request::WriteRegisters { words, .. } => whole(words, WRITE_REGISTERS_MAX),
            Request::ReadWriteRegisters { read_count, words, .. } => {
                within(read_count.into(), READ_REGISTERS_MAX)?;
                whole(words, READ_WRITE_REGISTERS_MAX)
            }
        }
    }
}

pub(crate) fn put(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

/// Data behind the count of its bytes; callers have checked that it fits in a PDU.
pub(crate) fn put_counted(out: &mut Vec<u8>, data: &[u8]) {
    out.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(data);
}

pub(crate) fn registers_in(words: &[u8]) -> u16 {
    u16::try_from(words.len().div_ceil(2)).unwrap_or(u16::MAX)
}

/// A coil as functions 5 carries it.
pub(crate) fn coil(on: bool) -> u16 {
    if on { 0xFF00 } else { 0x0000 }
}

pub(crate) fn coil_state(value: u16) -> Result<bool, Malformed> {
    match value {
        0xFF00 => Ok(true),
        0x0000 => Ok(false),
        other => Err(Malformed::CoilValue(other)),
    }
}

/// Takes a count of bytes, which must be `expected`, and that many bytes.
fn counted<'a>(
    function: Function,
    expected: usize,
    rest: &mut &'a [u8],
    length: Malformed,
) -> Result<&'a [u8], Malformed> {
    let stated = take_u8(rest).ok_or(length)?;
    if usize::from(stated) != expected {
        return Err(Malformed::ByteCount { function, stated, bytes: expected });
    }
    let Some((data, tail)) = rest.split_at_checked(expected) else {
        return Err(Malformed::ByteCount { function, stated, bytes: rest.len() });
    };
    *rest = tail;
    Ok(data)
}
