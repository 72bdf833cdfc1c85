//! The task behind a session: puts deliveries together into requests, and answers into receipts.
//!
//! Requests start in the order of the deliveries. What is put together was bounded before: the
//! runtime has at most as many deliveries waiting as the sink's plan says.

use super::Checked;
use super::access::TokenSource;
use super::answer::Verdict;
use super::exchange::{Client, Line};
use super::memory::Memory;
use super::request::{self, Form};
use super::settings::Body;
use crate::payload::Origin;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use std::collections::VecDeque;
use std::sync::Arc;
use tagwerk_component::{BoxFuture, SinkFault};
use tagwerk_env::Moment;
use tokio::sync::{mpsc, oneshot};

/// One delivery.
pub struct Part {
    /// Path and query that it goes to.
    pub target: String,
    pub payloads: Vec<Payload>,
    pub samples: usize,
    pub origin: Origin,
    pub done: oneshot::Sender<Result<(), SinkFault>>,
}

pub struct Payload {
    pub bytes: Vec<u8>,
    /// Plain text rather than JSON.
    pub text: bool,
}

impl Part {
    fn bytes(&self) -> usize {
        // Each has a comma, or a line's end.
        self.payloads.iter().map(|payload| payload.bytes.len() + 1).sum()
    }

    fn end(self, outcome: Result<(), SinkFault>) {
        // Nobody waits any more when the runtime has given the session up.
        let _ = self.done.send(outcome);
    }
}

pub enum Command {
    Deliver(Part),
    Close,
}

/// What requests are made with; shared by those on their way.
pub struct Terms {
    pub checked: Arc<Checked>,
    pub client: Client,
    pub tokens: Option<TokenSource>,
    pub memory: Arc<Memory>,
    pub headers: HeaderMap,
    /// Edge and sink, as they begin the key of a request.
    pub key_prefix: String,
}

/// The outcome of a job, and its connection.
type Running = BoxFuture<'static, (Result<(), SinkFault>, usize, Option<Line>)>;

pub struct Sender {
    terms: Arc<Terms>,
    commands: mpsc::Receiver<Command>,
    /// Deliveries that wait to be put together.
    waiting: VecDeque<Part>,
    /// When the first of them has waited long enough.
    due: Option<Moment>,
    running: FuturesUnordered<Running>,
    /// Deliveries on their way.
    on_their_way: usize,
    idle: Vec<Line>,
    /// Deliveries that the runtime hands over before it waits.
    window: usize,
}

impl Sender {
    pub fn new(
        terms: Arc<Terms>,
        line: Line,
        commands: mpsc::Receiver<Command>,
        window: usize,
    ) -> Sender {
        Sender {
            terms,
            commands,
            waiting: VecDeque::new(),
            due: None,
            running: FuturesUnordered::new(),
            on_their_way: 0,
            idle: vec![line],
            window,
        }
    }

    /// Runs until it is closed, or until the fault that ends the session.
    pub async fn run(&mut self) -> Result<(), SinkFault> {
        let clock = self.terms.client.env.clock.clone();
        loop {
            self.start_what_is_ready();
            let room = self.running.len() < self.terms.checked.settings.in_flight_max;
            let due = self.due.filter(|_| room);
            tokio::select! {
                biased;
                Some((outcome, parts, line)) = self.running.next() => {
                    self.on_their_way -= parts;
                    self.idle.extend(line);
                    outcome?;
                }
                command = self.commands.recv() => match command {
                    Some(Command::Deliver(part)) => self.take(part),
                    Some(Command::Close) | None => return self.finish().await,
                },
                () = clock.sleep_until(due.unwrap_or_default()), if due.is_some() => {}
            }
        }
    }

    /// Every delivery that is still open fails like the session.
    pub fn fail_all(&mut self, fault: &SinkFault) {
        self.running.clear();
        self.waiting.drain(..).for_each(|part| part.end(Err(fault.clone())));
    }

    fn take(&mut self, part: Part) {
        if self.waiting.is_empty() {
            let linger = self.terms.checked.settings.linger.0;
            self.due = Some(self.terms.client.env.clock.now().after(linger));
        }
        self.waiting.push_back(part);
    }

    fn start_what_is_ready(&mut self) {
        while self.running.len() < self.terms.checked.settings.in_flight_max {
            let Some(count) = self.ready() else { break };
            let parts: Vec<Part> = self.waiting.drain(..count).collect();
            if self.waiting.is_empty() {
                self.due = None;
            }
            self.on_their_way += count;
            let (terms, line) = (self.terms.clone(), self.idle.pop());
            self.running.push(Box::pin(async move {
                let (outcome, line) = Job { terms, line }.run(parts).await;
                (outcome, count, line)
            }));
        }
    }

