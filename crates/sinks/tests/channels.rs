//! The channels against foreign servers: mails by aiosmtpd, webhooks by Python's HTTP server.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use rig::server::Server;
use rig::{env, file};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tagwerk_component::{
    Channel, ChannelContext, ChannelRequest, Findings, NoCertificates, Notice, NoticeAlarm,
    SinkFault, Told,
};
use tagwerk_sinks::{Email, Webhook};
use tagwerk_testkit::write_certificates;

/// A mail server; ends with the value.
struct MailServer {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl MailServer {
    fn start(options: &[(&str, &str)]) -> MailServer {
        let folder = tempfile::tempdir().unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = std::env::var_os("TAGWERK_VENV").map(PathBuf::from);
        let venv = venv.unwrap_or_else(|| own.join("../../.venv"));
        let mut process = Command::new(venv.join("bin/python"))
            .arg(own.join("tests/peers/smtp_peer.py"))
            .arg("0")
            .arg(folder.path().join("log"))
            .args(options.iter().map(|(name, value)| format!("{name}={value}")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo xtask setup` has made .venv");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").expect("it starts").parse().unwrap();
        MailServer { process, port, folder }
    }

    fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn notice() -> Notice {
    Notice {
        id: "1a-7".into(),
        edge: "press-1".into(),
        route: "night".into(),
        subject: "Critical: Überhitzt on boiler/temperature, 120 °C".into(),
        message: "Alarm:   Überhitzt\n.\nTo do:   Close valve V3\n".into(),
        urgent: true,
        alarms: vec![NoticeAlarm { alarm: "hot".into(), ..NoticeAlarm::default() }],
        ..Notice::default()
    }
}

async fn tell(channel: &dyn Channel, settings: &Value) -> Vec<Told> {
    let mut findings = Findings::new();
    let request = ChannelRequest { name: "shift", settings };
    let plan = channel.check(&request, &mut findings);
    let plan = plan.unwrap_or_else(|| panic!("{:?}", findings.list()));
    let secrets = tagwerk_testkit::MemorySecrets::default();
    secrets.set("smtp", "s3cret");
    secrets.set("token", "Bearer abc");
    secrets.set("nothing", "not an address");
    let context = ChannelContext {
        env: env(),
        edge: "press 1".into(),
        secrets: Arc::new(secrets),
        certificates: Arc::new(NoCertificates),
    };
    plan.open.tell(&context, &notice(), &plan.recipients).await
}

fn mail_settings(server: &MailServer, change: Value) -> Value {
    let mut settings = json!({
        "server": "127.0.0.1", "port": server.port, "security": "none",
        "from": "tagwerk@plant.example", "to": ["shift@plant.example", "b@plant.example"],
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    settings
}

fn kind(told: &Told) -> (&str, &str) {
    match &told.result {
        Ok(text) => ("taken", text),
        Err(SinkFault::Retry(text)) => ("retry", text),
        Err(SinkFault::Reject(text)) => ("reject", text),
        Err(SinkFault::Settings(text)) => ("settings", text),
    }
}

/// What all recipients are told to have come of it.
async fn mail(server: &MailServer, change: Value) -> Vec<(String, String)> {
    let told = tell(&Email, &mail_settings(server, change)).await;
    told.iter().map(kind).map(|(k, text)| (k.to_owned(), text.to_owned())).collect()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let server = MailServer::start(&[]);
    let told = mail(&server, json!({})).await;
    assert_eq!(told, vec![("taken".into(), "250 2.0.0 taken as number 1".into()); 2]);
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let notice = notice();
    assert_eq!(mails[0]["subject"], notice.subject);
    assert_eq!(mails[0]["body"].as_str().unwrap().replace("\r\n", "\n"), notice.message);
    assert_eq!(mails[0]["to"], json!(["shift@plant.example", "b@plant.example"]));
    assert_eq!(mails[0]["id"], "<1a-7@plant.example>");
}

#[tokio::test]
async fn who_is_refused_does_not_hold_back_the_others() {
    let server = MailServer::start(&[("refuse", "b@plant.example"), ("later", "c@plant.example")]);
    let to = json!({ "to": ["b@plant.example", "shift@plant.example", "c@plant.example"] });
    let mut told = mail(&server, to).await;
    told.sort();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["reject", "retry", "taken"]);
    assert!(told[0].1.contains("refuses b@plant.example: 550 5.1.1 no such user here"));
    assert_eq!(server.mails()[0]["to"], json!(["shift@plant.example"]));
    let server = MailServer::start(&[("reject", "1")]);
    let told = mail(&server, json!({})).await;
    assert!(told.iter().all(|(kind, text)| kind == "reject" && text.contains("spam")), "{told:?}");
}

#[tokio::test]
async fn mails_are_encrypted_and_logged_in() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let [ca, certificate, key] =
        ["ca.pem", "server.pem", "server.key"].map(|name| file(folder.path(), name));
    let files = [("certificate", certificate.as_str()), ("key", key.as_str())];
    let login = [("user", "alarms"), ("password", "s3cret")];
    let account = json!({ "username": "alarms", "password": { "secret": "smtp" } });
    let with = |change: Value| {
        let mut all = account.clone();
        all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        all
    };
    let tls = json!({ "ca_file": ca });
    let starttls = with(json!({ "security": "starttls", "tls": tls }));
    for (options, settings) in [
        ([&files[..], &login].concat(), starttls.clone()),
        ([&files[..], &login, &[("login", "1")]].concat(), starttls.clone()),
        (
            [&files[..], &login, &[("implicit", "1")]].concat(),
            with(json!({ "security": "tls", "tls": tls })),
        ),
    ] {
        let server = MailServer::start(&options);
        let told = mail(&server, settings).await;
        assert!(told.iter().all(|(kind, _)| kind == "taken"), "{options:?}: {told:?}");
        assert_eq!(server.mails()[0]["user"], "alarms");
        assert_eq!(server.mails()[0]["encrypted"], true);
    }
    let server = MailServer::start(&[&files[..], &login].concat());
    for (settings, expected) in [
        (with(json!({ "security": "starttls" })), "is not trusted"),
        (
            with(json!({ "username": "eve", "security": "starttls", "tls": tls })),
            "does not let `eve` in",
        ),
        (
            json!({ "username": "a", "password": { "secret": "none" }, "security": "starttls", "tls": tls }),
            "none",
        ),
        (json!({ "security": "starttls", "tls": tls }), "530 5.7.0 Authentication required"),
    ] {
        let told = mail(&server, settings.clone()).await;
        let (kind, text) = &told[0];
        assert_eq!(kind, "settings", "{settings}: {text}");
        assert!(text.contains(expected), "{settings}: {text}");
    }
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_server_without_encryption_gets_no_password() {
    let server = MailServer::start(&[("user", "alarms"), ("password", "s3cret")]);
    let account = json!({ "security": "starttls", "username": "alarms",
        "password": { "secret": "smtp" } });
    let told = mail(&server, account).await;
    assert_eq!(told[0].0, "settings");
    assert!(told[0].1.contains("offers no STARTTLS"), "{told:?}");
    assert!(server.mails().is_empty());
    let open = json!({ "username": "alarms", "password": { "secret": "smtp" } });
    assert_eq!(mail(&server, open).await[0].0, "taken", "where somebody has chosen so");
}

#[tokio::test]
async fn what_is_no_mail_server_is_said_to_be_none() {
    let server = Server::start();
    let settings = json!({ "server": "127.0.0.1", "port": server.port, "security": "none",
        "from": "a@b", "to": ["c@d"], "timeout": "2s" });
    let told = tell(&Email, &settings).await;
    let (kind, text) = self::kind(&told[0]);
    assert_eq!(kind, "retry", "{text}");
    assert!(text.contains("the mail server at 127.0.0.1:"), "{text}");
    let mut nobody = settings.clone();
    nobody["port"] = json!(1);
    let told = tell(&Email, &nobody).await;
    assert!(self::kind(&told[0]).1.contains("cannot connect to the mail server"), "{told:?}");
}

#[tokio::test]
async fn a_webhook_is_called() {
    let server = Server::start();
    let settings = json!({
        "url": server.url("hook?t={alarm}"),
        "headers": { "authorization": { "secret": "token" }, "x-plant": "north" },
        "body": { "text": "{subject} ({count})" },
    });
    let told = tell(&Webhook, &settings).await;
    assert_eq!(kind(&told[0]), ("taken", "200 OK: {}"));
    let request = server.log()[0].clone();
    assert_eq!((&request["method"], &request["target"]), (&json!("POST"), &json!("/hook?t=hot")));
    let headers = &request["headers"];
    assert_eq!(
        (&headers["authorization"], &headers["x-plant"]),
        (&json!("Bearer abc"), &json!("north"))
    );
    assert_eq!(
        (&headers["idempotency-key"], &headers["content-type"]),
        (&json!("1a-7"), &json!("application/json"))
    );
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "text": format!("{} (1)", notice().subject) }));
    server.next(json!([{ "status": 503, "body": "busy" }, { "status": 400, "body": "no_text" }, { "cut": true }]));
    for expected in ["retry", "reject", "retry"] {
        let told = tell(&Webhook, &settings).await;
        assert_eq!(kind(&told[0]).0, expected, "{told:?}");
    }
    let told = tell(&Webhook, &json!({ "url": { "secret": "nothing" } })).await;
    assert_eq!(kind(&told[0]).0, "settings");
    assert!(!kind(&told[0]).1.contains("not an address"), "a secret is not repeated: {told:?}");
}
