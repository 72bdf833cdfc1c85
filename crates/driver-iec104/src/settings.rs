//! What a user sets for one station, and what can be wrong with it.

use crate::zone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::Ipv6Addr;
use tagwerk_component::{Duration, Findings, Place};
use tagwerk_proto_iec104::Sizes;
use tagwerk_tls::TlsSettings;

/// A station that speaks IEC 60870-5-104.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the station.
    pub host: String,
    /// TCP port.
    #[serde(default = "port_default")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Host to try, at the same port, when `host` cannot be reached.
    #[serde(default)]
    pub backup_host: Option<String>,
    /// The station's common address of ASDU. Devices with the same host and port and another common
    /// address share one connection.
    #[serde(default = "common_address_default")]
    #[schemars(range(min = 1, max = 65_534))]
    pub common_address: u16,
    /// Originator address that this edge puts into what it sends.
    #[serde(default)]
    pub originator: u8,
    /// How often to interrogate the station, at least every `1s`, besides after each connect and
    /// after its end of initialisation. Without it, only then.
    #[serde(default)]
    pub interrogation_interval: Option<Duration>,
    /// What to interrogate: 0 the whole station, 1 to 16 that group.
    #[serde(default)]
    #[schemars(range(max = 16))]
    pub interrogation_group: u8,
    /// Longest silence within an interrogation before it counts as failed.
    #[serde(default = "interrogation_timeout_default")]
    pub interrogation_timeout: Duration,
    /// Interrogate integrated totals. Without it, counters come only as the station sends them.
    #[serde(default)]
    pub counter_interrogation: Option<CounterInterrogation>,
    /// Set the station's clock. Without it, never.
    #[serde(default)]
    pub clock_sync: Option<ClockSync>,
    /// Offset from UTC that the station's clock shows outside summer time, such as `+01:00`.
    #[serde(default = "time_zone_default")]
    pub time_zone: String,
    /// How commands are given whose address says neither `/sbo` nor `/direct`.
    #[serde(default)]
    pub command: CommandMode,
    /// When a command counts as done.
    #[serde(default)]
    pub command_end: CommandEnd,
    /// How long to wait for each confirmation, from `100ms` to `10m`.
    #[serde(default = "command_timeout_default")]
    pub command_timeout: Duration,
    /// Qualifier of commands whose address says none: 0 as the station likes, 1 short pulse, 2 long
    /// pulse, 3 persistent. 0 to 31, to 127 with set points.
    #[serde(default)]
    #[schemars(range(max = 127))]
    pub qualifier: u8,
    /// Bytes of the cause of transmission; 2 with the originator.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 2))]
    pub cause_size: u8,
    /// Bytes of the common address.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 2))]
    pub common_address_size: u8,
    /// Bytes of an object's address.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 3))]
    pub object_address_size: u8,
    /// Most numbered frames sent and not yet acknowledged.
    #[serde(default = "k_default")]
    #[schemars(range(min = 1, max = 32_767))]
    pub k: u16,
    /// Numbered frames received after which they are acknowledged at once; at most two thirds of
    /// the station's k.
    #[serde(default = "w_default")]
    #[schemars(range(min = 1, max = 32_767))]
    pub w: u16,
    /// How long to wait for the connection.
    #[serde(default = "t0_default")]
    pub t0: Duration,
    /// How long to wait for an acknowledgement or an answer to a test.
    #[serde(default = "t1_default")]
    pub t1: Duration,
    /// Longest delay of an acknowledgement; shorter than t1.
    #[serde(default = "t2_default")]
    pub t2: Duration,
    /// Silence after which the connection is tested.
    #[serde(default = "t3_default")]
    pub t3: Duration,
    /// TLS as of IEC 62351-3. Its usual port is 19998.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
}

