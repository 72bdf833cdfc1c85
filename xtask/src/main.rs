//! The workshop: everything done to this repository, as `cargo xtask VERB`. One file per verb;
//! this one only lists them.
#![allow(
    clippy::disallowed_methods,
    reason = "it is the workshop, not the product: it works on the machine it runs on"
)]

mod bench;
mod check;
mod demo;
mod fuzz;
mod generate;
mod new;
mod process;
mod setup;
mod steps;
mod test;
mod tidy;
mod torture;
mod workspace;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// Everything done to this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what tests and demo need: packages, Python venv, the console's packages and build
    Setup,
    /// Start a simulated plant and an edge that polls it, and print the console's address
    Demo(demo::Args),
    /// Run every test, or a part: `test rust`, `console`, `e2e`, `tidy`
    Test(test::Args),
    /// Format, lints and rules, without tests: what to run before a commit
    Check,
    /// Write everything generated: OpenAPI, the console's types, reference pages
    Gen(generate::Args),
    /// Hold the rules of ARCHITECTURE.md and STYLE.md
    Tidy(tidy::Args),
    /// Start a new driver, sink, console page or decision record
    New(new::Args),
    /// Measure: `bench` lists what there is
    Bench(bench::Args),
    /// Put every driver under every fault and write the fault table; do to the journal what disks do
    Torture(torture::Args),
    /// Run the fuzz targets: `fuzz` alone runs each for a minute
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let Some(verb) = Cli::parse().verb else {
        list();
        return ExitCode::SUCCESS;
    };
    let result = Workspace::here().and_then(|workspace| match verb {
        Verb::Setup => setup::run(&workspace),
        Verb::Demo(args) => demo::run(&workspace, &args),
        Verb::Test(args) => test::run(&workspace, &args),
        Verb::Check => check::run(&workspace),
        Verb::Gen(args) => generate::run(&workspace, &args),
        Verb::Tidy(args) => tidy::run(&workspace, &args),
        Verb::New(args) => new::run(&workspace, &args),
        Verb::Bench(args) => bench::run(&workspace, &args),
        Verb::Torture(args) => torture::run(&workspace, &args),
        Verb::Fuzz(args) => fuzz::run(&workspace, &args),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    println!("cargo xtask VERB:");
    for verb in Cli::command().get_subcommands() {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        println!("  {:6} {about}", verb.get_name());
    }
}
