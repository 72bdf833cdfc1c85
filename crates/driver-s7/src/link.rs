//! One connection to a controller: opens it, sends a job and finds its answer, whatever else
//! arrives. Knows which answers it has stopped waiting for, so that none is taken for that of
//! another job.

use crate::plan::Manner;
use crate::settings::{Settings, tsap_text};
use crate::words;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tagwerk_component::{Duration, Fault, LinkContext, Trace, WriteSent};
use tagwerk_env::{Clock, Moment, Stream, timeout};
use tagwerk_model::Quality;
use tagwerk_proto_s7::{Event, Malformed, PDU_BYTES_MIN, Pdu, Receiver, Setup, cotp, setup};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

/// Jobs whose late answers are still recognised. More: the oldest is forgotten, and its answer
/// would count as foreign; it is dropped all the same.
const ABANDONED_MAX: usize = 64;

/// Packets that arrived unasked and are read before one job. More: they are read while waiting for
/// its answer.
const DRAINED_READS_MAX: usize = 16;

/// A job that got no answer, and whether any of it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub sent: WriteSent,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The transport connection.
    Confirmation,
    Answer(u16),
}

#[derive(Default)]
struct Counts {
    late: u64,
    foreign: u64,
    received: u64,
    sent: u64,
    jobs: u64,
}

pub struct Link {
    clock: Arc<dyn Clock>,
    trace: Trace,
    stream: Box<dyn Stream>,
    /// `host:port`, for messages.
    peer: String,
    receiver: Receiver,
    outgoing: Vec<u8>,
    /// Bytes of `outgoing` that the socket has taken.
    taken: usize,
    job: Vec<u8>,
    reference: u16,
    abandoned: VecDeque<u16>,
    tpdu_bytes: u16,
    pdu_bytes: u16,
    /// When the last exchange ended.
    ended: Option<Moment>,
    counts: Counts,
}

