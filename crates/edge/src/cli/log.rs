//! The log: to standard error, as text or JSON. `TAGWERK_LOG` chooses what, as in `tagwerk=debug`.

use clap::ValueEnum;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

pub fn start(format: Format) {
    let filter = EnvFilter::try_from_env("TAGWERK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().init(),
    }
}
