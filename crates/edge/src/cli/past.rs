//! `tagwerk past`: history that nobody measured, for demos, tests and benches. Needs no edge.

use crate::past::{Past, make};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagwerk_component::Duration;
use tagwerk_env::Env;

#[derive(Args)]
pub struct Arguments {
    /// The configuration whose tags get a past
    #[arg(long)]
    config: PathBuf,
    /// How far back it goes
    #[arg(long, default_value = "24h", value_parser = duration)]
    length: Duration,
    /// Groups that are read more often get a sample this often
    #[arg(long, default_value = "60s", value_parser = duration)]
    period: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(text).ok_or_else(|| "not a duration such as `500ms`, `1s` or `24h`".to_owned())
}

pub fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let env = Env::system();
    let begun = env.clock.now();
    let (length, period) = (arguments.length.0, arguments.period.0);
    let made = make(&env, &Past { data, config: &arguments.config, length, period })?;
    let seconds = env.clock.now().since(begun).as_secs_f64();
    println!(
        "{{\"tags\":{},\"samples\":{},\"bytes\":{},\"seconds\":{seconds:.1}}}",
        made.tags, made.samples, made.bytes
    );
    Ok(ExitCode::SUCCESS)
}
