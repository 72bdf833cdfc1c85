//! The on-disk format, version 1: segment header, frame header and the payloads that the journal
//! itself writes. Described in `docs/reference/journal.md`; a change there needs a new version.

use crate::timeline::BootId;
use crate::{Span, Stream};
use crc32c::{crc32c, crc32c_append};
use tagwerk_env::{Moment, WallTime};

pub const FORMAT_VERSION: u16 = 1;
pub const MAGIC: [u8; 8] = *b"TAGWERKJ";
pub const SEGMENT_HEADER_BYTES: usize = 128;
/// The header is there twice, a page apart, so that no single damage costs the segment.
pub const SECOND_HEADER_AT: u64 = 4096;
pub const FRAMES_AT: u64 = SECOND_HEADER_AT + SEGMENT_HEADER_BYTES as u64;
pub const FRAME_HEADER_BYTES: usize = 48;
pub const MARKER: [u8; 4] = [0xF7, b'T', b'w', b'F'];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub stream: Stream,
    pub epoch: u32,
    /// Counts the segments of a stream in the order of their creation.
    pub ordinal: u64,
    pub first_seq: u64,
    pub boot: BootId,
    pub moment: Moment,
    pub wall: WallTime,
    pub capacity: u64,
}

/// Why bytes are not a segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    Damaged,
    Newer(u16),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[10] = self.stream.code();
        bytes[11] = self.wall.synchronised as u8;
        bytes[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.boot);
        bytes[48..56].copy_from_slice(&self.moment.0.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.wall.unix_ns.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.capacity.to_le_bytes());
        let crc = crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header and the seed of its frames' checksums.
    pub fn decode(bytes: &[u8]) -> Result<(SegmentHeader, u32), HeaderFault> {
        SegmentHeader::decode_checked(bytes).ok_or(HeaderFault::Damaged)?
    }

    fn decode_checked(bytes: &[u8]) -> Option<Result<(SegmentHeader, u32), HeaderFault>> {
        let mut fields = Fields(bytes.get(..SEGMENT_HEADER_BYTES)?);
        let seed = crc32c(&bytes[..124]);
        if fields.take(8)? != MAGIC || bytes[124..128] != seed.to_le_bytes() {
            return None;
        }
        let version = fields.u16()?;
        if version > FORMAT_VERSION {
            return Some(Err(HeaderFault::Newer(version)));
        }
        let stream = Stream::from_code(fields.u8()?)?;
        let synchronised = fields.u8()? & 1 != 0;
        let header = SegmentHeader {
            stream,
            epoch: fields.u32()?,
            ordinal: fields.u64()?,
            first_seq: fields.u64()?,
            boot: fields.boot()?,
            moment: Moment(fields.u64()?),
            wall: WallTime { unix_ns: fields.i64()?, synchronised },
            capacity: fields.u64()?,
        };
        Some(Ok((header, seed)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Block,
    TagSet,
    Clock,
    Record,
    Cursor,
    Checkpoint,
    Gap,
    Start,
    Close,
    /// Of a later writer; its sequence numbers count, its content is passed over.
    Unknown(u8),
}

impl Kind {
    pub fn code(self) -> u8 {
        match self {
            Kind::Block => 1,
            Kind::TagSet => 2,
            Kind::Clock => 3,
            Kind::Record => 4,
            Kind::Cursor => 5,
            Kind::Checkpoint => 6,
            Kind::Gap => 7,
            Kind::Start => 8,
            Kind::Close => 9,
            Kind::Unknown(code) => code,
        }
    }

    fn from_code(code: u8) -> Kind {
        match code {
            1 => Kind::Block,
            2 => Kind::TagSet,
            3 => Kind::Clock,
            4 => Kind::Record,
            5 => Kind::Cursor,
            6 => Kind::Checkpoint,
            7 => Kind::Gap,
            8 => Kind::Start,
            9 => Kind::Close,
            other => Kind::Unknown(other),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    pub kind: Kind,
    /// The record type of a Record frame.
    pub extra: u16,
    pub payload_bytes: u32,
    pub count: u32,
    pub seq: u64,
    pub moment: Moment,
    pub set: (u32, u32),
    pub payload_crc: u32,
}

impl FrameHeader {
    pub fn span(&self) -> Span {
        Span { from: self.seq, to: self.seq + self.count as u64 }
    }

    pub fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + self.payload_bytes as u64
    }

    /// `bytes` lie at `offset` of a segment with `seed`.
    pub fn decode(bytes: &[u8], seed: u32, offset: u64) -> Option<FrameHeader> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        let crc = crc32c_append(place_seed(seed, offset), &bytes[..44]);
        if bytes[..4] != MARKER || bytes[44..48] != crc.to_le_bytes() {
            return None;
        }
        let mut fields = Fields(&bytes[4..]);
        let kind = Kind::from_code(fields.u8()?);
        let _flags = fields.u8()?;
        let header = FrameHeader {
            kind,
            extra: fields.u16()?,
            payload_bytes: fields.u32()?,
            count: fields.u32()?,
            seq: fields.u64()?,
            moment: Moment(fields.u64()?),
            set: (fields.u32()?, fields.u32()?),
            payload_crc: fields.u32()?,
        };
        // A sequence that would wrap cannot be ours; without it, spans never overflow.
        header.seq.checked_add(header.count as u64)?;
        Some(header)
    }

    pub fn payload_is_good(&self, payload: &[u8], seed: u32, offset: u64) -> bool {
        crc32c_append(place_seed(seed, offset), payload) == self.payload_crc
    }
}

/// Both checksums of a frame start from its segment's identity and its own place, so that neither
/// stale bytes of a reused block nor a copy of a frame elsewhere are taken for valid.
fn place_seed(seed: u32, offset: u64) -> u32 {
    crc32c_append(seed, &offset.to_le_bytes())
}

/// Appends a frame to `buffer`, whose first byte lies at `base` of the segment. The header's length
/// and checksum fields are filled in here.
pub fn put_frame(buffer: &mut Vec<u8>, base: u64, seed: u32, header: &FrameHeader, payload: &[u8]) {
    let seed = place_seed(seed, base + buffer.len() as u64);
    let payload_crc = crc32c_append(seed, payload);
    let mut bytes = [0; FRAME_HEADER_BYTES];
    bytes[0..4].copy_from_slice(&MARKER);
    bytes[4] = header.kind.code();
    bytes[6..8].copy_from_slice(&header.extra.to_le_bytes());
    bytes[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&header.count.to_le_bytes());
    bytes[16..24].copy_from_slice(&header.seq.to_le_bytes());
    bytes[24..32].copy_from_slice(&header.moment.0.to_le_bytes());
    bytes[32..36].copy_from_slice(&header.set.0.to_le_bytes());
    bytes[36..40].copy_from_slice(&header.set.1.to_le_bytes());
    bytes[40..44].copy_from_slice(&payload_crc.to_le_bytes());
    let crc = crc32c_append(seed, &bytes[..44]);
    bytes[44..48].copy_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(&bytes);
    buffer.extend_from_slice(payload);
}

/// The header of a frame without samples.
pub fn mark(kind: Kind, seq: u64, moment: Moment) -> FrameHeader {
    FrameHeader {
        kind,
        extra: 0,
        payload_bytes: 0,
        count: 0,
        seq,
        moment,
        set: (0, 0),
        payload_crc: 0,
    }
}

/// Why sequence numbers hold nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// Dropped by the stream's limit, by a full disk, or by the reader's own limit.
    Retention,
    /// Damaged on disk; what was left of it is in `quarantine/`.
    Damaged,
    /// The program or machine stopped before the data was on disk.
    Unclean,
    /// For callers: a reader's backlog limit.
    Backlog,
    Other(u8),
}

impl GapReason {
    fn code(self) -> u8 {
        match self {
            GapReason::Retention => 1,
            GapReason::Damaged => 2,
            GapReason::Unclean => 3,
            GapReason::Backlog => 4,
            GapReason::Other(code) => code,
        }
    }

    fn from_code(code: u8) -> GapReason {
        match code {
            1 => GapReason::Retention,
            2 => GapReason::Damaged,
            3 => GapReason::Unclean,
            4 => GapReason::Backlog,
            other => GapReason::Other(other),
        }
    }
}

/// A counted loss, kept in the record stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub stream: Stream,
    pub span: Span,
    /// The cursor that lost it; none when every reader did.
    pub reader: Option<String>,
    pub reason: GapReason,
}

