//! What happened on this edge: logins, configurations, commands, devices and sinks that came and went.
//! Kept in the journal's record stream; the last of them are remembered for showing.

use crate::live::Now;
use crate::record::{self, AuditEntry, CommandIntent, CommandOutcome, RecordKind};
use crate::view::CommandView;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::Secrets;
use tagwerk_env::{Clock, Moment};
use tagwerk_journal::Journal;
use tagwerk_model::limits;

/// A state that changes more often than this is told once as unstable.
const CHANGES_TOLD_MAX: u32 = 6;
/// A state that did not change for this long counts as stable again.
const STABLE_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventSeverity {
    #[default]
    Info,
    Warning,
    Error,
}

impl EventSeverity {
    pub(crate) fn from_code(code: u8) -> EventSeverity {
        match code {
            0 => EventSeverity::Info,
            1 => EventSeverity::Warning,
            _ => EventSeverity::Error,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the record stream.
    pub seq: u64,
    pub unix_ns: i64,
    pub kind: RecordKind,
    pub severity: EventSeverity,
    /// Who did it; nobody, where it happened by itself.
    pub by: Option<Box<str>>,
    /// The device, sink, user or other thing it is about.
    pub subject: Option<Box<str>>,
    pub text: Box<str>,
}

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    pub kind: Option<RecordKind>,
    /// Part of the text, the subject or the name of who did it.
    pub text: Option<String>,
    /// Only events before this place.
    pub before: Option<u64>,
    pub limit: usize,
}

pub(crate) struct Events {
    journal: Journal,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    last: Mutex<VecDeque<Event>>,
    restless: Mutex<HashMap<Box<str>, Restless>>,
}

/// A state that changed of late.
struct Restless {
    changes: u32,
    last: Moment,
}

impl Events {
    pub fn open(journal: Journal, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>) -> Arc<Events> {
        let (last, restless) = (Mutex::default(), Mutex::default());
        let events = Events { journal, clock, secrets, last, restless };
        let mut intents: HashMap<String, CommandView> = HashMap::new();
        record::visit(&events.journal, |seq, kind, payload| match kind {
            RecordKind::CommandIntent => {
                if let Ok(intent) = serde_json::from_slice::<CommandIntent>(payload) {
                    let view = intent.into_view();
                    intents.insert(view.id.to_string(), view);
                }
            }
            RecordKind::CommandOutcome => {
                if let Ok(outcome) = serde_json::from_slice::<CommandOutcome>(payload)
                    && let Some(mut view) = intents.remove(&outcome.id)
                {
                    outcome.complete(&mut view);
                    events.push(of_command(seq, &view));
                }
            }
            _ => {
                if let Ok(entry) = serde_json::from_slice::<AuditEntry>(payload) {
                    events.push(of_entry(seq, kind, entry));
                }
            }
        });
        Arc::new(events)
    }

    fn push(&self, event: Event) {
        let mut last = self.last.lock();
        if last.len() >= limits::EVENTS_REMEMBERED_MAX {
            last.pop_front();
        }
        last.push_back(event);
    }

    /// Writes an event; returns when it is on disk.
    pub async fn record(&self, kind: RecordKind, mut entry: AuditEntry) -> Result<(), String> {
        entry.text = self.secrets.redact(entry.text);
        let seq = record::write(&self.journal, kind, &entry).await?;
        self.push(of_entry(seq, kind, entry));
        Ok(())
    }

    /// Writes an event that nobody waits for.
    pub fn note(&self, kind: RecordKind, severity: EventSeverity, subject: &str, text: &str) {
        let entry = AuditEntry {
            by: String::new(),
            text: self.secrets.redact(text.to_owned()),
            unix_ns: Now::of(self.clock.as_ref()).unix_ns,
            subject: Some(subject.to_owned()),
            severity: severity as u8,
        };
        match record::append(&self.journal, kind, &entry) {
            Ok(seq) => self.push(of_entry(seq, kind, entry)),
            Err(error) => {
                tracing::error!(subject, text = entry.text, error, "an event cannot be recorded")
            }
        }
    }

    /// Notes that a state changed; one that changes again and again is told to be unstable, once.
    pub fn changed(&self, kind: RecordKind, severity: EventSeverity, subject: &str, text: &str) {
        let now = self.clock.now();
        let changes = {
            let mut restless = self.restless.lock();
            restless.retain(|_, state| now.since(state.last) < STABLE_AFTER);
            let state = restless
                .entry(format!("{kind:?} {subject}").into())
                .or_insert(Restless { changes: 0, last: now });
            state.changes += 1;
            state.last = now;
            state.changes
        };
        if changes < CHANGES_TOLD_MAX {
            self.note(kind, severity, subject, text);
        } else if changes == CHANGES_TOLD_MAX {
            let text = format!(
                "unstable: its state changed {changes} times within {} s of each other; further \
                 changes are not listed until it is stable for as long. At last: {text}",
                STABLE_AFTER.as_secs()
            );
            self.note(kind, EventSeverity::Warning, subject, &text);
        }
    }

    pub fn command_ended(&self, seq: u64, view: &CommandView) {
        self.push(of_command(seq, view));
    }

    /// Newest first.
    pub fn list(&self, query: &EventQuery) -> Vec<Event> {
        let text = query.text.as_ref().map(|text| text.to_lowercase());
        let has = |field: &str| text.as_ref().is_none_or(|t| field.to_lowercase().contains(t));
        let fits = |event: &&Event| {
            query.before.is_none_or(|before| event.seq < before)
                && query.kind.is_none_or(|kind| event.kind == kind)
                && (has(&event.text)
                    || event.by.as_deref().is_some_and(has)
                    || event.subject.as_deref().is_some_and(has))
        };
        self.last.lock().iter().rev().filter(fits).take(query.limit).cloned().collect()
    }
}

fn of_entry(seq: u64, kind: RecordKind, entry: AuditEntry) -> Event {
    Event {
        seq,
        unix_ns: entry.unix_ns,
        kind,
        severity: EventSeverity::from_code(entry.severity),
        by: (!entry.by.is_empty()).then(|| entry.by.into()),
        subject: entry.subject.map(Into::into),
        text: entry.text.into(),
    }
}

fn of_command(seq: u64, view: &CommandView) -> Event {
    use crate::view::CommandState::{Done, Unknown};
    let shown = |value: &tagwerk_model::Value| {
        let mut out = Vec::new();
        value.as_ref().write_json(view.data_type, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let was = view.old_value.as_ref().map(|old| format!(" (was {})", shown(old)));
    let reason = view.reason.as_ref().map(|reason| format!(": {reason}"));
    Event {
        seq,
        unix_ns: view.ended_unix_ns.unwrap_or(view.created_unix_ns),
        kind: RecordKind::CommandOutcome,
        severity: match view.state {
            Done => EventSeverity::Info,
            Unknown => EventSeverity::Error,
            _ => EventSeverity::Warning,
        },
        by: Some((&*view.by).into()),
        subject: Some(format!("{}/{}", view.device, view.tag).into()),
        text: format!(
            "write of {}{}: {}{}",
            shown(&view.value),
            was.unwrap_or_default(),
            view.state.name(),
            reason.unwrap_or_default()
        )
        .into(),
    }
}
