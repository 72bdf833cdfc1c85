//! An S3 store as a process beside the test, and the line to it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tagwerk_archive::BucketSettings;

pub const PREFIX: &str = "plants/edge-1";

/// moto's server, asked through boto3.
pub struct Store {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub line: Line,
    pub tls_port: u16,
    pub authority: String,
    pub access_key: String,
    pub secret_key: String,
    bucket: String,
}

/// An object as boto3 sees it.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub key: String,
    pub size: u64,
    pub etag: String,
    pub media_type: String,
    pub checksum: Option<String>,
}

impl Store {
    pub fn start() -> Store {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = std::env::var_os("TAGWERK_VENV").map(Into::into);
        let python = venv.unwrap_or_else(|| crate_folder.join("../../.venv")).join("bin/python");
        assert!(python.exists(), "there is no {}: run `cargo xtask setup`", python.display());
        let mut child = Command::new(python)
            .arg(crate_folder.join("tests/peers/s3_peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let told = answer(&mut output);
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        let port = |key: &str| told[key].as_u64().unwrap() as u16;
        Store {
            child,
            input,
            output,
            line: Line::to(port("port")),
            tls_port: port("tls_port"),
            authority: text("authority"),
            access_key: text("access_key"),
            secret_key: text("secret_key"),
            bucket: text("bucket"),
        }
    }

    /// As an edge is told of it, by way of the line.
    pub fn settings(&self) -> BucketSettings {
        BucketSettings {
            endpoint: Some(format!("http://127.0.0.1:{}", self.line.port)),
            name: self.bucket.clone(),
            prefix: PREFIX.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: self.access_key.clone(),
            path_style: true,
            ca_file: None,
        }
    }

    fn ask(&mut self, question: &Json) -> Json {
        writeln!(self.input.as_mut().unwrap(), "{question}").unwrap();
        answer(&mut self.output)
    }

    pub fn list(&mut self) -> Vec<Seen> {
        let all = self.ask(&json!({ "do": "list" }));
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let seen = |entry: &Json| Seen {
            key: text(&entry["key"]).unwrap(),
            size: entry["size"].as_u64().unwrap(),
            etag: text(&entry["etag"]).unwrap(),
            media_type: text(&entry["type"]).unwrap(),
            checksum: text(&entry["metadata"]["tagwerk-crc32c"]),
        };
        all.as_array().unwrap().iter().map(seen).collect()
    }

    pub fn keys(&mut self) -> Vec<String> {
        self.list().into_iter().map(|seen| seen.key).collect()
    }

    pub fn get(&mut self, key: &str) -> Vec<u8> {
        let body = self.ask(&json!({ "do": "get", "key": key }));
        BASE64_STANDARD.decode(body.as_str().unwrap()).unwrap()
    }

    pub fn put(&mut self, key: &str, body: &[u8]) {
        let body = BASE64_STANDARD.encode(body);
        self.ask(&json!({ "do": "put", "key": key, "body": body }));
    }

    /// Uploads in parts that nobody ended.
    pub fn open_uploads(&mut self) -> u64 {
        self.ask(&json!({ "do": "uploads" })).as_u64().unwrap()
    }
}

fn answer(output: &mut BufReader<ChildStdout>) -> Json {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What lies between edge and store, and breaks.
pub struct Line {
    pub port: u16,
    state: Arc<LineState>,
}

struct LineState {
    up: AtomicBool,
    /// Bytes towards the store until it breaks.
    left: AtomicI64,
    ends: Mutex<Vec<TcpStream>>,
}

impl Line {
    fn to(port: u16) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(LineState {
            up: AtomicBool::new(true),
            left: AtomicI64::new(i64::MAX),
            ends: Mutex::default(),
        });
        let line = Line { port: listener.local_addr().unwrap().port(), state: state.clone() };
        std::thread::spawn(move || {
            while let Ok((inside, _)) = listener.accept() {
                if !state.up.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(outside) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let copies = || (inside.try_clone().unwrap(), outside.try_clone().unwrap());
                let (a, b) = copies();
                state.ends.lock().unwrap().extend([a, b]);
                let ((a, b), counting) = (copies(), state.clone());
                std::thread::spawn(move || counting.carry(a, b, true));
                let state = state.clone();
                std::thread::spawn(move || state.carry(outside, inside, false));
            }
        });
        line
    }

    pub fn cut(&self) {
        self.state.cut();
    }

    pub fn cut_after(&self, bytes: i64) {
        self.state.left.store(bytes, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.state.left.store(i64::MAX, Ordering::SeqCst);
        self.state.up.store(true, Ordering::SeqCst);
    }
}

impl LineState {
    fn cut(&self) {
        self.up.store(false, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, counted: bool) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count) = from.read(&mut buffer) {
            let left = match counted {
                true => self.left.fetch_sub(count as i64, Ordering::SeqCst),
                false => i64::MAX,
            };
            let carried = count.min(left.max(0) as usize);
            if to.write_all(&buffer[..carried]).is_err() || carried < count.max(1) {
                break;
            }
        }
        if self.left.load(Ordering::SeqCst) <= 0 {
            self.cut();
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
