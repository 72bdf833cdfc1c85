//! The settings of an MQTT sink, and what can be wrong with them. The doc comments are the help in
//! the console's form. Nothing here touches the world.

use super::topic;
use crate::payload::Format;
use crate::payload::filter::Program;
use crate::template::{self, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_model::limits;
use tagwerk_mqtt::{Access, Address, Version};
use tagwerk_tls::TlsSettings;

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the broker: `mqtt://host:1883`, or `mqtts://host:8883` with TLS.
    pub url: String,
    /// Version of the MQTT protocol.
    #[serde(default)]
    pub version: Version,
    /// Client id; must be unique on the broker. Placeholders: `{edge}` and `{sink}`.
    #[serde(default = "default_client_id")]
    pub client_id: String,
    /// User name, if the broker asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// Path of a file that holds the password and nothing else.
    #[serde(default)]
    pub password_file: Option<String>,
    /// The password as a secret of the edge, instead of `password_file`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How long the connection may be quiet before the broker is asked whether it is still there;
    /// no answer within half as much again and the connection counts as lost. Whole seconds.
    #[serde(default = "default_keep_alive")]
    pub keep_alive: Duration,
    /// Time to connect, TLS and the broker's answer included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// Time for the broker to take and acknowledge a message. Then the sink connects again and
    /// delivers again.
    #[serde(default = "default_ack_timeout")]
    pub ack_timeout: Duration,
    /// Topic of the messages. Placeholders: `{edge}`, `{device}`, `{group}`, `{tag}`; with `{tag}`
    /// there is one message per tag. `/`, `+` and `#` in a name become `_`.
    #[serde(default = "default_topic")]
    pub topic: String,
    /// Quality of service: 0 at most once, 1 at least once, 2 at least once with no repeats while
    /// the connection lasts. With 0, what is on its way when the connection breaks is lost.
    #[serde(default = "default_qos")]
    #[schemars(range(min = 0, max = 2))]
    pub qos: u8,
    /// Let the broker keep the last message of each topic for new subscribers.
    #[serde(default)]
    pub retain: bool,
    /// Form of the payload.
    #[serde(default)]
    pub format: Format,
    /// With format `jq`, the jq program that makes the payloads. Its input is the `tags` form with
    /// the keys `edge` and `device`, and with each tag's `unit` and `quality`. Each output becomes
    /// one message: an object with just the keys `topic` and `payload` names its own topic, anything
    /// else is a payload for `topic`. Text is sent as it is, anything else as JSON. A program that
    /// fails, does not end or makes more than 1,000 messages loses the delivery to the dead letters.
    #[serde(default)]
    pub filter: Option<String>,
    /// Send tags whose quality is bad, with the OPC UA status code as the error.
    #[serde(default = "default_true")]
    pub errors: bool,
    /// Add the keys `epoch`, `from`, `to` and `replayed` to the payload, by which a receiver can
    /// prove that nothing is missing. MQTT 5 always has them as user properties.
    #[serde(default)]
    pub sequence: bool,
    /// TLS, for `mqtts://`.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Message that the broker publishes when the connection breaks.
    #[serde(default)]
    pub will: Option<Will>,
    /// Topic that says, retained, whether the edge is connected: `online` or `offline`.
    /// Placeholders: `{edge}` and `{sink}`.
    #[serde(default)]
    pub status_topic: Option<String>,
    /// Messages that may wait for their acknowledgement at once. The broker can lower it.
    #[serde(default = "default_in_flight_max")]
    #[schemars(range(min = 1, max = 64))]
    pub in_flight_max: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Will {
    /// Topic of the message. Placeholders: `{edge}` and `{sink}`.
    pub topic: String,
    /// The message itself.
    pub payload: String,
    /// Quality of service: 0, 1 or 2.
    #[serde(default = "default_qos")]
    #[schemars(range(min = 0, max = 2))]
    pub qos: u8,
    /// Let the broker keep the message for new subscribers.
    #[serde(default)]
    pub retain: bool,
}

fn default_client_id() -> String {
    "tagwerk-{edge}-{sink}".into()
}
fn default_topic() -> String {
    "tagwerk/{edge}/{device}/{group}".into()
}
fn default_keep_alive() -> Duration {
    Duration::from_millis(30_000)
}
fn default_connect_timeout() -> Duration {
    Duration::from_millis(10_000)
}
fn default_ack_timeout() -> Duration {
    Duration::from_millis(20_000)
}
fn default_qos() -> u8 {
    1
}
fn default_true() -> bool {
    true
}
fn default_in_flight_max() -> usize {
    32
}

impl Settings {
    fn access(&self) -> Access<'_> {
        Access {
            url: &self.url,
            username: self.username.as_deref(),
            password: self.password.as_ref(),
            password_file: self.password_file.as_deref(),
            keep_alive: self.keep_alive,
            connect_timeout: self.connect_timeout,
            ack_timeout: self.ack_timeout,
            tls: self.tls.as_ref(),
        }
    }
}

