//! Many devices at the least cost, for the bench: every connection is a device, registers hold
//! their own number, answers are copied from bytes prepared once. One event loop per thread, no
//! allocation per request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::baseline::cpu_seconds;
use crate::codec::{Exception, HEADER_BYTES, Split, split};
use crate::http::{self, Answer, refusal};
use crate::serve::listen;

/// Changes kept for `GET /changes`: a long bench at 10 ms, in a few MB.
const CHANGES_MAX: usize = 100_000;
/// Room for 85 pipelined reads in one piece.
const RECEIVED_BYTES_MAX: usize = 1024;

#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub control: SocketAddr,
    pub devices: usize,
    pub registers: u16,
    pub threads: usize,
    /// Register 0 counts up at this pace.
    pub change_every_ms: Option<u64>,
}

/// What one connection has been asked.
#[derive(Default)]
struct Connection {
    requests: AtomicU64,
    registers: AtomicU64,
    closed: AtomicBool,
}

struct Devices {
    /// All registers, as they lie in an answer.
    bytes: Vec<u8>,
    counter: Option<AtomicU16>,
    changes: Mutex<VecDeque<(u16, u64)>>,
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Sums over connections that are gone.
    gone: Connection,
    accepted: AtomicU64,
}

pub struct Server {
    pub modbus: SocketAddr,
    pub control: SocketAddr,
    listener: TcpListener,
    control_listener: TcpListener,
    devices: Arc<Devices>,
    options: Options,
}

impl Server {
    pub async fn bind(options: &Options) -> anyhow::Result<Server> {
        anyhow::ensure!(
            options.registers > 0,
            "--registers 0 leaves nothing to read; give at least 1"
        );
        anyhow::ensure!(
            options.change_every_ms != Some(0),
            "--change-every 0 is no pace; give at least 1"
        );
        let listener = listen(options.listen, "Modbus").await?;
        let control_listener = listen(options.control, "control").await?;
        let devices = Devices {
            bytes: (0..options.registers).flat_map(|register| register.to_be_bytes()).collect(),
            counter: options.change_every_ms.map(|_| AtomicU16::new(0)),
            changes: Mutex::default(),
            connections: Mutex::default(),
            gone: Connection::default(),
            accepted: AtomicU64::new(0),
        };
        Ok(Server {
            modbus: listener.local_addr()?,
            control: control_listener.local_addr()?,
            listener,
            control_listener,
            devices: Arc::new(devices),
            options: options.clone(),
        })
    }

    /// Serves for ever.
    pub async fn run(self) {
        let devices = Arc::clone(&self.devices);
        tokio::spawn(http::serve(self.control_listener, move |request: &http::Request| {
            answer_control(&devices, request)
        }));
        if let Some(every_ms) = self.options.change_every_ms {
            tokio::spawn(count_up(Arc::clone(&self.devices), every_ms));
        }
        let others: Vec<_> = (1..self.options.threads)
            .filter_map(|_| spawn_loop(Arc::clone(&self.devices)).ok())
            .collect();
        let most = self.options.devices * 2 + 16;
        for turn in 0.. {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Some(connection) = self.devices.admit(most) else { continue };
            match others.get(turn % (others.len() + 1)) {
                Some(other) => {
                    if let Ok(stream) = stream.into_std() {
                        // The other loop ends only with the process.
                        let _ = other.send((stream, connection));
                    }
                }
                None => drop(tokio::spawn(talk(stream, Arc::clone(&self.devices), connection))),
            }
        }
    }
}

type Handed = (std::net::TcpStream, Arc<Connection>);

/// A further event loop on a thread of its own.
fn spawn_loop(devices: Arc<Devices>) -> anyhow::Result<mpsc::UnboundedSender<Handed>> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Handed>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("load".into())
        .spawn(move || {
            runtime.block_on(async {
                while let Some((stream, connection)) = receiver.recv().await {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        tokio::spawn(talk(stream, Arc::clone(&devices), connection));
                    }
                }
            });
        })
        .context("cannot start another thread; use --threads 1")?;
    Ok(sender)
}

