//! The settings of a device of a broker, and what can be wrong with them. The doc comments are the help
//! in the console's form. Nothing here touches the world.

use crate::Shape;
use crate::address::{Source, Wrong};
use crate::filter::Filter;
use crate::payload::{Form, Format};
use crate::time::{TimeOf, TimeSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_model::limits;
use tagwerk_mqtt::{Access, Address, Version};
use tagwerk_tls::TlsSettings;

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the broker: `mqtt://host:1883`, or `mqtts://host:8883` with TLS. Devices that reach
    /// a broker in the same way share one connection.
    pub url: String,
    /// Version of the MQTT protocol.
    #[serde(default)]
    pub version: Version,
    /// Client id; must be unique on the broker. Without it, the broker chooses one.
    #[serde(default)]
    pub client_id: Option<String>,
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
    /// Time for the broker to acknowledge a subscription or a command.
    #[serde(default = "default_ack_timeout")]
    pub ack_timeout: Duration,
    /// How long the broker keeps this client's subscriptions, and the messages for them, while it is
    /// away, from `1s` to `30d`; MQTT 3.1.1 leaves the time to the broker. Needs `client_id`.
    /// Without it, what is sent while the connection is down is lost.
    #[serde(default)]
    pub keep_session: Option<Duration>,
    /// TLS, for `mqtts://`.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Topics to subscribe to, with `+` for one level, `#` for all below, and `$share/NAME/` before
    /// for a shared subscription.
    pub topics: Vec<String>,
    /// Quality of service: 0 at most once, 1 and 2 at least once.
    #[serde(default = "default_qos")]
    #[schemars(range(min = 0, max = 2))]
    pub qos: u8,
    /// Take the messages that the broker has kept (retained) for new subscribers. They come at each
    /// connect.
    #[serde(default = "default_true")]
    pub retained: bool,
    /// How a payload is read.
    #[serde(default)]
    pub format: Format,
    /// The field that says a row's time. Without it, or where it is missing, a row has the time at
    /// which it arrived.
    #[serde(default)]
    pub time: Option<TimeSettings>,
    /// Tags become bad when no message has come for so long, at least `1s`. Without it, never.
    #[serde(default)]
    pub silent_after: Option<Duration>,
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

/// Settings that passed check.
pub struct Checked {
    pub settings: Settings,
    pub address: Address,
    filters: Vec<Filter>,
    time: Option<TimeOf>,
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
                    format!("these are not the settings of a device of a broker: {error}"),
                    "compare with the example in the reference of the driver `mqtt`",
                );
                return None;
            }
        };
        let address = settings.access().check(findings);
        check_session(&settings, findings);
        check_device(&settings, findings);
        let filters = check_topics(&settings, findings);
        let time = settings.time.as_ref().and_then(|time| check_time(time, &settings, findings));
        (findings.errors() == before).then_some(())?;
        Some(Checked { address: address?, filters, time, settings })
    }

    pub fn shape(&self, device: &str) -> Shape {
        Shape {
            name: Arc::from(device),
            filters: self.filters.clone(),
            qos: self.settings.qos,
            retained: self.settings.retained,
            silent_after: self.settings.silent_after.map(|time| time.0),
            form: Form { format: self.settings.format, time: self.time.clone() },
        }
    }

    /// The link that devices share which reach the broker in the same way.
    pub fn link(&self) -> String {
        let mut link = self.address.to_string();
        if let Some(client_id) = &self.settings.client_id {
            link.push('/');
            link.push_str(client_id);
        }
        let (own, usual) = (self.settings.connection(), Settings::usual().connection());
        if own != usual {
            // FNV-1a: the key must be the same for the same settings, and shows no secret's name.
            let hash = own.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            link.push_str(&format!("~{hash:08x}"));
        }
        link
    }
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

    /// What concerns the connection as a whole, beside address and client id.
    fn connection(&self) -> String {
        let who = (&self.username, &self.password, &self.password_file);
        let times = (self.keep_alive, self.connect_timeout, self.ack_timeout);
        serde_json::json!([self.version, who, times, self.keep_session, self.tls]).to_string()
    }

    fn usual() -> Settings {
        Settings {
            url: String::new(),
            version: Version::default(),
            client_id: None,
            username: None,
            password_file: None,
            password: None,
            keep_alive: default_keep_alive(),
            connect_timeout: default_connect_timeout(),
            ack_timeout: default_ack_timeout(),
            keep_session: None,
            tls: None,
            topics: Vec::new(),
            qos: default_qos(),
            retained: true,
            format: Format::default(),
            time: None,
            silent_after: None,
        }
    }
}

