//! A line whose requests are not numbered: RTU or ASCII, on a serial port or inside a TCP
//! connection. Keeps the silences, finds the place again after noise, and takes no answer for
//! another request's.

use crate::channel::{Failure, Reply};
use crate::debts::{Debts, ProvenBy, Question};
use crate::plan::{Line, Manner};
use crate::words::{self, Damaged};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tagwerk_component::{Fault, Trace, WriteSent};
use tagwerk_env::{Clock, Moment, Stream, timeout};
use tagwerk_model::Quality;
use tagwerk_proto_modbus::Request;
use tagwerk_proto_modbus::serial::{
    Asked, Damage, Echo, Found, Framing, Line as Silence, Reader, encode_request,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

/// Silence after which something on a TCP connection is no message's beginning any more. There is
/// no silence to keep there, and the network adds pauses of its own.
const TCP_SILENCE: Duration = Duration::from_millis(100);

/// As for Modbus TCP: a connection on which so many requests in a row, for so long, brought not one
/// byte is given up. A serial port is not: opening it again brings nobody back.
const QUIET_REQUESTS: u32 = 3;
const QUIET_MIN: Duration = Duration::from_secs(10);

/// How the line is used.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub framing: Framing,
    /// What ends a message.
    pub silence: Duration,
    /// What is kept before each request.
    pub before: Duration,
    /// How long one character is on the line.
    pub character: Duration,
    pub echo: Echo,
    pub carrier: Carrier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Serial,
    Tcp,
}

impl Pace {
    pub fn serial(line: &Line) -> Pace {
        Pace {
            framing: line.framing,
            silence: line.silence,
            before: line.silence,
            character: line.character(),
            echo: if line.echo { Echo::Expected } else { Echo::Unknown },
            carrier: Carrier::Serial,
        }
    }

    pub fn tcp(framing: Framing) -> Pace {
        Pace {
            framing,
            silence: TCP_SILENCE,
            before: Duration::ZERO,
            character: Duration::ZERO,
            echo: Echo::Unknown,
            carrier: Carrier::Tcp,
        }
    }
}

#[derive(Default)]
struct Counts {
    late: u64,
    foreign: u64,
    crc: u64,
    resyncs: u64,
    echoes: u64,
    received: u64,
    sent: u64,
}

pub struct Bus {
    clock: Arc<dyn Clock>,
    stream: Box<dyn Stream>,
    trace: Trace,
    /// The port's path or `host:port`, for messages.
    peer: Arc<str>,
    pace: Pace,
    reader: Reader,
    outgoing: Vec<u8>,
    /// Bytes of `outgoing` that the port has taken.
    taken: usize,
    /// The PDU of the last answer.
    answer: Vec<u8>,
    /// When the last byte was on the line, either way.
    last_byte: Moment,
    /// The end of what follows a broadcast.
    turnaround: Moment,
    ended: Option<Moment>,
    debts: Debts,
    /// Requests without any byte since, and when the first of them was sent.
    unanswered: u32,
    unanswered_since: Moment,
    counts: Counts,
}

/// The request that is under way.
struct Current<'a> {
    unit: u8,
    request: &'a Request<'a>,
    reply: Reply,
    deadline: Moment,
    /// Its echo has come.
    echoed: bool,
    /// Bytes that were no message came since it was sent.
    noise: bool,
}

impl Bus {
    pub fn new(
        clock: Arc<dyn Clock>,
        trace: Trace,
        stream: Box<dyn Stream>,
        peer: Arc<str>,
        pace: Pace,
    ) -> Bus {
        // Somebody may have been speaking just before.
        let last_byte = clock.now();
        Bus {
            clock,
            stream,
            trace,
            peer,
            pace,
            reader: Reader::new(pace.framing),
            outgoing: Vec::with_capacity(512),
            taken: 0,
            answer: Vec::with_capacity(256),
            last_byte,
            turnaround: Moment::default(),
            ended: None,
            debts: Debts::default(),
            unanswered: 0,
            unanswered_since: Moment::default(),
            counts: Counts::default(),
        }
    }

