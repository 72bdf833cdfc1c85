//! `bench wear`: what a device is written for journal and history together, counted by the device, beside
//! rows in SQLite that are committed as often. Needs root, for file systems of its own.

use super::measure::Table;
use crate::setup;
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde::Deserialize;

/// Bytes a sample, where there are most.
const GOAL: f64 = 15.0;
const GOAL_RATE: u64 = 10_000;

/// As the program prints them.
#[derive(Deserialize)]
struct Cell {
    rate: u64,
    class: String,
    tagwerk: Written,
    sqlite: Written,
}

#[derive(Deserialize)]
struct Written {
    samples: u64,
    bytes: u64,
    seconds: f64,
}

impl Written {
    fn per_sample(&self) -> f64 {
        self.bytes as f64 / self.samples.max(1) as f64
    }

    /// A gigabyte has 10⁹ bytes.
    fn gigabytes_a_day(&self) -> f64 {
        self.bytes as f64 / self.seconds * 86_400.0 / 1e9
    }
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::packages()?;
    steps::run(&mut workspace.cargo(&["build", "-q", "--release", "-p", "tagwerk-torture"]))?;
    let mut command = workspace.command(workspace.target().join("release/tagwerk-torture"));
    command.arg("wear").arg("--sqlite").arg(workspace.path("crates/torture/peers/wear_sqlite.py"));
    let text = steps::output(command.args(arguments)).context(
        "counting what a device is written needs root, loop devices and mkfs.ext4 (e2fsprogs); nothing \
         was measured",
    )?;
    let cells: Vec<Cell> = serde_json::from_str(&text).context("reading what the bench printed")?;
    print!("{}", table(&cells).text());
    let seconds = cells.iter().map(|cell| cell.tagwerk.seconds).fold(0.0, f64::max);
    println!(
        "ext4 on a loop device, {seconds:.0} s of real time each; a GB is 10⁹ bytes. SQLite: WAL, \
         synchronous=FULL, no index, a commit for each group of 100 (strict), every 150 ms (normal), \
         every 4.5 s (relaxed), as the journal syncs."
    );
    Ok(())
}

fn table(cells: &[Cell]) -> Table {
    let mut table = Table::new(&[
        "durability",
        "samples/s",
        "GB a day",
        "bytes a sample",
        "goal",
        "SQLite: GB a day",
        "bytes a sample",
        "times",
    ]);
    for cell in cells {
        let goal = if cell.rate == GOAL_RATE { format!("≤ {GOAL:.0}") } else { String::new() };
        let times = cell.sqlite.per_sample() / cell.tagwerk.per_sample();
        table.row(&[
            cell.class.clone(),
            cell.rate.to_string(),
            format!("{:.2}", cell.tagwerk.gigabytes_a_day()),
            format!("{:.1}", cell.tagwerk.per_sample()),
            goal,
            format!("{:.2}", cell.sqlite.gigabytes_a_day()),
            format!("{:.1}", cell.sqlite.per_sample()),
            format!("{times:.1}"),
        ]);
    }
    table
}
