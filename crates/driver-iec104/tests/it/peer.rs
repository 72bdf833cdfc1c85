//! The c104 server as a process beside the test.

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub port: u16,
}

impl Peer {
    pub fn start(options: &Json) -> Peer {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = std::env::var_os("TAGWERK_VENV").map(Into::into);
        let python = venv.unwrap_or_else(|| crate_folder.join("../../.venv")).join("bin/python");
        assert!(python.exists(), "there is no {}: run `cargo xtask setup`", python.display());
        let mut child = Command::new(python)
            .arg(crate_folder.join("tests/peers/iec104_peer.py"))
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Peer { child, input, output, port: 0 };
        peer.port = peer.answer()["port"].as_u64().unwrap() as u16;
        peer
    }

    pub fn settings(&self, more: Json) -> Json {
        let mut settings = crate::rig::settings(more);
        settings["host"] = json!("127.0.0.1");
        settings["port"] = json!(self.port);
        settings
    }

    /// Says something without waiting for the answer.
    pub fn tell(&mut self, command: &Json) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    pub fn answer(&mut self) -> Json {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    pub fn ask(&mut self, command: &Json) -> Json {
        self.tell(command);
        self.answer()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
