//! A Mosquitto that keeps what it took, and a subscriber that keeps what it got.

use super::program::{Program, python};
use super::{free_port, until};
use serde_json::Value;
use std::process::Command;

pub const MOSQUITTO: &str = "/usr/sbin/mosquitto";

pub struct Broker {
    process: Option<Program>,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Broker {
    pub fn start() -> Broker {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker { process: None, port: free_port(), folder };
        // `user root`: as root it would change to a user who may not write here.
        let path = broker.folder.path().display();
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest stderr\n\
             persistence true\npersistence_location {path}/\nmax_queued_messages 0\n",
            broker.port
        );
        std::fs::write(broker.folder.path().join("mosquitto.conf"), config).unwrap();
        broker.start_again();
        broker
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends it in order: Mosquitto has no safe place for what it took until then, and what it loses in
    /// a crash is not the edge's to answer for.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// On the same port, with what it had before.
    pub fn start_again(&mut self) {
        let config = self.folder.path().join("mosquitto.conf");
        let mut command = Command::new(MOSQUITTO);
        let mut process = Program::start("mosquitto", command.arg("-c").arg(config));
        until("mosquitto listens", || {
            process.still_runs();
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        self.process = Some(process);
    }
}

/// A message as the subscriber saw it.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: String,
    pub payload: Value,
    pub qos: u64,
    pub retain: bool,
    properties: Value,
}

impl Message {
    /// A user property of MQTT 5.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties[key].as_str()
    }
}

pub struct Subscriber {
    program: Program,
    read: usize,
    pub messages: Vec<Message>,
}

impl Subscriber {
    /// Returns when the subscription stands.
    pub fn start(broker: &Broker, topic: &str) -> Subscriber {
        let mut command = python("mqtt_peer.py");
        command.arg(broker.port.to_string()).arg(topic).arg("acceptance");
        let mut program = Program::start("the subscriber", &mut command);
        assert_eq!(program.json()["subscribed"], true);
        Subscriber { program, read: 1, messages: Vec::new() }
    }

    /// Takes in what has arrived since the last call.
    #[track_caller]
    pub fn collect(&mut self) -> &[Message] {
        self.program.still_runs();
        let lines = self.program.lines_from(self.read);
        self.read += lines.len();
        for line in lines {
            let mut line: Value = serde_json::from_str(&line).unwrap();
            if line.get("subscribed").is_some() {
                continue;
            }
            let payload = line["payload"].as_str().unwrap();
            self.messages.push(Message {
                topic: line["topic"].as_str().unwrap().to_owned(),
                payload: serde_json::from_str(payload).unwrap_or_else(|e| panic!("{e}: {payload}")),
                qos: line["qos"].as_u64().unwrap(),
                retain: line["retain"].as_bool().unwrap(),
                properties: line["properties"].take(),
            });
        }
        &self.messages
    }

    /// The numbers that arrived of a device's tag, in either form, in the order of arrival.
    pub fn numbers(&mut self, topic_start: &str, device: &str, tag: &str) -> Vec<u64> {
        let messages = self.collect().iter();
        messages
            .filter(|m| m.topic.starts_with(topic_start) && m.payload["node"] == device)
            .filter_map(|m| value_of(&m.payload, tag)?.as_u64())
            .collect()
    }
}

fn value_of<'a>(payload: &'a Value, tag: &str) -> Option<&'a Value> {
    match payload["tags"].as_array() {
        None => payload["values"].get(tag),
        Some(tags) => tags.iter().find(|t| t["name"] == tag)?.get("value"),
    }
}
