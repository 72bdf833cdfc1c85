//! The column of whole numbers: the smallest of a constant, runs, and packed distances.
//!
//! All arithmetic wraps, so that every sequence of 64-bit patterns comes back exactly.

use crate::bits::{PACK, pack, packed_bytes, unpack, width};
use crate::bytes::{Input, put_signed, put_varint, unzigzag, varint_bytes, zigzag};

const CONSTANT: u8 = 0;
const RUNS: u8 = 1;
const PACKED: u8 = 2;

/// What a number is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Origin {
    First = 0,
    /// The number before.
    Before = 1,
    /// The number before, and the step before.
    Step = 2,
    /// A straight line through the first and the last number.
    Line = 3,
}

const ORIGINS: [Origin; 4] = [Origin::First, Origin::Before, Origin::Step, Origin::Line];

/// Common divisors of distances that are looked for: times are often whole milliseconds.
const DIVISORS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For what is kept for a while only.
    Quick,
    Full,
}

/// Buffers to be used again.
#[derive(Default)]
pub(crate) struct Scratch {
    scaled: Vec<i64>,
    distances: Vec<i64>,
    best: Vec<i64>,
}

struct Plan {
    origin: Origin,
    parameter: i64,
    /// Subtracted from each distance; none: zigzag.
    base: Option<i64>,
    bytes: usize,
}

/// Appends the column; its count is known to whoever reads it.
pub(crate) fn encode(values: &[i64], effort: Effort, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    let runs = values.windows(2).filter(|w| w[0] != w[1]).count() + 1;
    if runs == 1 {
        out.push(CONSTANT);
        put_signed(*first, out);
        return;
    }
    let divisor = divisor(values);
    scratch.scaled.clear();
    let by = DIVISORS[divisor];
    match by {
        1 => scratch.scaled.extend(values.iter().map(|v| v.wrapping_sub(*first))),
        _ => scratch.scaled.extend(values.iter().map(|v| v.wrapping_sub(*first) / by)),
    }
    let plan = choose(scratch, effort);
    if runs < values.len() / 4 {
        let at = out.len();
        put_runs(values, out);
        if out.len() - at <= plan.bytes + varint_bytes(zigzag(*first)) + 1 {
            return;
        }
        out.truncate(at);
    }
    let mode = u8::from(plan.base.is_some());
    out.push(PACKED | (plan.origin as u8) << 2 | mode << 4 | (divisor as u8) << 5);
    put_signed(*first, out);
    if matches!(plan.origin, Origin::Step | Origin::Line) {
        put_signed(plan.parameter, out);
    }
    if let Some(base) = plan.base {
        put_signed(base, out);
    }
    put_packs(&scratch.best, plan.base, out);
}

/// The largest divisor of all distances from the first number. Distances that would wrap have none.
fn divisor(values: &[i64]) -> usize {
    let first = values[0];
    let mut found = DIVISORS.len() - 1;
    for value in values {
        let Some(distance) = value.checked_sub(first) else {
            return 0;
        };
        while !divides(found, distance) {
            found -= 1;
        }
        if found == 0 {
            return 0;
        }
    }
    found
}

/// With constants, which the compiler turns into multiplications.
#[inline]
fn divides(divisor: usize, distance: i64) -> bool {
    match divisor {
        3 => distance % DIVISORS[3] == 0,
        2 => distance % DIVISORS[2] == 0,
        1 => distance % DIVISORS[1] == 0,
        _ => true,
    }
}

fn choose(scratch: &mut Scratch, effort: Effort) -> Plan {
    let Scratch { scaled, distances, best } = scratch;
    let count = scaled.len();
    let line = scaled[count - 1].wrapping_div(count as i64 - 1);
    let mut chosen: Option<Plan> = None;
    for origin in ORIGINS {
        if effort == Effort::Quick && !matches!(origin, Origin::First | Origin::Before) {
            continue;
        }
        distances.clear();
        let parameter = match origin {
            Origin::Step => scaled[1],
            Origin::Line => line,
            _ => 0,
        };
        measure(scaled, origin, parameter, distances);
        let plan = cost(distances, origin, parameter);
        if chosen.as_ref().is_none_or(|best| plan.bytes < best.bytes) {
            chosen = Some(plan);
            std::mem::swap(best, distances);
        }
    }
    let nothing = Plan { origin: Origin::First, parameter: 0, base: None, bytes: usize::MAX };
    chosen.unwrap_or(nothing)
}

