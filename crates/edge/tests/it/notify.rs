//! Who is told of alarms, from outside: mails that a foreign server takes, once, whatever was killed
//! meanwhile; and what the edge says of it.

use crate::process::Edge;
use crate::rig::{Program, free_port, python, until};
use serde_json::{Value, json};

/// A foreign mail server, which writes down what it takes.
struct MailServer {
    process: Option<Program>,
    port: u16,
    folder: tempfile::TempDir,
}

impl MailServer {
    /// One that does not answer yet.
    fn prepare() -> MailServer {
        MailServer { process: None, port: free_port(), folder: tempfile::tempdir().unwrap() }
    }

    fn start(&mut self) {
        let mut command = python("../../../sinks/tests/peers/smtp_peer.py");
        command.arg(self.port.to_string()).arg(self.folder.path().join("log"));
        command.arg("refuse=nobody@plant.example");
        let mut process = Program::start("the mail server", &mut command);
        assert_eq!(process.line(), format!("ready {}", self.port));
        self.process = Some(process);
    }

    fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn to(&self, recipient: &str) -> Vec<Value> {
        let mails = self.mails().into_iter();
        mails.filter(|mail| mail["to"].as_array().unwrap().contains(&json!(recipient))).collect()
    }
}

const PLANT: &str = r#"
version: 1
edge: { name: press-1 }
devices:
  - name: boiler
    driver: sim
    groups:
      - name: process
        interval: 100ms
        tags:
          - { name: temperature, address: "setpoint:t", type: float64, unit: "°C", access: read_write }
          - { name: pressure, address: "setpoint:p", type: float64, unit: bar, access: read_write }
alarms:
  - { name: overheated, tags: ["boiler/temperature"], condition: above, limit: 95,
      priority: critical, text: Boiler too hot, response: Close valve V3 }
  - { name: overpressure, tags: ["boiler/pressure"], condition: above, limit: 10, priority: high }
"#;

fn config(server: &MailServer, routes: &str) -> String {
    let channel = |name: &str| {
        let port = server.port;
        format!(
            "    - name: {name}\n      kind: email\n      settings: {{ server: 127.0.0.1, port: {port}, \
             security: none, from: tagwerk@plant.example, to: [{name}@plant.example] }}\n"
        )
    };
    let (shift, chief) = (channel("shift"), channel("chief"));
    let zone = "Europe/Berlin";
    format!("{PLANT}notify:\n  time_zone: {zone}\n  channels:\n{shift}{chief}  routes:\n{routes}")
}

const ESCALATING: &str = "    - { name: night, to: [shift], also: [cleared], \
                          escalate: [{ after: 8s, to: [chief] }] }\n";

fn write(edge: &Edge, tag: &str, value: f64) {
    let body = json!({ "device": "boiler", "tag": tag, "value": value });
    until("the device can be written", || {
        let reply = edge.local().post("/api/v1/commands", &body);
        (reply.status < 300).then_some(())
    });
}

fn notify(edge: &Edge) -> Value {
    edge.local().get("/api/v1/notify").expect(200).json()
}

fn channel(edge: &Edge, name: &str) -> Value {
    let channels = notify(edge)["channels"].as_array().unwrap().clone();
    channels.into_iter().find(|channel| channel["name"] == name).unwrap()
}

