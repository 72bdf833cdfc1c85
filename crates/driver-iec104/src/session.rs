//! One open connection with all stations on it: drives line and wire, and answers the runtime.

use crate::browse;
use crate::command::Order;
use crate::flight::{Answer, Sent};
use crate::line::{Line, Parameters, Ticket};
use crate::settings::{CommandEnd, CommandMode};
use crate::station::{Job, Outcome, StationPlan, request};
use crate::stations::{GroupPlan, REPORTS_WAITING_MAX, Stations, TagPoint, refused_read};
use crate::wire::Wire;
use crate::zone;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, BrowsePage, BrowseRequest, Fault, LinkContext, Open, ReadRequest, Report, Session,
    Token, Trace, Unwatched, Watch, WriteFault, WriteSent,
};
use tagwerk_env::{Clock, Moment, Stream, timeout};
use tagwerk_model::{BatchBuilder, Quality, Value};
use tagwerk_proto_iec104::{Cause, Element, Family, Object, Stage, TimeForm, TimeTag, TypeId};
use tagwerk_tls::{Peer, TlsFault, TlsSettings};

/// Reports handed over at once; the rest waits for the next call.
const REPORTS_AT_ONCE: usize = 4096;
/// Readings of what has arrived before a command is given.
const DRAINED_READS_MAX: usize = 16;

/// How the link is opened.
pub struct OpenLink {
    /// In the order in which they are tried.
    pub hosts: Vec<String>,
    pub port: u16,
    pub t0: Duration,
    pub tls: Option<TlsSettings>,
    pub parameters: Parameters,
}

/// How a tag is written.
pub struct WritePlan {
    pub station: Arc<StationPlan>,
    pub order: Order,
}

impl Open for OpenLink {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let mut first = None;
            for host in &self.hosts {
                match self.open_host(host, context).await {
                    Ok(session) => return Ok(Box::new(session) as Box<dyn Session>),
                    Err(fault) => {
                        context.trace.note(|| fault.to_string());
                        first.get_or_insert(fault);
                    }
                }
            }
            Err(first.unwrap_or_else(|| Fault::Settings("no host is set".to_owned())))
        })
    }
}

impl OpenLink {
    async fn open_host(&self, host: &str, context: &LinkContext) -> Result<LinkSession, Fault> {
        let clock = context.env.clock.clone();
        let peer: Arc<str> = match host.contains(':') {
            true => format!("[{host}]:{}", self.port).into(),
            false => format!("{host}:{}", self.port).into(),
        };
        let deadline = clock.now().after(self.t0);
        let connecting = self.connect(host, &peer, context);
        let stream = timeout(&*clock, deadline, connecting).await.unwrap_or_else(|| {
            let waited = self.t0.as_secs_f64();
            Err(Fault::Link(format!(
                "no connection to {peer} within {waited} s (t0); check host, port and firewall"
            )))
        })?;
        context.trace.note(|| format!("Connected to {peer}"));
        let mut session = LinkSession {
            trace: context.trace.clone(),
            wire: Wire::new(stream),
            line: Line::new(self.parameters, context.trace.clone(), clock.now()),
            stations: Stations::new(context.trace.clone()),
            peer,
            broken: None,
            clock,
        };
        session.line.start(session.clock.now());
        while !session.line.is_started() {
            session.step(None).await?;
        }
        Ok(session)
    }

    async fn connect(
        &self,
        host: &str,
        peer: &str,
        context: &LinkContext,
    ) -> Result<Box<dyn Stream>, Fault> {
        let connected = context.env.net.connect(host, self.port).await;
        let stream = connected.map_err(|error| {
            Fault::Link(format!("cannot connect to {peer}: {error}; check host and port"))
        })?;
        let Some(tls) = &self.tls else { return Ok(stream) };
        let words = format!("the station at {peer}");
        let peer = Peer { host, words: &words };
        tagwerk_tls::connect(context, peer, tls, stream).await.map_err(|fault| match fault {
            TlsFault::Settings(text) => Fault::Settings(text),
            TlsFault::Passing(text) => Fault::Link(text),
        })
    }
}

pub struct LinkSession {
    clock: Arc<dyn Clock>,
    trace: Trace,
    wire: Wire,
    line: Line,
    stations: Stations,
    peer: Arc<str>,
    /// Why the link is gone, once it is.
    broken: Option<String>,
}

/// A command that did not come to a good end.
struct Failure {
    sent: WriteSent,
    fault: Fault,
}