fn check_session(settings: &Settings, findings: &mut Findings) {
    if let Some(client_id) = &settings.client_id
        && (client_id.is_empty()
            || client_id.contains(|c: char| c.is_whitespace() || c.is_control()))
    {
        findings.error(
            Place::settings("client_id"),
            "a client id is a word",
            "write one without spaces, such as `plant7-edge`, or remove `client_id`",
        );
    }
    let Some(kept) = settings.keep_session else { return };
    let (least, most) = (Duration::from_millis(1_000), Duration::from_millis(30 * 86_400_000));
    if kept < least || kept > most || kept.0.subsec_nanos() != 0 {
        findings.error(
            Place::settings("keep_session"),
            format!("{kept} is not a time for which a session is kept"),
            format!("choose whole seconds from `{least}` to `{most}`"),
        );
    }
    if settings.client_id.is_none() {
        findings.error(
            Place::settings("keep_session"),
            "the broker keeps a session for a client that it knows again",
            "add `client_id`, or remove `keep_session`",
        );
    }
    if settings.qos == 0 {
        findings.warning(
            Place::settings("qos"),
            "brokers keep no messages of quality of service 0",
            "write `qos: 1`, or remove `keep_session`",
        );
    }
}

fn check_device(settings: &Settings, findings: &mut Findings) {
    if settings.qos > 2 {
        findings.error(Place::settings("qos"), "there is no such quality of service", "0, 1 or 2");
    }
    let (least, most) = (Duration::from_millis(1_000), Duration::from_millis(30 * 86_400_000));
    if let Some(time) = settings.silent_after
        && (time < least || time > most)
    {
        findings.error(
            Place::settings("silent_after"),
            format!("{time} is outside {least} to {most}"),
            format!("give a duration from {least} to {most}"),
        );
    }
}

fn check_topics(settings: &Settings, findings: &mut Findings) -> Vec<Filter> {
    let place = || Place::settings("topics");
    let count = settings.topics.len();
    if count == 0 || count > limits::FILTERS_MAX {
        let max = limits::FILTERS_MAX;
        findings.error(
            place(),
            format!("{count} topics, where 1 to {max} can stand"),
            "name the topics to subscribe to, such as `plant/+/state`",
        );
    }
    let mut filters: Vec<Filter> = Vec::with_capacity(count.min(limits::FILTERS_MAX));
    for (index, text) in settings.topics.iter().enumerate().take(limits::FILTERS_MAX) {
        match Filter::parse(text) {
            Err(problem) => findings.error(
                place().index(index),
                format!("`{}`: {problem}", text.escape_debug()),
                "write a topic, with `+` for one level and `#` at the end for all below",
            ),
            Ok(filter) if filters.contains(&filter) => findings.error(
                place().index(index),
                format!("`{text}` stands here twice"),
                "remove one of them",
            ),
            Ok(filter) => filters.push(filter),
        }
    }
    filters
}

