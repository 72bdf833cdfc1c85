//! What the sinks' tests stand on: batches, plans, a real broker, and a clock that can be paused.
#![allow(dead_code)]

pub mod server;

use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    Delivery, Findings, Receipt, Sink, SinkContext, SinkFault, SinkPlan, SinkRequest, SinkSession,
};
use tagwerk_env::{BoxFuture, Clock, Env, Moment, SystemClock, WallTime};
use tagwerk_model::{
    BatchBuilder, DataType, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
};

/// Tokio's clock, which a test can pause.
pub struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment(self.0.elapsed().as_nanos() as u64)
    }
    fn wall(&self) -> WallTime {
        // Certificates are checked by it.
        WallTime { synchronised: true, ..SystemClock::new().wall() }
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        let until = self.0 + Duration::from_nanos(moment.0);
        Box::pin(tokio::time::sleep_until(until))
    }
    fn park_until(&self, moment: Moment) {
        std::thread::sleep(moment.since(self.now()));
    }
}

pub fn env() -> Env {
    Env { clock: Arc::new(TokioClock(tokio::time::Instant::now())), ..Env::system() }
}

pub fn context(env: Env) -> SinkContext {
    context_with(env, &[])
}

/// A context that holds these secrets.
pub fn context_with(env: Env, secrets: &[(&str, &str)]) -> SinkContext {
    let memory = tagwerk_testkit::MemorySecrets::default();
    secrets.iter().for_each(|(name, text)| memory.set(name, text));
    SinkContext {
        env,
        edge: "edge1".into(),
        sink: "cloud".into(),
        secrets: std::sync::Arc::new(memory),
        certificates: std::sync::Arc::new(tagwerk_component::NoCertificates),
    }
}

/// The plan of an MQTT sink for settings that must pass check.
pub fn plan(settings: &serde_json::Value) -> SinkPlan {
    plan_of(&tagwerk_sinks::Mqtt, settings)
}

pub fn plan_of(sink: &dyn Sink, settings: &serde_json::Value) -> SinkPlan {
    let mut findings = Findings::new();
    let request = SinkRequest { name: "cloud", settings };
    let plan = sink.check(&request, &mut findings);
    plan.unwrap_or_else(|| panic!("{:?}", findings.list()))
}

pub async fn open(
    settings: &serde_json::Value,
    context: &SinkContext,
) -> Result<Box<dyn SinkSession>, SinkFault> {
    plan(settings).open.open(context).await
}

pub async fn open_http(
    settings: &serde_json::Value,
    context: &SinkContext,
) -> Result<Box<dyn SinkSession>, SinkFault> {
    plan_of(&tagwerk_sinks::Http, settings).open.open(context).await
}

/// A set of integer tags `t0`, `t1` … of the device `boiler`, group `fast`.
pub fn set(count: usize) -> Arc<TagSet> {
    set_of("boiler", count)
}

pub fn set_of(device: &str, count: usize) -> Arc<TagSet> {
    let tags = (0..count)
        .map(|i| TagDefinition {
            id: TagId(i as u32),
            name: format!("t{i}").into(),
            data_type: DataType::Int64,
            unit: "bar".into(),
        })
        .collect();
    Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: device.into(),
        group: "fast".into(),
        tags,
    }))
}

/// Every tag of a set with the same value.
pub fn batch(set: &Arc<TagSet>, value: i64) -> SampleBatch {
    let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
    (0..set.len()).for_each(|index| builder.put_i64(index, value));
    builder.batch(0, 1_700_000_000_123_456_789, set.len() as u32)
}

pub async fn deliver(
    session: &mut dyn SinkSession,
    batch: &SampleBatch,
    from: u64,
) -> Result<Receipt, SinkFault> {
    let delivery =
        Delivery { batch, from, to: from + 1, epoch: 7, replayed: from.is_multiple_of(2) };
    let handed = session.deliver(&delivery).await;
    handed.map(|receipt| receipt.expect("a batch with values makes a message"))
}

/// The text of a fault of the expected kind.
#[track_caller]
pub fn text<T>(result: Result<T, SinkFault>, kind: &str) -> String {
    match (result.err(), kind) {
        (Some(SinkFault::Retry(text)), "retry")
        | (Some(SinkFault::Reject(text)), "reject")
        | (Some(SinkFault::Settings(text)), "settings") => text,
        (other, _) => panic!("expected {kind}, got {other:?}"),
    }
}

pub const MOSQUITTO: &str = "/usr/sbin/mosquitto";

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
            let mut process = Command::new(MOSQUITTO)
                .arg("-c")
                .arg(&config)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("mosquitto is installed");
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

/// An authority, a broker's certificate for 127.0.0.1, and a client's certificate, as PEM files.
pub fn write_certificates(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    let authority = params.self_signed(&authority_key).unwrap();
    write("ca.pem", authority.pem());
    let issuer = Issuer::new(params, authority_key);
    for (name, subject) in [("broker", "127.0.0.1"), ("client", "edge1")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![subject.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

pub fn file(folder: &Path, name: &str) -> String {
    let path: PathBuf = folder.join(name);
    path.to_str().unwrap().to_owned()
}

pub fn with(mut settings: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    let more = match more {
        serde_json::Value::Object(more) => more,
        _ => json!({}).as_object().unwrap().clone(),
    };
    settings.as_object_mut().unwrap().extend(more);
    settings
}
