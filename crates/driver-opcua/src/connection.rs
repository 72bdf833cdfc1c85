//! One TCP connection with its secure channel: sends requests, hands out whole answers, renews the
//! channel. Knows nothing of what is asked. Receiving is cancel safe.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tagwerk_component::{Fault, LinkContext};
use tagwerk_env::{Clock, Moment, Stream};
use tagwerk_proto_opcua::service::{RequestHeader, ResponseHeader, id};
use tagwerk_proto_opcua::{
    Channel, FrameBuffer, Malformed, Message, NodeId, Reader, Status, limits, time,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a token of the channel is asked for; it is renewed after three quarters.
const LIFETIME_MS: u32 = 3_600_000;
/// The shortest lifetime that is believed: below it the channel would do nothing but renew itself.
const LIFETIME_MIN_MS: u32 = 10_000;

pub struct Connection {
    stream: Box<dyn Stream>,
    context: LinkContext,
    server: String,
    timeout: Duration,
    frames: FrameBuffer,
    out: Vec<u8>,
    out_sent: usize,
    channel: Channel,
    /// The session's, once there is one.
    pub token: NodeId,
    next_request: u32,
    renew_at: Option<Moment>,
    renewing: Option<Moment>,
    heard: Moment,
}

/// An answer, or the status with which the server gave up on it.
pub type Answer = Result<Vec<u8>, Status>;

impl Connection {
    /// Over a fresh stream; says hello and opens the channel. The caller bounds the time.
    pub async fn open(
        stream: Box<dyn Stream>,
        context: &LinkContext,
        url: &str,
        timeout: Duration,
        channel: Channel,
    ) -> Result<Connection, Fault> {
        let mut connection = Connection {
            stream,
            context: context.clone(),
            server: url.to_owned(),
            timeout,
            frames: FrameBuffer::default(),
            out: Vec::new(),
            out_sent: 0,
            channel,
            token: NodeId::NULL,
            next_request: 0,
            renew_at: None,
            renewing: None,
            heard: context.env.clock.now(),
        };
        Channel::hello(url, &mut connection.out);
        context.trace.sent(&connection.out, || format!("Hello to {url}"));
        let until = connection.deadline();
        while !matches!(connection.message(until).await?, Message::Acknowledged) {}
        connection.open_channel()?;
        while !matches!(connection.message(until).await?, Message::Opened { .. }) {}
        Ok(connection)
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.env.clock
    }

    pub fn context(&self) -> &LinkContext {
        &self.context
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub fn deadline(&self) -> Moment {
        self.clock().now().after(self.timeout)
    }

    /// When the server was last heard.
    pub fn heard(&self) -> Moment {
        self.heard
    }

    /// Takes a request down to be sent by the next `receive`; gives its number. An error is the
    /// request being longer than the server takes.
    pub fn request(
        &mut self,
        meaning: impl FnOnce() -> String,
        encode: impl FnOnce(&RequestHeader<'_>, &mut Vec<u8>),
    ) -> Result<u32, Malformed> {
        self.next_request = self.next_request.wrapping_add(1).max(1);
        let request = self.next_request;
        let header = RequestHeader {
            token: &self.token,
            now: time::ticks(self.context.env.clock.wall().unix_ns),
            handle: request,
            timeout_ms: self.timeout.as_millis().min(u128::from(u32::MAX)) as u32,
        };
        let mut body = Vec::new();
        encode(&header, &mut body);
        self.channel.send(request, &body, &mut self.out)?;
        self.context.trace.sent(&body, || format!("{} (request {request})", meaning()));
        Ok(request)
    }

    /// The next answer; `None` when none came until then. What has arrived already is taken even
    /// when that moment is past.
    pub async fn receive(&mut self, until: Moment) -> Result<Option<(u32, Answer)>, Fault> {
        let mut looked = false;
        loop {
            self.renew()?;
            match self.next_message()? {
                Some(Message::Answer { request, body }) => return Ok(Some((request, Ok(body)))),
                Some(Message::Aborted { request, status, reason }) => {
                    self.context.trace.note(|| {
                        format!("the server gave up on request {request}: {status} {reason}")
                    });
                    return Ok(Some((request, Err(status))));
                }
                Some(_) => continue,
                None => {}
            }
            // A server that never stops sending must not keep us from ending.
            if looked && self.clock().now() >= until {
                return Ok(None);
            }
            looked = true;
            let wake = [self.renew_at, self.renewing].into_iter().flatten().min();
            let wake = wake.map_or(until, |moment| moment.min(until));
            self.exchange(wake).await?;
        }
    }

    /// Waits for one message while connecting.
    async fn message(&mut self, until: Moment) -> Result<Message, Fault> {
        loop {
            if let Some(message) = self.next_message()? {
                return Ok(message);
            }
            if self.clock().now() >= until {
                return Err(Fault::Link(format!(
                    "{} does not answer within {} ms; is it an OPC UA server?",
                    self.server,
                    self.timeout.as_millis()
                )));
            }
            self.exchange(until).await?;
        }
    }

    fn next_message(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            let chunk = self.frames.take().map_err(|error| broken(&self.server, error))?;
            let Some(chunk) = chunk else { return Ok(None) };
            let message = self.channel.receive(chunk);
            let message = message.map_err(|error| broken(&self.server, error))?;
            match message {
                None => continue,
                Some(Message::Closing { status, reason }) => {
                    return Err(self.closing(status, &reason));
                }
                Some(Message::Opened { lifetime_ms, .. }) => {
                    let lifetime = u64::from(lifetime_ms.max(LIFETIME_MIN_MS));
                    let wait = Duration::from_millis(lifetime * 3 / 4);
                    self.renew_at = Some(self.clock().now().after(wait));
                    self.renewing = None;
                    self.context.trace.note(|| {
                        let (policy, mode) = (self.channel.policy().name(), self.channel.mode());
                        format!("Secure channel open for {lifetime_ms} ms, {policy}, {mode:?}")
                    });
                    return Ok(Some(Message::Opened { request: 0, lifetime_ms }));
                }
                Some(message) => {
                    if let Message::Answer { request, body } = &message {
                        let meaning = || describe(*request, body);
                        self.context.trace.received(body, meaning);
                    }
                    return Ok(Some(message));
                }
            }
        }
    }

    fn closing(&self, status: Status, reason: &str) -> Fault {
        self.context.trace.note(|| format!("The server closes the connection: {status} {reason}"));
        let text = format!("{} refuses the connection: {status} {reason}", self.server);
        let text = text.trim_end().to_owned();
        if status.is_about_certificates() {
            return Fault::Settings(format!(
                "{text}; let the server trust the edge's own certificate (shown on the \
                 Certificates page), then it connects by itself"
            ));
        }
        Fault::Link(text)
    }

    fn renew(&mut self) -> Result<(), Fault> {
        let now = self.clock().now();
        if self.renewing.is_some_and(|deadline| now >= deadline) {
            return Err(Fault::Link(format!("{} does not renew the secure channel", self.server)));
        }
        if self.renewing.is_none() && self.renew_at.is_some_and(|moment| now >= moment) {
            self.renewing = Some(self.deadline());
            self.renew_at = None;
            self.open_channel()?;
        }
        Ok(())
    }

    fn open_channel(&mut self) -> Result<(), Fault> {
        self.next_request = self.next_request.wrapping_add(1).max(1);
        let now = time::ticks(self.clock().wall().unix_ns);
        let start = self.out.len();
        self.channel
            .open(self.next_request, now, LIFETIME_MS, &mut self.out)
            .map_err(|error| broken(&self.server, error))?;
        let policy = self.channel.policy().name();
        self.context.trace.sent(&self.out[start..], || format!("Open secure channel, {policy}"));
        Ok(())
    }

    /// Sends and receives what is possible; returns when something arrived, or then, and at once
    /// when that moment is past.
    async fn exchange(&mut self, until: Moment) -> Result<(), Fault> {
        let at_once = self.clock().now() >= until;
        let sleep = self.clock().sleep_until(until);
        let server = &self.server;
        let (stream, frames) = (&mut self.stream, &mut self.frames);
        let (out, out_sent) = (&mut self.out, &mut self.out_sent);
        let arrived = std::future::poll_fn(|cx| {
            while *out_sent < out.len() {
                match Pin::new(&mut *stream).poll_write(cx, &out[*out_sent..]) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err("it takes no more".to_owned())),
                    Poll::Ready(Ok(count)) => *out_sent += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.to_string())),
                    Poll::Pending => break,
                }
            }
            if *out_sent == out.len() {
                out.clear();
                *out_sent = 0;
                if let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(cx) {
                    return Poll::Ready(Err(error.to_string()));
                }
            }
            let mut space = ReadBuf::new(frames.space());
            match Pin::new(&mut *stream).poll_read(cx, &mut space) {
                Poll::Ready(Ok(())) if space.filled().is_empty() => {
                    Poll::Ready(Err("the server closed it".to_owned()))
                }
                Poll::Ready(Ok(())) => {
                    let count = space.filled().len();
                    frames.arrived(count);
                    Poll::Ready(Ok(true))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.to_string())),
                Poll::Pending if at_once => Poll::Ready(Ok(false)),
                Poll::Pending => Poll::Pending,
            }
        });
        let result = tokio::select! {
            biased;
            result = arrived => result,
            () = sleep => return Ok(()),
        };
        let lost = |why| Fault::Link(format!("the connection to {server} is lost: {why}"));
        if result.map_err(lost)? {
            self.heard = self.context.env.clock.now();
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// Says goodbye if that takes no time, so that the server need not keep the session until it
    /// expires.
    fn drop(&mut self) {
        if !self.token.is_null() {
            let close = |header: &RequestHeader<'_>, out: &mut Vec<u8>| {
                tagwerk_proto_opcua::service::close_session(header, out);
            };
            let _ = self.request(|| "Close session".to_owned(), close);
        }
        let now = time::ticks(self.clock().wall().unix_ns);
        let request = self.next_request.wrapping_add(1);
        if self.channel.close(request, now, &mut self.out).is_err() {
            return;
        }
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(&mut self.stream).poll_write(&mut cx, &self.out[self.out_sent..]);
    }
}

