//! One open session: does what the runtime asks and keeps track of what is under way. Everything
//! that the server sends is dispatched here; what comes of it is in the files named after it.

use crate::connection::{Answer, Connection, decode};
use crate::history::{Batch, History};
use crate::operation_limits::OperationLimits;
use crate::settings::Settings;
use crate::types::{Step, Types};
use crate::watching::Watching;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, BrowsePage, BrowseRequest, Fault, ReadRequest, Report, Session, Token, Unwatched,
    Watch, WriteFault,
};
use tagwerk_env::Moment;
use tagwerk_model::{BatchBuilder, Value};
use tagwerk_proto_opcua::service::{self, Attribute, Direction, ReadNode, RequestHeader, id};
use tagwerk_proto_opcua::{DataValue, Malformed, NodeId, Status, Variant};

/// The answer to `ServerStatus.State`, which every server has, shows that it is there.
const SERVER_STATE: NodeId = NodeId::standard(2259);
/// Answers that are taken before anything else is looked after.
const WAITING_MAX: usize = 64;
/// Values that wait for the server to say how their structures are made. More: reported as bad.
const UNRESOLVED_MAX: usize = 1_000;

pub struct OpcSession {
    pub connection: Connection,
    pub settings: Arc<Settings>,
    pub namespaces: Vec<Box<str>>,
    pub limits: OperationLimits,
    pending: HashMap<u32, Waiting>,
    pub types: Types,
    pub watching: Watching,
    pub history: History,
    pub reports: Vec<Report>,
    /// Values of watched items whose structure is not known yet.
    pub unresolved: Vec<(u32, DataValue)>,
    /// Built-in types of nodes that were written, with whether they are arrays.
    pub written: HashMap<NodeId, (u8, bool)>,
    pub counts: Counts,
    probing: bool,
}

#[derive(Default)]
pub struct Counts {
    pub late: u64,
    pub moved: u64,
    pub overflows: u64,
    pub gaps: u64,
}

struct Waiting {
    what: Pending,
    until: Option<Moment>,
}

/// A request whose answer nobody stands and waits for.
pub enum Pending {
    Publish,
    Republish { subscription: u32 },
    Probe,
    Create { subscription: u64, handles: Vec<u32> },
    Access { handles: Vec<u32> },
    History(Batch),
    Type(Step),
}

impl OpcSession {
    pub fn new(
        connection: Connection,
        settings: Arc<Settings>,
        namespaces: Vec<Box<str>>,
        moved: u64,
        limits: OperationLimits,
    ) -> OpcSession {
        OpcSession {
            connection,
            settings,
            namespaces,
            limits,
            pending: HashMap::new(),
            types: Types::default(),
            watching: Watching::default(),
            history: History::default(),
            reports: Vec::new(),
            unresolved: Vec::new(),
            written: HashMap::new(),
            counts: Counts { moved, ..Counts::default() },
            probing: false,
        }
    }

    pub fn now(&self) -> Moment {
        self.connection.clock().now()
    }

    pub fn note(&self, meaning: impl FnOnce() -> String) {
        self.connection.context().trace.note(meaning);
    }