    /// How many of the waiting deliveries make the next request; `None` while it can wait.
    fn ready(&self) -> Option<usize> {
        let first = self.waiting.front()?;
        let settings = &self.terms.checked.settings;
        if settings.body == Body::One {
            return Some(1);
        }
        let bytes_max = self.terms.memory.bytes_max(settings.batch_bytes);
        let (mut samples, mut bytes) = (0, 0);
        for (index, part) in self.waiting.iter().enumerate() {
            if index > 0 && (part.target != first.target || bytes + part.bytes() > bytes_max) {
                return Some(index);
            }
            samples += part.samples;
            bytes += part.bytes();
            if samples >= settings.batch_samples || bytes >= bytes_max {
                return Some(index + 1);
            }
        }
        let now = self.terms.client.env.clock.now();
        let waited = self.due.is_none_or(|due| due <= now);
        let last = self.on_their_way + self.waiting.len() >= self.window;
        (waited || last).then_some(self.waiting.len())
    }

    /// Waits for what is on its way; what waits stays with the journal.
    async fn finish(&mut self) -> Result<(), SinkFault> {
        while let Some((outcome, ..)) = self.running.next().await {
            outcome?;
        }
        Ok(())
    }
}

/// One request, or as many as it must be divided into.
struct Job {
    terms: Arc<Terms>,
    line: Option<Line>,
}

impl Job {
    async fn run(mut self, parts: Vec<Part>) -> (Result<(), SinkFault>, Option<Line>) {
        let mut rest = vec![parts];
        while let Some(mut parts) = rest.pop() {
            let fault = match self.send(&parts).await {
                Ok(Verdict::Delivered) => {
                    parts.into_iter().for_each(|part| part.end(Ok(())));
                    continue;
                }
                Ok(Verdict::TooLarge(_)) if parts.len() > 1 => {
                    let bytes = parts.iter().map(Part::bytes).sum::<usize>();
                    self.terms.memory.too_large(bytes);
                    // The first half goes first.
                    let second = parts.split_off(parts.len() / 2);
                    rest.extend([second, parts]);
                    continue;
                }
                // One of them is to blame, and the others are not to be lost with it.
                Ok(Verdict::Reject(_)) if parts.len() > 1 => {
                    let second = parts.split_off(parts.len() / 2);
                    rest.extend([second, parts]);
                    continue;
                }
                Ok(Verdict::Reject(text) | Verdict::TooLarge(text)) => {
                    let reject = SinkFault::Reject(text);
                    parts.into_iter().for_each(|part| part.end(Err(reject.clone())));
                    continue;
                }
                Ok(Verdict::Retry(text, wait)) => {
                    if let Some(wait) = wait {
                        let until = self.terms.client.env.clock.now().after(wait);
                        self.terms.memory.wait_until(Some(until));
                    }
                    SinkFault::Retry(text)
                }
                Ok(Verdict::Settings(text) | Verdict::Unauthorized(text)) => {
                    SinkFault::Settings(text)
                }
                Err(fault) => fault,
            };
            for part in parts.into_iter().chain(rest.into_iter().rev().flatten()) {
                part.end(Err(fault.clone()));
            }
            return (Err(fault), None);
        }
        (Ok(()), self.line)
    }

    /// The verdict on deliveries that go together.
    async fn send(&mut self, parts: &[Part]) -> Result<Verdict, SinkFault> {
        let form = self.terms.checked.settings.body;
        let mut refused = None;
        for form in Form::all(form, parts) {
            match self.send_once(parts, form).await? {
                Verdict::Delivered => {}
                // The other messages of the delivery are good for themselves.
                verdict @ (Verdict::Reject(_) | Verdict::TooLarge(_)) => {
                    refused.get_or_insert(verdict);
                }
                other => return Ok(other),
            }
        }
        Ok(refused.unwrap_or(Verdict::Delivered))
    }

    async fn send_once(&mut self, parts: &[Part], form: Form) -> Result<Verdict, SinkFault> {
        let terms = self.terms.clone();
        let mut request = request::build(&terms, parts, form)?;
        for _ in 0..2 {
            if let Some(tokens) = &terms.tokens {
                let token = tokens.token(&terms.memory).await?;
                request.headers_mut().insert(AUTHORIZATION, token);
            }
            let exchanged = terms.client.exchange(self.line.take(), &request).await;
            let (answer, line) = exchanged.map_err(|failed| {
                if failed.too_slow {
                    terms.memory.too_slow(parts.iter().map(Part::bytes).sum());
                }
                failed.fault
            })?;
            terms.memory.in_time();
            self.line = line;
            let expected = terms.checked.settings.expect.as_ref();
            let (server, unix_ns) = (terms.client.words(), terms.client.wall().unix_ns);
            let verdict = answer.judge(expected, &server, unix_ns);
            match verdict {
                // The token may have been withdrawn before its time.
                Verdict::Unauthorized(_) if terms.tokens.is_some() => {
                    terms.memory.forget_token();
                }
                verdict => return Ok(verdict),
            }
        }
        Err(SinkFault::Settings(format!(
            "{} does not accept the token that the token server gives; check `auth.oauth2`",
            terms.client.words()
        )))
    }
}
