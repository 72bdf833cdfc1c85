//! A driver, a sink and a channel for tests, with the names and settings of the real ones that they imitate.

use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tagwerk_component::{
    Ability, BoxFuture, Channel, ChannelContext, ChannelPlan, ChannelRequest, DevicePlan,
    DeviceRequest, Driver, Duration, Fault, Findings, GroupPlan, LinkContext, Notice, Open,
    OpenChannel, OpenSink, Place, Secret, Session, Sink, SinkContext, SinkFault, SinkPlan,
    SinkRequest, SinkSession, Spec, Told,
};
use tagwerk_config::Catalogue;
use tagwerk_model::DataType;

#[allow(dead_code)]
pub const CATALOGUE: Catalogue =
    Catalogue { drivers: &[&FakeModbus], sinks: &[&FakeMqtt], channels: &[&FakeEmail] };

/// With drivers that take any settings and addresses.
#[allow(dead_code)]
pub const WIDE: Catalogue = Catalogue {
    drivers: &[&FakeModbus, &Anything("s7"), &Anything("iec104")],
    sinks: &[&FakeMqtt],
    channels: &[&FakeEmail],
};

/// With nothing but such drivers.
#[allow(dead_code)]
pub const LOOSE: Catalogue = Catalogue {
    drivers: &[
        &Anything("modbus-tcp"),
        &Anything("modbus-serial"),
        &Anything("opcua"),
        &Anything("s7"),
        &Anything("iec104"),
    ],
    sinks: &[&FakeMqtt],
    channels: &[&FakeEmail],
};

struct Anything(&'static str);

impl Driver for Anything {
    fn spec(&self) -> Spec {
        Spec {
            name: self.0,
            summary: "Anything.",
            settings: schemars::json_schema!({ "type": "object" }),
            ..FakeModbus.spec()
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, _: &mut Findings) -> Option<DevicePlan> {
        Some(plan(device, self.0.to_owned()))
    }
}

fn plan(device: &DeviceRequest<'_>, link: String) -> DevicePlan {
    DevicePlan {
        link,
        open: Arc::new(Nothing),
        read_retries: 0,
        groups: device.groups.iter().map(|_| GroupPlan::default()).collect(),
        browse: None,
    }
}

struct FakeModbus;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct ModbusSettings {
    /// Name or address of the device.
    host: String,
    #[serde(default = "port")]
    #[schemars(range(min = 1))]
    port: u16,
    #[serde(default)]
    #[schemars(range(max = 247))]
    unit: Option<u8>,
    #[serde(default = "timeout")]
    timeout: Duration,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    word_order: WordOrder,
    #[serde(default)]
    keep_alive: bool,
    #[serde(default)]
    login: Option<Login>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Login {
    user: String,
    password: Secret,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WordOrder {
    /// The high word first.
    #[default]
    BigEndian,
    /// The low word first.
    LittleEndian,
}

fn port() -> u16 {
    502
}

fn timeout() -> Duration {
    Duration::from_millis(1000)
}

impl Driver for FakeModbus {
    fn spec(&self) -> Spec {
        Spec {
            name: "modbus-tcp",
            summary: "Modbus over TCP.",
            settings: schemars::schema_for!(ModbusSettings),
            addresses: Vec::new(),
            data_types: DataType::ALL.into_iter().filter(|t| *t != DataType::List).collect(),
            abilities: vec![Ability::Read, Ability::Write],
            example: "{ host: 10.0.0.5, port: 502, unit: 1 }",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let settings: ModbusSettings = match serde_json::from_value(device.settings.clone()) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(Place::root().key("settings"), error.to_string(), "correct it");
                return None;
            }
        };
        if settings.host.contains(' ') {
            findings.error(Place::settings("host"), "the host contains a space", "remove it");
        }
        for (g, group) in device.groups.iter().enumerate() {
            for (t, tag) in group.tags.iter().enumerate() {
                let area = tag.address.rsplit_once('!').map_or(tag.address, |(_, rest)| rest);
                let area = area.split_once(':').map_or("", |(area, _)| area);
                if !matches!(area, "coil" | "discrete" | "input" | "holding") {
                    findings.error(
                        Place::tag(g, t, "address"),
                        format!("`{}` names no area", tag.address),
                        "begin with `coil:`, `discrete:`, `input:` or `holding:`",
                    );
                }
                if tag.write && matches!(area, "input" | "discrete") {
                    findings.error(
                        Place::tag(g, t, "access"),
                        format!("the area `{area}` cannot be written"),
                        "write `access: read`, or choose `holding:` or `coil:`",
                    );
                }
            }
        }
        let plan = plan(device, settings.host);
        (findings.errors() == 0).then_some(plan)
    }
}

struct FakeMqtt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct MqttSettings {
    url: String,
    topic: String,
    #[serde(default)]
    #[schemars(range(max = 2))]
    qos: u8,
    #[serde(default)]
    retain: bool,
    #[serde(default)]
    password: Option<Secret>,
}

impl Sink for FakeMqtt {
    fn spec(&self) -> Spec {
        Spec {
            name: "mqtt",
            summary: "An MQTT broker.",
            settings: schemars::schema_for!(MqttSettings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "{ url: mqtt://127.0.0.1:1883, topic: plant/{device}/{tag} }",
        }
    }

    fn check(&self, sink: &SinkRequest<'_>, findings: &mut Findings) -> Option<SinkPlan> {
        let settings: MqttSettings = serde_json::from_value(sink.settings.clone()).ok()?;
        if !settings.url.starts_with("mqtt://") {
            let problem = format!("`{}` is not the URL of a broker", settings.url);
            findings.error(Place::settings("url"), problem, "write `mqtt://HOST:PORT`");
            return None;
        }
        Some(SinkPlan { open: Arc::new(Nothing), in_flight_max: 1 })
    }
}

struct Nothing;

impl Open for Nothing {
    fn open<'a>(&'a self, _: &'a LinkContext) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async { Err(Fault::Link("nothing to open".to_owned())) })
    }
}

impl OpenSink for Nothing {
    fn open<'a>(
        &'a self,
        _: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>> {
        Box::pin(async { Err(SinkFault::Retry("nothing to open".to_owned())) })
    }
}

/// A channel of mails.
struct FakeEmail;

/// Settings of a channel of mails.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by the check of the schema only")]
struct EmailSettings {
    server: String,
    from: String,
    to: Vec<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<Secret>,
}

impl Channel for FakeEmail {
    fn spec(&self) -> Spec {
        Spec {
            name: "email",
            summary: "Mails.",
            settings: schemars::schema_for!(EmailSettings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "server: mail\nfrom: a@b\nto: [c@d]\n",
        }
    }

    fn check(&self, channel: &ChannelRequest<'_>, findings: &mut Findings) -> Option<ChannelPlan> {
        let settings = EmailSettings::deserialize(channel.settings).ok()?;
        if !settings.from.contains('@') {
            let problem = format!("`{}` is not a mail address", settings.from);
            findings.error(Place::settings("from"), problem, "write one");
            return None;
        }
        let recipients = settings.to.iter().map(|to| to.as_str().into()).collect();
        Some(ChannelPlan { open: Arc::new(Nothing), recipients })
    }
}

impl OpenChannel for Nothing {
    fn tell<'a>(
        &'a self,
        _: &'a ChannelContext,
        _: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>> {
        Box::pin(async move { Told::all(to, &Ok(String::new())) })
    }
}