/// Reads the answer to a request: what it says, or the status by which it was refused.
pub fn decode<T>(
    answer: Answer,
    request: u32,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Result<T, Status>, Fault> {
    let body = match answer {
        Ok(body) => body,
        Err(status) => return Ok(Err(status)),
    };
    let mut reader = Reader::new(&body);
    let header = ResponseHeader::decode(&mut reader, id::answer_to(request));
    match header.map_err(misunderstood)? {
        Err(status) => Ok(Err(status)),
        Ok(()) => read(&mut reader).map(Ok).map_err(misunderstood),
    }
}

pub fn misunderstood(error: Malformed) -> Fault {
    Fault::Link(format!("an answer of the server cannot be understood: {error}"))
}

fn broken(server: &str, error: Malformed) -> Fault {
    Fault::Link(format!("what {server} sends cannot be trusted: {error}"))
}

/// What an answer is, for the communication log.
fn describe(request: u32, body: &[u8]) -> String {
    let mut reader = Reader::new(body);
    let number = NodeId::decode(&mut reader).ok().and_then(|id| id.standard_number());
    let name = match number.map(|number| number.saturating_sub(3)) {
        Some(id::GET_ENDPOINTS) => "Endpoints",
        Some(id::CREATE_SESSION) => "Session created",
        Some(id::ACTIVATE_SESSION) => "Session activated",
        Some(id::BROWSE | id::BROWSE_NEXT) => "References",
        Some(id::TRANSLATE_PATHS) => "Properties",
        Some(id::READ) => "Values read",
        Some(id::HISTORY_READ) => "History",
        Some(id::WRITE) => "Written",
        Some(id::CREATE_ITEMS) => "Items created",
        Some(id::DELETE_ITEMS) => "Items deleted",
        Some(id::CREATE_SUBSCRIPTION) => "Subscription created",
        Some(id::PUBLISH) => "Notification",
        Some(id::REPUBLISH) => "Notification, again",
        _ => "Answer",
    };
    match ResponseHeader::decode(&mut Reader::new(body), number.unwrap_or_default()) {
        Ok(Err(status)) => format!("{name} refused: {status} (request {request})"),
        _ => format!("{name} (request {request})"),
    }
}

/// More than any answer of ours may be, for the server to know.
pub const MESSAGE_BYTES_MAX: u32 = limits::MESSAGE_BYTES_MAX as u32;
