//! The column of floats: decimals as whole numbers where every one comes back bit for bit, else the
//! bits that differ from the number before, or the bits as they are.

use crate::bits::{BitReader, BitWriter};
use crate::bytes::{Input, put_blob};
use crate::integers::{self, Effort};

const BITS: u8 = 0;
const DECIMAL: u8 = 1;
/// Decimals in single precision, as most controllers have them.
const DECIMAL_SINGLE: u8 = 2;
const XOR: u8 = 3;

/// Powers of ten that a double holds exactly and a sensor may use.
const POWERS: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// Adding and subtracting this rounds to a whole number, below 2^51.
const ROUND: f64 = 6_755_399_441_055_744.0;
const WHOLE_MAX: f64 = 2_251_799_813_685_248.0;

#[derive(Default)]
pub(crate) struct Scratch {
    integers: integers::Scratch,
    whole: Vec<i64>,
    /// The form that fitted last: code and power.
    hint: (u8, u8),
}

impl Scratch {
    pub fn integers(&mut self) -> &mut integers::Scratch {
        &mut self.integers
    }

    pub fn set_hint(&mut self, hint: (u8, u8)) {
        self.hint = hint;
    }

    pub fn hint(&self) -> (u8, u8) {
        self.hint
    }
}

/// `bits` are those of doubles.
pub(crate) fn encode(bits: &[u64], effort: Effort, scratch: &mut Scratch, out: &mut Vec<u8>) {
    if bits.is_empty() {
        return;
    }
    let same = bits.iter().all(|b| *b == bits[0]);
    if !same && let Some((form, power)) = decimals(bits, effort, scratch) {
        scratch.hint = (form, power);
        out.push(form | power << 2);
        integers::encode(&scratch.whole, effort, &mut scratch.integers, out);
        return;
    }
    let at = out.len();
    out.push(BITS);
    scratch.whole.clear();
    scratch.whole.extend(bits.iter().map(|b| *b as i64));
    integers::encode(&scratch.whole, effort, &mut scratch.integers, out);
    if same {
        return;
    }
    scratch.hint = (BITS, 0);
    let xor = xor(bits);
    if xor.len() + 3 < out.len() - at {
        out.truncate(at);
        out.push(XOR);
        put_blob(&xor, out);
    }
}

/// Fills `scratch.whole`; the form and the power of ten that bring every number back.
fn decimals(bits: &[u64], effort: Effort, scratch: &mut Scratch) -> Option<(u8, u8)> {
    let (form, power) = scratch.hint;
    // A power that was once needed may be more than is needed now.
    if effort == Effort::Quick && form != BITS && whole(bits, form, power, &mut scratch.whole) {
        return Some((form, power));
    }
    for form in [DECIMAL, DECIMAL_SINGLE] {
        let mut power = 0;
        let fits = |power: usize, bits: u64| convert(bits, form, POWERS[power]).is_some();
        // A power that is enough for one number may be too small for the next.
        let found = bits.iter().all(|bits| {
            while power < POWERS.len() && !fits(power, *bits) {
                power += 1;
            }
            power < POWERS.len()
        });
        if found && whole(bits, form, power as u8, &mut scratch.whole) {
            return Some((form, power as u8));
        }
    }
    None
}

fn whole(bits: &[u64], form: u8, power: u8, out: &mut Vec<i64>) -> bool {
    out.clear();
    let Some(power) = POWERS.get(power as usize) else {
        return false;
    };
    for bits in bits {
        match convert(*bits, form, *power) {
            Some(number) => out.push(number),
            None => return false,
        }
    }
    true
}

/// The whole number that comes back as these very bits.
#[inline]
fn convert(bits: u64, form: u8, power: f64) -> Option<i64> {
    let scaled = f64::from_bits(bits) * power;
    // Negative zero fails below.
    if scaled.is_nan() || scaled.abs() >= WHOLE_MAX {
        return None;
    }
    let rounded = (scaled + ROUND) - ROUND;
    let number = rounded as i64;
    (restore(number, form, power) == bits).then_some(number)
}

#[inline]
fn restore(number: i64, form: u8, power: f64) -> u64 {
    match form {
        DECIMAL => divided::<DECIMAL>(number as f64, power),
        _ => divided::<DECIMAL_SINGLE>(number as f64, power),
    }
}

