//! One stream's log: appending, rolling to new segments, dropping old ones. Recovery hands it what
//! was found on disk; syncing is in `commit`, reading in `reader`.

use crate::cursor::Cursor;
use crate::error::is_full;
use crate::frame::{
    CLOCK_PAYLOAD_BYTES, FRAME_HEADER_BYTES, FRAMES_AT, FrameHeader, Kind, SECOND_HEADER_AT,
    SegmentHeader, encode_clock, encode_start, mark, put_frame,
};
use crate::reserve::Reserve;
use crate::segment::{Segment, file_name};
use crate::stats::Counters;
use crate::tail::{Tail, TailFrame};
use crate::timeline::{BootId, Timeline};
use crate::{AppendError, Full, Payload, Span, Stream, StreamOptions, TagSet, lock};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tagwerk_env::{Access, DiskFile, Env, Moment};
use tokio::sync::watch;

/// What all streams of a journal share.
pub(crate) struct Shared {
    pub env: Env,
    pub directory: PathBuf,
    pub boot: BootId,
    pub epoch: u32,
    pub clean: bool,
    pub timeline: Mutex<Timeline>,
    /// Counts what was added to the timeline, so that a stream knows when to note the clock again.
    pub clock_changes: AtomicU64,
    /// The folder of the streams' folders is not proven to be on disk.
    pub root_dirty: AtomicBool,
    /// A segment of this start is durable somewhere, so that the next start knows of this one.
    pub started: AtomicBool,
    pub buffer_bytes: Option<usize>,
    pub reserve: Reserve,
}

impl Shared {
    /// Notes what the wall clock says now; returns it, and whether that is news.
    pub fn observe_clock(&self) -> (Moment, tagwerk_env::WallTime, bool) {
        let (moment, wall) = (self.env.clock.now(), self.env.clock.wall());
        let news = lock(&self.timeline).add(self.boot, moment, wall);
        (moment, wall, news)
    }
}

/// What is to be appended.
pub(crate) struct Entry<'a> {
    pub kind: Kind,
    pub extra: u16,
    pub count: u32,
    pub moment: Moment,
    pub set: Option<&'a Arc<TagSet>>,
    pub payload: &'a [u8],
}

pub(crate) struct Log {
    pub shared: Arc<Shared>,
    pub stream: Stream,
    pub folder: PathBuf,
    pub options: StreamOptions,
    pub writer: Mutex<Writer>,
    pub tail: Mutex<Tail>,
    /// Held during a sync: one at a time per stream.
    pub gate: Mutex<()>,
    pub commits: watch::Sender<Commits>,
    pub ends: watch::Sender<u64>,
    pub dirty: AtomicBool,
    /// Segments were removed since cursors were last looked at.
    pub removed: AtomicBool,
    pub closed: AtomicBool,
    pub counters: Counters,
    /// Tag sets that somebody holds, for segments whose own copy is damaged.
    pub sets: Mutex<HashMap<(u32, u32), Weak<TagSet>>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Commits {
    pub committed: u64,
    /// Of [`Writer::frames`], those on disk.
    pub frames: u64,
    pub failures: u64,
    /// The failed sync was for everything below this.
    pub failed_to: u64,
    pub cause: String,
}

pub(crate) struct Writer {
    pub active: Option<Active>,
    pub next: u64,
    /// Frames appended in this run, those without samples included.
    pub frames: u64,
    pub ordinal: u64,
    /// Segments that are full but not synced yet.
    pub sealed: Vec<(Arc<Segment>, Arc<dyn DiskFile>)>,
    /// Segments of an earlier run whose sync failed at start.
    pub unproven: Vec<Arc<Segment>>,
    pub directory_dirty: bool,
    /// After a failed sync: what is held in memory from here on goes into the next segment again.
    pub rewrite_from: Option<u64>,
    pub spare: Option<Vec<u8>>,
    /// Only with `buffered_for_test`.
    pub pending: Vec<u8>,
    /// Only in the record stream.
    pub cursors: BTreeMap<String, Cursor>,
}

pub(crate) struct Active {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn DiskFile>,
    pub offset: u64,
    capacity: u64,
    clock_changes: u64,
    held: HashMap<(u32, u32), Held>,
}

/// A tag set described in the active segment.
struct Held {
    at: u64,
    bytes: u64,
    twice: bool,
}

/// Sets up to this size are described twice at once; larger ones when the segment has grown.
const ECHO_BYTES_MAX: usize = 1024;
const ECHO_GROWTH: u64 = 8;

impl Log {
    pub fn append(&self, entry: &Entry<'_>) -> Result<Span, AppendError> {
        self.append_locked(&mut lock(&self.writer), entry)
    }

