//! Samples of many chunks of one tag, put in order of time and cut into full chunks again.

use crate::chunk::{Columns, Head, NO_SOURCE_TIME, has_dictionary};
use crate::value::Interner;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_model::Quality;

/// Samples held at most, in chunks: more are cut off although later ones may belong between them.
const CHUNKS_HELD_MAX: usize = 64;

/// How the chunks are to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub samples: usize,
    pub content_bytes: usize,
}

#[derive(Default)]
pub(crate) struct Gather {
    head: Option<Head>,
    times: Vec<i64>,
    sources: Vec<i64>,
    qualities: Vec<Quality>,
    bits: Vec<u64>,
    contents: Vec<Arc<[u8]>>,
    places: HashMap<Arc<[u8]>, u64>,
    timed: bool,
}

impl Gather {
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Whether a chunk like this may join.
    pub fn fits(&self, head: &Head) -> bool {
        self.head.as_ref().is_none_or(|own| {
            own.data_type == head.data_type && own.unit == head.unit && own.guess == head.guess
        })
    }

    pub fn max_time(&self) -> Option<i64> {
        self.times.iter().max().copied()
    }

    pub fn push(&mut self, head: &Head, columns: Columns) {
        let own = self.head.get_or_insert_with(|| head.clone());
        own.first_seq = own.first_seq.min(head.first_seq);
        own.last_seq = own.last_seq.max(head.last_seq);
        own.epoch = own.epoch.max(head.epoch);
        let before = self.times.len();
        self.times.extend_from_slice(&columns.times);
        if let Some(sources) = &columns.source_times {
            self.timed = true;
            self.sources.resize(before, NO_SOURCE_TIME);
            self.sources.extend_from_slice(sources);
        } else {
            self.sources.resize(self.times.len(), NO_SOURCE_TIME);
        }
        for run in &columns.runs {
            self.qualities.resize(self.qualities.len() + run.count as usize, run.quality);
        }
        if !has_dictionary(head.data_type.kind()) {
            self.bits.extend_from_slice(&columns.bits);
            return;
        }
        let moved: Vec<u64> =
            columns.dictionary.iter().map(|content| self.place(content)).collect();
        // A bad sample's place may be outside of the dictionary, and is not stored.
        let place = |bits: &u64| moved.get(*bits as usize).copied().unwrap_or_default();
        self.bits.extend(columns.bits.iter().map(place));
    }

    fn place(&mut self, content: &Arc<[u8]>) -> u64 {
        let contents = &mut self.contents;
        *self.places.entry(content.clone()).or_insert_with(|| {
            contents.push(content.clone());
            contents.len() as u64 - 1
        })
    }

    /// Takes out full chunks, when what comes next begins at `next` (none: nothing comes, and the
    /// rest is taken out too).
    pub fn take(&mut self, next: Option<i64>, cut: Cut) -> Vec<(Head, Columns)> {
        let full = self.times.len() >= cut.samples;
        let apart = next.is_none_or(|next| self.max_time().is_none_or(|last| last < next));
        let much = self.times.len() >= cut.samples * CHUNKS_HELD_MAX;
        if next.is_some() && !(full && apart || much) {
            return Vec::new();
        }
        let Some(head) = self.head.take() else { return Vec::new() };
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        if !self.times.is_sorted() {
            order.sort_by_key(|place| self.times[*place]);
        }
        let mut chunks = Vec::new();
        let mut rest = &order[..];
        while !rest.is_empty() {
            if next.is_some() && rest.len() < cut.samples {
                break;
            }
            let (columns, used) = self.columns(&head, rest, cut);
            chunks.push((head.clone(), columns));
            rest = &rest[used..];
        }
        let rest = rest.to_vec();
        self.keep(&head, &rest);
        chunks
    }

    /// A chunk of the first of `places`, and how many they are.
    fn columns(&self, head: &Head, places: &[usize], cut: Cut) -> (Columns, usize) {
        let mut columns = Columns::default();
        let mut interner = Interner::default();
        let dictionary = has_dictionary(head.data_type.kind());
        let mut used = 0;
        for place in places.iter().take(cut.samples) {
            let quality = self.qualities[*place];
            let bits = match (quality.is_bad(), dictionary) {
                (true, _) => 0,
                (false, false) => self.bits[*place],
                (false, true) => interner.place(&self.contents[self.bits[*place] as usize]),
            };
            columns.times.push(self.times[*place]);
            columns.bits.push(bits);
            columns.push_quality(quality);
            used += 1;
            if interner.bytes() >= cut.content_bytes {
                break;
            }
        }
        columns.dictionary = interner.contents().to_vec();
        let sources = || places[..used].iter().map(|place| self.sources[*place]).collect();
        let sources: Option<Vec<i64>> = self.timed.then(sources);
        columns.source_times = sources.filter(|all| all.iter().any(|t| *t != NO_SOURCE_TIME));
        (columns, used)
    }

    /// Holds on to these only.
    fn keep(&mut self, head: &Head, places: &[usize]) {
        let old = std::mem::take(self);
        if places.is_empty() {
            return;
        }
        self.head = Some(head.clone());
        self.timed = old.timed;
        self.times = places.iter().map(|place| old.times[*place]).collect();
        self.sources = places.iter().map(|place| old.sources[*place]).collect();
        self.qualities = places.iter().map(|place| old.qualities[*place]).collect();
        let dictionary = has_dictionary(head.data_type.kind());
        for place in places {
            let bits = match dictionary && !old.qualities[*place].is_bad() {
                true => self.place(&old.contents[old.bits[*place] as usize]),
                false => old.bits[*place],
            };
            self.bits.push(bits);
        }
    }
}