#[test]
fn a_mail_waits_for_its_server_through_a_kill_and_arrives_once() {
    let mut server = MailServer::prepare();
    let mut edge = Edge::with_config(&config(&server, ESCALATING));
    assert_eq!(channel(&edge, "shift")["state"], "unused");
    write(&edge, "temperature", 120.5);
    let failing = until("the channel fails", || {
        Some(channel(&edge, "shift")).filter(|channel| channel["state"] == "failing")
    });
    assert_eq!(failing["waiting_messages"], 1, "{failing}");
    let cause = failing["last_failure"]["cause"].as_str().unwrap();
    assert!(cause.contains("cannot connect to the mail server at 127.0.0.1"), "{cause}");
    let status = edge.local().get("/api/v1/status").expect(200).json();
    assert!(status["problems"].to_string().contains("channel shift"), "{status}");

    edge.kill();
    server.start();
    edge.restart();
    let mails = until("the mail arrives", || {
        Some(server.to("shift@plant.example")).filter(|mails| !mails.is_empty())
    });
    let subject = mails[0]["subject"].as_str().unwrap();
    assert_eq!(subject, "Critical: overheated on boiler/temperature, 120.5 °C (press-1)");
    let body = mails[0]["body"].as_str().unwrap();
    for part in ["Meaning: Boiler too hot", "To do:   Close valve V3", "route night"] {
        assert!(body.contains(part), "{body}");
    }
    // Nobody has acknowledged it, whatever was killed: somebody else is told.
    until("the chief is told", || (!server.to("chief@plant.example").is_empty()).then_some(()));
    let delivered = until("the channel delivers", || {
        Some(channel(&edge, "chief")).filter(|channel| channel["state"] == "delivering")
    });
    assert_eq!((&delivered["delivered"], &delivered["waiting_messages"]), (&json!(1), &json!(0)));

    // Since the restart the simulated boiler is cold, of which the shift is told too.
    let over = |mail: &Value| mail["subject"].as_str().unwrap().starts_with("Over: overheated");
    until("that it is over is told", || {
        server.to("shift@plant.example").iter().any(over).then_some(())
    });
    // A mail whose outcome is not written yet may come twice; this is about those whose outcome is.
    until("the edge knows that they arrived", || {
        let [shift, chief] = ["shift", "chief"].map(|name| channel(&edge, name));
        let waits = |channel: &Value| channel["waiting_messages"] != 0;
        (!waits(&shift) && !waits(&chief) && shift["delivered"] == 2).then_some(())
    });

    edge.kill();
    edge.restart();
    write(&edge, "pressure", 12.0);
    until("the next alarm is told", || {
        let mails = server.to("shift@plant.example");
        let next = |mail: &Value| mail["subject"].as_str().unwrap().starts_with("High: overpress");
        mails.iter().any(next).then_some(())
    });
    let mails = server.mails();
    let ids: std::collections::HashSet<String> =
        mails.iter().map(|mail| mail["id"].to_string()).collect();
    assert_eq!(ids.len(), mails.len(), "none twice: {mails:?}");
    let hot = |mail: &&Value| mail["subject"].as_str().unwrap().contains("overheated");
    let subjects: Vec<&Value> = mails.iter().filter(hot).map(|mail| &mail["subject"]).collect();
    assert_eq!(subjects.len(), 3, "raised, over and escalated: {subjects:?}");
}

#[test]
fn what_is_acknowledged_in_time_is_not_escalated() {
    let mut server = MailServer::prepare();
    server.start();
    let edge = Edge::with_config(&config(&server, ESCALATING));
    write(&edge, "temperature", 120.5);
    until("the shift is told", || (server.to("shift@plant.example").len() == 1).then_some(()));
    let choice = json!({ "alarms": [
        { "name": "overheated", "device": "boiler", "tag": "temperature" }
    ] });
    let done = edge.local().post("/api/v1/alarms/acknowledge", &choice).expect(200).json();
    assert_eq!(done["done"][0]["state"], "acknowledged", "{done}");
    // One that nobody acknowledges is escalated, after the other would have been.
    write(&edge, "pressure", 12.0);
    let mails = until("the chief is told", || {
        Some(server.to("chief@plant.example")).filter(|mails| !mails.is_empty())
    });
    let subject = mails[0]["subject"].as_str().unwrap();
    assert_eq!(
        subject,
        "Not acknowledged, high: overpressure on boiler/pressure, 12.0 bar (press-1)"
    );
    assert!(!mails[0]["body"].as_str().unwrap().contains("overheated"), "{mails:?}");
    let route = notify(&edge)["routes"][0].clone();
    assert_eq!((&route["name"], &route["open"]), (&json!("night"), &json!(1)), "{route}");
    assert_eq!(route["levels"][1], json!({ "after_ms": 8_000, "to": ["chief"] }));
}

