//! `bench scan`: what polling costs. Many devices of 1,000 holding registers each, read every second;
//! reads are counted at the device. Beside it, in the same run, a bare loop that sends the same
//! requests and throws the answers away. Then the time from a change in the device to the message at
//! an MQTT subscriber, and what an edge without any configuration costs.

use super::measure::{Table, Usage, mebibytes, percentile};
use crate::process::Running;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const REGISTERS: u32 = 1_000;
/// From the start of polling to the start of measuring: connections are open, first reads are over.
const SETTLE: Duration = Duration::from_secs(4);

#[derive(clap::Parser)]
#[command(name = "cargo xtask bench scan")]
struct Arguments {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Numbers of devices, each with 1,000 registers
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000])]
    devices: Vec<u32>,
    /// Seconds over which latencies are gathered
    #[arg(long, default_value_t = 30)]
    latency_seconds: u64,
}

/// One measurement of the edge.
struct Measured {
    name: String,
    cpu_percent: f64,
    usage: Usage,
    /// Registers per second that the device was asked for.
    registers: f64,
    asked: f64,
    late: u64,
    missed: u64,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let name = std::iter::once("scan".to_owned());
    let arguments = <Arguments as clap::Parser>::parse_from(name.chain(arguments.iter().cloned()));
    println!("building with --release; minutes the first time");
    let build = ["build", "--release", "-p", "tagwerk-edge", "-p", "tagwerk-plant"];
    steps::run(&mut workspace.cargo(&build))?;
    let bench = Bench::new(workspace)?;
    bench.idle()?;
    let mut table = Table::new(&[
        "devices x registers",
        "CPU",
        "ratio",
        "anonymous",
        "total",
        "reads/s at device",
        "late",
        "missed",
    ]);
    for devices in &arguments.devices {
        bench.scan(*devices, arguments.seconds, &mut table)?;
    }
    println!("\nCPU in percent of one core, of the edge alone; ratio to the bare loop's CPU\n");
    print!("{}", table.text());
    bench.latency(arguments.latency_seconds)
}

