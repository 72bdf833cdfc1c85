//! One stream in the order in which a reader gets it: segments as they supersede one another, frames,
//! and every number that is missing, there twice or out of place.

use crate::folder::Folder;
use crate::format::{
    BLOCK, CLOSE, GAP, Header, HeaderFault, RECORD, StreamName, TAG_SET, parse_name,
};
use crate::frames::{Frame, Frames, Step, read_header};
use crate::range::{Range, Ranges};
use crate::record::Notes;
use crate::report::{StreamReport, Tally, VerifyError};
use std::collections::{HashMap, HashSet};
use std::io;

/// Segments of one stream. More: the later ones are not read, which is told.
const SEGMENTS_MAX: usize = 1_000_000;
/// Tag sets remembered. More: descriptions are looked for again.
const SETS_MAX: usize = 200_000;
/// Segments on each side in which a reader looks for the description of a tag set.
const NEIGHBOURS: usize = 4;

struct Place {
    name: String,
    header: Header,
}

/// What a frame stands for, in the order of the stream.
#[derive(Clone, Debug)]
pub struct Entry {
    pub epoch: u32,
    pub from: u64,
    pub to: u64,
    pub kind: u8,
    pub digest: u64,
    pub crc: u32,
    pub payload: Option<Vec<u8>>,
}

pub struct StreamReader<'a> {
    folder: &'a dyn Folder,
    places: Vec<Place>,
    index: usize,
    frames: Option<Frames<'a>>,
    position: u64,
    missing: Ranges,
    /// Content of a set, and the last segment with a good copy.
    sets: HashMap<(u32, u32), (u64, usize)>,
    /// Looked for near this segment in vain.
    unknown_sets: HashSet<(u32, u32)>,
    claimed: u64,
    segment_damaged: bool,
    last_kind: u8,
    closed: bool,
    report: StreamReport,
}

