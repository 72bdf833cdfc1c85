//! Commands run one after the other, with a line about each and a summary of all.

use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs a command and lets its output through.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("starting `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and gives what it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("starting `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}): {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

/// Whether the program can be started at all.
pub fn exists(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers in sbin, which is not in everybody's PATH.
    std::env::split_paths(&folders)
        .chain([std::path::PathBuf::from("/usr/sbin"), std::path::PathBuf::from("/sbin")])
        .any(|folder| folder.join(program).is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Steps of which all are tried, so that one run tells everything that is wrong.
#[derive(Default)]
pub struct Steps {
    done: Vec<(String, Duration, Option<String>)>,
}

impl Steps {
    /// Runs a step. `again` is what to type to repeat just this one.
    pub fn step(&mut self, name: &str, again: &str, work: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let started = Instant::now();
        let result = work();
        let failed = result.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(error) = &failed {
            eprintln!("{name}: {error}\n{name}: repeat with: {again}");
        }
        let remedy = failed.map(|_| again.to_owned());
        self.done.push((name.to_owned(), started.elapsed(), remedy));
        result.is_ok()
    }

    /// Prints the table; an error when any step failed.
    pub fn summary(&self) -> Result<()> {
        println!("\n{:<24} {:>8}  result", "step", "seconds");
        for (name, time, remedy) in &self.done {
            let result = match remedy {
                None => "ok".to_owned(),
                Some(again) => format!("FAILED   repeat with: {again}"),
            };
            println!("{name:<24} {:>8.1}  {result}", time.as_secs_f64());
        }
        let failed = self.done.iter().filter(|(_, _, remedy)| remedy.is_some()).count();
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.done.len());
        }
        Ok(())
    }
}