fn measure(scaled: &[i64], origin: Origin, parameter: i64, out: &mut Vec<i64>) {
    let steps = || scaled.windows(2).map(|w| w[1].wrapping_sub(w[0]));
    match origin {
        Origin::First => out.extend_from_slice(&scaled[1..]),
        Origin::Before => out.extend(steps()),
        Origin::Step => {
            let mut before = parameter;
            out.extend(steps().map(|step| step.wrapping_sub(std::mem::replace(&mut before, step))));
        }
        Origin::Line => {
            let mut on_line = 0i64;
            out.extend(scaled[1..].iter().map(|value| {
                on_line = on_line.wrapping_add(parameter);
                value.wrapping_sub(on_line)
            }));
        }
    }
}

fn cost(distances: &[i64], origin: Origin, parameter: i64) -> Plan {
    let bounds = |pack: &[i64]| {
        pack.iter().fold((i64::MAX, i64::MIN), |(low, high), d| (low.min(*d), high.max(*d)))
    };
    let (least, _) = bounds(distances);
    let (mut signed, mut based) = (0, varint_bytes(zigzag(least)));
    for pack in distances.chunks(PACK) {
        let (low, high) = bounds(pack);
        signed += 1 + packed_bytes(pack.len(), width(zigzag(low) | zigzag(high)));
        based += 1 + packed_bytes(pack.len(), width(high.wrapping_sub(least) as u64));
    }
    let extra = match origin {
        Origin::Step | Origin::Line => varint_bytes(zigzag(parameter)),
        _ => 0,
    };
    let base = (based < signed).then_some(least);
    Plan { origin, parameter, base, bytes: extra + signed.min(based) }
}

fn put_packs(distances: &[i64], base: Option<i64>, out: &mut Vec<u8>) {
    let mut numbers = [0u64; PACK];
    for chunk in distances.chunks(PACK) {
        let mut all = 0;
        for (number, distance) in numbers.iter_mut().zip(chunk) {
            *number = match base {
                Some(base) => distance.wrapping_sub(base) as u64,
                None => zigzag(*distance),
            };
            all |= *number;
        }
        let width = width(all);
        out.push(width as u8);
        pack(&numbers[..chunk.len()], width, out);
    }
}

fn put_runs(values: &[i64], out: &mut Vec<u8>) {
    out.push(RUNS);
    let mut before = 0i64;
    for run in values.chunk_by(|a, b| a == b) {
        put_varint(run.len() as u64, out);
        put_signed(run[0].wrapping_sub(before), out);
        before = run[0];
    }
}

/// Appends `count` numbers to `out`.
pub(crate) fn decode(input: &mut Input<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    out.reserve(count);
    let head = input.u8()?;
    match head & 3 {
        CONSTANT if head == CONSTANT => {
            let value = input.signed()?;
            out.resize(out.len() + count, value);
            Some(())
        }
        RUNS if head == RUNS => decode_runs(input, count, out),
        PACKED if head < 0x80 => decode_packed(head, input, count, out),
        _ => None,
    }
}

fn decode_runs(input: &mut Input<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    let end = out.len() + count;
    let mut value = 0i64;
    while out.len() < end {
        let length = input.varint()?;
        if length == 0 || length > (end - out.len()) as u64 {
            return None;
        }
        value = value.wrapping_add(input.signed()?);
        out.resize(out.len() + length as usize, value);
    }
    Some(())
}

fn skip_runs(input: &mut Input<'_>, count: usize) -> Option<()> {
    let mut left = count as u64;
    while left > 0 {
        let length = input.varint()?;
        if length == 0 || length > left {
            return None;
        }
        input.varint()?;
        left -= length;
    }
    Some(())
}

fn decode_packed(head: u8, input: &mut Input<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    let origin = ORIGINS[(head >> 2 & 3) as usize];
    let by = DIVISORS[(head >> 5 & 3) as usize];
    let first = input.signed()?;
    let parameter = match origin {
        Origin::Step | Origin::Line => input.signed()?,
        _ => 0,
    };
    let base = if head >> 4 & 1 == 1 { Some(input.signed()?) } else { None };
    out.push(first);
    let mut line = Line { origin, first, value: first, step: parameter.wrapping_mul(by) };
    let mut pack = [0; PACK];
    let mut left = count - 1;
    while left > 0 {
        let width = u32::from(input.u8()?);
        if width > 64 {
            return None;
        }
        let pack = &mut pack[..left.min(PACK)];
        let here = input.0;
        input.take(packed_bytes(pack.len(), width))?;
        unpack(here, width, pack);
        left -= pack.len();
        // One way by itself for each, so that nothing is asked for each number.
        match base {
            None if by == 1 => line.follow(pack, |number| unzigzag(number as u64)),
            None => line.follow(pack, |number| unzigzag(number as u64).wrapping_mul(by)),
            Some(base) if by == 1 => line.follow(pack, |number| number.wrapping_add(base)),
            Some(base) if width <= 32 => {
                // What is multiplied is half as wide as the product, which takes half as long.
                let (by, base) = (by as u32, base.wrapping_mul(by));
                let scaled = |number: i64| (u64::from(number as u32) * u64::from(by)) as i64;
                line.follow(pack, |number| scaled(number).wrapping_add(base));
            }
            Some(base) => line.follow(pack, |number| number.wrapping_add(base).wrapping_mul(by)),
        }
        out.extend_from_slice(pack);
    }
    Some(())
}

