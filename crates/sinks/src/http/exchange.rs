//! One request and its answer, over a connection that is used again while both sides keep it.

use super::address::Address;
use super::answer::{ANSWER_BYTES_MAX, Answer};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::sync::Arc;
use tagwerk_component::{Certificates, Duration, Secrets, SinkContext, SinkFault};
use tagwerk_env::{Env, WallTime, timeout};
use tagwerk_tls::{Means, Peer, TlsFault, TlsSettings};
use tokio::task::JoinHandle;

/// Largest head of an answer. Larger: the connection is given up.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines of an answer. More: the connection is given up.
const HEAD_LINES_MAX: usize = 100;

/// How to reach a server.
pub struct Client {
    pub env: Env,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
    pub address: Address,
    pub tls: TlsSettings,
    pub connect_timeout: Duration,
    pub timeout: Duration,
}

/// Why there is no answer.
pub struct Failed {
    pub fault: SinkFault,
    /// The time was over: a smaller request may get through.
    pub too_slow: bool,
}

impl From<SinkFault> for Failed {
    fn from(fault: SinkFault) -> Failed {
        Failed { fault, too_slow: false }
    }
}

/// An open connection.
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
    /// Has carried a request before.
    used: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    pub fn new(context: &SinkContext, address: &Address, settings: &super::Settings) -> Client {
        Client {
            env: context.env.clone(),
            secrets: context.secrets.clone(),
            certificates: context.certificates.clone(),
            address: address.clone(),
            tls: settings.tls.clone().unwrap_or_default(),
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
        }
    }

    /// How messages call the server.
    pub fn words(&self) -> String {
        format!("the server at {}", self.address)
    }

    pub fn wall(&self) -> WallTime {
        self.env.clock.wall()
    }

    pub async fn connect(&self) -> Result<Line, SinkFault> {
        let (clock, limit) = (&*self.env.clock, self.connect_timeout);
        match timeout(clock, clock.now().after(limit.0), self.connect_unbounded()).await {
            Some(line) => line,
            None => Err(SinkFault::Retry(format!(
                "{} did not answer within {limit}; \
                 check `url` and whether the network lets this edge through",
                self.words()
            ))),
        }
    }

    async fn connect_unbounded(&self) -> Result<Line, SinkFault> {
        let Address { host, port, tls } = &self.address;
        let stream = self.env.net.connect(host, *port).await.map_err(|error| {
            SinkFault::Retry(format!("cannot connect to {}: {error}", self.words()))
        })?;
        let stream = match tls {
            false => stream,
            true => {
                let (secrets, certificates) = (&*self.secrets, &*self.certificates);
                let means = Means { env: &self.env, secrets, certificates };
                let peer = Peer { host, words: &self.words() };
                tagwerk_tls::connect(means, peer, &self.tls, stream).await.map_err(of_tls)?
            }
        };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEAD_LINES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        let task = tokio::spawn(async move {
            // Its errors are told to whoever waits for an answer; an idle one may just end.
            let _ = connection.await;
        });
        Ok(Line { sender, task, used: false })
    }

    /// Sends a request and reads the answer, over `idle` if it still stands. A connection that the
    /// server closed while it was idle is no fault: the request then goes over a new one. The
    /// server may in rare cases get it twice; it is marked by its key.
    pub async fn exchange(
        &self,
        idle: Option<Line>,
        request: &Request<Full<Bytes>>,
    ) -> Result<(Answer, Option<Line>), Failed> {
        let mut idle = idle.filter(|line| !line.sender.is_closed());
        loop {
            let mut line = match idle.take() {
                Some(line) => line,
                None => self.connect().await?,
            };
            let (clock, limit) = (&*self.env.clock, self.timeout);
            let until = clock.now().after(limit.0);
            match timeout(clock, until, line.ask(request.clone())).await {
                None => {
                    let fault = SinkFault::Retry(format!(
                        "{} did not take and answer a request within {limit}",
                        self.words()
                    ));
                    return Err(Failed { fault, too_slow: true });
                }
                Some(Err(Broken::BeforeAnswer(_))) if line.used => {}
                Some(Err(Broken::BeforeAnswer(error) | Broken::Within(error))) => {
                    return Err(self.broken(&error).into());
                }
                Some(Ok(answer)) => {
                    line.used = true;
                    let whole = !answer.cut && !line.sender.is_closed();
                    return Ok((answer, whole.then_some(line)));
                }
            }
        }
    }

    fn broken(&self, error: &hyper::Error) -> SinkFault {
        let mut source: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(inner) = source {
            let tls = inner
                .downcast_ref::<std::io::Error>()
                .and_then(|error| TlsFault::of_io(error, &self.words(), self.wall()));
            if let Some(fault) = tls {
                return of_tls(fault);
            }
            source = inner.source();
        }
        let words = self.words();
        if error.is_parse() {
            return SinkFault::Retry(format!(
                "{words} answers with something that is not HTTP/1.1 ({error}); check the port, \
                 and whether it wants `https://`"
            ));
        }
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        SinkFault::Retry(format!(
            "the connection to {words} broke before its answer was complete ({error}{cause})"
        ))
    }
}

fn of_tls(fault: TlsFault) -> SinkFault {
    match fault {
        TlsFault::Settings(text) => SinkFault::Settings(text),
        TlsFault::Passing(text) => SinkFault::Retry(text),
    }
}

enum Broken {
    BeforeAnswer(hyper::Error),
    Within(hyper::Error),
}

impl Line {
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        self.sender.ready().await.map_err(Broken::BeforeAnswer)?;
        let sent = self.sender.send_request(request).await;
        read(sent.map_err(Broken::BeforeAnswer)?).await.map_err(Broken::Within)
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut answer = Answer {
        status: response.status().as_u16(),
        content_type: header(CONTENT_TYPE),
        retry_after: header(RETRY_AFTER),
        location: header(LOCATION),
        ..Answer::default()
    };
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = ANSWER_BYTES_MAX - answer.body.len();
        answer.body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
}
