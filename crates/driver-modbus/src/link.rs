//! One TCP connection: sends a request and finds its answer, whatever else arrives. Knows which
//! answers it has stopped waiting for, so that none is ever taken for the answer to another
//! request.

use crate::channel::{Failure, Reply};
use crate::plan::Manner;
use crate::words;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tagwerk_component::{Fault, Trace, WriteSent};
use tagwerk_env::{Clock, Moment, Stream, timeout};
use tagwerk_model::Quality;
use tagwerk_proto_modbus::Request;
use tagwerk_proto_modbus::tcp::{FrameBuffer, encode_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

/// Requests whose late answers are still recognised. More: the oldest is forgotten, and its answer
/// would count as foreign; it is dropped all the same.
const ABANDONED_MAX: usize = 64;

/// A peer that vanished without a word (a cable, a firewall) looks like a silent device for as long
/// as TCP retransmits, a quarter of an hour. So a connection on which this many requests in a row,
/// over at least [`QUIET_MIN`], brought not one byte is given up.
const QUIET_REQUESTS: u32 = 3;
const QUIET_MIN: Duration = Duration::from_secs(10);

/// Frames that arrived unasked and are read before one request. More: they are read while waiting
/// for its answer.
const DRAINED_READS_MAX: usize = 16;

/// What the answer in question must have.
#[derive(Clone, Copy)]
struct Expected {
    transaction: u16,
    unit: u8,
    function: u8,
}

/// A request that nobody waits for any more.
struct Abandoned {
    transaction: u16,
    reply: Reply,
}

#[derive(Default)]
struct Counts {
    late: u64,
    foreign: u64,
    received: u64,
    sent: u64,
}

pub struct Link {
    clock: Arc<dyn Clock>,
    stream: Box<dyn Stream>,
    trace: Trace,
    /// `host:port`, for messages.
    peer: Arc<str>,
    frames: FrameBuffer,
    outgoing: Vec<u8>,
    /// Bytes of `outgoing` that the socket has taken.
    taken: usize,
    /// The PDU of the last answer.
    answer: Vec<u8>,
    transaction: u16,
    abandoned: VecDeque<Abandoned>,
    /// When the last exchange ended.
    ended: Option<Moment>,
    /// Requests without any byte since, and when the first of them was sent.
    unanswered: u32,
    unanswered_since: Moment,
    counts: Counts,
}

impl Link {
    pub fn new(
        clock: Arc<dyn Clock>,
        trace: Trace,
        stream: Box<dyn Stream>,
        peer: Arc<str>,
    ) -> Link {
        Link {
            clock,
            stream,
            trace,
            peer,
            frames: FrameBuffer::new(),
            outgoing: Vec::with_capacity(512),
            taken: 0,
            answer: Vec::with_capacity(512),
            transaction: 0,
            abandoned: VecDeque::with_capacity(ABANDONED_MAX),
            ended: None,
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
        let clock = self.clock.clone();
        if let Some(due) = self.ended.map(|ended| ended.after(manner.pause))
            && clock.now() < due
        {
            clock.sleep_until(due).await;
        }
        // A connection that the peer closed meanwhile is noticed before anything is sent on it: a
        // write must not become uncertain for nothing.
        self.drain().await.map_err(|reason| Failure::unsent(Fault::Link(reason)))?;
        let expected = Expected {
            transaction: self.next_transaction(),
            unit,
            function: request.function().code(),
        };
        self.outgoing.clear();
        self.taken = 0;
        encode_request(expected.transaction, unit, request, &mut self.outgoing).map_err(
            |wrong| {
                let reason = wrong.to_string();
                Failure::unsent(Fault::Refused { quality: Quality::BAD_INTERNAL, reason })
            },
        )?;
        self.trace.sent(&self.outgoing, || words::request(unit, request));
        let begun = clock.now();
        let deadline = begun.after(manner.timeout);
        let outcome = timeout(&*clock, deadline, self.converse(expected, reply, deadline)).await;
        self.ended = Some(clock.now());
        self.counts.sent += self.taken as u64;
        match outcome {
            Some(Ok(true)) => Ok(()),
            Some(Err(reason)) => {
                Err(Failure { fault: Fault::Link(reason), sent: self.whether_sent() })
            }
            Some(Ok(false)) | None => Err(self.unanswered(expected, request, manner, begun)),
        }
    }

    /// What happened on the link since the last call.
    pub fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        vec![
            ("late answers dropped", counts.late),
            ("foreign answers dropped", counts.foreign),
            ("bytes received", counts.received),
            ("bytes sent", counts.sent),
        ]
    }

    /// Sends what is in `outgoing` and reads until its answer is there; `false` when the time is
    /// over. Also called off from outside, so all state is in `self`.
    async fn converse(
        &mut self,
        expected: Expected,
        reply: Reply,
        deadline: Moment,
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
        if reply == Reply::None {
            self.abandon(expected.transaction, reply);
            return Ok(true);
        }
        loop {
            if self.sort(Some(expected))? {
                return Ok(true);
            }
            // A peer that floods the line with other frames must not keep the timer from its turn.
            if self.clock.now() >= deadline {
                return Ok(false);
            }
            match self.stream.read(self.frames.space()).await {
                Ok(count) => self.take_in(count)?,
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    /// Reads what has arrived since the last exchange, without waiting.
    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..DRAINED_READS_MAX {
            let (stream, space) = (&mut self.stream, self.frames.space());
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

    fn take_in(&mut self, count: usize) -> Result<(), String> {
        if count == 0 {
            return Err(format!("{} closed the connection", self.peer));
        }
        self.frames.arrived(count);
        self.counts.received += count as u64;
        self.unanswered = 0;
        Ok(())
    }

    /// Goes through the frames that have arrived, up to the expected one, and keeps its PDU.
    fn sort(&mut self, expected: Option<Expected>) -> Result<bool, String> {
        loop {
            let frame = match self.frames.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(false),
                Err(wrong) => return Err(format!("the stream from {} is {wrong}", self.peer)),
            };
            let function = frame.pdu.first().map_or(0, |code| code & 0x7F);
            let told = |prefix: &str| format!("{prefix}{}", words::answer(frame.unit, frame.pdu));
            let prefix = match expected {
                Some(e) if e.transaction == frame.transaction => {
                    if e.unit == frame.unit && e.function == function {
                        self.answer.clear();
                        self.answer.extend_from_slice(frame.pdu);
                        self.trace.received(frame.raw, || told(""));
                        return Ok(true);
                    }
                    self.counts.foreign += 1;
                    "Of another unit or function than asked, dropped: "
                }
                _ => {
                    let known =
                        self.abandoned.iter().position(|a| a.transaction == frame.transaction);
                    match known.and_then(|at| self.abandoned.remove(at)) {
                        Some(Abandoned { reply: Reply::Expected, .. }) => {
                            self.counts.late += 1;
                            "Too late, dropped: "
                        }
                        // Some servers answer broadcasts all the same.
                        Some(Abandoned { reply: Reply::None, .. }) => "To a broadcast, dropped: ",
                        None => {
                            self.counts.foreign += 1;
                            "Never asked for, dropped: "
                        }
                    }
                }
            };
            self.trace.received(frame.raw, || told(prefix));
        }
    }

    /// The next number whose answer cannot be under way.
    fn next_transaction(&mut self) -> u16 {
        loop {
            self.transaction = self.transaction.wrapping_add(1);
            if self.abandoned.iter().all(|a| a.transaction != self.transaction) {
                return self.transaction;
            }
        }
    }

    fn abandon(&mut self, transaction: u16, reply: Reply) {
        if self.abandoned.len() >= ABANDONED_MAX {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(Abandoned { transaction, reply });
    }

    fn whether_sent(&self) -> WriteSent {
        if self.taken == 0 { WriteSent::No } else { WriteSent::Perhaps }
    }

    fn broken(&self, error: &std::io::Error) -> String {
        format!("the connection to {} broke: {error}", self.peer)
    }

    /// The time is over.
    fn unanswered(
        &mut self,
        expected: Expected,
        request: &Request<'_>,
        manner: &Manner,
        begun: Moment,
    ) -> Failure {
        let (peer, sent) = (self.peer.clone(), self.whether_sent());
        let waited = tagwerk_component::Duration(manner.timeout);
        if self.taken < self.outgoing.len() {
            let reason = format!("{peer} took no whole request within {waited}");
            return Failure { fault: Fault::Link(reason), sent };
        }
        self.abandon(expected.transaction, Reply::Expected);
        self.trace.note(|| format!("Unit {} did not answer within {waited}", expected.unit));
        if self.unanswered == 0 {
            self.unanswered_since = begun;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let quiet = self.clock.now().since(self.unanswered_since);
        let fault = if self.unanswered >= QUIET_REQUESTS && quiet >= QUIET_MIN {
            Fault::Link(format!(
                "{peer} sent nothing for {} s, through {} requests; the connection counts as lost",
                quiet.as_secs(),
                self.unanswered
            ))
        } else {
            let function = request.function();
            Fault::Silent(format!(
                "unit {} at {peer} did not answer {function} within {waited}",
                expected.unit
            ))
        };
        Failure { fault, sent }
    }
}
