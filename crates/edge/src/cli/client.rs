//! A client of the edge's API: one connection per request, answers of bounded size.

use super::{Reach, tls_client};
use anyhow::{Context, anyhow, bail};
use axum::body::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::io;
use std::time::Duration;
use tagwerk_api::{ErrorAnswer, ErrorBody};
use tagwerk_env::{Env, Stream};
use tagwerk_model::limits;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// The largest answer that is read: a configuration as JSON text.
const ANSWER_BYTES_MAX: usize = 2 * limits::CONFIG_BYTES_MAX;

pub struct Client {
    env: Env,
    url: String,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    token: Option<String>,
    pub json: bool,
}

/// What the edge answered when it did not refuse.
pub struct Answer {
    pub headers: hyper::HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn parse<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.bytes)
            .context("the answer is not of the form this version knows; use the edge's own version")
    }

    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// What the edge refused, and why.
#[derive(Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub body: ErrorBody,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.body.message, self.body.remedy)
    }
}

impl std::error::Error for Refused {}

impl Client {
    pub(crate) fn new(env: Env, reach: &Reach) -> anyhow::Result<Client> {
        let uri: Uri = reach.url.parse().with_context(|| format!("{} is not a URL", reach.url))?;
        let host = uri.host().with_context(|| format!("{} names no host", reach.url))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let own = reach.data.join("tls").join("cert.pem");
                let trusted = reach.ca.as_ref().unwrap_or(&own);
                (Some(tls_client::connector(&*env.disk, trusted)?), 443)
            }
            _ => bail!("{} begins with neither http:// nor https://", reach.url),
        };
        let token = match &reach.token {
            Some(token) => Some(token.clone()),
            None => local_token(&env, reach)?,
        };
        let port = uri.port_u16().unwrap_or(port);
        let url = reach.url.trim_end_matches('/').to_owned();
        Ok(Client { env, url, host, port, tls, token, json: reach.json })
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub async fn get_as<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.get(path).await?.parse()
    }

    pub async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &impl serde::Serialize,
    ) -> anyhow::Result<Answer> {
        let bytes = serde_json::to_vec(body).context("the request cannot be written as JSON")?;
        self.send(method, path, &[(CONTENT_TYPE.as_str(), "application/json")], bytes.into()).await
    }

    /// Sends a request and reads the whole answer; an answer that refuses is an error of the type
    /// [`Refused`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let response = self.open(method, path, headers, body).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let bytes = body.collect().await.map_err(|e| anyhow!("the answer broke off: {e}"))?;
        let bytes = bytes.to_bytes();
        if status.is_success() {
            return Ok(Answer { headers, bytes });
        }
        match serde_json::from_slice::<ErrorAnswer>(&bytes) {
            Ok(answer) => Err(Refused { status, body: answer.error }.into()),
            Err(_) => bail!("{} answered {status}, which no edge does", self.url),
        }
    }

    /// The answer, where it does not refuse; its body may be long.
    pub async fn accepted(
        &self,
        response: Response<Incoming>,
    ) -> anyhow::Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let bytes = body.collect().await.map_err(|e| anyhow!("the answer broke off: {e}"))?;
        match serde_json::from_slice::<ErrorAnswer>(&bytes.to_bytes()) {
            Ok(answer) => Err(Refused { status, body: answer.error }.into()),
            Err(_) => bail!("{} answered {status}, which no edge does", self.url),
        }
    }

    /// Sends a request and returns with the head of the answer, whose body streams.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path);
        let host = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        request = request.header(HOST, host);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).context("the request cannot be made")?;
        let stream = self.connect().await.with_context(|| {
            format!("no edge answers at {}; is it running, and is --url right?", self.url)
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await.with_context(|| format!("asking {} failed", self.url))
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let clock = &self.env.clock;
        let deadline = clock.now().after(CONNECT_TIME_MAX);
        let connecting = async {
            let stream = self.env.net.connect(&self.host, self.port).await?;
            let Some(tls) = &self.tls else { return Ok(stream) };
            let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
            Ok(Box::new(tls.connect(name, stream).await?) as Box<dyn Stream>)
        };
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        tagwerk_env::timeout(&**clock, deadline, connecting).await.ok_or_else(late)?
    }
}

/// The token that the edge leaves for its own machine; none when it is not ours to read.
fn local_token(env: &Env, reach: &Reach) -> anyhow::Result<Option<String>> {
    let path = reach.data.join(crate::run::CLI_TOKEN);
    match env.disk.read(&path, 1024) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
