//! Secrets: what goes in stays in, through restarts and deaths.

use crate::http::{Http, Reply};
use crate::process::{Edge, MIXER, cookie};
use crate::rig::until;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tagwerk_api::{Method, routes};

fn set(edge: &Edge, name: &str, value: &str) -> Reply {
    let path = format!("/api/v1/secrets/{name}");
    edge.local().send_json("PUT", &path, &json!({ "value": value }))
}

#[test]
fn a_secret_is_set_listed_replaced_and_removed_and_never_shown() {
    let mut edge = Edge::start();
    let item = set(&edge, "mqtt", "kanarienvogel-1").expect(200).json();
    assert_eq!((&item["name"], &item["changed_by"]), (&json!("mqtt"), &json!("local")));
    assert_eq!(item["used_by"], json!([]));
    edge.kill();
    edge.restart();
    let engineer = edge.with_role("engineer");
    let list = engineer.get("/api/v1/secrets");
    assert!(!list.expect(200).text().contains("kanarienvogel"));
    assert_eq!(list.json()["items"][0], item);
    engineer.send_json("PUT", "/api/v1/secrets/mqtt", &json!({ "value": "x" })).expect(403);
    edge.local().send("DELETE", "/api/v1/secrets/mqtt", None).expect(204);
    edge.local().send("DELETE", "/api/v1/secrets/mqtt", None).refusal(404, "not_found");
    assert_eq!(engineer.get("/api/v1/secrets").json()["items"], json!([]));
}

#[test]
fn what_is_no_secret_is_refused_without_repeating_it() {
    let edge = Edge::start();
    for (name, value) in [("a%20b", "kanarienvogel"), ("..%2Fx", "kanarienvogel"), ("a", "")] {
        let error = set(&edge, name, value).refusal(400, "invalid");
        assert!(!error.to_string().contains("kanarienvogel"), "{error}");
    }
    let long = "k".repeat(64 * 1024 + 1);
    let error = set(&edge, "a", &long).refusal(400, "invalid");
    assert!(error["message"].as_str().unwrap().contains("65536"), "{error}");
    set(&edge, "a", &"\u{1}".repeat(64 * 1024)).expect(200);
    let larger = "k".repeat(512 * 1024);
    set(&edge, "a", &larger).refusal(413, "too_large");
    // A value of another type is quoted by careless parsers.
    let body = json!({ "value": 4711471147114711u64 });
    let error = edge.local().send_json("PUT", "/api/v1/secrets/a", &body).refusal(400, "invalid");
    assert!(!error.to_string().contains("4711471147114711"), "{error}");
    let body = json!({ "value": "x", "kanarienvogel": 1 });
    edge.local().send_json("PUT", "/api/v1/secrets/a", &body).refusal(400, "invalid");
}