impl Link {
    /// Connects, by TCP, transport and setup, all within `connect_timeout`.
    pub async fn open(settings: &Settings, context: &LinkContext) -> Result<Link, Fault> {
        let clock = context.env.clock.clone();
        let peer = settings.peer();
        let deadline = clock.now().after(settings.connect_timeout.0);
        let connecting = context.env.net.connect(settings.bare_host(), settings.port);
        let within = settings.connect_timeout;
        let stream = match timeout(&*clock, deadline, connecting).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                return Err(Fault::Link(format!(
                    "cannot connect to {peer}: {error}; check `host`, `port` and the CPU's network"
                )));
            }
            None => {
                return Err(Fault::Link(format!(
                    "no connection to {peer} within {within}; check `host`, `port`, and whether a \
                     firewall is between"
                )));
            }
        };
        let mut link = Link {
            clock,
            trace: context.trace.clone(),
            stream,
            peer,
            receiver: Receiver::new(),
            outgoing: Vec::with_capacity(1024),
            taken: 0,
            job: Vec::with_capacity(1024),
            reference: 0,
            abandoned: VecDeque::new(),
            tpdu_bytes: cotp::TPDU_BYTES_DEFAULT,
            pdu_bytes: settings.pdu_bytes(),
            ended: None,
            counts: Counts::default(),
        };
        link.attach(settings, deadline).await?;
        link.agree(settings, deadline).await?;
        Ok(link)
    }

    /// The transport connection, by which the CPU knows whether rack, slot and TSAPs are its own.
    async fn attach(&mut self, settings: &Settings, deadline: Moment) -> Result<(), Fault> {
        let (local, remote) = settings.tsaps();
        self.outgoing.clear();
        self.taken = 0;
        cotp::connect(local, remote, &mut self.outgoing);
        let (ours, theirs) = (tsap_text(local), tsap_text(remote));
        self.trace.sent(&self.outgoing, || format!("Connect: TSAP {ours} to TSAP {theirs}"));
        let clock = self.clock.clone();
        let asked = self.converse(Expected::Confirmation, deadline);
        let refused = match timeout(&*clock, deadline, asked).await {
            Some(Ok(true)) => return Ok(()),
            Some(Err(Fault::Link(why))) => why,
            Some(Err(other)) => return Err(other),
            Some(Ok(false)) | None => {
                format!("{} did not confirm within {}", self.peer, settings.connect_timeout)
            }
        };
        let place = match (&settings.remote_tsap, settings.rack, settings.slot) {
            (Some(_), ..) => "`remote_tsap` and `local_tsap`",
            _ => "`cpu`, `rack` and `slot`, or set the TSAPs",
        };
        Err(Fault::Link(format!(
            "the CPU takes no connection from TSAP {ours} to TSAP {theirs}: {refused}; check \
             {place}, and whether the CPU has a connection of kind `{}` left",
            match settings.connection {
                crate::settings::Connection::Pg => "pg",
                crate::settings::Connection::Op => "op",
                crate::settings::Connection::Basic => "basic",
            }
        )))
    }

    /// Agrees on the length of PDUs.
    async fn agree(&mut self, settings: &Settings, deadline: Moment) -> Result<(), Fault> {
        let asked = settings.pdu_bytes();
        let what = "setting up the connection";
        let build = |reference, out: &mut Vec<u8>| {
            setup(reference, asked, out);
            Ok(())
        };
        let meaning = || format!("Set up: PDUs of up to {asked} bytes");
        let begun = self.clock.now();
        let answered = self.exchange_until(deadline, begun, build, meaning);
        answered.await.map_err(|failure| match failure.fault {
            Fault::Silent(text) => Fault::Link(text),
            other => other,
        })?;
        // Without an agreement there is no link, whatever the reason.
        let unusable = |why: Malformed| Fault::Link(words::not_understood(what, &why).to_string());
        let pdu = self.answer().map_err(unusable)?;
        if !pdu.error.is_none() {
            return Err(Fault::Link(words::refused_job(what, pdu.error).to_string()));
        }
        let granted = Setup::decode(&pdu).map_err(unusable)?;
        if granted.pdu_bytes < PDU_BYTES_MIN {
            return Err(Fault::Link(format!(
                "{} grants PDUs of {} bytes, too few to read anything",
                self.peer, granted.pdu_bytes
            )));
        }
        self.pdu_bytes = granted.pdu_bytes.min(asked);
        let (peer, bytes) = (&self.peer, self.pdu_bytes);
        self.trace.note(|| format!("Connected to {peer}; PDUs have up to {bytes} bytes"));
        Ok(())
    }

    /// Longest PDU that both ends take.
    pub fn pdu_bytes(&self) -> u16 {
        self.pdu_bytes
    }

    /// The last answer.
    pub fn answer(&self) -> Result<Pdu<'_>, Malformed> {
        Pdu::decode(self.receiver.pdu())
    }

    /// Sends a job, once, and waits for its answer.
    pub async fn exchange(
        &mut self,
        manner: &Manner,
        build: impl FnOnce(u16, &mut Vec<u8>) -> Result<(), Malformed>,
        meaning: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if let Some(due) = self.ended.map(|ended| ended.after(manner.pause))
            && self.clock.now() < due
        {
            self.clock.sleep_until(due).await;
        }
        let begun = self.clock.now();
        self.exchange_until(begun.after(manner.timeout), begun, build, meaning).await
    }

    async fn exchange_until(
        &mut self,
        deadline: Moment,
        begun: Moment,
        build: impl FnOnce(u16, &mut Vec<u8>) -> Result<(), Malformed>,
        meaning: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        // A connection that the peer closed meanwhile is noticed before anything is sent on it: a
        // write must not become uncertain for nothing.
        let unsent = |fault| Failure { fault, sent: WriteSent::No };
        self.drain().await.map_err(unsent)?;
        let reference = self.next_reference();
        self.outgoing.clear();
        self.taken = 0;
        self.job.clear();
        build(reference, &mut self.job)
            .and_then(|()| cotp::data(&self.job, self.tpdu_bytes, &mut self.outgoing))
            .map_err(|why| {
                let reason = why.to_string();
                unsent(Fault::Refused { quality: Quality::BAD_INTERNAL, reason })
            })?;
        self.trace.sent(&self.outgoing, || format!("Job {reference}: {}", meaning()));
        let clock = self.clock.clone();
        let asked = self.converse(Expected::Answer(reference), deadline);
        let outcome = timeout(&*clock, deadline, asked).await;
        self.ended = Some(clock.now());
        self.counts.sent += self.taken as u64;
        self.counts.jobs += 1;
        match outcome {
            Some(Ok(true)) => Ok(()),
            Some(Err(fault)) => Err(Failure { fault, sent: self.whether_sent() }),
            Some(Ok(false)) | None => Err(self.unanswered(reference, deadline.since(begun))),
        }
    }

    /// Waits until something arrives of itself; cancel safe, since what was read stays here.
    pub async fn idle(&mut self) -> Result<(), Fault> {
        match self.stream.read(self.receiver.space()).await {
            Ok(count) => self.take_in(count)?,
            Err(error) => return Err(self.broken(&error)),
        }
        self.sort(None).map(drop)
    }

    /// What happened on the link since the last call.
    pub fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        vec![
            ("jobs sent", counts.jobs),
            ("late answers dropped", counts.late),
            ("foreign answers dropped", counts.foreign),
            ("bytes received", counts.received),
            ("bytes sent", counts.sent),
        ]
    }

    /// Sends what is in `outgoing` and reads until its answer is there; `false` when the time is
    /// over. Also called off from outside, so all state is in `self`.
    async fn converse(&mut self, expected: Expected, deadline: Moment) -> Result<bool, Fault> {
        while let Some(rest) = self.outgoing.get(self.taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest).await {
                Ok(0) => return Err(Fault::Link(format!("{} takes no more bytes", self.peer))),
                Ok(count) => self.taken += count,
                Err(error) => return Err(self.broken(&error)),
            }
        }
        if let Err(error) = self.stream.flush().await {
            return Err(self.broken(&error));
        }
        loop {
            if self.sort(Some(expected))? {
                return Ok(true);
            }
            // A peer that floods the line with other packets must not keep the timer from its turn.
            if self.clock.now() >= deadline {
                return Ok(false);
            }
            match self.stream.read(self.receiver.space()).await {
                Ok(count) => self.take_in(count)?,
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    /// Takes in what has arrived already, without waiting.
    async fn drain(&mut self) -> Result<(), Fault> {
        for _ in 0..DRAINED_READS_MAX {
            let (stream, space) = (&mut self.stream, self.receiver.space());
            let count = poll_fn(|context| {
                let mut space = ReadBuf::new(space);
                match Pin::new(&mut *stream).poll_read(context, &mut space) {
                    Poll::Pending => Poll::Ready(Ok(None)),
                    Poll::Ready(result) => Poll::Ready(result.map(|()| Some(space.filled().len()))),
                }
            })
            .await;
            match count {
                Ok(None) => break,
                Ok(Some(count)) => self.take_in(count)?,
                Err(error) => return Err(self.broken(&error)),
            }
            self.sort(None)?;
        }
        Ok(())
    }

    fn take_in(&mut self, count: usize) -> Result<(), Fault> {
        if count == 0 {
            return Err(Fault::Link(format!("{} closed the connection", self.peer)));
        }
        self.receiver.arrived(count);
        self.counts.received += count as u64;
        Ok(())
    }

    /// Goes through the packets that have arrived, up to the expected one.
    fn sort(&mut self, expected: Option<Expected>) -> Result<bool, Fault> {
        loop {
            let event = match self.receiver.take() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(false),
                Err(wrong) => {
                    return Err(Fault::Link(format!("the stream from {} is {wrong}", self.peer)));
                }
            };
            let packet = self.receiver.packet();
            match event {
                Event::Confirmed { tpdu_bytes } => {
                    self.trace.received(packet, || "Connection confirmed".to_owned());
                    if expected == Some(Expected::Confirmation) {
                        self.tpdu_bytes = tpdu_bytes;
                        return Ok(true);
                    }
                    self.counts.foreign += 1;
                }
                Event::Disconnected { reason } => {
                    let why = cotp::reason_words(reason);
                    self.trace.received(packet, || format!("Disconnected: {why}"));
                    let peer = &self.peer;
                    return Err(Fault::Link(format!("{peer} ended it, reason {reason} ({why})")));
                }
                Event::Rejected { cause } => {
                    self.trace.received(packet, || format!("Rejected, cause {cause}"));
                    let peer = &self.peer;
                    return Err(Fault::Link(format!(
                        "{peer} did not understand the transport message, cause {cause}"
                    )));
                }
                Event::Fragment => {
                    self.trace.received(packet, || "A part of an answer".to_owned());
                }
                Event::Pdu => {
                    self.trace.received(packet, || words::received(self.receiver.pdu()));
                    if self.sort_pdu(expected)? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn sort_pdu(&mut self, expected: Option<Expected>) -> Result<bool, Fault> {
        let pdu = self.answer().map_err(|wrong| {
            Fault::Link(format!("a message from {} is not S7 communication: {wrong}", self.peer))
        })?;
        let (reference, is_answer) = (pdu.reference, pdu.is_answer());
        if is_answer && expected == Some(Expected::Answer(reference)) {
            return Ok(true);
        }
        match self.abandoned.iter().position(|known| *known == reference && is_answer) {
            Some(at) => {
                self.abandoned.remove(at);
                self.counts.late += 1;
            }
            None => self.counts.foreign += 1,
        }
        Ok(false)
    }

    /// The next number whose answer cannot be under way.
    fn next_reference(&mut self) -> u16 {
        loop {
            self.reference = self.reference.wrapping_add(1);
            if !self.abandoned.contains(&self.reference) {
                return self.reference;
            }
        }
    }

    fn whether_sent(&self) -> WriteSent {
        if self.taken == 0 { WriteSent::No } else { WriteSent::Perhaps }
    }

    fn broken(&self, error: &std::io::Error) -> Fault {
        Fault::Link(format!("the connection to {} broke: {error}", self.peer))
    }

    /// The time is over.
    fn unanswered(&mut self, reference: u16, waited: std::time::Duration) -> Failure {
        let (peer, sent) = (self.peer.clone(), self.whether_sent());
        let waited = Duration(waited);
        if self.taken < self.outgoing.len() {
            let reason = format!("{peer} took no whole job within {waited}");
            return Failure { fault: Fault::Link(reason), sent };
        }
        if self.abandoned.len() >= ABANDONED_MAX {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(reference);
        Failure { fault: Fault::Silent(format!("{peer} did not answer within {waited}")), sent }
    }
}
