//! The format as `docs/reference/journal.md` describes it: segment header, frame header, and the
//! payloads of gaps, cursors and checkpoints.

use crc32c::{crc32c, crc32c_append};
use serde::Serialize;

pub const HEADER_BYTES: usize = 128;
pub const SECOND_HEADER_AT: u64 = 4096;
pub const FRAMES_AT: u64 = 4224;
pub const FRAME_BYTES: usize = 48;
pub const MARKER: [u8; 4] = [0xF7, 0x54, 0x77, 0x46];
const MAGIC: &[u8; 8] = b"TAGWERKJ";
const VERSION: u16 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    Samples,
    Outputs,
    Record,
}

pub const STREAMS: [StreamName; 3] = [StreamName::Samples, StreamName::Outputs, StreamName::Record];

impl StreamName {
    /// Of its folder, and as people see it.
    pub fn name(self) -> &'static str {
        match self {
            StreamName::Samples => "samples",
            StreamName::Outputs => "outputs",
            StreamName::Record => "record",
        }
    }

    fn from_code(code: u8) -> Option<StreamName> {
        STREAMS.get(usize::from(code).checked_sub(1)?).copied()
    }

    pub(crate) fn from_name(name: &str) -> Option<StreamName> {
        STREAMS.into_iter().find(|stream| stream.name() == name)
    }
}

#[derive(Clone, Debug)]
pub struct Header {
    pub stream: StreamName,
    pub epoch: u32,
    pub ordinal: u64,
    pub first: u64,
    pub seed: u32,
}

/// Why 128 bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    Damaged,
    Newer(u16),
}

impl Header {
    pub fn decode(bytes: &[u8]) -> Result<Header, HeaderFault> {
        let whole = bytes.get(..HEADER_BYTES).ok_or(HeaderFault::Damaged)?;
        let seed = crc32c(&whole[..124]);
        if &whole[..8] != MAGIC || whole[124..] != seed.to_le_bytes() {
            return Err(HeaderFault::Damaged);
        }
        let mut fields = Fields(&whole[8..]);
        let version = fields.u16().ok_or(HeaderFault::Damaged)?;
        if version > VERSION {
            return Err(HeaderFault::Newer(version));
        }
        let header = (|| {
            let stream = StreamName::from_code(fields.u8()?)?;
            let _synchronised = fields.u8()?;
            let (epoch, ordinal, first) = (fields.u32()?, fields.u64()?, fields.u64()?);
            Some(Header { stream, epoch, ordinal, first, seed })
        })();
        header.ok_or(HeaderFault::Damaged)
    }
}

/// First sequence and epoch in a segment's name.
pub fn parse_name(name: &str) -> Option<(u64, u32)> {
    let (first, epoch) = name.strip_suffix(".seg")?.split_once('-')?;
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(first, 20) && digits(epoch, 10)).then_some(())?;
    Some((first.parse().ok()?, epoch.parse().ok()?))
}

pub const BLOCK: u8 = 1;
pub const TAG_SET: u8 = 2;
pub const RECORD: u8 = 4;
pub const CURSOR: u8 = 5;
pub const CHECKPOINT: u8 = 6;
pub const GAP: u8 = 7;
pub const CLOSE: u8 = 9;

#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    pub kind: u8,
    pub extra: u16,
    pub payload_bytes: u32,
    pub count: u32,
    pub seq: u64,
    pub set: (u32, u32),
    pub payload_crc: u32,
}

impl FrameHeader {
    pub fn decode(bytes: &[u8], place: u32) -> Option<FrameHeader> {
        let whole = bytes.get(..FRAME_BYTES)?;
        let crc = crc32c_append(place, &whole[..44]);
        if whole[..4] != MARKER || whole[44..] != crc.to_le_bytes() {
            return None;
        }
        let mut fields = Fields(&whole[4..]);
        let kind = fields.u8()?;
        let _flags = fields.u8()?;
        let (extra, payload_bytes, count) = (fields.u16()?, fields.u32()?, fields.u32()?);
        let seq = fields.u64()?;
        let _moment = fields.u64()?;
        let set = (fields.u32()?, fields.u32()?);
        let payload_crc = fields.u32()?;
        seq.checked_add(u64::from(count))?;
        Some(FrameHeader { kind, extra, payload_bytes, count, seq, set, payload_crc })
    }

    pub fn bytes(&self) -> u64 {
        FRAME_BYTES as u64 + u64::from(self.payload_bytes)
    }

    pub fn end(&self) -> u64 {
        self.seq + u64::from(self.count)
    }
}

/// Where both checksums of a frame begin.
pub fn place(seed: u32, offset: u64) -> u32 {
    crc32c_append(seed, &offset.to_le_bytes())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub stream: StreamName,
    pub reason: u8,
    pub from: u64,
    pub to: u64,
    /// Empty: lost to every reader.
    pub reader: String,
}

impl Gap {
    pub fn decode(payload: &[u8]) -> Option<Gap> {
        let mut fields = Fields(payload);
        let stream = StreamName::from_code(fields.u8()?)?;
        let reason = fields.u8()?;
        let (from, to) = (fields.u64()?, fields.u64()?);
        let reader = fields.text()?;
        Some(Gap { stream, reason, from, to: to.max(from), reader })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub stream: StreamName,
    pub name: String,
    pub epoch: u32,
    pub next: u64,
    /// Done above `next`.
    pub ranges: Vec<(u64, u64)>,
}

const CURSOR_RANGES_MAX: u16 = 256;
const CURSORS_MAX: u32 = 256;

impl Cursor {
    fn decode(fields: &mut Fields<'_>) -> Option<Cursor> {
        let stream = StreamName::from_code(fields.u8()?)?;
        let name = fields.text()?;
        let (epoch, next) = (fields.u32()?, fields.u64()?);
        let count = fields.u16().filter(|count| *count <= CURSOR_RANGES_MAX)?;
        let ranges: Option<Vec<(u64, u64)>> =
            (0..count).map(|_| Some((fields.u64()?, fields.u64()?))).collect();
        Some(Cursor { stream, name, epoch, next, ranges: ranges? })
    }

    /// A Cursor frame: whether it removes, and the cursor.
    pub fn decode_frame(payload: &[u8]) -> Option<(bool, Cursor)> {
        let mut fields = Fields(payload);
        let removes = fields.u8()? == 1;
        Some((removes, Cursor::decode(&mut fields)?))
    }

    /// All cursors of a Checkpoint frame.
    pub fn decode_checkpoint(payload: &[u8]) -> Option<Vec<Cursor>> {
        let mut fields = Fields(payload);
        let points = fields.u32()?;
        fields.take(usize::try_from(points).ok()?.checked_mul(33)?)?;
        let count = fields.u32().filter(|count| *count <= CURSORS_MAX)?;
        (0..count).map(|_| Cursor::decode(&mut fields)).collect()
    }
}

/// Takes little-endian fields off the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u8()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok().map(str::to_owned)
    }
}
