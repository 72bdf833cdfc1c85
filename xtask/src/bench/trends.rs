//! `bench trends`: how soon a trend of long ago is drawn in a browser: many tags, a month of history,
//! one tag and eight, an hour, a day and all of it; the plain answers of the API beside it.

use super::measure::Table;
use super::past::{PastEdge, Size};
use crate::setup;
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::Value;

/// First charts in less than this.
const GOAL_MS: f64 = 1_000.0;

#[derive(clap::Parser)]
#[command(name = "cargo xtask bench trends")]
struct Arguments {
    #[command(flatten)]
    size: Size,
    /// Times that each page is opened
    #[arg(long, default_value_t = 7)]
    times: u32,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let name = std::iter::once("trends".to_owned());
    let arguments = <Arguments as clap::Parser>::parse_from(name.chain(arguments.iter().cloned()));
    setup::console(workspace)?;
    let mut edge = PastEdge::start(workspace, &arguments.size, &[])?;
    if let Some(made) = &edge.made {
        println!("history made: {made}");
    }
    let mut command = workspace.command("node");
    command.current_dir(workspace.path("console")).arg("e2e/measure-trends.mjs");
    command.env("TAGWERK_URL", format!("http://{}", edge.address));
    command.env("TAGWERK_SETUP_URL", edge.setup.as_deref().unwrap_or_default());
    command.env("TAGWERK_TIMES", arguments.times.to_string());
    let text = steps::output(&mut command)?;
    edge.end()?;
    let lines: Vec<Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("figures")?;
    println!(
        "{} tags, {} days, {} s",
        arguments.size.tags, arguments.size.days, arguments.size.period
    );
    print!("{}", table(&lines).text());
    Ok(())
}

/// Milliseconds; of the pages the median, and the longest in brackets.
fn table(lines: &[Value]) -> Table {
    let mut table =
        Table::new(&["trends", "API", "first visit", "once more", "points", "goal < 1 s"]);
    for line in lines {
        let number = |key: &str| line[key].as_f64();
        let pair = |key: &str| match (number(key), number(&format!("{key}_max"))) {
            (Some(median), Some(most)) => format!("{median:.0} ({most:.0}) ms"),
            _ => "–".to_owned(),
        };
        let slowest = number("first").unwrap_or(0.0).max(number("again").unwrap_or(0.0));
        table.row(&[
            line["name"].as_str().unwrap_or_default().to_owned(),
            number("api").map_or("–".to_owned(), |ms| format!("{ms:.1} ms")),
            pair("first"),
            pair("again"),
            number("points").map_or("–".to_owned(), |points| format!("{points:.0}")),
            if slowest < GOAL_MS { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    table
}
