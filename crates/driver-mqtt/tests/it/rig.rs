//! Plans, sessions and rows, as the runtime handles them; and a broker of the test's own.

use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, LinkContext, Report, Session,
    TagRequest, Watch, WatchId,
};
use tagwerk_driver_mqtt::Mqtt;
use tagwerk_env::{Env, SystemDisk};
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_testkit::{FakeNet, PausedClock, link_context};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Address and type; read and written as the address says.
pub type Tag<'a> = (&'a str, DataType);

pub fn check(settings: &Json, groups: &[&[Tag<'_>]]) -> Result<DevicePlan, Findings> {
    let group = |tags: &&[Tag<'static>]| -> Vec<TagRequest<'static>> {
        let tag = |(address, data_type): &Tag<'static>| TagRequest {
            name: address,
            address,
            data_type: *data_type,
            read: !address.starts_with('>'),
            write: address.contains('>'),
        };
        tags.iter().map(tag).collect()
    };
    // The plan keeps nothing of the request.
    let groups: Vec<Vec<Tag<'static>>> = groups
        .iter()
        .map(|tags| tags.iter().map(|(a, t)| (&*a.to_string().leak(), *t)).collect())
        .collect();
    let groups = groups.iter().map(|tags| GroupRequest {
        name: "all",
        interval: Duration::from_secs(1),
        tags: group(&tags.as_slice()),
    });
    let mut findings = Findings::new();
    let request = DeviceRequest { name: "station", settings, groups: groups.collect() };
    Mqtt.check(&request, &mut findings).ok_or(findings)
}

pub fn plan(settings: &Json, groups: &[&[Tag<'_>]]) -> DevicePlan {
    check(settings, groups).unwrap_or_else(|findings| panic!("{:?}", findings.list()))
}

/// The readable groups of a plan, with ids from this on.
pub fn watches(first: u64, plan: &DevicePlan) -> Vec<Watch> {
    let tokens = plan.groups.iter().filter_map(|group| group.watch.clone());
    let watch = |(place, token)| Watch {
        id: WatchId(first + place as u64),
        device: "station".into(),
        group: "all".into(),
        interval: Duration::from_secs(1),
        token,
        known_to: None,
    };
    tokens.enumerate().map(watch).collect()
}

/// What one group has of one row: its values in the order of the tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub watch: u64,
    pub values: Vec<Result<Value, Quality>>,
    pub time: Option<i64>,
}

pub fn row(watch: u64, values: &[Value]) -> Row {
    Row { watch, values: values.iter().cloned().map(Ok).collect(), time: None }
}

/// Reports as the runtime makes batches of them.
pub fn rows(reports: &[Report]) -> Vec<Row> {
    let mut rows: Vec<(Row, Vec<u32>)> = Vec::new();
    for report in reports {
        assert!(!report.past);
        let value = report.value.clone().ok_or(report.quality);
        let fits = |(row, tags): &&mut (Row, Vec<u32>)| {
            row.watch == report.watch.0
                && row.time.is_some() == report.source_time.is_some()
                && !tags.contains(&report.tag)
        };
        match rows.last_mut().filter(fits) {
            Some((row, tags)) => {
                row.values.push(value);
                tags.push(report.tag);
            }
            None => rows.push((
                Row { watch: report.watch.0, values: vec![value], time: report.source_time },
                vec![report.tag],
            )),
        }
    }
    rows.into_iter().map(|(row, _)| row).collect()
}

/// The next rows, as many as this.
pub async fn next_rows(session: &mut dyn Session, count: usize) -> Result<Vec<Row>, Fault> {
    let mut found = Vec::new();
    while found.len() < count {
        let mut out = Vec::new();
        session.event(&mut out).await?;
        found.extend(rows(&out));
    }
    assert_eq!(found.len(), count, "{found:?}");
    Ok(found)
}

pub fn counter(session: &mut dyn Session, name: &str) -> u64 {
    let counters = session.counters();
    counters.iter().find(|(known, _)| *known == name).map(|(_, count)| *count).unwrap()
}

pub fn settings(more: Json) -> Json {
    let mut settings = serde_json::json!({ "url": "mqtt://broker", "topics": ["a/+"] });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

/// A network of its own, whose time jumps, with a broker that the test plays.
pub struct Rig {
    pub context: LinkContext,
    wires: tokio::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<DuplexStream>>,
}

impl Rig {
    pub fn new() -> Rig {
        let net = FakeNet::new();
        let clock = Arc::new(PausedClock::new());
        let (sender, wires) = tokio::sync::mpsc::unbounded_channel();
        net.peer("broker", 1883, move |stream| {
            let sender = sender.clone();
            async move { drop(sender.send(stream)) }
        });
        let env = Env { clock, disk: Arc::new(SystemDisk), net: Arc::new(net) };
        Rig { context: link_context(env), wires: tokio::sync::Mutex::new(wires) }
    }

    /// The broker's end of the next connection.
    pub async fn broker(&self) -> Broker {
        Broker(self.wires.lock().await.recv().await.unwrap())
    }

    /// Opens a link; the broker answers with this CONNACK.
    pub async fn connect(
        &self,
        plan: &DevicePlan,
        connack: &[u8],
    ) -> (Result<Box<dyn Session>, Fault>, Broker, Vec<u8>) {
        let answer = async {
            let mut broker = self.broker().await;
            let (first, hello) = broker.packet().await;
            assert_eq!(first, 0x10);
            broker.send(connack).await;
            (broker, hello)
        };
        let (session, (broker, hello)) = tokio::join!(plan.open.open(&self.context), answer);
        (session, broker, hello)
    }

    /// Opens a link and has all groups of the plan watched; the broker grants it.
    pub async fn watched(&self, plan: &DevicePlan) -> (Box<dyn Session>, Broker) {
        let (session, mut broker, _) = self.connect(plan, CONNACK).await;
        let (mut session, watches) = (session.unwrap(), watches(1, plan));
        let (unwatched, _) = tokio::join!(session.watch(&watches), broker.grant(1));
        assert!(unwatched.unwrap().is_empty());
        (session, broker)
    }

    pub fn traced(&self, what: &str) -> bool {
        self.context.trace.frames_after(0).iter().any(|frame| frame.meaning.contains(what))
    }
}

/// CONNACK of MQTT 5: taken, no session, no properties.
pub const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

/// The far end of a connection: a broker that says what the test wants, in MQTT 5.
pub struct Broker(pub DuplexStream);

impl Broker {
    /// Reads one packet: its first byte and its body.
    pub async fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.unwrap();
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = self.0.read_u8().await.unwrap();
            length |= usize::from(byte & 127) << shift;
            shift += 7;
            if byte & 128 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (first, body)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // The driver may have gone.
        let _ = self.0.write_all(bytes).await;
    }

    /// Takes so many subscriptions and grants them; returns their packets.
    pub async fn grant(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for _ in 0..count {
            let (first, body) = self.packet().await;
            assert_eq!(first, 0x82);
            self.send(&[0x90, 4, body[0], body[1], 0, 1]).await;
            packets.push(body);
        }
        packets
    }
}

/// A PUBLISH of MQTT 5 without properties; without an id its quality of service is 0.
pub fn publish(topic: &str, id: Option<u16>, payload: &str) -> Vec<u8> {
    publish_with(topic, id.map(|id| (1, id)), false, &[], payload)
}

pub fn publish_with(
    topic: &str,
    qos: Option<(u8, u16)>,
    retain: bool,
    properties: &[u8],
    payload: &str,
) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend(topic.bytes());
    body.extend(qos.iter().flat_map(|(_, id)| id.to_be_bytes()));
    body.push(properties.len() as u8);
    body.extend(properties);
    body.extend(payload.bytes());
    let qos = qos.map_or(0, |(qos, _)| qos);
    let mut packet = vec![0x30 | qos << 1 | u8::from(retain)];
    let mut length = body.len();
    loop {
        let more = length > 127;
        packet.push((length % 128) as u8 | if more { 128 } else { 0 });
        length /= 128;
        if !more {
            break;
        }
    }
    packet.extend(body);
    packet
}