/// Settings that passed check.
pub struct Checked {
    pub settings: Settings,
    pub address: Address,
    pub topic: Template,
    pub client_id: Template,
    pub status_topic: Option<Template>,
    pub will_topic: Option<Template>,
    pub program: Option<Program>,
}

impl Checked {
    /// Reports everything that is wrong; `None` when any of it is an error.
    pub fn from_settings(value: &serde_json::Value, findings: &mut Findings) -> Option<Checked> {
        let before = findings.errors();
        let settings = match Settings::deserialize(value) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("these are not the settings of an MQTT sink: {error}"),
                    "compare with the example in the reference of the sink `mqtt`",
                );
                return None;
            }
        };
        let address = settings.access().check(findings);
        check_numbers(&settings, findings);
        let topic = template("topic", &settings.topic, topic::DATA, findings);
        let client_id = template("client_id", &settings.client_id, topic::CONNECTION, findings);
        let status_topic = settings
            .status_topic
            .as_ref()
            .map(|text| template("status_topic", text, topic::CONNECTION, findings));
        let will_topic =
            settings.will.as_ref().map(|will| check_will(will, status_topic.is_some(), findings));
        let program = check_filter(&settings, findings);
        if findings.errors() > before {
            return None;
        }
        Some(Checked {
            address: address?,
            topic: topic?,
            client_id: client_id?,
            status_topic: status_topic.flatten(),
            will_topic: will_topic.flatten(),
            program,
            settings,
        })
    }
}

fn check_numbers(settings: &Settings, findings: &mut Findings) {
    if settings.qos > 2 {
        findings.error(Place::settings("qos"), "there is no such quality of service", "0, 1 or 2");
    }
    if !(1..=limits::SINK_IN_FLIGHT_MAX).contains(&settings.in_flight_max) {
        findings.error(
            Place::settings("in_flight_max"),
            format!("{} is out of range", settings.in_flight_max),
            format!("choose a number from 1 to {}", limits::SINK_IN_FLIGHT_MAX),
        );
    }
}

fn check_will(will: &Will, has_status: bool, findings: &mut Findings) -> Option<Template> {
    let base = Place::settings("will");
    if has_status {
        findings.error(
            base.clone(),
            "a connection has only one will, and `status_topic` needs it",
            "remove `will` or `status_topic`",
        );
    }
    if will.qos > 2 {
        findings.error(base.clone().key("qos"), "there is no such quality of service", "0, 1 or 2");
    }
    if will.payload.len() > 65_535 {
        findings.error(
            base.clone().key("payload"),
            format!("a will has at most 65535 bytes, this one has {}", will.payload.len()),
            "shorten it",
        );
    }
    parse_template(base.key("topic"), &will.topic, topic::CONNECTION, findings)
}

fn template(
    key: &str,
    text: &str,
    known: &'static [&'static str],
    findings: &mut Findings,
) -> Option<Template> {
    parse_template(Place::settings(key), text, known, findings)
}

fn parse_template(
    place: Place,
    text: &str,
    known: &'static [&'static str],
    findings: &mut Findings,
) -> Option<Template> {
    match topic::parse(text, known) {
        Ok(template) => Some(template),
        Err(problem) => {
            template::report(problem, place, known, findings);
            None
        }
    }
}

fn check_filter(settings: &Settings, findings: &mut Findings) -> Option<Program> {
    if settings.format == Format::Jq && settings.topic.contains("{tag}") {
        findings.error(
            Place::settings("topic"),
            "with the format `jq` a message belongs to no single tag",
            "let the filter name the topics: `.tags[] | {topic: .name, payload: .value}`",
        );
    }
    Program::check(
        settings.format,
        settings.filter.as_deref(),
        Some(tagwerk_mqtt::topic_problem),
        findings,
    )
}

#[cfg(test)]
mod tests;
