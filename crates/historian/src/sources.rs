//! Everywhere that samples of one tag are: segments, chunks that wait for the disk, and the chunk
//! that grows. Taken as one snapshot, so that no sample is there twice or not at all.

use crate::ReadError;
use crate::chunk::{self, Columns, Guess, Head, Wanted, has_dictionary};
use crate::entry::Entry;
use crate::historian::Inner;
use crate::piece::Piece;
use crate::rollup::{self, Row};
use crate::segment::{Fault, Segment};
use crate::state::Pending;
use crate::summary::Summary;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_model::TagId;

/// One chunk of a snapshot.
pub(crate) struct Source {
    /// With corrected times.
    pub summary: Summary,
    /// How much the times are to be corrected.
    shift: i64,
    place: Place,
}

enum Place {
    Stored(Arc<Segment>, Entry),
    Pending(Arc<Pending>),
    Open(Box<(Head, Columns)>),
}

impl Source {
    fn new(mut summary: Summary, shift: i64, place: Place) -> Source {
        summary.shift(shift);
        Source { summary, shift, place }
    }

    /// The samples in the order of time, at least what is wanted of them. Blocking.
    pub fn load(&self, wanted: Wanted) -> Result<Piece, ReadError> {
        // What is not in order yet is put there by its times.
        let wanted = Wanted { times: wanted.times || !self.summary.in_order, ..wanted };
        let decode = |bytes: &[u8]| chunk::decode_some(bytes, wanted);
        let decoded = match &self.place {
            Place::Stored(segment, entry) => stored(segment, entry, decode)?,
            Place::Pending(pending) => {
                let damaged = || ReadError::Damaged {
                    path: "memory".into(),
                    offset: 0,
                    samples: pending.summary.count,
                };
                decode(&pending.bytes).ok_or_else(damaged)?
            }
            Place::Open(open) => (**open).clone(),
        };
        let (head, mut columns) = decoded;
        if self.shift != 0 {
            columns.times.iter_mut().for_each(|time| *time = time.saturating_add(self.shift));
        }
        Ok(Piece::of(head, columns))
    }

    /// The segment that holds it, for chunks whose samples may stand behind those of another.
    fn segment(&self) -> Option<(&Arc<Segment>, &Entry)> {
        let plain = self.summary.in_order && !has_dictionary(self.summary.data_type.kind());
        match &self.place {
            Place::Stored(segment, entry) if plain => Some((segment, entry)),
            _ => None,
        }
    }

    /// Whether [`load_run`] may make one piece of both.
    pub fn goes_with(&self, other: &Source) -> bool {
        let (a, b) = (&self.summary, &other.summary);
        match (self.segment(), other.segment()) {
            (Some((own, _)), Some((others, _))) => {
                Arc::ptr_eq(own, others) && (a.tag, a.data_type) == (b.tag, b.data_type)
            }
            _ => false,
        }
    }

    /// The rows of a chunk of rollups. Blocking.
    pub fn load_rows(&self) -> Result<(Head, Vec<Row>), ReadError> {
        let Place::Stored(segment, entry) = &self.place else {
            // Only compaction makes them.
            return Err(ReadError::Damaged { path: "memory".into(), offset: 0, samples: 0 });
        };
        stored(segment, entry, rollup::decode).map(|(head, _, rows)| (head, rows))
    }

    pub fn stored_bytes(&self) -> u64 {
        match &self.place {
            Place::Stored(_, entry) => u64::from(entry.length),
            Place::Pending(pending) => pending.bytes.len() as u64,
            Place::Open(_) => 0,
        }
    }
}

/// Buffers to be used again.
#[derive(Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    signed: Vec<i64>,
}

/// The samples of chunks that go together as one piece; each ends before the next begins. None where
/// that cannot be: each is then to be loaded by itself. Blocking.
pub(crate) fn load_run<'a>(
    run: impl Iterator<Item = &'a Source> + Clone,
    wanted: Wanted,
    scratch: &mut Scratch,
) -> Option<Piece> {
    let (segment, _) = run.clone().next()?.segment()?;
    let wanted = Wanted { times: wanted.times || wanted.source_times, ..wanted };
    let samples = run.clone().map(|source| source.summary.count as usize).sum();
    let mut columns = Columns::default();
    if wanted.times {
        columns.times.reserve(samples);
    }
    if wanted.values {
        columns.bits.reserve(samples);
    }
    let mut known: Option<Head> = None;
    let Scratch { bytes, signed } = scratch;
    let mut shifts = run.clone().map(|source| source.shift);
    let entries = run.filter_map(|source| source.segment().map(|(_, entry)| entry));
    segment.each_chunk(entries, bytes, |stored| {
        let at = columns.times.len();
        let head = chunk::decode_onto(stored, wanted, signed, &mut columns)?;
        let shift = shifts.next().unwrap_or_default();
        if shift != 0 {
            columns.times[at..].iter_mut().for_each(|time| *time = time.saturating_add(shift));
        }
        let first = known.get_or_insert_with(|| head.clone());
        (first.unit == head.unit && first.data_type == head.data_type).then_some(())
    })?;
    known.map(|head| Piece::of(head, columns))
}