impl<'a> StreamReader<'a> {
    pub fn open(
        folder: &'a dyn Folder,
        stream: StreamName,
    ) -> Result<StreamReader<'a>, VerifyError> {
        let mut report = StreamReport { stream: stream.name(), ..StreamReport::default() };
        let mut names = folder.list(stream).map_err(|error| VerifyError {
            attempt: "list",
            path: folder.path().join(stream.name()),
            error: error.to_string(),
        })?;
        names.retain(|name| parse_name(name).is_some());
        names.sort();
        if names.len() > SEGMENTS_MAX {
            report.trouble(format!("only the first {SEGMENTS_MAX} segments were read"));
            names.truncate(SEGMENTS_MAX);
        }
        let places = load(folder, stream, names, &mut report);
        let places = effective(folder, stream, places, &mut report);
        let position = places.first().map_or(0, |place| place.header.first);
        (report.oldest, report.segments) = (position, places.len());
        for pair in places.windows(2) {
            if pair[1].header.epoch < pair[0].header.epoch {
                report.trouble(format!("the epoch goes back at {}", pair[1].name));
            }
        }
        Ok(StreamReader {
            folder,
            places,
            index: 0,
            frames: None,
            position,
            missing: Ranges::default(),
            sets: HashMap::new(),
            unknown_sets: HashSet::new(),
            claimed: 0,
            segment_damaged: false,
            last_kind: 0,
            closed: false,
            report,
        })
    }

    /// The last frame is the mark of a clean end, and its segment is whole.
    pub fn closed(&self) -> bool {
        self.closed
    }

    pub fn newest_epoch(&self) -> u32 {
        self.places.last().map_or(0, |place| place.header.epoch)
    }

    /// The next good frame, those without numbers included.
    pub fn next(&mut self) -> Option<Entry> {
        while self.index < self.places.len() {
            match self.step() {
                Ok(Some(Step::Frame(frame))) => {
                    if let Some(entry) = self.take(frame) {
                        return Some(entry);
                    }
                }
                Ok(Some(Step::Damaged { bytes })) => {
                    self.segment_damaged = true;
                    self.report.damaged.add(bytes);
                }
                Ok(Some(Step::End { torn, claimed })) => {
                    self.claimed = self.claimed.max(claimed);
                    self.end_segment(torn);
                }
                // Dropped while it was read; what it held counts as retention.
                Ok(None) => self.end_segment(false),
                Err(error) => {
                    let name = &self.places[self.index].name;
                    self.report.trouble(format!("reading {name}: {error}"));
                    self.segment_damaged = true;
                    self.end_segment(false);
                }
            }
        }
        None
    }

    fn step(&mut self) -> io::Result<Option<Step>> {
        if self.frames.is_none() {
            let place = &self.places[self.index];
            let stream = place.header.stream;
            let file = match self.folder.open(stream, &place.name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if self.report.kept == 0 && self.index + 1 < self.places.len() {
                        self.position = self.upper();
                        self.report.oldest = self.position;
                    }
                    return Ok(None);
                }
                other => other?,
            };
            self.frames = Some(Frames::new(file, place.header.seed)?);
        }
        match &mut self.frames {
            Some(frames) => frames.step().map(Some),
            None => Ok(None),
        }
    }

    /// Where the next segment begins.
    fn upper(&self) -> u64 {
        self.places.get(self.index + 1).map_or(u64::MAX, |next| next.header.first)
    }

    fn end_segment(&mut self, torn: bool) {
        let upper = self.upper();
        let newest = self.index + 1 == self.places.len();
        if newest {
            self.closed = self.last_kind == CLOSE && !torn && !self.segment_damaged;
            self.report.torn_end = torn;
        }
        let end = if newest { self.claimed.max(self.position) } else { upper };
        if end > self.position {
            self.missing.add(Range::new(self.position, end));
            self.position = end;
        }
        self.frames = None;
        self.index += 1;
        (self.claimed, self.segment_damaged, self.last_kind) = (0, false, 0);
        self.unknown_sets.clear();
    }

    fn take(&mut self, frame: Frame) -> Option<Entry> {
        let header = frame.header;
        let upper = self.upper();
        self.last_kind = header.kind;
        if !frame.good {
            self.segment_damaged = true;
            self.report.damaged.add(header.bytes());
            self.claimed = self.claimed.max(header.end().min(upper));
            return None;
        }
        if header.count > 0 && header.seq >= upper {
            // Superseded by the next segment.
            return None;
        }
        if header.kind == TAG_SET {
            self.describe(&frame);
        }
        let entry = Entry {
            epoch: self.places[self.index].header.epoch,
            from: header.seq,
            to: header.end(),
            kind: header.kind,
            digest: frame.digest,
            crc: frame.crc,
            payload: frame.payload,
        };
        if header.count == 0 {
            return Some(entry);
        }
        let range = Range::new(entry.from, entry.to);
        match header.kind {
            BLOCK if !self.is_described(header.set) => {
                self.report.undescribed += range.count();
                return self.leave_out(range);
            }
            BLOCK | RECORD | GAP => {}
            _ => {
                self.report.unknown += range.count();
                return self.leave_out(range);
            }
        }
        self.place(range);
        Some(entry)
    }

    /// Numbers that are there but that no reader can be given.
    fn leave_out(&mut self, range: Range) -> Option<Entry> {
        if range.to > self.position {
            self.missing.add(Range::new(self.position, range.to));
            self.position = range.to;
        }
        None
    }

    fn place(&mut self, range: Range) {
        self.report.frames += 1;
        if range.from > self.position {
            self.missing.add(Range::new(self.position, range.from));
        }
        if range.from < self.position {
            let seen = Range::new(range.from, range.to.min(self.position));
            let late = self.missing.common(seen);
            self.missing.remove(seen);
            self.report.reordered.add_part(seen, late);
            self.report.duplicated.add_part(seen, seen.count() - late);
            self.report.kept += late;
        }
        self.report.kept += range.to.saturating_sub(range.from.max(self.position));
        self.position = self.position.max(range.to);
    }

    fn describe(&mut self, frame: &Frame) {
        let (key, index) = (frame.header.set, self.index);
        self.unknown_sets.remove(&key);
        if self.sets.len() >= SETS_MAX && !self.sets.contains_key(&key) {
            self.sets.clear();
        }
        let known = self.sets.entry(key).or_insert((frame.digest, index));
        if known.0 != frame.digest {
            let (id, revision) = key;
            let text = format!("tag set {id} revision {revision} has two contents");
            self.report.conflicts += 1;
            self.report.trouble(text);
        }
        known.1 = index;
    }

    fn is_described(&mut self, key: (u32, u32)) -> bool {
        let near = self.index.saturating_sub(NEIGHBOURS);
        if self.sets.get(&key).is_some_and(|(_, index)| *index >= near) {
            return true;
        }
        if self.unknown_sets.contains(&key) {
            return false;
        }
        let last = (self.index + NEIGHBOURS).min(self.places.len().saturating_sub(1));
        for index in self.index..=last {
            if let Some(frame) = self.find_set(index, key) {
                self.sets.insert(key, (frame.digest, index));
                return true;
            }
        }
        self.unknown_sets.insert(key);
        false
    }

    fn find_set(&self, index: usize, key: (u32, u32)) -> Option<Frame> {
        let place = self.places.get(index)?;
        let file = self.folder.open(place.header.stream, &place.name).ok()?;
        let mut frames = Frames::new(file, place.header.seed).ok()?;
        loop {
            match frames.step().ok()? {
                Step::Frame(frame) => {
                    let header = frame.header;
                    if frame.good && header.kind == TAG_SET && header.set == key {
                        return Some(frame);
                    }
                }
                Step::Damaged { .. } => {}
                Step::End { .. } => return None,
            }
        }
    }

    /// What was found, with the losses that the record knows of left out.
    pub fn finish(mut self, notes: &Notes) -> StreamReport {
        self.report.end = self.position;
        let explained = notes.explained(self.report.stream);
        self.report.missing = Tally::of(&self.missing);
        self.report.lost = Tally::of(&self.missing.without(explained));
        self.report.gaps = notes.gaps(self.report.stream);
        self.report
    }

    /// Numbers that are missing so far.
    pub fn missing(&self) -> &Ranges {
        &self.missing
    }

    pub fn oldest(&self) -> u64 {
        self.report.oldest
    }

    pub fn position(&self) -> u64 {
        self.position
    }
}

