//! A real Mosquitto, and its own clients, for the tests of whatever speaks MQTT.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A Mosquitto of its own on a free port; ends with the value.
pub struct Broker {
    process: Child,
    pub port: u16,
    pub directory: tempfile::TempDir,
}

impl Broker {
    pub async fn start(lines: &str) -> Broker {
        Broker::start_in(tempfile::tempdir().unwrap(), lines).await
    }

    /// `lines` go into the configuration after the listener; `@` stands for the folder.
    pub async fn start_in(directory: tempfile::TempDir, lines: &str) -> Broker {
        // Another process may take the port between choosing and using it; then choose again.
        for _ in 0..5 {
            let port = free_port();
            let config = directory.path().join("mosquitto.conf");
            let lines = lines.replace('@', directory.path().to_str().unwrap());
            std::fs::write(&config, format!("listener {port} 127.0.0.1\n{lines}\n")).unwrap();
            let mut process = start(&config);
            if wait_until_open(port, &mut process).await {
                return Broker { process, port, directory };
            }
        }
        panic!("mosquitto does not start");
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Lets the process stand still; its socket stays open.
    pub fn freeze(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }

    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Publishes with a client of its own; with `-l` among the words each line is a message.
    pub fn publish(&self, words: &[&str], lines: &str) {
        let mut process = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", "5"])
            .args(words)
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub is installed");
        process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(process.wait().unwrap().success());
    }

    /// Starts a stopped broker again, on its port.
    pub async fn start_again(&mut self) {
        self.process = start(&self.directory.path().join("mosquitto.conf"));
        assert!(wait_until_open(self.port, &mut self.process).await, "it starts again");
    }

    /// Starts a subscriber that prints `count` messages and ends.
    pub async fn subscribe(&self, topic: &str, format: &str, count: usize) -> Subscriber {
        // Into a pipe it would print nothing before it ends; stdbuf makes it print line by line.
        let mut process = tokio::process::Command::new("stdbuf")
            .args([
                "-oL",
                "mosquitto_sub",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-V",
                "5",
                "-q",
                "2",
                "-d",
            ])
            .args(["-t", topic, "-F", format, "-C", &count.to_string(), "-W", "30"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("mosquitto_sub is installed");
        let mut lines = Lines::new(process.stdout.take().unwrap());
        // With -d it says when the subscription stands; only then may the test publish.
        while !lines.next().await.expect("it subscribes").starts_with("Subscribed") {}
        Subscriber { _process: process, lines }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

pub struct Subscriber {
    _process: tokio::process::Child,
    lines: Lines,
}

impl Subscriber {
    /// The next line that is a message, not a remark of the client.
    pub async fn next(&mut self) -> String {
        loop {
            let line = self.lines.next().await.expect("the subscriber gets a message");
            if !line.starts_with("Client ") {
                return line;
            }
        }
    }
}

struct Lines {
    from: tokio::process::ChildStdout,
    rest: Vec<u8>,
}

impl Lines {
    fn new(from: tokio::process::ChildStdout) -> Lines {
        Lines { from, rest: Vec::new() }
    }

    async fn next(&mut self) -> Option<String> {
        use tokio::io::AsyncReadExt;
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.from.read_buf(&mut self.rest).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

fn start(config: &Path) -> Child {
    Command::new(MOSQUITTO)
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mosquitto is installed")
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// False when the process ends without having listened.
async fn wait_until_open(port: u16, process: &mut Child) -> bool {
    loop {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        if process.try_wait().unwrap().is_some() {
            let mut words = String::new();
            let _ = process.stderr.take().unwrap().read_to_string(&mut words);
            eprintln!("mosquitto: {words}");
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