impl Session for LinkSession {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let group: &GroupPlan = request.token.get();
            let known = self.stations.begin(&group.station).reads_singly;
            match group.points.as_slice() {
                [tag] if known => self.read_single(&group.station, tag, out).await,
                _ => self.read_all(group, out).await,
            }
        })
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(async move {
            let plan: &WritePlan = tag.get();
            let done = self.command(plan, value).await;
            done.map_err(|Failure { sent, fault }| WriteFault { sent, fault })
        })
    }

    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        self.stations.watch(watches);
        Box::pin(async { Ok(Vec::new()) })
    }

    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            loop {
                // What was handed over before is with the runtime now: only then is it
                // acknowledged, by the next step.
                if self.stations.queued() > 0 {
                    self.stations.take_reports(REPORTS_AT_ONCE, out);
                    return Ok(());
                }
                if let Err(fault) = self.step(None).await
                    && self.stations.queued() == 0
                {
                    return Err(fault);
                }
            }
        })
    }

    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        Box::pin(async move {
            let Some(station) = request.token.map(|token| token.get::<Arc<StationPlan>>()) else {
                return Err(Fault::Settings("which station to browse is not known".to_owned()));
            };
            self.stations.begin(station);
            if request.from.is_empty() {
                self.finish(station, Job::Interrogation).await?;
                // Stations without counters refuse this.
                let _ = self.finish(station, Job::Counters).await;
            }
            Ok(browse::page(&self.stations, station.common_address, request))
        })
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let line = std::mem::take(&mut self.line.counts);
        let mut counters = self.stations.counters();
        counters.extend([
            ("sequence errors", line.sequence_errors),
            ("tests sent", line.tests),
            ("unexpected frames", line.unexpected),
            ("bytes received", std::mem::take(&mut self.wire.bytes_received)),
            ("bytes sent", std::mem::take(&mut self.wire.bytes_sent)),
        ]);
        counters
    }
}

impl LinkSession {
    /// Waits for one thing to happen: bytes, a timer, or `deadline`. Can be called off at any time.
    async fn step(&mut self, deadline: Option<Moment>) -> Result<(), Fault> {
        if let Some(reason) = &self.broken {
            return Err(Fault::Link(reason.clone()));
        }
        let now = self.clock.now();
        if let Err(reason) = self.line.tick(now) {
            return Err(self.breaks(&reason));
        }
        self.stations.tick(now, self.clock.wall(), &mut self.line);
        self.line.take_outgoing(&mut self.wire.outgoing);
        if self.stations.queued() > 0 && deadline.is_none() {
            // Something to report has come of it: that must not wait for the station.
            return Ok(());
        }
        let due = [Some(self.line.due()), self.stations.due(), deadline];
        let due = due.into_iter().flatten().min().unwrap_or(Moment(u64::MAX));
        let wire = &mut self.wire;
        match timeout(&*self.clock, due, poll_fn(|context| wire.poll(context))).await {
            None => Ok(()),
            Some(Ok(())) => self.take_frames(),
            Some(Err(error)) => Err(self.breaks(&format!("the connection broke: {error}"))),
        }
    }

    /// Takes in what has arrived, without waiting: a station that went away meanwhile is noticed
    /// before a command is given.
    async fn drain(&mut self) -> Result<(), Fault> {
        for _ in 0..DRAINED_READS_MAX {
            let wire = &mut self.wire;
            let arrived = poll_fn(|context| match wire.poll(context) {
                Poll::Pending => Poll::Ready(None),
                Poll::Ready(result) => Poll::Ready(Some(result)),
            });
            match arrived.await {
                None => break,
                Some(Ok(())) => self.take_frames()?,
                Some(Err(error)) => {
                    return Err(self.breaks(&format!("the connection broke: {error}")));
                }
            }
        }
        Ok(())
    }

