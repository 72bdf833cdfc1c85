//! A reader's durable place: everything below `next` is done, and a bounded set of ranges above it.

use crate::frame::Fields;
use crate::{Span, Stream};

/// More holes than this are not kept; the reader has to work in order until some have closed.
pub const CURSOR_RANGES_MAX: usize = 256;

pub(crate) const CURSORS_MAX: usize = 256;
pub(crate) const CURSOR_NAME_BYTES_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    stream: Stream,
    pub(crate) epoch: u32,
    next: u64,
    /// Acknowledged above `next`: sorted, apart from one another.
    ranges: Vec<Span>,
}

/// What became of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acknowledged {
    Kept,
    /// Not kept: there are [`CURSOR_RANGES_MAX`] holes already. Acknowledge the oldest first.
    TooManyHoles,
}

impl Cursor {
    /// A cursor that wants everything from `at` on.
    pub fn new(stream: Stream, at: u64) -> Cursor {
        Cursor { stream, epoch: 0, next: at, ranges: Vec::new() }
    }

    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// The epoch in which the cursor was last saved; 0 before the first time.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The first sequence number that is not acknowledged.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Acknowledged ranges above [`Cursor::next`].
    pub fn ranges(&self) -> &[Span] {
        &self.ranges
    }

    /// One past the highest sequence number this cursor speaks of.
    pub fn end(&self) -> u64 {
        self.ranges.last().map_or(self.next, |range| range.to)
    }

    pub fn is_acknowledged(&self, seq: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.to <= seq);
        seq < self.next || self.ranges.get(at).is_some_and(|range| range.from <= seq)
    }

    pub fn acknowledge(&mut self, span: Span) -> Acknowledged {
        let span = Span { from: span.from.max(self.next), to: span.to };
        if span.from >= span.to {
            return Acknowledged::Kept;
        }
        // Ranges that touch the span melt into it.
        let first = self.ranges.partition_point(|range| range.to < span.from);
        let last = self.ranges.partition_point(|range| range.from <= span.to);
        let opens_hole = first == last && span.from > self.next;
        if opens_hole && self.ranges.len() >= CURSOR_RANGES_MAX {
            return Acknowledged::TooManyHoles;
        }
        let touched = &self.ranges[first..last];
        let from = touched.first().map_or(span.from, |range| range.from.min(span.from));
        let to = touched.last().map_or(span.to, |range| range.to.max(span.to));
        self.ranges.splice(first..last, [Span { from, to }]);
        self.absorb();
        Acknowledged::Kept
    }

    /// Gives up everything below `seq`.
    pub fn move_to(&mut self, seq: u64) {
        self.next = self.next.max(seq);
        self.absorb();
    }

    fn absorb(&mut self) {
        let done = self.ranges.iter().take_while(|range| range.from <= self.next);
        let (count, to) = done.fold((0, self.next), |(n, to), range| (n + 1, to.max(range.to)));
        self.next = to;
        self.ranges.drain(..count);
    }

    pub(crate) fn encode(&self, name: &str, bytes: &mut Vec<u8>) {
        bytes.push(self.stream.code());
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.next.to_le_bytes());
        bytes.extend_from_slice(&(self.ranges.len() as u16).to_le_bytes());
        for range in &self.ranges {
            bytes.extend_from_slice(&range.from.to_le_bytes());
            bytes.extend_from_slice(&range.to.to_le_bytes());
        }
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<(String, Cursor)> {
        let stream = Stream::from_code(fields.u8()?)?;
        let length = fields.u8()? as usize;
        let name = std::str::from_utf8(fields.take(length)?).ok()?.to_owned();
        let epoch = fields.u32()?;
        let next = fields.u64()?;
        let count = fields.u16()? as usize;
        if count > CURSOR_RANGES_MAX {
            return None;
        }
        let mut cursor = Cursor { stream, epoch, next, ranges: Vec::new() };
        for _ in 0..count {
            let span = Span { from: fields.u64()?, to: fields.u64()? };
            // Goes through the front door, so that a decoded cursor keeps the invariants.
            let _ = cursor.acknowledge(span);
        }
        Some((name, cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn span(from: u64, to: u64) -> Span {
        Span { from, to }
    }

    #[test]
    fn merges_and_moves_on() {
        let mut cursor = Cursor::new(Stream::Samples, 10);
        assert_eq!(cursor.acknowledge(span(20, 30)), Acknowledged::Kept);
        assert_eq!(cursor.acknowledge(span(40, 50)), Acknowledged::Kept);
        assert_eq!(cursor.acknowledge(span(30, 40)), Acknowledged::Kept);
        assert_eq!(cursor.ranges(), &[span(20, 50)]);
        assert_eq!(cursor.next(), 10);
        assert_eq!(cursor.acknowledge(span(5, 20)), Acknowledged::Kept);
        assert_eq!((cursor.next(), cursor.ranges().len(), cursor.end()), (50, 0, 50));
    }

    #[test]
    fn too_many_holes_are_refused_and_in_order_still_works() {
        let mut cursor = Cursor::new(Stream::Samples, 0);
        for hole in 0..CURSOR_RANGES_MAX as u64 {
            assert_eq!(cursor.acknowledge(span(hole * 2 + 1, hole * 2 + 2)), Acknowledged::Kept);
        }
        assert_eq!(cursor.acknowledge(span(9001, 9002)), Acknowledged::TooManyHoles);
        assert!(!cursor.is_acknowledged(9001));
        assert_eq!(cursor.acknowledge(span(0, 1)), Acknowledged::Kept);
        assert_eq!(cursor.next(), 2);
        assert_eq!(cursor.acknowledge(span(9001, 9002)), Acknowledged::Kept);
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(spans in prop::collection::vec((0u64..300, 0u64..20), 0..60)) {
            let mut cursor = Cursor::new(Stream::Record, 3);
            let mut model: BTreeSet<u64> = (0..3).collect();
            for (from, length) in spans {
                let _ = cursor.acknowledge(span(from, from + length));
                model.extend(from..from + length);
            }
            for seq in 0..340 {
                prop_assert_eq!(cursor.is_acknowledged(seq), model.contains(&seq), "{}", seq);
            }
            prop_assert!(!model.contains(&cursor.next()));
            let mut bytes = Vec::new();
            cursor.encode("sink", &mut bytes);
            let decoded = Cursor::decode(&mut Fields(&bytes)).unwrap();
            prop_assert_eq!(decoded, ("sink".to_owned(), cursor));
        }
    }
}
