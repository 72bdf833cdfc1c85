//! `bench query`: how soon statements over history are answered, beside DuckDB with the same samples
//! and the same statements, and rows in SQLite. `SAMPLES dev` tries it with an unoptimised build.

use super::measure::Table;
use crate::workspace::{Workspace, create_folder};
use crate::{setup, steps};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

const SAMPLES: u64 = 50_000_000;
/// SQLite is slow enough to be judged by less.
const SQLITE_SAMPLES: u64 = 1_000_000;
const DUCKDB: &str = include_str!("query.py");

/// What is asked, under which key, and the goals in ms and in times of DuckDB's.
const ROWS: [(&str, &str, &str, &str); 4] = [
    ("last hour of one tag", "hour", "≤ 2 ms", "≥ 15"),
    ("1-min averages, 10 tags, a day", "minutes", "≤ 20 ms", "≥ 20"),
    ("average by tag of everything", "averages", "", "≥ 5"),
    ("scan of all raw values", "scan", "", "≥ 0.5"),
];

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let samples: u64 = match arguments.first() {
        Some(text) => text.parse().with_context(|| format!("`{text}` as a number of samples"))?,
        None => SAMPLES,
    };
    let dev = arguments.get(1).is_some_and(|word| word == "dev");
    setup::python(workspace)?;
    // The whole workspace: with its features the engine is built once for everything.
    let mut build = vec!["build", "-q", "--workspace"];
    build.extend(["--example", "history_bench", "--example", "query_bench"]);
    if !dev {
        build.push("--release");
    }
    steps::run(&mut workspace.cargo(&build))?;
    let folder = workspace.path("var/bench/query");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    create_folder(&folder)?;
    let programs = workspace.target().join(if dev { "debug" } else { "release" }).join("examples");
    let figures = |program: &Path, arguments: &[&Path], what: &str| -> Result<Value> {
        println!("measuring {what} …");
        let output = workspace.command(program).args(arguments).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{what} failed: {errors}");
        serde_json::from_slice(&output.stdout).with_context(|| format!("the figures of {what}"))
    };
    let (maker, asker) = (programs.join("history_bench"), programs.join("query_bench"));
    let (history, parquet) = (folder.join("history"), folder.join("samples.parquet"));
    let count = samples.to_string();
    let ingest = figures(&maker, &[&history, Path::new("ingest"), Path::new(&count)], "ingest")?;
    let own = figures(&asker, &[&history, &parquet], "statements")?;
    let (asked, script) = (folder.join("statements.json"), folder.join("peer.py"));
    std::fs::write(&asked, own.to_string())?;
    std::fs::write(&script, DUCKDB)?;
    let (python, database) = (workspace.path(".venv/bin/python"), folder.join("samples.duckdb"));
    let duckdb = figures(&python, &[&script, &asked, &parquet, &database], "DuckDB")?;
    let few = SQLITE_SAMPLES.min(samples).to_string();
    let rows = folder.join("sqlite");
    let sqlite = figures(&maker, &[&rows, Path::new("sqlite"), Path::new(&few)], "SQLite")?;
    print!("{}", statements(&own, &duckdb).text());
    let size = |path: &Path| std::fs::metadata(path).map(|file| file.len() as f64 / samples as f64);
    print!("{}", stores(&ingest, &sqlite, size(&parquet)?, size(&database)?).text());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn statements(own: &Value, duckdb: &Value) -> Table {
    let columns =
        ["statement", "tagwerk", "goal", "duckdb, parquet", "duckdb, table", "times", "goal"];
    let mut table = Table::new(&columns);
    let ms = |value: f64| format!("{value:.2} ms");
    for (name, key, time, times) in ROWS {
        let own = own[key]["ms"].as_f64().unwrap_or(f64::NAN);
        let of = |place: &str| duckdb[place][key].as_f64().unwrap_or(f64::NAN);
        let (file, native) = (of("parquet"), of("table"));
        table.row(&[
            name.to_owned(),
            ms(own),
            time.to_owned(),
            ms(file),
            ms(native),
            format!("{:.1} / {:.1}", file / own, native / own),
            times.to_owned(),
        ]);
    }
    table
}

fn stores(ingest: &Value, sqlite: &Value, parquet: f64, duckdb: f64) -> Table {
    let mut table = Table::new(&["store", "samples a second", "bytes a sample"]);
    let figure = |figures: &Value, key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
    for (name, figures) in [("tagwerk", ingest), ("SQLite rows", sqlite)] {
        table.row(&[
            name.to_owned(),
            format!("{:.2} M", figure(figures, "samples_per_second") / 1e6),
            format!("{:.2}", figure(figures, "bytes_per_sample")),
        ]);
    }
    table.row(&["Parquet, Snappy".to_owned(), String::new(), format!("{parquet:.2}")]);
    table.row(&["DuckDB's own table".to_owned(), String::new(), format!("{duckdb:.2}")]);
    table
}
