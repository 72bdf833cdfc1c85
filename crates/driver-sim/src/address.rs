//! What a user writes as a tag's address, and the value that it stands for at a moment.

use std::time::Duration;
use tagwerk_env::Moment;
use tagwerk_model::{DataType, Kind, Value};

/// Form, meaning and example of each kind of address, in the order of the reference page.
pub const FORMS: &[(&str, &str, &str)] = &[
    ("sine:PERIOD", "a wave between -1 and 1 that repeats after PERIOD", "sine:30s"),
    ("ramp:FROM..TO", "rises from FROM to TO in a minute, then starts again", "ramp:0..100"),
    ("counter", "how many reads the device has answered since the link opened", "counter"),
    ("random:SEED", "a number between 0 and 1 that differs at every moment", "random:7"),
    ("constant:VALUE", "always VALUE", "constant:42"),
    ("setpoint:NAME", "what was last written to it; zero or empty at first", "setpoint:speed"),
];

pub const REMEDY: &str = "Use `sine:30s`, `ramp:0..100`, `counter`, `random:7`, `constant:42` or \
                          `setpoint:NAME`.";

const RAMP: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    Sine { period: Duration },
    Ramp { from: f64, to: f64 },
    Counter,
    Random { seed: u64 },
    Constant(Box<str>),
    Setpoint(Box<str>),
}

impl Address {
    /// Reads an address, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Address, String> {
        let (form, rest) = text.split_once(':').unwrap_or((text, ""));
        let address = match form {
            "sine" => tagwerk_component::Duration::parse(rest)
                .filter(|period| !period.0.is_zero())
                .map(|period| Address::Sine { period: period.0 }),
            "ramp" => rest.split_once("..").and_then(|(from, to)| {
                let (from, to) = (finite(from)?, finite(to)?);
                Some(Address::Ramp { from, to })
            }),
            "counter" if text == "counter" => Some(Address::Counter),
            "random" => rest.parse().ok().map(|seed| Address::Random { seed }),
            "constant" if text.contains(':') => Some(Address::Constant(rest.into())),
            "setpoint" if !rest.is_empty() => Some(Address::Setpoint(rest.into())),
            _ => None,
        };
        address.ok_or_else(|| format!("`{text}` is not an address of a simulated device"))
    }

    /// Whether a tag of this type can have this address.
    pub fn fits(&self, data_type: DataType) -> Result<(), String> {
        let kind = data_type.kind();
        let float = kind == Kind::F64;
        let integer = matches!(kind, Kind::I64 | Kind::U64);
        match self {
            Address::Sine { .. } | Address::Random { .. } if !float => {
                Err(format!("the values are fractions, which `{data_type}` cannot hold"))
            }
            Address::Ramp { from, to } if integer && !in_range(data_type, *from, *to) => {
                Err(format!("the ramp leaves the range of `{data_type}`"))
            }
            Address::Ramp { .. } if !float && !integer => {
                Err(format!("a ramp is a number, not `{data_type}`"))
            }
            Address::Counter if !integer => {
                Err(format!("a counter is a whole number, not `{data_type}`"))
            }
            Address::Constant(text) if constant(text, data_type).is_none() => {
                Err(format!("`{text}` is not a value of type `{data_type}`"))
            }
            Address::Setpoint(_) if matches!(kind, Kind::Bytes | Kind::List) => {
                Err(format!("a set point cannot be `{data_type}`"))
            }
            _ => Ok(()),
        }
    }

    /// The value at a moment; `None` for what the session keeps (counters and set points).
    pub fn value(&self, now: Moment, data_type: DataType) -> Option<Value> {
        match self {
            Address::Sine { period } => {
                let turn = (now.0 as u128 % period.as_nanos()) as f64 / period.as_nanos() as f64;
                Some(number((turn * std::f64::consts::TAU).sin(), data_type))
            }
            Address::Ramp { from, to } => {
                let part = (now.0 as u128 % RAMP.as_nanos()) as f64 / RAMP.as_nanos() as f64;
                Some(number(from + (to - from) * part, data_type))
            }
            Address::Random { seed } => {
                // 53 bits are what a float holds.
                let bits = scramble(seed ^ scramble(now.0)) >> 11;
                Some(number(bits as f64 / (1u64 << 53) as f64, data_type))
            }
            Address::Constant(text) => constant(text, data_type),
            Address::Counter | Address::Setpoint(_) => None,
        }
    }
}

