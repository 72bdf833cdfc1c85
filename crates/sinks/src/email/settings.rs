//! The settings of the channel `email`, and what can be wrong with them. The doc comments are the help
//! in the reference. Nothing here touches the world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_tls::TlsSettings;

/// Recipients of one channel. More: a finding.
const RECIPIENTS_MAX: usize = 50;
/// RFC 5321 section 4.5.3.1.3.
const ADDRESS_BYTES_MAX: usize = 254;

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host name or IP address of the mail server.
    pub server: String,
    /// Port of the mail server. Default: 587 with `starttls`, 465 with `tls`, 25 with `none`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// How the connection is encrypted. With `starttls` and `tls` nothing is sent without.
    #[serde(default)]
    pub security: Security,
    /// User name at the mail server, where it wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// Password of `username`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Address that mails are from.
    pub from: String,
    /// Addresses that mails go to.
    #[schemars(length(min = 1, max = 50))]
    pub to: Vec<String>,
    /// The name by which the edge greets the mail server. Default: the edge's name.
    #[serde(default)]
    pub hello: Option<String>,
    /// TLS, with `starttls` and `tls`.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Time to connect and to hand over one mail.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Encrypted after the greeting, as mail servers want it of clients on port 587.
    #[default]
    Starttls,
    /// Encrypted from the beginning.
    Tls,
    /// Not encrypted.
    None,
}

fn default_timeout() -> Duration {
    Duration::from_millis(30_000)
}

impl Settings {
    /// Reports everything that is wrong; `None` when any of it is an error.
    pub fn check(value: &serde_json::Value, findings: &mut Findings) -> Option<Settings> {
        let before = findings.errors();
        let settings = match Settings::deserialize(value) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("these are not the settings of a channel of mails: {error}"),
                    "compare with the example in the reference of the channel `email`",
                );
                return None;
            }
        };
        settings.check_server(findings);
        settings.check_addresses(findings);
        settings.check_login(findings);
        (findings.errors() == before).then_some(settings)
    }

    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::None => 25,
        })
    }

    fn check_server(&self, findings: &mut Findings) {
        let host = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if self.server.is_empty() || !self.server.chars().all(host) {
            findings.error(
                Place::settings("server"),
                format!("`{}` is not a host name or an IP address", self.server),
                "write the name alone, such as `mail.plant.example`; the port goes into `port`",
            );
        }
        if self.port == Some(0) {
            findings.error(
                Place::settings("port"),
                "0 is not a port",
                "write the mail server's port",
            );
        }
        let hello = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if self.hello.as_ref().is_some_and(|h| h.is_empty() || !h.chars().all(hello)) {
            findings.error(
                Place::settings("hello"),
                "this cannot be the name of a host",
                "write letters, digits, `-` and `.`, such as `press-1.plant.example`",
            );
        }
        if !(1_000..=600_000).contains(&self.timeout.0.as_millis()) {
            findings.error(
                Place::settings("timeout"),
                format!("{} is out of range", self.timeout),
                "choose from `1s` to `10m`",
            );
        }
        match &self.tls {
            Some(_) if self.security == Security::None => findings.error(
                Place::settings("tls"),
                "there are TLS settings, but `security` is `none`",
                "write `security: starttls` or `security: tls`, or remove `tls`",
            ),
            Some(tls) => tls.check(&Place::settings("tls"), findings),
            None => {}
        }
    }

    fn check_addresses(&self, findings: &mut Findings) {
        let from = std::iter::once((Place::settings("from"), &self.from));
        let to = self.to.iter().enumerate();
        let to = to.map(|(place, to)| (Place::settings("to").index(place), to));
        for (place, address) in from.chain(to) {
            if !is_address(address) {
                findings.error(
                    place,
                    format!("`{address}` is not a mail address"),
                    "write the address alone, in ASCII, such as `shift@plant.example`",
                );
            }
        }
        if self.to.is_empty() || self.to.len() > RECIPIENTS_MAX {
            findings.error(
                Place::settings("to"),
                format!("there are {} recipients", self.to.len()),
                format!("name from 1 to {RECIPIENTS_MAX}; for more, use a list of the mail server"),
            );
        }
        for (place, address) in self.to.iter().enumerate() {
            if self.to[..place].contains(address) {
                findings.error(
                    Place::settings("to").index(place),
                    format!("`{address}` is named twice"),
                    "remove one of the two",
                );
            }
        }
    }

    fn check_login(&self, findings: &mut Findings) {
        match (&self.username, &self.password) {
            (Some(_), None) => findings.error(
                Place::settings("password"),
                "there is a user name but no password",
                "add `password: {secret: NAME}`",
            ),
            (None, Some(_)) => findings.error(
                Place::settings("username"),
                "there is a password but no user name",
                "add `username`",
            ),
            (Some(_), Some(_)) if self.security == Security::None => findings.warning(
                Place::settings("security"),
                "the password goes over the network in clear text: anyone between can read it",
                "write `security: starttls` or `security: tls`",
            ),
            _ => {}
        }
    }
}

/// RFC 5321's plain form: quoted local parts are asked for by nobody, and a strange letter could end
/// the command that the address stands in.
fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let local_letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    let domain_letter = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
    let part = |part: &str, letter: &dyn Fn(char) -> bool| {
        !part.is_empty() && !part.starts_with('.') && part.chars().all(letter)
    };
    address.len() <= ADDRESS_BYTES_MAX && part(local, &local_letter) && part(domain, &domain_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(change: serde_json::Value, expected: &[&str]) {
        let mut settings = json!({ "server": "mail", "from": "t@plant", "to": ["a@plant"] });
        let object = settings.as_object_mut().unwrap();
        object.extend(change.as_object().unwrap().clone());
        let mut findings = Findings::new();
        let checked = Settings::check(&settings, &mut findings);
        let found: Vec<String> = findings
            .list()
            .iter()
            .map(|finding| format!("{:?} {}", finding.weight, finding.problem))
            .collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
        assert_eq!(checked.is_some(), findings.errors() == 0);
    }

    #[test]
    fn settings_are_checked() {
        let secret = json!({ "secret": "smtp" });
        check(json!({}), &[]);
        check(json!({ "username": "u", "password": secret }), &[]);
        check(json!({ "security": "tls", "tls": { "ca_file": "/ca.pem" } }), &[]);
        check(json!({ "server": "smtp://mail" }), &["not a host name"]);
        check(json!({ "server": "" }), &["not a host name"]);
        check(json!({ "port": 0 }), &["not a port"]);
        check(json!({ "to": [] }), &["0 recipients"]);
        check(json!({ "to": ["a@plant", "a@plant"] }), &["twice"]);
        for address in ["a", "@plant", "a@", "a b@plant", "<a@plant>", "a@plant\r\nDATA", "ü@plant"]
        {
            check(json!({ "from": address }), &["not a mail address"]);
            check(json!({ "to": [address] }), &["not a mail address"]);
        }
        check(json!({ "username": "u" }), &["no password"]);
        check(json!({ "password": secret }), &["no user name"]);
        check(
            json!({ "security": "none", "username": "u", "password": secret }),
            &["Warning the password goes over the network"],
        );
        check(json!({ "security": "none", "tls": {} }), &["`security` is `none`"]);
        check(json!({ "hello": "a b" }), &["name of a host"]);
        check(json!({ "timeout": "1ms" }), &["out of range"]);
        check(json!({ "servr": "x" }), &["not the settings"]);
    }
}
