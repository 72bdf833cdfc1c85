//! `torture journal` and `torture history`: what lies on disk killed, cut off from power, damaged, starved
//! and failed, and the journal in thousands of crash states of a simulated disk. Each rig has a control that
//! must fail.

use crate::setup;
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::process::Stdio;

/// Seeds of the simulated disk, of twelve lives each.
const SEEDS: &str = "3000";

/// A row as the program prints it.
#[derive(Deserialize)]
struct Row {
    rig: String,
    tried: u64,
    promised: u64,
    lost: u64,
    failed: u64,
    control: String,
    control_failed: bool,
    skipped: Option<String>,
    seconds: f64,
}

/// `subject` is the program's word for it, too.
pub fn run(workspace: &Workspace, subject: &str, arguments: &[String]) -> Result<()> {
    setup::packages()?;
    // As it is shipped, and ten times as fast: the short forms, among the tests, look at overflows.
    steps::run(&mut workspace.cargo(&["build", "-q", "--release", "-p", "tagwerk-torture"]))?;
    let mut command = workspace.command(workspace.target().join("release/tagwerk-torture"));
    command.arg(subject).args(arguments).stderr(Stdio::inherit());
    let output = command.output().context("running the rigs")?;
    let rows: Vec<Row> = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the rigs ended without a result ({})", output.status))?;
    print(&rows);
    // History's simulated disk is in its own tests, in full each time.
    let simulated = match arguments.is_empty() && subject == "journal" {
        true => simulated(workspace),
        false => Ok(()),
    };
    if !output.status.success() {
        bail!("the {subject} did not keep what it promised, or a control found nothing");
    }
    simulated
}

fn print(rows: &[Row]) {
    println!(
        "\n{:<22} {:>7} {:>10} {:>6} {:>8} {:>8}  control",
        "rig", "tried", "promised", "lost", "failures", "seconds"
    );
    for row in rows {
        if let Some(reason) = &row.skipped {
            println!("{:<22} skipped: {reason}", row.rig);
            continue;
        }
        let control = if row.control_failed { "fails as it must" } else { "FOUND NOTHING" };
        println!(
            "{:<22} {:>7} {:>10} {:>6} {:>8} {:>8.1}  {control}: {}",
            row.rig, row.tried, row.promised, row.lost, row.failed, row.seconds, row.control
        );
    }
}

/// Crash states of a disk in memory: what is not synced is kept, lost or torn, sector by sector.
fn simulated(workspace: &Workspace) -> Result<()> {
    eprintln!("torture: {SEEDS} seeds of the simulated disk");
    let test = ["test", "-q", "--release", "-p", "tagwerk-journal", "--test", "it"];
    let mut command = workspace.cargo(&test);
    command.args(["--", "crash::", "--nocapture"]).env("TAGWERK_CRASH_SEEDS", SEEDS);
    steps::run(&mut command)
}