impl Gap {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let reader = self.reader.as_deref().unwrap_or_default();
        let mut bytes = vec![self.stream.code(), self.reason.code()];
        bytes.extend_from_slice(&self.span.from.to_le_bytes());
        bytes.extend_from_slice(&self.span.to.to_le_bytes());
        bytes.push(reader.len() as u8);
        bytes.extend_from_slice(reader.as_bytes());
        bytes
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Gap> {
        let mut fields = Fields(payload);
        let stream = Stream::from_code(fields.u8()?)?;
        let reason = GapReason::from_code(fields.u8()?);
        let span = Span { from: fields.u64()?, to: fields.u64()? };
        let length = fields.u8()? as usize;
        let reader = std::str::from_utf8(fields.take(length)?).ok()?;
        let reader = (!reader.is_empty()).then(|| reader.to_owned());
        Some(Gap { stream, span, reader, reason })
    }
}

pub fn encode_clock(boot: &BootId, wall: WallTime) -> Vec<u8> {
    let mut bytes = boot.to_vec();
    bytes.extend_from_slice(&wall.unix_ns.to_le_bytes());
    bytes.push(wall.synchronised as u8);
    bytes
}

pub const CLOCK_PAYLOAD_BYTES: usize = 25;

pub fn decode_clock(payload: &[u8]) -> Option<(BootId, WallTime)> {
    let mut fields = Fields(payload);
    let boot = fields.boot()?;
    let unix_ns = fields.i64()?;
    Some((boot, WallTime { unix_ns, synchronised: fields.u8()? != 0 }))
}

pub fn encode_start(epoch: u32, boot: &BootId, clean: bool) -> Vec<u8> {
    let mut bytes = epoch.to_le_bytes().to_vec();
    bytes.extend_from_slice(boot);
    bytes.push(clean as u8);
    bytes
}

/// Takes little-endian fields off the front; `None` when too few bytes are left.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn boot(&mut self) -> Option<BootId> {
        self.array()
    }
}
