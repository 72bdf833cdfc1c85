//! `bench drivers`: what values that all change every second cost through each driver, from a local
//! server to the journal. Beside each, in the same run, the driver's sessions alone, which do the same
//! exchange and throw the samples away. OPC UA besides with five times as many.

use super::measure::{Table, Usage, mebibytes};
use super::scan::{get, polls};
use crate::process::Running;
use crate::setup;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From the start until connections are open and first values are there.
const SETTLE: Duration = Duration::from_secs(6);

#[derive(clap::Parser)]
#[command(name = "cargo xtask bench drivers")]
struct Arguments {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Values of each driver
    #[arg(long, default_value_t = 10_000)]
    tags: u32,
    /// Values that OPC UA subscribes to in its second measurement
    #[arg(long, default_value_t = 50_000)]
    subscribed: u32,
    /// Only these drivers
    #[arg(long)]
    only: Vec<String>,
}

/// A driver, what serves it, and how a device and its tags are written.
struct Case {
    driver: &'static str,
    server: Server,
    /// Settings, with PORT in place of the port.
    settings: &'static str,
    data_type: &'static str,
    address: fn(u32) -> String,
}

#[derive(Clone, Copy)]
enum Server {
    /// The simulated plant's.
    Plant,
    /// The script of foreign servers, by the name of a protocol.
    Script(&'static str),
    /// A program of its own workspace.
    OpcUa,
}

const CASES: &[Case] = &[
    Case {
        driver: "modbus-tcp",
        server: Server::Plant,
        settings: "{host: 127.0.0.1, port: PORT}",
        data_type: "uint16",
        address: |n| format!("holding:{n}"),
    },
    Case {
        driver: "s7",
        server: Server::Script("s7"),
        settings: "{host: 127.0.0.1, port: PORT}",
        data_type: "float32",
        address: |n| format!("DB1.DBD{}", n * 4),
    },
    Case {
        driver: "iec104",
        server: Server::Script("iec104"),
        settings: "{host: 127.0.0.1, port: PORT}",
        data_type: "float32",
        address: |n| format!("M_ME_NC_1:{}", n + 1),
    },
    Case {
        driver: "opcua",
        server: Server::OpcUa,
        settings: "{endpoint: 'opc.tcp://127.0.0.1:PORT/', security: None}",
        data_type: "float64",
        address: |n| format!("nsu=urn:bench;i={n}"),
    },
];

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let name = std::iter::once("drivers".to_owned());
    let arguments = <Arguments as clap::Parser>::parse_from(name.chain(arguments.iter().cloned()));
    setup::run(workspace)?;
    println!("building with --release; minutes the first time");
    let programs = ["-p", "tagwerk-edge", "-p", "tagwerk-plant", "-p", "tagwerk-torture"];
    let build = ["build", "--release"].into_iter().chain(programs).collect::<Vec<_>>();
    steps::run(&mut workspace.cargo(&build))?;
    let bench = Bench::new(workspace, arguments.seconds)?;
    let mut table = Table::new(&[
        "driver",
        "values/s",
        "CPU",
        "of it alone",
        "ratio",
        "requests/s",
        "anonymous",
        "total",
        "late",
    ]);
    for case in CASES {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|one| one == case.driver) {
            continue;
        }
        bench.measure(case, arguments.tags, &mut table)?;
        if matches!(case.server, Server::OpcUa) {
            bench.measure(case, arguments.subscribed, &mut table)?;
        }
    }
    println!("\nCPU in percent of one core, of the edge and of the driver's sessions alone\n");
    print!("{}", table.text());
    Ok(())
}

