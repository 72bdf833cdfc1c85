//! The transport interface of one connection as a machine without I/O (IEC 60870-5-104, section 5):
//! numbers, acknowledgements, k, w, t1, t2, t3. Writes frames into a buffer; when to call it, and
//! the socket, are the session's.

use std::collections::VecDeque;
use std::time::Duration;
use tagwerk_component::Trace;
use tagwerk_env::Moment;
use tagwerk_proto_iec104::{
    Frame, Function, Sequence, Sizes, Words, encode_information, encode_supervisory,
    encode_unnumbered,
};

/// What both ends must agree on, and this end's limits.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    pub sizes: Sizes,
    pub originator: u8,
    pub k: u16,
    pub w: u16,
    pub t1: Duration,
    pub t2: Duration,
    pub t3: Duration,
}

/// Names one ASDU handed over for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Default)]
pub struct Counts {
    pub sequence_errors: u64,
    pub tests: u64,
    pub unexpected: u64,
}

pub struct Line {
    parameters: Parameters,
    trace: Trace,
    started: bool,
    /// V(S), and the oldest number that the station has not acknowledged.
    send: Sequence,
    acknowledged: Sequence,
    /// When each unacknowledged frame was sent, oldest first.
    sent_at: VecDeque<Moment>,
    /// V(R), and what the station was told of it.
    receive: Sequence,
    told: Sequence,
    untold_since: Option<Moment>,
    last_received: Moment,
    start_sent: Option<Moment>,
    test_sent: Option<Moment>,
    /// ASDUs that k does not let through yet.
    waiting: VecDeque<(Ticket, Vec<u8>)>,
    tickets: u64,
    outgoing: Vec<u8>,
    pub counts: Counts,
}

impl Line {
    pub fn new(parameters: Parameters, trace: Trace, now: Moment) -> Line {
        Line {
            parameters,
            trace,
            started: false,
            send: Sequence::default(),
            acknowledged: Sequence::default(),
            sent_at: VecDeque::new(),
            receive: Sequence::default(),
            told: Sequence::default(),
            untold_since: None,
            last_received: now,
            start_sent: None,
            test_sent: None,
            waiting: VecDeque::new(),
            tickets: 0,
            outgoing: Vec::new(),
            counts: Counts::default(),
        }
    }

    pub fn sizes(&self) -> Sizes {
        self.parameters.sizes
    }

    pub fn originator(&self) -> u8 {
        self.parameters.originator
    }