/// How integrated totals are read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterInterrogation {
    /// How often, at least every `1s`; also after each connect.
    pub interval: Duration,
    /// Whether counters are frozen before.
    #[serde(default)]
    pub mode: CounterMode,
    /// 0 all counters, 1 to 4 that group.
    #[serde(default)]
    #[schemars(range(max = 4))]
    pub group: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum CounterMode {
    /// Only read them.
    #[default]
    Read,
    /// Freeze, then read.
    Freeze,
    /// Freeze and set to zero, then read what was frozen.
    FreezeAndReset,
}

/// When the station's clock is set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSync {
    /// How often, at least every `1s`; also after each connect.
    pub interval: Duration,
    /// Whether this edge's own clock must be synchronised itself.
    #[serde(default)]
    pub when: ClockTrust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Only while a time source disciplines this edge's clock: a wrong time is worse than none.
    #[default]
    Synchronised,
    /// Always: this edge is the plant's clock.
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum CommandMode {
    /// Execute at once.
    #[default]
    Direct,
    /// Select, and execute when the selection was confirmed.
    SelectBeforeOperate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum CommandEnd {
    /// When the station confirmed it (ACT_CON).
    #[default]
    Confirmation,
    /// When the station said that it ended (ACT_TERM), for stations that do.
    Termination,
}

fn port_default() -> u16 {
    2404
}
fn common_address_default() -> u16 {
    1
}
fn interrogation_timeout_default() -> Duration {
    Duration::from_millis(30_000)
}
fn time_zone_default() -> String {
    "UTC".to_owned()
}
fn command_timeout_default() -> Duration {
    Duration::from_millis(10_000)
}
fn two() -> u8 {
    2
}
fn three() -> u8 {
    3
}
fn k_default() -> u16 {
    12
}
fn w_default() -> u16 {
    8
}
fn t0_default() -> Duration {
    Duration::from_millis(30_000)
}
fn t1_default() -> Duration {
    Duration::from_millis(15_000)
}
fn t2_default() -> Duration {
    Duration::from_millis(10_000)
}
fn t3_default() -> Duration {
    Duration::from_millis(20_000)
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
        check_host("host", &self.host, findings);
        if let Some(host) = &self.backup_host {
            check_host("backup_host", host, findings);
        }
        self.check_numbers(findings);
        self.check_times(findings);
        if let Err(problem) = zone::parse(&self.time_zone) {
            findings.error(
                Place::settings("time_zone"),
                problem,
                "give `UTC` or an offset such as `+01:00` or `-03:30`",
            );
        }
        if let Some(tls) = &self.tls {
            tls.check(&Place::settings("tls"), findings);
        }
    }

    fn check_numbers(&self, findings: &mut Findings) {
        let addresses_max = u64::from(self.sizes().broadcast()) - 1;
        let numbers = [
            ("port", u64::from(self.port), 1, 65_535),
            ("cause_size", self.cause_size.into(), 1, 2),
            ("common_address_size", self.common_address_size.into(), 1, 2),
            ("object_address_size", self.object_address_size.into(), 1, 3),
            ("common_address", self.common_address.into(), 1, addresses_max),
            ("interrogation_group", self.interrogation_group.into(), 0, 16),
            ("qualifier", self.qualifier.into(), 0, 127),
            ("k", self.k.into(), 1, 32_767),
            ("w", self.w.into(), 1, 32_767),
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
        if let Some(counters) = &self.counter_interrogation
            && counters.group > 4
        {
            findings.error(
                Place::settings("counter_interrogation").key("group"),
                format!("there is no counter group {}", counters.group),
                "give 0 for all counters, or a group from 1 to 4",
            );
        }
        if self.originator != 0 && self.cause_size == 1 {
            findings.error(
                Place::settings("originator"),
                "a cause of transmission of one byte has no room for an originator",
                "remove `originator`, or set `cause_size: 2`",
            );
        }
        if u32::from(self.w) * 3 > u32::from(self.k) * 2 && self.w > 1 {
            findings.warning(
                Place::settings("w"),
                format!("`w` is {}, more than two thirds of k, which is {}", self.w, self.k),
                "the station may wait for acknowledgements at each turn; give a smaller `w`",
            );
        }
    }

    fn check_times(&self, findings: &mut Findings) {
        let (second, day) = (Duration::from_millis(1_000), Duration::from_millis(86_400_000));
        let minutes = Duration::from_millis(600_000);
        let least = Duration::from_millis(100);
        let period = |key: &str| Place::settings(key).key("interval");
        let mut times = vec![
            (Place::settings("interrogation_timeout"), self.interrogation_timeout, least, minutes),
            (Place::settings("command_timeout"), self.command_timeout, least, minutes),
            (Place::settings("t0"), self.t0, least, minutes),
            (Place::settings("t1"), self.t1, least, minutes),
            (Place::settings("t2"), self.t2, least, minutes),
            (Place::settings("t3"), self.t3, second, day),
        ];
        if let Some(interval) = self.interrogation_interval {
            times.push((Place::settings("interrogation_interval"), interval, second, day));
        }
        if let Some(counters) = &self.counter_interrogation {
            times.push((period("counter_interrogation"), counters.interval, second, day));
        }
        if let Some(clock) = &self.clock_sync {
            times.push((period("clock_sync"), clock.interval, second, day));
        }
        for (place, value, min, max) in times {
            if value < min || value > max {
                findings.error(
                    place,
                    format!("{value} is outside {min} to {max}"),
                    format!("give a duration from {min} to {max}"),
                );
            }
        }
        if self.t2 >= self.t1 {
            findings.error(
                Place::settings("t2"),
                format!("`t2` is {}, not shorter than `t1`, which is {}", self.t2, self.t1),
                "give a `t2` shorter than the station's t1, or it will drop the connection",
            );
        }
    }

    pub fn sizes(&self) -> Sizes {
        Sizes {
            cause: self.cause_size,
            common_address: self.common_address_size,
            object_address: self.object_address_size,
        }
    }

    /// The link that devices share which are reached in the same way.
    pub fn link(&self) -> String {
        let host = bare(&self.host).to_ascii_lowercase();
        let scheme = if self.tls.is_some() { "iec104s" } else { "iec104" };
        let mut link = match host.contains(':') {
            true => format!("{scheme}://[{host}]:{}", self.port),
            false => format!("{scheme}://{host}:{}", self.port),
        };
        // What concerns the connection as a whole must be the same for all on it.
        let sizes = (self.cause_size, self.common_address_size, self.object_address_size);
        let times = [self.t0, self.t1, self.t2, self.t3];
        let usual = [t0_default(), t1_default(), t2_default(), t3_default()];
        let mut part = |text: String| {
            // Writing into a String cannot fail.
            let _ = write!(link, "/{text}");
        };
        if let Some(backup) = &self.backup_host {
            part(bare(backup).to_ascii_lowercase());
        }
        if sizes != (two(), two(), three()) {
            part(format!("{}.{}.{}", sizes.0, sizes.1, sizes.2));
        }
        if (self.k, self.w) != (k_default(), w_default()) {
            part(format!("k={},w={}", self.k, self.w));
        }
        if times != usual {
            part(format!("t={},{},{},{}", self.t0, self.t1, self.t2, self.t3));
        }
        if self.originator != 0 {
            part(format!("from={}", self.originator));
        }
        link
    }
}

fn check_host(key: &str, host: &str, findings: &mut Findings) {
    let bare = bare(host);
    let wrong = if bare.is_empty() {
        Some(format!("`{key}` is empty"))
    } else if bare.contains("://") {
        Some(format!("`{key}` is a URL: `{bare}`"))
    } else if bare.contains(':') && bare.parse::<Ipv6Addr>().is_err() {
        Some(format!("`{key}` contains a colon but is no IPv6 address: `{bare}`"))
    } else if bare.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        Some(format!("`{key}` is neither a name nor an address: `{bare}`"))
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

/// The host without the brackets in which people write IPv6 addresses.
pub fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
