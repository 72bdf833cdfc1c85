//! The newest frames of a stream in memory, bounded in bytes, and the list of its segments.

use crate::frame::{FrameHeader, Kind};
use crate::segment::Segment;
use crate::{Payload, Span, TagSet};
use std::collections::VecDeque;
use std::sync::Arc;
use tagwerk_env::Moment;

/// A frame with samples or a record, as it was appended in this run.
#[derive(Clone, Debug)]
pub(crate) struct TailFrame {
    pub kind: Kind,
    pub extra: u16,
    pub span: Span,
    pub moment: Moment,
    pub set: Option<Arc<TagSet>>,
    pub payload: Payload,
}

impl TailFrame {
    pub fn header(&self) -> FrameHeader {
        FrameHeader {
            kind: self.kind,
            extra: self.extra,
            payload_bytes: self.payload.len() as u32,
            count: self.span.count() as u32,
            seq: self.span.from,
            moment: self.moment,
            set: self.set.as_ref().map_or((0, 0), |set| set.key()),
            payload_crc: 0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tail {
    ring: VecDeque<TailFrame>,
    ring_bytes: usize,
    ring_bytes_max: usize,
    /// In order of first sequence, which is also the order of creation.
    pub segments: Vec<Arc<Segment>>,
    pub end: u64,
}

impl Tail {
    pub fn new(segments: Vec<Arc<Segment>>, end: u64, ring_bytes_max: usize) -> Tail {
        Tail { ring: VecDeque::new(), ring_bytes: 0, ring_bytes_max, segments, end }
    }

    /// Returns a buffer that is free for reuse, if one fell out.
    pub fn push(&mut self, frame: TailFrame) -> Option<Vec<u8>> {
        self.end = frame.span.to;
        self.ring_bytes += frame.payload.len();
        self.ring.push_back(frame);
        let mut spare = None;
        while self.ring_bytes > self.ring_bytes_max && self.ring.len() > 1 {
            let Some(frame) = self.ring.pop_front() else { break };
            self.ring_bytes -= frame.payload.len();
            spare = frame.payload.into_buffer().or(spare);
        }
        spare
    }

    /// The first sequence that can be read from memory.
    pub fn ring_from(&self) -> u64 {
        self.ring.front().map_or(self.end, |frame| frame.span.from)
    }

    /// The frame that holds `seq` or the first one behind it.
    pub fn frame_at(&self, seq: u64) -> Option<&TailFrame> {
        self.ring.get(self.ring.partition_point(|frame| frame.span.to <= seq))
    }

    pub fn frames_from(&self, seq: u64) -> impl Iterator<Item = &TailFrame> {
        self.ring.iter().skip_while(move |frame| frame.span.to <= seq)
    }

    pub fn oldest(&self) -> u64 {
        self.segments.first().map_or(self.end, |segment| segment.first_seq()).min(self.end)
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes()).sum()
    }
}
