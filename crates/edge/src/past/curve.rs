//! What a made-up tag says at a time: a wave, steps, a count, a state, a word; by its type, its unit
//! and its name, and always the same at the same time.

use std::f64::consts::TAU;
use tagwerk_config::Access;
use tagwerk_config::CheckedTag;
use tagwerk_model::{BatchBuilder, DataType, Kind, ValueRef};

const SECOND: i64 = 1_000_000_000;
const DAY_S: f64 = 86_400.0;

/// Where values of a unit usually lie.
const UNITS: [(&str, f64, f64); 16] = [
    ("bar", 6.0, 9.0),
    ("°C", 20.0, 90.0),
    ("%", 20.0, 80.0),
    ("kg/h", 800.0, 4_500.0),
    ("m³/h", 60.0, 320.0),
    ("rpm", 600.0, 2_900.0),
    ("1/min", 10.0, 50.0),
    ("mbar", 5.0, 40.0),
    ("kW", 300.0, 3_000.0),
    ("ppm", 5.0, 60.0),
    ("mg/m³", 40.0, 90.0),
    ("µS/cm", 500.0, 2_500.0),
    ("kN", 5.0, 180.0),
    ("mm", 0.0, 200.0),
    ("V", 225.0, 235.0),
    ("A", 10.0, 80.0),
];

/// Parts of names that count up.
const COUNTS: [&str; 8] =
    ["total", "count", "number", "starts", "hours", "strokes", "meter", "seconds"];

const WORDS: [&str; 4] = ["early shift", "late shift", "night shift", "maintenance"];

#[derive(Clone, Copy)]
enum Shape {
    /// A wave over the day, a shorter one on top of it, and noise.
    Wave { middle: f64, height: f64, period_s: f64, noise: f64 },
    /// Stays for a while at one of some levels.
    Steps { low: f64, width: f64, levels: u64, dwell_s: i64 },
    /// So many a second; `wraps` is followed by zero.
    Count { rate: f64, wraps: u64 },
}

pub struct Curve {
    pub seed: u64,
    shape: Shape,
    kind: Kind,
    from: i64,
}

impl Curve {
    pub fn of(device: &str, tag: &CheckedTag, from: i64) -> Curve {
        let bytes = device.bytes().chain([0]).chain(tag.name.bytes());
        let seed = bytes.fold(0, |seed, byte| hash(&[seed, u64::from(byte)]));
        Curve { seed, shape: shape(tag, seed), kind: tag.published.kind(), from }
    }

    /// Puts the value at a time.
    pub fn put(&self, builder: &mut BatchBuilder, index: usize, at: i64) {
        match self.kind {
            Kind::F64 => builder.put_f64(index, (self.number(at) * 100.0).round() / 100.0),
            Kind::I64 => builder.put_i64(index, self.number(at) as i64),
            Kind::U64 => builder.put_u64(index, self.number(at) as u64),
            Kind::Bool => builder.put_bool(index, !self.step(at).is_multiple_of(3)),
            Kind::Text => builder.put_text(index, WORDS[self.step(at) as usize % WORDS.len()]),
            Kind::Bytes => builder.put_bytes(index, &self.step(at).to_le_bytes()[..2]),
            Kind::List => {
                let number = tagwerk_model::Value::F64(self.number(at).round());
                builder.put(index, ValueRef::List(&[number]));
            }
        }
    }

    /// Equal as long as a tag that changes now and then keeps its value.
    pub fn step(&self, at: i64) -> u64 {
        match self.shape {
            Shape::Steps { levels, dwell_s, .. } => {
                // Some visits are longer than others.
                let visit = at / (dwell_s * SECOND);
                let visit = visit - i64::from(hash(&[self.seed, visit as u64]).is_multiple_of(3));
                hash(&[self.seed, visit as u64, 1]) % levels
            }
            Shape::Count { .. } => self.number(at) as u64,
            Shape::Wave { .. } => (self.number(at) * 100.0).round().to_bits(),
        }
    }

    pub fn number(&self, at: i64) -> f64 {
        let seconds = (at - self.from) as f64 / SECOND as f64;
        let phase = (self.seed % 1_000) as f64 / 1_000.0;
        match self.shape {
            Shape::Wave { middle, height, period_s, noise } => {
                let day = (TAU * (at as f64 / SECOND as f64 / DAY_S + phase)).sin();
                let short = (TAU * (seconds / period_s + phase)).sin();
                let noisy = (hash(&[self.seed, at as u64]) % 2_001) as f64 / 1_000.0 - 1.0;
                middle + height * (0.6 * day + 0.3 * short + noise * noisy)
            }
            Shape::Steps { low, width, .. } => low + width * self.step(at) as f64,
            Shape::Count { rate, wraps } => {
                let begun = (self.seed % wraps.min(50_000)) as f64;
                ((begun + rate * seconds) as u64 % wraps) as f64
            }
        }
    }
}

fn shape(tag: &CheckedTag, seed: u64) -> Shape {
    let (low, high) = bounds(tag);
    let dwell_s = 300 + (seed % 3_300) as i64;
    let counts = COUNTS.iter().any(|part| tag.name.contains(part));
    let float = tag.published.kind() == Kind::F64;
    match tag.published.kind() {
        Kind::F64 | Kind::I64 | Kind::U64 if counts => {
            let rate = (1 + seed % 40) as f64 / 20.0;
            Shape::Count { rate, wraps: wraps(tag.published) }
        }
        Kind::F64 | Kind::I64 | Kind::U64 if tag.access != Access::Read => {
            let width = (high - low) / 4.0;
            let width = if float { width } else { width.floor().max(1.0) };
            Shape::Steps { low, width, levels: 4, dwell_s: dwell_s * 8 }
        }
        Kind::I64 | Kind::U64 if tag.on_change => {
            Shape::Steps { low: 0.0, width: 1.0, levels: 4, dwell_s }
        }
        Kind::F64 | Kind::I64 | Kind::U64 => Shape::Wave {
            middle: (low + high) / 2.0,
            height: (high - low) / 2.0,
            period_s: 600.0 + (seed >> 20) as f64 % 6_600.0,
            noise: 0.002 + (seed % 5) as f64 * 0.001,
        },
        _ => Shape::Steps { low: 0.0, width: 1.0, levels: 12, dwell_s },
    }
}

fn bounds(tag: &CheckedTag) -> (f64, f64) {
    if let Some(range) = tag.range {
        return range;
    }
    let known = UNITS.iter().find(|(unit, ..)| **unit == *tag.unit);
    let (low, high) = known.map_or((0.0, 100.0), |(_, low, high)| (*low, *high));
    match tag.published {
        DataType::Int8 | DataType::Uint8 => (low.min(100.0), high.min(100.0)),
        _ => (low, high),
    }
}

/// One more than the greatest number that a type counts to.
fn wraps(data_type: DataType) -> u64 {
    match data_type {
        DataType::Int8 | DataType::Uint8 => 100,
        DataType::Int16 | DataType::Uint16 => 30_000,
        _ => 1_000_000_000,
    }
}

/// Numbers that look like chance, and are the same for the same input.
pub fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |state, part| {
        let mut mixed = state ^ part.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}
