//! The smallest HTTP/1.1 server that the control ports need: one request per connection, bodies of
//! JSON, hard limits. What the paths mean is the caller's.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEAD_BYTES_MAX: usize = 8 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
}

/// A status and a body.
pub type Answer = (u16, serde_json::Value);

impl Request {
    /// The value of a whole number in the query.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.parse().ok())?
        })
    }
}

pub fn refusal(status: u16, why: impl std::fmt::Display) -> Answer {
    (status, serde_json::json!({ "error": why.to_string() }))
}

/// Answers requests for ever.
pub async fn serve(
    listener: TcpListener,
    answer: impl Fn(&Request) -> Answer + Clone + Send + 'static,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer.clone();
                tokio::spawn(tokio::time::timeout(REQUEST_TIME_MAX, talk(stream, answer)));
            }
            // Out of descriptors: others must close theirs first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn talk(mut stream: TcpStream, answer: impl Fn(&Request) -> Answer) -> std::io::Result<()> {
    let (status, body) = match read_request(&mut stream).await? {
        Ok(request) => answer(&request),
        Err(why) => refusal(400, why),
    };
    let body = body.to_string();
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        _ => "Bad Request",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Result<Request, &'static str>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Ok(Err("the request's head is longer than 8 KiB"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(Err("the request ends in its head"));
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(Err("the first line is not METHOD PATH VERSION"));
    };
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, value)| value.trim().parse::<usize>().ok());
    let Some(length) = length.filter(|length| *length <= BODY_BYTES_MAX) else {
        return Ok(Err("the body's length is not a number up to 65536"));
    };
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(Err("the body is shorter than its length says"));
        }
    }
    body.truncate(length);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Ok(Request { method: method.into(), path: path.into(), query: query.into(), body }))
}