    pub fn append_locked(&self, w: &mut Writer, entry: &Entry<'_>) -> Result<Span, AppendError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::Closed);
        }
        let (value, max) = (entry_bytes(entry), self.segment_bytes() - FRAMES_AT);
        if value > max {
            return Err(AppendError::Limit { what: "the size of the frame", value, max });
        }
        let mut result = self.write_entry(w, entry);
        if let Err(error) = &result
            && is_full(error)
        {
            self.counters.full.fetch_add(1, Ordering::Relaxed);
            if self.options.full == Full::Oldest && self.drop_oldest(w) {
                result = self.write_entry(w, entry);
            }
        }
        result.map_err(|error| {
            self.counters.failed_write(&error);
            match is_full(&error) {
                true => AppendError::Full { stream: self.stream, error },
                false => AppendError::Io { stream: self.stream, error },
            }
        })
    }

    /// Also the smallest size a test may choose.
    fn segment_bytes(&self) -> u64 {
        let quarter = self.options.bytes_max / 4;
        self.options.segment_bytes.min(quarter).clamp(FRAMES_AT + 1024, 1 << 30)
    }

    fn write_entry(&self, w: &mut Writer, entry: &Entry<'_>) -> io::Result<Span> {
        let needed = entry_bytes(entry);
        let full = |active: &Active| active.offset + needed > active.capacity;
        if w.active.as_ref().is_none_or(|active| full(active) || self.is_old(active, entry.moment))
        {
            self.roll(w, needed, false)?;
        }
        let mut buffer = w.spare.take().unwrap_or_default();
        buffer.clear();
        let span = Span { from: w.next, to: w.next + entry.count as u64 };
        let active = w.active.as_mut().expect("rolling leaves an active segment");
        let payload_at = self.encode(active, &mut buffer, entry, span);
        if let Err(error) = self.put(w, &buffer) {
            self.abandon(w);
            return Err(error);
        }
        w.next = span.to;
        w.frames += 1;
        self.counters.appended(entry.count, buffer.len());
        self.dirty.store(true, Ordering::Release);
        if span.count() == 0 {
            w.spare = Some(buffer);
            return Ok(span);
        }
        let range = payload_at..payload_at + entry.payload.len();
        let frame = TailFrame {
            kind: entry.kind,
            extra: entry.extra,
            span,
            moment: entry.moment,
            set: entry.set.cloned(),
            payload: Payload::new(Arc::new(buffer), range),
        };
        w.spare = lock(&self.tail).push(frame);
        self.ends.send_replace(span.to);
        Ok(span)
    }

    /// The frames of one append: the clock and the tag set where the segment lacks them, then the
    /// entry. Returns where the entry's payload begins.
    fn encode(
        &self,
        active: &mut Active,
        buffer: &mut Vec<u8>,
        entry: &Entry<'_>,
        span: Span,
    ) -> usize {
        let (base, seed, seq) = (active.offset, active.segment.seed, span.from);
        let changes = self.shared.clock_changes.load(Ordering::Acquire);
        if active.clock_changes != changes {
            active.clock_changes = changes;
            let (moment, wall, _) = self.shared.observe_clock();
            let payload = encode_clock(&self.shared.boot, wall);
            put_frame(buffer, base, seed, &mark(Kind::Clock, seq, moment), &payload);
        }
        let mut echo = false;
        if let Some(set) = entry.set {
            if !active.held.contains_key(&set.key()) {
                self.remember_set(set);
            }
            echo = active.describe(buffer, set, seq, entry.moment);
        }
        let header = FrameHeader {
            extra: entry.extra,
            count: entry.count,
            set: entry.set.map_or((0, 0), |set| set.key()),
            ..mark(entry.kind, seq, entry.moment)
        };
        put_frame(buffer, base, seed, &header, entry.payload);
        let payload_at = buffer.len() - entry.payload.len();
        if echo && let Some(set) = entry.set {
            put_set(buffer, base, seed, set, span.to, entry.moment);
        }
        payload_at
    }

    pub fn remember_set(&self, set: &Arc<TagSet>) {
        let mut sets = lock(&self.sets);
        if sets.len() > 4096 {
            sets.retain(|_, held| held.strong_count() > 0);
        }
        sets.insert(set.key(), Arc::downgrade(set));
    }

