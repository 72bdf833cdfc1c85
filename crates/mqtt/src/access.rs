//! What settings have in common that lead to a broker, and what can be wrong with them.

use crate::address::{ADDRESS_REMEDY, Address};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::packet::Qos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_tls::TlsSettings;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Version {
    #[serde(rename = "3.1.1")]
    V3,
    #[default]
    #[serde(rename = "5")]
    V5,
}

impl Version {
    pub(crate) fn of_protocol(self) -> mqtt::Version {
        match self {
            Version::V3 => mqtt::Version::V3_1_1,
            Version::V5 => mqtt::Version::V5_0,
        }
    }
}

pub fn quality_of_service(number: u8) -> Qos {
    match number {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    }
}

/// The settings by which a component reaches a broker, under these names.
pub struct Access<'a> {
    pub url: &'a str,
    pub username: Option<&'a str>,
    pub password: Option<&'a Secret>,
    pub password_file: Option<&'a str>,
    pub keep_alive: Duration,
    pub connect_timeout: Duration,
    pub ack_timeout: Duration,
    pub tls: Option<&'a TlsSettings>,
}

impl Access<'_> {
    /// Reports everything that is wrong; `None` when the address is.
    pub fn check(&self, findings: &mut Findings) -> Option<Address> {
        let address = Address::parse(self.url);
        if let Err(problem) = &address {
            findings.error(Place::settings("url"), problem, ADDRESS_REMEDY);
        }
        self.check_times(findings);
        self.check_password(findings);
        self.check_tls(address.as_ref().ok(), findings);
        address.ok()
    }

    fn check_times(&self, findings: &mut Findings) {
        let keep_alive = self.keep_alive.0;
        if keep_alive.subsec_nanos() != 0 || !(1..=65_535).contains(&keep_alive.as_secs()) {
            findings.error(
                Place::settings("keep_alive"),
                format!("MQTT cannot express {}", self.keep_alive),
                "choose whole seconds from `1s` to `65535s`",
            );
        }
        for (key, duration) in
            [("connect_timeout", self.connect_timeout), ("ack_timeout", self.ack_timeout)]
        {
            if !(100..=600_000).contains(&duration.0.as_millis()) {
                findings.error(
                    Place::settings(key),
                    format!("{duration} is out of range"),
                    "choose from `100ms` to `10m`",
                );
            }
        }
    }

    fn check_password(&self, findings: &mut Findings) {
        let given = [
            ("password_file", self.password_file.is_some()),
            ("password", self.password.is_some()),
        ];
        if given.iter().all(|(_, given)| *given) {
            findings.error(
                Place::settings("password"),
                "the password is given twice, as a file and as a secret",
                "remove `password` or `password_file`",
            );
        }
        if let Some((key, _)) = given.iter().find(|(_, given)| *given)
            && self.username.is_none()
        {
            findings.error(
                Place::settings(key),
                "there is a password but no user name",
                "add `username`",
            );
        }
    }

    fn check_tls(&self, address: Option<&Address>, findings: &mut Findings) {
        let Some(tls) = self.tls else { return };
        if address.is_some_and(|address| !address.tls) {
            findings.error(
                Place::settings("tls"),
                format!("there are TLS settings, but `{}` does not use TLS", self.url),
                "write `mqtts://` in `url`, or remove `tls`",
            );
        }
        tls.check(&Place::settings("tls"), findings);
    }
}
