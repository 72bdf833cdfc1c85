//! `bench history`: how fast samples come into history, how small they are there, what memory that
//! takes, and how soon questions are answered; rows in SQLite beside it.

use super::measure::Table;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

const SAMPLES: u64 = 50_000_000;
/// SQLite is slow enough to be judged by less.
const SQLITE_SAMPLES: u64 = 1_000_000;

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let samples: u64 = match arguments.first() {
        Some(text) => text.parse().with_context(|| format!("`{text}` as a number of samples"))?,
        None => SAMPLES,
    };
    let example = ["--example", "history_bench"];
    let build = ["build", "-q", "--release", "-p", "tagwerk-historian"];
    steps::run(&mut workspace.cargo(&[&build[..], &example[..]].concat()))?;
    let folder = workspace.path("var/bench/history");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    create_folder(&folder)?;
    let measure = |name: &str, place: &str, samples: u64| -> Result<Value> {
        println!("measuring {name} …");
        let program = workspace.target().join("release/examples/history_bench");
        let mut command = workspace.command(program);
        let output = command.arg(folder.join(place)).arg(name).arg(samples.to_string()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "history_bench {name} failed: {errors}");
        serde_json::from_slice(&output.stdout).context("the figures of history_bench")
    };
    let ingest = measure("ingest", "uniform", samples)?;
    let query = measure("query", "uniform", samples)?;
    let spread = measure("spread", "spread", samples)?;
    let paced = measure("paced", "paced", samples)?;
    let sqlite = measure("sqlite", "sqlite", SQLITE_SAMPLES.min(samples))?;
    print!("{}", table(&ingest, &query, &spread, &paced, &sqlite).text());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn table(ingest: &Value, query: &Value, spread: &Value, paced: &Value, sqlite: &Value) -> Table {
    let mut table = Table::new(&["history", "value", "goal"]);
    let mut row = |name: &str, figures: &Value, key: &str, unit: &str, goal: &str| {
        let value = figures[key].as_f64().unwrap_or(f64::NAN);
        let value = match value {
            large if large >= 1e6 => format!("{:.2} M{unit}", large / 1e6),
            other => format!("{other:.2} {unit}"),
        };
        table.row(&[name.to_owned(), value, goal.to_owned()]);
    };
    row("ingest, 10,000 tags, one thread", ingest, "samples_per_second", "/s", "≥ 4 M");
    row("  of processor time", ingest, "samples_per_processor_second", "/s", "");
    row("  bytes a sample", ingest, "bytes_per_sample", "", "≤ 2.2");
    row("  peak anonymous memory", ingest, "peak_anonymous_mb", "MiB", "≤ 100");
    row("100,000 tags, 1 s to a day", spread, "samples_per_second", "/s", "");
    row("  bytes a sample", spread, "bytes_per_sample", "", "");
    row("  peak anonymous memory", spread, "peak_anonymous_mb", "MiB", "≤ 250");
    row("10,000 samples a second, of a core", paced, "percent_of_a_core", "%", "≤ 5");
    row("start", query, "open_ms", "ms", "");
    row("last hour of one tag", query, "last_hour_ms", "ms", "≤ 2");
    row("1-min averages, 10 tags, a day", query, "minutes_of_a_day_ms", "ms", "≤ 20");
    row("chart of all of one tag", query, "chart_ms", "ms", "");
    row("average by tag, from summaries", query, "averages_ms", "ms", "");
    row("scan of everything", query, "scan_ms", "ms", "");
    row("  anonymous memory", query, "anonymous_mb", "MiB", "");
    row("SQLite rows, ingest", sqlite, "samples_per_second", "/s", "");
    row("  bytes a sample", sqlite, "bytes_per_sample", "", "");
    table
}
