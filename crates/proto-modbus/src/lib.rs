//! Modbus as bytes: requests and responses (PDUs) of the functions that carry data, and their
//! frames on TCP and on serial lines. After the Modbus Application Protocol Specification V1.1b3,
//! the Messaging on TCP/IP Implementation Guide V1.0b and Modbus over Serial Line V1.02. No I/O, no
//! time; what to ask and when is the driver's.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod ascii;
mod bytes;
mod exception;
pub mod fuzz;
mod limits;
mod request;
mod response;
pub mod rtu;
pub mod serial;
pub mod tcp;

pub use exception::Exception;
pub use limits::{
    PDU_BYTES_MAX, READ_BITS_MAX, READ_REGISTERS_MAX, READ_WRITE_REGISTERS_MAX, WRITE_BITS_MAX,
    WRITE_REGISTERS_MAX,
};
pub use request::Request;
pub use response::Response;

use std::fmt;

/// The functions that carry data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Function {
    ReadCoils = 1,
    ReadDiscreteInputs = 2,
    ReadHoldingRegisters = 3,
    ReadInputRegisters = 4,
    WriteCoil = 5,
    WriteRegister = 6,
    WriteCoils = 15,
    WriteRegisters = 16,
    MaskWriteRegister = 22,
    ReadWriteRegisters = 23,
}

impl Function {
    pub const ALL: [Function; 10] = [
        Function::ReadCoils,
        Function::ReadDiscreteInputs,
        Function::ReadHoldingRegisters,
        Function::ReadInputRegisters,
        Function::WriteCoil,
        Function::WriteRegister,
        Function::WriteCoils,
        Function::WriteRegisters,
        Function::MaskWriteRegister,
        Function::ReadWriteRegisters,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.code() == code)
    }

    /// What the function does, for messages: `read holding registers`.
    pub fn name(self) -> &'static str {
        match self {
            Function::ReadCoils => "read coils",
            Function::ReadDiscreteInputs => "read discrete inputs",
            Function::ReadHoldingRegisters => "read holding registers",
            Function::ReadInputRegisters => "read input registers",
            Function::WriteCoil => "write one coil",
            Function::WriteRegister => "write one register",
            Function::WriteCoils => "write coils",
            Function::WriteRegisters => "write registers",
            Function::MaskWriteRegister => "mask write register",
            Function::ReadWriteRegisters => "read and write registers",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {} ({})", self.code(), self.name())
    }
}

/// Why bytes are not the PDU they should be, or a PDU cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No function code at all.
    Empty,
    UnknownFunction(u8),
    /// Fewer or more bytes than the function's form has.
    Length {
        function: Function,
        bytes: usize,
    },
    /// The count of bytes inside does not match the bytes that are there, or the quantity.
    ByteCount {
        function: Function,
        stated: u8,
        bytes: usize,
    },
    /// More than the function may carry, or nothing.
    Quantity {
        function: Function,
        quantity: usize,
        max: u16,
    },
    /// A coil is neither 0x0000 nor 0xFF00.
    CoilValue(u16),
    /// An exception without its code.
    ExceptionLength(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Empty => write!(f, "a message without a function code"),
            Malformed::UnknownFunction(code) => write!(f, "function {code} is not known"),
            Malformed::Length { function, bytes } => {
                write!(f, "{function} does not have {bytes} bytes")
            }
            Malformed::ByteCount { function, stated, bytes } => {
                write!(
                    f,
                    "{function} states {stated} data bytes, but {bytes} are there or expected"
                )
            }
            Malformed::Quantity { function, quantity, max } => {
                write!(f, "{function} takes 1 to {max} at once, not {quantity}")
            }
            Malformed::CoilValue(value) => {
                write!(f, "a coil is written as 0x0000 or 0xFF00, not 0x{value:04X}")
            }
            Malformed::ExceptionLength(bytes) => {
                write!(f, "an exception has 2 bytes, not {bytes}")
            }
        }
    }
}

impl std::error::Error for Malformed {}
