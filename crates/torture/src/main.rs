//! The program `tagwerk-torture`: drivers under every fault of the catalogue, between a runtime and a
//! foreign server, measured from outside; the drivers alone, as the baseline of benches; and journal and
//! history under everything that can happen to a disk.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test program: it measures in real time, and a fault of its own must end it"
)]

mod bare;
mod control;
mod faults;
mod peer;
mod rig;
mod store;
mod subject;
mod wear;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use faults::Fault;
use std::path::PathBuf;
use std::time::Duration;
use subject::Subject;

#[derive(Parser)]
#[command(name = "tagwerk-torture")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put every driver under every fault; one row each, as JSON
    Drivers(Drivers),
    /// Run a configuration's drivers alone, and count
    Bare {
        config: PathBuf,
        #[arg(long, default_value_t = 4)]
        settle: u64,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Kill, fill, damage and cut off the journal; one row for each rig, as JSON
    Journal(store::Arguments),
    /// The same with history, which is fed from a journal
    History(store::Arguments),
    /// What the journal appends and drains in a second, as JSON
    JournalBench(store::BenchArguments),
    /// What a device is written for each sample, beside rows in SQLite, as JSON
    Wear(wear::Arguments),
    /// The program that the rigs of journal and history kill
    #[command(hide = true)]
    StoreWriter(store::WriterArguments),
    /// The program whose writing is counted
    #[command(hide = true)]
    WearWriter(wear::WriterArguments),
}

#[derive(Args)]
struct Drivers {
    /// A Python interpreter that has the foreign servers
    #[arg(long)]
    python: PathBuf,
    /// The script of the foreign servers
    #[arg(long)]
    peer: PathBuf,
    /// Only these drivers
    #[arg(long)]
    only: Vec<String>,
    /// Only these faults
    #[arg(long)]
    fault: Vec<String>,
    /// The driver without time-outs, which must fail
    #[arg(long)]
    control: bool,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Drivers(arguments) => drivers(&arguments),
        Command::Bare { config, settle, seconds } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (settle, time) = (Duration::from_secs(settle), Duration::from_secs(seconds));
            runtime.block_on(bare::run(&config, settle, time))
        }
        Command::Journal(arguments) => store::run(store::Subject::Journal, &arguments),
        Command::History(arguments) => store::run(store::Subject::History, &arguments),
        Command::JournalBench(arguments) => store::bench(&arguments),
        Command::Wear(arguments) => wear::run(&arguments),
        Command::StoreWriter(arguments) => store::write(&arguments),
        Command::WearWriter(arguments) => wear::write(&arguments),
    }
}

fn drivers(arguments: &Drivers) -> Result<()> {
    let subjects = if arguments.control { vec![Subject::control()] } else { Subject::all() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for subject in &subjects {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == subject.name) {
            continue;
        }
        for fault in Fault::ALL {
            if !arguments.fault.is_empty() && !arguments.fault.iter().any(|n| n == fault.name()) {
                continue;
            }
            eprintln!("torture: {} · {}", subject.name, fault.name());
            let peers = peer::Peers::new(&arguments.python, &arguments.peer);
            let row = runtime.block_on(rig::run(subject, *fault, &peers))?;
            eprintln!("         {}", row.summary());
            rows.push(row);
        }
    }
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}
