//! The plant on the network: its Modbus TCP port, its control port and its clock.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::codec::{FRAME_BYTES_MAX, Split, put_frame, split};
use crate::control;
use crate::device::OwnFaults;
use crate::http;
use crate::noise::Noise;
use crate::plant::{Plant, Reply, STEP_MS};
use crate::transport_fault::{Kind, spoil};

/// A controller takes a handful; a bench uses `load`.
const CONNECTIONS_MAX: usize = 512;
/// After a pause of the whole machine the plant goes on rather than catch up with more than this.
const CATCH_UP_STEPS_MAX: u64 = 3000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time {
    /// So many simulated seconds per second.
    Runs { speed: f64 },
    /// Only `POST /step` moves it.
    Frozen,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub control: SocketAddr,
    pub seed: u64,
    pub time: Time,
    pub faults: OwnFaults,
}

/// What connections, clock and control port share.
#[derive(Clone)]
pub struct Shared {
    plant: Arc<Mutex<Plant>>,
    started: Instant,
    time: Time,
}

/// A plant whose ports are open.
pub struct Server {
    pub modbus: SocketAddr,
    pub control: SocketAddr,
    listener: TcpListener,
    control_listener: TcpListener,
    shared: Shared,
    seed: u64,
}

impl Shared {
    pub fn plant(&self) -> MutexGuard<'_, Plant> {
        self.plant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn frozen(&self) -> bool {
        self.time == Time::Frozen
    }

    /// The clock that faults with seconds run on: the wall, or the plant's when that is frozen.
    pub fn now_ms(&self) -> u64 {
        match self.time {
            Time::Frozen => self.plant().plant_ms(),
            Time::Runs { .. } => self.started.elapsed().as_millis() as u64,
        }
    }
}

impl Server {
    pub async fn bind(options: &Options) -> anyhow::Result<Server> {
        let listener = listen(options.listen, "Modbus").await?;
        let control_listener = listen(options.control, "control").await?;
        let shared = Shared {
            plant: Arc::new(Mutex::new(Plant::new(options.seed, options.faults))),
            started: Instant::now(),
            time: options.time,
        };
        Ok(Server {
            modbus: listener.local_addr()?,
            control: control_listener.local_addr()?,
            listener,
            control_listener,
            shared,
            seed: options.seed,
        })
    }

    /// Serves for ever.
    pub async fn run(self) {
        let shared = self.shared.clone();
        tokio::spawn(http::serve(self.control_listener, move |request: &http::Request| {
            control::answer(&shared, request)
        }));
        if let Time::Runs { speed } = self.shared.time {
            tokio::spawn(keep_time(self.shared.clone(), speed));
        }
        let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
        let mut number = 0;
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            // A full controller closes the newcomer at once.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            number += 1;
            let (shared, noise) = (self.shared.clone(), Noise::new(self.seed, 1000 + number));
            tokio::spawn(async move {
                // A connection that breaks is the master's affair.
                let _ = talk(stream, &shared, noise).await;
                drop(place);
            });
        }
    }
}

/// Opens a port, or says which one could not be opened.
pub(crate) async fn listen(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot open the {what} port {address}; is it in use? Port 0 takes a free one")
    })
}

async fn keep_time(shared: Shared, speed: f64) {
    let pause = Duration::from_secs_f64((STEP_MS as f64 / 1000.0 / speed).clamp(0.01, 1.0));
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut done = 0u64;
    loop {
        ticks.tick().await;
        let due = (shared.started.elapsed().as_secs_f64() * speed * 1000.0) as u64 / STEP_MS;
        let steps = due.saturating_sub(done).min(CATCH_UP_STEPS_MAX);
        done = due;
        let mut plant = shared.plant();
        for _ in 0..steps {
            plant.step();
        }
    }
}

async fn talk(mut stream: TcpStream, shared: &Shared, mut noise: Noise) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received: Vec<u8> = Vec::with_capacity(4 * FRAME_BYTES_MAX);
    let mut out = Vec::new();
    loop {
        let mut used = 0;
        loop {
            let (transaction, unit, pdu) = match split(&received[used..]) {
                Split::Incomplete => break,
                Split::Broken(_) => return stream.write_all(&out).await,
                Split::Frame { transaction, unit, pdu, bytes } => {
                    used += bytes;
                    (transaction, unit, pdu)
                }
            };
            let now_ms = shared.now_ms();
            let Reply { pdu: Some(answer), strike } = shared.plant().request(unit, pdu, now_ms)
            else {
                continue;
            };
            let before = out.len();
            let Some(strike) = strike else {
                put_frame(&mut out, transaction, unit, &answer);
                shared.plant().sent(unit, out.len() - before);
                continue;
            };
            stream.write_all(&out).await?;
            out.clear();
            let bytes = spoil(strike, transaction, unit, &answer, &mut noise);
            shared.plant().sent(unit, bytes.len());
            match strike.kind {
                Kind::Reset => return stream.set_zero_linger(),
                Kind::Slow => {
                    let late = Duration::from_millis(strike.value.unwrap_or(1000));
                    tokio::time::sleep(late).await;
                    stream.write_all(&bytes).await?;
                }
                Kind::Trickle => {
                    let pause = Duration::from_millis(strike.value.unwrap_or(5));
                    for byte in bytes {
                        stream.write_all(&[byte]).await?;
                        tokio::time::sleep(pause).await;
                    }
                }
                _ => stream.write_all(&bytes).await?,
            }
        }
        received.drain(..used);
        stream.write_all(&out).await?;
        out.clear();
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}
