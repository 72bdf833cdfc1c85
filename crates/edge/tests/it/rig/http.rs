//! One HTTP request at a time, as much as the tests need.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }
}

/// HTTP/1.0, which keeps the body free of chunks and the connection short.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(600)))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    // A server that refuses the body may close before it has read all of it; its answer counts.
    let sent = stream.write_all(body);
    let mut text = Vec::new();
    if let Err(error) = stream.read_to_end(&mut text)
        && text.is_empty()
    {
        return Err(sent.err().unwrap_or(error));
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    match (status, text.split_once("\r\n\r\n")) {
        (Some(status), Some((head, body))) => {
            Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
        }
        _ => Err(std::io::Error::other(format!("no HTTP: {text:?}"))),
    }
}