struct Bench<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    edge: PathBuf,
    plant: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace) -> Result<Bench<'a>> {
        let folder = workspace.path("var/bench/scan");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("clearing var/bench/scan")?;
        }
        create_folder(&folder)?;
        let programs = workspace.target().join("release");
        let (edge, plant) = (programs.join("tagwerk"), programs.join("tagwerk-plant"));
        Ok(Bench { workspace, folder, edge, plant })
    }

    fn start(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<Running> {
        let mut command = self.workspace.command(program);
        command.args(arguments);
        Running::start(name, &mut command, &self.folder.join(format!("{name}.log")))
    }

    fn start_edge(&self, name: &str, config: &str) -> Result<(Running, String)> {
        let file = self.folder.join(format!("{name}.yaml"));
        std::fs::write(&file, config).context("writing the bench's configuration")?;
        let data = self.folder.join(name);
        let (data, file) = (data.display().to_string(), file.display().to_string());
        let mut arguments = vec!["run", "--data", &data, "--listen", "127.0.0.1:0", "--ready-json"];
        if !config.is_empty() {
            arguments.extend(["--initial-config", &file]);
        }
        let mut edge = self.start(name, &self.edge, &arguments)?;
        let ready = edge.ready_line()?;
        let console = ready["console"].as_str().context("no console in the ready line")?;
        let address = console.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok((edge, address))
    }

    fn idle(&self) -> Result<()> {
        let started = Instant::now();
        let (mut edge, _) = self.start_edge("idle", "")?;
        let serving = started.elapsed();
        std::thread::sleep(Duration::from_secs(1));
        let usage = Usage::of(edge.id())?;
        println!(
            "empty configuration: serving after {} ms, {} anonymous, {} total",
            serving.as_millis(),
            mebibytes(usage.anonymous_bytes),
            mebibytes(usage.resident_bytes)
        );
        edge.end()
    }

    fn scan(&self, devices: u32, seconds: u64, table: &mut Table) -> Result<()> {
        println!("{devices} devices x {REGISTERS} registers");
        let (count, registers) = (devices.to_string(), REGISTERS.to_string());
        // Each device has an address of its own on the loopback network, so that each has a
        // connection of its own, as separate controllers have.
        let load =
            ["load", "--devices", &count, "--registers", &registers, "--listen", "0.0.0.0:0"];
        let mut load = self.start("load", &self.plant, &load)?;
        let ready = load.ready_line()?;
        let control = ready["control"].as_str().context("no control port")?.to_owned();
        let port = ready["modbus"].as_str().and_then(|a| a.rsplit(':').next());
        let port = port.context("no port in the ready line")?.to_owned();
        let bare = self.bare_loop(&port, devices, seconds)?;
        table.row(&[
            format!("{devices} x {REGISTERS} bare loop"),
            format!("{:.2} %", bare.0),
            "1.0".into(),
            "".into(),
            "".into(),
            format!("{:.0}", bare.1),
            bare.2.to_string(),
            "".into(),
        ]);
        let without = configuration(&port, devices, None);
        let measured = self.measure("no sink", &without, devices, seconds, &control)?;
        row(table, devices, &measured, bare.0);
        let broker = Broker::start(self)?;
        let with = configuration(&port, devices, Some(broker.port));
        let measured = self.measure("mqtt", &with, devices, seconds, &control)?;
        row(table, devices, &measured, bare.0);
        load.end()
    }

    /// CPU in percent, registers per second, late intervals.
    fn bare_loop(&self, port: &str, devices: u32, seconds: u64) -> Result<(f64, f64, u64)> {
        let output = Command::new(&self.plant)
            .args(["loop", "--modbus", &format!("127.0.0.1:{port}")])
            .args(["--devices", &devices.to_string(), "--registers", &REGISTERS.to_string()])
            .args(["--interval-ms", "1000", "--seconds", &seconds.to_string()])
            .output()
            .context("running the bare loop")?;
        let figures: Value =
            serde_json::from_slice(&output.stdout).context("reading the bare loop's figures")?;
        let number = |key: &str| figures[key].as_f64().unwrap_or_default();
        let seconds = number("seconds").max(0.001);
        let cpu = 100.0 * number("cpu_seconds") / seconds;
        Ok((cpu, number("registers") / seconds, number("late") as u64))
    }

    fn measure(
        &self,
        name: &str,
        config: &str,
        devices: u32,
        seconds: u64,
        control: &str,
    ) -> Result<Measured> {
        let folder = format!("{}-{devices}", name.replace(' ', "-"));
        let (mut edge, address) = self.start_edge(&folder, config)?;
        // The devices may still be connecting when the console serves.
        wait_for_reads(control, devices)?;
        std::thread::sleep(SETTLE);
        let before = (Usage::of(edge.id())?, counts(control)?, polls(&address)?, Instant::now());
        std::thread::sleep(Duration::from_secs(seconds));
        let after = (Usage::of(edge.id())?, counts(control)?, polls(&address)?);
        let elapsed = before.3.elapsed().as_secs_f64();
        edge.end()?;
        Ok(Measured {
            name: name.to_owned(),
            cpu_percent: 100.0 * after.0.cpu_since(&before.0).as_secs_f64() / elapsed,
            usage: after.0,
            registers: (after.1 - before.1) / elapsed,
            asked: f64::from(devices * REGISTERS),
            late: after.2.0 - before.2.0,
            missed: after.2.1 - before.2.1,
        })
    }

    fn latency(&self, seconds: u64) -> Result<()> {
        // A period that is no multiple of the interval, so that changes fall on every part of it.
        let load =
            ["load", "--devices", "1", "--registers", "10", "--changing", "--change-every", "137"];
        let mut load = self.start("load-changing", &self.plant, &load)?;
        let ready = load.ready_line()?;
        let control = ready["control"].as_str().context("no control port")?.to_owned();
        let modbus = ready["modbus"].as_str().context("no Modbus port")?.to_owned();
        let (host, port) = modbus.split_once(':').context("no port in the ready line")?;
        let broker = Broker::start(self)?;
        let config = format!(
            "version: 1\nedge: {{ name: bench }}\ndevices:\n  - name: d\n    driver: modbus-tcp\n    \
             settings: {{ host: {host}, port: {port} }}\n    groups:\n      - name: g\n        \
             interval: 100ms\n        tags:\n          - {{ name: r0, address: 'holding:0', type: \
             uint16 }}\n{}",
            sink(broker.port)
        );
        let received = self.folder.join("received");
        let mut subscriber = Command::new("mosquitto_sub")
            .args(["-p", &broker.port.to_string(), "-t", "tagwerk/bench/d/g", "-F", "%U %p"])
            .stdout(std::fs::File::create(&received).context("creating the subscriber's file")?)
            .spawn()
            .context("starting mosquitto_sub; run `cargo xtask setup`")?;
        let (mut edge, _) = self.start_edge("latency", &config)?;
        std::thread::sleep(Duration::from_secs(seconds));
        edge.end()?;
        subscriber.kill().and_then(|()| subscriber.wait().map(drop)).context("the subscriber")?;
        let text = std::fs::read_to_string(&received).context("reading what was received")?;
        let changes: Vec<(u64, f64)> = serde_json::from_str::<Value>(&get(&control, "/changes")?)?
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|change| Some((change[0].as_u64()?, change[1].as_f64()?)))
            .collect();
        load.end()?;
        let mut latencies = latencies(&text, &changes);
        let count = latencies.len();
        let mut show = |part| percentile(&mut latencies, part).unwrap_or(f64::NAN);
        println!(
            "\nchange in the device to MQTT subscriber, 100 ms poll, {count} changes: p50 {:.1} ms, \
             p99 {:.1} ms, max {:.1} ms (ideal 50, 99 and 100)",
            show(0.5),
            show(0.99),
            show(1.0)
        );
        Ok(())
    }
}

