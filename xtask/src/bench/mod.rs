//! `bench NAME`: measurements of the built programs. One file per bench, listed here; what they share
//! is `measure.rs`.

mod drivers;
mod history;
mod idle;
mod journal;
mod measure;
mod past;
mod query;
mod rules;
mod scan;
mod size;
mod stop;
mod trends;
mod wear;

use crate::workspace::Workspace;
use anyhow::{Result, bail};

#[derive(clap::Args)]
pub struct Args {
    /// Which one; all are listed when none is named
    name: Option<String>,
    /// Arguments of the bench itself
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

struct Bench {
    name: &'static str,
    summary: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

/// Every bench, in the order of the listing.
const BENCHES: &[Bench] = &[
    Bench {
        name: "scan",
        summary: "what polling costs beside a bare loop, and how soon a change is at a subscriber",
        run: scan::run,
    },
    Bench {
        name: "drivers",
        summary: "what 10,000 values a second cost through each driver, beside its session alone",
        run: drivers::run,
    },
    Bench {
        name: "history",
        summary: "samples into history, their size and memory, and questions; beside rows in SQLite",
        run: history::run,
    },
    Bench {
        name: "rules",
        summary: "what rules cost: rows, windows, latency, and very many of them; beside bare kernels",
        run: rules::run,
    },
    Bench {
        name: "trends",
        summary: "how soon a trend of a month is drawn in a browser, beside the plain answers",
        run: trends::run,
    },
    Bench {
        name: "stop",
        summary: "how soon the work for a statement ends that nobody wants any more",
        run: stop::run,
    },
    Bench {
        name: "query",
        summary: "statements over history, beside DuckDB with the same samples, and rows in SQLite",
        run: query::run,
    },
    Bench {
        name: "journal",
        summary: "what the journal appends and drains in a second, beside dd with as many syncs",
        run: journal::run,
    },
    Bench {
        name: "wear",
        summary: "what flash is written for each sample, by class of durability, beside rows in SQLite",
        run: wear::run,
    },
    Bench {
        name: "size",
        summary: "how large the shipped program is, beside a plain release build",
        run: size::run,
    },
    Bench {
        name: "idle",
        summary: "what the simulated plant costs while nobody asks it anything",
        run: idle::run,
    },
];

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let Some(name) = &args.name else {
        println!("cargo xtask bench NAME:");
        BENCHES.iter().for_each(|bench| println!("  {:8} {}", bench.name, bench.summary));
        return Ok(());
    };
    match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => (bench.run)(workspace, &args.arguments),
        None => bail!("there is no bench `{name}`; `cargo xtask bench` lists them"),
    }
}
