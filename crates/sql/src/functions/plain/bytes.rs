//! Bytes: as text and back, checksums, numbers inside them.

use super::{Answer, Cell, Plain, Sort};
use Sort::{Bytes, Text, Whole};

pub const ALL: &[Plain] = &[
    Plain { name: "hex", takes: &[Bytes], gives: Text, body: hex },
    Plain { name: "unhex", takes: &[Text], gives: Bytes, body: unhex },
    Plain { name: "base64", takes: &[Bytes], gives: Text, body: base64 },
    Plain { name: "unbase64", takes: &[Text], gives: Bytes, body: unbase64 },
    Plain { name: "crc16_modbus", takes: &[Bytes], gives: Whole, body: crc16_modbus },
    Plain { name: "crc32", takes: &[Bytes], gives: Whole, body: crc32 },
    Plain { name: "checksum_xor", takes: &[Bytes], gives: Whole, body: checksum_xor },
    Plain { name: "uint_be", takes: &[Bytes, Whole, Whole], gives: Whole, body: uint_be },
    Plain { name: "uint_le", takes: &[Bytes, Whole, Whole], gives: Whole, body: uint_le },
];

fn hex(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Bytes(bytes)] = cells else { return None };
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    Some(Answer::Text(digits.collect()))
}

fn unhex(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Text(text)] = cells else { return None };
    let digits: Option<Vec<u32>> = text.chars().map(|letter| letter.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let bytes = digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8);
    Some(Answer::Bytes(bytes.collect()))
}

/// RFC 4648, section 4.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Bytes(bytes)] = cells else { return None };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place > group.len() { '=' } else { letter.into() });
        }
    }
    Some(Answer::Text(text))
}

fn unbase64(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Text(text)] = cells else { return None };
    let letters = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - letters.len();
    // Padding may be left out; what is there must be right.
    if letters.len() % 4 == 1 || (padding > 0 && (padding > 2 || !text.len().is_multiple_of(4))) {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4);
    let (mut word, mut held) = (0_u32, 0);
    for letter in letters {
        let value = LETTERS.iter().position(|known| known == letter)?;
        word = (word << 6 | value as u32) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((word >> held) as u8);
        }
    }
    Some(Answer::Bytes(bytes))
}

/// The checksum at the end of a Modbus frame on a serial line, as a number: its low byte is sent first.
fn crc16_modbus(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Bytes(bytes)] = cells else { return None };
    let crc = bytes.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| (crc >> 1) ^ (0xA001 * (crc & 1)))
    });
    Some(Answer::Whole(crc.into()))
}

/// As Ethernet, zip and PNG compute it.
fn crc32(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Bytes(bytes)] = cells else { return None };
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    });
    Some(Answer::Whole((!crc).into()))
}

fn checksum_xor(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Bytes(bytes)] = cells else { return None };
    Some(Answer::Whole(bytes.iter().fold(0, |sum, byte| sum ^ byte).into()))
}

fn uint_be(cells: &[Cell]) -> Option<Answer> {
    let bytes = part(cells)?;
    Some(Answer::Whole(bytes.iter().fold(0, |number, byte| number << 8 | i128::from(*byte))))
}

fn uint_le(cells: &[Cell]) -> Option<Answer> {
    let bytes = part(cells)?;
    Some(Answer::Whole(bytes.iter().rev().fold(0, |number, byte| number << 8 | i128::from(*byte))))
}

/// So many bytes behind an offset, 8 at most.
fn part<'a>(cells: &[Cell<'a>]) -> Option<&'a [u8]> {
    let [Cell::Bytes(bytes), Cell::Whole(offset), Cell::Whole(count)] = cells else { return None };
    let offset = usize::try_from(*offset).ok()?;
    let count = usize::try_from(*count).ok().filter(|count| (1..=8).contains(count))?;
    bytes.get(offset..offset.checked_add(count)?)
}
