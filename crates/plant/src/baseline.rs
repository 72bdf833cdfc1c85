//! The bench's baseline: the same polling as the edge does, with nothing else: send, await the
//! answer, throw it away. One thread; its cost is what no gateway can go below.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::codec::{FRAME_BYTES_MAX, Split, split};

/// The unit of times in /proc is fixed at 100 per second on every platform Linux runs on here.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Clone, Debug)]
pub struct Options {
    pub modbus: SocketAddr,
    pub devices: usize,
    pub registers: u16,
    pub interval_ms: u64,
    pub seconds: f64,
    /// Registers per request.
    pub size: u16,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub requests: u64,
    pub registers: u64,
    /// Intervals whose requests were not all answered before the next began.
    pub late: u64,
    /// Devices whose connection broke.
    pub broken: u64,
    /// User and system time of this process.
    pub cpu_seconds: f64,
    pub seconds: f64,
}

pub async fn run(options: &Options) -> anyhow::Result<Report> {
    anyhow::ensure!(
        (1..=125).contains(&options.size) && options.interval_ms > 0 && options.devices > 0,
        "--size is 1 to 125, --interval-ms and --devices at least 1"
    );
    let mut streams = Vec::with_capacity(options.devices);
    for _ in 0..options.devices {
        let stream = TcpStream::connect(options.modbus).await.with_context(|| {
            format!("cannot connect to {}; is `tagwerk-plant load` running there?", options.modbus)
        })?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    let interval = Duration::from_millis(options.interval_ms);
    let tasks: Vec<_> = (streams.into_iter().enumerate())
        .map(|(device, stream)| {
            let first = started + interval.mul_f64(device as f64 / options.devices as f64);
            let requests = requests(options);
            let end = started + Duration::from_secs_f64(options.seconds);
            tokio::spawn(poll(stream, requests, first, interval, end))
        })
        .collect();
    let mut total = Report::default();
    for task in tasks {
        let one = task.await.context("a device's task ended early")?;
        total.requests += one.requests;
        total.registers += one.registers;
        total.late += one.late;
        total.broken += one.broken;
    }
    total.cpu_seconds = cpu_seconds() - cpu_before;
    total.seconds = started.elapsed().as_secs_f64();
    Ok(total)
}

/// User and system time of this process so far, from /proc.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the program's name in parentheses, may hold spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<f64>).sum();
    ticks / TICKS_PER_SECOND
}

/// The frames of one interval.
fn requests(options: &Options) -> Vec<[u8; 12]> {
    let size = usize::from(options.size);
    (0..options.registers)
        .step_by(size)
        .map(|start| {
            let count = options.size.min(options.registers - start);
            let ([a, b], [c, d]) = (start.to_be_bytes(), count.to_be_bytes());
            [0, 0, 0, 0, 0, 6, 1, 3, a, b, c, d]
        })
        .collect()
}

async fn poll(
    stream: TcpStream,
    mut requests: Vec<[u8; 12]>,
    first: Instant,
    interval: Duration,
    end: Instant,
) -> Report {
    let mut report = Report::default();
    let mut transaction = 0u16;
    let mut due = first;
    while due < end {
        tokio::time::sleep_until(due).await;
        for request in &mut requests {
            transaction = transaction.wrapping_add(1);
            request[..2].copy_from_slice(&transaction.to_be_bytes());
            match ask(&stream, request).await {
                Ok(registers) => {
                    report.requests += 1;
                    report.registers += registers;
                }
                Err(_) => {
                    report.broken += 1;
                    return report;
                }
            }
        }
        due += interval;
        while due < Instant::now() {
            report.late += 1;
            due += interval;
        }
    }
    report
}

/// One request and its answer; gives how many registers came.
async fn ask(stream: &TcpStream, request: &[u8; 12]) -> std::io::Result<u64> {
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let mut sent = 0;
    while sent < request.len() {
        match stream.try_write(&request[sent..]) {
            Ok(bytes) => sent += bytes,
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(why) => return Err(why),
        }
    }
    let mut answer = [0u8; FRAME_BYTES_MAX];
    let mut filled = 0;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut answer[filled..]) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => filled += bytes,
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(why) => return Err(why),
        }
        match split(&answer[..filled]) {
            Split::Incomplete => {}
            Split::Frame { transaction, pdu: [3, bytes, ..], .. }
                if transaction.to_be_bytes() == request[..2] =>
            {
                return Ok(u64::from(*bytes) / 2);
            }
            _ => return Err(broken()),
        }
    }
}
