//! What is in memory: chunks that grow, chunks that wait for the disk, and the list of segments.
//! One lock guards it; whoever holds it does no I/O.

use crate::book::Book;
use crate::chunk::{self, Guess, Scratch};
use crate::entry::Entry;
use crate::open::{OpenChunk, Shape};
use crate::segment::Segment;
use crate::summary::Summary;
use crate::{HistoryError, Options};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tagwerk_env::Moment;
use tagwerk_journal::Block;
use tagwerk_model::{DataType, SampleBatch};

/// A sealed chunk that is not in a segment yet.
pub(crate) struct Pending {
    pub summary: Summary,
    pub guess: Option<Guess>,
    pub bytes: Vec<u8>,
    pub set: Arc<tagwerk_journal::TagSet>,
    slot: u32,
    sealed_at: Moment,
}

/// The segment that grows, as readers see it.
pub(crate) struct Growing {
    pub segment: Arc<Segment>,
    pub entries: HashMap<u32, Vec<Entry>>,
    pub guesses: HashMap<u64, Guess>,
    pub count: usize,
    pub samples: u64,
}

/// When a chunk began, in the order of beginning.
struct Begun {
    slot: u32,
    first_seq: u64,
    at: Moment,
    journal_bytes: u64,
}

/// A tag set that blocks refer to.
struct KnownSet {
    revision: u32,
    slots: Vec<u32>,
    types: Vec<DataType>,
    units: Vec<Arc<str>>,
}

/// The numbers of no chunk at all.
const NOTHING: (u64, u64) = (u64::MAX, 0);

pub(crate) struct State {
    pub era: u32,
    /// One past the last number seen, of samples and of missing ones.
    pub next_seq: u64,
    /// Where reading began: everything below was sealed before.
    pub started_at: u64,
    pub slots: Vec<OpenChunk>,
    pub by_tag: HashMap<u32, u32>,
    /// One past the last sealed number of tags that have some at or above `started_at`.
    pub sealed_before: HashMap<u32, u64>,
    sets: HashMap<u32, KnownSet>,
    begun: VecDeque<Begun>,
    pub pending: VecDeque<Arc<Pending>>,
    pub pending_of: HashMap<u32, Vec<Arc<Pending>>>,
    pub pending_bytes: usize,
    /// The least first number and the greatest last one of those that wait.
    pending_seqs: (u64, u64),
    journal_bytes: u64,
    pub segments: Arc<Vec<Arc<Segment>>>,
    pub growing: Option<Growing>,
    pub book: Book,
    /// Wall minus monotonic time of starts of the machine, learned after samples had been stored.
    pub learned: HashMap<[u8; 16], i64>,
    /// Starts of the machine that have samples whose time was guessed.
    pub guessed: HashSet<[u8; 16]>,
    pub appended: u64,
    pub doubles: u64,
    pub missing: u64,
    pub sealed_chunks: u64,
    scratch: Scratch,
}

impl State {
    pub fn new(era: u32, position: u64) -> State {
        State {
            era,
            next_seq: position,
            started_at: position,
            slots: Vec::new(),
            by_tag: HashMap::new(),
            sealed_before: HashMap::new(),
            sets: HashMap::new(),
            begun: VecDeque::new(),
            pending: VecDeque::new(),
            pending_of: HashMap::new(),
            pending_bytes: 0,
            pending_seqs: NOTHING,
            journal_bytes: 0,
            segments: Arc::default(),
            growing: None,
            book: Book::default(),
            learned: HashMap::new(),
            guessed: HashSet::new(),
            appended: 0,
            doubles: 0,
            missing: 0,
            sealed_chunks: 0,
            scratch: Scratch::default(),
        }
    }

    /// Everything below is stored.
    pub fn position(&mut self) -> u64 {
        self.growing_from().min(self.pending_seqs.0)
    }

    /// Everything below is stored when the first `stored` chunks that wait are.
    pub fn position_without(&mut self, stored: usize) -> u64 {
        let growing = self.growing_from();
        let pending = self.pending.iter().skip(stored).map(|pending| pending.summary.first_seq);
        pending.fold(growing, u64::min)
    }

    /// The number of the first sample that is in no sealed chunk.
    fn growing_from(&mut self) -> u64 {
        while let Some(front) = self.begun.front()
            && !self.is_growing(front)
        {
            self.begun.pop_front();
        }
        self.begun.front().map_or(self.next_seq, |front| front.first_seq)
    }

