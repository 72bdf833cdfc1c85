//! What a user sets for one device, as far as it is the same on TCP and on serial lines.

pub mod serial;
pub mod tcp;

pub use serial::SerialSettings;
pub use tcp::TcpSettings;

use crate::order::ByteOrder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tagwerk_component::{Duration, Findings, Place};

/// What addresses, requests and timing need to know of a device.
#[derive(Clone, Debug)]
pub struct Settings {
    pub unit: u8,
    pub byte_order: ByteOrder,
    pub address_base: u8,
    pub gap: u8,
    pub size: u8,
    pub write_size: u8,
    pub timeout: Duration,
    pub retries: u8,
    pub pause: Duration,
    pub write_single: WriteSingle,
    pub bit_write: BitWrite,
    pub write_read: bool,
    pub read_back: bool,
}

/// Which functions write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum WriteSingle {
    /// Functions 5 and 6 for one coil or register, 16 for values of several registers.
    #[default]
    Auto,
    /// Functions 15 and 16 for everything.
    Never,
    /// Functions 5 and 6 for everything: values of several registers cannot be written.
    Always,
}

/// How one bit of a register is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum BitWrite {
    /// Function 22, which changes the bit in the device itself.
    #[default]
    Mask,
    /// The register is read, and written with the bit changed: what the device or another master
    /// changes in between is undone.
    ReadModifyWrite,
    /// Not at all.
    Refuse,
}

fn unit_default() -> u8 {
    1
}
fn timeout_default() -> Duration {
    Duration::from_millis(1000)
}
fn retries_default() -> u8 {
    1
}
fn gap_default() -> u8 {
    8
}
fn size_default() -> u8 {
    125
}
fn write_size_default() -> u8 {
    123
}
fn pause_default() -> Duration {
    Duration::from_millis(0)
}

/// Reads settings; `None` when they cannot be read at all.
pub fn read<T: DeserializeOwned>(
    settings: &serde_json::Value,
    findings: &mut Findings,
) -> Option<T> {
    match serde_json::from_value(settings.clone()) {
        Ok(settings) => Some(settings),
        Err(error) => {
            findings.error(
                Place::root().key("settings"),
                format!("the settings cannot be read: {error}"),
                "see the driver's reference for its settings",
            );
            None
        }
    }
}

impl Settings {
    /// Registers that one write may have: function 23 has room for fewer.
    pub fn write_registers_max(&self) -> u8 {
        match self.write_read {
            true => self.write_size.min(121),
            false => self.write_size,
        }
    }

    fn check(&self, findings: &mut Findings) {
        check_numbers(
            &[
                ("retries", self.retries.into(), 0, 5),
                ("address_base", self.address_base.into(), 0, 1),
                ("gap", self.gap.into(), 0, 124),
                ("size", self.size.into(), 1, 125),
                ("write_size", self.write_size.into(), 1, 123),
            ],
            findings,
        );
        let longest = Duration::from_millis(60_000);
        check_durations(
            &[
                ("timeout", self.timeout, Duration::from_millis(10), longest),
                ("pause", self.pause, Duration::from_millis(0), longest),
            ],
            findings,
        );
        if self.write_read && self.write_single == WriteSingle::Always {
            findings.error(
                Place::settings("write_read"),
                "`write_read` writes with function 23, `write_single: always` forbids that",
                "leave one of them out",
            );
        }
    }
}

fn check_numbers(numbers: &[(&'static str, u64, u64, u64)], findings: &mut Findings) {
    for (key, value, min, max) in numbers {
        if value < min || value > max {
            findings.error(
                Place::settings(key),
                format!("`{key}` is {value}, outside {min} to {max}"),
                format!("give a number from {min} to {max}"),
            );
        }
    }
}

fn check_durations(
    durations: &[(&'static str, Duration, Duration, Duration)],
    findings: &mut Findings,
) {
    for (key, value, min, max) in durations {
        if value < min || value > max {
            findings.error(
                Place::settings(key),
                format!("`{key}` is {value}, outside {min} to {max}"),
                format!("give a duration from {min} to {max}"),
            );
        }
    }
}
