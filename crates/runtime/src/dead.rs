//! Messages that destinations refused for good: kept in the record, their samples in the journal, until
//! they are delivered after all or given up.

use crate::event::{EventSeverity, Events};
use crate::record::{self, RecordKind};
use crate::sink::cursor_name;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_env::Clock;
use tagwerk_journal::{Gap, GapReason, Journal, Span, Stream};
use tagwerk_model::{TagSet, limits};
use tokio::sync::Notify;

/// A message that its destination refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the record stream.
    pub id: u64,
    pub sink: Arc<str>,
    pub unix_ns: i64,
    pub reason: String,
    pub device: Arc<str>,
    pub group: Arc<str>,
    /// Its samples in the journal.
    pub span: Span,
    pub samples: u64,
    pub tries: u32,
    /// Somebody asked for another try.
    pub wanted: bool,
}

/// What became of a dead letter in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Delivered,
    Discarded,
    /// There were more than are kept.
    Dropped,
}

#[derive(Serialize, Deserialize)]
struct Added {
    sink: String,
    unix_ns: i64,
    reason: String,
    device: String,
    group: String,
    from: u64,
    to: u64,
    samples: u64,
}

#[derive(Serialize, Deserialize)]
struct Ended {
    letter: u64,
    how: End,
}

/// What a sink's task knows of a refusal.
pub(crate) struct Refused<'a> {
    pub sink: &'a Arc<str>,
    pub set: &'a TagSet,
    pub span: Span,
    pub samples: u64,
    pub reason: &'a str,
}

/// A dead letter to be tried again.
pub(crate) struct Wanted {
    pub id: u64,
    pub span: Span,
}

pub(crate) struct DeadLetters {
    journal: Journal,
    clock: Arc<dyn Clock>,
    events: Arc<Events>,
    letters: Mutex<BTreeMap<u64, Kept>>,
    changed: Notify,
}

struct Kept {
    letter: DeadLetter,
    /// With the sink at the moment.
    trying: bool,
}

impl DeadLetters {
    pub fn open(journal: Journal, clock: Arc<dyn Clock>, events: Arc<Events>) -> Arc<DeadLetters> {
        let mut letters = BTreeMap::new();
        record::visit(&journal, |seq, kind, payload| match kind {
            RecordKind::DeadLetter => {
                if let Ok(added) = serde_json::from_slice::<Added>(payload) {
                    letters.insert(seq, Kept { letter: letter(seq, added), trying: false });
                }
            }
            RecordKind::DeadLetterEnd => {
                if let Ok(ended) = serde_json::from_slice::<Ended>(payload) {
                    letters.remove(&ended.letter);
                }
            }
            _ => {}
        });
        let (letters, changed) = (Mutex::new(letters), Notify::new());
        Arc::new(DeadLetters { journal, clock, events, letters, changed })
    }

    /// Notes a refusal.
    pub fn add(&self, refused: &Refused<'_>) {
        let added = Added {
            sink: refused.sink.to_string(),
            unix_ns: self.clock.wall().unix_ns,
            reason: refused.reason.to_owned(),
            device: refused.set.device().to_owned(),
            group: refused.set.group().to_owned(),
            from: refused.span.from,
            to: refused.span.to,
            samples: refused.samples,
        };
        let seq = match record::append(&self.journal, RecordKind::DeadLetter, &added) {
            Ok(seq) => seq,
            Err(error) => {
                tracing::error!(sink = added.sink, error, "a dead letter cannot be noted");
                return;
            }
        };
        let mut letters = self.letters.lock();
        if letters.is_empty() {
            let text = format!("the destination refuses messages: {}", refused.reason);
            let severity = EventSeverity::Warning;
            self.events.note(RecordKind::Sink, severity, refused.sink, &text);
        }
        letters.insert(seq, Kept { letter: letter(seq, added), trying: false });
        while letters.len() > limits::DEAD_LETTERS_MAX {
            let Some((_, oldest)) = letters.pop_first() else { break };
            self.note_loss(&oldest.letter);
            self.note_end(oldest.letter.id, End::Dropped);
        }
    }

    fn note_end(&self, letter: u64, how: End) {
        let ended = Ended { letter, how };
        if let Err(error) = record::append(&self.journal, RecordKind::DeadLetterEnd, &ended) {
            tracing::warn!(error, letter, "the end of a dead letter cannot be noted");
        }
    }

