//! `torture drivers`: every driver under every fault, against foreign servers; writes the fault table of
//! the reference. A driver without time-outs goes through the same and must fail. `torture journal` and
//! `torture history` are in `torture/store.rs`.

mod store;

use crate::setup;
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use serde::Deserialize;
use std::fmt::Write;

/// In the order of the page.
const DRIVERS: [&str; 4] = ["modbus-tcp", "opcua", "iec104", "s7"];

const TABLE: &str = "docs/reference/faults.md";

#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    rig: Rig,
    /// Passed on, such as `--only s7` or `--fault garbage`; the table is then shown, not written. For
    /// journal and history `--short`, `--only cut`, `--seed 7`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rig {
    /// Drivers between a runtime and a foreign server (8 minutes)
    Drivers,
    /// The journal killed, cut off from power, damaged and starved (8 minutes)
    Journal,
    /// The same with history, which is fed from a journal (10 minutes)
    History,
}

/// A row as the rig prints it.
#[derive(Deserialize)]
struct Row {
    driver: String,
    fault: String,
    qualities: Vec<String>,
    noticed_ms: Option<u64>,
    recovered_ms: Option<u64>,
    wrong_values: u32,
    neighbours_late: [f64; 2],
    descriptors_more: i64,
    memory_more_kib: i64,
    passed: bool,
    failures: Vec<String>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match args.rig {
        Rig::Drivers => drivers(workspace, args),
        Rig::Journal => store::run(workspace, "journal", &args.arguments),
        Rig::History => store::run(workspace, "history", &args.arguments),
    }
}

fn drivers(workspace: &Workspace, args: &Args) -> Result<()> {
    setup::run(workspace)?;
    steps::run(&mut workspace.cargo(&["build", "-q", "--workspace"]))?;
    let rows = match args.arguments.is_empty() {
        true => rows_of_all(workspace)?,
        false => rows(workspace, &args.arguments)?,
    };
    let text = page(&rows);
    if !args.arguments.is_empty() {
        println!("{text}");
    } else {
        let control = rows_of_control(workspace)?;
        if control.iter().all(|row| row.passed) {
            bail!("the rig proves nothing: a driver without time-outs passed it");
        }
        workspace.write(TABLE, &(text + &control_text(&control)))?;
        eprintln!("torture: {TABLE} written");
    }
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| !row.passed)
        .map(|row| format!("{} · {}: {}", row.driver, row.fault, row.failures.join("; ")))
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => bail!("{} of {} rows failed:\n{}", failed.len(), rows.len(), failed.join("\n")),
    }
}

/// Each driver in a process of its own, all at once: they spend their time waiting.
fn rows_of_all(workspace: &Workspace) -> Result<Vec<Row>> {
    std::thread::scope(|scope| {
        let runs = DRIVERS.map(|name| {
            let arguments = ["--only".to_owned(), name.to_owned()];
            scope.spawn(move || rows(workspace, &arguments))
        });
        let mut all = Vec::new();
        for run in runs {
            all.extend(run.join().map_err(|_| anyhow!("a run of the rig broke down"))??);
        }
        Ok(all)
    })
}

fn rows_of_control(workspace: &Workspace) -> Result<Vec<Row>> {
    let faults = ["silent peer", "half-open connection", "very slow peer"];
    let mut arguments = vec!["--control".to_owned()];
    arguments.extend(faults.iter().flat_map(|name| ["--fault".to_owned(), (*name).to_owned()]));
    rows(workspace, &arguments)
}

fn rows(workspace: &Workspace, arguments: &[String]) -> Result<Vec<Row>> {
    let mut command = workspace.command(workspace.program("tagwerk-torture"));
    command.arg("drivers").arg("--python").arg(workspace.path(".venv/bin/python"));
    command.arg("--peer").arg(workspace.path("crates/torture/peers/peer.py")).args(arguments);
    let text = steps::output(&mut command).context("running the rig")?;
    serde_json::from_str(&text).context("reading what the rig printed")
}

fn page(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Faults of field devices, and what becomes of their tags\n\n\
         Written by `cargo xtask torture drivers`. Each driver reads one value every 100 ms from a \
         foreign server, through a proxy that makes the fault; all time-outs are 1 s, without \
         retries (IEC 104 notices a dead link after t3 and t1, 2 s in all). *Noticed* is the time from the beginning of the fault until the tag is no longer \
         good, *good again* from its end until the next good value. *Late* is how many per mille of \
         the polls of two neighbours (one of the same driver at a server of its own) were late or \
         left out: before the fault, and while it lasted. *Kept* says whether everything held that is \
         promised: noticed within 1.5 times the time-out, good again within one step of the \
         back-off, no wrong value, neighbours undisturbed, no descriptor and no memory lost. A value \
         that merely comes late stays good.\n",
    );
    let mut driver = "";
    for row in rows {
        if row.driver != driver {
            driver = &row.driver;
            let _ = write!(
                text,
                "\n## `{driver}`\n\n| fault | what the tag says | noticed | good again | wrong values \
                 | late, before / during | descriptors | memory | kept |\n\
                 |---|---|---|---|---|---|---|---|---|\n"
            );
        }
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

fn line(row: &Row) -> String {
    let [before, during] = row.neighbours_late;
    let kept =
        if row.passed { "yes".to_owned() } else { format!("**no**: {}", row.failures.join("; ")) };
    format!(
        "| {} | {} | {} | {} | {} | {before:.0} / {during:.0} ‰ | {:+} | {:+} KiB | {kept} |",
        row.fault,
        row.qualities.join(" → "),
        time(row.noticed_ms),
        time(row.recovered_ms),
        row.wrong_values,
        row.descriptors_more,
        row.memory_more_kib,
    )
}

fn time(milliseconds: Option<u64>) -> String {
    match milliseconds {
        None => "–".to_owned(),
        Some(ms) if ms < 1_000 => format!("{ms} ms"),
        Some(ms) => format!("{:.1} s", ms as f64 / 1_000.0),
    }
}

fn control_text(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n## The control\n\nA driver that waits for every answer as long as it takes goes through the \
         same, and must not pass.\n\n",
    );
    for row in rows {
        let verdict = if row.passed { "passed".to_owned() } else { row.failures.join("; ") };
        let _ = writeln!(text, "- {}: {verdict}", row.fault);
    }
    text
}
