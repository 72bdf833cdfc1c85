//! Starts the foreign server, makes certificates, and opens sessions as the runtime does.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, Identity, LinkContext,
    Report, Session, TagRequest, Watch, WatchId,
};
use tagwerk_driver_opcua::OpcUa;
use tagwerk_env::Env;
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};
use tagwerk_testkit::{FakeNet, MemoryCertificates, MemorySecrets, link_context};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The foreign server. Ends with the test.
pub struct Peer {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub port: u16,
}

impl Peer {
    pub fn start(settings: Json) -> Peer {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        Peer::start_at(port.port(), settings)
    }

    pub fn start_at(port: u16, mut settings: Json) -> Peer {
        settings["port"] = json!(port);
        for (key, default) in [("uris", json!(["urn:plant"])), ("policies", json!(["None"]))] {
            if settings[key].is_null() {
                settings[key] = default;
            }
        }
        let mut process = Command::new(format!("{FOLDER}/../../.venv/bin/python"))
            .arg(format!("{FOLDER}/tests/peers/opcua_peer.py"))
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo xtask setup` makes .venv");
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut peer = Peer { process, commands, answers, port };
        assert_eq!(peer.answer(), "ready");
        peer
    }

    pub fn tell(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a session is opened with, and a look inside.
pub struct Edge {
    pub context: LinkContext,
    pub certificates: Arc<MemoryCertificates>,
    pub secrets: Arc<MemorySecrets>,
}

impl Edge {
    pub fn new() -> Edge {
        Edge::with(Env::system())
    }

    pub fn with(env: Env) -> Edge {
        let edge = Edge::without_identity(env);
        edge.certificates.own.lock().unwrap().insert("opcua".to_owned(), identity());
        edge
    }

    pub fn without_identity(env: Env) -> Edge {
        let certificates = Arc::new(MemoryCertificates::default());
        let secrets = Arc::new(MemorySecrets::default());
        let mut context = link_context(env);
        context.certificates = certificates.clone();
        context.secrets = secrets.clone();
        Edge { context, certificates, secrets }
    }

    pub fn trust(&self, certificate: &[u8]) {
        self.certificates.trusted.lock().unwrap().push(certificate.to_vec());
    }

    pub async fn open(&self, plan: &DevicePlan) -> Result<Box<dyn Session>, Fault> {
        plan.open.open(&self.context).await
    }

    /// Everything that the communication log says.
    pub fn log(&self) -> String {
        let frames = self.context.trace.frames_after(0);
        frames.iter().map(|frame| format!("{}\n", frame.meaning)).collect()
    }
}

/// One identity for all tests, made by the driver itself: searching for primes takes seconds.
pub fn identity() -> Identity {
    static OWN: OnceLock<Identity> = OnceLock::new();
    OWN.get_or_init(|| {
        let making = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let mut env = Env::system();
            env.net = Arc::new(FakeNet::new());
            let edge = Edge::without_identity(env);
            let device = plan(json!({ "endpoint": "opc.tcp://nowhere" }), &[]);
            let opened = runtime.unwrap().block_on(edge.open(&device));
            assert!(matches!(opened.err(), Some(Fault::Link(_))));
            edge.certificates.own.lock().unwrap().get("opcua").cloned().unwrap()
        });
        making.join().unwrap()
    })
    .clone()
}

pub fn plan(settings: Json, tags: &[(&str, DataType)]) -> DevicePlan {
    let mut findings = Findings::new();
    let tag = |(address, data_type): &(&'static str, DataType)| TagRequest {
        name: address,
        address,
        data_type: *data_type,
        read: true,
        write: true,
    };
    let leaked: Vec<(&'static str, DataType)> =
        tags.iter().map(|(address, t)| (&*Box::leak((*address).into()), *t)).collect();
    let request = DeviceRequest {
        name: "server",
        settings: &settings,
        groups: vec![GroupRequest {
            name: "all",
            interval: Duration::from_millis(100),
            tags: leaked.iter().map(tag).collect(),
        }],
    };
    let plan = OpcUa.check(&request, &mut findings);
    plan.unwrap_or_else(|| panic!("{:?}", findings.list()))
}

pub fn batch(tags: &[(&str, DataType)]) -> BatchBuilder {
    let tags: Vec<TagDefinition> = tags
        .iter()
        .enumerate()
        .map(|(number, (name, data_type))| TagDefinition {
            id: TagId(number as u32),
            name: (*name).into(),
            data_type: *data_type,
            unit: "".into(),
        })
        .collect();
    let count = tags.len();
    let set = TagSetDefinition { id: 1, device: "server".into(), group: "all".into(), tags };
    BatchBuilder::new(Arc::new(TagSet::new(set)), vec![None; count].into())
}

/// Reads all tags of a plan: value and quality of each.
pub async fn read(
    session: &mut dyn Session,
    plan: &DevicePlan,
    tags: &[(&str, DataType)],
) -> Vec<(Option<Value>, Quality)> {
    let mut out = batch(tags);
    for request in &plan.groups[0].reads {
        session.read(request, &mut out).await.unwrap();
    }
    let batch = out.batch(0, 0, tags.len() as u32);
    batch.samples().map(|s| (s.value.map(|value| value.to_value()), s.quality)).collect()
}

pub fn watch(plan: &DevicePlan, id: u64, known_to: Option<i64>) -> Watch {
    Watch {
        id: WatchId(id),
        device: "server".into(),
        group: "all".into(),
        interval: Duration::from_millis(100),
        token: plan.groups[0].watch.clone().unwrap(),
        known_to,
    }
}

/// Reports, as they come, until the test has seen enough.
pub async fn reports(
    session: &mut dyn Session,
    mut enough: impl FnMut(&[Report]) -> bool,
) -> Vec<Report> {
    let mut all = Vec::new();
    let waiting = async {
        while !enough(&all) {
            session.event(&mut all).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the reports come");
    all
}

/// Who signs certificates in a test.
pub struct Authority {
    pub certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// A list with these serial numbers, valid until the end of this year.
    pub fn revoke(&self, serials: &[u64], until: i32) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

pub const APPLICATION: &str = "urn:test:server";

/// A certificate for the server, with its files.
pub struct Certified {
    pub certificate: Vec<u8>,
    folder: tempfile::TempDir,
}

pub struct Wish {
    pub host: &'static str,
    pub application: &'static str,
    /// Years of beginning and end.
    pub valid: (i32, i32),
    pub serial: u64,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish { host: "127.0.0.1", application: APPLICATION, valid: (2020, 2090), serial: 7 }
    }
}

impl Certified {
    pub fn new(wish: &Wish, authority: Option<&Authority>) -> Certified {
        let key = KeyPair::try_from(identity().key.as_slice()).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "server");
        params.serial_number = Some(SerialNumber::from(wish.serial));
        let host = match wish.host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(wish.host.try_into().unwrap()),
        };
        params.subject_alt_names = vec![SanType::URI(wish.application.try_into().unwrap()), host];
        params.not_before = date_time_ymd(wish.valid.0, 1, 1);
        params.not_after = date_time_ymd(wish.valid.1, 1, 1);
        let certificate = match authority {
            None => params.self_signed(&key),
            Some(authority) => params.signed_by(&key, &authority.issuer),
        };
        let certificate = certificate.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Certified { certificate: certificate.der().to_vec(), folder }
    }

    /// The server's settings with this certificate.
    pub fn server(&self, policies: &[&str], identities: &[&str]) -> Json {
        json!({
            "policies": policies,
            "identities": identities,
            "application": APPLICATION,
            "certificate": self.folder.path().join("server.pem"),
            "key": self.folder.path().join("key.pem"),
        })
    }
}
