//! `bench rules`: what rules cost: row by row, at the end of a window, from a sample to its row, and
//! very many of them; beside the bare kernels of the engine.

use super::measure::Table;
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let dev = arguments.first().is_some_and(|word| word == "dev");
    // The whole workspace: with its features the engine is built once for everything.
    let mut build = vec!["build", "-q", "--workspace", "--example", "rules_bench"];
    if !dev {
        build.push("--release");
    }
    steps::run(&mut workspace.cargo(&build))?;
    let folder = if dev { "debug" } else { "release" };
    let program = workspace.target().join(folder).join("examples/rules_bench");
    let figures = |arguments: &[&str]| -> Result<Value> {
        println!("measuring {} …", arguments.join(" "));
        let output = workspace.command(&program).args(arguments).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?} failed: {errors}");
        serde_json::from_slice(&output.stdout).with_context(|| format!("figures of {arguments:?}"))
    };
    let rows = figures(&["rows"])?;
    let joins = figures(&["joins"])?;
    let window = figures(&["window"])?;
    let latency = figures(&["latency"])?;
    let eight = figures(&["many", "8000", "8000", "800"])?;
    let shared = figures(&["many", "300", "1", "500"])?;
    let trial = figures(&["trial"])?;
    let all = [rows, joins, window, latency, eight, shared, trial];
    print!("{}", table(&all).text());
    Ok(())
}

fn table([rows, joins, window, latency, eight, shared, trial]: &[Value; 7]) -> Table {
    let mut table = Table::new(&["rules", "figure", "goal", "times the baseline"]);
    let mut row = |cells: [&str; 4]| table.row(&cells.map(str::to_owned));
    let number = |figures: &Value, key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
    let million = |value: f64| format!("{:.2} M/s", value / 1e6);
    let bare = number(rows, "bare");
    let times = |value: f64| format!("{:.2}", value / bare);
    let many = number(rows, "many");
    row(["filter and projection, batches of 1,000", &million(many), "≥ 20 M/s", &times(many)]);
    let one = number(rows, "one");
    row(["  one by one", &million(one), "≥ 0.2 M/s", &times(one)]);
    let handed = number(rows, "handed");
    row(["  handed out as values", &million(handed), "", &times(handed)]);
    row(["  the engine's kernels alone (baseline)", &million(bare), "", "1.00"]);
    let what = [
        ("looked up in a table of 1,000 rows", "small"),
        ("  in one of 100,000 rows", "large"),
        ("filled from reads before", "filled"),
    ];
    for (what, key) in what {
        let (many, one) = (number(&joins[key], "many"), number(&joins[key], "one"));
        row([&format!("{what}, batches of 1,000"), &million(many), "", &times(many)]);
        row(["  one by one", &format!("{one:.0} /s"), "", &times(one)]);
    }
    let ms = |figures: &Value, key: &str| format!("{:.2} ms", number(figures, key));
    row(["end of a window, 100,000 rows, 10,000 tags", &ms(window, "ms"), "≤ 5 ms", ""]);
    row(["  its rows kept until then", &ms(window, "kept_ms"), "≤ 5 ms", ""]);
    row(["sample to row at 10,000/s, p50", &ms(latency, "p50_ms"), "< 1 ms", ""]);
    row(["  p99", &ms(latency, "p99_ms"), "< 5 ms", ""]);
    row(["  highest", &ms(latency, "highest_ms"), "", ""]);
    let cores = |figures: &Value| format!("{:.1} %", number(figures, "cores") * 50.0);
    row(["8,000 rules, 800 messages/s: of two cores", &cores(eight), "≤ 25 %", ""]);
    let kib = format!("{:.1} KiB", number(eight, "bytes_a_rule") / 1024.0);
    row(["  memory of a rule", &kib, "≤ 64 KiB", ""]);
    let planned = format!("{:.1} s", number(eight, "planned_s"));
    row(["  planning all of them", &planned, "", ""]);
    row(["300 rules share 500 messages/s: of two cores", &cores(shared), "≤ 10 %", ""]);
    let mib = format!("{:.1} MiB", number(shared, "over_idle_bytes") / 1_048_576.0);
    row(["  memory over idle", &mib, "≤ 60 MiB", ""]);
    let (read, goal) = (number(trial, "bare"), "≥ 5 M/s");
    let mut trial_row = |what: &str, key: &str, goal: &str| {
        let rate = number(trial, key);
        row([what, &million(rate), goal, &format!("{:.2}", rate / read)]);
    };
    trial_row("trial over a day of 20 tags by row, samples", "rows", goal);
    trial_row("  by sample, in windows", "samples", goal);
    trial_row("  reading them from history alone (baseline)", "bare", "");
    table
}
