//! What a stream's folder holds at start, whatever happened to it. Damage is set aside and counted;
//! only an operating system that refuses to work makes this fail.

use crate::cursor::{CURSORS_MAX, Cursor};
use crate::frame::{Fields, FrameHeader, Kind, decode_clock};
use crate::quarantine::Quarantine;
use crate::segment::{LoadFault, Segment, is_media, load, open_read, parse_name};
use crate::timeline::Timeline;
use crate::walk::{Step, Walker};
use crate::{Gap, GapReason, OpenError, Span, Stream};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk};

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The last run ended with a proven clean end, or there was none.
    pub clean: bool,
    pub epoch: u32,
    /// The disk lets nothing be written: what is stored can be read, appends are refused.
    pub read_only: bool,
    /// Torn ends that were cut at the last good frame.
    pub cut: Vec<Cut>,
    /// Damaged files and bytes, now under `quarantine/`.
    pub quarantined: Vec<PathBuf>,
    /// Sequence numbers lost; each is also a Gap in the record stream.
    pub gaps: Vec<Gap>,
    /// Things that could not be repaired or set aside, for the log.
    pub troubles: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub stream: Stream,
    pub path: PathBuf,
    /// The file's length now.
    pub at: u64,
}

/// A stream as found.
#[derive(Default)]
pub(crate) struct Found {
    pub segments: Vec<Arc<Segment>>,
    pub end: u64,
    pub closed: bool,
    /// Some file was there, good or bad.
    pub existed: bool,
    pub epoch: u32,
    pub ordinal: u64,
    /// Segments that could not be synced, and the sequence below which all is on disk (none: the
    /// end), after an unclean end.
    pub unproven: Vec<Arc<Segment>>,
    pub proven: Option<u64>,
}

pub(crate) struct Recovery<'a> {
    pub disk: &'a dyn Disk,
    pub directory: &'a Path,
    pub quarantine: Quarantine<'a>,
    pub opened: Opened,
    pub timeline: Timeline,
    pub cursors: BTreeMap<String, Cursor>,
}

/// What the full scan of one segment says.
#[derive(Default)]
struct Scanned {
    end: u64,
    has_data: bool,
    closed: bool,
    checkpoint: bool,
    events: Vec<Event>,
}

enum Event {
    Checkpoint(BTreeMap<String, Cursor>),
    Save(String, Cursor),
    Remove(String),
}