    /// Asks the station to begin sending.
    pub fn start(&mut self, now: Moment) {
        self.unnumbered(Function::StartActivation);
        self.start_sent = Some(now);
    }

    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Hands over an ASDU; it leaves as soon as k allows.
    pub fn send(&mut self, asdu: Vec<u8>, now: Moment) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.push_back((ticket, asdu));
        self.let_through(now);
        ticket
    }

    /// Takes an ASDU back; `false` when it has left already.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
        self.waiting.len() < before
    }

    /// Moves the frames to send to the end of `out`.
    pub fn take_outgoing(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.outgoing);
    }

    /// Takes in a frame. Returns the ASDU of one in sequence; an error means that the connection
    /// must end.
    pub fn take<'a>(
        &mut self,
        frame: Frame<'a>,
        bytes: &[u8],
        now: Moment,
    ) -> Result<Option<&'a [u8]>, String> {
        let sizes = self.parameters.sizes;
        self.trace.received(bytes, || Words { frame, sizes }.to_string());
        self.last_received = now;
        match frame {
            Frame::Information { send, receive, asdu } => {
                self.acknowledge(receive)?;
                if !self.started {
                    return Err("it sent data before it was asked to start".to_owned());
                }
                if send != self.receive {
                    self.counts.sequence_errors += 1;
                    let expected = self.receive;
                    return Err(format!(
                        "sequence error: it sent number {send} where {expected} is next"
                    ));
                }
                self.receive = self.receive.next();
                self.untold_since.get_or_insert(now);
                self.let_through(now);
                Ok(Some(asdu))
            }
            Frame::Supervisory { receive } => {
                self.acknowledge(receive)?;
                self.let_through(now);
                Ok(None)
            }
            Frame::Unnumbered(function) => {
                self.take_unnumbered(function);
                Ok(None)
            }
        }
    }

    fn take_unnumbered(&mut self, function: Function) {
        match function {
            Function::StartConfirmation if self.start_sent.take().is_some() => self.started = true,
            Function::TestActivation => self.unnumbered(Function::TestConfirmation),
            Function::TestConfirmation if self.test_sent.take().is_some() => {}
            _ => self.counts.unexpected += 1,
        }
    }

    fn acknowledge(&mut self, receive: Sequence) -> Result<(), String> {
        let count = receive.since(self.acknowledged);
        if usize::from(count) > self.sent_at.len() {
            self.counts.sequence_errors += 1;
            return Err(format!(
                "sequence error: it acknowledged everything before {receive}, but only those \
                 before {} were sent, and those before {} acknowledged",
                self.send, self.acknowledged
            ));
        }
        self.acknowledged = receive;
        self.sent_at.drain(..usize::from(count));
        Ok(())
    }

    /// What the timers ask for now: acknowledgements, tests, or the end of the connection.
    pub fn tick(&mut self, now: Moment) -> Result<(), String> {
        let Parameters { w, t1, t2, t3, .. } = self.parameters;
        let seconds = t1.as_secs_f64();
        if self.start_sent.is_some_and(|sent| now >= sent.after(t1)) {
            return Err(format!(
                "it did not confirm the start of data transfer within {seconds} s (t1)"
            ));
        }
        if self.test_sent.is_some_and(|sent| now >= sent.after(t1)) {
            return Err(format!("it did not answer a test within {seconds} s (t1)"));
        }
        if self.sent_at.front().is_some_and(|sent| now >= sent.after(t1)) {
            return Err(format!("it did not acknowledge within {seconds} s (t1)"));
        }
        let late = self.untold_since.is_some_and(|since| now >= since.after(t2));
        if late || self.receive.since(self.told) >= w {
            let start = self.outgoing.len();
            encode_supervisory(self.receive, &mut self.outgoing);
            self.told(self.receive);
            self.traced(start, Frame::Supervisory { receive: self.receive });
        }
        if self.started && self.test_sent.is_none() && now >= self.last_received.after(t3) {
            self.counts.tests += 1;
            self.unnumbered(Function::TestActivation);
            self.test_sent = Some(now);
        }
        self.let_through(now);
        Ok(())
    }

    /// When [`Line::tick`] has something to do without any frame coming.
    pub fn due(&self) -> Moment {
        let Parameters { t1, t2, t3, .. } = self.parameters;
        let answers = [self.start_sent, self.test_sent, self.sent_at.front().copied()];
        let answers = answers.into_iter().flatten().map(|sent| sent.after(t1));
        let acknowledge = self.untold_since.map(|since| since.after(t2));
        let idle = self.test_sent.is_none().then(|| self.last_received.after(t3));
        answers.chain(acknowledge).chain(idle).min().unwrap_or(Moment(u64::MAX))
    }

    fn let_through(&mut self, now: Moment) {
        while self.started && self.sent_at.len() < usize::from(self.parameters.k) {
            let Some((_, asdu)) = self.waiting.pop_front() else { return };
            let start = self.outgoing.len();
            let (send, receive) = (self.send, self.receive);
            if encode_information(send, receive, &asdu, &mut self.outgoing).is_err() {
                continue;
            }
            self.send = self.send.next();
            self.sent_at.push_back(now);
            self.told(receive);
            self.traced(start, Frame::Information { send, receive, asdu: &asdu });
        }
    }

    fn told(&mut self, receive: Sequence) {
        self.told = receive;
        self.untold_since = None;
    }

    fn unnumbered(&mut self, function: Function) {
        let start = self.outgoing.len();
        encode_unnumbered(function, &mut self.outgoing);
        self.traced(start, Frame::Unnumbered(function));
    }

    fn traced(&self, start: usize, frame: Frame<'_>) {
        let sizes = self.parameters.sizes;
        let bytes = self.outgoing.get(start..).unwrap_or_default();
        self.trace.sent(bytes, || Words { frame, sizes }.to_string());
    }
}
