//! From time to time all that rules remember is written into the journal; a start reads it.

use crate::board::State;
use crate::force::Named;
use crate::keeper::Keeper;
use crate::record::{SNAPSHOT_KIND, SavedRule, Snapshot, TABLES_KIND, TablesRecord, parts};
use crate::state;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;
use tagwerk_journal::{Item, Journal, Stream};

/// Snapshots are at least so far apart, and farther when they are large: at most so many bytes a second
/// are written.
const SNAPSHOT_AFTER: Duration = Duration::from_secs(60);
const SNAPSHOT_BYTES_PER_SECOND: u64 = 4_096;
/// But never farther apart than this many bytes of samples, which a start takes again, or eight times
/// what a snapshot takes.
const SNAPSHOT_AFTER_BYTES: u64 = 64 * 1024 * 1024;
/// From one that could not be written to the next.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The last snapshot, and the one that is being made.
pub struct Saving {
    at: Moment,
    /// How large it was.
    size: u64,
    position: u64,
    /// Bytes of samples since.
    pub bytes: u64,
    /// What rules remember, each as of when it was seen with nothing to do.
    gathered: Option<BTreeMap<Arc<str>, SavedRule>>,
    failed: Option<Moment>,
}

impl Saving {
    pub fn new(now: Moment, position: u64) -> Saving {
        Saving { at: now, size: 0, position, bytes: 0, gathered: None, failed: None }
    }

    pub fn is_under_way(&self) -> bool {
        self.gathered.is_some()
    }

    fn is_due(&self, now: Moment) -> bool {
        let apart = Duration::from_secs(self.size / SNAPSHOT_BYTES_PER_SECOND);
        now.since(self.at) >= SNAPSHOT_AFTER.max(apart)
            || self.bytes >= SNAPSHOT_AFTER_BYTES.max(8 * self.size)
    }
}

impl Keeper {
    /// Writes what all rules remember, when it is time or at the end. One that is at work is waited for
    /// without holding up the others: each has its own place in the stream.
    pub(crate) fn save(&mut self, state: &mut State, at_once: bool) {
        let now = self.board.env().clock.now();
        let failed = self.saving.failed.is_some_and(|at| now.since(at) < AGAIN_AFTER);
        // Rules look up in the same versions from the first that is seen to the last.
        let steady = self.saving.is_under_way() || self.force.next_change().is_none();
        if self.catching_up() || !steady || (failed && !at_once) {
            return;
        }
        // A rule that is new is known after a kill, and goes on from where it began.
        if std::mem::take(&mut state.changed) {
            self.saving.gathered = Some(BTreeMap::new());
        }
        let news = state.position != self.saving.position;
        if self.saving.gathered.is_none() && news && (at_once || self.saving.is_due(now)) {
            self.saving.gathered = Some(BTreeMap::new());
        }
        let Some(mut gathered) = self.saving.gathered.take() else { return };
        let whole = gather(&mut gathered, state).and_then(|whole| match whole {
            true => self.write_snapshot(&mut gathered, state).map(Some),
            false => Ok(None),
        });
        match whole {
            Ok(None) => self.saving.gathered = Some(gathered),
            Ok(Some((position, size))) => {
                self.saving = Saving { size, ..Saving::new(now, position) };
                self.hold(position);
                self.force.keep_needed();
            }
            Err(error) => {
                tracing::warn!(error, "what rules remember cannot be written now");
                (self.saving.failed, state.changed) = (Some(now), true);
            }
        }
    }

    /// Where the snapshot lies, and how large it is.
    fn write_snapshot(
        &self,
        gathered: &mut BTreeMap<Arc<str>, SavedRule>,
        state: &State,
    ) -> Result<(u64, u64), String> {
        // What was taken must be on disk before that it was.
        let journal = self.board.journal();
        if journal.committed(Stream::Samples) < state.position {
            journal.commit(Stream::Samples).map_err(|error| error.to_string())?;
        }
        gathered.retain(|name, _| state.running.get(name).is_some_and(|r| r.program.is_some()));
        let rules: Vec<SavedRule> = std::mem::take(gathered).into_values().collect();
        let positions = rules.iter().map(|rule| rule.position);
        let position = positions.min().unwrap_or(state.position);
        let snapshot = Snapshot { position, tables: self.force.named(), rules };
        let mut bytes = 0;
        for payload in parts(&snapshot)? {
            bytes += payload.len() as u64;
            let written = journal.append_record(SNAPSHOT_KIND, &payload);
            written.map_err(|error| error.to_string())?;
        }
        Ok((position, bytes))
    }
}

/// Adds those that have nothing to write. True, when there is none left.
fn gather(gathered: &mut BTreeMap<Arc<str>, SavedRule>, state: &mut State) -> Result<bool, String> {
    let mut whole = true;
    let position = state.position;
    for (name, running) in &mut state.running {
        if running.program.is_none() || gathered.contains_key(name) {
            continue;
        }
        let idle = running.unwritten.is_empty() && running.unconfirmed.is_empty();
        let reached = running.position(position);
        let Some(instance) = running.instance.as_mut().filter(|_| idle) else {
            whole = false;
            continue;
        };
        let saved = SavedRule {
            name: name.to_string(),
            position: reached,
            unseen: running.unseen,
            // Those before have been met.
            outputs_from: running.outputs_from.max(position),
            state: state::save(instance).map_err(|error| error.to_string())?,
        };
        gathered.insert(name.clone(), saved);
    }
    Ok(whole)
}

pub fn write_changes(journal: &Journal, changes: &[TablesRecord]) -> Result<(), String> {
    for change in changes {
        let payload = serde_json::to_vec(change).map_err(|error| error.to_string())?;
        let written = journal.append_record(TABLES_KIND, &payload);
        written.map_err(|error| error.to_string())?;
    }
    journal.commit(Stream::Record).map(drop).map_err(|error| error.to_string())
}

/// What the last run remembered, and where it was.
pub struct Loaded {
    pub rules: HashMap<String, SavedRule>,
    pub position: u64,
    pub tables: Named,
    pub changes: Vec<TablesRecord>,
}

pub fn load(journal: &Journal, end: u64) -> Loaded {
    let mut found: Option<Snapshot> = None;
    let mut changes: Vec<TablesRecord> = Vec::new();
    let mut gathering = Vec::new();
    journal.records(&mut |item| {
        let Item::Record(record) = item else { return ControlFlow::Continue(()) };
        match record.kind {
            SNAPSHOT_KIND => {
                if let Some(whole) = crate::record::gather(&mut gathering, &record.payload) {
                    // What was written down before it is in it, but for what it had not reached.
                    changes.retain(|change| change.position > whole.position);
                    found = Some(whole);
                }
            }
            TABLES_KIND => changes.extend(serde_json::from_slice::<TablesRecord>(&record.payload)),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let Some(found) = found else {
        let (rules, tables, changes) = (HashMap::new(), Named::new(), Vec::new());
        return Loaded { rules, position: end, tables, changes };
    };
    let oldest = journal.oldest(Stream::Samples).min(end);
    let position = found.position.clamp(oldest, end);
    if position > found.position {
        let samples = position - found.position;
        tracing::warn!(samples, "rules go on without samples that the journal no longer holds");
    }
    let of = |rule: SavedRule| (rule.name.clone(), rule);
    let rules = found.rules.into_iter().map(of).collect();
    Loaded { rules, position, tables: found.tables, changes }
}