#[test]
fn secrets_are_kept_by_command_line() {
    let edge = Edge::start();
    let output = edge.cli_with_input(&["secret", "set", "mqtt"], "kanarienvogel\n");
    assert!(output.status.success());
    let output = edge.cli(&["secret", "list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("mqtt") && text.contains("nothing"), "{text}");
    assert!(edge.cli(&["secret", "remove", "mqtt"]).status.success());
    assert!(!edge.cli(&["secret", "remove", "mqtt"]).status.success());
}

/// A server that takes samples from whoever shows the right token, and repeats the wrong one aloud.
struct Server {
    port: u16,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(right: &'static str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { port: listener.local_addr().unwrap().port(), shown: Arc::default() };
        let shown = server.shown.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shown = shown.clone();
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while let Some(token) = request(&mut stream) {
                        let answer = match token == right {
                            true => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
                            false => {
                                let text = format!("no user has the token {token}");
                                let length = text.len();
                                format!(
                                    "HTTP/1.1 401 No\r\ncontent-type: text/plain\r\n\
                                     content-length: {length}\r\n\r\n{text}"
                                )
                            }
                        };
                        shown.lock().unwrap().push(token);
                        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    fn was_shown(&self, token: &str) -> Option<()> {
        self.shown.lock().unwrap().iter().any(|shown| shown == token).then_some(())
    }
}

/// Reads a request and returns the token that it shows.
fn request(stream: &mut impl BufRead) -> Option<String> {
    let (mut token, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("authorization: bearer ") {
            token = line["authorization: bearer ".len()..].trim().to_owned();
        }
        if line == "\r\n" {
            stream.read_exact(&mut vec![0; length]).ok()?;
            return Some(token);
        }
    }
}

fn delivering_to(port: u16) -> String {
    format!(
        "{MIXER}sinks:\n  - name: historian\n    kind: http\n    settings:\n      \
         url: \"http://127.0.0.1:{port}/in\"\n      body: list\n      linger: 50ms\n      \
         auth: {{ bearer: {{ secret: historian-token }} }}\n"
    )
}

fn sink(http: &Http) -> Value {
    http.get("/api/v1/sinks").expect(200).json()["items"][0].clone()
}

#[test]
fn who_uses_a_secret_connects_anew_when_it_changes() {
    let server = Server::start("the-right-token");
    let edge = Edge::start();
    let local = edge.local();
    let document = delivering_to(server.port);
    let lint = local.send("POST", "/api/v1/config/lint", Some(document.as_bytes())).json();
    assert_eq!(lint["ok"], true, "{lint}");
    let findings = lint["findings"].as_array().unwrap();
    let missing = |finding: &&Value| {
        finding["problem"].as_str().unwrap().contains("no secret historian-token")
    };
    let warning = findings.iter().find(missing).unwrap_or_else(|| panic!("{lint}"));
    assert_eq!(warning["weight"], "warning", "{lint}");
    let line = document.lines().position(|line| line.contains("secret:")).unwrap() + 1;
    assert_eq!(warning["line"], line, "{lint}");

    edge.apply(&document, 0).expect(200);
    until("the sink misses its secret", || {
        let reason = sink(&local)["reason"].as_str()?.to_owned();
        reason.contains("holds no secret `historian-token`").then_some(())
    });
    set(&edge, "historian-token", "the-wrong-token").expect(200);
    until("the wrong token is tried", || server.was_shown("the-wrong-token"));
    let item = set(&edge, "historian-token", "the-right-token").expect(200).json();
    assert_eq!(item["used_by"].as_array().unwrap().len(), 1, "{item}");
    assert!(item["used_by"][0].as_str().unwrap().starts_with("sinks/historian/"), "{item}");
    until("samples arrive", || (sink(&local)["delivered_samples"].as_u64()? > 0).then_some(()));
    let error = local.send("DELETE", "/api/v1/secrets/historian-token", None);
    let error = error.refusal(409, "conflict");
    assert!(error["message"].as_str().unwrap().contains("sinks/historian/"), "{error}");
    // A configuration applied again does not disturb those who use it.
    let reconnects = server.shown.lock().unwrap().len();
    assert!(reconnects > 0);
    assert_eq!(local.get("/api/v1/config").header("etag"), Some("\"1\""), "no new revision");
    let diff = local.send("POST", "/api/v1/config/diff", Some(document.as_bytes())).json();
    assert_eq!((&diff["changes"], &diff["effects"]), (&json!([]), &json!([])), "{diff}");
}

#[test]
fn a_secret_survives_a_kill_right_after_its_answer() {
    let mut edge = Edge::start();
    for round in 0..5 {
        set(&edge, &format!("s{round}"), "kanarienvogel").expect(200);
        edge.kill();
        edge.restart();
    }
    let list = edge.local().get("/api/v1/secrets").expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 5, "{list}");
}

/// Everything that the edge says of itself to an administrator, but for streams without an end.
fn all_answers(edge: &Edge) -> String {
    let local = edge.local();
    let mut text = String::new();
    for route in routes::ALL {
        if route.method != Method::Get || route.path == "/api/v1/live" {
            continue;
        }
        let path = route.path.replace("{device}", "mixer").replace("{tag}", "level");
        let path =
            path.replace("{revision}", "1").replace("{id}", "x").replace("{fingerprint}", "x");
        let reply = local.get(&path);
        text.push_str(&format!("{path}\n{}\n", reply.text()));
    }
    text
}

/// All files of the data directory but those whose purpose it is to hold a key.
fn all_files(folder: &Path, text: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_files(&path, text);
        } else if !["cli.token", "secrets.key"].iter().any(|name| path.ends_with(name)) {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn twenty_canaries_are_seen_nowhere() {
    let server = Server::start("canary-right-0000");
    let mut edge = Edge::start_talkative();
    let mut canaries: Vec<String> = Vec::new();
    let mut canary = |name: &str| {
        let word = format!("canary-{name}-{:04}", canaries.len() + 4711);
        canaries.push(word.clone());
        word
    };
    let local = edge.local();
    for name in ["a", "b", "c", "d", "e", "f", "g", "historian-token"] {
        set(&edge, name, &canary(name)).expect(200);
    }
    set(&edge, "not a name", &canary("refused")).expect(400);
    let list = json!({ "value": [canary("in-a-list")] });
    local.send_json("PUT", "/api/v1/secrets/h", &list).expect(400);
    edge.apply(&delivering_to(server.port), 0).expect(200);

    let password = canary("password-of-anna");
    let setup = json!({
        "token": edge.setup.clone().unwrap(), "username": "anna", "password": password,
    });
    let session = edge.nobody().post("/api/v1/setup", &setup);
    let session = cookie(session.expect(200).header("set-cookie").unwrap()).to_owned();
    let wrong = json!({ "username": "anna", "password": canary("wrong-password") });
    edge.nobody().post("/api/v1/login", &wrong).expect(401);
    let swapped = json!({ "user": "anna", "password": canary("in-a-wrong-field") });
    edge.nobody().post("/api/v1/login", &swapped).expect(400);
    let bert = json!({ "username": "bert", "password": canary("bert"), "role": "viewer" });
    local.post("/api/v1/users", &bert).expect(200);
    let change = json!({ "current": password, "new": canary("new-password") });
    edge.nobody()
        .with("Cookie", &session)
        .with("X-Tagwerk-Request", "1")
        .send_json("PUT", "/api/v1/me/password", &change)
        .expect(204);
    let token = local.post("/api/v1/tokens", &json!({ "name": "grafana", "role": "viewer" }));
    canaries.push(token.expect(200).json()["token"].as_str().unwrap().to_owned());
    canaries.push(session.split_once('=').unwrap().1.to_owned());
    canaries.push(std::fs::read_to_string(edge.data.path().join("cli.token")).unwrap());
    canaries.push(edge.setup.clone().unwrap());
    let phrase = "canary-of-the-backup".to_owned();
    let backup = local.post("/api/v1/backup", &json!({ "passphrase": phrase }));
    let backup = String::from_utf8_lossy(&backup.expect(200).body).into_owned();
    let wrong = "canary-of-a-wrong-restore".to_owned();
    let file = local.with("X-Passphrase", &wrong).send("POST", "/api/v1/restore", Some(b"x"));
    file.expect(400);
    canaries.extend([phrase, wrong]);
    assert!(canaries.len() >= 20, "{}", canaries.len());

    // The server repeats the token that it was shown, and the edge repeats what the server said.
    until("the server refuses", || {
        let reason = sink(&local)["reason"].as_str()?.to_owned();
        (server.shown.lock().unwrap().len() > 1 && !reason.is_empty()).then_some(())
    });
    let answers = all_answers(&edge);
    assert!(answers.contains("historian") && answers.contains("/api/v1/events"), "{answers}");
    assert!(edge.stop().success());
    let log = edge.log();
    assert!(log.len() > 1000, "a log of everything: {log}");
    let mut files = String::new();
    all_files(edge.data.path(), &mut files);
    let places =
        [("an answer", answers), ("the log", log), ("the backup", backup), ("a file", files)];
    for canary in &canaries {
        for (place, text) in &places {
            let line = text.lines().find(|line| line.contains(canary.as_str()));
            assert_eq!(line, None, "{canary} stands in {place}");
        }
    }
}
