//! Requests and answers in words, for the communication log.

use std::fmt::Write;
use tagwerk_proto_modbus::{Function, Request, Response};

/// Registers or coils that are shown of one message.
const SHOWN_MAX: usize = 16;

pub fn request(unit: u8, request: &Request<'_>) -> String {
    let to = match unit {
        0 => "of all units (broadcast)".to_owned(),
        unit => format!("of unit {unit}"),
    };
    match *request {
        Request::ReadCoils { start, count } => format!("Read {} {to}", range("coil", start, count)),
        Request::ReadDiscreteInputs { start, count } => {
            format!("Read {} {to}", range("discrete input", start, count))
        }
        Request::ReadHoldingRegisters { start, count } => {
            format!("Read {} {to}", range("holding register", start, count))
        }
        Request::ReadInputRegisters { start, count } => {
            format!("Read {} {to}", range("input register", start, count))
        }
        Request::WriteCoil { address, on } => {
            format!("Switch coil {address} {to} {}", if on { "on" } else { "off" })
        }
        Request::WriteRegister { address, value } => {
            format!("Write {value} (0x{value:04X}) to holding register {address} {to}")
        }
        Request::WriteCoils { start, count, bits } => {
            format!("Write {} to {} {to}", coils(bits, count), range("coil", start, count))
        }
        Request::WriteRegisters { start, words } => {
            let count = (words.len() / 2) as u16;
            format!(
                "Write {} to {} {to}",
                registers(words),
                range("holding register", start, count)
            )
        }
        Request::MaskWriteRegister { address, and, or } => format!(
            "Keep bits 0x{and:04X} and set bits 0x{:04X} in holding register {address} {to}",
            or & !and
        ),
        Request::ReadWriteRegisters { read_start, read_count, write_start, words } => {
            let count = (words.len() / 2) as u16;
            format!(
                "Write {} to {} {to}, then read {}",
                registers(words),
                range("holding register", write_start, count),
                range("holding register", read_start, read_count)
            )
        }
    }
}

/// What an answer says, as far as it can be understood.
pub fn answer(unit: u8, pdu: &[u8]) -> String {
    match Response::decode(pdu) {
        Ok(Response::Coils { bits } | Response::DiscreteInputs { bits }) => {
            let count = u16::try_from(bits.len() * 8).unwrap_or(u16::MAX);
            format!("Unit {unit} answers {}", coils(bits, count))
        }
        Ok(
            Response::HoldingRegisters { words }
            | Response::InputRegisters { words }
            | Response::RegistersReadWritten { words },
        ) => format!("Unit {unit} answers {}", registers(words)),
        Ok(Response::CoilWritten { address, on }) => {
            format!("Unit {unit} confirms: coil {address} is {}", if on { "on" } else { "off" })
        }
        Ok(Response::RegisterWritten { address, value }) => {
            format!("Unit {unit} confirms: {value} (0x{value:04X}) in holding register {address}")
        }
        Ok(Response::CoilsWritten { start, count }) => {
            format!("Unit {unit} confirms: {} written", range("coil", start, count))
        }
        Ok(Response::RegistersWritten { start, count }) => {
            format!("Unit {unit} confirms: {} written", range("holding register", start, count))
        }
        Ok(Response::RegisterMasked { address, and, or }) => format!(
            "Unit {unit} confirms: bits 0x{:04X} set and the others of 0x{:04X} cleared in holding \
             register {address}",
            or & !and,
            !and
        ),
        Ok(Response::Refused { function, exception }) => {
            format!("Unit {unit} refuses to {}: {exception}", function.name())
        }
        Err(wrong) => {
            let code = pdu.first().map_or(0, |code| code & 0x7F);
            match Function::from_code(code) {
                Some(_) => format!("Unit {unit} answers something damaged: {wrong}"),
                None => format!("Unit {unit} says something else: {wrong}"),
            }
        }
    }
}

/// What was on a line besides frames.
pub fn noise(bytes: usize, damaged: Damaged) -> String {
    let what = match damaged {
        Damaged::Frame => "with a wrong check sum",
        Damaged::Noise => "that are no message",
    };
    format!("{bytes} byte{} {what}, dropped", if bytes == 1 { "" } else { "s" })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    Frame,
    Noise,
}

/// `coil 7`, or `coils 7 to 12`.
fn range(item: &str, start: u16, count: u16) -> String {
    match count {
        0 | 1 => format!("{item} {start}"),
        _ => format!("{item}s {start} to {}", u32::from(start) + u32::from(count) - 1),
    }
}

fn registers(words: &[u8]) -> String {
    let (all, _) = words.as_chunks::<2>();
    let mut text = String::new();
    for word in all.iter().take(SHOWN_MAX) {
        let space = if text.is_empty() { "" } else { " " };
        write!(text, "{space}{:04X}", u16::from_be_bytes(*word)).expect("a string takes all");
    }
    if all.len() > SHOWN_MAX {
        write!(text, " … ({} registers)", all.len()).expect("a string takes all");
    }
    text
}

/// The first on the left.
fn coils(bits: &[u8], count: u16) -> String {
    let all = usize::from(count).min(bits.len() * 8);
    let bit = |at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let mut text: String =
        (0..all.min(SHOWN_MAX)).map(|at| if bit(at) { '1' } else { '0' }).collect();
    if all > SHOWN_MAX {
        write!(text, "… ({all} bits)").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_said_in_words() {
        let words = [0u8; 40];
        for (asked, expected) in [
            (
                Request::ReadHoldingRegisters { start: 0, count: 10 },
                "Read holding registers 0 to 9 of unit 1",
            ),
            (Request::ReadCoils { start: 7, count: 1 }, "Read coil 7 of unit 1"),
            (
                Request::WriteRegister { address: 3, value: 258 },
                "Write 258 (0x0102) to holding register 3 of unit 1",
            ),
            (
                Request::MaskWriteRegister { address: 4, and: 0xFFF7, or: 8 },
                "Keep bits 0xFFF7 and set bits 0x0008 in holding register 4 of unit 1",
            ),
            (
                Request::WriteRegisters { start: 0, words: &words },
                "Write 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 \
                 0000 … (20 registers) to holding registers 0 to 19 of unit 1",
            ),
            (
                Request::WriteCoils { start: 2, count: 3, bits: &[0b101] },
                "Write 101 to coils 2 to 4 of unit 1",
            ),
        ] {
            assert_eq!(request(1, &asked), expected);
        }
        assert_eq!(
            request(0, &Request::WriteCoil { address: 1, on: true }),
            "Switch coil 1 of all units (broadcast) on"
        );
        for (pdu, expected) in [
            (&[3, 4, 0, 1, 0xAB, 0xCD][..], "Unit 2 answers 0001 ABCD"),
            (&[1, 1, 3], "Unit 2 answers 11000000"),
            (
                &[0x83, 2],
                "Unit 2 refuses to read holding registers: exception 2 (illegal data address)",
            ),
            (&[6, 0, 1, 0, 3], "Unit 2 confirms: 3 (0x0003) in holding register 1"),
            (
                &[22, 0, 4, 0xFF, 0xF7, 0, 0],
                "Unit 2 confirms: bits 0x0000 set and the others of 0x0008 cleared in holding \
                 register 4",
            ),
            (&[0x2B], "Unit 2 says something else: function 43 is not known"),
        ] {
            assert_eq!(answer(2, pdu), expected);
        }
    }
}