#[inline]
fn divided<const FORM: u8>(number: f64, power: f64) -> u64 {
    let value = number / power;
    match FORM {
        DECIMAL => value.to_bits(),
        _ => f64::from(value as f32).to_bits(),
    }
}

/// After Gorilla (Pelkonen and others, VLDB 2015, 4.1.2): the bits that differ, in the window of
/// the number before where they fit.
fn xor(bits: &[u64]) -> Vec<u8> {
    let mut writer = BitWriter::default();
    let mut before = bits[0];
    writer.put(before, 64);
    let (mut leading, mut trailing) = (65, 0);
    for value in &bits[1..] {
        let differ = value ^ std::mem::replace(&mut before, *value);
        if differ == 0 {
            writer.put(0, 1);
            continue;
        }
        let (zeros, ends) = (differ.leading_zeros().min(31), differ.trailing_zeros());
        if leading <= zeros && trailing <= ends {
            writer.put(0b10, 2);
            writer.put(differ >> trailing, 64 - leading - trailing);
            continue;
        }
        (leading, trailing) = (zeros, ends);
        let length = 64 - leading - trailing;
        writer.put(0b11, 2);
        writer.put(u64::from(leading), 5);
        writer.put(u64::from(length - 1), 6);
        writer.put(differ >> trailing, length);
    }
    writer.finish()
}

fn read_xor(bytes: &[u8], count: usize, out: &mut Vec<u64>) -> Option<()> {
    // One bit is the least that a number takes.
    if count > bytes.len() * 8 {
        return None;
    }
    let mut reader = BitReader::new(bytes);
    let mut value = reader.take(64)?;
    out.push(value);
    let (mut length, mut trailing) = (0, 0);
    for _ in 1..count {
        if reader.take(1)? == 1 {
            if reader.take(1)? == 1 {
                let leading = reader.take(5)? as u32;
                length = reader.take(6)? as u32 + 1;
                trailing = 64u32.checked_sub(leading + length)?;
            }
            if length == 0 {
                return None;
            }
            value ^= reader.take(length)? << trailing;
        }
        out.push(value);
    }
    Some(())
}

/// Appends the bits of `count` doubles to `out`; `whole` is a place to work in.
pub(crate) fn decode(
    input: &mut Input<'_>,
    count: usize,
    whole: &mut Vec<i64>,
    out: &mut Vec<u64>,
) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let head = input.u8()?;
    let (form, power) = (head & 3, (head >> 2) as usize);
    match form {
        XOR if power == 0 => read_xor(input.blob(usize::MAX)?, count, out),
        BITS if power == 0 => {
            whole.clear();
            integers::decode(input, count, whole)?;
            out.extend(whole.iter().map(|v| *v as u64));
            Some(())
        }
        DECIMAL | DECIMAL_SINGLE => {
            let power = *POWERS.get(power)?;
            whole.clear();
            integers::decode(input, count, whole)?;
            match form {
                DECIMAL => append::<DECIMAL>(whole, power, out),
                _ => append::<DECIMAL_SINGLE>(whole, power, out),
            }
            Some(())
        }
        _ => None,
    }
}

/// Decimals of whole numbers. What [`convert`] makes is always small; of anything else there may be
/// in a file, the same comes as ever.
fn append<const FORM: u8>(whole: &[i64], power: f64, out: &mut Vec<u64>) {
    const HALF: i64 = WHOLE_MAX as i64;
    let beyond = |n: i64| n.wrapping_add(HALF) as u64 >> 52;
    match whole.iter().fold(0, |all, n| all | beyond(*n)) {
        0 => out.extend(whole.iter().map(|n| divided::<FORM>(small(*n), power))),
        _ => out.extend(whole.iter().map(|n| divided::<FORM>(*n as f64, power))),
    }
}

