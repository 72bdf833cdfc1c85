//! An edge of simulated devices with a long past, for benches that ask questions of it.

use crate::process::Running;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What is made, and by which programs.
#[derive(clap::Args)]
pub struct Size {
    /// Tags, a thousand to a device
    #[arg(long, default_value_t = 10_000)]
    pub tags: u32,
    /// Days of history
    #[arg(long, default_value_t = 30)]
    pub days: u32,
    /// Seconds between two samples of a tag
    #[arg(long, default_value_t = 60)]
    pub period: u32,
    /// Keep the data for the next run, and use what the last one kept
    #[arg(long)]
    pub keep: bool,
    /// The programs as built for development: to try a bench, not to measure
    #[arg(long)]
    pub dev: bool,
}

pub struct PastEdge {
    pub running: Running,
    /// Host and port.
    pub address: String,
    /// The link that sets the first password; none once it is set.
    pub setup: Option<String>,
    pub data: PathBuf,
    /// Where PostgreSQL clients connect, if anywhere.
    pub postgres: String,
    /// What making the past printed; none when it was there.
    pub made: Option<Value>,
    keep: bool,
}

impl PastEdge {
    pub fn start(workspace: &Workspace, size: &Size, more: &[&str]) -> Result<PastEdge> {
        let kind = if size.dev { "debug" } else { "release" };
        eprintln!("building ({kind}); minutes the first time");
        let build = ["build", "--workspace", "--release"];
        steps::run(&mut workspace.cargo(if size.dev { &build[..2] } else { &build }))?;
        let program = workspace.target().join(kind).join("tagwerk");
        let name = format!("past-{}-{}-{}", size.tags, size.days, size.period);
        let folder = workspace.path("var/bench").join(name);
        if folder.exists() && !size.keep {
            std::fs::remove_dir_all(&folder).context("removing what the last run left")?;
        }
        let (data, config) = (folder.join("data"), folder.join("edge.yaml"));
        create_folder(&data)?;
        std::fs::write(&config, configuration(size)).context("writing the configuration")?;
        let made = match data.join("history").exists() {
            true => None,
            false => Some(make(workspace, size, &program, &data, &config)?),
        };
        let mut command = workspace.command(&program);
        command.arg("run").arg("--data").arg(&data).arg("--initial-config").arg(&config);
        command.args(["--listen", "127.0.0.1:0", "--ready-json"]).args(more);
        let mut running = Running::start("tagwerk", &mut command, &folder.join("edge.log"))?;
        let ready = running.ready_line()?;
        let console = ready["console"].as_str().context("no console in the ready line")?;
        let address = console.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let setup = ready["setup"].as_str().map(str::to_owned);
        let postgres = ready["postgres"][0].as_str().unwrap_or_default().to_owned();
        Ok(PastEdge { running, address, setup, data, postgres, made, keep: size.keep })
    }

    pub fn end(&mut self) -> Result<()> {
        self.running.end()?;
        match (self.keep, self.data.parent()) {
            (false, Some(folder)) => {
                std::fs::remove_dir_all(folder).context("removing the bench's data")
            }
            _ => Ok(()),
        }
    }
}

fn make(
    workspace: &Workspace,
    size: &Size,
    program: &Path,
    data: &Path,
    config: &Path,
) -> Result<Value> {
    let samples = u64::from(size.tags) * u64::from(size.days) * 86_400 / u64::from(size.period);
    eprintln!("making {:.1} million samples", samples as f64 / 1e6);
    let mut command = workspace.command(program);
    command.arg("past").arg("--data").arg(data).arg("--config").arg(config);
    let length = format!("{}h", size.days * 24);
    command.args(["--length", &length, "--period", &format!("{}s", size.period)]);
    let output = command.output().context("making the past")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the past could not be made: {errors}");
    serde_json::from_slice(&output.stdout).context("what making the past printed")
}

/// Devices of a thousand tags in groups of a hundred: most are measurements, some count, some are on
/// or off.
fn configuration(size: &Size) -> String {
    let mut text = "version: 1\nedge: { name: bench }\ndevices:\n".to_owned();
    // Writing to a text cannot fail.
    for tag in 0..size.tags {
        if tag % 1_000 == 0 {
            let _ = writeln!(text, "  - name: line-{}\n    driver: sim", tag / 1_000);
            text.push_str("    groups:\n");
        }
        if tag % 100 == 0 {
            let group = tag % 1_000 / 100;
            let _ = writeln!(text, "      - name: cell-{group}");
            let _ = writeln!(text, "        interval: {}s\n        tags:", size.period);
        }
        let number = tag % 1_000;
        let what = match number % 10 {
            0 => format!("name: running-{number}, address: \"constant:true\", type: bool"),
            1 => format!("name: total-{number}, address: counter, type: uint64"),
            2 => format!(
                "name: pressure-{number}, address: \"ramp:0..10\", type: float64, unit: bar"
            ),
            _ => format!(
                "name: temperature-{number}, address: \"ramp:0..100\", type: float64, unit: \"°C\""
            ),
        };
        let _ = writeln!(text, "          - {{ {what} }}");
    }
    text.push_str("sinks: []\n");
    text
}
