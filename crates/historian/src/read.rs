//! Reading: samples as pieces in the order of time, merged only where chunks overlap, or chunk by
//! chunk for those who can do with summaries.

use crate::ReadError;
use crate::chunk::Wanted;
use crate::historian::{Historian, Inner};
use crate::piece::Piece;
use crate::sources::{Scratch, Source, all_sources, load_run, sources};
use crate::summary::Summary;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_model::{DataType, TagId};

/// Which samples are wanted.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Answered one after the other, in this order.
    pub tags: Vec<TagId>,
    /// Nanoseconds since 1970.
    pub from_unix_ns: i64,
    /// Not included.
    pub to_unix_ns: i64,
    /// The samples of each tag, and inside of each piece, from the latest to the earliest.
    pub newest_first: bool,
    /// Set to true by whoever wants the reading to end soon.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Samples of a piece, about, for those who read many: it is then made of several chunks where they
    /// follow each other. The first pieces are smaller. 0: a chunk is a piece.
    pub together: usize,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan {
            tags: Vec::new(),
            from_unix_ns: i64::MIN,
            to_unix_ns: i64::MAX,
            newest_first: false,
            cancel: None,
            together: 0,
        }
    }
}

impl Scan {
    pub(crate) fn check(&self) -> Result<(), ReadError> {
        match self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            true => Err(ReadError::Cancelled),
            false => Ok(()),
        }
    }
}

impl Historian {
    /// The samples, of each tag as they are when its first piece is asked for. Blocking; holds no
    /// lock between calls, and keeps the files open that it reads.
    pub fn scan(&self, request: &Scan) -> Pieces {
        self.scan_columns(request, Wanted::ALL)
    }

    /// The same, of which columns that are not wanted may be missing: what is not needed to put
    /// samples in order is not decoded.
    pub fn scan_columns(&self, request: &Scan, wanted: Wanted) -> Pieces {
        let (inner, request) = (self.0.clone(), request.clone());
        let runs = Runs::new(request.together);
        Pieces { inner, request, wanted, runs, next_tag: 0, sweep: None, ended: false }
    }

    /// The chunks that have samples in the range, tag by tag, each tag's by their earliest time (by
    /// their latest, descending, with `newest_first`). Chunks may overlap in time, and reach beyond
    /// the range; no sample is in two of them.
    pub fn chunks(&self, request: &Scan) -> Chunks {
        let (inner, request) = (self.0.clone(), request.clone());
        Chunks { inner, request, next_tag: 0, sources: Vec::new().into_iter(), ended: false }
    }

    /// The types that samples of a tag in the range have, each once.
    pub fn types(&self, tag: TagId, from: i64, to: i64) -> Result<Vec<DataType>, ReadError> {
        let (samples, rollups) = all_sources(&self.0, tag, from, to)?;
        let mut types = Vec::new();
        for source in samples.iter().chain(&rollups) {
            if !types.contains(&source.summary.data_type) {
                types.push(source.summary.data_type);
            }
        }
        Ok(types)
    }

    /// How many samples tags have in the range, about: told from some of the tags, and from whole
    /// chunks. None when it cannot be told.
    pub fn samples_about(&self, tags: &[TagId], from: i64, to: i64) -> Option<u64> {
        let every = tags.len().div_ceil(TAGS_PROBED).max(1);
        let (mut probed, mut samples) = (0u64, 0u64);
        for tag in tags.iter().step_by(every) {
            let sources = sources(&self.0, *tag, from, to).ok()?;
            samples += sources.iter().map(|source| u64::from(source.summary.count)).sum::<u64>();
            probed += 1;
        }
        Some(samples.saturating_mul(tags.len() as u64) / probed.max(1))
    }

    /// From when on history holds all of a tag that came in the order of time: what came in first
    /// is removed first. `None` when it holds nothing of the tag.
    pub fn held_from(&self, tag: TagId) -> Result<Option<i64>, ReadError> {
        let sources = sources(&self.0, tag, i64::MIN, i64::MAX)?;
        // Chunks whose clock was not set say nothing about when their samples came.
        let first = sources.iter().min_by_key(|source| {
            let summary = &source.summary;
            (summary.unsynchronised, summary.first_seq)
        });
        Ok(first.map(|source| source.summary.min_time))
    }
}

/// Tags that are looked at for what all have, about.
const TAGS_PROBED: usize = 3;

/// See [`Historian::scan`].
pub struct Pieces {
    inner: Arc<Inner>,
    request: Scan,
    wanted: Wanted,
    runs: Runs,
    next_tag: usize,
    sweep: Option<Sweep>,
    ended: bool,
}

impl Iterator for Pieces {
    type Item = Result<Piece, ReadError>;