/// `value` as a number of this type, which it was checked to fit; whole numbers are rounded down.
pub fn number(value: f64, data_type: DataType) -> Value {
    match data_type.kind() {
        Kind::I64 => Value::I64(value.floor() as i64),
        Kind::U64 => Value::U64(value.floor() as u64),
        Kind::Bool => Value::Bool(value != 0.0),
        Kind::F64 if data_type == DataType::Float32 => Value::F64(f64::from(value as f32)),
        _ => Value::F64(value),
    }
}

/// The type that suits an address of the list of forms.
pub fn suggested_type(text: &str) -> Option<DataType> {
    let address = Address::parse(text).ok()?;
    let candidates = [DataType::Uint64, DataType::Float64, DataType::Text];
    candidates.into_iter().find(|data_type| address.fits(*data_type).is_ok())
}

/// What a set point holds before it was written.
pub fn initial(data_type: DataType) -> Value {
    match data_type.kind() {
        Kind::Text => Value::Text("".into()),
        _ => number(0.0, data_type),
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn in_range(data_type: DataType, from: f64, to: f64) -> bool {
    let Some((low, high)) = data_type.integer_range() else { return false };
    [from, to].into_iter().all(|end| end >= low as f64 && end <= high as f64)
}

fn constant(text: &str, data_type: DataType) -> Option<Value> {
    match data_type.kind() {
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::F64 => finite(text).map(|value| number(value, data_type)),
        Kind::Text => Some(Value::Text(text.into())),
        Kind::Bytes | Kind::List => None,
        Kind::I64 | Kind::U64 => {
            let value: i128 = text.parse().ok()?;
            let (low, high) = data_type.integer_range()?;
            (low..=high).contains(&value).then_some(if data_type.kind() == Kind::I64 {
                Value::I64(value as i64)
            } else {
                Value::U64(value as u64)
            })
        }
    }
}

/// The mixing step of SplitMix64 (Steele, Lea, Flood 2014): neighbouring inputs give unrelated
/// outputs.
fn scramble(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, data_type: DataType, seconds: u64, expected: Value) {
        let address = Address::parse(text).unwrap();
        address.fits(data_type).unwrap();
        let value = address.value(Moment(seconds * 1_000_000_000), data_type);
        assert_eq!(value, Some(expected), "{text} at {seconds} s");
    }

    #[test]
    fn values_follow_the_clock() {
        check("sine:4s", DataType::Float64, 1, Value::F64(1.0));
        check("sine:4s", DataType::Float32, 4, Value::F64(0.0));
        check("ramp:0..120", DataType::Int16, 30, Value::I64(60));
        check("ramp:10..-50", DataType::Float64, 70, Value::F64(0.0));
        check("constant:255", DataType::Uint8, 9, Value::U64(255));
        check("constant:true", DataType::Bool, 9, Value::Bool(true));
        check("constant:a:b", DataType::Text, 9, Value::Text("a:b".into()));
        check("constant:-9223372036854775808", DataType::Int64, 0, Value::I64(i64::MIN));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for wrong in
            ["", "sine", "sine:0s", "sine:3", "ramp:1", "ramp:a..2", "counter:1", "random:x"]
        {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
        for (text, data_type) in [
            ("sine:1s", DataType::Int16),
            ("ramp:0..300", DataType::Uint8),
            ("ramp:0..1", DataType::Text),
            ("counter", DataType::Float32),
            ("constant:256", DataType::Uint8),
            ("constant:inf", DataType::Float64),
            ("setpoint:x", DataType::List),
        ] {
            assert!(Address::parse(text).unwrap().fits(data_type).is_err(), "{text}");
        }
    }
}
