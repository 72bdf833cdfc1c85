//! The command line of the simulated plant. What the commands do is in the library.
#![allow(
    clippy::disallowed_methods,
    reason = "it stands for field devices, which have a clock and a network of their own"
)]

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tagwerk_plant::device::OwnFaults;
use tagwerk_plant::{baseline, document, load, serve};
use tokio::signal::unix::{SignalKind, signal};

/// A simulated plant that speaks Modbus TCP, for Tagwerk's demo, tests and benches.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Two boilers and two packaging machines behind one Modbus TCP port.
    Serve(Serve),
    /// The edge's configuration document for `serve`.
    Config {
        /// The port of the plant.
        #[arg(long, default_value_t = 5020)]
        port: u16,
    },
    /// Many identical devices at the least cost: each connection is one.
    Load(Load),
    /// Polls `load` with as little work as possible: the baseline of the bench.
    Loop(Loop),
}

#[derive(Args)]
struct Serve {
    /// The address of the Modbus TCP port.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The address of the control port.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Plants with the same seed do the same at the same simulated time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds per second.
    #[arg(long, default_value_t = 1.0, conflicts_with = "frozen")]
    speed: f64,
    /// Time stands still except for `POST /step`.
    #[arg(long)]
    frozen: bool,
    /// No faults but those asked for at the control port.
    #[arg(long)]
    no_faults: bool,
}

#[derive(Args)]
struct Load {
    /// Devices expected; twice as many connections are accepted, for reconnects.
    #[arg(long)]
    devices: usize,
    /// Holding (and input) registers of each device.
    #[arg(long)]
    registers: u16,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Event loops; connections are dealt to them in turn.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Register 0 holds a counter that steps by itself.
    #[arg(long)]
    changing: bool,
    /// Milliseconds between the steps of that counter.
    #[arg(long, default_value_t = 100)]
    change_every: u64,
}

#[derive(Args)]
struct Loop {
    /// Where `load` listens.
    #[arg(long)]
    modbus: SocketAddr,
    #[arg(long)]
    devices: usize,
    #[arg(long)]
    registers: u16,
    #[arg(long, default_value_t = 1000)]
    interval_ms: u64,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Registers per request.
    #[arg(long, default_value_t = 125)]
    size: u16,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tagwerk-plant: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match cli.command {
        Command::Serve(options) => runtime.block_on(run_serve(options)),
        Command::Config { port } => {
            std::io::stdout().write_all(document::document(port).as_bytes())?;
            Ok(())
        }
        Command::Load(options) => runtime.block_on(run_load(options)),
        Command::Loop(options) => {
            let report = runtime.block_on(baseline::run(&baseline::Options {
                modbus: options.modbus,
                devices: options.devices,
                registers: options.registers,
                interval_ms: options.interval_ms,
                seconds: options.seconds,
                size: options.size,
            }))?;
            say(&serde_json::to_value(report)?)
        }
    }
}

async fn run_serve(options: Serve) -> anyhow::Result<()> {
    anyhow::ensure!(
        options.speed > 0.0 && options.speed <= 1000.0,
        "--speed {} is not above 0 and at most 1000; --frozen stops time",
        options.speed
    );
    let time = match options.frozen {
        true => serve::Time::Frozen,
        false => serve::Time::Runs { speed: options.speed },
    };
    let server = serve::Server::bind(&serve::Options {
        listen: options.listen,
        control: options.control,
        seed: options.seed,
        time,
        faults: if options.no_faults { OwnFaults::None } else { OwnFaults::Some },
    })
    .await?;
    until_told_to_end(server.modbus, server.control, server.run()).await
}

async fn run_load(options: Load) -> anyhow::Result<()> {
    let server = load::Server::bind(&load::Options {
        listen: options.listen,
        control: options.control,
        devices: options.devices,
        registers: options.registers,
        threads: options.threads,
        change_every_ms: options.changing.then_some(options.change_every),
    })
    .await?;
    until_told_to_end(server.modbus, server.control, server.run()).await
}

async fn until_told_to_end(
    modbus: SocketAddr,
    control: SocketAddr,
    serving: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    say(&serde_json::json!({ "modbus": modbus.to_string(), "control": control.to_string() }))?;
    tokio::select! {
        () = serving => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(())
}
