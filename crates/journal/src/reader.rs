//! Reading a stream in order, from memory at its tail and from disk behind it, past damage, with
//! every missing number reported.

use crate::frame::{Gap, Kind, decode_clock};
use crate::log::Log;
use crate::segment::{Segment, is_media, open_read};
use crate::tail::TailFrame;
use crate::timeline::BootId;
use crate::walk::{Step, Walker};
use crate::{Payload, Span, Stream, TagSet, lock};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tagwerk_env::{DiskFile, Moment, WallTime};
use tokio::sync::watch;

/// Says whether blocks of a tag set are wanted. Asked once per set and reader.
pub type TagPredicate = Arc<dyn Fn(&TagSet) -> bool + Send + Sync>;

#[derive(Clone, Default)]
pub struct ReaderFilter {
    /// None: every block.
    pub tags: Option<TagPredicate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub span: Span,
    pub epoch: u32,
    pub set: Arc<TagSet>,
    pub boot: [u8; 16],
    pub moment: Moment,
    /// `moment` on the wall clock, as well as it is known now.
    pub unix_ns: i64,
    pub synchronised: bool,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordItem {
    pub seq: u64,
    pub kind: u16,
    pub epoch: u32,
    pub boot: [u8; 16],
    pub moment: Moment,
    pub unix_ns: i64,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Block(Block),
    Record(RecordItem),
    /// A loss noted in the record stream, itself an entry of that stream.
    Gap {
        seq: u64,
        gap: Gap,
        unix_ns: i64,
    },
    /// These numbers of the stream being read cannot be had.
    Missing {
        span: Span,
        reason: MissingReason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissingReason {
    Retention,
    Damaged,
    /// Lost at an unclean end, or stepped over after it.
    Unclean,
    /// The disk cannot read the segment.
    Unreadable,
    /// Written by a later version of the program.
    Unknown,
}

/// Reads one stream. Independent of other readers and of the writer.
pub struct Reader {
    log: Arc<Log>,
    position: u64,
    filter: ReaderFilter,
    decisions: HashMap<(u32, u32), bool>,
    place: Option<Place>,
    ends: watch::Receiver<u64>,
}

/// An open segment.
struct Place {
    segment: Arc<Segment>,
    walker: Walker<Arc<dyn DiskFile>>,
    sets: HashMap<(u32, u32), Option<Arc<TagSet>>>,
}

enum Source {
    Memory(TailFrame),
    Disk { segment: Arc<Segment>, upper: u64, next_epoch: Option<u32> },
    Dropped { oldest: u64 },
    Nothing,
}

/// What one look at the disk brought.
enum Found {
    Item(Item),
    /// The position moved, or the place is gone; look again.
    Again,
    Nothing,
}

impl Reader {
    pub(crate) fn new(log: Arc<Log>, position: u64, filter: ReaderFilter) -> Reader {
        let ends = log.ends.subscribe();
        Reader { log, position, filter, decisions: HashMap::new(), place: None, ends }
    }

    pub fn stream(&self) -> Stream {
        self.log.stream
    }

    /// Everything below was delivered, reported missing or filtered out: after an item, the end of
    /// the range that a delivery with it covers.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn seek(&mut self, seq: u64) {
        self.position = seq;
        self.place = None;
    }

    /// The next item; none when the journal is closed and everything is read. Cancel safe: an item is
    /// taken only by the call that returns it. May read from disk for some milliseconds.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            self.ends.borrow_and_update();
            let closed = self.log.closed.load(Ordering::Acquire);
            if let Some(item) = self.try_next() {
                return Some(item);
            }
            if closed || self.ends.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Waits until something may have been appended since this was called last, or the journal is
    /// closed. May return once too often, never once too seldom.
    pub async fn grown(&mut self) {
        // An error means that nothing will be appended any more.
        let _ = self.ends.changed().await;
    }

    /// The next item if there is one. Far behind the tail it reads from disk, synchronously, up to
    /// 256 KiB and one frame at a time.
    pub fn try_next(&mut self) -> Option<Item> {
        loop {
            match self.source() {
                Source::Nothing => return None,
                Source::Dropped { oldest } => {
                    return Some(self.missing(oldest, MissingReason::Retention));
                }
                Source::Memory(frame) => {
                    self.place = None;
                    if frame.span.from > self.position {
                        return Some(self.missing(frame.span.from, MissingReason::Unclean));
                    }
                    self.position = frame.span.to;
                    if let Some(set) = &frame.set
                        && !self.wants(set)
                    {
                        continue;
                    }
                    return Some(self.item_from_memory(frame));
                }
                Source::Disk { segment, upper, next_epoch } => {
                    match self.look_on_disk(segment, upper, next_epoch) {
                        Found::Item(item) => return Some(item),
                        Found::Again => {}
                        Found::Nothing => return None,
                    }
                }
            }
        }
    }

    fn source(&self) -> Source {
        let tail = lock(&self.log.tail);
        if self.position >= tail.end {
            return Source::Nothing;
        }
        if self.position >= tail.ring_from()
            && let Some(frame) = tail.frame_at(self.position)
        {
            return Source::Memory(frame.clone());
        }
        let after = tail.segments.partition_point(|s| s.first_seq() <= self.position);
        match (after.checked_sub(1).and_then(|at| tail.segments.get(at)), tail.segments.get(after))
        {
            (None, next) => {
                let oldest = next.map_or(tail.end, |segment| segment.first_seq());
                Source::Dropped { oldest: oldest.min(tail.ring_from()) }
            }
            (Some(segment), next) => {
                let upper = next.map_or(u64::MAX, |next| next.first_seq()).min(tail.ring_from());
                let next_epoch = next.map(|next| next.header.epoch);
                Source::Disk { segment: segment.clone(), upper, next_epoch }
            }
        }
    }

    fn look_on_disk(
        &mut self,
        segment: Arc<Segment>,
        upper: u64,
        next_epoch: Option<u32>,
    ) -> Found {
        let epoch = segment.header.epoch;
        match self.read_segment(segment, upper) {
            Ok(Some(found)) => found,
            Ok(None) => {
                // The segment ends before its successor begins.
                let unclean = next_epoch.is_some_and(|next| next != epoch);
                self.place = None;
                Found::Item(self.missing(
                    upper,
                    if unclean { MissingReason::Unclean } else { MissingReason::Damaged },
                ))
            }
            Err(error) => {
                self.place = None;
                self.log.counters.read_failures.fetch_add(1, Ordering::Relaxed);
                if error.kind() == io::ErrorKind::NotFound {
                    return self.segment_gone(upper);
                }
                if is_media(&error) {
                    return Found::Item(self.missing(upper, MissingReason::Unreadable));
                }
                // No descriptors or no memory: that passes, the data stays. The next wake-up tries
                // again.
                tracing::warn!(stream = %self.log.stream, %error, "cannot read the journal now");
                Found::Nothing
            }
        }
    }

    /// The file is not there: dropped in the meantime, or taken away from outside.
    fn segment_gone(&mut self, upper: u64) -> Found {
        let oldest = lock(&self.log.tail).oldest();
        if oldest > self.position {
            return Found::Again;
        }
        Found::Item(self.missing(upper, MissingReason::Unreadable))
    }

    /// The next item of the segment below `upper`; none at its end.
    fn read_segment(&mut self, segment: Arc<Segment>, upper: u64) -> io::Result<Option<Found>> {
        let mut place = match self.place.take() {
            Some(place) if Arc::ptr_eq(&place.segment, &segment) => place,
            _ => Place::open(&self.log, segment)?,
        };
        place.walker.set_limit(place.segment.written());
        let found = self.read_place(&mut place, upper);
        self.place = Some(place);
        found
    }

    fn read_place(&mut self, place: &mut Place, upper: u64) -> io::Result<Option<Found>> {
        while self.position < upper {
            let (offset, header) = match place.walker.step()? {
                Step::Frame { offset, header } => (offset, header),
                Step::Bad { .. } => continue,
                Step::End { .. } => return Ok(None),
            };
            let span = header.span();
            if header.count == 0 {
                place.note(&self.log, offset, header)?;
                place.walker.pass(&header);
                continue;
            }
            if span.to <= self.position {
                place.walker.pass(&header);
                continue;
            }
            if span.from >= upper {
                return Ok(None);
            }
            if span.from > self.position {
                return Ok(Some(Found::Item(self.missing(span.from, MissingReason::Damaged))));
            }
            let set = match header.kind {
                Kind::Block => {
                    let Some(set) = place.set(&self.log, header.set)? else {
                        place.walker.pass(&header);
                        let lost = self.missing(span.to, MissingReason::Damaged);
                        return Ok(Some(Found::Item(lost)));
                    };
                    if !self.wants(&set) {
                        place.walker.pass(&header);
                        self.position = span.to;
                        continue;
                    }
                    Some(set)
                }
                _ => None,
            };
            let payload = place.walker.payload(offset, &header)?.map(Payload::from);
            place.walker.pass(&header);
            let Some(payload) = payload else {
                return Ok(Some(Found::Item(self.missing(span.to, MissingReason::Damaged))));
            };
            self.position = span.to;
            let (extra, moment) = (header.extra, header.moment);
            let frame = TailFrame { kind: header.kind, extra, span, moment, set, payload };
            let item = self.item(frame, place.segment.header.boot, place.segment.header.epoch);
            return Ok(Some(Found::Item(item)));
        }
        Ok(Some(Found::Again))
    }

    fn wants(&mut self, set: &TagSet) -> bool {
        let Some(tags) = &self.filter.tags else { return true };
        *self.decisions.entry(set.key()).or_insert_with(|| tags(set))
    }

    fn missing(&mut self, to: u64, reason: MissingReason) -> Item {
        let span = Span { from: self.position, to };
        self.position = to;
        Item::Missing { span, reason }
    }

    fn item_from_memory(&self, frame: TailFrame) -> Item {
        self.item(frame, self.log.shared.boot, self.log.shared.epoch)
    }

    fn item(&self, frame: TailFrame, boot: BootId, epoch: u32) -> Item {
        let TailFrame { kind, extra, span, moment, set, payload } = frame;
        let wall = lock(&self.log.shared.timeline).resolve(&boot, moment);
        let WallTime { unix_ns, synchronised } =
            wall.unwrap_or(WallTime { unix_ns: 0, synchronised: false });
        let unknown = Item::Missing { span, reason: MissingReason::Unknown };
        match (kind, set) {
            (Kind::Block, Some(set)) => Item::Block(Block {
                span,
                epoch,
                set,
                boot,
                moment,
                unix_ns,
                synchronised,
                payload,
            }),
            (Kind::Record, _) => Item::Record(RecordItem {
                seq: span.from,
                kind: extra,
                epoch,
                boot,
                moment,
                unix_ns,
                payload,
            }),
            (Kind::Gap, _) => Gap::decode(&payload).map_or(unknown, |gap| Item::Gap {
                seq: span.from,
                gap,
                unix_ns,
            }),
            _ => unknown,
        }
    }
}

impl Place {
    fn open(log: &Log, segment: Arc<Segment>) -> io::Result<Place> {
        let file = open_read(&*log.shared.env.disk, &segment.path)?;
        let walker = Walker::new(file, segment.seed, segment.written());
        Ok(Place { segment, walker, sets: HashMap::new() })
    }

    /// Takes what a frame without samples says.
    fn note(
        &mut self,
        log: &Log,
        offset: u64,
        header: crate::frame::FrameHeader,
    ) -> io::Result<()> {
        match header.kind {
            Kind::TagSet if !matches!(self.sets.get(&header.set), Some(Some(_))) => {
                let (id, revision) = header.set;
                let payload = self.walker.payload(offset, &header)?;
                if let Some(set) = payload.and_then(|p| TagSet::decode(id, revision, p)) {
                    let set = shared_set(log, set);
                    self.sets.insert(header.set, Some(set));
                }
            }
            Kind::Clock => {
                let payload = self.walker.payload(offset, &header)?;
                if let Some((boot, wall)) = payload.and_then(decode_clock) {
                    lock(&log.shared.timeline).add(boot, header.moment, wall);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The set of a block, from wherever a good copy is.
    fn set(&mut self, log: &Log, key: (u32, u32)) -> io::Result<Option<Arc<TagSet>>> {
        if let Some(known) = self.sets.get(&key) {
            return Ok(known.clone());
        }
        let held = lock(&log.sets).get(&key).and_then(std::sync::Weak::upgrade);
        let set = match held {
            Some(set) => Some(set),
            None => search_set(log, &self.segment, key)?,
        };
        self.sets.insert(key, set.clone());
        Ok(set)
    }
}

/// One copy of a set in memory, however many readers and segments.
fn shared_set(log: &Log, set: TagSet) -> Arc<TagSet> {
    if let Some(held) = lock(&log.sets).get(&set.key()).and_then(std::sync::Weak::upgrade) {
        return held;
    }
    let set = Arc::new(set);
    log.remember_set(&set);
    set
}

/// Neighbours looked into for the description of a set.
const NEIGHBOURS_MAX: usize = 4;

/// Looks for a good copy of the set: in the rest of this segment, then in its neighbours.
fn search_set(log: &Log, here: &Arc<Segment>, key: (u32, u32)) -> io::Result<Option<Arc<TagSet>>> {
    let mut segments = vec![here.clone()];
    {
        let tail = lock(&log.tail);
        let at = tail.segments.partition_point(|s| s.first_seq() < here.first_seq());
        segments.extend(tail.segments[..at].iter().rev().take(NEIGHBOURS_MAX).cloned());
        segments.extend(tail.segments.iter().skip(at + 1).take(NEIGHBOURS_MAX).cloned());
    }
    for segment in segments {
        let Ok(mut place) = Place::open(log, segment) else { continue };
        loop {
            let (offset, header) = match place.walker.step()? {
                Step::Frame { offset, header } => (offset, header),
                Step::Bad { .. } => continue,
                Step::End { .. } => break,
            };
            if header.kind == Kind::TagSet && header.set == key {
                place.note(log, offset, header)?;
                if let Some(Some(set)) = place.sets.get(&key) {
                    return Ok(Some(set.clone()));
                }
            }
            place.walker.pass(&header);
        }
    }
    Ok(None)
}