/// Where the numbers are, and how they go on.
struct Line {
    origin: Origin,
    first: i64,
    /// The last number, or the last place on the line.
    value: i64,
    step: i64,
}

impl Line {
    /// Distances become the numbers that lie there, each as it is after `scaled`. All is at hand where
    /// it counts: what is captured would be stored and loaded for each number.
    #[inline(always)]
    fn follow(&mut self, numbers: &mut [i64], scaled: impl Fn(i64) -> i64 + Copy) {
        let (first, mut value, mut step) = (self.first, self.value, self.step);
        match self.origin {
            Origin::First => {
                for number in numbers {
                    *number = first.wrapping_add(scaled(*number));
                }
            }
            Origin::Before => {
                for number in numbers {
                    value = value.wrapping_add(scaled(*number));
                    *number = value;
                }
            }
            Origin::Step => {
                for number in numbers {
                    step = step.wrapping_add(scaled(*number));
                    value = value.wrapping_add(step);
                    *number = value;
                }
            }
            Origin::Line => {
                for number in numbers {
                    value = value.wrapping_add(step);
                    *number = value.wrapping_add(scaled(*number));
                }
            }
        }
        (self.value, self.step) = (value, step);
    }
}

/// Passes over a column of `count` numbers.
pub(crate) fn skip(input: &mut Input<'_>, count: usize) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let head = input.u8()?;
    match head & 3 {
        CONSTANT if head == CONSTANT => return input.varint().map(|_| ()),
        RUNS if head == RUNS => return skip_runs(input, count),
        PACKED if head < 0x80 => {}
        _ => return None,
    }
    let origin = ORIGINS[(head >> 2 & 3) as usize];
    input.varint()?;
    if matches!(origin, Origin::Step | Origin::Line) {
        input.varint()?;
    }
    if head >> 4 & 1 == 1 {
        input.varint()?;
    }
    let mut left = count - 1;
    while left > 0 {
        let width = u32::from(input.u8()?);
        if width > 64 {
            return None;
        }
        let pack = left.min(PACK);
        input.take(packed_bytes(pack, width))?;
        left -= pack;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64]) -> usize {
        let mut size = 0;
        for effort in [Effort::Quick, Effort::Full] {
            let mut bytes = Vec::new();
            encode(values, effort, &mut Scratch::default(), &mut bytes);
            let mut back = Vec::new();
            let mut input = Input(&bytes);
            decode(&mut input, values.len(), &mut back).unwrap();
            assert!(input.is_empty());
            assert_eq!(back, values);
            let mut input = Input(&bytes);
            skip(&mut input, values.len()).unwrap();
            assert!(input.is_empty());
            size = bytes.len();
        }
        size
    }

    #[test]
    fn regular_columns_cost_almost_nothing() {
        let second = 1_000_000_000i64;
        let periodic: Vec<i64> = (0..512).map(|i| 1_795_234_506_789_000_000 + i * second).collect();
        assert!(check(&periodic) < 32, "{}", check(&periodic));
        let jittered: Vec<i64> =
            periodic.iter().enumerate().map(|(i, t)| t + i as i64 * 7 % 11 * 1_000_000).collect();
        assert!(check(&jittered) < 300, "{}", check(&jittered));
        assert!(check(&[5; 512]) < 4);
        let states: Vec<i64> = (0..512).map(|i| i / 100).collect();
        assert!(check(&states) < 24, "{}", check(&states));
        check(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
        check(&[i64::MAX, i64::MIN]);
        check(&[0]);
        check(&[]);
    }

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let steps = prop_oneof![
            -3i64..4,
            -1_000_000i64..1_000_000,
            any::<i64>(),
            Just(1_000_000_000i64),
            Just(0i64),
        ];
        (any::<i64>(), prop::collection::vec(steps, 0..200), 0usize..4).prop_map(
            |(start, steps, by)| {
                let mut value = start;
                let mut next = |step: i64| {
                    value = value.wrapping_add(step.wrapping_mul(DIVISORS[by]));
                    value
                };
                steps.into_iter().map(&mut next).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn every_pattern_comes_back(values in prop::collection::vec(any::<i64>(), 0..300)) {
            check(&values);
        }

        #[test]
        fn sequences_come_back(values in numbers()) {
            check(&values);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..600) {
            let decoded = decode(&mut Input(&bytes), count, &mut Vec::new());
            prop_assert_eq!(skip(&mut Input(&bytes), count), decoded);
        }
    }
}
