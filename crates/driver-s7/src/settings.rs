//! What a user sets for one controller, and what follows from its kind where nothing is set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use tagwerk_component::{Duration, Findings, Place};
use tagwerk_proto_s7::{PDU_BYTES_MAX, PDU_BYTES_MIN};

/// A controller that speaks S7 communication on TCP and permits PUT/GET.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the CPU or of its communication processor.
    pub host: String,
    /// TCP port.
    #[serde(default = "port_default")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Kind of the controller. It says which rack, slot, TSAPs and PDU length hold where nothing
    /// else is set.
    #[serde(default)]
    pub cpu: Cpu,
    /// Rack of the CPU, 0 to 7.
    #[serde(default)]
    #[schemars(range(max = 7))]
    pub rack: Option<u8>,
    /// Slot of the CPU, 0 to 31. Otherwise 2 for an S7-300, 3 for an S7-400, 1 for an S7-1200 or
    /// S7-1500.
    #[serde(default)]
    #[schemars(range(max = 31))]
    pub slot: Option<u8>,
    /// Which of the CPU's connection resources is used.
    #[serde(default)]
    pub connection: Connection,
    /// The edge's own TSAP, such as `01.00`, instead of the usual one.
    #[serde(default)]
    pub local_tsap: Option<String>,
    /// The CPU's TSAP, such as `03.01`, instead of the one made of connection, rack and slot.
    #[serde(default)]
    pub remote_tsap: Option<String>,
    /// Longest PDU to ask for, 64 to 960 bytes. The CPU may grant less. Otherwise 960 for an
    /// S7-1500, 480 for an S7-400 and 240 for the others.
    #[serde(default)]
    #[schemars(range(min = 64, max = 960))]
    pub pdu_size: Option<u16>,
    /// How long to wait for each answer, from `10ms` to `60s`.
    #[serde(default = "timeout_default")]
    pub timeout: Duration,
    /// How long to wait for the connection, from `10ms` to `60s`.
    #[serde(default = "connect_timeout_default")]
    pub connect_timeout: Duration,
    /// How often a read that got no answer is asked again at once. Writes are never repeated.
    #[serde(default = "retries_default")]
    #[schemars(range(max = 5))]
    pub retries: u8,
    /// Bytes that are read though no tag needs them, if that saves an item of a request. 0 reads
    /// nothing but tags.
    #[serde(default = "gap_default")]
    #[schemars(range(max = 200))]
    pub gap: u8,
    /// Least time between the end of one request and the next, up to `60s`, to spare the CPU's
    /// cycle.
    #[serde(default = "pause_default")]
    pub pause: Duration,
    /// After a write, read again, and let the write fail if the CPU holds something else.
    #[serde(default)]
    pub read_back: bool,
}

/// Kind of controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Cpu {
    /// SIMATIC S7-300, ET 200S CPU.
    #[serde(rename = "s7-300")]
    S300,
    /// SIMATIC S7-400.
    #[serde(rename = "s7-400")]
    S400,
    /// SIMATIC S7-1200.
    #[serde(rename = "s7-1200")]
    S1200,
    /// SIMATIC S7-1500, ET 200SP CPU.
    #[default]
    #[serde(rename = "s7-1500")]
    S1500,
    /// LOGO! 0BA7 and LOGO! 8.
    #[serde(rename = "logo")]
    Logo,
    /// SIMATIC S7-200 SMART.
    #[serde(rename = "s7-200smart")]
    S200Smart,
}

impl Cpu {
    fn slot(self) -> u8 {
        match self {
            Cpu::S300 => 2,
            Cpu::S400 => 3,
            Cpu::S1200 | Cpu::S1500 | Cpu::Logo | Cpu::S200Smart => 1,
        }
    }

    fn pdu_bytes(self) -> u16 {
        match self {
            Cpu::S1500 => 960,
            Cpu::S400 => 480,
            Cpu::S300 | Cpu::S1200 | Cpu::Logo | Cpu::S200Smart => 240,
        }
    }

    /// The TSAPs, local and remote, of those that have no rack and slot.
    fn tsaps(self) -> Option<(u16, u16)> {
        match self {
            Cpu::Logo => Some((0x0300, 0x0200)),
            Cpu::S200Smart => Some((0x1000, 0x0300)),
            _ => None,
        }
    }

