//! The way from the device to a foreign HTTP server that is killed while it takes requests: the
//! plant numbers its answers, and none may be missing, whatever was restarted meanwhile.

use crate::rig::{Numbers, Plant, Program, Site, free_port, repository, until};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Polls while the server is away, before and after the edge is restarted.
const POLLS: u64 = 150;

/// A server that writes down what it takes before it answers, so that its death forgets nothing.
struct Receiver {
    process: Option<Program>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Receiver {
    fn start() -> Receiver {
        let folder = tempfile::tempdir().unwrap();
        let mut receiver = Receiver { process: None, port: free_port(), folder };
        receiver.start_again();
        receiver
    }

    fn start_again(&mut self) {
        let mut command = Command::new(repository().join(".venv/bin/python"));
        command.arg(repository().join("crates/sinks/tests/peers/http_peer.py"));
        command.arg(self.port.to_string()).env("HTTP_PEER_LOG", self.log());
        let mut process = Program::start("the HTTP server", &mut command);
        assert_eq!(process.line(), format!("ready {}", self.port));
        self.process = Some(process);
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// All payloads that were taken, in the order of arrival.
    fn payloads(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let requests = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        requests
            .flat_map(|request| {
                let body = request["body"].as_str().unwrap().to_owned();
                serde_json::from_str::<Vec<Value>>(&body).unwrap()
            })
            .collect()
    }

    fn numbers(&self, device: &str) -> Vec<u64> {
        let payloads = self.payloads();
        let own = payloads.iter().filter(|payload| payload["node"] == device);
        own.filter_map(|payload| payload["values"]["number"].as_u64()).collect()
    }
}

fn config(plant: &Plant, receiver: &Receiver) -> String {
    let (port, server) = (plant.port(), receiver.port);
    format!(
        r##"
version: 1
edge: {{ name: north }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {port}, unit: 1, timeout: 5s }}
    groups:
      - name: fast
        interval: 20ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
          - {{ name: pressure, address: "input:0", type: float32 }}
  - name: packer
    driver: modbus-tcp
    settings: {{ host: localhost, port: {port}, unit: 3, timeout: 5s }}
    groups:
      - name: counters
        interval: 50ms
        tags:
          - {{ name: number, address: "input:900#ABCD", type: uint64 }}
sinks:
  - name: historian
    kind: http
    from: oldest
    settings:
      url: "http://127.0.0.1:{server}/in/{{edge}}"
      body: list
      linger: 100ms
      sequence: true
      compression: gzip
"##
    )
}

#[test]
fn nothing_is_missing_when_the_http_server_is_killed_and_the_edge_restarted() {
    let (plant, mut receiver) = (Plant::start(), Receiver::start());
    let site = Site::new(&config(&plant, &receiver));
    let mut edge = site.start_ready();
    until("samples arrive", || {
        (receiver.numbers("boiler").len() > 50 && receiver.numbers("packer").len() > 20)
            .then_some(())
    });
    // In the middle of whatever it is doing.
    receiver.process = None;
    let polls_pass = |what: &str, polls: u64| {
        let (boiler, packer) = (plant.answer_number(1) + polls, plant.answer_number(3) + polls / 3);
        until(what, || {
            (plant.answer_number(1) >= boiler && plant.answer_number(3) >= packer).then_some(())
        });
    };
    polls_pass("the first half of the outage", POLLS);
    let sink = edge.get("/sinks")["items"][0].clone();
    assert_ne!(sink["state"], "connected", "{sink}");
    let reason = sink["reason"].as_str().unwrap();
    assert!(reason.contains("the server at http://127.0.0.1:"), "{reason}");
    assert!(edge.program.terminate().success());
    let mut edge = site.start_ready();
    polls_pass("the second half of the outage", POLLS);
    receiver.start_again();
    polls_pass("some more afterwards", 20);

    for (device, unit) in [("boiler", 1), ("packer", 3)] {
        let last = plant.answer_number(unit);
        let arrived = until("everything arrives", || {
            Some(receiver.numbers(device)).filter(|numbers| numbers.contains(&last))
        });
        let proof = Numbers { arrived: &arrived, first: 1, last }.prove();
        assert_eq!(proof.missing, [0; 0], "{device}");
        assert_eq!(proof.disordered, [0; 0], "{device}");
        // What was under way when the server was killed may come twice: at most the sink's window.
        assert!(proof.repeated <= 64, "{device}: {} samples came twice", proof.repeated);
    }
    until("the sink has caught up", || {
        let sink = edge.get("/sinks")["items"][0].clone();
        (sink["state"] == "connected" && sink["backlog_samples"].as_u64()? < 50).then_some(())
    });
    // Each payload says what of the journal it is: nothing lies between one and the next.
    let mut covered: Option<(u64, u64)> = None;
    for payload in receiver.payloads() {
        let key = |key: &str| payload[key].as_u64().unwrap();
        let (epoch, from, to) = (key("epoch"), key("from"), key("to"));
        if let Some((_, end)) = covered.filter(|(known, _)| *known == epoch) {
            assert!(from <= end, "a hole between {end} and {from}");
        }
        covered = Some((epoch, covered.map_or(to, |(_, end)| end.max(to))));
    }
    assert!(edge.program.terminate().success());
}

/// The fenced blocks of the guide in this language.
fn guide(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("docs/guides/http-sink.md")).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let parts = blocks.map(|block| block.split_once('\n').unwrap());
    parts.filter(|(found, _)| *found == language).map(|(_, text)| text.to_owned()).collect()
}

