//! What a user sets for one OPC UA server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_proto_opcua::service::Deadband;
use tagwerk_proto_opcua::{Mode, Policy};

/// An OPC UA server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the server is, such as `opc.tcp://192.168.0.10:4840`. Without a port it is 4840.
    pub endpoint: String,
    /// How the connection is secured. `auto` takes the best that the server offers, and never
    /// `None`.
    #[serde(default)]
    pub security: Security,
    /// Whether messages are only signed, or encrypted too. Without it: as much as `security`
    /// allows.
    #[serde(default)]
    pub mode: Option<MessageMode>,
    /// How the edge says who it is.
    #[serde(default)]
    pub identity: IdentityKind,
    /// Name of the user, with `identity: user`.
    #[serde(default)]
    pub user: Option<String>,
    /// Password of the user, with `identity: user`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Let the password cross the network in clear text where the server offers no encryption for
    /// it.
    #[serde(default)]
    pub password_in_clear: bool,
    /// What is held against the server's certificate.
    #[serde(default)]
    pub trust: Trust,
    /// How long to wait for each answer, from `10ms` to `60s`.
    #[serde(default = "timeout_default")]
    pub timeout: Duration,
    /// How long to wait for the connection, with its session, from `10ms` to `60s`.
    #[serde(default = "connect_timeout_default")]
    pub connect_timeout: Duration,
    /// A server that is silent for so long is asked whether it is there. Without it: half of
    /// `timeout`. A dead connection is noticed after this and `timeout`.
    #[serde(default)]
    pub keep_alive: Option<Duration>,
    /// Have the server report changes. Otherwise tags are read at their group's interval.
    #[serde(default = "yes")]
    pub subscribe: bool,
    /// How often the server sends what changed. Without it: the interval of the group.
    #[serde(default)]
    pub publishing_interval: Option<Duration>,
    /// How often the server looks for changes. Without it: as often as it sends.
    #[serde(default)]
    pub sampling_interval: Option<Duration>,
    /// Changes of one tag that the server keeps until it sends them.
    #[serde(default = "queue_default")]
    #[schemars(range(min = 1, max = 10_000))]
    pub queue: u32,
    /// Whether small changes are kept back by the server.
    #[serde(default)]
    pub deadband: DeadbandKind,
    /// How small: in the tag's own unit, or in percent of its range.
    #[serde(default)]
    pub deadband_width: f64,
    /// After an outage, read what was missed from the history of tags that the server keeps one of.
    #[serde(default = "yes")]
    pub history: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Security {
    /// The best that the server offers.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// None: everybody on the network can read and change everything.
    None,
    #[serde(rename = "Basic256Sha256")]
    Basic256Sha256,
    #[serde(rename = "Aes128_Sha256_RsaOaep")]
    Aes128Sha256RsaOaep,
    #[serde(rename = "Aes256_Sha256_RsaPss")]
    Aes256Sha256RsaPss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum MessageMode {
    None,
    Sign,
    SignAndEncrypt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// Not at all.
    #[default]
    Anonymous,
    /// By name and password.
    User,
    /// By the edge's own certificate, as a user of the server.
    Certificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub enum DeadbandKind {
    #[default]
    None,
    Absolute,
    Percent,
}

/// What is held against the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// The certificate must name the host in `endpoint`.
    pub check_host: bool,
    /// The certificate must name the application that the server says it is.
    pub check_application: bool,
    /// Each authority must have a revocation list on the Certificates page. Lists that are there
    /// are looked at in any case.
    pub require_revocation_list: bool,
}

impl Default for Trust {
    fn default() -> Trust {
        Trust { check_host: true, check_application: true, require_revocation_list: false }
    }
}

fn yes() -> bool {
    true
}
fn timeout_default() -> Duration {
    Duration::from_millis(5_000)
}
fn connect_timeout_default() -> Duration {
    Duration::from_millis(15_000)
}
fn queue_default() -> u32 {
    10
}

/// The parts of `opc.tcp://HOST:PORT/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Server {
    pub fn parse(url: &str) -> Result<Server, &'static str> {
        let rest = url.strip_prefix("opc.tcp://").ok_or("it does not begin with `opc.tcp://`")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']').ok_or("a `]` is missing")?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None => 4840,
            Some(port) => port.parse().ok().filter(|p| *p > 0).ok_or("the port is no number")?,
        };
        let wrong = |c: char| c.is_whitespace() || c.is_control() || "@?#".contains(c);
        if host.is_empty() || url.contains(wrong) {
            return Err("it names no host, or has signs that cannot be there");
        }
        Ok(Server { host: host.to_owned(), port, path: path.to_owned() })
    }

    pub fn url(&self) -> String {
        match self.host.contains(':') {
            true => format!("opc.tcp://[{}]:{}{}", self.host, self.port, self.path),
            false => format!("opc.tcp://{}:{}{}", self.host, self.port, self.path),
        }
    }
}

