//! Walks the frames of one segment, past damage, in bounded memory.

use crate::folder::File;
use crate::format::{
    BLOCK, FRAME_BYTES, FRAMES_AT, FrameHeader, HEADER_BYTES, Header, HeaderFault, MARKER, RECORD,
    SECOND_HEADER_AT, TAG_SET, place,
};
use crc32c::crc32c_append;
use std::hash::{DefaultHasher, Hasher};
use std::io;

const CHUNK_BYTES: usize = 256 * 1024;
/// Payloads of gaps, cursors and checkpoints beyond this are not looked into.
const NOTE_BYTES_MAX: u32 = 8 << 20;

/// A frame with a good header.
#[derive(Clone, Debug)]
pub struct Frame {
    pub header: FrameHeader,
    /// The payload's checksum holds.
    pub good: bool,
    /// Of kind, type, count, tag set and payload.
    pub digest: u64,
    /// The payload's plain checksum.
    pub crc: u32,
    /// Of the small kinds that speak about the journal itself.
    pub payload: Option<Vec<u8>>,
}

pub enum Step {
    Frame(Frame),
    /// Bytes that are no frame although one follows.
    Damaged {
        bytes: u64,
    },
    /// No frame follows. `torn`: what follows is not all zero. `claimed`: one past the numbers of a frame
    /// whose header is good and whose end is cut off.
    End {
        torn: bool,
        claimed: u64,
    },
}

pub struct Frames<'a> {
    file: Box<dyn File + 'a>,
    seed: u32,
    at: u64,
    length: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
}

/// Reads either copy of a segment's header.
pub fn read_header(file: &dyn File) -> io::Result<Result<Header, HeaderFault>> {
    let mut fault = HeaderFault::Damaged;
    for at in [0, SECOND_HEADER_AT] {
        let mut bytes = [0; HEADER_BYTES];
        let got = file.read_at(&mut bytes, at)?;
        match Header::decode(&bytes[..got]) {
            Ok(header) => return Ok(Ok(header)),
            Err(HeaderFault::Damaged) => {}
            Err(newer) => fault = newer,
        }
    }
    Ok(Err(fault))
}

impl<'a> Frames<'a> {
    pub fn new(file: Box<dyn File + 'a>, seed: u32) -> io::Result<Frames<'a>> {
        let length = file.length()?;
        Ok(Frames { file, seed, at: FRAMES_AT, length, chunk: Vec::new(), chunk_at: 0 })
    }

    pub fn step(&mut self) -> io::Result<Step> {
        if self.at >= self.length {
            return Ok(Step::End { torn: false, claimed: 0 });
        }
        let here = place(self.seed, self.at);
        let header = FrameHeader::decode(self.bytes(self.at, FRAME_BYTES)?, here);
        match header {
            Some(header) if header.bytes() <= self.length - self.at => {
                let frame = self.frame(header, here)?;
                self.at += header.bytes();
                Ok(Step::Frame(frame))
            }
            cut_off => self.search(cut_off.map_or(0, |header| header.end()), cut_off.is_some()),
        }
    }

    fn frame(&mut self, header: FrameHeader, here: u32) -> io::Result<Frame> {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(header.kind);
        hasher.write_u16(header.extra);
        hasher.write_u32(header.count);
        hasher.write_u32(header.set.0);
        hasher.write_u32(header.set.1);
        let (mut placed, mut crc) = (here, 0);
        let keeps = ![BLOCK, TAG_SET, RECORD].contains(&header.kind)
            && header.payload_bytes <= NOTE_BYTES_MAX;
        let mut payload = keeps.then(Vec::new);
        let (mut at, end) = (self.at + FRAME_BYTES as u64, self.at + header.bytes());
        while at < end {
            let count = (end - at).min(CHUNK_BYTES as u64) as usize;
            let bytes = self.bytes(at, count)?;
            if bytes.is_empty() {
                break;
            }
            hasher.write(bytes);
            placed = crc32c_append(placed, bytes);
            crc = crc32c_append(crc, bytes);
            if let Some(payload) = &mut payload {
                payload.extend_from_slice(bytes);
            }
            at += bytes.len() as u64;
        }
        let good = at == end && placed == header.payload_crc;
        Ok(Frame { header, good, digest: hasher.finish(), crc, payload })
    }

    /// Looks for the next frame behind what is none.
    fn search(&mut self, mut claimed: u64, mut torn: bool) -> io::Result<Step> {
        let from = self.at;
        let mut at = from;
        while at < self.length {
            let bytes = self.bytes(at, CHUNK_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            let Some(found) = bytes.iter().position(|byte| *byte == MARKER[0]) else {
                torn = torn || bytes.iter().any(|byte| *byte != 0);
                at += bytes.len() as u64;
                continue;
            };
            torn = true;
            at += found as u64;
            if at > from {
                let here = place(self.seed, at);
                if let Some(header) = FrameHeader::decode(self.bytes(at, FRAME_BYTES)?, here) {
                    if header.bytes() <= self.length - at {
                        self.at = at;
                        return Ok(Step::Damaged { bytes: at - from });
                    }
                    claimed = claimed.max(header.end());
                }
            }
            at += 1;
        }
        self.at = self.length;
        Ok(Step::End { torn, claimed })
    }

    /// Up to `count` bytes at `at`; fewer at the end of the file.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let held = self.chunk_at..self.chunk_at + self.chunk.len() as u64;
        let wanted = at..(at + count as u64).min(self.length);
        if wanted.start < held.start || wanted.end > held.end {
            let ahead = (self.length.saturating_sub(at)).min(CHUNK_BYTES as u64) as usize;
            self.chunk.resize(ahead, 0);
            self.chunk_at = at;
            match self.file.read_at(&mut self.chunk, at) {
                Ok(got) => self.chunk.truncate(got),
                Err(error) => {
                    self.chunk.clear();
                    return Err(error);
                }
            }
        }
        let start = ((at - self.chunk_at) as usize).min(self.chunk.len());
        Ok(&self.chunk[start..self.chunk.len().min(start + count)])
    }
}
