//! Walks the frames of one segment, past damage, from any source of bytes, in bounded memory.
//! What the frames mean is left to recovery and readers.

use crate::frame::{FRAME_HEADER_BYTES, FRAMES_AT, FrameHeader, MARKER};
use std::io;
use std::sync::Arc;
use tagwerk_env::DiskFile;

/// Read from disk at once; large enough that a far-behind reader streams.
const READ_AHEAD_BYTES: usize = 256 * 1024;

pub(crate) trait Source {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for Arc<dyn DiskFile> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buffer, offset)
    }
}

impl Source for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame with a good header; its payload is not read yet.
    Frame { offset: u64, header: FrameHeader },
    /// Bytes between frames that are none.
    Bad { from: u64, to: u64 },
    /// Nothing valid up to the limit. `torn`: there was something, and it was not all zero.
    /// `claimed`: the sequence after a frame whose header is good but whose end is cut off.
    End { torn: bool, claimed: Option<u64> },
}

pub(crate) struct Walker<S> {
    source: S,
    seed: u32,
    offset: u64,
    limit: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl<S: Source> Walker<S> {
    pub fn new(source: S, seed: u32, limit: u64) -> Walker<S> {
        Walker { source, seed, offset: FRAMES_AT, limit, chunk: Vec::new(), chunk_at: 0 }
    }

    /// A segment still being written grows.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame, which becomes the current one until [`Walker::pass`].
    pub fn step(&mut self) -> io::Result<Step> {
        let (offset, limit, seed) = (self.offset, self.limit, self.seed);
        if offset >= limit {
            return Ok(Step::End { torn: false, claimed: None });
        }
        let header = FrameHeader::decode(self.bytes(offset, FRAME_HEADER_BYTES)?, seed, offset);
        match header {
            Some(header) if header.frame_bytes() <= limit - offset => {
                Ok(Step::Frame { offset, header })
            }
            cut_off => self.resync(cut_off.map(|header| header.span().to)),
        }
    }

    /// The payload of the frame at `offset`; none if its checksum is wrong.
    pub fn payload(&mut self, offset: u64, header: &FrameHeader) -> io::Result<Option<&[u8]>> {
        let seed = self.seed;
        let count = header.payload_bytes as usize;
        let payload = self.bytes(offset + FRAME_HEADER_BYTES as u64, count)?;
        let good = payload.len() == count && header.payload_is_good(payload, seed, offset);
        Ok(good.then_some(payload))
    }

    pub fn pass(&mut self, header: &FrameHeader) {
        self.offset += header.frame_bytes();
    }

    /// Looks for the next good header behind the current offset.
    fn resync(&mut self, mut claimed: Option<u64>) -> io::Result<Step> {
        let (from, limit, seed) = (self.offset, self.limit, self.seed);
        let mut torn = claimed.is_some();
        let mut at = from;
        while at < limit {
            let bytes = self.bytes(at, READ_AHEAD_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len() as u64;
            let Some(found) = bytes.iter().position(|byte| *byte == MARKER[0]) else {
                torn = torn || bytes.iter().any(|byte| *byte != 0);
                at += count;
                continue;
            };
            torn = true;
            at += found as u64;
            if at > from
                && let Some(header) =
                    FrameHeader::decode(self.bytes(at, FRAME_HEADER_BYTES)?, seed, at)
            {
                if header.frame_bytes() <= limit - at {
                    self.offset = at;
                    return Ok(Step::Bad { from, to: at });
                }
                claimed = claimed.max(Some(header.span().to));
            }
            at += 1;
        }
        Ok(Step::End { torn, claimed })
    }

    /// Up to `count` bytes at `at`, fewer at the limit or at the end of the source.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let count = (self.limit.saturating_sub(at)).min(count as u64) as usize;
        let held = self.chunk_at..self.chunk_at + self.chunk.len() as u64;
        if !(at >= held.start && at + count as u64 <= held.end) {
            let ahead = (self.limit.saturating_sub(at)).min(READ_AHEAD_BYTES as u64) as usize;
            let wanted = count.max(ahead);
            if wanted < self.chunk.capacity() / 2 {
                self.chunk = Vec::new();
            }
            self.chunk.resize(wanted, 0);
            self.chunk_at = at;
            let got = match self.source.read_at(&mut self.chunk, at) {
                Ok(got) => got,
                Err(error) => {
                    self.chunk.clear();
                    return Err(error);
                }
            };
            self.chunk.truncate(got);
        }
        let start = (at - self.chunk_at) as usize;
        Ok(&self.chunk[start..self.chunk.len().min(start + count)])
    }
}