/// The number as a double, of numbers below 2^51: in the lowest bits of [`ROUND`] it is added to it.
/// Unlike the conversion, this is done with several numbers at once by every processor.
#[inline]
fn small(number: i64) -> f64 {
    f64::from_bits((ROUND.to_bits() as i64).wrapping_add(number) as u64) - ROUND
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bits: &[u64]) -> usize {
        let mut size = 0;
        for effort in [Effort::Quick, Effort::Full] {
            let mut scratch = Scratch::default();
            // Twice: the second time with the hint of the first.
            for _ in 0..2 {
                let mut bytes = Vec::new();
                encode(bits, effort, &mut scratch, &mut bytes);
                let mut input = Input(&bytes);
                let mut back = Vec::new();
                decode(&mut input, bits.len(), &mut Vec::new(), &mut back).unwrap();
                assert!(input.is_empty());
                assert_eq!(back, bits);
                size = bytes.len();
            }
        }
        size
    }

    fn check_floats(values: &[f64]) -> usize {
        check(&values.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    }

    #[test]
    fn decimals_are_small() {
        let walk: Vec<f64> = (0..512i32).map(|i| f64::from(2000 + i * i % 7) / 100.0).collect();
        assert!(check_floats(&walk) < 300, "{}", check_floats(&walk));
        let single: Vec<f64> = walk.iter().map(|v| f64::from(*v as f32)).collect();
        assert!(check_floats(&single) < 300, "{}", check_floats(&single));
        let sine: Vec<f64> = (0..512).map(|i| (f64::from(i) / 50.0).sin()).collect();
        assert!(check_floats(&sine) < 512 * 8, "{}", check_floats(&sine));
        assert!(check_floats(&[f64::NAN; 300]) < 16);
    }

    #[test]
    fn odd_numbers_come_back() {
        let odd = [
            0.0,
            -0.0,
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::from_bits(0x7FF0_0000_0000_0001),
            1e300,
            0.1,
            f64::from(0.1f32),
            9_007_199_254_740_993.0,
            -2_251_799_813_685_248.0,
        ];
        check_floats(&odd);
        for value in odd {
            check_floats(&[value]);
            check_floats(&[1.5, value]);
            check_floats(&[1.5, value, 2.25, value]);
        }
    }

    /// Small numbers are converted in another way than large ones: it makes no difference.
    #[test]
    fn small_numbers_are_converted_exactly() {
        let edge = WHOLE_MAX as i64;
        let near = |n: i64| (-3..=3).map(move |by| n.wrapping_add(by));
        let some = [0, 1 << 20, edge, -edge, 1 << 52, 1 << 53, i64::MAX, i64::MIN];
        for number in some.into_iter().flat_map(near) {
            for power in POWERS {
                for form in [DECIMAL, DECIMAL_SINGLE] {
                    let mut out = vec![7];
                    match form {
                        DECIMAL => append::<DECIMAL>(&[number], power, &mut out),
                        _ => append::<DECIMAL_SINGLE>(&[number], power, &mut out),
                    }
                    assert_eq!(out, [7, restore(number, form, power)], "{number} / {power}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_are_converted_alike(
            numbers in prop::collection::vec(any::<i64>(), 0..40),
            shift in 0u32..64,
            power in 0usize..POWERS.len(),
        ) {
            let numbers: Vec<i64> = numbers.into_iter().map(|n| n >> shift).collect();
            let plain = |form| -> Vec<u64> {
                numbers.iter().map(|n| restore(*n, form, POWERS[power])).collect()
            };
            let mut out = Vec::new();
            append::<DECIMAL>(&numbers, POWERS[power], &mut out);
            prop_assert_eq!(&out, &plain(DECIMAL));
            out.clear();
            append::<DECIMAL_SINGLE>(&numbers, POWERS[power], &mut out);
            prop_assert_eq!(&out, &plain(DECIMAL_SINGLE));
        }

        #[test]
        fn every_pattern_comes_back(bits in prop::collection::vec(any::<u64>(), 0..200)) {
            check(&bits);
        }

        #[test]
        fn near_patterns_come_back(
            start in any::<u64>(),
            changes in prop::collection::vec((any::<u16>(), 0u32..64), 0..200),
        ) {
            let change = |(bits, shift): (u16, u32)| start ^ u64::from(bits) << shift;
            check(&changes.into_iter().map(change).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_come_back(
            numbers in prop::collection::vec(any::<i32>(), 0..200),
            power in 0i32..16,
            single in any::<bool>(),
        ) {
            let value = |n: i32| f64::from(n) / 10f64.powi(power);
            let value = |n| if single { f64::from(value(n) as f32) } else { value(n) };
            check_floats(&numbers.into_iter().map(value).collect::<Vec<_>>());
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..600) {
            let _ = decode(&mut Input(&bytes), count, &mut Vec::new(), &mut Vec::new());
        }
    }
}
