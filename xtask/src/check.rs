//! `check`: what can be said without running anything, for before a commit.

use crate::steps::{self, Steps};
use crate::tidy;
use crate::workspace::Workspace;
use anyhow::Result;

pub fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("tidy", "cargo xtask tidy", || tidy::run(workspace, &tidy::Args::default()));
    rust(workspace, &mut steps);
    if workspace.path("console/node_modules").is_dir() {
        steps.step("console: lint", "npm --prefix console run lint", || {
            steps::run(&mut workspace.npm(&["run", "--silent", "lint"]))
        });
    } else {
        println!("\nconsole: not checked, its packages are not installed (cargo xtask setup)");
    }
    steps.summary()
}

/// Format and clippy.
pub fn rust(workspace: &Workspace, steps: &mut Steps) {
    steps.step("format", "cargo fmt --all", || {
        steps::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))
    });
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.step("clippy", &format!("cargo {}", clippy.join(" ")), || {
        steps::run(&mut workspace.cargo(&clippy))
    });
}
