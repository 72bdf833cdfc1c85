//! `bench journal`: what the journal appends and drains in a second, beside what `dd` writes to the same
//! disk with as many syncs.

use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result};
use serde::Deserialize;

/// As the program prints them.
#[derive(Deserialize)]
struct Figures {
    relaxed_samples_per_second: f64,
    relaxed_bytes_per_second: f64,
    normal_bytes_per_second: f64,
    normal_bytes_per_sync: u64,
    dd_bytes_per_second: f64,
    drain_samples: u64,
    drain_samples_per_second: f64,
    drain_times_live: f64,
    live_late_ms_max: u64,
    anonymous_kib_before: u64,
    anonymous_kib_most: u64,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    steps::run(&mut workspace.cargo(&["build", "-q", "--release", "-p", "tagwerk-torture"]))?;
    let folder = workspace.path("var/bench-journal");
    create_folder(&folder)?;
    let mut command = workspace.command(workspace.target().join("release/tagwerk-torture"));
    command.arg("journal-bench").arg(&folder).args(arguments);
    let text = steps::output(&mut command).context("running the bench")?;
    std::fs::remove_dir_all(&folder).context("removing the bench's folder")?;
    print(&serde_json::from_str(&text).context("reading what the bench printed")?);
    Ok(())
}

fn print(figures: &Figures) {
    let mega = |number: f64| number / 1e6;
    let share = 100.0 * figures.normal_bytes_per_second / figures.dd_bytes_per_second.max(1.0);
    let more = figures.anonymous_kib_most.saturating_sub(figures.anonymous_kib_before);
    println!("{:<44} {:>12}  goal", "journal, blocks of 1,000 samples", "measured");
    let line =
        |what: &str, measured: String, goal: &str| println!("{what:<44} {measured:>12}  {goal}");
    line(
        "relaxed, one thread, M samples/s",
        format!("{:.1}", mega(figures.relaxed_samples_per_second)),
        "≥ 5",
    );
    line("relaxed, MB/s", format!("{:.0}", mega(figures.relaxed_bytes_per_second)), "");
    line("normal, MB/s", format!("{:.0}", mega(figures.normal_bytes_per_second)), "");
    line(
        &format!("dd, a sync every {:.1} MB, MB/s", figures.normal_bytes_per_sync as f64 / 1e6),
        format!("{:.0}", mega(figures.dd_bytes_per_second)),
        "",
    );
    line("normal, % of dd", format!("{share:.0}"), "≥ 80");
    line(
        &format!("drain of {:.1} M samples, M samples/s", mega(figures.drain_samples as f64)),
        format!("{:.1}", mega(figures.drain_samples_per_second)),
        "",
    );
    line("drain, times 1,000 samples/s", format!("{:.0}", figures.drain_times_live), "≥ 20");
    line("live data late meanwhile, ms", figures.live_late_ms_max.to_string(), "≤ 5000");
    line("anonymous memory more while draining, KiB", more.to_string(), "constant");
}