#[test]
fn a_test_says_what_the_server_answered() {
    let mut server = MailServer::prepare();
    let routes = "    - { name: all, to: [shift, chief, chat] }\n";
    let port = free_port();
    let text = config(&server, routes).replace(
        "  channels:\n",
        "  channels:\n    - { name: chat, kind: webhook, settings: { url: { secret: chat }, \
         body: { text: \"{subject}\" } } }\n",
    );
    let text = text.replace("to: [shift@", "to: [nobody@plant.example, shift@");
    let edge = Edge::with_config(&text);
    let path = |channel: &str| format!("/api/v1/notify/channels/{channel}/test");
    let test = |channel: &str| edge.local().post(&path(channel), &json!({})).expect(200).json();
    let answer = test("shift");
    assert_eq!(answer["ok"], false, "{answer}");
    assert!(answer["answers"][0]["answer"].as_str().unwrap().contains("cannot connect"));
    server.start();
    let answer = test("shift");
    assert_eq!(answer["ok"], false, "{answer}");
    let by = |recipient: &str| {
        let answers = answer["answers"].as_array().unwrap();
        answers.iter().find(|answer| answer["recipient"] == recipient).unwrap().clone()
    };
    assert!(by("nobody@plant.example")["answer"].as_str().unwrap().contains("550 5.1.1"));
    assert_eq!(by("shift@plant.example")["answer"], "250 2.0.0 taken as number 1");
    let output = edge.cli(&["notify", "test", "chief"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "chief@plant.example: taken: 250 2.0.0 taken as number 1\n");
    assert!(output.status.success());
    let subject = server.to("chief@plant.example")[0]["subject"].clone();
    assert_eq!(subject, "Test of the channel chief (press-1)");

    // A secret that is missing is said to be, and one that comes is used.
    let answer = test("chat");
    assert!(answer["answers"][0]["answer"].as_str().unwrap().contains("tagwerk secret set chat"));
    let lint = edge.local().send("POST", "/api/v1/config/lint", Some(text.as_bytes()));
    let findings = lint.expect(200).json()["findings"].to_string();
    assert!(findings.contains("notify.channels[chat].settings.url"), "{findings}");
    let log = server.folder.path().join("http");
    let mut command = python("../../../sinks/tests/peers/http_peer.py");
    command.arg(port.to_string()).env("HTTP_PEER_LOG", &log);
    let mut peer = Program::start("the chat", &mut command);
    assert_eq!(peer.line(), format!("ready {port}"));
    let url = format!("http://127.0.0.1:{port}/hook/geheimnis");
    let secret = json!({ "value": url }).to_string();
    edge.local()
        .with("Content-Type", "application/json")
        .send("PUT", "/api/v1/secrets/chat", Some(secret.as_bytes()))
        .expect(200);
    let answer = test("chat");
    assert_eq!(
        answer,
        json!({ "ok": true, "answers": [
        { "recipient": "webhook", "ok": true, "answer": "200 OK: {}" }
    ] })
    );
    let request: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!(request["body"], "{\"text\":\"Test of the channel chat (press-1)\"}");

    assert_eq!(edge.with_role("viewer").post(&path("chief"), &json!({})).status, 403);
    assert_eq!(edge.local().post(&path("nobody"), &json!({})).status, 404);
    let events = edge.local().get("/api/v1/events").expect(200).json().to_string();
    assert!(events.contains("sent a test by the channel chief; it arrived"), "{events}");
    let metrics = edge.nobody().get("/metrics").expect(200).text();
    assert!(metrics.contains("tagwerk_notify_waiting_messages{channel=\"chief\"} 0"), "{metrics}");
}

#[test]
fn every_configuration_of_the_guide_passes_the_check() {
    let text =
        std::fs::read_to_string(crate::rig::repository().join("docs/guides/notifications.md"));
    let text = text.unwrap();
    let blocks =
        text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("yaml\n"));
    let blocks: Vec<&str> = blocks.collect();
    assert!(blocks.len() >= 3, "{} blocks", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.yaml");
    for block in blocks {
        std::fs::write(&file, format!("{PLANT}{block}")).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tagwerk"))
            .arg("lint")
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{block}{said}");
        assert!(!said.contains("warning"), "{block}{said}");
    }
}
