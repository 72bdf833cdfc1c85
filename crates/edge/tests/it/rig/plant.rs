//! The simulated plant as a process of its own.

use super::http::request;
use super::program::{Program, repository};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

pub struct Plant {
    program: Program,
    pub modbus: SocketAddr,
    control: SocketAddr,
}

impl Plant {
    /// Without faults of its own, and with its time running.
    pub fn start() -> Plant {
        Plant::start_with(&["--no-faults"])
    }

    pub fn start_with(arguments: &[&str]) -> Plant {
        let mut command = Command::new(binary());
        let mut program = Program::start("tagwerk-plant", command.arg("serve").args(arguments));
        let ready = program.json();
        let address = |key: &str| ready[key].as_str().unwrap().parse().unwrap();
        Plant { modbus: address("modbus"), control: address("control"), program }
    }

    pub fn port(&self) -> u16 {
        self.modbus.port()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = request(self.control, method, path, "", body.as_bytes())
            .unwrap_or_else(|e| panic!("{path}: {e}\n{}", self.program.words().join("\n")));
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
        answer.json()
    }

    /// What a master would read.
    pub fn state(&self, device: &str, tag: &str) -> Value {
        self.ask("GET", "/state", "")["devices"][device][tag].clone()
    }

    /// The number of the last right answer of a unit.
    pub fn answer_number(&self, unit: u8) -> u64 {
        self.counts(unit)["answer_number"].as_u64().unwrap_or(0)
    }

    pub fn counts(&self, unit: u8) -> Value {
        self.ask("GET", "/counts", "")["units"][unit.to_string()].clone()
    }

    /// Every write that arrived.
    pub fn writes(&self) -> Vec<Value> {
        self.ask("GET", "/log", "")["writes"].as_array().expect("the log is a list").clone()
    }

    pub fn fault(&self, fault: Value) {
        self.ask("POST", "/fault", &fault.to_string());
    }

    pub fn set(&self, unit: u8, tag: &str, value: Value) {
        let order = json!({ "unit": unit, "tag": tag, "value": value });
        self.ask("POST", "/set", &order.to_string());
    }
}

/// Beside the edge's own binary; built when it is not there.
fn binary() -> PathBuf {
    static BUILT: Once = Once::new();
    let edge = Path::new(env!("CARGO_BIN_EXE_tagwerk"));
    let path = edge.with_file_name("tagwerk-plant");
    BUILT.call_once(|| {
        if path.exists() {
            return;
        }
        let profile = edge.parent().expect("a binary lies in a profile's folder");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "tagwerk-plant"]).current_dir(repository());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        build.env("CARGO_TARGET_DIR", profile.parent().expect("profiles lie in a target folder"));
        let status = build.status().expect("cargo runs");
        assert!(status.success() && path.exists(), "`cargo build -p tagwerk-plant` failed");
    });
    path
}
