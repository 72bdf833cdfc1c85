//! `bench size`: how large the shipped program is, by its parts, beside a plain release build of it.

use super::measure::{Table, mebibytes};
use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// The larger parts of the file.
const PARTS: [(&str, &str); 5] = [
    (".text", "machine code"),
    (".rodata", "constants, with the console"),
    (".eh_frame", "tables for unwinding"),
    (".data.rel.ro", "tables of addresses"),
    (".rela.dyn", "relocations"),
];

pub fn run(workspace: &Workspace, _: &[String]) -> Result<()> {
    crate::setup::console(workspace)?;
    eprintln!(
        "bench size: building twice, one of it with optimisation at link time (half an hour)"
    );
    let mut table = Table::new(&["tagwerk", "release", "dist", "ratio"]);
    let mut files = Vec::new();
    for profile in ["release", "dist"] {
        let build = ["build", "--profile", profile, "-p", "tagwerk-edge", "--bin", "tagwerk"];
        steps::run(&mut workspace.cargo(&build))?;
        let program = workspace.target().join(profile).join("tagwerk");
        let stripped = workspace.path(&format!("var/bench/tagwerk-{profile}"));
        crate::workspace::create_folder(&workspace.path("var/bench"))?;
        let mut strip = Command::new("strip");
        steps::run(strip.arg("-o").arg(&stripped).arg(&program)).context("is binutils there?")?;
        files.push(stripped);
    }
    let sizes: Vec<u64> = files.iter().map(|file| size(file)).collect::<Result<_>>()?;
    let mut row = |name: &str, of: [u64; 2]| {
        let ratio = of[1] as f64 / of[0].max(1) as f64;
        table.row(&[name.to_owned(), mebibytes(of[0]), mebibytes(of[1]), format!("{ratio:.2}")]);
    };
    row("the program, stripped", [sizes[0], sizes[1]]);
    let sections: Vec<Vec<(String, u64)>> =
        files.iter().map(|file| sections(file)).collect::<Result<_>>()?;
    for (part, what) in PARTS {
        let of = |at: usize| {
            let found = sections[at].iter().find(|(name, _)| name == part);
            found.map_or(0, |(_, bytes)| *bytes)
        };
        row(&format!("  {part}: {what}"), [of(0), of(1)]);
    }
    print!("{}", table.text());
    // That it was cut must not mean that it does not start.
    steps::run(Command::new(&files[1]).arg("--version"))
}

fn size(file: &Path) -> Result<u64> {
    Ok(std::fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?.len())
}

/// Names and sizes, as binutils tell them.
fn sections(file: &Path) -> Result<Vec<(String, u64)>> {
    let output = Command::new("size").arg("-A").arg(file).output().context("starting size")?;
    if !output.status.success() {
        bail!("size: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    Ok(parts.collect())
}