fn load(
    folder: &dyn Folder,
    stream: StreamName,
    names: Vec<String>,
    report: &mut StreamReport,
) -> Vec<Place> {
    let mut places = Vec::new();
    for name in names {
        let read = folder.open(stream, &name).and_then(|file| {
            report.bytes += file.length()?;
            read_header(&*file)
        });
        match read {
            Ok(Ok(header)) if header.stream == stream => places.push(Place { name, header }),
            Ok(Ok(_)) => report.bad_segment(format!("{name} belongs to another stream")),
            Ok(Err(HeaderFault::Damaged)) => {
                report.bad_segment(format!("both headers of {name} are damaged"));
            }
            Ok(Err(HeaderFault::Newer(version))) => {
                let text = format!("{name} has format version {version}, which is not known here");
                report.bad_segment(text);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => report.bad_segment(format!("reading {name}: {error}")),
        }
    }
    places
}

/// The segments that a reader reads, in order: a later one supersedes what earlier ones hold at or above
/// its first number.
fn effective(
    folder: &dyn Folder,
    stream: StreamName,
    mut places: Vec<Place>,
    report: &mut StreamReport,
) -> Vec<Place> {
    places.sort_by_key(|place| place.header.ordinal);
    // A newest segment without samples that begins below the end before it is a rewrite that never
    // got its data.
    let mut hollow = places.len();
    let mut reached = 0;
    while hollow > 0 {
        match data_end(folder, stream, &places[hollow - 1]) {
            Some(end) => {
                reached = end;
                break;
            }
            None => hollow -= 1,
        }
    }
    let mut at = 0;
    places.retain(|place| {
        at += 1;
        at <= hollow || place.header.first >= reached
    });
    let mut kept: Vec<Place> = Vec::new();
    for place in places {
        while kept.last().is_some_and(|old| old.header.first >= place.header.first) {
            kept.pop();
            report.superseded += 1;
        }
        kept.push(place);
    }
    kept
}

/// One past the last number in a segment; none when it has no numbers.
fn data_end(folder: &dyn Folder, stream: StreamName, place: &Place) -> Option<u64> {
    let mut frames = Frames::new(folder.open(stream, &place.name).ok()?, place.header.seed).ok()?;
    let mut end = None;
    loop {
        match frames.step() {
            Ok(Step::Frame(frame)) if frame.header.count > 0 => {
                end = end.max(Some(frame.header.end()));
            }
            Ok(Step::Frame(_) | Step::Damaged { .. }) => {}
            Ok(Step::End { claimed, .. }) => {
                return end.max((claimed > place.header.first).then_some(claimed));
            }
            Err(_) => return end,
        }
    }
}
