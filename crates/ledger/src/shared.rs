//! What is known of the ledger, shared by the one that keeps it and those that ask.

use crate::minute::{Minute, Stretch, Why};
use crate::record::{Noted, Unstored};
use crate::{Account, MINUTE_NS, Schedules};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_env::Moment;
use tagwerk_journal::{Gap, Item, Journal, ReaderFilter, Span, Stream};
use tagwerk_model::{Quality, TagId};

/// Losses and pauses remembered. More: the oldest are forgotten.
const NOTES_MAX: usize = 10_000;

/// A group's name and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetInfo {
    pub id: u32,
    pub device: Arc<str>,
    pub group: Arc<str>,
    pub tags: Vec<TagId>,
}

/// The ledger as those see it who ask. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) journal: Journal,
    pub(crate) state: Arc<Mutex<State>>,
}

/// Where the record of a minute is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub minute: i64,
    /// The first minute that it says something of.
    pub reach: i64,
    /// In the record stream.
    pub seq: u64,
}

/// The newest batch of a set.
#[derive(Clone, Copy)]
pub(crate) struct Last {
    pub ns: i64,
    /// In the stream of samples.
    pub seq: u64,
    pub boot: [u8; 16],
    pub moment: Moment,
    /// All of it was bad for one reason.
    pub bad: Option<Quality>,
}

#[derive(Default)]
pub(crate) struct State {
    pub index: Vec<Place>,
    /// Not in the record stream yet.
    pub unwritten: Vec<Arc<Minute>>,
    pub sets: HashMap<u32, Arc<SetInfo>>,
    pub last: HashMap<u32, Last>,
    pub gaps: Vec<(Gap, i64)>,
    pub begins: HashMap<String, u64>,
    pub unstored: Vec<Unstored>,
    /// Where the runs of the edge begin in the stream of samples.
    pub starts: Vec<u64>,
    /// Samples below this are in the accounts.
    pub position: u64,
    pub totals: Account,
}

impl State {
    /// Takes what a record of the stream says.
    pub fn note(&mut self, seq: u64, noted: Noted) {
        match noted {
            Noted::Minute(minute) => {
                let place = Place { minute: minute.minute, reach: minute.reach(), seq };
                self.index.push(place);
                self.position = self.position.max(minute.seqs.1);
                for (set, entry) in &minute.groups {
                    let last = Last {
                        ns: entry.last_ns,
                        seq: minute.seqs.1.saturating_sub(1),
                        boot: [0; 16],
                        moment: Moment(0),
                        bad: last_bad(entry),
                    };
                    self.last.insert(*set, last);
                }
            }
            Noted::Set(set) => {
                self.sets.insert(set.id, Arc::new(set));
            }
            Noted::Begins(begins) => {
                self.begins.insert(begins.sink, begins.at);
            }
            Noted::Unstored(unstored) => push(&mut self.unstored, unstored),
            Noted::Started(at) => push(&mut self.starts, at),
        }
    }

    /// Whether the edge ended and started again between two samples.
    pub fn is_other_run(&self, before: u64, now: u64) -> bool {
        let run = |seq: u64| self.starts.partition_point(|start| *start <= seq);
        run(before) != run(now)
    }

    /// What lies before is gone from the record stream.
    pub fn forget(&mut self, oldest: u64) {
        if self.index.first().is_some_and(|place| place.seq < oldest) {
            self.index.retain(|place| place.seq >= oldest);
        }
    }

    pub fn note_gap(&mut self, gap: Gap, unix_ns: i64) {
        if gap.stream == Stream::Samples {
            push(&mut self.gaps, (gap, unix_ns));
        }
    }
}

fn push<T>(all: &mut Vec<T>, new: T) {
    if all.len() >= NOTES_MAX {
        all.drain(..NOTES_MAX / 10);
    }
    all.push(new);
}

/// The reason of a group that a minute left without any value.
fn last_bad(entry: &crate::Entry) -> Option<Quality> {
    match &entry.bad[..] {
        [(quality, samples)] if *samples == entry.stored => Some(*quality),
        _ => None,
    }
}