    fn take_frames(&mut self) -> Result<(), Fault> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let sizes = self.line.sizes();
        let reason = loop {
            match self.wire.frames.take() {
                Ok(None) => return Ok(()),
                Ok(Some((frame, bytes))) => match self.line.take(frame, bytes, now) {
                    Ok(None) => {}
                    Ok(Some(asdu)) => self.stations.take(asdu, sizes, now, wall),
                    Err(reason) => break reason,
                },
                Err(framing) => break framing.to_string(),
            }
        };
        Err(self.breaks(&reason))
    }

    /// What was received before is still reported.
    fn breaks(&mut self, reason: &str) -> Fault {
        let text = format!("{}: {reason}", self.peer);
        self.trace.note(|| text.clone());
        self.broken = Some(text.clone());
        Fault::Link(text)
    }

    /// Waits until a job has ended that was asked for now, or is under way.
    async fn finish(&mut self, plan: &Arc<StationPlan>, job: Job) -> Result<(), Fault> {
        let station = self.stations.begin(plan);
        station.request(job);
        let before = station.finished(job);
        loop {
            let Some(station) = self.stations.station(plan.common_address) else {
                return Err(Fault::Link("the station is gone".to_owned()));
            };
            if station.finished(job) != before {
                break;
            }
            self.wait(None).await?;
        }
        let outcome = self.stations.station(plan.common_address).map(|s| s.outcome(job).clone());
        match outcome.unwrap_or_default() {
            Outcome::Done => Ok(()),
            Outcome::Refused { quality, reason } => Err(Fault::Refused { quality, reason }),
            Outcome::Silent => {
                let waited = plan.command_timeout.as_secs_f64();
                Err(Fault::Silent(format!(
                    "station {} at {} did not answer within {waited} s; check `common_address`",
                    plan.common_address, self.peer
                )))
            }
        }
    }

    /// A step of something other than `event`: reports pile up meanwhile, so far and no further.
    async fn wait(&mut self, deadline: Option<Moment>) -> Result<(), Fault> {
        if self.stations.queued() > REPORTS_WAITING_MAX {
            return Err(Fault::Silent(format!(
                "{} sent more than {REPORTS_WAITING_MAX} events meanwhile",
                self.peer
            )));
        }
        self.step(Some(deadline.unwrap_or(Moment(u64::MAX)))).await
    }

    async fn read_all(&mut self, group: &GroupPlan, out: &mut BatchBuilder) -> Result<(), Fault> {
        self.finish(&group.station, Job::Interrogation).await?;
        let is_counter = |tag: &TagPoint| tag.point.address.family == Some(Family::Counter);
        if group.points.iter().any(is_counter)
            && let Err(fault) = self.finish(&group.station, Job::Counters).await
        {
            match fault {
                Fault::Link(_) => return Err(fault),
                other => self.trace.note(|| other.to_string()),
            }
        }
        for tag in &group.points {
            self.put(&group.station, tag, out);
        }
        Ok(())
    }

    async fn read_single(
        &mut self,
        plan: &Arc<StationPlan>,
        tag: &TagPoint,
        out: &mut BatchBuilder,
    ) -> Result<(), Fault> {
        let (common_address, object) = (plan.common_address, tag.point.address.object);
        let content = Object::new(object, Element::Read);
        let asdu =
            request(&self.line, TypeId::C_RD_NA_1, Cause::REQUESTED, common_address, content)
                .map_err(Fault::Settings)?;
        let now = self.clock.now();
        let deadline = now.after(plan.command_timeout);
        self.stations.begin_single(common_address, object);
        let ticket = self.line.send(asdu, now);
        let answer = loop {
            if let Some(answer) = self.stations.single() {
                break Some(answer);
            }
            if self.clock.now() >= deadline {
                break None;
            }
            if let Err(fault) = self.wait(Some(deadline)).await {
                self.stations.end_single();
                return Err(fault);
            }
        };
        self.stations.end_single();
        match answer {
            Some(Ok(())) => {
                self.put(plan, tag, out);
                Ok(())
            }
            Some(Err(cause)) if cause == Cause::UNKNOWN_OBJECT_ADDRESS => {
                let (quality, reason) = refused_read(cause, common_address, object);
                Err(Fault::Refused { quality, reason })
            }
            // It cannot read single objects, or ignores such reads: the whole station is asked.
            refused => {
                self.line.withdraw(ticket);
                self.stations.begin(plan).reads_singly = false;
                if refused.is_none() {
                    self.trace.note(|| {
                        format!("station {common_address} does not answer reads of single objects")
                    });
                }
                self.finish(plan, Job::Interrogation).await?;
                self.put(plan, tag, out);
                Ok(())
            }
        }
    }

    fn put(&self, plan: &StationPlan, tag: &TagPoint, out: &mut BatchBuilder) {
        let index = tag.index as usize;
        let Some(seen) = self.stations.seen(plan.common_address, &tag.point) else {
            return out.put_quality(index, self.stations.missing(plan.common_address));
        };
        let (value, quality) = tag.point.read(&seen.element, seen.time.as_ref());
        let Some(value) = value else { return out.put_quality(index, quality) };
        out.put(index, value.as_ref());
        if out.quality(index).is_good() {
            out.put_quality(index, quality);
        }
        if let Some(unix_ns) = seen.time.and_then(|time| time.unix_ns) {
            out.put_source_time(index, unix_ns);
        }
    }

    /// Gives a command, in one step or two, each at most once.
    async fn command(&mut self, plan: &WritePlan, value: &Value) -> Result<(), Failure> {
        let unsent = |fault| Failure { sent: WriteSent::No, fault };
        self.drain().await.map_err(unsent)?;
        let order = &plan.order;
        if order.mode == CommandMode::SelectBeforeOperate {
            let selected = self.give(plan, value, Stage::Select, CommandEnd::Confirmation).await;
            // A selection alone moves nothing, whatever became of it.
            selected.map_err(|Failure { fault, .. }| {
                unsent(prefixed(
                    fault,
                    &format!("{} was not selected, nothing was executed", name(order)),
                ))
            })?;
        }
        self.give(plan, value, Stage::Execute, plan.station.command_end).await
    }

    async fn give(
        &mut self,
        plan: &WritePlan,
        value: &Value,
        stage: Stage,
        end: CommandEnd,
    ) -> Result<(), Failure> {
        let WritePlan { station, order } = plan;
        let unsent = |reason| Failure {
            sent: WriteSent::No,
            fault: Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason },
        };
        let element = order.element(value, stage).map_err(unsent)?;
        let time = match order.type_id.time() {
            TimeForm::None => None,
            _ => {
                let wall = self.clock.wall().unix_ns;
                let time = zone::tag(wall, station.offset_ms);
                let time = time.ok_or("this edge's clock is not set; a command with time needs it");
                Some(TimeTag::Cp56(time.map_err(|reason| unsent(reason.to_owned()))?))
            }
        };
        let object = Object { address: order.object, element, time };
        let address = station.common_address;
        let asdu = request(&self.line, order.type_id, Cause::ACTIVATION, address, object);
        let asdu = asdu.map_err(unsent)?;
        self.stations.flights.begin(address, order.type_id, object);
        let ticket = self.line.send(asdu, self.clock.now());
        let result = self.confirmed(plan, end, ticket).await;
        let sent = match &result {
            Err(Failure { sent: WriteSent::Perhaps, .. }) => Sent::Unconfirmed,
            _ => Sent::Settled,
        };
        self.stations.flights.end(sent, self.clock.now());
        result
    }

    /// Waits for what the station says to the command under way.
    async fn confirmed(
        &mut self,
        plan: &WritePlan,
        end: CommandEnd,
        ticket: Ticket,
    ) -> Result<(), Failure> {
        let WritePlan { station, order } = plan;
        let mut deadline = self.clock.now().after(station.command_timeout);
        let mut is_confirmed = false;
        loop {
            match self.stations.flights.answer() {
                Some(Answer::Terminated) => return Ok(()),
                Some(Answer::Confirmed) if end == CommandEnd::Confirmation => return Ok(()),
                Some(Answer::Confirmed) if !is_confirmed => {
                    is_confirmed = true;
                    deadline = self.clock.now().after(station.command_timeout);
                }
                Some(Answer::Refused(cause)) => {
                    let sent = if is_confirmed { WriteSent::Perhaps } else { WriteSent::No };
                    return Err(Failure { sent, fault: refused(order, station, cause) });
                }
                _ => {}
            }
            let fault = if self.clock.now() >= deadline {
                let waited = station.command_timeout.as_secs_f64();
                let what = if is_confirmed { "terminate" } else { "confirm" };
                Some(Fault::Silent(format!(
                    "station {} at {} did not {what} {} within {waited} s",
                    station.common_address,
                    self.peer,
                    name(order)
                )))
            } else {
                self.wait(Some(deadline)).await.err()
            };
            if let Some(fault) = fault {
                let sent = match self.line.withdraw(ticket) {
                    true => WriteSent::No,
                    false => WriteSent::Perhaps,
                };
                return Err(Failure { sent, fault });
            }
        }
    }
}

fn name(order: &Order) -> String {
    format!("{} to object {}", order.type_id, order.object)
}

fn refused(order: &Order, station: &StationPlan, cause: Cause) -> Fault {
    let why = match cause.is_unknown() {
        true => format!(": {cause}"),
        false => " (negative confirmation); it may be blocked, in local control, or selected by \
                  another"
            .to_owned(),
    };
    Fault::Refused {
        quality: crate::station::refusal(cause),
        reason: format!("station {} refused {}{why}", station.common_address, name(order)),
    }
}

fn prefixed(fault: Fault, prefix: &str) -> Fault {
    let joined = |text: String| format!("{prefix}: {text}");
    match fault {
        Fault::Settings(text) => Fault::Settings(joined(text)),
        Fault::Link(text) => Fault::Link(joined(text)),
        Fault::Silent(text) => Fault::Silent(joined(text)),
        Fault::Refused { quality, reason } => Fault::Refused { quality, reason: joined(reason) },
    }
}
