//! Writes segments as `docs/reference/journal.md` describes them, right or wrong.

use crc32c::{crc32c, crc32c_append};
use tagwerk_verify::{MemoryFolder, Report, StreamName, verify};

pub const BLOCK: u8 = 1;
pub const TAG_SET: u8 = 2;
pub const RECORD: u8 = 4;
pub const CURSOR: u8 = 5;
pub const GAP: u8 = 7;
pub const CLOSE: u8 = 9;

pub struct Segment {
    pub stream: StreamName,
    pub first: u64,
    pub epoch: u32,
    pub bytes: Vec<u8>,
    seed: u32,
    /// Where each frame begins.
    pub frames: Vec<usize>,
}

impl Segment {
    pub fn new(stream: StreamName, ordinal: u64, first: u64, epoch: u32) -> Segment {
        let mut header = [0; 128];
        header[..8].copy_from_slice(b"TAGWERKJ");
        header[8] = 1;
        header[10] = stream as u8 + 1;
        header[12..16].copy_from_slice(&epoch.to_le_bytes());
        header[16..24].copy_from_slice(&ordinal.to_le_bytes());
        header[24..32].copy_from_slice(&first.to_le_bytes());
        let seed = crc32c(&header[..124]);
        header[124..].copy_from_slice(&seed.to_le_bytes());
        let mut bytes = header.to_vec();
        bytes.resize(4096, 0);
        bytes.extend_from_slice(&header);
        Segment { stream, first, epoch, bytes, seed, frames: Vec::new() }
    }

    pub fn frame(mut self, kind: u8, seq: u64, count: u32, payload: &[u8]) -> Segment {
        let offset = self.bytes.len() as u64;
        self.frames.push(self.bytes.len());
        let place = crc32c_append(self.seed, &offset.to_le_bytes());
        let mut header = [0; 48];
        header[..4].copy_from_slice(&[0xF7, 0x54, 0x77, 0x46]);
        header[4] = kind;
        header[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        header[12..16].copy_from_slice(&count.to_le_bytes());
        header[16..24].copy_from_slice(&seq.to_le_bytes());
        if kind == BLOCK || kind == TAG_SET {
            header[32] = 7;
        }
        header[40..44].copy_from_slice(&crc32c_append(place, payload).to_le_bytes());
        let crc = crc32c_append(place, &header[..44]);
        header[44..].copy_from_slice(&crc.to_le_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(payload);
        self
    }

    pub fn set(self, seq: u64) -> Segment {
        self.frame(TAG_SET, seq, 0, b"a set")
    }

    /// A block whose payload says its first number.
    pub fn block(self, seq: u64, count: u32) -> Segment {
        self.frame(BLOCK, seq, count, format!("numbers from {seq}").as_bytes())
    }

    pub fn gap(self, seq: u64, reason: u8, from: u64, to: u64, reader: &str) -> Segment {
        let mut payload = vec![1, reason];
        payload.extend_from_slice(&from.to_le_bytes());
        payload.extend_from_slice(&to.to_le_bytes());
        payload.push(reader.len() as u8);
        payload.extend_from_slice(reader.as_bytes());
        self.frame(GAP, seq, 1, &payload)
    }

    pub fn cursor(self, seq: u64, name: &str, next: u64) -> Segment {
        let mut payload = vec![0, 1, name.len() as u8];
        payload.extend_from_slice(name.as_bytes());
        payload.extend_from_slice(&self.epoch.to_le_bytes());
        payload.extend_from_slice(&next.to_le_bytes());
        payload.extend_from_slice(&0u16.to_le_bytes());
        self.frame(CURSOR, seq, 0, &payload)
    }

    pub fn close(self, seq: u64) -> Segment {
        self.frame(CLOSE, seq, 0, b"")
    }
}

pub fn samples(ordinal: u64, first: u64, epoch: u32) -> Segment {
    Segment::new(StreamName::Samples, ordinal, first, epoch)
}

pub fn record() -> Segment {
    Segment::new(StreamName::Record, 1, 0, 1)
}

pub fn store(segments: impl IntoIterator<Item = Segment>) -> MemoryFolder {
    let name = |s: &Segment| format!("{:020}-{:010}.seg", s.first, s.epoch);
    let segments = segments.into_iter().map(|s| (s.stream, name(&s), s.bytes)).collect();
    MemoryFolder { segments }
}

pub fn alone(segments: impl IntoIterator<Item = Segment>) -> Report {
    verify(&store(segments), None, None).unwrap()
}
