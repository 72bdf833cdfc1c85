//! What a server answers.

use crate::bytes::{take_u8, take_u16};
use crate::limits::PDU_BYTES_MAX;
use crate::request::{coil, coil_state, put, put_counted};
use crate::{Exception, Function, Malformed};

/// One answer. The data of reads is as on the wire; whether it is as much as was asked is for the
/// asker to see, who alone knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    Coils { bits: &'a [u8] },
    DiscreteInputs { bits: &'a [u8] },
    HoldingRegisters { words: &'a [u8] },
    InputRegisters { words: &'a [u8] },
    CoilWritten { address: u16, on: bool },
    RegisterWritten { address: u16, value: u16 },
    CoilsWritten { start: u16, count: u16 },
    RegistersWritten { start: u16, count: u16 },
    RegisterMasked { address: u16, and: u16, or: u16 },
    RegistersReadWritten { words: &'a [u8] },
    Refused { function: Function, exception: Exception },
}

impl<'a> Response<'a> {
    /// The function that is answered.
    pub fn function(&self) -> Function {
        match self {
            Response::Coils { .. } => Function::ReadCoils,
            Response::DiscreteInputs { .. } => Function::ReadDiscreteInputs,
            Response::HoldingRegisters { .. } => Function::ReadHoldingRegisters,
            Response::InputRegisters { .. } => Function::ReadInputRegisters,
            Response::CoilWritten { .. } => Function::WriteCoil,
            Response::RegisterWritten { .. } => Function::WriteRegister,
            Response::CoilsWritten { .. } => Function::WriteCoils,
            Response::RegistersWritten { .. } => Function::WriteRegisters,
            Response::RegisterMasked { .. } => Function::MaskWriteRegister,
            Response::RegistersReadWritten { .. } => Function::ReadWriteRegisters,
            Response::Refused { function, .. } => *function,
        }
    }

    /// Appends the PDU. Nothing is appended when the data is more than a PDU can carry.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let function = self.function();
        let code = function.code();
        match *self {
            Response::Coils { bits: data }
            | Response::DiscreteInputs { bits: data }
            | Response::HoldingRegisters { words: data }
            | Response::InputRegisters { words: data }
            | Response::RegistersReadWritten { words: data } => {
                if data.len() > PDU_BYTES_MAX.saturating_sub(2) {
                    return Err(Malformed::Length { function, bytes: data.len() });
                }
                out.push(code);
                put_counted(out, data);
                return Ok(());
            }
            Response::Refused { exception, .. } => {
                out.extend_from_slice(&[code | EXCEPTION_BIT, exception.0]);
                return Ok(());
            }
            _ => out.push(code),
        }
        match *self {
            Response::CoilWritten { address, on } => put(out, &[address, coil(on)]),
            Response::RegisterWritten { address, value } => put(out, &[address, value]),
            Response::CoilsWritten { start, count }
            | Response::RegistersWritten { start, count } => {
                put(out, &[start, count]);
            }
            Response::RegisterMasked { address, and, or } => put(out, &[address, and, or]),
            _ => {}
        }
        Ok(())
    }

    /// Reads a PDU.
    pub fn decode(pdu: &'a [u8]) -> Result<Response<'a>, Malformed> {
        let mut rest = pdu;
        let code = take_u8(&mut rest).ok_or(Malformed::Empty)?;
        let function = Function::from_code(code & !EXCEPTION_BIT)
            .ok_or(Malformed::UnknownFunction(code & !EXCEPTION_BIT))?;
        if code & EXCEPTION_BIT != 0 {
            return match rest {
                [exception] => Ok(Response::Refused { function, exception: Exception(*exception) }),
                _ => Err(Malformed::ExceptionLength(pdu.len())),
            };
        }
        let length = Malformed::Length { function, bytes: pdu.len() };
        let mut u16s = || take_u16(&mut rest).ok_or(length);
        let response = match function {
            Function::ReadCoils => return Ok(Response::Coils { bits: data(function, rest)? }),
            Function::ReadDiscreteInputs => {
                return Ok(Response::DiscreteInputs { bits: data(function, rest)? });
            }
            Function::ReadHoldingRegisters => {
                return Ok(Response::HoldingRegisters { words: data(function, rest)? });
            }
            Function::ReadInputRegisters => {
                return Ok(Response::InputRegisters { words: data(function, rest)? });
            }
            Function::ReadWriteRegisters => {
                return Ok(Response::RegistersReadWritten { words: data(function, rest)? });
            }
            Function::WriteCoil => {
                Response::CoilWritten { address: u16s()?, on: coil_state(u16s()?)? }
            }
            Function::WriteRegister => {
                Response::RegisterWritten { address: u16s()?, value: u16s()? }
            }
            Function::WriteCoils => Response::CoilsWritten { start: u16s()?, count: u16s()? },
            Function::WriteRegisters => {
                Response::RegistersWritten { start: u16s()?, count: u16s()? }
            }
            Function::MaskWriteRegister => {
                Response::RegisterMasked { address: u16s()?, and: u16s()?, or: u16s()? }
            }
        };
        if rest.is_empty() { Ok(response) } else { Err(length) }
    }
}

/// Set in the function code of an answer that refuses.
const EXCEPTION_BIT: u8 = 0x80;

/// The rest of a PDU, behind the count of its bytes.
fn data(function: Function, rest: &[u8]) -> Result<&[u8], Malformed> {
    match rest.split_first() {
        Some((stated, data)) if usize::from(*stated) == data.len() => Ok(data),
        Some((stated, data)) => {
            Err(Malformed::ByteCount { function, stated: *stated, bytes: data.len() })
        }
        None => Err(Malformed::Length { function, bytes: 1 }),
    }
}
