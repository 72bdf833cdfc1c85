//! Bits of registers: flags, fields, packed decimals, other readings of the same bits.

use super::{Answer, Cell, Plain, Sort};
use Sort::{Number, Truth, Whole};

pub const ALL: &[Plain] = &[
    Plain { name: "bit_test", takes: &[Whole; 2], gives: Truth, body: bit_test },
    Plain { name: "bits", takes: &[Whole; 3], gives: Whole, body: bits },
    Plain { name: "bit_count", takes: &[Whole], gives: Whole, body: bit_count },
    Plain { name: "from_bcd", takes: &[Whole], gives: Whole, body: from_bcd },
    Plain { name: "to_bcd", takes: &[Whole], gives: Whole, body: to_bcd },
    Plain { name: "to_signed", takes: &[Whole; 2], gives: Whole, body: to_signed },
    Plain { name: "to_float32", takes: &[Whole], gives: Number, body: to_float32 },
    Plain { name: "swap_bytes", takes: &[Whole; 2], gives: Whole, body: swap_bytes },
];

/// The 64 bits of a number as a register holds them: two's complement below zero.
fn register(whole: i128) -> Option<u64> {
    u64::try_from(whole).ok().or_else(|| i64::try_from(whole).ok().map(|whole| whole as u64))
}

fn place(whole: i128) -> Option<u32> {
    u32::try_from(whole).ok().filter(|place| *place < 64)
}

fn bit_test(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x), Cell::Whole(at)] = cells else { return None };
    Some(Answer::Truth(register(*x)? >> place(*at)? & 1 == 1))
}

fn bits(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x), Cell::Whole(from), Cell::Whole(to)] = cells else { return None };
    let (from, to) = (place(*from)?, place(*to)?);
    let width = to.checked_sub(from)? + 1;
    let field = (register(*x)? >> from) & (u64::MAX >> (64 - width));
    Some(Answer::Whole(field.into()))
}

fn bit_count(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x)] = cells else { return None };
    Some(Answer::Whole(register(*x)?.count_ones().into()))
}

fn from_bcd(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x)] = cells else { return None };
    let packed = u64::try_from(*x).ok()?;
    let mut number: i128 = 0;
    for at in (0..64).step_by(4).rev() {
        let digit = packed >> at & 0xF;
        if digit > 9 {
            return None;
        }
        number = number * 10 + i128::from(digit);
    }
    Some(Answer::Whole(number))
}

fn to_bcd(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x)] = cells else { return None };
    let mut number = u64::try_from(*x).ok().filter(|x| *x < 10_000_000_000_000_000)?;
    let mut packed: u64 = 0;
    for at in (0..64).step_by(4) {
        packed |= (number % 10) << at;
        number /= 10;
    }
    Some(Answer::Whole(packed.into()))
}

fn to_signed(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x), Cell::Whole(width)] = cells else { return None };
    let width = u32::try_from(*width).ok().filter(|width| (1..=64).contains(width))?;
    let x = u64::try_from(*x).ok().filter(|x| width == 64 || *x >> width == 0)?;
    let unused = 64 - width;
    Some(Answer::Whole((((x << unused) as i64) >> unused).into()))
}

fn to_float32(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x)] = cells else { return None };
    let bits = u32::try_from(*x).ok().or_else(|| i32::try_from(*x).ok().map(|x| x as u32))?;
    Some(Answer::Number(f32::from_bits(bits).into()))
}

fn swap_bytes(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Whole(x), Cell::Whole(count)] = cells else { return None };
    Some(Answer::Whole(match count {
        2 => u16::try_from(*x).ok()?.swap_bytes().into(),
        4 => u32::try_from(*x).ok()?.swap_bytes().into(),
        8 => register(*x)?.swap_bytes().into(),
        _ => return None,
    }))
}