/// A chunk on disk.
fn stored<T>(
    segment: &Segment,
    entry: &Entry,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, ReadError> {
    let damaged = || ReadError::Damaged {
        path: segment.path.clone(),
        offset: entry.offset,
        samples: entry.summary.count,
    };
    let bytes = segment.chunk(entry).map_err(|fault| match fault {
        Fault::Damaged => damaged(),
        Fault::Io(error) => ReadError::Io { path: segment.path.clone(), error },
    })?;
    // The checksum was good: it must be of a newer version or a fault of our own.
    decode(&bytes).ok_or_else(damaged)
}

impl Summary {
    fn shift(&mut self, by: i64) {
        if by == 0 {
            return;
        }
        self.min_time = self.min_time.saturating_add(by);
        self.max_time = self.max_time.saturating_add(by);
        if let Some(numbers) = &mut self.numbers {
            numbers.min_at = numbers.min_at.saturating_add(by);
            numbers.max_at = numbers.max_at.saturating_add(by);
        }
    }

    pub(crate) fn overlaps(&self, from: i64, to: i64) -> bool {
        self.max_time >= from && self.min_time < to
    }
}

/// The chunks of `tag` that have samples in `from..to`, in no order.
pub(crate) fn sources(
    inner: &Inner,
    tag: TagId,
    from: i64,
    to: i64,
) -> Result<Vec<Source>, ReadError> {
    all_sources(inner, tag, from, to).map(|(samples, _)| samples)
}

/// The same, and apart from them the chunks of rollups.
pub(crate) fn all_sources(
    inner: &Inner,
    tag: TagId,
    from: i64,
    to: i64,
) -> Result<(Vec<Source>, Vec<Source>), ReadError> {
    let mut found = Vec::new();
    let (segments, learned) = {
        let state = inner.state.lock();
        let learned: HashMap<[u8; 16], i64> = state.learned.clone();
        for pending in state.pending_of.get(&tag.0).into_iter().flatten() {
            let shift = pending.guess.map_or(0, |guess| state.correction(&guess));
            found.push(Source::new(pending.summary, shift, Place::Pending(pending.clone())));
        }
        if let Some(growing) = &state.growing {
            for entry in growing.entries.get(&tag.0).into_iter().flatten() {
                let guess = growing.guesses.get(&entry.offset);
                let shift = guess.map_or(0, |guess| state.correction(guess));
                let place = Place::Stored(growing.segment.clone(), *entry);
                found.push(Source::new(entry.summary, shift, place));
            }
        }
        if let Some(slot) = state.by_tag.get(&tag.0)
            && let open = &state.slots[*slot as usize]
            && !open.is_empty()
        {
            let (head, columns) = (open.head(), open.columns());
            let shift = head.guess.map_or(0, |guess| state.correction(&guess));
            let summary = Summary::of(&head, &columns);
            found.push(Source::new(summary, shift, Place::Open(Box::new((head, columns)))));
        }
        (state.segments.clone(), learned)
    };
    let mut entries = Vec::new();
    for segment in segments.iter() {
        entries.clear();
        let failed = |error| ReadError::Io { path: segment.path.clone(), error };
        if segment.footer.guesses.iter().any(|guess| correction(&learned, guess) != 0) {
            segment.entries_of(tag.0, i64::MIN, i64::MAX, &mut entries).map_err(failed)?;
            corrected(segment, &entries, &learned, &mut found)?;
        } else if segment.footer.max_time >= from && segment.footer.min_time < to {
            segment.entries_of(tag.0, from, to, &mut entries).map_err(failed)?;
            let source = |entry: &Entry| {
                Source::new(entry.summary, 0, Place::Stored(segment.clone(), *entry))
            };
            found.extend(entries.iter().map(source));
        }
    }
    found.retain(|source| source.summary.overlaps(from, to));
    let is_samples = |source: &Source| source.summary.rollup.is_none();
    match found.iter().all(is_samples) {
        true => Ok((found, Vec::new())),
        false => Ok(found.into_iter().partition(is_samples)),
    }
}

fn correction(learned: &HashMap<[u8; 16], i64>, guess: &Guess) -> i64 {
    learned.get(&guess.boot).map_or(0, |offset| offset.wrapping_sub(guess.offset_ns))
}

/// Chunks whose times were guessed say themselves how.
fn corrected(
    segment: &Arc<Segment>,
    entries: &[Entry],
    learned: &HashMap<[u8; 16], i64>,
    found: &mut Vec<Source>,
) -> Result<(), ReadError> {
    for entry in entries {
        let mut shift = 0;
        if entry.summary.unsynchronised {
            match segment.chunk(entry) {
                Ok(bytes) => {
                    let guess = chunk::decode_head(&bytes).and_then(|(head, _)| head.guess);
                    shift = guess.map_or(0, |guess| correction(learned, &guess));
                }
                // Told when its samples are asked for.
                Err(Fault::Damaged) => {}
                Err(Fault::Io(error)) => {
                    return Err(ReadError::Io { path: segment.path.clone(), error });
                }
            }
        }
        found.push(Source::new(entry.summary, shift, Place::Stored(segment.clone(), *entry)));
    }
    Ok(())
}
