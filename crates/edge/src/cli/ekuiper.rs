//! `tagwerk import-ekuiper`: rules of ours from an export of eKuiper's. Needs no edge, and applies
//! nothing.

use anyhow::Context;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use tagwerk_env::Env;
use tagwerk_model::limits::IMPORT_BYTES_MAX;
use tagwerk_rules::Planner;
use tagwerk_rules::ekuiper::{Mapping, import};

#[derive(Args)]
pub struct Arguments {
    /// What GET /data/export of eKuiper's REST API gives
    file: PathBuf,
    /// Which device, or which template as `template:NAME`, stands for a stream; may be given more
    /// than once. Default: the device of the stream's name
    #[arg(long = "map", value_name = "STREAM=DEVICE")]
    map: Vec<String>,
    /// Write the rules here instead of printing them
    #[arg(long)]
    output: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, json: bool) -> anyhow::Result<ExitCode> {
    let disk = Env::system().disk;
    let mut mapping = Mapping::default();
    for text in &arguments.map {
        mapping.add(text).map_err(anyhow::Error::msg)?;
    }
    let file = &arguments.file;
    let bytes = disk
        .read(file, IMPORT_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let planner = Planner::new().map_err(|finding| {
        anyhow::anyhow!("the engine that plans rules does not start: {finding}")
    })?;
    let made = import(&bytes, &mapping, &planner)
        .with_context(|| format!("{} cannot be imported", file.display()))?;
    if let Some(output) = &arguments.output {
        disk.replace(output, made.yaml.as_bytes())
            .with_context(|| format!("{} cannot be written", output.display()))?;
    }
    match (json, &arguments.output) {
        (true, _) => {
            let answer = serde_json::json!({ "rules": made.yaml, "report": made.report });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
        (false, Some(_)) => print!("{}", made.report),
        // The rules may be taken on by another program.
        (false, None) => {
            print!("{}", made.yaml);
            eprint!("{}", made.report);
        }
    }
    Ok(ExitCode::SUCCESS)
}