#[test]
fn every_sink_of_the_guide_passes_the_check() {
    let blocks = guide("yaml");
    assert_eq!(blocks.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.yaml");
    for block in blocks {
        let sinks = match block.starts_with("sinks:") {
            true => block,
            // Settings to add to those above it.
            false => format!(
                "sinks:\n  - name: s\n    kind: http\n    settings:\n      url: http://h\n{block}"
            ),
        };
        std::fs::write(&file, format!("version: 1\nedge: {{ name: e }}\n{sinks}")).unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_tagwerk")).arg("lint").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{sinks}{said}");
    }
}

#[test]
fn the_server_of_the_guide_gets_samples_from_the_sink_of_the_guide() {
    let (plant, port) = (Plant::start(), free_port().to_string());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taker.py");
    std::fs::write(&file, guide("python").concat().replace("8080", &port)).unwrap();
    let mut python = Command::new(repository().join(".venv/bin/python"));
    let mut taker = Program::start("the guide's server", python.arg(&file));
    let device = "version: 1\nedge: { name: north }\ndevices:\n  - name: boiler-1\n    \
                  driver: modbus-tcp\n    settings: { host: 127.0.0.1, port: PORT, unit: 1 }\n    \
                  groups:\n      - name: process\n        interval: 100ms\n        tags:\n\
                  \x20         - { name: drum_pressure, address: \"input:0\", type: float32 }\n";
    let device = device.replace("PORT", &plant.port().to_string());
    let site = Site::new(&format!("{device}{}", guide("yaml")[0].replace("8080", &port)));
    let mut edge = site.start_ready();
    // The device's own tags may come first.
    let item = std::iter::repeat_with(|| {
        let line = taker.line();
        let (head, body) = line.split_once(" [").unwrap();
        assert!(head.starts_with("/ingest/north north/historian/"), "{head}");
        serde_json::from_str::<Vec<Value>>(&format!("[{body}")).unwrap()
    })
    .take(20)
    .flatten()
    .find(|item| item["group"] == "process")
    .unwrap();
    assert_eq!(item["node"], "boiler-1");
    assert!(item["values"]["drum_pressure"].is_f64(), "{item}");
    assert!(edge.program.terminate().success());
}