    /// One write to the kernel, so that the data survives the end of this process.
    fn put(&self, w: &mut Writer, buffer: &[u8]) -> io::Result<()> {
        let active = w.active.as_mut().expect("put follows a look at the active segment");
        match self.shared.buffer_bytes {
            None => {
                active.file.write_all_at(buffer, active.offset)?;
                active.offset += buffer.len() as u64;
                active.segment.set_written(active.offset);
                Ok(())
            }
            Some(most) => {
                w.pending.extend_from_slice(buffer);
                active.offset += buffer.len() as u64;
                if w.pending.len() < most { Ok(()) } else { flush_pending(w) }
            }
        }
    }

    /// After a failed write nothing more goes into that segment: what the write left there is not
    /// known. The next append begins a new one, which supersedes whatever lies behind its start.
    fn abandon(&self, w: &mut Writer) {
        if let Some(active) = w.active.take() {
            let end = active.segment.written();
            if active.file.set_length(end).is_ok() {
                active.segment.set_bytes(end);
            }
            w.pending.clear();
            w.sealed.push((active.segment, active.file));
        }
    }

    pub fn seal(&self, w: &mut Writer) {
        if let Err(error) = flush_pending(w) {
            self.counters.failed_write(&error);
        }
        self.abandon(w);
    }

    /// Ends the active segment and begins the next.
    pub fn roll(&self, w: &mut Writer, needed: u64, start: bool) -> io::Result<()> {
        self.seal(w);
        self.enforce_limits(w);
        self.create(w, needed, start)
    }

    fn enforce_limits(&self, w: &mut Writer) {
        self.drop_aged(w);
        let room = self.options.bytes_max.saturating_sub(self.segment_bytes());
        loop {
            let (bytes, count) = {
                let tail = lock(&self.tail);
                (tail.bytes(), tail.segments.len())
            };
            let over = bytes > room || count >= self.options.segments_max.max(2);
            if !over || !self.drop_oldest(w) {
                return;
            }
        }
    }

    /// Drops the oldest segment for the sake of another stream.
    pub fn make_room(&self) -> bool {
        self.options.full == Full::Oldest && self.drop_oldest(&mut lock(&self.writer))
    }

