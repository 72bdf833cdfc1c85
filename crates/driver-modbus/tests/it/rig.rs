//! Foreign programs, and a device of the driver's opened against them. Everything ends with its
//! value.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Findings, GroupRequest, LinkContext, Session, TagRequest,
};
use tagwerk_driver_modbus::{ModbusSerial, ModbusTcp};
use tagwerk_env::Env;
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, Value as TagValue,
};

/// Longer than anything here takes on the slowest machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How the peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    SerialRtu,
    SerialAscii,
    TcpRtu,
    TcpAscii,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::SerialRtu, Way::SerialAscii, Way::TcpRtu, Way::TcpAscii];
}

/// A pymodbus server, and pymodbus's client beside it.
pub struct Peer {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What the driver needs to reach it.
    pub settings: Value,
    _server: Running,
    _line: Option<(Running, tempfile::TempDir)>,
}

impl Peer {
    pub fn start(way: Way) -> Peer {
        let framing = match way {
            Way::SerialRtu | Way::TcpRtu => "rtu",
            Way::SerialAscii | Way::TcpAscii => "ascii",
        };
        let mut arguments = vec![framing.to_owned()];
        let mut line = None;
        let mut settings = json!({ "framing": framing, "timeout": "5s" });
        if matches!(way, Way::SerialRtu | Way::SerialAscii) {
            let (running, folder, near, far) = terminals();
            // Pseudo-terminals have 8 bits and no parity, whatever they are told.
            settings["port"] = near.into();
            settings["baud"] = 115_200.into();
            settings["data_bits"] = 8.into();
            arguments.push(far);
            line = Some((running, folder));
        }
        let mut command = python();
        command.arg(repository("crates/driver-modbus/tests/peers/line_peer.py")).args(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Peer { input, output, settings, _server: Running(child), _line: line };
        let ready = peer.line();
        if line_is_tcp(way) {
            peer.settings["host"] = "127.0.0.1".into();
            peer.settings["port"] = ready["port"].clone();
        }
        peer
    }

    fn line(&mut self) -> Value {
        let mut text = String::new();
        self.output.read_line(&mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("the pymodbus server ended: {text}"))
    }

    /// What pymodbus's client reads there, as text.
    pub fn read(&mut self, unit: u8, items: &[Value]) -> BTreeMap<String, String> {
        let asked = json!({ "unit": unit, "items": items });
        writeln!(self.input, "{asked}").unwrap();
        serde_json::from_value(self.line()).unwrap()
    }

    /// The settings to reach it, with others.
    pub fn with(&self, more: Value) -> Value {
        let mut settings = self.settings.clone();
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        settings
    }
}

fn line_is_tcp(way: Way) -> bool {
    matches!(way, Way::TcpRtu | Way::TcpAscii)
}

fn repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository is there").join(path)
}

fn python() -> Command {
    let venv = std::env::var_os("TAGWERK_VENV").map(PathBuf::from);
    let python = venv.unwrap_or_else(|| repository(".venv")).join("bin/python");
    assert!(python.exists(), "there is no {}: run `cargo xtask setup`", python.display());
    Command::new(python)
}

/// Two serial ports with a wire between them.
fn terminals() -> (Running, tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (near, far) = (folder.path().join("near"), folder.path().join("far"));
    let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
    let mut command = Command::new("socat");
    let child = command.args([end(&near), end(&far)]).spawn();
    let running = Running(child.expect("socat is there: run `cargo xtask setup`"));
    let deadline = Instant::now() + PATIENCE;
    while !(near.exists() && far.exists()) {
        assert!(Instant::now() < deadline, "socat makes no terminals");
        std::thread::yield_now();
    }
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    (running, folder, text(near), text(far))
}

/// A device with these tags (address and type), open.
pub struct Device {
    pub plan: DevicePlan,
    pub out: BatchBuilder,
    pub session: Box<dyn Session>,
    pub context: LinkContext,
}

pub fn plan(settings: &Value, tags: &[(String, DataType)]) -> (DevicePlan, BatchBuilder) {
    let requests = tags.iter().map(|(address, data_type)| TagRequest {
        name: "t",
        address,
        data_type: *data_type,
        read: true,
        write: !address.starts_with(['i', 'd'])
            && !address.ends_with("/250")
            && !matches!(data_type.name(), "int8" | "uint8"),
    });
    let group =
        GroupRequest { name: "g", interval: Duration::from_secs(1), tags: requests.collect() };
    let request = DeviceRequest { name: "d", settings, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = match settings.get("host") {
        Some(_) => ModbusTcp.check(&request, &mut findings),
        None => ModbusSerial.check(&request, &mut findings),
    };
    let plan = plan.unwrap_or_else(|| panic!("{:?}", findings.list()));
    let definitions = tags.iter().enumerate().map(|(index, (_, data_type))| TagDefinition {
        id: TagId(index as u32),
        name: format!("t{index:04}").into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let set = TagSet::new(TagSetDefinition {
        id: 1,
        device: "d".into(),
        group: "g".into(),
        tags: definitions.collect(),
    });
    (plan, BatchBuilder::new(Arc::new(set), vec![None; tags.len()].into()))
}

impl Device {
    pub async fn open(settings: &Value, tags: &[(String, DataType)]) -> Device {
        let (plan, out) = plan(settings, tags);
        let context = tagwerk_testkit::link_context(Env::system());
        let session = plan.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));
        Device { plan, out, session, context }
    }

    /// All tags' values, once each.
    pub async fn read(&mut self) -> Vec<TagValue> {
        self.out.clear();
        for request in &self.plan.groups[0].reads {
            let read = self.session.read(request, &mut self.out).await;
            read.unwrap_or_else(|fault| panic!("{fault}"));
        }
        let batch = self.out.batch(0, 0, 1);
        batch.samples().map(|sample| sample.value.expect("every tag is good").to_value()).collect()
    }
}
