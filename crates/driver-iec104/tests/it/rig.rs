//! Plans, sessions and reports, as the runtime handles them; and a station of the test's own.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, LinkContext, Report, Session,
    TagRequest, Watch, WatchId, WriteFault,
};
use tagwerk_driver_iec104::Iec104;
use tagwerk_env::{Env, SystemDisk};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};
use tagwerk_proto_iec104::{
    Asdu, Cause, Element, Frame, FrameBuffer, Function, Header, Object, Sequence, Sign, Sizes,
    TypeId, encode, encode_information, encode_supervisory, encode_unnumbered,
};
use tagwerk_testkit::{FakeNet, PausedClock, link_context};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Address and type; read and written as the address says.
pub type Tag<'a> = (&'a str, DataType);

pub fn check(settings: &Json, tags: &[Tag<'_>]) -> Result<DevicePlan, Findings> {
    let tags = tags.iter().map(|(address, data_type)| TagRequest {
        name: address,
        address,
        data_type: *data_type,
        read: !address.starts_with('C'),
        write: address.starts_with('C') || address.contains('>'),
    });
    let (name, interval) = ("all", Duration::from_secs(1));
    let groups = vec![GroupRequest { name, interval, tags: tags.collect() }];
    let mut findings = Findings::new();
    let request = DeviceRequest { name: "station", settings, groups };
    Iec104.check(&request, &mut findings).ok_or(findings)
}

pub fn plan(settings: &Json, tags: &[Tag<'_>]) -> DevicePlan {
    check(settings, tags).unwrap_or_else(|findings| panic!("{:?}", findings.list()))
}

pub fn watch(id: u64, plan: &DevicePlan) -> Watch {
    Watch {
        id: WatchId(id),
        device: "station".into(),
        group: "all".into(),
        interval: Duration::from_secs(1),
        token: plan.groups[0].watch.clone().unwrap(),
        known_to: None,
    }
}

/// A network of its own with a station that the test plays.
pub struct Rig {
    pub context: LinkContext,
    pub net: FakeNet,
    pub plan: DevicePlan,
    pub tags: Vec<(String, DataType)>,
}

pub fn settings(more: Json) -> Json {
    let mut settings = serde_json::json!({ "host": "rtu", "common_address": 47 });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

impl Rig {
    pub fn new(more: Json, tags: &[Tag<'_>]) -> Rig {
        let net = FakeNet::new();
        let clock = Arc::new(PausedClock::new());
        let env = Env { clock, disk: Arc::new(SystemDisk), net: Arc::new(net.clone()) };
        let plan = plan(&settings(more), tags);
        let tags = tags.iter().map(|(address, t)| ((*address).to_owned(), *t)).collect();
        Rig { context: link_context(env), net, plan, tags }
    }

    /// Each connection is answered by `play`.
    pub fn station<F, Playing>(&self, play: F)
    where
        F: Fn(Far) -> Playing + Send + Sync + 'static,
        Playing: Future<Output = ()> + Send + 'static,
    {
        self.net.peer("rtu", 2404, move |stream| play(Far::new(stream)));
    }

    pub async fn open(&self) -> Box<dyn Session> {
        self.plan.open.open(&self.context).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Open, with the group watched.
    pub async fn watched(&self) -> Box<dyn Session> {
        let mut session = self.open().await;
        let unwatched = session.watch(&[watch(1, &self.plan)]).await.unwrap();
        assert!(unwatched.is_empty());
        session
    }

    pub async fn read(&self, session: &mut dyn Session) -> Result<Vec<Sample>, Fault> {
        read(&self.plan, &self.tags, session).await
    }

    pub async fn write(
        &self,
        session: &mut dyn Session,
        tag: usize,
        value: Value,
    ) -> Result<(), WriteFault> {
        let token = self.plan.groups[0].writes[tag].clone().unwrap();
        session.write(&token, &value).await
    }

    pub fn traced(&self, what: &str) -> bool {
        self.context.trace.frames_after(0).iter().any(|frame| frame.meaning.contains(what))
    }
}

pub type Sample = (Option<Value>, Quality, Option<i64>);

pub async fn read(
    plan: &DevicePlan,
    tags: &[(String, DataType)],
    session: &mut dyn Session,
) -> Result<Vec<Sample>, Fault> {
    let definitions = tags.iter().enumerate().map(|(i, (name, data_type))| TagDefinition {
        id: TagId(i as u32),
        name: name.as_str().into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let set = TagSet::new(TagSetDefinition {
        id: 1,
        device: "station".into(),
        group: "all".into(),
        tags: definitions.collect(),
    });
    let mut out = BatchBuilder::new(Arc::new(set), vec![None; tags.len()].into());
    for request in &plan.groups[0].reads {
        session.read(request, &mut out).await?;
    }
    let batch = out.batch(0, 0, tags.len() as u32);
    let sample = |sample: tagwerk_model::SampleRef<'_>| {
        let time = sample.source_time.filter(|time| *time != 0);
        (sample.value.map(|value| value.to_value()), sample.quality, time)
    };
    Ok(batch.samples().map(sample).collect())
}

/// Reports until `enough` says so of the last one of each tag.
pub async fn last_reports(
    session: &mut dyn Session,
    mut enough: impl FnMut(&BTreeMap<u32, Report>) -> bool,
) -> Result<BTreeMap<u32, Report>, Fault> {
    let (mut last, mut out) = (BTreeMap::new(), Vec::new());
    while !enough(&last) {
        session.event(&mut out).await?;
        last.extend(out.drain(..).map(|report| (report.tag, report)));
    }
    Ok(last)
}

/// The next reports, as many as this.
pub async fn reports(session: &mut dyn Session, count: usize) -> Result<Vec<Report>, Fault> {
    let mut out = Vec::new();
    while out.len() < count {
        session.event(&mut out).await?;
    }
    Ok(out)
}

/// What `event` fails with in the end.
pub async fn fault(session: &mut dyn Session) -> (Vec<Report>, String) {
    let mut out = Vec::new();
    loop {
        match session.event(&mut out).await {
            Ok(()) => {}
            Err(Fault::Link(text)) => return (out, text),
            Err(other) => panic!("not a fault of the link: {other:?}"),
        }
    }
}

pub fn counter(session: &mut dyn Session, name: &str) -> u64 {
    let counters = session.counters();
    counters.iter().find(|(known, _)| *known == name).map(|(_, count)| *count).unwrap()
}

/// What arrived at the far end.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Asdu { type_id: TypeId, cause: Cause, station: u16, object: Object },
    Acknowledged(u16),
    Function(Function),
    Closed,
}

/// The far end of a connection: a station that says what the test wants.
pub struct Far {
    stream: DuplexStream,
    frames: FrameBuffer,
    pub send: Sequence,
    pub receive: Sequence,
    /// The number before which the driver has acknowledged everything.
    pub acknowledged: Sequence,
}

impl Far {
    fn new(stream: DuplexStream) -> Far {
        let (send, receive, acknowledged) = Default::default();
        Far { stream, frames: FrameBuffer::new(), send, receive, acknowledged }
    }

    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.frames.take().unwrap() {
                Some((Frame::Unnumbered(function), _)) => return Heard::Function(function),
                Some((Frame::Supervisory { receive }, _)) => {
                    self.acknowledged = receive;
                    return Heard::Acknowledged(receive.number());
                }
                Some((Frame::Information { send, receive, asdu }, _)) => {
                    assert_eq!(send, self.receive, "the driver numbers its frames");
                    self.receive = send.next();
                    self.acknowledged = receive;
                    let asdu = Asdu::decode(asdu, Sizes::default()).unwrap();
                    return Heard::Asdu {
                        type_id: asdu.type_id,
                        cause: asdu.header.cause,
                        station: asdu.header.common_address,
                        object: asdu.objects().next().unwrap(),
                    };
                }
                None => {}
            }
            let space = self.frames.space();
            match self.stream.read(space).await {
                Ok(0) | Err(_) => return Heard::Closed,
                Ok(count) => self.frames.arrived(count),
            }
        }
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        // The driver may have gone.
        let _ = self.stream.write_all(bytes).await;
    }

    pub async fn function(&mut self, function: Function) {
        let mut bytes = Vec::new();
        encode_unnumbered(function, &mut bytes);
        self.raw(&bytes).await;
    }

    pub async fn acknowledge(&mut self) {
        let mut bytes = Vec::new();
        encode_supervisory(self.receive, &mut bytes);
        self.raw(&bytes).await;
    }

    /// The frame of an ASDU, numbered.
    pub fn frame(&mut self, header: Header, objects: &[Object]) -> Vec<u8> {
        let (mut asdu, mut bytes) = (Vec::new(), Vec::new());
        encode(&header, objects, Sizes::default(), &mut asdu).unwrap();
        encode_information(self.send, self.receive, &asdu, &mut bytes).unwrap();
        self.send = self.send.next();
        bytes
    }

    pub async fn say(&mut self, header: Header, objects: &[Object]) {
        let bytes = self.frame(header, objects);
        self.raw(&bytes).await;
    }

    pub async fn data(&mut self, cause: Cause, objects: &[Object]) {
        let family = objects[0].element.family();
        let type_id = TypeId::all().find(|id| {
            id.family() == family
                && (id.code() >= 30 || id.code() == 21) == objects[0].time.is_some()
        });
        self.say(Header::new(type_id.unwrap(), cause, 47), objects).await;
    }

    /// Repeats a request with another cause.
    pub async fn mirror(&mut self, heard: &Heard, cause: Cause, sign: Sign) {
        let Heard::Asdu { type_id, station, object, .. } = heard else { panic!("{heard:?}") };
        let header = Header { sign, ..Header::new(*type_id, cause, *station) };
        self.say(header, &[*object]).await;
    }

    pub async fn start(&mut self) {
        assert_eq!(self.hear().await, Heard::Function(Function::StartActivation));
        self.function(Function::StartConfirmation).await;
    }

    /// Answers an interrogation with these objects, each in an ASDU of its own.
    pub async fn interrogated(&mut self, objects: &[Object]) {
        let heard = self.asdu().await;
        assert!(matches!(heard, Heard::Asdu { type_id: TypeId::C_IC_NA_1, .. }), "{heard:?}");
        self.mirror(&heard, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
        for object in objects {
            self.data(Cause::INTERROGATED, &[*object]).await;
        }
        self.mirror(&heard, Cause::ACTIVATION_TERMINATION, Sign::Positive).await;
    }

    /// The next ASDU, whatever else comes before it.
    pub async fn asdu(&mut self) -> Heard {
        loop {
            match self.hear().await {
                heard @ (Heard::Asdu { .. } | Heard::Closed) => return heard,
                Heard::Function(Function::TestActivation) => {
                    self.function(Function::TestConfirmation).await;
                }
                _ => {}
            }
        }
    }

    /// Hears until the driver goes.
    pub async fn stay(&mut self) {
        while self.hear().await != Heard::Closed {}
    }
}

pub fn float(address: u32, value: f32) -> Object {
    Object::new(address, Element::Float { value, quality: tagwerk_proto_iec104::Quality::GOOD })
}

pub fn single(address: u32, on: bool) -> Object {
    Object::new(address, Element::Single { on, quality: tagwerk_proto_iec104::Quality::GOOD })
}