struct Bench<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    seconds: u64,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace, seconds: u64) -> Result<Bench<'a>> {
        let folder = workspace.path("var/bench/drivers");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("clearing var/bench/drivers")?;
        }
        create_folder(&folder)?;
        Ok(Bench { workspace, folder, seconds })
    }

    fn release(&self, program: &str) -> PathBuf {
        self.workspace.target().join("release").join(program)
    }

    fn measure(&self, case: &Case, tags: u32, table: &mut Table) -> Result<()> {
        println!("{}: {tags} values", case.driver);
        let (port, server) = self.serve(case, tags)?;
        let config = self.folder.join(format!("{}-{tags}.yaml", case.driver));
        std::fs::write(&config, configuration(case, tags, port))?;
        let alone = self.alone(&config)?;
        let edge = self.edge(case, tags, &config)?;
        drop(server);
        table.row(&[
            format!("{} x {tags}", case.driver),
            format!("{:.0}", edge.values),
            format!("{:.1} %", edge.cpu),
            format!("{:.1} %", alone.cpu),
            format!("{:.2}", edge.cpu / alone.cpu.max(0.01)),
            format!("{:.0}", alone.requests),
            mebibytes(edge.usage.anonymous_bytes),
            mebibytes(edge.usage.resident_bytes),
            edge.late.to_string(),
        ]);
        Ok(())
    }

    /// Starts the server that has these values.
    fn serve(&self, case: &Case, tags: u32) -> Result<(u16, Serving)> {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let count = tags.to_string();
        let mut command = match case.server {
            Server::Plant => {
                let mut load = self.workspace.command(self.release("tagwerk-plant"));
                load.args(["load", "--devices", "1", "--registers", &count, "--changing"]);
                load.args(["--change-every", "1000"]);
                let mut running = Running::start("load", &mut load, &self.folder.join("load.log"))?;
                let ready = running.ready_line()?;
                let port =
                    ready["modbus"].as_str().and_then(|a| a.rsplit(':').next()?.parse().ok());
                return Ok((port.context("no port in the ready line")?, Serving::Plant(running)));
            }
            Server::Script(protocol) => {
                let mut script = self.workspace.command(self.workspace.path(".venv/bin/python"));
                script.arg(self.workspace.path("crates/torture/peers/load.py")).arg(protocol);
                script
            }
            Server::OpcUa => {
                println!("building the OPC UA server; minutes the first time");
                let manifest = "bench/opcua-server/Cargo.toml";
                let target = self.workspace.target().join("bench");
                let mut build = self.workspace.cargo(&["build", "--release", "--manifest-path"]);
                build.arg(manifest).arg("--target-dir").arg(&target);
                steps::run(&mut build)?;
                self.workspace.command(target.join("release/tagwerk-bench-opcua-server"))
            }
        };
        let mut child = command
            .arg(free.to_string())
            .arg(&count)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.folder.join("server.log"))?)
            .spawn()
            .with_context(|| format!("starting the server of {}", case.driver))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let serving = Serving::Other(child);
        if line.trim() != "ready" {
            bail!("the server of {} did not start; see var/bench/drivers/server.log", case.driver);
        }
        Ok((free, serving))
    }

    /// The driver's sessions alone.
    fn alone(&self, config: &Path) -> Result<Alone> {
        let mut child = Command::new(self.release("tagwerk-torture"))
            .arg("bare")
            .arg(config)
            .args(["--settle", &SETTLE.as_secs().to_string()])
            .args(["--seconds", &self.seconds.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("running the driver alone")?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (before, begun) = (Usage::of(child.id())?, Instant::now());
        // Its second line comes when it is about to end: look shortly before.
        std::thread::sleep(Duration::from_millis(self.seconds * 1_000 - 200));
        let (after, elapsed) = (Usage::of(child.id())?, begun.elapsed().as_secs_f64());
        line.clear();
        output.read_line(&mut line)?;
        if !child.wait()?.success() {
            bail!("the driver alone failed");
        }
        let figures: Value = serde_json::from_str(&line).context("reading its figures")?;
        Ok(Alone {
            cpu: 100.0 * after.cpu_since(&before).as_secs_f64() / elapsed,
            requests: figures["requests"].as_f64().unwrap_or_default() / self.seconds as f64,
        })
    }

    fn edge(&self, case: &Case, tags: u32, config: &Path) -> Result<Measured> {
        let data = self.folder.join(format!("{}-{tags}", case.driver)).display().to_string();
        let file = config.display().to_string();
        let mut command = self.workspace.command(self.release("tagwerk"));
        command.args(["run", "--data", &data, "--listen", "127.0.0.1:0", "--ready-json"]);
        command.args(["--initial-config", &file]);
        let mut edge = Running::start("edge", &mut command, &self.folder.join("edge.log"))?;
        let ready = edge.ready_line()?;
        let console = ready["console"].as_str().context("no console in the ready line")?;
        let address = console.trim_start_matches("http://").trim_end_matches('/').to_owned();
        std::thread::sleep(SETTLE);
        let before = (Usage::of(edge.id())?, samples(&address)?, polls(&address)?, Instant::now());
        std::thread::sleep(Duration::from_secs(self.seconds));
        let after = (Usage::of(edge.id())?, samples(&address)?, polls(&address)?);
        let elapsed = before.3.elapsed().as_secs_f64();
        edge.end()?;
        Ok(Measured {
            cpu: 100.0 * after.0.cpu_since(&before.0).as_secs_f64() / elapsed,
            usage: after.0,
            values: (after.1 - before.1) / elapsed,
            late: after.2.0 - before.2.0 + after.2.1 - before.2.1,
        })
    }
}

struct Alone {
    cpu: f64,
    requests: f64,
}

struct Measured {
    cpu: f64,
    usage: Usage,
    values: f64,
    late: u64,
}

/// A server, for as long as it is held.
enum Serving {
    Plant(#[expect(dead_code, reason = "held, so that it runs")] Running),
    Other(Child),
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Serving::Other(child) = self {
            // One that has ended by itself needs no end.
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}

fn configuration(case: &Case, tags: u32, port: u16) -> String {
    let settings = case.settings.replace("PORT", &port.to_string());
    let mut text = format!(
        "version: 1\nedge: {{ name: bench }}\ndevices:\n  - name: d\n    driver: {}\n    settings: \
         {settings}\n    groups:\n      - name: g\n        interval: 1s\n        tags:\n",
        case.driver
    );
    for tag in 0..tags {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "          - {{ name: t{tag}, address: '{}', type: {} }}",
            (case.address)(tag),
            case.data_type
        );
    }
    text
}

/// Samples that the journal has taken.
fn samples(address: &str) -> Result<f64> {
    let text = get(address, "/metrics")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("tagwerk_journal_appended_total{stream=\"samples\"}"));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.context("the edge does not say how many samples its journal has taken")
}
