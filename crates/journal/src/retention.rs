//! What goes because it is old, or because one reader is too far behind.

use crate::frame::FRAMES_AT;
use crate::log::{Active, Log, Writer};
use crate::segment::{Segment, open_read};
use crate::walk::{Step, Walker};
use crate::{AppendError, Cursor, Gap, GapReason, Journal, Span, Stream, lock};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;

/// A segment is ended when it has been written to for this part of the limit of age, so that it can go in
/// time.
const AGE_PARTS: u32 = 8;

/// How far a reader may fall behind. None: as far as the stream reaches back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BacklogLimit {
    /// Bytes on disk, about.
    pub bytes_max: Option<u64>,
    pub age_max: Option<Duration>,
}

impl Log {
    /// The least time since `moment` of some boot.
    fn age(&self, boot: &[u8; 16], moment: Moment) -> Duration {
        let now = self.shared.env.clock.now();
        lock(&self.shared.timeline).age(boot, moment, &self.shared.boot, now)
    }

    pub(crate) fn is_old(&self, active: &Active, now: Moment) -> bool {
        let begun = active.segment.header.moment;
        self.options.age_max.is_some_and(|age_max| now.since(begun) > age_max / AGE_PARTS)
    }

    /// Drops segments in which everything is too old. Returns whether any went.
    pub(crate) fn drop_aged(&self, w: &mut Writer) -> bool {
        let Some(age_max) = self.options.age_max else { return false };
        let mut dropped = false;
        loop {
            // A segment ends where the next begins.
            let ended = {
                let tail = lock(&self.tail);
                tail.segments.get(1).map(|next| (next.header.boot, next.header.moment))
            };
            let Some((boot, moment)) = ended else { return dropped };
            if self.age(&boot, moment) <= age_max || !self.drop_oldest(w) {
                return dropped;
            }
            dropped = true;
        }
    }

    /// Where a backlog within the limit begins, for a reader at `next`; none when it is within.
    fn backlog_from(&self, next: u64, limit: &BacklogLimit) -> Option<u64> {
        let (segments, end) = {
            let tail = lock(&self.tail);
            (tail.segments.clone(), tail.end)
        };
        let by_bytes =
            limit.bytes_max.and_then(|most| self.within_bytes(&segments, next, end, most));
        let by_age = limit.age_max.and_then(|most| self.within_age(&segments, next, most));
        by_bytes.max(by_age).filter(|from| *from > next)
    }

    fn within_bytes(&self, all: &[Arc<Segment>], next: u64, end: u64, most: u64) -> Option<u64> {
        let bytes = |segment: &Segment| segment.written().saturating_sub(FRAMES_AT);
        let at = all.partition_point(|segment| segment.first_seq() <= next).saturating_sub(1);
        let first = all.get(at)?;
        // Of the first segment, the part that is still to be read.
        let upper = all.get(at + 1).map_or(end, |segment| segment.first_seq());
        let (part, whole) = (upper.saturating_sub(next), upper.saturating_sub(first.first_seq()));
        let share = u128::from(bytes(first)) * u128::from(part) / u128::from(whole.max(1));
        let later: u64 = all[at + 1..].iter().map(|segment| bytes(segment)).sum();
        if later.saturating_add(share as u64) <= most {
            return None;
        }
        // A little less than allowed, so that this is not done again with the next append.
        let mut left = most - most / 10;
        for segment in all[at..].iter().rev() {
            match left.checked_sub(bytes(segment)) {
                Some(rest) => left = rest,
                None => {
                    let from = segment.written().saturating_sub(left);
                    return Some(
                        first_block(self, segment, |offset, _| offset >= from).unwrap_or(
                            all.iter()
                                .map(|s| s.first_seq())
                                .find(|s| *s > segment.first_seq())
                                .unwrap_or(end),
                        ),
                    );
                }
            }
        }
        None
    }

    fn within_age(&self, all: &[Arc<Segment>], next: u64, most: Duration) -> Option<u64> {
        let at = all.partition_point(|segment| segment.first_seq() <= next).saturating_sub(1);
        let young =
            |segment: &Segment| self.age(&segment.header.boot, segment.header.moment) <= most;
        // The last segment that began too long ago holds the limit.
        let old = all.get(at..)?.iter().rev().find(|segment| !young(segment))?;
        let boot = old.header.boot;
        let within = first_block(self, old, |_, moment| self.age(&boot, moment) <= most);
        within.or_else(|| all.iter().map(|s| s.first_seq()).find(|first| *first > old.first_seq()))
    }
}

/// The first number of the first frame with numbers that is `wanted`.
fn first_block(log: &Log, segment: &Segment, wanted: impl Fn(u64, Moment) -> bool) -> Option<u64> {
    let file = open_read(&*log.shared.env.disk, &segment.path).ok()?;
    let mut walker = Walker::new(file, segment.seed, segment.written());
    loop {
        match walker.step().ok()? {
            Step::Frame { offset, header } => {
                if header.count > 0 && wanted(offset, header.moment) {
                    return Some(header.seq);
                }
                walker.pass(&header);
            }
            Step::Bad { .. } => {}
            Step::End { .. } => return None,
        }
    }
}

impl Journal {
    /// Gives up what the saved cursor `name` has not done beyond the limit: moves it and notes each hole as
    /// a gap. Returns what was given up; the caller goes on with [`Journal::cursor`].
    pub fn limit_backlog(
        &self,
        name: &str,
        limit: &BacklogLimit,
    ) -> Result<Option<Span>, AppendError> {
        let Some(cursor) = self.cursor(name) else { return Ok(None) };
        let (stream, from) = (cursor.stream(), cursor.next());
        let Some(to) = self.log(stream).backlog_from(from, limit) else { return Ok(None) };
        {
            let record = self.log(Stream::Record);
            let mut w = lock(&record.writer);
            // Somebody may have moved it since.
            let Some(mut cursor) = w.cursors.get(name).cloned() else { return Ok(None) };
            for span in holes(&cursor, to) {
                let reader = Some(name.to_owned());
                let gap = Gap { stream, span, reader, reason: GapReason::Backlog };
                self.append_gap_locked(&mut w, &gap)?;
            }
            cursor.move_to(to);
            self.append_cursor_locked(&mut w, name, &cursor)?;
        }
        self.after_append(Stream::Record);
        Ok(Some(Span { from, to }))
    }
}

/// What a cursor has not done below `to`.
fn holes(cursor: &Cursor, to: u64) -> Vec<Span> {
    let mut holes = Vec::new();
    let mut at = cursor.next();
    for range in cursor.ranges() {
        holes.push(Span { from: at, to: range.from.min(to) });
        at = range.to;
    }
    holes.push(Span { from: at, to });
    holes.retain(|hole| hole.from < hole.to);
    holes
}