/// First arrival of each value, minus the time at which the device took it.
fn latencies(received: &str, changes: &[(u64, f64)]) -> Vec<f64> {
    let mut list = Vec::new();
    let mut last = None;
    for line in received.lines() {
        let Some((time, payload)) = line.split_once(' ') else { continue };
        let Ok(arrived) = time.parse::<f64>() else { continue };
        let Ok(payload) = serde_json::from_str::<Value>(payload) else { continue };
        let Some(value) = payload["values"]["r0"].as_u64() else { continue };
        // The first value was there before anyone looked.
        if last.is_some()
            && last != Some(value)
            && let Some((_, changed)) = changes.iter().rev().find(|(v, _)| *v == value)
        {
            list.push(arrived * 1e3 - changed / 1e6);
        }
        last = Some(value);
    }
    list
}

fn row(table: &mut Table, devices: u32, measured: &Measured, bare: f64) {
    table.row(&[
        format!("{devices} x {REGISTERS} {}", measured.name),
        format!("{:.2} %", measured.cpu_percent),
        format!("{:.1}", measured.cpu_percent / bare.max(0.01)),
        mebibytes(measured.usage.anonymous_bytes),
        mebibytes(measured.usage.resident_bytes),
        format!("{:.0} ({:.1} %)", measured.registers, 100.0 * measured.registers / measured.asked),
        measured.late.to_string(),
        measured.missed.to_string(),
    ]);
}

fn configuration(port: &str, devices: u32, broker: Option<u16>) -> String {
    let mut text = String::from("version: 1\nedge: { name: bench }\ndevices:\n");
    for device in 0..devices {
        let host = format!("127.0.{}.{}", device / 250, device % 250 + 1);
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "  - name: d{device}\n    driver: modbus-tcp\n    settings: {{ host: {host}, port: \
             {port} }}\n    groups:\n      - name: g\n        interval: 1s\n        tags:\n"
        );
        for register in 0..REGISTERS {
            let _ = writeln!(
                text,
                "          - {{ name: r{register}, address: \"holding:{register}\", type: uint16 }}"
            );
        }
    }
    if let Some(port) = broker {
        text.push_str(&sink(port));
    }
    text
}

fn sink(port: u16) -> String {
    format!(
        "sinks:\n  - name: broker\n    kind: mqtt\n    settings: {{ url: 'mqtt://127.0.0.1:{port}' }}\n"
    )
}

/// Mosquitto with nothing but a port.
struct Broker {
    port: u16,
    _running: Running,
}

impl Broker {
    fn start(bench: &Bench<'_>) -> Result<Broker> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = bench.folder.join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        std::fs::write(&file, text).context("writing the broker's configuration")?;
        let program = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find(|p| Path::new(p).exists())
            .context("mosquitto is missing; run `cargo xtask setup`")?;
        let file = file.display().to_string();
        let running = bench.start("mosquitto", Path::new(program), &["-c", &file])?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                bail!("mosquitto does not listen; see {}", bench.folder.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Broker { port, _running: running })
    }
}

fn wait_for_reads(control: &str, devices: u32) -> Result<()> {
    let begun = Instant::now();
    let before = counts(control)?;
    while counts(control)? - before < f64::from(devices * REGISTERS) {
        if begun.elapsed() > Duration::from_secs(120) {
            bail!("the devices are not polled; see var/bench/scan");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Registers that the device server was asked for.
fn counts(control: &str) -> Result<f64> {
    let counts: Value = serde_json::from_str(&get(control, "/counts")?)?;
    counts["registers"].as_f64().context("no registers in the device server's counts")
}

/// Polls that began late and polls that were left out, of all devices.
pub(super) fn polls(address: &str) -> Result<(u64, u64)> {
    let text = get(address, "/metrics")?;
    let sum = |name: &str| -> u64 {
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>() as u64
    };
    Ok((sum("tagwerk_device_late_polls_total"), sum("tagwerk_device_missed_polls_total")))
}

pub(super) fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("reaching {address}"))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("GET {path} at {address}: {}", head.lines().next().unwrap_or_default());
    }
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Ok(dechunk(body));
    }
    Ok(body.to_owned())
}

fn dechunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        let Some(chunk) = rest.get(..size).filter(|_| size > 0) else { break };
        text.push_str(chunk);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}
