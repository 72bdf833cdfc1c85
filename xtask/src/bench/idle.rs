//! `bench idle`: what the simulated plant costs while nobody asks it anything, second by second. The
//! smallest complete bench, made to be copied.

use super::measure::{Table, Usage, mebibytes, percentile};
use crate::process::Running;
use crate::steps;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

const SECONDS: u32 = 5;

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let seconds: u32 = match arguments.first() {
        Some(text) => text.parse().with_context(|| format!("`{text}` as a number of seconds"))?,
        None => SECONDS,
    };
    steps::run(&mut workspace.cargo(&["build", "-q", "-p", "tagwerk-plant"]))?;
    create_folder(&workspace.path("var/bench"))?;
    let mut command = workspace.command(workspace.program("tagwerk-plant"));
    command.arg("serve");
    let mut plant =
        Running::start("tagwerk-plant", &mut command, &workspace.path("var/bench/plant.log"))?;
    plant.ready_line()?;
    let mut loads = Vec::new();
    let mut before = Usage::of(plant.id())?;
    for _ in 0..seconds {
        let started = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        let now = Usage::of(plant.id())?;
        let used = now.cpu_since(&before).as_secs_f64();
        loads.push(100.0 * used / started.elapsed().as_secs_f64());
        before = now;
    }
    let mut table = Table::new(&["an idle plant", "value"]);
    for (name, part) in [("CPU, median", 0.5), ("CPU, highest", 1.0)] {
        let load = percentile(&mut loads, part).unwrap_or_default();
        table.row(&[name.to_owned(), format!("{load:.1} %")]);
    }
    table.row(&["anonymous memory".to_owned(), mebibytes(before.anonymous_bytes)]);
    table.row(&["resident memory".to_owned(), mebibytes(before.resident_bytes)]);
    let share = before.proportional_bytes.map_or("–".to_owned(), mebibytes);
    table.row(&["proportional memory".to_owned(), share]);
    table.row(&["threads".to_owned(), before.threads.to_string()]);
    print!("{}", table.text());
    plant.end()
}