    /// Removes the oldest segment, if it may go.
    pub fn drop_oldest(&self, w: &mut Writer) -> bool {
        // The last two of `record` stay: the newest checkpoint may not be durable yet.
        let kept = if self.stream == Stream::Record { 2 } else { 1 };
        if lock(&self.tail).segments.len() <= kept || !self.secure_rest(w) {
            return false;
        }
        let (segment, after) = {
            let mut tail = lock(&self.tail);
            let segment = tail.segments.remove(0);
            (segment, tail.oldest())
        };
        w.sealed.retain(|(sealed, _)| !Arc::ptr_eq(sealed, &segment));
        let dropped = after.saturating_sub(segment.first_seq());
        self.counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.removed.store(true, Ordering::Release);
        w.directory_dirty = true;
        tracing::info!(stream = %self.stream, from = segment.first_seq(), to = after,
            "dropped the oldest segment");
        match self.shared.env.disk.remove(&segment.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %segment.path.display(), %error, "cannot remove a segment");
                self.counters.failed_write(&error);
                false
            }
            _ => true,
        }
    }

    /// The oldest segment may be the only durable trace of how far the sequence has come. Makes sure
    /// that another one is durable.
    fn secure_rest(&self, w: &mut Writer) -> bool {
        let rest: Vec<Arc<Segment>> = lock(&self.tail).segments.iter().skip(1).cloned().collect();
        if rest.iter().any(|segment| segment.is_durable()) {
            return true;
        }
        let Some(at) = w.sealed.iter().position(|(s, _)| rest.iter().any(|r| Arc::ptr_eq(r, s)))
        else {
            return false;
        };
        let (segment, file) = &w.sealed[at];
        let synced =
            file.sync_data().and_then(|()| self.shared.env.disk.sync_directory(&self.folder));
        match synced {
            Ok(()) => {
                segment.set_durable();
                true
            }
            Err(error) => {
                // Never synced again itself: the next commit proves a copy of it.
                self.counters.failed_sync(&error);
                let (segment, _) = w.sealed.remove(at);
                w.unproven.push(segment);
                self.dirty.store(true, Ordering::Release);
                false
            }
        }
    }

    /// Begins a segment that has room for `needed` bytes.
    pub fn create(&self, w: &mut Writer, needed: u64, start: bool) -> io::Result<()> {
        let rewritten: Vec<TailFrame> = match w.rewrite_from {
            Some(from) => lock(&self.tail).frames_from(from).cloned().collect(),
            None => Vec::new(),
        };
        let first_seq = rewritten.first().map_or(w.next, |frame| frame.span.from);
        w.ordinal += 1;
        let changes = self.shared.clock_changes.load(Ordering::Acquire);
        let (moment, wall, _) = self.shared.observe_clock();
        let mut header = SegmentHeader {
            stream: self.stream,
            epoch: self.shared.epoch,
            ordinal: w.ordinal,
            first_seq,
            boot: self.shared.boot,
            moment,
            wall,
            capacity: self.segment_bytes(),
        };
        let body = self.opening_bytes(w, &rewritten) + needed;
        header.capacity = header.capacity.max(FRAMES_AT + body);
        let (mut image, seed) = header_image(&header);
        let mut held = HashMap::new();
        self.put_opening(w, &mut image, seed, &header, start);
        for frame in &rewritten {
            put_rewritten(&mut image, seed, frame, &mut held);
        }
        let segment = self.store(&header, &image, seed, w)?;
        w.rewrite_from = None;
        w.active = Some(Active {
            offset: image.len() as u64,
            capacity: header.capacity,
            clock_changes: changes,
            held,
            segment: segment.0,
            file: segment.1,
        });
        self.dirty.store(true, Ordering::Release);
        Ok(())
    }

    fn opening_bytes(&self, w: &Writer, rewritten: &[TailFrame]) -> u64 {
        let mut bytes = 256;
        if self.stream == Stream::Record {
            bytes += lock(&self.shared.timeline).encoded_bytes() as u64;
            bytes += w.cursors.iter().map(|(name, c)| cursor_bytes(name, c)).sum::<u64>();
        }
        for frame in rewritten {
            let set = frame.set.as_ref().map_or(0, |set| set.encoded_bytes() + FRAME_HEADER_BYTES);
            bytes += (set + FRAME_HEADER_BYTES + frame.payload.len()) as u64;
        }
        bytes
    }

    fn put_opening(
        &self,
        w: &Writer,
        image: &mut Vec<u8>,
        seed: u32,
        header: &SegmentHeader,
        start: bool,
    ) {
        let (seq, moment) = (header.first_seq, header.moment);
        if start {
            let payload = encode_start(header.epoch, &header.boot, self.shared.clean);
            put_frame(image, 0, seed, &mark(Kind::Start, seq, moment), &payload);
        }
        if self.stream == Stream::Record {
            let mut payload = Vec::new();
            lock(&self.shared.timeline).encode(&mut payload);
            payload.extend_from_slice(&(w.cursors.len() as u32).to_le_bytes());
            for (name, cursor) in &w.cursors {
                cursor.encode(name, &mut payload);
            }
            put_frame(image, 0, seed, &mark(Kind::Checkpoint, seq, moment), &payload);
        }
    }

    /// Writes the beginning of a segment under its name. Where the name is taken by a segment that
    /// this one replaces (same first sequence, same epoch) it is staged and renamed.
    fn store(
        &self,
        header: &SegmentHeader,
        image: &[u8],
        seed: u32,
        w: &mut Writer,
    ) -> io::Result<(Arc<Segment>, Arc<dyn DiskFile>)> {
        let disk = &self.shared.env.disk;
        let path = self.folder.join(file_name(header.first_seq, header.epoch));
        let staged = path.with_extension("new");
        let (target, file) = match disk.open(&path, Access::CreateNew) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match disk.remove(&staged) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                (&staged, disk.open(&staged, Access::CreateNew)?)
            }
            other => (&path, other?),
        };
        let first = !self.shared.started.load(Ordering::Acquire);
        let written = (|| {
            file.preallocate(header.capacity)?;
            file.write_all_at(image, 0)?;
            // The first segment of a start must outlive a power cut before anybody sees data of
            // it: else the epoch could be given out again for other data.
            if first || target == &staged {
                file.sync_data()?;
            }
            if target == &staged {
                disk.rename(&staged, &path)?;
            }
            if first { disk.sync_directory(&self.folder) } else { Ok(()) }
        })();
        if let Err(error) = written {
            let _ = disk.remove(target);
            return Err(error);
        }
        if first {
            self.shared.started.store(true, Ordering::Release);
        } else {
            w.directory_dirty = true;
        }
        let (end, capacity) = (image.len() as u64, header.capacity);
        let segment = Arc::new(Segment::new(path, header.clone(), seed, end, capacity));
        if first {
            segment.set_durable();
        }
        self.list(w, segment.clone());
        Ok((segment, file.into()))
    }

    /// Puts a new segment behind the others and removes those it supersedes.
    fn list(&self, w: &mut Writer, segment: Arc<Segment>) {
        let mut superseded = Vec::new();
        {
            let mut tail = lock(&self.tail);
            while tail.segments.last().is_some_and(|s| s.first_seq() >= segment.first_seq()) {
                superseded.extend(tail.segments.pop());
            }
            tail.segments.push(segment.clone());
        }
        for old in superseded {
            w.sealed.retain(|(sealed, _)| !Arc::ptr_eq(sealed, &old));
            if old.path != segment.path
                && let Err(error) = self.shared.env.disk.remove(&old.path)
            {
                tracing::warn!(path = %old.path.display(), %error, "cannot remove a segment");
            }
        }
    }
}

