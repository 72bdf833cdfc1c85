//! What a user sets for one device on TCP.

use super::{
    BitWrite, Settings, WriteSingle, check_durations, check_numbers, gap_default, pause_default,
    retries_default, size_default, timeout_default, unit_default, write_size_default,
};
use crate::order::ByteOrder;
use crate::plan::Manner;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::Ipv6Addr;
use std::sync::Arc;
use tagwerk_component::{Duration, Findings, Place};
use tagwerk_proto_modbus::serial::Framing;

/// A device that speaks Modbus on TCP, or a gateway with such devices behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpSettings {
    /// Name or address of the device or gateway.
    pub host: String,
    /// TCP port.
    #[serde(default = "port_default")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// How messages are marked off on the connection: as Modbus TCP does, or as on a serial line,
    /// for gateways that pass a line on as it is.
    #[serde(default)]
    pub framing: TcpFraming,
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
    /// How one bit of a register is written.
    #[serde(default)]
    pub bit_write: BitWrite,
    /// Write registers with function 23, which reads them back in the same exchange; the write
    /// fails if the device kept something else.
    #[serde(default)]
    pub write_read: bool,
    /// After a write, read again, and let the write fail if the device kept something else.
    #[serde(default)]
    pub read_back: bool,
    /// Name or address that is used while `host` cannot be reached.
    #[serde(default)]
    pub backup_host: Option<String>,
    /// TCP port of `backup_host`, or another port of `host`; `port` when left out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub backup_port: Option<u16>,
    /// How often the main host is tried while the backup is in use, from `1s` to `24h`. Reads go on
    /// meanwhile.
    #[serde(default = "main_retry_default")]
    pub main_retry: Duration,
}

/// How messages are marked off on a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum TcpFraming {
    /// Modbus TCP.
    #[default]
    Tcp,
    /// RTU over TCP.
    Rtu,
    /// ASCII over TCP.
    Ascii,
}

impl TcpFraming {
    /// The framing of a serial line, if it is one.
    pub fn serial(self) -> Option<Framing> {
        match self {
            TcpFraming::Tcp => None,
            TcpFraming::Rtu => Some(Framing::Rtu),
            TcpFraming::Ascii => Some(Framing::Ascii),
        }
    }
}

fn port_default() -> u16 {
    502
}
fn connect_timeout_default() -> Duration {
    Duration::from_millis(3000)
}
fn main_retry_default() -> Duration {
    Duration::from_millis(60_000)
}

impl TcpSettings {
    pub fn check(&self, findings: &mut Findings) {
        check_host("host", bare(&self.host), findings);
        if let Some(host) = &self.backup_host {
            check_host("backup_host", bare(host), findings);
        }
        let backup_port = self.backup_port.unwrap_or(1);
        check_numbers(
            &[
                ("port", self.port.into(), 1, 65_535),
                ("backup_port", backup_port.into(), 1, 65_535),
            ],
            findings,
        );
        if self.backup().is_some_and(|backup| backup == (bare(&self.host), self.port)) {
            findings.error(
                Place::settings("backup_host"),
                "the backup is the main host itself",
                "give another host or port, or leave it out",
            );
        }
        let (second, day) = (Duration::from_millis(1000), Duration::from_millis(86_400_000));
        let (least, most) = (Duration::from_millis(10), Duration::from_millis(60_000));
        check_durations(
            &[
                ("connect_timeout", self.connect_timeout, least, most),
                ("main_retry", self.main_retry, second, day),
            ],
            findings,
        );
        self.common().check(findings);
    }

    /// What it has in common with devices on serial lines.
    pub fn common(&self) -> Settings {
        Settings {
            unit: self.unit,
            byte_order: self.byte_order,
            address_base: self.address_base,
            gap: self.gap,
            size: self.size,
            write_size: self.write_size,
            timeout: self.timeout,
            retries: self.retries,
            pause: self.pause,
            write_single: self.write_single,
            bit_write: self.bit_write,
            write_read: self.write_read,
            read_back: self.read_back,
        }
    }

    pub fn manner(&self) -> Arc<Manner> {
        Arc::new(Manner {
            turnaround: match self.framing {
                TcpFraming::Tcp => std::time::Duration::ZERO,
                TcpFraming::Rtu | TcpFraming::Ascii => super::serial::TURNAROUND,
            },
            ..Manner::of(&self.common())
        })
    }

    /// The host without the brackets in which people write IPv6 addresses.
    pub fn bare_host(&self) -> &str {
        bare(&self.host)
    }

    /// Where the backup is, if there is one.
    pub fn backup(&self) -> Option<(&str, u16)> {
        if self.backup_host.is_none() && self.backup_port.is_none() {
            return None;
        }
        let host = self.backup_host.as_deref().unwrap_or(&self.host);
        Some((bare(host), self.backup_port.unwrap_or(self.port)))
    }

    /// The link that devices share which are reached in the same way.
    pub fn link(&self) -> String {
        let framing = match self.framing {
            TcpFraming::Tcp => "tcp",
            TcpFraming::Rtu => "rtu",
            TcpFraming::Ascii => "ascii",
        };
        let mut link = format!("modbus-{framing}://{}", place(self.bare_host(), self.port));
        if let Some((host, port)) = self.backup() {
            link.push_str("?backup=");
            link.push_str(&place(host, port));
        }
        link.to_ascii_lowercase()
    }
}

/// Host and port as people write them.
pub fn place(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn check_host(key: &'static str, host: &str, findings: &mut Findings) {
    let wrong = if host.is_empty() {
        Some(format!("`{key}` is empty"))
    } else if host.contains("://") {
        Some(format!("`{key}` is a URL: `{host}`"))
    } else if host.contains(':') && host.parse::<Ipv6Addr>().is_err() {
        Some(format!("`{key}` contains a colon but is no IPv6 address: `{host}`"))
    } else if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        Some(format!("`{key}` is neither a name nor an address: `{host}`"))
    } else {
        None
    };
    if let Some(problem) = wrong {
        findings.error(
            Place::settings(key),
            problem,
            "give a host name or an address such as `192.168.0.10`; the port goes to `port`",
        );
    }
}