    /// Sends a request and waits for its answer; what else arrives meanwhile is dealt with.
    pub async fn call(
        &mut self,
        meaning: impl FnOnce() -> String,
        encode: impl FnOnce(&RequestHeader<'_>, &mut Vec<u8>),
    ) -> Result<Answer, Fault> {
        let Ok(request) = self.connection.request(meaning, encode) else {
            return Ok(Err(Status::BAD_REQUEST_TOO_LARGE));
        };
        let until = self.connection.deadline();
        loop {
            match self.connection.receive(until).await? {
                Some((number, answer)) if number == request => return Ok(answer),
                // A server that never stops sending must not keep us from ending.
                Some((number, answer)) if self.now() < until => self.dispatch(number, answer)?,
                _ => {
                    let waited = self.connection.timeout().as_millis();
                    return Err(Fault::Silent(format!("no answer within {waited} ms")));
                }
            }
        }
    }

    /// Sends a request whose answer is dealt with when it comes.
    pub fn begin(
        &mut self,
        what: Pending,
        meaning: impl FnOnce() -> String,
        encode: impl FnOnce(&RequestHeader<'_>, &mut Vec<u8>),
    ) -> Result<(), Malformed> {
        let request = self.connection.request(meaning, encode)?;
        let until = match what {
            // Answered when there is news.
            Pending::Publish => None,
            _ => Some(self.connection.deadline()),
        };
        self.pending.insert(request, Waiting { what, until });
        Ok(())
    }

    fn dispatch(&mut self, request: u32, answer: Answer) -> Result<(), Fault> {
        let Some(waiting) = self.pending.remove(&request) else {
            self.counts.late += 1;
            return Ok(());
        };
        match waiting.what {
            Pending::Publish => self.published(answer),
            Pending::Republish { subscription } => self.republished(subscription, answer),
            Pending::Probe => {
                self.probing = false;
                let answer = decode(answer, id::READ, service::read_results)?;
                answer.map(drop).map_err(|status| fault(status, "the server's state"))
            }
            Pending::Create { subscription, handles } => {
                self.recreated(subscription, &handles, answer)
            }
            Pending::Access { handles } => self.access(&handles, answer),
            Pending::History(batch) => self.past(batch, answer),
            Pending::Type(step) => self.learned(step, answer),
        }
    }

    /// What is due now. Sends, but waits for nothing.
    fn housekeep(&mut self) -> Result<(), Fault> {
        let now = self.now();
        if self.pending.values().any(|w| w.until.is_some_and(|until| now >= until)) {
            let waited = self.connection.timeout().as_millis();
            let text = format!("the server did not answer within {waited} ms");
            return Err(Fault::Link(text));
        }
        if !self.probing && now >= self.probe_at() {
            self.probing = true;
            let node = ReadNode { node_id: &SERVER_STATE, attribute: Attribute::Value, range: "" };
            let _ = self.begin(
                Pending::Probe,
                || "Ask whether the server is there".to_owned(),
                |header, out| service::read(header, [node].into_iter(), out),
            );
        }
        self.ask_types();
        self.keep_watching(now)?;
        self.keep_reading_history();
        Ok(())
    }

    fn probe_at(&self) -> Moment {
        self.connection.heard().after(self.settings.keep_alive())
    }

    /// When housekeeping has something to do again.
    fn wake_at(&self) -> Moment {
        let probe = (!self.probing).then(|| self.probe_at());
        let answers = self.pending.values().filter_map(|waiting| waiting.until).min();
        let watching = self.watching.wake_at();
        let latest = self.now().after(std::time::Duration::from_secs(3_600));
        [probe, answers, watching].into_iter().flatten().fold(latest, Moment::min)
    }

    /// Begins to ask what values need.
    pub fn ask_types(&mut self) {
        const HAS_ENCODING: u32 = 38;
        const HAS_SUBTYPE: u32 = 45;
        while let Some(step) = self.types.next() {
            let what = Pending::Type(step.clone());
            let sent = match &step {
                Step::Definition(node_id) => self.begin(
                    what,
                    || format!("Read the definition of data type {node_id}"),
                    |header, out| {
                        let attribute = Attribute::DataTypeDefinition;
                        let node = ReadNode { node_id, attribute, range: "" };
                        service::read(header, [node].into_iter(), out);
                    },
                ),
                Step::Encoding(node_id) | Step::Supertype(node_id) => {
                    let reference = match step {
                        Step::Encoding(_) => HAS_ENCODING,
                        _ => HAS_SUBTYPE,
                    };
                    self.begin(
                        what,
                        || format!("Browse for the data type behind {node_id}"),
                        |header, out| {
                            let nodes = [node_id].into_iter();
                            service::browse(header, nodes, Direction::Inverse, reference, 1, out);
                        },
                    )
                }
            };
            if sent.is_err() {
                self.types.learn_target(step, None);
            }
        }
    }

    fn learned(&mut self, step: Step, answer: Answer) -> Result<(), Fault> {
        match step {
            Step::Definition(data_type) => {
                let results = decode(answer, id::READ, service::read_results)?;
                let data = results.ok().and_then(|list| list.into_iter().next());
                let value = data.filter(|data| !data.status.is_bad()).and_then(|data| data.value);
                self.types.learn_definition(data_type, value);
            }
            step => {
                let results = decode(answer, id::BROWSE, service::references)?;
                let result = results.ok().and_then(|list| list.into_iter().next());
                let target = result.and_then(|result| result.list.into_iter().next());
                self.types.learn_target(step, target.map(|target| target.target.node_id));
            }
        }
        self.ask_types();
        self.report_resolved();
        Ok(())
    }

    /// Whether the value can be shown. What is missing for it is being asked when it cannot.
    pub fn is_ready(&mut self, value: Option<&Variant>) -> bool {
        value.is_none_or(|value| self.types.ready(value))
    }

    /// Waits, within the timeout, until the values can be shown or never will be.
    pub async fn resolve(&mut self, values: &[DataValue]) -> Result<(), Fault> {
        let until = self.connection.deadline();
        loop {
            // All are looked at, so that everything they need is asked at once.
            let unready = values.iter().filter(|data| !self.is_ready(data.value.as_ref())).count();
            if unready == 0 {
                return Ok(());
            }
            self.ask_types();
            if !self.pump(until).await? || self.now() >= until {
                return Ok(());
            }
        }
    }

    /// Deals with the next thing that arrives; whether one came until then.
    pub async fn pump(&mut self, until: Moment) -> Result<bool, Fault> {
        let Some((number, answer)) = self.connection.receive(until).await? else {
            return Ok(false);
        };
        self.dispatch(number, answer)?;
        Ok(true)
    }

    /// Keeps a watched value until its structure is known.
    pub fn postpone(&mut self, handle: u32, data: DataValue) -> Option<DataValue> {
        if self.unresolved.len() >= UNRESOLVED_MAX {
            return Some(data);
        }
        self.unresolved.push((handle, data));
        None
    }

    async fn next_event(&mut self, out: &mut Vec<Report>) -> Result<(), Fault> {
        // What has arrived while nobody listened comes before the question what is overdue.
        for _ in 0..WAITING_MAX {
            if !self.reports.is_empty() || !self.pump(Moment(0)).await? {
                break;
            }
        }
        loop {
            if !self.reports.is_empty() {
                out.append(&mut self.reports);
                return Ok(());
            }
            self.housekeep()?;
            let until = self.wake_at();
            if let Some((request, answer)) = self.connection.receive(until).await? {
                self.dispatch(request, answer)?;
            }
        }
    }
}

/// What a status of a whole request means to the runtime.
pub fn fault(status: Status, what: &str) -> Fault {
    const SESSION_IS_GONE: [u32; 9] = [
        0x800C_0000, // BadShutdown
        0x800E_0000, // BadServerHalted
        0x8022_0000, // BadSecureChannelIdInvalid
        0x8025_0000, // BadSessionIdInvalid
        0x8026_0000, // BadSessionClosed
        0x8027_0000, // BadSessionNotActivated
        0x8086_0000, // BadSecureChannelClosed
        0x8087_0000, // BadSecureChannelTokenUnknown
        0x80AE_0000, // BadConnectionClosed
    ];
    let reason = format!("{what}: the server says {status}");
    if SESSION_IS_GONE.contains(&status.code().0) {
        return Fault::Link(reason);
    }
    match status.code() {
        Status::BAD_TIMEOUT => Fault::Silent(reason),
        _ => Fault::Refused { quality: crate::convert::quality(status), reason },
    }
}

impl Session for OpcSession {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.read_group(request.token.get(), out))
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(self.write_value(tag.get(), value))
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        [
            ("late answers dropped", counts.late),
            ("namespaces with another number", counts.moved),
            ("values lost in the server's queues", counts.overflows),
            ("notifications lost", counts.gaps),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
    }

    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        Box::pin(self.watch_only(watches))
    }

    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.next_event(out))
    }

    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        Box::pin(self.browse_page(request))
    }
}