impl Devices {
    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, most: usize) -> Option<Arc<Connection>> {
        let mut connections = self.connections();
        connections.retain(|connection| {
            let closed = connection.closed.load(Relaxed);
            if closed {
                self.gone.requests.fetch_add(connection.requests.load(Relaxed), Relaxed);
                self.gone.registers.fetch_add(connection.registers.load(Relaxed), Relaxed);
            }
            !closed
        });
        if connections.len() >= most {
            return None;
        }
        let connection = Arc::new(Connection::default());
        connections.push(Arc::clone(&connection));
        self.accepted.fetch_add(1, Relaxed);
        Some(connection)
    }

    /// Appends the answer to one request, and gives how many registers it carries.
    fn answer(&self, transaction: u16, unit: u8, pdu: &[u8], out: &mut Vec<u8>) -> u16 {
        let [t1, t2] = transaction.to_be_bytes();
        let (function, exception) = match *pdu {
            [function @ (3 | 4), a, b, c, d] => {
                let start = usize::from(u16::from_be_bytes([a, b]));
                let count = u16::from_be_bytes([c, d]);
                let end = start + usize::from(count);
                if (1..=125).contains(&count) && end * 2 <= self.bytes.len() {
                    let bytes = count as u8 * 2;
                    let [l1, l2] = (u16::from(bytes) + 3).to_be_bytes();
                    out.extend_from_slice(&[t1, t2, 0, 0, l1, l2, unit, function, bytes]);
                    out.extend_from_slice(&self.bytes[start * 2..end * 2]);
                    if let (0, Some(counter)) = (start, &self.counter) {
                        let at = out.len() - usize::from(bytes);
                        out[at..at + 2].copy_from_slice(&counter.load(Relaxed).to_be_bytes());
                    }
                    return count;
                }
                let legal = (1..=125).contains(&count);
                let why = if legal { Exception::IllegalAddress } else { Exception::IllegalValue };
                (function, why)
            }
            [3 | 4, ..] => (pdu[0], Exception::IllegalValue),
            [function, ..] => (function, Exception::IllegalFunction),
            [] => (0, Exception::IllegalFunction),
        };
        out.extend_from_slice(&[t1, t2, 0, 0, 0, 3, unit, function | 0x80, exception as u8]);
        0
    }
}

async fn talk(stream: TcpStream, devices: Arc<Devices>, connection: Arc<Connection>) {
    // A connection that breaks is the master's affair.
    let _ = answer_all(&stream, &devices, &connection).await;
    connection.closed.store(true, Relaxed);
}

async fn answer_all(
    stream: &TcpStream,
    devices: &Devices,
    connection: &Connection,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = [0u8; RECEIVED_BYTES_MAX];
    let mut filled = 0;
    let mut out = Vec::with_capacity(2 * (HEADER_BYTES + 253));
    loop {
        stream.readable().await?;
        match stream.try_read(&mut received[filled..]) {
            Ok(0) => return Ok(()),
            Ok(bytes) => filled += bytes,
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(why) => return Err(why),
        }
        let (mut used, mut requests, mut registers) = (0, 0, 0);
        loop {
            match split(&received[used..filled]) {
                Split::Incomplete => break,
                Split::Broken(_) => return Ok(()),
                Split::Frame { transaction, unit, pdu, bytes } => {
                    registers += u64::from(devices.answer(transaction, unit, pdu, &mut out));
                    requests += 1;
                    used += bytes;
                }
            }
        }
        received.copy_within(used..filled, 0);
        filled -= used;
        connection.requests.fetch_add(requests, Relaxed);
        connection.registers.fetch_add(registers, Relaxed);
        let mut sent = 0;
        while sent < out.len() {
            match stream.try_write(&out[sent..]) {
                Ok(bytes) => sent += bytes,
                Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => {
                    stream.writable().await?
                }
                Err(why) => return Err(why),
            }
        }
        out.clear();
    }
}

async fn count_up(devices: Arc<Devices>, every_ms: u64) {
    let Some(counter) = &devices.counter else { return };
    let mut ticks = tokio::time::interval(Duration::from_millis(every_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let value = counter.load(Relaxed).wrapping_add(1);
        let mut changes = devices.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() == CHANGES_MAX {
            changes.pop_front();
        }
        // The time first: a reader may see the value as soon as it is there.
        changes.push_back((value, unix_ns()));
        counter.store(value, Relaxed);
    }
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn answer_control(devices: &Devices, request: &http::Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/counts") => {
            let connections = devices.connections();
            let sum = |part: fn(&Connection) -> &AtomicU64| -> u64 {
                part(&devices.gone).load(Relaxed)
                    + connections.iter().map(|one| part(one).load(Relaxed)).sum::<u64>()
            };
            let open = connections.iter().filter(|one| !one.closed.load(Relaxed)).count();
            let counts = json!({
                "requests": sum(|one| &one.requests),
                "registers": sum(|one| &one.registers),
                "connections": open,
                "accepted": devices.accepted.load(Relaxed),
                "cpu_seconds": cpu_seconds(),
                "unix_ns": unix_ns(),
            });
            (200, counts)
        }
        ("GET", "/connections") => {
            let list: Vec<_> = (devices.connections().iter())
                .map(|one| {
                    json!({
                        "requests": one.requests.load(Relaxed),
                        "registers": one.registers.load(Relaxed),
                        "open": !one.closed.load(Relaxed),
                    })
                })
                .collect();
            (200, json!(list))
        }
        ("GET", "/changes") => {
            let changes = devices.changes.lock().unwrap_or_else(PoisonError::into_inner);
            (200, json!(*changes))
        }
        _ => refusal(404, "try GET /counts /connections /changes"),
    }
}