fn check_time(time: &TimeSettings, settings: &Settings, findings: &mut Findings) -> Option<TimeOf> {
    let place = Place::settings("time").key("field");
    let wrong = |Wrong { problem, .. }: Wrong| problem;
    let source = match Source::parse(time.field.trim()).map_err(wrong) {
        Ok(_) if settings.format != Format::Json => {
            Err("a payload that is not JSON has no fields".to_owned())
        }
        Ok(Source::Field(steps)) => Ok(Source::Field(steps)),
        Ok(_) => Err("the time stands in the payload".to_owned()),
        Err(problem) => Err(problem),
    };
    match source {
        Ok(source) => Some(TimeOf { source, unit: time.unit }),
        Err(problem) => {
            findings.error(
                place,
                format!("`{}`: {problem}", time.field),
                "name a field, such as `ts` or `/header/ts`, or remove `time`",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(more: Value) -> (Option<Checked>, Vec<String>) {
        let mut settings = json!({ "url": "mqtt://broker", "topics": ["a/#"] });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut findings = Findings::new();
        let checked = Checked::from_settings(&settings, &mut findings);
        let problems = findings.list().iter().map(|f| format!("{} | {}", f.problem, f.remedy));
        (checked, problems.collect())
    }

    #[test]
    fn good_settings_have_no_findings() {
        for more in [
            json!({}),
            json!({ "version": "3.1.1", "qos": 0, "retained": false, "format": "text" }),
            json!({ "client_id": "edge7", "keep_session": "7d", "topics": ["$share/g/a/+", "b"] }),
            json!({ "time": { "field": "header.ts", "unit": "rfc3339" }, "silent_after": "1m" }),
            json!({ "url": "mqtts://b", "tls": {}, "username": "u", "password": { "secret": "s" } }),
        ] {
            assert_eq!(check(more.clone()).1, Vec::<String>::new(), "{more}");
        }
    }

    #[test]
    fn wrong_settings_say_what_and_what_to_do() {
        for (more, words) in [
            (json!({ "url": "tcp://b" }), "`tcp://` is not a scheme"),
            (json!({ "topics": [] }), "0 topics"),
            (json!({ "topics": ["a", "a"] }), "stands here twice"),
            (json!({ "topics": ["a/#/b"] }), "`#` stands alone in the last level"),
            (json!({ "qos": 3 }), "there is no such quality of service"),
            (json!({ "client_id": "a b" }), "a client id is a word"),
            (json!({ "keep_session": "1h" }), "add `client_id`"),
            (json!({ "keep_session": "10ms", "client_id": "a" }), "is not a time"),
            (json!({ "keep_session": "1h", "client_id": "a", "qos": 0 }), "write `qos: 1`"),
            (json!({ "silent_after": "1ms" }), "outside 1s to 30d"),
            (json!({ "time": { "field": "$topic" } }), "the time stands in the payload"),
            (json!({ "time": { "field": "a..b" } }), "name a field"),
            (json!({ "time": { "field": "t" }, "format": "text" }), "has no fields"),
            (json!({ "password_file": "/p" }), "add `username`"),
            (json!({ "nonsense": 1 }), "unknown field"),
        ] {
            let (_, problems) = check(more.clone());
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(words), "{more}: {problems:?}");
        }
    }

    #[test]
    fn devices_share_a_link_when_they_reach_the_broker_in_the_same_way() {
        let link = |more: Value| check(more).0.unwrap().link();
        assert_eq!(link(json!({})), "mqtt://broker:1883");
        assert_eq!(link(json!({ "topics": ["b"], "qos": 0, "format": "text" })), link(json!({})));
        assert_eq!(link(json!({ "client_id": "e" })), "mqtt://broker:1883/e");
        let kept = link(json!({ "client_id": "e", "keep_session": "1h" }));
        assert!(kept.starts_with("mqtt://broker:1883/e~"), "{kept}");
        assert_ne!(kept, link(json!({ "client_id": "e", "keep_session": "2h" })));
        assert_ne!(link(json!({ "username": "u" })), link(json!({ "username": "v" })));
    }
}
