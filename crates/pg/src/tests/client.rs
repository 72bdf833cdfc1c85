//! A client that sends what the test says, and reads messages whole.

use super::plant::{PASSWORD, Rig};
use crate::wire;
use std::net::SocketAddr;
use tagwerk_env::{Net, Stream, SystemNet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub struct Client {
    pub stream: Box<dyn Stream>,
    pub pid: i32,
    pub key: [u8; 4],
}

/// A message of the server: its kind and its body.
pub type Message = (char, Vec<u8>);

pub fn start_message(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        wire::text(&mut body, name);
        wire::text(&mut body, value);
    }
    body.push(0);
    let mut bytes = (body.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        let stream = SystemNet.connect("127.0.0.1", address.port()).await.unwrap();
        Client { stream, pid: 0, key: [0; 4] }
    }

    /// With the API token, which needs no mathematics.
    pub async fn log_in(rig: &Rig) -> Client {
        let mut client = Client::connect(rig.address).await;
        client.send(&start_message(3 << 16, &[("user", "token"), ("database", "tagwerk")])).await;
        assert_eq!(client.next().await, ('R', vec![0, 0, 0, 3]));
        client.message(b'p', |out| wire::text(out, "twk_good")).await;
        for (kind, body) in client.until('Z').await {
            if kind == 'K' {
                client.pid = i32::from_be_bytes(body[..4].try_into().unwrap());
                client.key = body[4..8].try_into().unwrap();
            }
        }
        assert!(client.pid != 0);
        client
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        wire::message(&mut out, kind, body);
        self.send(&out).await;
    }

    pub async fn next(&mut self) -> Message {
        self.read().await.expect("the server still speaks")
    }

    /// None at the end of the connection.
    pub async fn read(&mut self) -> Option<Message> {
        let mut head = [0u8; 5];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((head[0] as char, body))
    }

    /// All messages up to one of this kind.
    pub async fn until(&mut self, kind: char) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let message = self.next().await;
            let last = message.0 == kind;
            all.push(message);
            if last {
                return all;
            }
        }
    }

    pub async fn query(&mut self, text: &str) -> Vec<Message> {
        self.message(b'Q', |out| wire::text(out, text)).await;
        self.until('Z').await
    }

    /// The kinds of the answers, and the text of every cell; errors by their SQLSTATE.
    pub async fn told(&mut self, text: &str) -> String {
        told(&self.query(text).await)
    }

    pub async fn parse(&mut self, name: &str, text: &str, types: &[u32]) {
        self.message(b'P', |out| {
            wire::text(out, name);
            wire::text(out, text);
            out.extend((types.len() as u16).to_be_bytes());
            types.iter().for_each(|oid| out.extend(oid.to_be_bytes()));
        })
        .await;
    }

    pub async fn bind(&mut self, portal: &str, name: &str, values: &[Option<&[u8]>], binary: bool) {
        self.message(b'B', |out| {
            wire::text(out, portal);
            wire::text(out, name);
            out.extend([0, 1, 0, u8::from(binary)]);
            out.extend((values.len() as u16).to_be_bytes());
            for value in values {
                match value {
                    None => out.extend((-1i32).to_be_bytes()),
                    Some(value) => {
                        out.extend((value.len() as u32).to_be_bytes());
                        out.extend(*value);
                    }
                }
            }
            out.extend([0, 1, 0, u8::from(binary)]);
        })
        .await;
    }

    pub async fn describe(&mut self, what: u8, name: &str) {
        self.message(b'D', |out| {
            out.push(what);
            wire::text(out, name);
        })
        .await;
    }

    pub async fn execute(&mut self, portal: &str, rows: u32) {
        self.message(b'E', |out| {
            wire::text(out, portal);
            out.extend(rows.to_be_bytes());
        })
        .await;
    }

    pub async fn sync(&mut self) -> Vec<Message> {
        self.message(b'S', |_| {}).await;
        self.until('Z').await
    }
}

/// Cells of a row; `∅` for NULL.
pub fn cells(body: &[u8]) -> Vec<String> {
    let mut fields = wire::Fields(&body[2..]);
    let mut cells = Vec::new();
    while !fields.0.is_empty() {
        let cell = fields.value().unwrap();
        cells.push(cell.map_or("∅".to_owned(), |cell| String::from_utf8_lossy(&cell).into_owned()));
    }
    cells
}

/// A field of an error.
pub fn error_field(body: &[u8], wanted: u8) -> String {
    let mut fields = wire::Fields(body);
    while let Ok([code]) = fields.array() {
        if code == 0 {
            break;
        }
        let text = fields.text().unwrap();
        if code == wanted {
            return text;
        }
    }
    String::new()
}

pub fn told(messages: &[Message]) -> String {
    let parts = messages.iter().filter_map(|(kind, body)| match kind {
        'D' => Some(format!("[{}]", cells(body).join(","))),
        'E' | 'N' => Some(format!("{kind}{}", error_field(body, b'C'))),
        'C' => Some(wire::Fields(body).text().unwrap()),
        'Z' => Some((body[0] as char).to_string()),
        'T' | 'S' => None,
        'd' => Some(String::from_utf8_lossy(body).into_owned()),
        other => Some(other.to_string()),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// psql with the password, on this server.
pub fn psql(rig: &Rig, arguments: &[&str], input: &str) -> (String, String) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("psql")
        .args(["-X", "-h", "127.0.0.1", "-U", "anna", "-d", "tagwerk", "-p"])
        .arg(rig.address.port().to_string())
        .args(arguments)
        .env("PGPASSWORD", PASSWORD)
        .env("PGGSSENCMODE", "disable")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql is installed by cargo xtask setup");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}
