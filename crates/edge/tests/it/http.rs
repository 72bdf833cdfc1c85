//! A small blocking HTTP client, so that the tests share no code with the server they test.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A reply that takes longer means that the edge hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Reply {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} {error}: {}", self.status, self.text()))
    }

    /// The body, of a reply that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Reply {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The error of a refusal, which must have the contract's form.
    #[track_caller]
    pub fn refusal(&self, status: u16, code: &str) -> Value {
        self.expect(status);
        let error = self.json()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        assert!(error["remedy"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        error
    }
}

/// Who asks, and how they show it.
#[derive(Clone, Debug, Default)]
pub struct Http {
    pub port: u16,
    pub headers: Vec<(String, String)>,
}

impl Http {
    pub fn with(&self, name: &str, value: &str) -> Http {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    pub fn with_token(&self, token: &str) -> Http {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send_json("POST", path, body)
    }

    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        self.with("Content-Type", "application/json").send(method, path, Some(body.as_bytes()))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Reply {
        let mut stream = self.open(method, path, body);
        let (status, head) = read_head(&mut stream);
        let mut body = Vec::new();
        stream.read_to_end(&mut body).unwrap();
        Reply { status, head, body }
    }

    /// Only the status, for replies that have no end.
    pub fn status_of(&self, method: &str, path: &str, body: Option<&[u8]>) -> u16 {
        read_head(&mut self.open(method, path, body)).0
    }

    /// Server-sent events, as name and data.
    pub fn events(&self, path: &str) -> impl Iterator<Item = (String, Value)> + use<> {
        let mut stream = self.open("GET", path, None);
        let (status, _) = read_head(&mut stream);
        assert_eq!(status, 200, "{path}");
        let mut name = String::new();
        stream.lines().map_while(Result::ok).filter_map(move |line| {
            if let Some(text) = line.strip_prefix("event: ") {
                name = text.to_owned();
            }
            let data = serde_json::from_str(line.strip_prefix("data: ")?).unwrap();
            Some((name.clone(), data))
        })
    }

    /// Sends a request and leaves the answer to come.
    pub fn open(&self, method: &str, path: &str, body: Option<&[u8]>) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(body.unwrap_or_default()).unwrap();
        BufReader::new(stream)
    }
}

fn read_head(stream: &mut impl BufRead) -> (u16, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the edge hung up: {head}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head)
}
