//! History on the edge: the thread that feeds it, and what statements see of it.

use crate::ledger::Books;
use crate::ledger_rows::{rows, sink_rows};
use crate::secrets::SecretStore;
use crate::show;
use anyhow::Context;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{Historian, OnTrouble, Options, ReadError, Scan, Trouble, run_ingest};
use tagwerk_journal::Journal;
use tagwerk_model::{TagDefinition, TagId, limits};
use tagwerk_runtime::{EventQuery, EventSeverity, RecordKind, Runtime};
use tagwerk_sql::{
    Cancel, EventRow, Latest, LedgerRow, Pieces, Rows, SinkRow, Source, TagEntry, TagTable,
};
use tokio::sync::watch;

/// A tag that is new is seen by statements after this long at the latest.
const TAGS_FOR: Duration = Duration::from_secs(1);
/// What statements read from.
pub struct Tables {
    books: Books,
    secrets: Arc<SecretStore>,
    known: Mutex<Option<(Moment, Arc<TagTable>)>>,
}

impl Tables {
    pub fn new(books: Books, secrets: Arc<SecretStore>) -> Tables {
        Tables { books, secrets, known: Mutex::default() }
    }

    /// As configured now; else as history last knew it.
    fn all_tags(&self) -> TagTable {
        let mut tags: HashMap<TagId, TagEntry> = HashMap::new();
        for tag in self.books.historian.tags() {
            let entry = TagEntry {
                id: tag.id,
                device: tag.device,
                name: tag.name,
                data_type: tag.data_type,
                unit: tag.unit,
            };
            tags.insert(entry.id, entry);
        }
        let mut devices: HashSet<Arc<str>> = HashSet::new();
        self.books.runtime.each_tag(&mut |device: &str, tag: &TagDefinition| {
            let device = match devices.get(device) {
                Some(known) => known.clone(),
                None => {
                    let new: Arc<str> = device.into();
                    devices.insert(new.clone());
                    new
                }
            };
            let entry = TagEntry {
                id: tag.id,
                device,
                name: (&*tag.name).into(),
                data_type: tag.data_type,
                unit: (&*tag.unit).into(),
            };
            tags.insert(tag.id, entry);
        });
        TagTable::new(tags.into_values().collect())
    }
}

impl Source for Tables {
    fn tags(&self) -> Arc<TagTable> {
        let now = self.books.env.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, table)) if now.since(*at) < TAGS_FOR => table.clone(),
            _ => {
                let table = Arc::new(self.all_tags());
                *known = Some((now, table.clone()));
                table
            }
        }
    }

    fn history(&self, scan: &Scan) -> Pieces {
        // What is damaged was told as an event; the rest is served.
        let pieces = self.books.historian.scan(scan).filter_map(|piece| match piece {
            Err(error @ ReadError::Damaged { .. }) => {
                tracing::warn!(%error, "a statement goes on without damaged samples");
                None
            }
            piece => Some(piece.map_err(|error| error.to_string())),
        });
        Box::new(pieces)
    }

    fn latest(&self, tags: &[TagId]) -> Vec<Latest> {
        let newest = self.books.runtime.newest(&tags.iter().copied().collect());
        let rows = newest.into_iter().filter_map(|(tag, view)| {
            Some(Latest {
                tag,
                unix_ns: view.read_unix_ns?,
                source_time: view.source_unix_ns,
                quality: view.quality,
                value: view.value,
            })
        });
        rows.collect()
    }

    fn ledger(&self, span: Range<i64>, tags: &[TagId], cancel: Cancel) -> Rows<LedgerRow> {
        rows(self.books.clone(), &self.tags(), span, tags, cancel)
    }

    fn ledger_sinks(&self, span: Range<i64>, cancel: Cancel) -> Rows<SinkRow> {
        sink_rows(self.books.clone(), span, cancel)
    }

    fn events(&self) -> Vec<EventRow> {
        let query = EventQuery { limit: limits::EVENTS_REMEMBERED_MAX, ..EventQuery::default() };
        let rows = self.books.runtime.events(&query).into_iter().map(|event| EventRow {
            unix_ns: event.unix_ns,
            kind: show::event_kind(event.kind).name().to_owned(),
            severity: show::event_severity(event.severity).name().to_owned(),
            about: event.subject.map(Into::into).unwrap_or_default(),
            text: self.secrets.redact(event.text.into()),
            by: event.by.map(Into::into),
        });
        rows.collect()
    }
}

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
