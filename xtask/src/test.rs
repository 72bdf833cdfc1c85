//! `test`: everything that must hold, in parts that can be run alone.

use crate::check;
use crate::demo::{self, Demo, Folder, Fresh};
use crate::generate;
use crate::setup;
use crate::steps::{self, Steps};
use crate::tidy;
use crate::workspace::{Workspace, create_folder};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;

#[derive(clap::Args)]
pub struct Args {
    /// All of them when none is named
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// `cargo test` of the workspace, and whether generated files are fresh
    Rust,
    /// Format and clippy, which holds the house bans
    Lint,
    /// The console's lint and unit tests
    Console,
    /// The console in a browser, against the demo
    E2e,
    /// The rules of ARCHITECTURE.md and STYLE.md
    Tidy,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    let mut steps = Steps::default();
    if wanted(Part::Tidy) {
        steps.step("tidy", "cargo xtask tidy", || tidy::run(workspace, &tidy::Args::default()));
    }
    let outside = [Part::Rust, Part::Console, Part::E2e].into_iter().any(wanted);
    if outside && !steps.step("setup", "cargo xtask setup", || setup::run(workspace)) {
        // Whatever follows would only fail in ways harder to read.
        return steps.summary();
    }
    if wanted(Part::Rust) {
        let built = steps.step("rust: build", "cargo build --workspace", || {
            steps::run(&mut workspace.cargo(&["build", "--workspace"]))
        });
        if built {
            steps.step("rust: test", "cargo xtask test rust", || rust(workspace));
            steps.step("generated files", "cargo xtask gen --check", || {
                generate::run(workspace, &generate::Args { check: true })
            });
        }
    }
    if wanted(Part::Lint) {
        check::rust(workspace, &mut steps);
    }
    if wanted(Part::Console) {
        steps.step("console: lint", "npm --prefix console run lint", || {
            steps::run(&mut workspace.npm(&["run", "--silent", "lint"]))
        });
        steps.step("console: test", "npm --prefix console test", || {
            steps::run(&mut workspace.npm(&["run", "--silent", "test"]))
        });
        steps.step("console: pages", "npm --prefix console run e2e:mock", || {
            steps::run(&mut workspace.npm(&["run", "--silent", "e2e:mock"]))
        });
    }
    if wanted(Part::E2e) {
        steps.step("console: e2e", "cargo xtask test e2e", || e2e(workspace));
    }
    steps.summary()
}

fn rust(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
    // Tests that start foreign programs find them here.
    command.env("TAGWERK_VENV", workspace.path(".venv"));
    steps::run(&mut command)
}

/// The console's own tests in a browser, against a demo started for them.
fn e2e(workspace: &Workspace) -> Result<()> {
    demo::build(workspace)?;
    let screenshots = workspace.path("var/screenshots");
    create_folder(&screenshots)?;
    let tests = tests(workspace)?;
    let mut demo = Demo::start(workspace, &Folder::named(workspace, "e2e"), Fresh::Wipe)?;
    let mut command = workspace.command("node");
    command.current_dir(workspace.path("console"));
    command.args(["--test", "--test-concurrency=1"]).args(tests);
    command.env("TAGWERK_URL", demo.console());
    command.env("TAGWERK_SETUP_URL", demo.setup().unwrap_or_default());
    command.env("TAGWERK_PLANT_CONTROL", demo.plant_control());
    command.env("SCREENSHOTS", &screenshots);
    command.env("TAGWERK_BROWSE", "Press line/Press 2");
    command.env("TAGWERK_VENV", workspace.path(".venv"));
    let result = steps::run(&mut command);
    demo.end()?;
    result
}

/// The e2e test files, relative to `console/`; node 20 does not expand patterns by itself.
fn tests(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.path("console/e2e");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).context("listing console/e2e")? {
        let name = entry.context("listing console/e2e")?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".test.mjs") {
            files.push(format!("e2e/{name}"));
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("there is no test in {}", folder.display());
    }
    Ok(files)
}