impl Settings {
    /// Reads settings and reports what is wrong with them; `None` when they cannot be used.
    pub fn read(settings: &serde_json::Value, findings: &mut Findings) -> Option<Settings> {
        let before = findings.errors();
        match Settings::deserialize(settings) {
            Ok(settings) => {
                settings.check(findings);
                (findings.errors() == before).then_some(settings)
            }
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("the settings cannot be read: {error}"),
                    "See the driver's reference for its settings.",
                );
                None
            }
        }
    }

    fn check(&self, findings: &mut Findings) {
        if let Err(problem) = Server::parse(&self.endpoint) {
            findings.error(
                Place::settings("endpoint"),
                format!("`{}` is not an endpoint: {problem}", self.endpoint),
                "Write `opc.tcp://HOST:PORT`, as the server shows it.",
            );
        }
        self.check_security(findings);
        self.check_times(findings);
        if !(1..=10_000).contains(&self.queue) {
            findings.error(
                Place::settings("queue"),
                "the queue is not between 1 and 10000",
                "Give a number from 1 to 10000.",
            );
        }
        let width_max = if self.deadband == DeadbandKind::Percent { 100.0 } else { f64::MAX };
        if !(0.0..=width_max).contains(&self.deadband_width) {
            findings.error(
                Place::settings("deadband_width"),
                "the width of the deadband is out of range",
                "Give a number from 0, and up to 100 for percent.",
            );
        }
    }

    fn check_security(&self, findings: &mut Findings) {
        let secured = self.security != Security::None;
        match self.mode {
            Some(MessageMode::None) if secured => findings.error(
                Place::settings("mode"),
                "`mode: none` contradicts `security`",
                "Write `security: None` to have none, or remove `mode`.",
            ),
            Some(MessageMode::Sign | MessageMode::SignAndEncrypt) if !secured => findings.error(
                Place::settings("mode"),
                "without security, messages are neither signed nor encrypted",
                "Remove `mode`, or choose a `security`.",
            ),
            _ => {}
        }
        if self.identity == IdentityKind::User && (self.user.is_none() || self.password.is_none()) {
            findings.error(
                Place::settings("identity"),
                "`identity: user` needs `user` and `password`",
                "Give both; the password as `{secret: NAME}`.",
            );
        }
        if self.identity != IdentityKind::User && (self.user.is_some() || self.password.is_some()) {
            findings.warning(
                Place::settings("user"),
                "`user` and `password` are not used without `identity: user`",
                "Add `identity: user`, or remove them.",
            );
        }
        if !secured {
            findings.warning(
                Place::settings("security"),
                "everybody on the network can read and change what passes",
                "Use `auto` unless the server offers nothing else.",
            );
        }
    }

    fn check_times(&self, findings: &mut Findings) {
        for (key, value, max) in [
            ("timeout", Some(self.timeout), 60_000),
            ("connect_timeout", Some(self.connect_timeout), 60_000),
            ("keep_alive", self.keep_alive, 600_000),
            ("publishing_interval", self.publishing_interval, 86_400_000),
            ("sampling_interval", self.sampling_interval, 86_400_000),
        ] {
            let (min, max) = (Duration::from_millis(10), Duration::from_millis(max));
            if value.is_some_and(|value| value < min || value > max) {
                findings.error(
                    Place::settings(key),
                    format!("`{key}` is not between {min} and {max}"),
                    format!("Give at least `{min}` and at most `{max}`."),
                );
            }
        }
    }

    /// The policy that must be; `None` for the best.
    pub fn policy(&self) -> Option<Policy> {
        match self.security {
            Security::Auto => None,
            Security::None => Some(Policy::None),
            Security::Basic256Sha256 => Some(Policy::Basic256Sha256),
            Security::Aes128Sha256RsaOaep => Some(Policy::Aes128Sha256RsaOaep),
            Security::Aes256Sha256RsaPss => Some(Policy::Aes256Sha256RsaPss),
        }
    }

    /// The mode that must be; `None` for the best.
    pub fn mode(&self) -> Option<Mode> {
        match self.mode {
            _ if self.security == Security::None => Some(Mode::None),
            None => None,
            Some(MessageMode::None) => Some(Mode::None),
            Some(MessageMode::Sign) => Some(Mode::Sign),
            Some(MessageMode::SignAndEncrypt) => Some(Mode::SignAndEncrypt),
        }
    }

    pub fn deadband(&self) -> Option<Deadband> {
        match self.deadband {
            DeadbandKind::Absolute if self.deadband_width > 0.0 => {
                Some(Deadband::Absolute(self.deadband_width))
            }
            DeadbandKind::Percent if self.deadband_width > 0.0 => {
                Some(Deadband::Percent(self.deadband_width))
            }
            _ => None,
        }
    }

    pub fn keep_alive(&self) -> std::time::Duration {
        self.keep_alive.map_or(self.timeout.0 / 2, |keep_alive| keep_alive.0)
    }

    /// What devices must have in common to share a session.
    pub fn link(&self) -> String {
        let url = Server::parse(&self.endpoint).map(|place| place.url());
        let mut link = url.unwrap_or_else(|_| self.endpoint.clone());
        let secret = self.password.as_ref().map(|password| &password.secret);
        let shared = format!(
            "{:?}{:?}{:?}{:?}{secret:?}{}{:?}{:?}{:?}{:?}",
            self.security,
            self.mode,
            self.identity,
            self.user,
            self.password_in_clear,
            self.trust,
            self.timeout,
            self.connect_timeout,
            self.keep_alive,
        );
        // FNV-1a: stable, short, and enough to tell a handful of sessions apart.
        let hash = shared.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        link.push_str(&format!("#{:06x}", hash & 0xff_ffff));
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_host_a_port_and_a_path() {
        let check = |url: &str, expected: &str| {
            assert_eq!(Server::parse(url).unwrap().url(), expected);
        };
        check("opc.tcp://plc", "opc.tcp://plc:4840");
        check("opc.tcp://10.0.0.1:48010/ua/x", "opc.tcp://10.0.0.1:48010/ua/x");
        check("opc.tcp://[::1]:1", "opc.tcp://[::1]:1");
        for wrong in
            ["plc", "http://plc", "opc.tcp://", "opc.tcp://a:b", "opc.tcp://a b", "opc.tcp://a:0"]
        {
            assert!(Server::parse(wrong).is_err(), "{wrong}");
        }
    }
}
