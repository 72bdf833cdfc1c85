//! `gen`: everything that is written by a program and kept in the repository. `--check` writes
//! nothing and fails when something is stale.

mod functions;
mod limits;
mod reference;

use crate::steps;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

const OPENAPI: &str = "openapi/edge.json";
const CONSOLE_TYPES: &str = "console/src/api/__generated__/edge.ts";
const REFERENCE: &str = "docs/reference";

#[derive(clap::Args)]
pub struct Args {
    /// Only say whether anything is stale
    #[arg(long)]
    pub check: bool,
}

/// Paths and contents of generated files.
type Files = BTreeMap<String, String>;

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    steps::run(&mut workspace.cargo(&["build", "-q", "--workspace"]))?;
    let mut files = Files::new();
    files.insert(OPENAPI.to_owned(), edge(workspace, &["openapi"])?);
    let catalogue = edge(workspace, &["components", "--json"])?;
    let catalogue = serde_json::from_str(&catalogue).context("reading `tagwerk components`")?;
    files.extend(reference::pages(&catalogue)?);
    let limits = workspace.read(crate::tidy::LIMITS)?;
    files.insert(format!("{REFERENCE}/limits.md"), limits::page(&limits)?);
    files.insert(format!("{REFERENCE}/functions.md"), functions::from(workspace)?);
    let extra = superfluous(workspace, &files)?;
    if args.check {
        return check(workspace, &files, &extra);
    }
    for (path, text) in &files {
        workspace.write(path, text)?;
    }
    for path in extra {
        std::fs::remove_file(workspace.path(&path)).with_context(|| format!("removing {path}"))?;
    }
    if workspace.path("console/node_modules").is_dir() {
        steps::run(&mut workspace.npm(&["run", "--silent", "gen"]))?;
    } else {
        bail!("the console's types were not written: run `cargo xtask setup`, then this again");
    }
    println!("gen: {} files and the console's types are fresh", files.len());
    Ok(())
}

/// What the edge itself says.
fn edge(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    let mut command = workspace.command(workspace.program("tagwerk"));
    let text = steps::output(command.args(arguments))?;
    Ok(format!("{}\n", text.trim_end()))
}

fn check(workspace: &Workspace, files: &Files, extra: &[String]) -> Result<()> {
    let mut stale: Vec<String> = files
        .iter()
        .filter(|(path, text)| workspace.read(path).ok().as_ref() != Some(*text))
        .map(|(path, _)| path.clone())
        .collect();
    stale.extend(extra.iter().cloned());
    if console_types(workspace)? != workspace.read(CONSOLE_TYPES).unwrap_or_default() {
        stale.push(CONSOLE_TYPES.to_owned());
    }
    if stale.is_empty() {
        println!("gen: {} files and the console's types are fresh", files.len());
        return Ok(());
    }
    bail!("stale: {}\nrun `cargo xtask gen` and look at what changed", stale.join(", "));
}

/// The console's types as they would be written from the OpenAPI document in the repository.
fn console_types(workspace: &Workspace) -> Result<String> {
    let scratch = workspace.path("var/gen");
    crate::workspace::create_folder(&scratch)?;
    let path = scratch.join("edge.ts");
    let mut command = workspace.npm(&["exec", "--", "openapi-typescript", "../openapi/edge.json"]);
    command.arg("-o").arg(&path).stdout(std::process::Stdio::null());
    steps::run(&mut command)?;
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Pages of components that are no more.
fn superfluous(workspace: &Workspace, files: &Files) -> Result<Vec<String>> {
    let pages = workspace.files()?.into_iter().filter(|path| {
        let folders = ["drivers", "sinks", "channels"].map(|kind| format!("{REFERENCE}/{kind}/"));
        folders.iter().any(|folder| path.starts_with(folder)) && !files.contains_key(path)
    });
    Ok(pages.collect())
}