    /// Lets the ledger know that the sink does not get these samples.
    fn note_loss(&self, letter: &DeadLetter) {
        let gap = Gap {
            stream: Stream::Samples,
            span: letter.span,
            reader: Some(cursor_name(&letter.sink)),
            reason: GapReason::Other(tagwerk_ledger::DISCARDED),
        };
        if let Err(error) = self.journal.append_gap(&gap) {
            tracing::warn!(%error, letter = letter.id, "a loss cannot be noted");
        }
    }

    pub fn delivered(&self, id: u64) {
        if self.letters.lock().remove(&id).is_some() {
            self.note_end(id, End::Delivered);
        }
    }

    pub fn refused_again(&self, id: u64, reason: &str) {
        if let Some(kept) = self.letters.lock().get_mut(&id) {
            kept.letter.tries += 1;
            kept.letter.reason = reason.to_owned();
            (kept.trying, kept.letter.wanted) = (false, false);
        }
    }

    /// The connection ended before an answer came: it stays wanted.
    pub fn interrupted(&self, id: u64) {
        if let Some(kept) = self.letters.lock().get_mut(&id) {
            kept.trying = false;
        }
        self.changed.notify_waiters();
    }

    /// What was on its way when a connection ended is wanted still.
    pub fn connected(&self, sink: &str) {
        let mut letters = self.letters.lock();
        letters.values_mut().filter(|k| &*k.letter.sink == sink).for_each(|k| k.trying = false);
    }

    /// The next letter of a sink that is to be tried again; never, while there is none. Cancel safe.
    pub async fn wanted(&self, sink: &str) -> Wanted {
        loop {
            let changed = self.changed.notified();
            let next = {
                let mut letters = self.letters.lock();
                let mut of = letters.values_mut().filter(|kept| &*kept.letter.sink == sink);
                of.find(|kept| kept.letter.wanted && !kept.trying).map(|kept| {
                    kept.trying = true;
                    Wanted { id: kept.letter.id, span: kept.letter.span }
                })
            };
            match next {
                Some(wanted) => return wanted,
                None => changed.await,
            }
        }
    }

    /// Newest first.
    pub fn list(&self, sink: Option<&str>) -> Vec<DeadLetter> {
        let letters = self.letters.lock();
        let of = letters.values().rev().map(|kept| &kept.letter);
        of.filter(|letter| sink.is_none_or(|sink| sink == &*letter.sink)).cloned().collect()
    }

    /// The journal still holds what a letter says.
    pub fn is_kept(&self, letter: &DeadLetter) -> bool {
        letter.span.from >= self.journal.oldest(Stream::Samples)
    }

    /// Asks for another try of these letters of a sink, or of all of them. How many.
    pub fn retry(&self, sink: &str, ids: Option<&[u64]>) -> u64 {
        let mut count = 0;
        for kept in self.letters.lock().values_mut() {
            if &*kept.letter.sink == sink && ids.is_none_or(|ids| ids.contains(&kept.letter.id)) {
                kept.letter.wanted = true;
                count += 1;
            }
        }
        self.changed.notify_waiters();
        count
    }

    /// Gives these letters of a sink up, or all of them. How many, and how many samples.
    pub fn discard(&self, sink: &str, ids: Option<&[u64]>) -> (u64, u64) {
        let gone: Vec<DeadLetter> = {
            let mut letters = self.letters.lock();
            let of = letters.values().map(|kept| &kept.letter).filter(|letter| {
                &*letter.sink == sink && ids.is_none_or(|ids| ids.contains(&letter.id))
            });
            let gone: Vec<DeadLetter> = of.cloned().collect();
            gone.iter().for_each(|letter| drop(letters.remove(&letter.id)));
            gone
        };
        for letter in &gone {
            self.note_loss(letter);
            self.note_end(letter.id, End::Discarded);
        }
        (gone.len() as u64, gone.iter().map(|letter| letter.samples).sum())
    }
}

fn letter(id: u64, added: Added) -> DeadLetter {
    DeadLetter {
        id,
        sink: added.sink.into(),
        unix_ns: added.unix_ns,
        reason: added.reason,
        device: added.device.into(),
        group: added.group.into(),
        span: Span { from: added.from, to: added.to },
        samples: added.samples,
        tries: 1,
        wanted: false,
    }
}
