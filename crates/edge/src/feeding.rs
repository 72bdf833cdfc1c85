//! The thread that feeds history from the journal, and what is done when history does not open.

use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tagwerk_env::Env;
use tagwerk_historian::{Historian, OnTrouble, OpenError, Options, Trouble, run_ingest};
use tagwerk_journal::Journal;
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{EventSeverity, RecordKind, Runtime};
use tokio::sync::watch;

/// The history of a data directory, and the thread that feeds it from the journal.
pub struct Feeding {
    historian: Historian,
    off: Option<Arc<Problem>>,
    at_work: Option<(watch::Sender<bool>, JoinHandle<()>)>,
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
        let folder = data.join("history");
        let (historian, opened) = match Historian::open(env, &folder, options.clone()) {
            Ok(opened) => opened,
            // Another edge works on the same data: two would spoil it.
            Err(error @ OpenError::InUse { .. }) => return Err(error.into()),
            Err(error) => return Feeding::off(env, data, runtime, &error),
        };
        if !opened.quarantined.is_empty() {
            let text = format!(
                "{} damaged files of history were put aside into quarantine; the rest is served",
                opened.quarantined.len()
            );
            runtime.note(RecordKind::System, EventSeverity::Warning, "history", &text);
        }
        if !opened.damaged.is_empty() {
            let text = format!(
                "{} files of history are damaged and samples may be lost; what could not be read is in \
                 quarantine, the rest is served; check the disk",
                opened.damaged.len()
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
        Ok(Feeding { historian, off: None, at_work: Some((stop, thread)) })
    }

    /// The edge works without history, which stays as it is. In its place there is an empty one that
    /// nothing is put into, so that what comes stays in the journal.
    fn off(
        env: &Env,
        data: &Path,
        runtime: &Runtime,
        error: &OpenError,
    ) -> anyhow::Result<Feeding> {
        tracing::error!(%error, "the edge works without history");
        let text = format!("the edge works without history: {error}");
        runtime.note(RecordKind::System, EventSeverity::Error, "history", &text);
        let folder = data.join("history-off");
        let (historian, _) = Historian::open(env, &folder, Options::default())
            .with_context(|| format!("neither the history nor {} opens", folder.display()))?;
        let off = Problem {
            kind: ProblemKind::Task,
            error: true,
            subject: "history".into(),
            since_unix_ns: env.clock.wall().unix_ns,
            cause: error.to_string(),
            doing: "samples stay in the journal while it has room, and history takes them once it \
                    opens; it is not touched until then, and statements about the past are refused"
                .to_owned(),
            remedy: "mend the cause, then start the edge again".to_owned(),
            tags: 0,
        };
        Ok(Feeding { historian, off: Some(Arc::new(off)), at_work: None })
    }

    /// Why there is no history; none where it works.
    pub fn why_off(&self) -> Option<Arc<Problem>> {
        self.off.clone()
    }

    pub fn historian(&self) -> Historian {
        self.historian.clone()
    }

    /// Stores what history has and ends. Blocking.
    pub fn end(self) {
        let Some((stop, thread)) = self.at_work else { return };
        stop.send_replace(true);
        if thread.join().is_err() {
            tracing::error!("the thread of history panicked");
        }
    }
}

fn tell(runtime: Runtime) -> OnTrouble {
    Arc::new(move |trouble| {
        let severity = match trouble {
            Trouble::Healed | Trouble::Expired { .. } | Trouble::RolledUp { .. } => {
                EventSeverity::Info
            }
            Trouble::Storing { .. } | Trouble::Damaged { .. } => EventSeverity::Warning,
            Trouble::Missing { .. } | Trouble::Panicked { .. } => EventSeverity::Error,
        };
        runtime.note(RecordKind::System, severity, "history", &trouble.to_string());
    })
}
