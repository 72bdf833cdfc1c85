//! One GET, and its answer as bytes.

use crate::source::{Context, TableFault, tls_settings};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, LOCATION};
use hyper_util::rt::TokioIo;
use tagwerk_config::{CheckedTls, HeaderText};
use tagwerk_model::limits;
use tagwerk_tls::{Means, Peer};

/// Largest head of an answer, and its lines. More: the connection is given up.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEAD_LINES_MAX: usize = 100;
/// Of an answer that is no table, letters that a message repeats.
const EXCERPT_MAX: usize = 200;

pub struct Asked<'a> {
    pub url: &'a str,
    pub headers: &'a [(Box<str>, HeaderText)],
    pub tls: Option<&'a CheckedTls>,
}

/// Where a server is.
struct Address<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
    /// As the header `Host` has it.
    authority: &'a str,
    target: String,
}

pub async fn get(context: &Context, asked: &Asked<'_>) -> Result<Vec<u8>, TableFault> {
    let address = address(asked.url)
        .ok_or_else(|| TableFault::new("the address cannot be asked", "correct `url`"))?;
    let request = request(context, asked, &address)?;
    let words = format!("the server at {}", address.authority);
    let passing = |what: String| {
        TableFault::new(what, "check `url`, and whether the network lets this edge through")
    };
    let stream = context.env.net.connect(address.host, address.port).await;
    let stream = stream.map_err(|error| passing(format!("cannot connect to {words}: {error}")))?;
    let stream = match address.tls {
        false => stream,
        true => {
            let settings = asked.tls.map(tls_settings).unwrap_or_default();
            let peer = Peer { host: address.host, words: &words };
            let connected = tagwerk_tls::connect(means(context), peer, &settings, stream).await;
            connected.map_err(|fault| TableFault::new(fault.to_string(), "check `tls`"))?
        }
    };
    let broken = |error: hyper::Error| passing(format!("the connection to {words} broke: {error}"));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_LINES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let work = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let (head, mut body) = answer.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                bytes.extend(data);
            }
            if bytes.len() > limits::TABLE_BYTES_MAX {
                let max = limits::TABLE_BYTES_MAX / 1024 / 1024;
                let problem = format!("{words} sends more than {max} MiB");
                return Err(TableFault::new(problem, "ask for fewer rows in `url`"));
            }
        }
        judge(&words, &head, bytes)
    };
    let mut connection = std::pin::pin!(connection);
    let mut work = std::pin::pin!(work);
    let mut open = true;
    loop {
        // The connection works while its answer is waited for, and ends with this task.
        tokio::select! {
            done = &mut work => return done,
            _ = &mut connection, if open => open = false,
        }
    }
}

pub fn means(context: &Context) -> Means<'_> {
    let Context { env, secrets, certificates, .. } = context;
    Means { env, secrets: &**secrets, certificates: &**certificates }
}

fn judge(
    words: &str,
    head: &hyper::http::response::Parts,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, TableFault> {
    let status = head.status;
    if status.is_success() {
        return Ok(bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let letters = text.trim().chars().take(EXCERPT_MAX);
    let said: String = letters.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let location = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let remedy = match (status.as_u16(), location) {
        (300..=399, Some(location)) => format!("write {location} in `url` if it is right"),
        (401 | 403, _) => "check `headers` and their secrets".to_owned(),
        (404 | 410, _) => "correct `url`".to_owned(),
        _ => "see what the server says of it".to_owned(),
    };
    Err(TableFault::new(format!("{words} answered {status}{said}"), remedy))
}

fn request(
    context: &Context,
    asked: &Asked<'_>,
    address: &Address<'_>,
) -> Result<Request<Empty<Bytes>>, TableFault> {
    let mut request = Request::get(&*address.target);
    let names = |name: &HeaderName| {
        asked.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name.as_str()))
    };
    if !names(&HOST) {
        request = request.header(HOST, address.authority);
    }
    if !names(&ACCEPT) {
        request = request.header(ACCEPT, "application/json, text/csv;q=0.9, */*;q=0.1");
    }
    for (name, text) in asked.headers {
        let value = match text {
            HeaderText::Plain(text) => HeaderValue::from_str(text).ok(),
            HeaderText::Secret(secret) => {
                let text = context.secrets.get(secret);
                let text = text.map_err(|why| TableFault::new(why, "store the secret"))?;
                HeaderValue::from_str(text.expose().trim_end_matches(['\r', '\n'])).ok()
            }
        };
        let value = value.ok_or_else(|| {
            let problem = format!("the text of the header `{name}` cannot stand in one");
            TableFault::new(problem, "it must be one line of ASCII")
        })?;
        request = request.header(&**name, value);
    }
    let made = request.body(Empty::new());
    made.map_err(|error| TableFault::new(format!("`url`: {error}"), "correct `url`"))
}

fn address(url: &str) -> Option<Address<'_>> {
    let (tls, rest) = match url.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, url.strip_prefix("https://")?),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => [80, 443][usize::from(tls)],
    };
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    (!host.is_empty()).then_some(Address { tls, host, port, authority, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |url: &str, host: &str, port: u16, target: &str| {
            let found = address(url).unwrap();
            assert_eq!((found.host, found.port, &*found.target), (host, port, target), "{url}");
        };
        check("http://h", "h", 80, "/");
        check("https://h:8443?x=1", "h", 8443, "/?x=1");
        check("http://[::1]:81/a/b", "::1", 81, "/a/b");
        for wrong in ["h", "ftp://h", "http://", "http://h:0", "http://h:x/"] {
            assert!(address(wrong).is_none(), "{wrong}");
        }
    }
}