impl Recovery<'_> {
    pub fn stream(&mut self, stream: Stream) -> Result<Found, OpenError> {
        let folder = self.directory.join(stream.name());
        let mut found = Found::default();
        let mut segments = self.load_segments(stream, &folder, &mut found)?;
        segments.sort_by_key(|segment| segment.header.ordinal);
        let mut tails: Vec<(usize, Scanned)> = Vec::new();
        let mut at = segments.len();
        // The newest segment with data says where the stream ends; behind it there may be some that
        // hold nothing yet.
        while at > 0 {
            at -= 1;
            // Older ones were the newest at an earlier start, which told what it found.
            let newest = at + 1 == segments.len();
            let scanned = self.scan_tail(stream, &segments[at], newest)?;
            let has_data = scanned.has_data;
            tails.push((at, scanned));
            if has_data {
                break;
            }
        }
        found.closed = tails.first().is_some_and(|(_, scanned)| scanned.closed) && found.closed;
        for (index, scanned) in &tails {
            let reached = tails.last().map_or(0, |(_, last)| last.end);
            found.end = found.end.max(scanned.end);
            if !scanned.has_data && segments[*index].first_seq() < reached {
                // A rewrite that never got its data: it must not hide what it was to replace.
                self.set_aside(stream, &segments[*index].path);
                segments.remove(*index);
            }
        }
        if stream == Stream::Record {
            self.restore_cursors(&segments, tails)?;
        }
        for segment in segments {
            while let Some(old) = found.segments.pop() {
                if old.first_seq() < segment.first_seq() {
                    found.segments.push(old);
                    break;
                }
                self.drop_superseded(&old);
            }
            found.segments.push(segment);
        }
        Ok(found)
    }

    fn load_segments(
        &mut self,
        stream: Stream,
        folder: &Path,
        found: &mut Found,
    ) -> Result<Vec<Arc<Segment>>, OpenError> {
        let mut names = match self.disk.list(folder) {
            // On a disk that is read-only nobody could make it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(io_error("list", folder))?,
        };
        names.sort();
        found.closed = true;
        let mut segments = Vec::new();
        for name in names {
            let path = folder.join(&name);
            if path.extension().is_some_and(|extension| extension == "new") {
                // A segment that was never put in its place.
                let _ = self.disk.remove(&path);
            }
            let Some((first_seq, epoch)) = parse_name(&name) else { continue };
            found.existed = true;
            // The name counts even where the content is lost: no number is given out twice.
            found.end = found.end.max(first_seq);
            found.epoch = found.epoch.max(epoch);
            match load(self.disk, &path) {
                Ok(segment) if segment.header.stream == stream => {
                    found.epoch = found.epoch.max(segment.header.epoch);
                    found.ordinal = found.ordinal.max(segment.header.ordinal);
                    let header = &segment.header;
                    self.timeline.add(header.boot, header.moment, header.wall);
                    segments.push(Arc::new(segment));
                }
                Ok(_) | Err(LoadFault::Damaged) => {
                    found.closed = false;
                    self.set_aside(stream, &path);
                }
                Err(LoadFault::Newer(version)) => return Err(OpenError::Newer { path, version }),
                Err(LoadFault::Io(error)) if is_media(&error) => {
                    found.closed = false;
                    self.set_aside(stream, &path);
                }
                Err(LoadFault::Io(error)) => return Err(io_error("read", &path)(error)),
            }
        }
        Ok(segments)
    }

    /// Reads every frame of a segment; cuts its torn end, copies bad bytes and counts what is lost.
    fn scan_tail(
        &mut self,
        stream: Stream,
        segment: &Arc<Segment>,
        newest: bool,
    ) -> Result<Scanned, OpenError> {
        let path = &segment.path;
        let file = open_read(self.disk, path).map_err(io_error("open", path))?;
        let mut walker = Walker::new(file, segment.seed, segment.bytes());
        let mut scanned = Scanned { end: segment.first_seq(), ..Scanned::default() };
        let mut good_to = walker.offset();
        // Damage that is in the middle as soon as a good frame follows.
        let mut open_damage: Vec<(u64, u64)> = Vec::new();
        let mut claimed = 0;
        let (torn, broken) = loop {
            let step = match walker.step() {
                Ok(step) => step,
                Err(error) => break (false, Some(error)),
            };
            match step {
                Step::Bad { from, to } => open_damage.push((from, to)),
                Step::End { torn, claimed: more } => {
                    claimed = claimed.max(more.unwrap_or(0));
                    break (torn, None);
                }
                Step::Frame { offset, header } => {
                    let end = offset + header.frame_bytes();
                    match walker.payload(offset, &header) {
                        Err(error) => break (false, Some(error)),
                        Ok(None) => {
                            open_damage.push((offset, end));
                            claimed = claimed.max(header.span().to);
                        }
                        Ok(Some(payload)) => {
                            let lost = Span { from: scanned.end, to: header.seq };
                            if header.seq >= scanned.end {
                                self.note_frame(&header, payload, &mut scanned);
                            }
                            if newest {
                                self.note_damage(stream, path, &open_damage, lost);
                            }
                            open_damage.clear();
                            good_to = end;
                        }
                    }
                    walker.pass(&header);
                }
            }
        };
        if torn || broken.is_some() || !open_damage.is_empty() {
            scanned.closed = false;
        }
        let lost = Span { from: scanned.end, to: claimed };
        if lost.count() > 0 {
            self.gap(stream, lost, None, GapReason::Damaged);
            scanned.end = claimed;
            scanned.has_data = true;
        }
        match broken {
            // What cannot be read is not cut off either.
            Some(error) => self.trouble(format!("reading {}: {error}", path.display())),
            None => self.cut(stream, segment, good_to, torn || !open_damage.is_empty()),
        }
        Ok(scanned)
    }

    fn note_frame(&mut self, header: &FrameHeader, payload: &[u8], scanned: &mut Scanned) {
        scanned.end = header.span().to;
        scanned.has_data |= header.count > 0;
        scanned.closed = header.kind == Kind::Close;
        match header.kind {
            Kind::Clock => {
                if let Some((boot, wall)) = decode_clock(payload) {
                    self.timeline.add(boot, header.moment, wall);
                }
            }
            Kind::Checkpoint => {
                if let Some(cursors) = self.decode_checkpoint(payload) {
                    scanned.checkpoint = true;
                    scanned.events.push(Event::Checkpoint(cursors));
                }
            }
            Kind::Cursor => {
                let mut fields = Fields(payload);
                let removed = fields.u8() == Some(1);
                if let Some((name, cursor)) = Cursor::decode(&mut fields) {
                    scanned.events.push(match removed {
                        true => Event::Remove(name),
                        false => Event::Save(name, cursor),
                    });
                }
            }
            _ => {}
        }
    }

    fn decode_checkpoint(&mut self, payload: &[u8]) -> Option<BTreeMap<String, Cursor>> {
        let mut fields = Fields(payload);
        self.timeline.decode_into(&mut fields)?;
        let count = fields.u32()? as usize;
        if count > CURSORS_MAX {
            return None;
        }
        (0..count).map(|_| Cursor::decode(&mut fields)).collect()
    }

    fn note_damage(&mut self, stream: Stream, path: &Path, damage: &[(u64, u64)], lost: Span) {
        for &range in damage {
            match self.quarantine.copy_bytes(stream.name(), path, range) {
                Ok(copy) => self.opened.quarantined.push(copy),
                Err(error) => self.trouble(format!("copying from {}: {error}", path.display())),
            }
        }
        if lost.count() > 0 {
            self.gap(stream, lost, None, GapReason::Damaged);
        }
    }

    fn cut(&mut self, stream: Stream, segment: &Arc<Segment>, at: u64, report: bool) {
        segment.set_written(at);
        if segment.bytes() == at {
            return;
        }
        let path = segment.path.clone();
        let shortened = self.disk.open(&path, Access::Write).and_then(|file| file.set_length(at));
        match shortened {
            Ok(()) => segment.set_bytes(at),
            Err(error) => self.trouble(format!("shortening {}: {error}", path.display())),
        }
        if report {
            self.opened.cut.push(Cut { stream, path, at });
        }
    }

    /// Cursors as of the newest checkpoint and everything after it.
    fn restore_cursors(
        &mut self,
        segments: &[Arc<Segment>],
        tails: Vec<(usize, Scanned)>,
    ) -> Result<(), OpenError> {
        let mut next = tails.last().map_or(segments.len(), |(index, _)| *index);
        let mut newest_first: Vec<Scanned> =
            tails.into_iter().map(|(_, scanned)| scanned).collect();
        while !newest_first.iter().any(|scanned| scanned.checkpoint) && next > 0 {
            next -= 1;
            if let Some(segment) = segments.get(next) {
                newest_first.push(self.scan_events(segment)?);
            }
        }
        for event in newest_first.into_iter().rev().flat_map(|scanned| scanned.events) {
            match event {
                Event::Checkpoint(cursors) => self.cursors = cursors,
                Event::Save(name, cursor) => {
                    self.cursors.insert(name, cursor);
                }
                Event::Remove(name) => {
                    self.cursors.remove(&name);
                }
            }
        }
        Ok(())
    }

    fn scan_events(&mut self, segment: &Arc<Segment>) -> Result<Scanned, OpenError> {
        let path = &segment.path;
        let file = open_read(self.disk, path).map_err(io_error("open", path))?;
        let mut walker = Walker::new(file, segment.seed, segment.bytes());
        let mut scanned = Scanned::default();
        while let Ok(step) = walker.step() {
            match step {
                Step::Frame { offset, header } => {
                    if let Ok(Some(payload)) = walker.payload(offset, &header) {
                        self.note_frame(&header, payload, &mut scanned);
                    }
                    walker.pass(&header);
                }
                Step::Bad { .. } => {}
                Step::End { .. } => break,
            }
        }
        Ok(scanned)
    }

    fn drop_superseded(&mut self, segment: &Segment) {
        if !holds_data(self.disk, segment) {
            let _ = self.disk.remove(&segment.path);
        } else {
            self.set_aside(segment.header.stream, &segment.path);
        }
    }

    fn set_aside(&mut self, stream: Stream, path: &Path) {
        match self.quarantine.move_file(stream.name(), path) {
            Ok(moved) => self.opened.quarantined.push(moved),
            Err(error) => self.trouble(format!("setting {} aside: {error}", path.display())),
        }
    }

    pub fn gap(&mut self, stream: Stream, span: Span, reader: Option<String>, reason: GapReason) {
        self.opened.gaps.push(Gap { stream, span, reader, reason });
    }

    pub fn trouble(&mut self, text: String) {
        tracing::warn!(trouble = text, "opening the journal met trouble");
        self.opened.troubles.push(text);
    }
}

fn holds_data(disk: &dyn Disk, segment: &Segment) -> bool {
    let Ok(file) = open_read(disk, &segment.path) else { return true };
    let mut walker = Walker::new(file, segment.seed, segment.bytes());
    loop {
        match walker.step() {
            Ok(Step::Frame { header, .. }) if header.count == 0 => walker.pass(&header),
            Ok(Step::End { .. }) => return false,
            _ => return true,
        }
    }
}

pub(crate) fn io_error<'a>(
    attempt: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |error| OpenError::Io { attempt, path: path.to_owned(), error }
}