    /// One past the last number in the chunks that wait for the disk; none when none waits.
    pub fn pending_end(&self) -> Option<u64> {
        (!self.pending.is_empty()).then(|| self.pending_seqs.1 + 1)
    }

    fn note_pending(&mut self) {
        let seqs = |(low, high): (u64, u64), pending: &Arc<Pending>| {
            (low.min(pending.summary.first_seq), high.max(pending.summary.last_seq))
        };
        self.pending_seqs = self.pending.iter().fold(NOTHING, seqs);
    }

    fn is_growing(&self, begun: &Begun) -> bool {
        let chunk = &self.slots[begun.slot as usize];
        !chunk.is_empty() && chunk.first_seq() == begun.first_seq
    }

    pub fn append(
        &mut self,
        block: &Block,
        batch: &SampleBatch,
        now: Moment,
        options: &Options,
    ) -> Result<(), HistoryError> {
        if self.pending_bytes >= options.pending_bytes_max {
            let (bytes, bytes_max) = (self.pending_bytes, options.pending_bytes_max);
            return Err(HistoryError::Full { bytes, bytes_max });
        }
        if batch.len() as u64 > block.span.count() {
            let (samples, numbers) = (batch.len(), block.span.count());
            return Err(HistoryError::Mismatch { samples, numbers });
        }
        let guess = self.note_clock(block);
        let id = block.set.id;
        if self.sets.get(&id).is_none_or(|known| known.revision != block.set.revision) {
            self.learn_set(block, batch);
        }
        let Some(known) = self.sets.remove(&id) else {
            return Ok(());
        };
        let mut shape = Shape { data_type: DataType::Bool, unit: "".into(), guess };
        for (seq, sample) in (block.span.from..).zip(batch.samples()) {
            let slot = known.slots[sample.index];
            let chunk = &mut self.slots[slot as usize];
            if seq < chunk.next {
                self.doubles += 1;
                continue;
            }
            shape.data_type = known.types[sample.index];
            if !Arc::ptr_eq(&shape.unit, &known.units[sample.index]) {
                shape.unit = known.units[sample.index].clone();
            }
            if !chunk.is_empty() && !chunk.fits(&shape) {
                self.seal(slot, now);
            }
            let chunk = &mut self.slots[slot as usize];
            if chunk.is_empty() {
                chunk.begin(&shape, seq);
                let journal_bytes = self.journal_bytes;
                self.begun.push_back(Begun { slot, first_seq: seq, at: now, journal_bytes });
            }
            chunk.push(seq, block.epoch, block.unix_ns, &sample, &mut self.scratch);
            self.appended += 1;
            if chunk.count() >= target(options, slot)
                || chunk.content_bytes() >= options.chunk_content_bytes
            {
                self.seal(slot, now);
            }
        }
        self.sets.insert(id, known);
        self.next_seq = self.next_seq.max(block.span.to);
        self.journal_bytes += block.payload.len() as u64 + 48;
        Ok(())
    }

    fn note_clock(&mut self, block: &Block) -> Option<Guess> {
        let offset_ns = block.unix_ns.wrapping_sub(block.moment.0 as i64);
        if block.synchronised {
            if self.guessed.contains(&block.boot) {
                self.learned.entry(block.boot).or_insert(offset_ns);
            }
            return None;
        }
        self.guessed.insert(block.boot);
        Some(Guess { boot: block.boot, offset_ns })
    }

    fn learn_set(&mut self, block: &Block, batch: &SampleBatch) {
        let definition = &batch.set.definition;
        let mut shared: HashMap<&str, Arc<str>> = HashMap::new();
        let mut known = KnownSet {
            revision: block.set.revision,
            slots: Vec::with_capacity(definition.tags.len()),
            types: Vec::with_capacity(definition.tags.len()),
            units: Vec::with_capacity(definition.tags.len()),
        };
        for tag in &definition.tags {
            let slot = *self.by_tag.entry(tag.id.0).or_insert_with(|| {
                let sealed = self.sealed_before.get(&tag.id.0).copied().unwrap_or(self.started_at);
                let sealed = sealed.max(self.started_at);
                self.slots.push(OpenChunk::new(tag.id, block.set.clone(), sealed));
                self.slots.len() as u32 - 1
            });
            self.slots[slot as usize].set = block.set.clone();
            known.slots.push(slot);
            known.types.push(tag.data_type);
            known
                .units
                .push(shared.entry(&tag.unit).or_insert_with(|| (&*tag.unit).into()).clone());
        }
        self.book.put(definition, &known.units);
        self.sets.insert(block.set.id, known);
    }

