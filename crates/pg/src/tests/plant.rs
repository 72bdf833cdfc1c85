//! What the server serves, and whom it lets in.

use crate::{Door, Listening, Login, Parts, Plaintext, Server};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_auth::{Role, ScramVerifier, SystemRandom};
use tagwerk_env::{BoxFuture, Env};
use tagwerk_historian::{Piece, Scan, Values};
use tagwerk_model::{DataType, TagId, Value};
use tagwerk_sql::{Latest, Pieces, Source, Sql, TagEntry, TagTable};
use tokio::sync::watch;

const SECOND: i64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z
const START: i64 = 1_793_491_200 * SECOND;
const SAMPLES: i64 = 600;
pub const PASSWORD: &str = "a fine long sentence";

/// `boiler` with a temperature and a state, `Press-1` with numbers at their ends, texts and bytes.
struct Plant(Arc<TagTable>);

fn tag(id: u32, device: &str, name: &str, data_type: DataType) -> TagEntry {
    let (device, name, unit) = (device.into(), name.into(), "u".into());
    TagEntry { id: TagId(id), device, name, data_type, unit }
}

impl Source for Plant {
    fn tags(&self) -> Arc<TagTable> {
        self.0.clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        let (from, to) = (scan.from_unix_ns, scan.to_unix_ns);
        Box::new(scan.tags.clone().into_iter().map(move |tag| {
            let times = (0..SAMPLES).map(|n| START + n * SECOND);
            let numbers: Vec<i64> = (0..SAMPLES)
                .zip(times)
                .filter(|(_, t)| (from..to).contains(t))
                .map(|p| p.0)
                .collect();
            let times = numbers.iter().map(|n| START + n * SECOND).collect();
            let n = numbers.iter();
            let (data_type, values) = match tag.0 {
                1 => (DataType::Float64, Values::F64(n.map(|n| *n as f64 / 4.0).collect())),
                2 => (DataType::Bool, Values::Bool(n.map(|n| n % 60 < 20).collect())),
                3 => (DataType::Uint64, Values::U64(n.map(|n| u64::MAX - *n as u64).collect())),
                4 => (DataType::Int64, Values::I64(n.map(|n| i64::MIN + *n).collect())),
                5 => (
                    DataType::Text,
                    Values::Text(n.map(|n| format!("R\t\"{n}\",\\").into()).collect()),
                ),
                _ => (
                    DataType::Bytes,
                    Values::Bytes(n.map(|n| [0, *n as u8].as_slice().into()).collect()),
                ),
            };
            Ok(Piece::new(tag, data_type, "u".into(), times, values))
        }))
    }

    fn latest(&self, tags: &[TagId]) -> Vec<Latest> {
        let newest = |tag: &TagId| Latest {
            tag: *tag,
            unix_ns: START + SAMPLES * SECOND,
            source_time: None,
            quality: tagwerk_model::Quality::GOOD,
            value: (tag.0 == 3).then_some(Value::U64(u64::MAX)),
        };
        tags.iter().map(newest).collect()
    }
}

/// `anna` with [`PASSWORD`], and the token `twk_good`.
pub struct Users {
    verifier: ScramVerifier,
    pub failures: Mutex<Vec<String>>,
    pub stamp: watch::Sender<u64>,
}

impl Door for Users {
    fn verifier(&self, _from: IpAddr, user: &str) -> Result<ScramVerifier, Duration> {
        let failed = self.failures.lock().unwrap().len();
        match user {
            _ if failed >= 3 => Err(Duration::from_secs(7)),
            "anna" => Ok(self.verifier.clone()),
            other => Ok(ScramVerifier::of_nobody(b"secret", other)),
        }
    }

    fn is_user(&self, user: &str) -> bool {
        user == "anna"
    }

    fn passed(&self, _from: IpAddr, user: &str) -> Option<Login> {
        Some(self.login(user))
    }

    fn failed<'a>(&'a self, _from: IpAddr, user: &'a str) -> BoxFuture<'a, ()> {
        self.failures.lock().unwrap().push(user.to_owned());
        Box::pin(async {})
    }

    fn by_token<'a>(&'a self, _from: IpAddr, secret: &'a str) -> BoxFuture<'a, Option<Login>> {
        Box::pin(async move { (secret == "twk_good").then(|| self.login("grafana")) })
    }

    fn holds(&self, login: &Login) -> bool {
        login.stamp == self.stamp.borrow().to_be_bytes()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.stamp.subscribe()
    }
}

impl Users {
    fn login(&self, name: &str) -> Login {
        let stamp = self.stamp.borrow().to_be_bytes().to_vec();
        Login { name: name.to_owned(), role: Role::Viewer, stamp }
    }
}

pub struct Rig {
    pub address: SocketAddr,
    pub users: Arc<Users>,
    end: watch::Sender<bool>,
    server: Server,
}

impl Rig {
    pub async fn start() -> Rig {
        Rig::start_with(Plaintext::OnLoopback).await
    }

    pub async fn start_with(plaintext: Plaintext) -> Rig {
        let tags = TagTable::new(vec![
            tag(1, "boiler", "temperature", DataType::Float64),
            tag(2, "boiler", "running", DataType::Bool),
            tag(3, "Press-1", "strokes", DataType::Uint64),
            tag(4, "Press-1", "offset", DataType::Int64),
            tag(5, "Press-1", "recipe", DataType::Text),
            tag(6, "Press-1", "raw", DataType::Bytes),
        ]);
        let of_template = ["boiler".into(), "Press-1".into()];
        let tags = tags.with_templates([("machines".into(), of_template.into())]);
        let env = Env::system();
        let sql = Sql::start(&env, Arc::new(Plant(Arc::new(tags)))).unwrap();
        let users = Arc::new(Users {
            verifier: ScramVerifier::make(&SystemRandom, PASSWORD),
            failures: Mutex::default(),
            stamp: watch::channel(1).0,
        });
        let (end, ending) = watch::channel(false);
        let listening = Listening::open(&env, &["127.0.0.1:0".parse().unwrap()]).await;
        let listening = listening.map_err(|(_, error)| error).unwrap();
        let address = listening.addresses()[0];
        let parts = Parts {
            env,
            sql,
            door: users.clone(),
            random: Arc::new(SystemRandom),
            tls: None,
            plaintext,
            version: "0.0.0".to_owned(),
            ending,
        };
        Rig { address, users, end, server: listening.serve(parts) }
    }

    pub async fn end(self) {
        self.end.send_replace(true);
        self.server.ended().await;
    }
}
