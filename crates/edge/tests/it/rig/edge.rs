//! The edge as a process, and its API as an administrator on the same machine uses it.

use super::http::{Answer, request};
use super::program::Program;
use super::until;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// What outlives an edge: its data and its first configuration.
pub struct Site {
    folder: Arc<tempfile::TempDir>,
    /// More for the command line.
    pub arguments: Vec<String>,
}

impl Site {
    pub fn new(config: &str) -> Site {
        let site = Site { folder: Arc::new(tempfile::tempdir().unwrap()), arguments: Vec::new() };
        std::fs::write(site.config(), config).unwrap();
        site
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// Starts the edge and does not wait for anything.
    pub fn start(&self) -> Edge {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwerk"));
        command
            .arg("run")
            .arg("--data")
            .arg(self.data())
            .arg("--initial-config")
            .arg(self.config());
        command.args(["--listen", "127.0.0.1:0", "--ready-json"]).args(&self.arguments);
        let program = Program::start("tagwerk", &mut command);
        Edge {
            program,
            data: self.data(),
            address: None,
            token: None,
            _folder: self.folder.clone(),
        }
    }

    /// Starts the edge and waits until it does its work.
    pub fn start_ready(&self) -> Edge {
        let mut edge = self.start();
        edge.wait_until_ready();
        edge
    }
}

pub struct Edge {
    pub program: Program,
    data: PathBuf,
    address: Option<SocketAddr>,
    token: Option<String>,
    /// The data must not go before the process that works on it.
    _folder: Arc<tempfile::TempDir>,
}

impl Edge {
    /// Where it answers, as it said when it started.
    pub fn address(&mut self) -> SocketAddr {
        if self.address.is_none() {
            let ready = self.program.json();
            let text = ready.to_string();
            let start = text.find("http://").unwrap_or_else(|| panic!("no address in {text}")) + 7;
            let end = start + text[start..].find(['/', '"']).unwrap_or(text.len() - start);
            self.address = Some(text[start..end].parse().unwrap());
        }
        self.address.expect("it was just set")
    }

    pub fn wait_until_ready(&mut self) {
        let address = self.address();
        until("the edge is ready", || {
            self.program.still_runs();
            let answer = request(address, "GET", "/health/ready", "", b"").ok()?;
            (answer.status == 200).then_some(())
        });
    }

    /// Any request, as administrator.
    pub fn call(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let address = self.address();
        let file = self.data.join("cli.token");
        let token = self.token.get_or_insert_with(|| {
            let token = until("the token for this machine", || std::fs::read_to_string(&file).ok());
            token.trim().to_owned()
        });
        let kind = if body.first() == Some(&b'{') { "application/json" } else { "text/yaml" };
        let headers = format!("content-type: {kind}\r\nauthorization: Bearer {token}\r\n{headers}");
        request(address, method, &format!("/api/v1{path}"), &headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}\n{}", self.program.words().join("\n")))
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Value {
        self.call("GET", path, "", b"").expect(200).json()
    }

    #[track_caller]
    pub fn tag(&mut self, device: &str, tag: &str) -> Value {
        self.get(&format!("/devices/{device}/tags/{tag}"))
    }

    #[track_caller]
    pub fn device(&mut self, device: &str) -> Value {
        self.get(&format!("/devices/{device}"))
    }

    /// Writes and waits for the end.
    #[track_caller]
    pub fn write(&mut self, command: Value) -> Value {
        self.call("POST", "/commands", "", command.to_string().as_bytes()).expect(200).json()
    }
}