    /// The PDU of the last answer: its function is the one that was asked, or its refusal.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// Sends a request, once, and waits for its answer.
    pub async fn exchange(
        &mut self,
        unit: u8,
        request: &Request<'_>,
        manner: &Manner,
        reply: Reply,
    ) -> Result<(), Failure> {
        let mut pdu = Vec::with_capacity(16);
        request.encode(&mut pdu).map_err(|wrong| {
            let reason = wrong.to_string();
            Failure::unsent(Fault::Refused { quality: Quality::BAD_INTERNAL, reason })
        })?;
        if reply == Reply::Expected && self.debts.confuse(unit, request, &pdu, self.clock.now()) {
            self.settle(unit, &pdu, manner).await?;
        }
        let result = self.ask(unit, request, manner, reply).await;
        match (&result, reply) {
            (_, Reply::None) => {}
            (Ok(()), Reply::Expected) => self.debts.answered(unit, request),
            (Err(failure), Reply::Expected) => {
                if matches!(failure.fault, Fault::Silent(_)) {
                    self.debts.add(unit, request, &pdu, self.clock.now());
                }
            }
        }
        result
    }

    /// What happened on the line since the last call.
    pub fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        vec![
            ("late answers dropped", counts.late),
            ("foreign answers dropped", counts.foreign),
            ("checksum errors", counts.crc),
            ("resynchronisations", counts.resyncs),
            ("echoes dropped", counts.echoes),
            ("bytes received", counts.received),
            ("bytes sent", counts.sent),
        ]
    }

    /// Asks something whose answer proves that none that the unit owes comes after it.
    async fn settle(&mut self, unit: u8, pdu: &[u8], manner: &Manner) -> Result<(), Failure> {
        let near = pdu.get(1..3).map_or(0, |at| u16::from_be_bytes([at[0], at[1]]));
        for Question { request, proven_by } in self.debts.questions(unit, near) {
            self.trace.note(|| {
                format!(
                    "Unit {unit} still owes an answer that could be taken for the next one; a \
                     request that tells them apart comes first"
                )
            });
            if let Err(failure) = self.ask(unit, &request, manner, Reply::Expected).await {
                let mut asked = Vec::with_capacity(8);
                if matches!(failure.fault, Fault::Silent(_)) && request.encode(&mut asked).is_ok() {
                    self.debts.add(unit, &request, &asked, self.clock.now());
                }
                // Of what was really to be sent, nothing was.
                return Err(Failure::unsent(failure.fault));
            }
            let refused = self.answer.first().is_some_and(|code| code & 0x80 != 0);
            if proven_by == ProvenBy::Anything || !refused {
                self.debts.forgive(unit);
                return Ok(());
            }
        }
        let reason = format!(
            "unit {unit} at {} owes answers to too many requests to tell a new one apart; it is \
             asked again later",
            self.peer
        );
        Err(Failure::unsent(Fault::Silent(reason)))
    }

    async fn ask(
        &mut self,
        unit: u8,
        request: &Request<'_>,
        manner: &Manner,
        reply: Reply,
    ) -> Result<(), Failure> {
        self.clear_the_line(manner).await.map_err(|why| Failure::unsent(Fault::Link(why)))?;
        self.outgoing.clear();
        self.taken = 0;
        encode_request(self.pace.framing, unit, request, &mut self.outgoing).map_err(|wrong| {
            let reason = wrong.to_string();
            Failure::unsent(Fault::Refused { quality: Quality::BAD_INTERNAL, reason })
        })?;
        self.trace.sent(&self.outgoing, || words::request(unit, request));
        let begun = self.clock.now();
        let count = u32::try_from(self.outgoing.len()).unwrap_or(u32::MAX);
        let on_line = begun.after(self.pace.character.saturating_mul(count));
        let deadline = on_line.after(manner.timeout);
        let mut current = Current { unit, request, reply, deadline, echoed: false, noise: false };
        let clock = self.clock.clone();
        let outcome = timeout(&*clock, deadline, self.converse(&mut current, on_line)).await;
        self.ended = Some(clock.now());
        self.counts.sent += self.taken as u64;
        match outcome {
            Some(Ok(true)) => {
                if reply == Reply::None {
                    self.turnaround = on_line.after(manner.turnaround);
                }
                Ok(())
            }
            Some(Err(reason)) => {
                Err(Failure { fault: Fault::Link(reason), sent: self.whether_sent() })
            }
            Some(Ok(false)) | None => Err(self.unanswered(&current, manner, begun)),
        }
    }

    /// Waits until a request may be sent: for the pause, the turnaround after a broadcast, and the
    /// silence behind whatever is on the line. What comes meanwhile is nobody's answer.
    async fn clear_the_line(&mut self, manner: &Manner) -> Result<(), String> {
        let clock = self.clock.clone();
        let pause = self.ended.map_or(Moment::default(), |ended| ended.after(manner.pause));
        let earliest = self.turnaround.max(pause);
        let patience = clock.now().max(earliest).after(manner.timeout + self.pace.before);
        loop {
            // Without waiting, so that what has come is seen before the clock is.
            let mut busy = self.read_now().await?;
            let due = self.last_byte.after(self.pace.before).max(earliest);
            if !busy && clock.now() >= due {
                break;
            }
            if !busy {
                let read = timeout(&*clock, due, self.stream.read(self.reader.space())).await;
                if let Some(read) = read {
                    self.take_in(read)?;
                    busy = true;
                }
            }
            self.sort(None, Silence::Active);
            if busy && clock.now() >= patience {
                return Err(format!(
                    "{} is never silent, so nothing can be sent; check baud, wiring and termination, \
                     and that no other master speaks",
                    self.peer
                ));
            }
        }
        self.sort(None, Silence::Silent);
        Ok(())
    }

    /// Sends what is in `outgoing` and reads until its answer is there; `false` when the time is
    /// over. Also called off from outside, so all state is in `self` and `current`.
    async fn converse(
        &mut self,
        current: &mut Current<'_>,
        on_line: Moment,
    ) -> Result<bool, String> {
        while let Some(rest) = self.outgoing.get(self.taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest).await {
                Ok(0) => return Err(format!("{} takes no more bytes", self.peer)),
                Ok(count) => self.taken += count,
                Err(error) => return Err(self.broken(&error)),
            }
        }
        if let Err(error) = self.stream.flush().await {
            return Err(self.broken(&error));
        }
        self.last_byte = self.last_byte.max(on_line);
        if current.reply == Reply::None {
            return Ok(true);
        }
        let clock = self.clock.clone();
        let mut silence_told = false;
        loop {
            // Noise that never ends must not keep the timer from its turn.
            if clock.now() >= current.deadline {
                return Ok(false);
            }
            let until = match self.reader.is_empty() || silence_told {
                true => current.deadline,
                false => self.last_byte.after(self.pace.silence),
            };
            match timeout(&*clock, until, self.stream.read(self.reader.space())).await {
                Some(read) => {
                    self.take_in(read)?;
                    silence_told = false;
                    if self.sort(Some(current), Silence::Active) {
                        return Ok(true);
                    }
                }
                None if silence_told || self.reader.is_empty() => return Ok(false),
                None => {
                    silence_told = true;
                    if self.sort(Some(current), Silence::Silent) {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Reads what has arrived, without waiting; `false` when that was nothing.
    async fn read_now(&mut self) -> Result<bool, String> {
        let (stream, space) = (&mut self.stream, self.reader.space());
        let read = poll_fn(|context| {
            let mut space = ReadBuf::new(space);
            match Pin::new(&mut *stream).poll_read(context, &mut space) {
                Poll::Pending => Poll::Ready(None),
                Poll::Ready(result) => Poll::Ready(Some(result.map(|()| space.filled().len()))),
            }
        })
        .await;
        match read {
            None => Ok(false),
            Some(read) => self.take_in(read).map(|()| true),
        }
    }

    fn take_in(&mut self, read: std::io::Result<usize>) -> Result<(), String> {
        let count = read.map_err(|error| self.broken(&error))?;
        if count == 0 {
            return Err(match self.pace.carrier {
                Carrier::Tcp => format!("{} closed the connection", self.peer),
                Carrier::Serial => {
                    format!("the serial port {} is gone; check the adapter", self.peer)
                }
            });
        }
        self.reader.arrived(count);
        self.counts.received += count as u64;
        self.unanswered = 0;
        self.last_byte = self.last_byte.max(self.clock.now());
        Ok(())
    }

    /// Goes through what has arrived, up to the answer, and keeps its PDU.
    fn sort(&mut self, mut current: Option<&mut Current<'_>>, line: Silence) -> bool {
        let Bus { reader, trace, counts, debts, pace, outgoing, answer, .. } = self;
        loop {
            let asked = current.as_deref().map(|current| Asked {
                unit: current.unit,
                function: current.request.function().code(),
                answer_bytes: current.request.answer_bytes(),
                sent: if current.echoed { &[] } else { outgoing.as_slice() },
                echo: pace.echo,
            });
            match reader.take(asked.as_ref(), line) {
                None => return false,
                Some(Found::Frame(frame)) => {
                    let told =
                        |prefix: &str| format!("{prefix}{}", words::answer(frame.unit, frame.pdu));
                    if asked.is_some_and(|asked| asked.is_answered_by(frame.unit, frame.pdu)) {
                        trace.received(frame.raw, || told(""));
                        answer.clear();
                        answer.extend_from_slice(frame.pdu);
                        return true;
                    }
                    if debts.settle(frame.unit, frame.pdu) {
                        counts.late += 1;
                        trace.received(frame.raw, || told("Too late, dropped: "));
                    } else {
                        counts.foreign += 1;
                        trace.received(frame.raw, || told("Not what was asked for, dropped: "));
                    }
                }
                Some(Found::Echo(raw)) => {
                    trace.received(raw, || "The request, come back as an echo".to_owned());
                    counts.echoes += 1;
                    pace.echo = Echo::Expected;
                    if let Some(current) = current.as_deref_mut() {
                        current.echoed = true;
                    }
                }
                Some(Found::Noise { raw, damage }) => {
                    let damaged = match damage {
                        Damage::CheckSum => Damaged::Frame,
                        Damage::Form => Damaged::Noise,
                    };
                    trace.received(raw, || words::noise(raw.len(), damaged));
                    counts.resyncs += 1;
                    counts.crc += u64::from(damage == Damage::CheckSum);
                    if let Some(current) = current.as_deref_mut() {
                        current.noise = true;
                    }
                }
            }
        }
    }

    fn whether_sent(&self) -> WriteSent {
        if self.taken == 0 { WriteSent::No } else { WriteSent::Perhaps }
    }

    fn broken(&self, error: &std::io::Error) -> String {
        match self.pace.carrier {
            Carrier::Tcp => format!("the connection to {} broke: {error}", self.peer),
            Carrier::Serial => {
                format!("the serial port {} failed: {error}; check the adapter", self.peer)
            }
        }
    }

    /// The time is over.
    fn unanswered(&mut self, current: &Current<'_>, manner: &Manner, begun: Moment) -> Failure {
        let (peer, sent) = (self.peer.clone(), self.whether_sent());
        let waited = tagwerk_component::Duration(manner.timeout);
        if self.taken < self.outgoing.len() {
            let reason = format!("{peer} took no whole request within {waited}");
            return Failure { fault: Fault::Link(reason), sent };
        }
        // The beginning of an answer that did not end.
        let noise = current.noise || !self.reader.is_empty();
        self.trace.note(|| format!("Unit {} did not answer within {waited}", current.unit));
        if self.unanswered == 0 {
            self.unanswered_since = begun;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let quiet = self.clock.now().since(self.unanswered_since);
        let given_up = self.unanswered >= QUIET_REQUESTS && quiet >= QUIET_MIN;
        let fault = if self.pace.carrier == Carrier::Tcp && given_up {
            Fault::Link(format!(
                "{peer} sent nothing for {} s, through {} requests; the connection counts as lost",
                quiet.as_secs(),
                self.unanswered
            ))
        } else {
            let hint = match noise {
                true => {
                    "; something came that was no whole message: check baud, parity, wiring and \
                         termination"
                }
                false => "",
            };
            Fault::Silent(format!(
                "unit {} at {peer} did not answer {} within {waited}{hint}",
                current.unit,
                current.request.function()
            ))
        };
        Failure { fault, sent }
    }
}