    fn next(&mut self) -> Option<Result<Piece, ReadError>> {
        while !self.ended {
            if let Err(error) = self.request.check() {
                self.ended = true;
                return Some(Err(error));
            }
            if let Some(sweep) = &mut self.sweep {
                match sweep.next(&mut self.runs) {
                    Some(result) => return Some(result),
                    None => self.sweep = None,
                }
            }
            let Some(tag) = self.request.tags.get(self.next_tag) else {
                self.ended = true;
                return None;
            };
            self.next_tag += 1;
            let (from, to) = (self.request.from_unix_ns, self.request.to_unix_ns);
            match sources(&self.inner, *tag, from, to) {
                Ok(sources) => self.sweep = Some(Sweep::new(sources, &self.request, self.wanted)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// How chunks become pieces.
pub(crate) struct Runs {
    /// Samples of a piece at most, where it is more than a chunk.
    samples_max: usize,
    /// Grows from piece to piece: who asks may want no more than the first.
    samples: usize,
    pub scratch: Scratch,
}

impl Runs {
    pub fn new(samples_max: usize) -> Runs {
        Runs { samples_max, samples: 0, scratch: Scratch::default() }
    }

    /// For those who want every piece.
    pub fn all(samples_max: usize) -> Runs {
        Runs { samples: samples_max, ..Runs::new(samples_max) }
    }

    /// How many of these chunks are to become one piece, of which each is over before the next begins.
    pub fn length<'a>(&mut self, mut chunks: impl Iterator<Item = &'a Source>) -> usize {
        let Some(first) = chunks.next() else { return 0 };
        let (mut count, mut samples) = (1, first.summary.count as usize);
        for chunk in chunks {
            samples += chunk.summary.count as usize;
            if samples > self.samples || !first.goes_with(chunk) {
                break;
            }
            count += 1;
        }
        self.samples = (self.samples * RUNS_GROW).max(RUN_FIRST).min(self.samples_max);
        count
    }
}

/// Samples of the second piece, and how much larger each is that follows.
const RUN_FIRST: usize = 2_048;
const RUNS_GROW: usize = 4;

/// Puts the chunks of one tag in order, holding only those in memory that overlap.
pub(crate) struct Sweep {
    /// By their first time in the direction of reading, the next one last.
    waiting: Vec<Source>,
    loaded: Vec<Loaded>,
    ready: VecDeque<Piece>,
    from: i64,
    to: i64,
    wanted: Wanted,
    direction: Direction,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

impl Direction {
    /// Orders times as they are read.
    fn key(self, time: i64) -> i64 {
        match self {
            Direction::Forward => time,
            Direction::Backward => !time,
        }
    }

    fn first(self, summary: &Summary) -> i64 {
        match self {
            Direction::Forward => summary.min_time,
            Direction::Backward => !summary.max_time,
        }
    }

    fn last(self, summary: &Summary) -> i64 {
        match self {
            Direction::Forward => summary.max_time,
            Direction::Backward => !summary.min_time,
        }
    }
}

/// A piece with what was not given yet.
struct Loaded {
    piece: Piece,
    at: usize,
    end: usize,
}

impl Sweep {
    pub fn new(mut waiting: Vec<Source>, request: &Scan, wanted: Wanted) -> Sweep {
        let direction = if request.newest_first { Direction::Backward } else { Direction::Forward };
        let key =
            |s: &Source| (direction.first(&s.summary), direction.key(s.summary.first_seq as i64));
        waiting.sort_by_key(|source| std::cmp::Reverse(key(source)));
        let (from, to) = (request.from_unix_ns, request.to_unix_ns);
        let (loaded, ready) = (Vec::new(), VecDeque::new());
        Sweep { waiting, loaded, ready, from, to, wanted, direction }
    }

    pub fn next(&mut self, runs: &mut Runs) -> Option<Result<Piece, ReadError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if self.loaded.is_empty() && self.is_alone(self.waiting.len()) {
                return self.load_alone(runs);
            }
            let bound = self.waiting.last().map(|source| self.direction.first(&source.summary));
            let direction = self.direction;
            let before = |loaded: &Loaded| match bound {
                None => loaded.end,
                Some(bound) => {
                    let rest = &loaded.piece.times[loaded.at..loaded.end];
                    loaded.at + rest.partition_point(|time| direction.key(*time) < bound)
                }
            };
            let ends: Vec<usize> = self.loaded.iter().map(before).collect();
            if self.loaded.iter().zip(&ends).all(|(loaded, end)| *end == loaded.at) {
                let source = self.waiting.pop()?;
                match self.load(&source) {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            self.give(&ends);
        }
    }

    /// All is wanted of the last of the first so many chunks, and it is over before another begins.
    fn is_alone(&self, count: usize) -> bool {
        let mut next = self.waiting[..count].iter().rev().map(|source| &source.summary);
        let Some(summary) = next.next() else { return false };
        let (direction, last) = (self.direction, self.direction.last(summary));
        summary.min_time >= self.from
            && summary.max_time < self.to
            && next.next().is_none_or(|after| last < direction.first(after))
    }

    /// The next chunk, which is alone, and with it those behind it that are too.
    fn load_alone(&mut self, runs: &mut Runs) -> Option<Result<Piece, ReadError>> {
        let count = self.waiting.len();
        let alone = (1..=count).rev().take_while(|count| self.is_alone(*count));
        let run = match runs.samples_max {
            0 => 1,
            _ => runs.length(alone.map(|count| &self.waiting[count - 1])),
        };
        let of_run = &self.waiting[count - run..];
        let together = match (run, self.direction) {
            (1, _) => None,
            (_, Direction::Forward) => {
                load_run(of_run.iter().rev(), self.wanted, &mut runs.scratch)
            }
            (_, Direction::Backward) => load_run(of_run.iter(), self.wanted, &mut runs.scratch),
        };
        let piece = match together {
            Some(piece) => {
                self.waiting.truncate(count - run);
                Ok(piece)
            }
            None => self.waiting.pop()?.load(self.wanted),
        };
        Some(piece.map(|mut piece| {
            if self.direction == Direction::Backward {
                piece.reverse();
            }
            piece
        }))
    }

    fn load(&mut self, source: &Source) -> Result<(), ReadError> {
        let mut piece = source.load(Wanted { times: true, ..self.wanted })?;
        let mut at = piece.times.partition_point(|time| *time < self.from);
        let mut end = piece.times.partition_point(|time| *time < self.to);
        if self.direction == Direction::Backward {
            piece.reverse();
            (at, end) = (piece.len() - end, piece.len() - at);
        }
        if at < end {
            self.loaded.push(Loaded { piece, at, end });
        }
        Ok(())
    }

    /// Hands out what lies before `ends` of each loaded piece.
    fn give(&mut self, ends: &[usize]) {
        let giving: Vec<usize> =
            (0..self.loaded.len()).filter(|i| ends[*i] > self.loaded[*i].at).collect();
        if let [one] = giving[..] {
            let loaded = &mut self.loaded[one];
            let (at, end) = (std::mem::replace(&mut loaded.at, ends[one]), ends[one]);
            if at == 0 && end == loaded.piece.len() {
                self.ready.push_back(self.loaded.swap_remove(one).piece);
            } else {
                self.ready.push_back(loaded.piece.slice(at..end));
            }
        } else {
            self.merge(&giving, ends);
        }
        self.loaded.retain(|loaded| loaded.at < loaded.end);
    }

    fn merge(&mut self, giving: &[usize], ends: &[usize]) {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for index in giving {
            let loaded = &mut self.loaded[*index];
            places.extend((loaded.at..ends[*index]).map(|place| (*index, place)));
            loaded.at = ends[*index];
        }
        let (loaded, direction) = (&self.loaded, self.direction);
        let pieces: Vec<&Piece> = loaded.iter().map(|loaded| &loaded.piece).collect();
        places.sort_by_key(|(index, place)| {
            let piece = pieces[*index];
            (direction.key(piece.times[*place]), direction.key(piece.seq as i64), *place)
        });
        for run in places.chunk_by(|a, b| pieces[a.0].same_shape(pieces[b.0])) {
            // Only those of the run's shape, by their places among them.
            let mut among = vec![usize::MAX; pieces.len()];
            let mut used = Vec::new();
            for (index, _) in run {
                if among[*index] == usize::MAX {
                    among[*index] = used.len();
                    used.push(pieces[*index]);
                }
            }
            let run = run.iter().map(|(index, place)| (among[*index], *place));
            self.ready.push_back(Piece::gather(&used, run));
        }
    }
}

/// See [`Historian::chunks`].
pub struct Chunks {
    inner: Arc<Inner>,
    request: Scan,
    next_tag: usize,
    sources: std::vec::IntoIter<Source>,
    ended: bool,
}

impl Iterator for Chunks {
    type Item = Result<ChunkView, ReadError>;

    fn next(&mut self) -> Option<Result<ChunkView, ReadError>> {
        while !self.ended {
            if let Err(error) = self.request.check() {
                self.ended = true;
                return Some(Err(error));
            }
            if let Some(source) = self.sources.next() {
                return Some(Ok(ChunkView { source }));
            }
            let Some(tag) = self.request.tags.get(self.next_tag) else {
                self.ended = true;
                return None;
            };
            self.next_tag += 1;
            let (from, to) = (self.request.from_unix_ns, self.request.to_unix_ns);
            match sources(&self.inner, *tag, from, to) {
                Ok(mut sources) => {
                    let backward = self.request.newest_first;
                    let direction = if backward { Direction::Backward } else { Direction::Forward };
                    sources.sort_by_key(|source| direction.first(&source.summary));
                    self.sources = sources.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// A chunk that need not be decoded when its summary is enough.
pub struct ChunkView {
    source: Source,
}

impl ChunkView {
    /// Covers every sample of the chunk.
    pub fn summary(&self) -> &Summary {
        &self.source.summary
    }

    /// All samples of the chunk, earliest first. Blocking.
    pub fn decode(&self) -> Result<Piece, ReadError> {
        self.source.load(Wanted::ALL)
    }

    /// What it takes on disk, about.
    pub fn stored_bytes(&self) -> u64 {
        self.source.stored_bytes()
    }
}
