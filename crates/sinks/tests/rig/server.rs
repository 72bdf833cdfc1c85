//! The foreign HTTP server: Python's, with answers that the test chooses.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends with the value.
pub struct Server {
    process: Child,
    pub port: u16,
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(0, &[])
    }

    /// With the PEM files of its certificate and key.
    pub fn start_tls(certificate: &Path, key: &Path) -> Server {
        Server::start_with(0, &[certificate, key])
    }

    /// On the port of one that was killed, if not 0.
    pub fn start_with(port: u16, files: &[&Path]) -> Server {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(folder.join("../../.venv/bin/python"))
            .arg(folder.join("tests/peers/http_peer.py"))
            .arg(port.to_string())
            .args(files)
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo xtask setup` has made .venv");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").expect("it starts").parse().unwrap();
        Server { process, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The answers to come, in this order; after them it takes everything.
    pub fn next(&self, answers: Value) {
        self.control(json!({ "next": answers }));
    }

    pub fn control(&self, words: Value) {
        self.ask("POST /control", &words.to_string());
    }

    /// All requests so far.
    pub fn log(&self) -> Vec<Value> {
        serde_json::from_str(&self.ask("GET /log", "")).unwrap()
    }

    /// The bodies of the requests that were taken.
    pub fn taken(&self) -> Vec<String> {
        let log = self.log();
        let taken = log.iter().filter(|request| request["status"] == 200);
        taken.map(|request| request["body"].as_str().unwrap().to_owned()).collect()
    }

    fn ask(&self, what: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(stream, "{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").unwrap();
        write!(stream, "content-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
