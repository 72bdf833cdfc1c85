//! `fuzz`: the targets in `fuzz/`, run by cargo-fuzz on the stable compiler.

use crate::steps::{self, Steps};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

/// Targets that need a feature of `fuzz/Cargo.toml`: the others are built without their libraries.
const FEATURES: [(&str, &str); 4] = [
    ("archive_file", "archive"),
    ("ekuiper_import", "rules"),
    ("postgres_messages", "postgres"),
    ("user_function", "script"),
];

#[derive(clap::Args)]
pub struct Args {
    /// Which one; all of them when none is named
    target: Option<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !workspace.cargo(&["fuzz", "--version"]).output().is_ok_and(|out| out.status.success()) {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked` (1 minute)");
    }
    let targets = targets(workspace)?;
    if let Some(target) = &args.target
        && !targets.contains(target)
    {
        bail!("there is no fuzz target `{target}`; there are {}", targets.join(", "));
    }
    let mut steps = Steps::default();
    for target in targets.iter().filter(|t| args.target.as_ref().is_none_or(|one| one == *t)) {
        let again = format!("cargo xtask fuzz {target} --seconds {}", args.seconds);
        steps.step(target, &again, || {
            let seconds = format!("-max_total_time={}", args.seconds);
            // The sanitizer's runtime and coverage flags are unstable options of a stable compiler.
            let mut command = workspace.cargo(&["fuzz", "run", target]);
            let feature = FEATURES.iter().find(|(of, _)| of == target);
            command.args(feature.map(|(_, feature)| format!("--features={feature}")));
            command.args(["--", seconds.as_str(), "-print_final_stats=1", "-rss_limit_mb=2048"]);
            command.env("RUSTC_BOOTSTRAP", "1");
            steps::run(&mut command)
        });
    }
    steps.summary()
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let folder = workspace.path("fuzz/fuzz_targets");
    for entry in std::fs::read_dir(&folder).context("listing the fuzz targets")? {
        let path = entry.context("listing the fuzz targets")?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