    /// Whether timers and counters can be read as the areas T and C.
    pub fn has_timers(self) -> bool {
        matches!(self, Cpu::S300 | Cpu::S400 | Cpu::S1500)
    }
}

/// A connection resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// Of a programming device.
    Pg,
    /// Of an operator panel.
    #[default]
    Op,
    /// Of S7 basic communication.
    Basic,
}

fn port_default() -> u16 {
    102
}
fn timeout_default() -> Duration {
    Duration::from_millis(2000)
}
fn connect_timeout_default() -> Duration {
    Duration::from_millis(5000)
}
fn retries_default() -> u8 {
    1
}
fn gap_default() -> u8 {
    16
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
            ("rack", self.rack.unwrap_or(0).into(), 0, 7),
            ("slot", self.slot.unwrap_or(0).into(), 0, 31),
            ("pdu_size", self.pdu_bytes().into(), PDU_BYTES_MIN.into(), PDU_BYTES_MAX.into()),
            ("retries", self.retries.into(), 0, 5),
            ("gap", self.gap.into(), 0, 200),
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
        self.check_tsaps(findings);
    }

    fn check_tsaps(&self, findings: &mut Findings) {
        let texts = [("local_tsap", &self.local_tsap), ("remote_tsap", &self.remote_tsap)];
        for (key, text) in texts {
            let Some(text) = text.as_deref().filter(|text| tsap(text).is_none()) else { continue };
            findings.error(
                Place::settings(key),
                format!("`{text}` is not a TSAP"),
                "write its two bytes in hexadecimal, such as `03.01`",
            );
        }
        let placed = [("rack", self.rack), ("slot", self.slot)];
        for (key, _) in placed.iter().filter(|(_, value)| value.is_some()) {
            let why = match (&self.remote_tsap, self.cpu.tsaps()) {
                (Some(_), _) => "`remote_tsap` says what rack and slot would say",
                (None, Some(_)) => "this kind of controller has no rack and slot",
                _ => continue,
            };
            findings.warning(
                Place::settings(key),
                format!("`{key}` has no effect: {why}"),
                format!("remove `{key}`"),
            );
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
                "give a host name or an address such as `192.168.0.1`; the port goes to `port`",
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

    pub fn pdu_bytes(&self) -> u16 {
        self.pdu_size.unwrap_or(self.cpu.pdu_bytes())
    }

    /// The TSAPs of the two ends, local and remote.
    pub fn tsaps(&self) -> (u16, u16) {
        let connection: u16 = match self.connection {
            Connection::Pg => 0x0100,
            Connection::Op => 0x0200,
            Connection::Basic => 0x0300,
        };
        let rack = u16::from(self.rack.unwrap_or(0) & 7);
        let slot = u16::from(self.slot.unwrap_or(self.cpu.slot()) & 31);
        let usual = self.cpu.tsaps().unwrap_or((0x0100, connection | rack << 5 | slot));
        let set = |text: &Option<String>| text.as_deref().and_then(tsap);
        (set(&self.local_tsap).unwrap_or(usual.0), set(&self.remote_tsap).unwrap_or(usual.1))
    }

    /// `host:port`, for messages.
    pub fn peer(&self) -> String {
        let host = self.bare_host();
        match host.contains(':') {
            true => format!("[{host}]:{}", self.port),
            false => format!("{host}:{}", self.port),
        }
    }

    /// The link that devices with the same CPU, TSAPs and PDU length share.
    pub fn link(&self) -> String {
        let (local, remote) = self.tsaps();
        let peer = self.peer().to_ascii_lowercase();
        format!("s7://{peer}/{}-{}/{}", tsap_text(local), tsap_text(remote), self.pdu_bytes())
    }
}

/// Two bytes in hexadecimal, with a dot between or `0x` before.
fn tsap(text: &str) -> Option<u16> {
    let digits = match (text.split_once('.'), text.strip_prefix("0x")) {
        (Some((high, low)), _) if high.len() == 2 && low.len() == 2 => format!("{high}{low}"),
        (None, Some(digits)) if digits.len() == 4 => digits.to_owned(),
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(&digits, 16).ok()).flatten()
}

/// A TSAP as the engineering tools write it.
pub fn tsap_text(tsap: u16) -> String {
    let [high, low] = tsap.to_be_bytes();
    format!("{high:02X}.{low:02X}")
}