    /// The numbers below `to` that were not appended will not come.
    pub fn missing(&mut self, from: u64, to: u64) {
        self.missing += to.saturating_sub(from.max(self.next_seq));
        self.next_seq = self.next_seq.max(to);
    }

    fn seal(&mut self, slot: u32, now: Moment) {
        let open = &mut self.slots[slot as usize];
        let (head, columns) = (open.head(), open.columns());
        open.clear();
        let (bytes, summary) = chunk::seal(&head, &columns, &mut self.scratch);
        let set = open.set.clone();
        let pending =
            Arc::new(Pending { summary, guess: head.guess, bytes, set, slot, sealed_at: now });
        self.pending_bytes += pending.bytes.len();
        let (low, high) = self.pending_seqs;
        self.pending_seqs =
            (low.min(pending.summary.first_seq), high.max(pending.summary.last_seq));
        self.sealed_chunks += 1;
        self.pending_of.entry(head.tag.0).or_default().push(pending.clone());
        self.pending.push_back(pending);
    }

    /// Seals the chunk that began first if it is due; false when it is not.
    pub fn seal_due(&mut self, now: Moment, options: &Options, all: bool) -> bool {
        self.growing_from();
        let Some(front) = self.begun.front() else {
            return false;
        };
        let old = now.since(front.at) >= options.seal_after;
        let behind = self.journal_bytes - front.journal_bytes >= options.seal_journal_bytes;
        if !(old || behind || all) {
            return false;
        }
        let slot = front.slot;
        self.seal(slot, now);
        true
    }

    /// Chunks that were stored and proven: readers find them in the growing segment from now on.
    pub fn stored(&mut self, group: &[(Arc<Pending>, Entry)]) {
        for (pending, entry) in group {
            self.pending.pop_front();
            self.pending_bytes -= pending.bytes.len();
            let tag = entry.summary.tag.0;
            if let Some(waiting) = self.pending_of.get_mut(&tag) {
                waiting.retain(|other| !Arc::ptr_eq(other, pending));
                if waiting.is_empty() {
                    self.pending_of.remove(&tag);
                }
            }
            let sealed = &mut self.slots[pending.slot as usize].sealed;
            *sealed = (*sealed).max(entry.summary.last_seq + 1);
            if let Some(growing) = &mut self.growing {
                growing.count += 1;
                growing.samples += u64::from(entry.summary.count);
                growing.guesses.extend(pending.guess.map(|guess| (entry.offset, guess)));
                growing.entries.entry(tag).or_default().push(*entry);
            }
        }
        self.note_pending();
    }

    /// Forgets what is not stored; the journal will give it again from [`State::position`] on.
    pub fn reset(&mut self) {
        for slot in &mut self.slots {
            slot.clear();
            slot.next = slot.sealed;
        }
        // Told before the chunks that hold it back are gone.
        self.next_seq = self.position_of_stored();
        self.begun.clear();
        self.pending.clear();
        self.pending_of.clear();
        self.pending_bytes = 0;
        self.note_pending();
        self.sets.clear();
    }

    fn position_of_stored(&self) -> u64 {
        let growing = self.begun.iter().map(|begun| begun.first_seq);
        let pending = self.pending.iter().map(|pending| pending.summary.first_seq);
        growing.chain(pending).fold(self.next_seq, u64::min).max(self.started_at)
    }

    /// Another journal begins, whose numbers say nothing about those before.
    pub fn begin_era(&mut self, era: u32) {
        self.reset();
        self.era = era;
        self.next_seq = 0;
        self.started_at = 0;
        self.sealed_before.clear();
        self.slots.clear();
        self.by_tag.clear();
    }

    /// How much the times of a chunk that was stamped with `guess` are off.
    pub fn correction(&self, guess: &Guess) -> i64 {
        self.learned.get(&guess.boot).map_or(0, |offset| offset.wrapping_sub(guess.offset_ns))
    }

    pub fn growing_entries(&self) -> Vec<Entry> {
        let growing = self.growing.iter().flat_map(|growing| growing.entries.values());
        let mut entries: Vec<Entry> = growing.flatten().copied().collect();
        entries.sort_by_key(Entry::key);
        entries
    }

    /// When the oldest chunk that waits for the disk was sealed.
    pub fn waiting_since(&self) -> Option<Moment> {
        self.pending.front().map(|pending| pending.sealed_at)
    }
}

/// Samples at which the chunk in `slot` is full.
fn target(options: &Options, slot: u32) -> usize {
    let spread = (options.chunk_samples / 8).max(1);
    options.chunk_samples.max(2) - (slot as usize * 37) % spread
}
