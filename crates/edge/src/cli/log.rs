//! The log: to standard error, as text or JSON. `TAGWERK_LOG` chooses what, as in `tagwerk=debug`.

use crate::secrets::SecretStore;
use clap::ValueEnum;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use tracing_subscriber::EnvFilter;

/// Whose values never stand in the log, once they are known.
static SECRETS: OnceLock<Arc<SecretStore>> = OnceLock::new();

/// From now on the log is written without these: drivers and sinks quote what the other side said, and
/// that may repeat a password.
pub fn keep_out(secrets: Arc<SecretStore>) {
    // The first stays; there is one edge in a process.
    let _ = SECRETS.set(secrets);
}

/// Standard error. The subscriber writes an event in one piece.
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match SECRETS.get() {
            None => io::stderr().write_all(bytes)?,
            Some(secrets) => {
                let text = secrets.redact(String::from_utf8_lossy(bytes).into_owned());
                io::stderr().write_all(text.as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// The client of object storage tells every try; what comes of them is told once.
const DEFAULT: &str = "info,object_store=warn";

pub fn start(format: Format) {
    let filter = EnvFilter::try_from_env("TAGWERK_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let colours = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Redacting)
        .with_ansi(colours)
        .with_target(false);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().init(),
    }
}