impl Active {
    /// Describes the set if this segment does not yet. Returns whether a second copy is due behind
    /// the block: a damaged description must not cost the blocks that refer to it.
    fn describe(&mut self, buffer: &mut Vec<u8>, set: &TagSet, seq: u64, moment: Moment) -> bool {
        let here = self.offset + buffer.len() as u64;
        if let Some(held) = self.held.get_mut(&set.key()) {
            let due = !held.twice && here - held.at > ECHO_GROWTH * held.bytes;
            held.twice |= due;
            return due;
        }
        let bytes = set.encoded_bytes();
        put_set(buffer, self.offset, self.segment.seed, set, seq, moment);
        let twice = bytes <= ECHO_BYTES_MAX;
        self.held.insert(set.key(), Held { at: here, bytes: bytes as u64, twice });
        twice
    }
}

fn put_set(buffer: &mut Vec<u8>, base: u64, seed: u32, set: &TagSet, seq: u64, moment: Moment) {
    let header = FrameHeader { set: set.key(), ..mark(Kind::TagSet, seq, moment) };
    put_frame(buffer, base, seed, &header, &set.encode());
}

fn put_rewritten(
    image: &mut Vec<u8>,
    seed: u32,
    frame: &TailFrame,
    held: &mut HashMap<(u32, u32), Held>,
) {
    if let Some(set) = &frame.set
        && !held.contains_key(&set.key())
    {
        let (at, bytes) = (image.len() as u64, set.encoded_bytes() as u64);
        held.insert(set.key(), Held { at, bytes, twice: false });
        put_set(image, 0, seed, set, frame.span.from, frame.moment);
    }
    put_frame(image, 0, seed, &frame.header(), &frame.payload);
}

fn header_image(header: &SegmentHeader) -> (Vec<u8>, u32) {
    let bytes = header.encode();
    let seed = u32::from_le_bytes([bytes[124], bytes[125], bytes[126], bytes[127]]);
    let mut image = vec![0; FRAMES_AT as usize];
    image[..bytes.len()].copy_from_slice(&bytes);
    image[SECOND_HEADER_AT as usize..].copy_from_slice(&bytes);
    (image, seed)
}

/// The most an entry can take, with everything the segment may need for it.
fn entry_bytes(entry: &Entry<'_>) -> u64 {
    let set = entry.set.map_or(0, |set| 2 * (FRAME_HEADER_BYTES + set.encoded_bytes()));
    let clock = FRAME_HEADER_BYTES + CLOCK_PAYLOAD_BYTES;
    (clock + set + FRAME_HEADER_BYTES + entry.payload.len()) as u64
}

fn cursor_bytes(name: &str, cursor: &Cursor) -> u64 {
    (16 + name.len() + 16 * cursor.ranges().len()) as u64
}

pub(crate) fn flush_pending(w: &mut Writer) -> io::Result<()> {
    if w.pending.is_empty() {
        return Ok(());
    }
    let pending = std::mem::take(&mut w.pending);
    let Some(active) = &w.active else { return Ok(()) };
    active.file.write_all_at(&pending, active.segment.written())?;
    active.segment.set_written(active.offset);
    Ok(())
}
