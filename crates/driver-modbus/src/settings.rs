//! What a user sets for one device.

use crate::order::ByteOrder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use tagwerk_component::{Duration, Findings, Place};

/// A device that speaks Modbus on TCP, or a gateway with such devices behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the device or gateway.
    pub host: String,
    /// TCP port.
    #[serde(default = "port_default")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Unit (slave) that tags belong to whose address names none. Writes to unit 0 are broadcasts:
    /// nobody confirms them.
    #[serde(default = "unit_default")]
    pub unit: u8,
    /// How long to wait for each answer, from `10ms` to `60s`.
    #[serde(default = "timeout_default")]
    pub timeout: Duration,
    /// How often a read that got no answer is asked again at once. Writes are never repeated.
    #[serde(default = "retries_default")]
    #[schemars(range(max = 5))]
    pub retries: u8,
    /// Order of the bytes of 32- and 64-bit values whose address names none. Single registers and
    /// texts are high byte first, unless their address says `#BA`.
    #[serde(default)]
    pub byte_order: ByteOrder,
    /// Number of the first register in addresses such as `holding:0`: 0, as the protocol counts, or
    /// 1. Addresses such as `40001` always count from 1.
    #[serde(default)]
    #[schemars(range(max = 1))]
    pub address_base: u8,
    /// Registers (or sixteen times as many coils) that are read though no tag needs them, if that
    /// saves a request. 0 reads nothing but tags, for devices that refuse addresses in between.
    #[serde(default = "gap_default")]
    #[schemars(range(max = 124))]
    pub gap: u8,
    /// Most registers (or sixteen times as many coils) in one read.
    #[serde(default = "size_default")]
    #[schemars(range(min = 1, max = 125))]
    pub size: u8,
    /// Most registers in one write.
    #[serde(default = "write_size_default")]
    #[schemars(range(min = 1, max = 123))]
    pub write_size: u8,
    /// How long to wait for the connection, from `10ms` to `60s`.
    #[serde(default = "connect_timeout_default")]
    pub connect_timeout: Duration,
    /// Least time between the end of one request and the next, up to `60s`, for devices that cannot
    /// follow.
    #[serde(default = "pause_default")]
    pub pause: Duration,
    /// Which functions write.
    #[serde(default)]
    pub write_single: WriteSingle,
    /// After a write, read again, and let the write fail if the device kept something else.
    #[serde(default)]
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

fn port_default() -> u16 {
    502
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
fn connect_timeout_default() -> Duration {
    Duration::from_millis(3000)
}
fn pause_default() -> Duration {
    Duration::from_millis(0)
}

impl Settings {
    /// Reads settings and reports what is wrong with them; `None` when they cannot be read at all.
    pub fn read(settings: &serde_json::Value, findings: &mut Findings) -> Option<Settings> {
        let settings: Settings = match serde_json::from_value(settings.clone()) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("the settings cannot be read: {error}"),
                    "see the driver's reference for its settings",
                );
                return None;
            }
        };
        settings.check(findings);
        Some(settings)
    }

    fn check(&self, findings: &mut Findings) {
        self.check_host(findings);
        let numbers = [
            ("port", u64::from(self.port), 1, 65_535),
            ("retries", self.retries.into(), 0, 5),
            ("address_base", self.address_base.into(), 0, 1),
            ("gap", self.gap.into(), 0, 124),
            ("size", self.size.into(), 1, 125),
            ("write_size", self.write_size.into(), 1, 123),
        ];
        for (key, value, min, max) in numbers {
            if value < min || value > max {
                findings.error(
                    Place::settings(key),
                    format!("`{key}` is {value}, outside {min} to {max}"),
                    format!("give a number from {min} to {max}"),
                );
            }
        }
        let longest = Duration::from_millis(60_000);
        let times = [
            ("timeout", self.timeout, Duration::from_millis(10), longest),
            ("connect_timeout", self.connect_timeout, Duration::from_millis(10), longest),
            ("pause", self.pause, Duration::from_millis(0), longest),
        ];
        for (key, value, min, max) in times {
            if value < min || value > max {
                findings.error(
                    Place::settings(key),
                    format!("`{key}` is {value}, outside {min} to {max}"),
                    format!("give a duration from {min} to {max}"),
                );
            }
        }
    }

    fn check_host(&self, findings: &mut Findings) {
        let host = self.bare_host();
        let wrong = if host.is_empty() {
            Some("`host` is empty".to_owned())
        } else if host.contains("://") {
            Some(format!("`host` is a URL: `{host}`"))
        } else if host.contains(':') && host.parse::<Ipv6Addr>().is_err() {
            Some(format!("`host` contains a colon but is no IPv6 address: `{host}`"))
        } else if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            Some(format!("`host` is neither a name nor an address: `{host}`"))
        } else {
            None
        };
        if let Some(problem) = wrong {
            findings.error(
                Place::settings("host"),
                problem,
                "give a host name or an address such as `192.168.0.10`; the port goes to `port`",
            );
        }
    }

    /// The host without the brackets in which people write IPv6 addresses.
    pub fn bare_host(&self) -> &str {
        self.host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(self.host.as_str())
    }

    /// The link that devices with the same host and port share.
    pub fn link(&self) -> String {
        let host = self.bare_host().to_ascii_lowercase();
        match host.contains(':') {
            true => format!("modbus-tcp://[{host}]:{}", self.port),
            false => format!("modbus-tcp://{host}:{}", self.port),
        }
    }
}
