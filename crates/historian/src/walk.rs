//! Walks the frames of one segment, past damage, from any source of bytes, in bounded memory.

use crate::frame::{FRAME_HEADER_BYTES, FRAMES_AT, FrameHeader, MARKER};
use std::io;
use std::sync::Arc;
use tagwerk_env::DiskFile;

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
    /// A frame whose header and payload are good.
    Good {
        offset: u64,
        header: FrameHeader,
    },
    /// Bytes that are no good frame.
    Bad {
        from: u64,
        to: u64,
    },
    End,
}

pub(crate) struct Walker<S> {
    source: S,
    seed: u32,
    offset: u64,
    limit: u64,
    held: Vec<u8>,
    held_at: u64,
}

impl<S: Source> Walker<S> {
    pub fn new(source: S, seed: u32, limit: u64) -> Walker<S> {
        Walker { source, seed, offset: FRAMES_AT, limit, held: Vec::new(), held_at: 0 }
    }

    /// The next frame; its payload is at hand until the next step.
    pub fn step(&mut self) -> io::Result<Step> {
        let from = self.offset;
        if from >= self.limit {
            return Ok(Step::End);
        }
        if let Some(header) = self.good_frame(from)? {
            self.offset = from + header.frame_bytes();
            return Ok(Step::Good { offset: from, header });
        }
        let mut at = from + 1;
        while at < self.limit {
            let bytes = self.bytes(at, READ_AHEAD_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len() as u64;
            match bytes.iter().position(|byte| *byte == MARKER[0]) {
                None => at += count,
                Some(found) => {
                    at += found as u64;
                    if self.good_frame(at)?.is_some() {
                        break;
                    }
                    at += 1;
                }
            }
        }
        self.offset = at.min(self.limit);
        Ok(Step::Bad { from, to: self.offset })
    }

    /// The payload of a good frame.
    pub fn payload(&mut self, offset: u64, header: &FrameHeader) -> io::Result<&[u8]> {
        self.bytes(offset + FRAME_HEADER_BYTES as u64, header.payload_bytes as usize)
    }

    fn good_frame(&mut self, at: u64) -> io::Result<Option<FrameHeader>> {
        let seed = self.seed;
        let Some(header) = FrameHeader::decode(self.bytes(at, FRAME_HEADER_BYTES)?, seed, at)
        else {
            return Ok(None);
        };
        if header.frame_bytes() > self.limit - at {
            return Ok(None);
        }
        let good = header.is_good(self.payload(at, &header)?, seed, at);
        Ok(good.then_some(header))
    }

    /// Up to `count` bytes at `at`, fewer at the limit or at the end of the source.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let left = self.limit.saturating_sub(at);
        let count = left.min(count as u64) as usize;
        let held = self.held_at..self.held_at + self.held.len() as u64;
        if !(at >= held.start && at + count as u64 <= held.end) {
            let wanted = count.max(left.min(READ_AHEAD_BYTES as u64) as usize);
            self.held.resize(wanted, 0);
            self.held_at = at;
            let got = self.source.read_at(&mut self.held, at);
            self.held.truncate(*got.as_ref().unwrap_or(&0));
            got?;
        }
        let start = (at - self.held_at) as usize;
        Ok(&self.held[start..self.held.len().min(start + count)])
    }
}
