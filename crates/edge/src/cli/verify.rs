//! `tagwerk verify`: what a journal holds, read by code that is not the journal's. Needs no edge, and
//! changes nothing.

use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use tagwerk_env::SystemDisk;
use tagwerk_verify::verify_paths;

/// Exit code 0: nothing is wrong; 1: something is; 2: the store cannot be read.
#[derive(Args)]
pub struct Arguments {
    /// The edge's data directory, or the folder `journal` in it
    store: PathBuf,
    /// A copy of the store, or a file of JSON lines that a receiver got, each with `epoch` and `seq`, or
    /// with `from` and `to` (sequence numbers, `to` not included), in the order of arrival
    other: Option<PathBuf>,
    /// The receiver's cursor, such as `sink/cloud`: tells what is still to come from what is lost
    #[arg(long, requires = "other")]
    reader: Option<String>,
}

pub fn run(arguments: &Arguments, json: bool) -> anyhow::Result<ExitCode> {
    let Arguments { store, other, reader } = arguments;
    let report = match verify_paths(&SystemDisk, store, other.as_deref(), reader.as_deref()) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("tagwerk: {error}");
            return Ok(ExitCode::from(2));
        }
    };
    match json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{report}"),
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