impl Ledger {
    pub fn set(&self, id: u32) -> Option<Arc<SetInfo>> {
        self.state.lock().sets.get(&id).cloned()
    }

    /// Of this run of the edge, as far as it is told.
    pub fn totals(&self) -> Account {
        self.state.lock().totals.clone()
    }

    /// Every group that the ledger knows.
    pub fn sets(&self) -> Vec<Arc<SetInfo>> {
        self.state.lock().sets.values().cloned().collect()
    }

    /// The first minute of which anything is known, ns since 1970.
    pub fn known_from_ns(&self) -> Option<i64> {
        let state = self.state.lock();
        let written = state.index.iter().map(|place| place.minute).min();
        let unwritten = state.unwritten.iter().map(|minute| minute.minute).min();
        written.into_iter().chain(unwritten).min().map(|minute| minute * MINUTE_NS)
    }

    /// The accounts that say something of the minutes from `from` to before `to`.
    pub(crate) fn minutes(&self, from: i64, to: i64) -> Vec<Arc<Minute>> {
        let (wanted, mut found) = {
            let state = self.state.lock();
            let says = |place: &&Place| place.minute >= from && place.reach < to;
            let wanted: Vec<u64> = state.index.iter().filter(says).map(|p| p.seq).collect();
            (wanted, state.unwritten.clone())
        };
        found.retain(|minute| minute.minute >= from && minute.reach() < to);
        let mut written = Vec::with_capacity(wanted.len());
        if let (Some(first), Some(last)) = (wanted.first(), wanted.last()) {
            let mut reader = self.journal.reader(Stream::Record, *first, ReaderFilter::default());
            while reader.position() <= *last
                && let Some(item) = reader.try_next()
            {
                if let Item::Record(record) = item
                    && record.kind == crate::MINUTE_KIND
                    && wanted.binary_search(&record.seq).is_ok()
                    && let Some(minute) = Minute::decode(&record.payload)
                {
                    written.push(Arc::new(minute));
                }
            }
        }
        written.append(&mut found);
        written
    }

    /// What configured groups have not told yet, up to now: outages that go on, and what deadband
    /// keeps back.
    pub(crate) fn open(&self, now_ns: i64, schedules: &Schedules) -> Vec<(u32, Stretch)> {
        let state = self.state.lock();
        let mut open = Vec::new();
        for (set, schedule) in schedules {
            let Some(last) = state.last.get(set) else { continue };
            let interval = schedule.interval.as_nanos() as i64;
            if interval == 0 || now_ns <= last.ns {
                continue;
            }
            // A read that is under way is not missing.
            let slots = ((now_ns - last.ns) / interval).saturating_sub(1);
            let why = match last.bad {
                Some(quality) => Why::Quality(quality.with_detail(0)),
                None if schedule.on_change => Why::Suppressed,
                None => Why::Late,
            };
            if slots > 0 {
                let samples = slots as u64 * u64::from(schedule.samples);
                let to_ns = last.ns + slots * interval;
                open.push((*set, Stretch { from_ns: last.ns, to_ns, samples, why }));
            }
        }
        open
    }

    /// Where a sink began; none when it was there before the ledger.
    pub(crate) fn begins(&self, sink: &str) -> Option<u64> {
        self.state.lock().begins.get(sink).copied()
    }

    /// Parts of the stream of samples that this reader, or every reader, lost.
    pub(crate) fn gaps(&self, reader: &str) -> Vec<(Span, tagwerk_journal::GapReason, i64)> {
        let state = self.state.lock();
        let concerns = |gap: &Gap| gap.reader.as_deref().is_none_or(|of| of == reader);
        let of = state.gaps.iter().filter(|(gap, _)| concerns(gap));
        of.map(|(gap, at)| (gap.span, gap.reason, *at)).collect()
    }

    /// Whether the journal could not take samples somewhere in this time.
    pub(crate) fn was_unstored(&self, from_ns: i64, to_ns: i64) -> bool {
        let state = self.state.lock();
        state.unstored.iter().any(|pause| pause.from_ns <= to_ns && pause.to_ns >= from_ns)
    }
}
