//! History on the edge: the thread that feeds it from the journal.

use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tagwerk_env::Env;
use tagwerk_historian::{Historian, OnTrouble, Options, Trouble, run_ingest};
use tagwerk_journal::Journal;
use tagwerk_runtime::{EventSeverity, RecordKind, Runtime};
use tokio::sync::watch;

/// The history of a data directory, and the thread that feeds it from the journal.
pub struct Feeding {
    historian: Historian,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Feeding {
    pub fn start(
        env: &Env,
        data: &Path,
        journal: &Journal,
        runtime: &Runtime,
        bytes_max: Option<u64>,
    ) -> anyhow::Result<Feeding> {
        let mut options = Options { on_trouble: Some(tell(runtime.clone())), ..Options::default() };
        if let Some(bytes_max) = bytes_max {
            options.bytes_max = bytes_max;
        }
        let (historian, opened) = Historian::open(env, &data.join("history"), options)
            .with_context(|| format!("the history in {} cannot be opened", data.display()))?;
        if !opened.quarantined.is_empty() {
            let text = format!(
                "{} damaged files of history were put aside into quarantine; the rest is served",
                opened.quarantined.len()
            );
            runtime.note(RecordKind::System, EventSeverity::Warning, "history", &text);
        }
        let (stop, stopping) = watch::channel(false);
        let (fed, journal, env) = (historian.clone(), journal.clone(), env.clone());
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            run_ingest(&fed, &journal, &env, stopping);
        });
        let thread = thread.context("the thread of history cannot be started")?;
        Ok(Feeding { historian, stop, thread })
    }

    pub fn historian(&self) -> Historian {
        self.historian.clone()
    }

    /// Stores what history has and ends. Blocking.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of history panicked");
        }
    }
}

fn tell(runtime: Runtime) -> OnTrouble {
    Arc::new(move |trouble| {
        let severity = match trouble {
            Trouble::Healed | Trouble::Expired { .. } => EventSeverity::Info,
            Trouble::Storing { .. } | Trouble::Damaged { .. } => EventSeverity::Warning,
            Trouble::Missing { .. } | Trouble::Panicked { .. } => EventSeverity::Error,
        };
        runtime.note(RecordKind::System, severity, "history", &trouble.to_string());
    })
}
