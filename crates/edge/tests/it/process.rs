//! The built program, started on a port of its own with a data directory of its own.

use crate::http::Http;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

pub const PASSWORD: &str = "a fine long sentence";

/// A data directory, and the edge that runs on it.
pub struct Edge {
    pub data: TempDir,
    arguments: Vec<String>,
    /// Logs everything into `log` beside its data.
    talkative: bool,
    child: Option<Child>,
    pub port: u16,
    pub setup: Option<String>,
    /// Where PostgreSQL clients connect, if anywhere.
    pub postgres: String,
}

impl Edge {
    pub fn start() -> Edge {
        Edge::start_with(&[])
    }

    /// Starts with more arguments to `run`; returns once it answers.
    pub fn start_with(arguments: &[&str]) -> Edge {
        Edge::launched(tempfile::tempdir().unwrap(), arguments)
    }

    fn launched(data: TempDir, arguments: &[&str]) -> Edge {
        let mut edge = Edge {
            data,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            talkative: false,
            child: None,
            port: 0,
            setup: None,
            postgres: String::new(),
        };
        edge.launch();
        edge
    }

    /// Starts with a log of everything, to be read with [`Edge::log`].
    pub fn start_talkative() -> Edge {
        let mut edge = Edge::start();
        edge.kill();
        edge.talkative = true;
        edge.launch();
        edge
    }

    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.data.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts with this configuration running.
    pub fn with_config(text: &str) -> Edge {
        let edge = Edge::start();
        edge.apply(text, 0).expect(200);
        edge
    }

    /// Starts with this configuration running, and a past of its tags; gives what was made.
    pub fn with_past(text: &str, length: &str, period: &str) -> (Edge, Value) {
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("initial.yaml");
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        let made = tagwerk(data.path())
            .args(["past", "--config", &config, "--length", length, "--period", period])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let arguments = ["--initial-config", &config, "--postgres", "127.0.0.1:0"];
        let edge = Edge::launched(data, &arguments);
        (edge, serde_json::from_slice(&made.stdout).unwrap())
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn launch(&mut self) {
        let mut command = tagwerk(self.data.path());
        if self.talkative {
            let path = self.data.path().join("log");
            let log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            command.env("TAGWERK_LOG", "trace").stderr(log);
        }
        let mut child = command
            .args(["run", "--listen", "127.0.0.1:0", "--ready-json"])
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.child = Some(child);
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the edge did not start: {error}: {line}"));
        let url = ready["console"].as_str().unwrap();
        self.port = url.rsplit_once(':').unwrap().1.parse().unwrap();
        self.postgres = ready["postgres"][0].as_str().unwrap_or_default().to_owned();
        self.setup = ready["setup"].as_str().map(|url| url.split_once('=').unwrap().1.to_owned());
    }

    /// Ends it as `kill -9` or a power cut of the process would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it as a service manager would.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        // SAFETY: sends a signal to a child that has not been waited for.
        #[allow(unsafe_code)]
        let sent = unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
        assert_eq!(sent, 0);
        child.wait().unwrap()
    }

    /// Starts it again on the same data, and mostly on another port.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "stop or kill it first");
        self.launch();
    }

    /// Asks as nobody.
    pub fn nobody(&self) -> Http {
        Http { port: self.port, headers: Vec::new() }
    }

    /// Asks with the token that the edge leaves for its own machine: an administrator.
    pub fn local(&self) -> Http {
        let token = std::fs::read_to_string(self.data.path().join("cli.token")).unwrap();
        self.nobody().with_token(token.trim())
    }

    /// Asks with a new API token of this role.
    pub fn with_role(&self, role: &str) -> Http {
        let new = json!({ "name": role, "role": role });
        let reply = self.local().post("/api/v1/tokens", &new);
        self.nobody().with_token(reply.expect(200).json()["token"].as_str().unwrap())
    }

    /// Sets up the administrator `anna` and returns her session, without the CSRF header.
    pub fn set_up(&self) -> Http {
        let token = self.setup.as_deref().unwrap();
        let body = json!({ "token": token, "username": "anna", "password": PASSWORD });
        let reply = self.nobody().post("/api/v1/setup", &body);
        self.nobody().with("Cookie", cookie(reply.expect(200).header("set-cookie").unwrap()))
    }

    pub fn apply(&self, text: &str, base: u64) -> crate::http::Reply {
        let http = self.local().with("If-Match", &format!("\"{base}\""));
        http.send("PUT", "/api/v1/config", Some(text.as_bytes()))
    }

    /// The number of the running revision.
    pub fn revision(&self) -> u64 {
        let status = self.local().get("/api/v1/status").expect(200).json();
        status["config"]["revision"].as_u64().unwrap()
    }

    /// Runs the command line against it.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let url = format!("http://127.0.0.1:{}", self.port);
        tagwerk(self.data.path()).env("TAGWERK_URL", url).args(arguments).output().unwrap()
    }
}

impl Edge {
    /// Runs the command line against it with something on its standard input.
    pub fn cli_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let url = format!("http://127.0.0.1:{}", self.port);
        let mut child = tagwerk(self.data.path())
            .env("TAGWERK_URL", url)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The name and value of a `Set-Cookie` header.
pub fn cookie(header: &str) -> &str {
    header.split(';').next().unwrap()
}

/// The program with a data directory and nothing of the tester's environment.
pub fn tagwerk(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwerk"));
    command
        .env_remove("TAGWERK_URL")
        .env_remove("TAGWERK_TOKEN")
        .env("TAGWERK_LOG", "warn")
        .env("TAGWERK_DATA", data);
    command
}

/// A simulated mixer: a level that rises and a speed that can be written.
pub const MIXER: &str = r#"
version: 1
edge: { name: test-edge, description: An edge under test }
devices:
  - name: mixer
    driver: sim
    settings: {}
    groups:
      - name: fast
        interval: 100ms
        tags:
          - { name: level, address: "ramp:0..100", type: float64, unit: "%" }
          - { name: speed, address: "setpoint:speed", type: float64, access: read_write, range: [0, 100] }
"#;

/// Mixers of this many tags in all, hundred to a group and thousand to a device.
pub fn many_tags(count: usize) -> String {
    let mut text = "version: 1\nedge: { name: large }\ndevices:\n".to_owned();
    for i in 0..count {
        if i % 1000 == 0 {
            let device = i / 1000;
            text.push_str(&format!(
                "  - name: device-{device}\n    driver: sim\n    settings: {{}}\n    groups:\n"
            ));
        }
        if i % 100 == 0 {
            let group = i % 1000 / 100;
            text.push_str(&format!(
                "      - name: group-{group}\n        interval: 10s\n        tags:\n"
            ));
        }
        text.push_str(&format!(
            "          - {{ name: tag-{}, address: \"constant:{i}\", type: int32 }}\n",
            i % 1000
        ));
    }
    text
}
