//! The bytes that hold a segment together: its header, the frames, the trailer. What frames mean is
//! left to others; `docs/reference/history.md` describes them.

use crate::bytes::Input;
use crc32c::crc32c_append;

pub(crate) const FORMAT_VERSION: u16 = 1;
pub(crate) const HEADER_BYTES: usize = 512;
pub(crate) const SECOND_HEADER_AT: u64 = 3584;
pub(crate) const FRAMES_AT: u64 = 4096;
pub(crate) const FRAME_HEADER_BYTES: usize = 20;
pub(crate) const TRAILER_BYTES: usize = HEADER_BYTES + 32;
pub(crate) const MARKER: [u8; 4] = [0xF7, 0x54, 0x77, 0x48];
/// Segments that one compaction may replace.
pub(crate) const REPLACED_MAX: usize = 16;
/// Earlier segments of which one header can say where they end.
pub(crate) const ENDED_MAX: usize = 16;

const MAGIC: [u8; 8] = *b"TAGWERKH";
const TRAILER_MAGIC: [u8; 8] = *b"TAGWERKE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Chunks in the order of sealing.
    Sealed = 1,
    /// Made from other segments, sorted.
    Compacted = 2,
}

/// Where an earlier segment ends: what stands behind was not proven and is stored again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub ordinal: u64,
    pub end: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub origin: Origin,
    /// Counts the journals whose samples are kept: sequence numbers compare within one.
    pub era: u32,
    pub ordinal: u64,
    pub created_unix_ns: i64,
    pub position: u64,
    pub ended: Vec<Ended>,
    pub replaces: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged,
    Newer(u16),
}

impl Header {
    /// The bytes, and the seed of all checksums in the segment.
    pub fn encode(&self) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[self.origin as u8, 0]);
        bytes.extend_from_slice(&self.era.to_le_bytes());
        bytes.extend_from_slice(&self.ordinal.to_le_bytes());
        bytes.extend_from_slice(&self.created_unix_ns.to_le_bytes());
        bytes.extend_from_slice(&self.position.to_le_bytes());
        let ended = &self.ended[..self.ended.len().min(ENDED_MAX)];
        let replaces = &self.replaces[..self.replaces.len().min(REPLACED_MAX)];
        bytes.extend_from_slice(&(ended.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&(replaces.len() as u16).to_le_bytes());
        let ended = ended.iter().flat_map(|ended| [ended.ordinal, ended.end]);
        for number in ended.chain(replaces.iter().copied()) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let mut whole = [0; HEADER_BYTES];
        whole[..bytes.len()].copy_from_slice(&bytes);
        let seed = crc32c_append(0, &whole[..HEADER_BYTES - 4]);
        whole[HEADER_BYTES - 4..].copy_from_slice(&seed.to_le_bytes());
        (whole, seed)
    }

    pub fn decode(bytes: &[u8]) -> Result<(Header, u32), HeaderFault> {
        let read = || -> Option<Result<(Header, u32), HeaderFault>> {
            let whole = bytes.get(..HEADER_BYTES)?;
            let seed = crc32c_append(0, &whole[..HEADER_BYTES - 4]);
            let mut input = Input(whole);
            let magic: [u8; 8] = input.array()?;
            let version = input.u16()?;
            if magic != MAGIC || whole[HEADER_BYTES - 4..] != seed.to_le_bytes() {
                return None;
            }
            if version > FORMAT_VERSION {
                return Some(Err(HeaderFault::Newer(version)));
            }
            let origin = match input.u8()? {
                1 => Origin::Sealed,
                2 => Origin::Compacted,
                _ => return None,
            };
            input.u8()?;
            let (era, ordinal, created_unix_ns) = (input.u32()?, input.u64()?, input.i64()?);
            let position = input.u64()?;
            let (ends, replaced) = (usize::from(input.u16()?), usize::from(input.u16()?));
            if ends > ENDED_MAX || replaced > REPLACED_MAX {
                return None;
            }
            let end =
                |input: &mut Input<'_>| Some(Ended { ordinal: input.u64()?, end: input.u64()? });
            let ended = (0..ends).map(|_| end(&mut input)).collect::<Option<_>>()?;
            let replaces = (0..replaced).map(|_| input.u64()).collect::<Option<_>>()?;
            let header =
                Header { origin, era, ordinal, created_unix_ns, position, ended, replaces };
            Some(Ok((header, seed)))
        };
        read().unwrap_or(Err(HeaderFault::Damaged))
    }

    /// Both copies, as a file begins.
    pub fn beginning(&self) -> (Vec<u8>, u32) {
        let (header, seed) = self.encode();
        let mut bytes = vec![0; FRAMES_AT as usize];
        bytes[..HEADER_BYTES].copy_from_slice(&header);
        bytes[SECOND_HEADER_AT as usize..].copy_from_slice(&header);
        (bytes, seed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Chunk = 1,
    Tags = 2,
    Mark = 3,
    Directory = 4,
    Rollup = 5,
    /// Of a later version; passed over.
    Other = 255,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub kind: Kind,
    pub payload_bytes: u32,
    payload_crc: u32,
}

fn place(seed: u32, offset: u64) -> u32 {
    crc32c_append(seed, &offset.to_le_bytes())
}

/// Appends a frame that will stand at `offset`.
pub(crate) fn put_frame(kind: Kind, seed: u32, offset: u64, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&frame_header(kind, seed, offset, payload));
    out.extend_from_slice(payload);
}

/// What stands before the payload of a frame at `offset`.
pub(crate) fn frame_header(
    kind: Kind,
    seed: u32,
    offset: u64,
    payload: &[u8],
) -> [u8; FRAME_HEADER_BYTES] {
    let place = place(seed, offset);
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..4].copy_from_slice(&MARKER);
    header[4] = kind as u8;
    header[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[12..16].copy_from_slice(&crc32c_append(place, payload).to_le_bytes());
    let crc = crc32c_append(place, &header[..16]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    header
}

impl FrameHeader {
    pub fn decode(bytes: &[u8], seed: u32, offset: u64) -> Option<FrameHeader> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        let mut input = Input(bytes);
        let marker: [u8; 4] = input.array()?;
        if marker != MARKER {
            return None;
        }
        let kind = match input.u8()? {
            1 => Kind::Chunk,
            2 => Kind::Tags,
            3 => Kind::Mark,
            4 => Kind::Directory,
            5 => Kind::Rollup,
            _ => Kind::Other,
        };
        input.take(3)?;
        let (payload_bytes, payload_crc) = (input.u32()?, input.u32()?);
        let good = crc32c_append(place(seed, offset), &bytes[..16]) == input.u32()?;
        good.then_some(FrameHeader { kind, payload_bytes, payload_crc })
    }

    pub fn is_good(&self, payload: &[u8], seed: u32, offset: u64) -> bool {
        payload.len() == self.payload_bytes as usize
            && crc32c_append(place(seed, offset), payload) == self.payload_crc
    }

    pub fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }
}

/// The end of a complete segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub header: Header,
    /// Where the frame of the directory is.
    pub directory_at: u64,
    /// Bytes of the footer, which is the end of that frame.
    pub footer_bytes: u32,
    pub footer_crc: u32,
}

impl Trailer {
    pub fn encode(&self) -> [u8; TRAILER_BYTES] {
        let (header, seed) = self.header.encode();
        let mut bytes = [0; TRAILER_BYTES];
        let fields = &mut bytes[HEADER_BYTES..];
        fields[..8].copy_from_slice(&self.directory_at.to_le_bytes());
        fields[8..12].copy_from_slice(&self.footer_bytes.to_le_bytes());
        fields[12..16].copy_from_slice(&self.footer_crc.to_le_bytes());
        fields[16..24].copy_from_slice(&TRAILER_MAGIC);
        bytes[..HEADER_BYTES].copy_from_slice(&header);
        let crc = crc32c_append(seed, &bytes[..TRAILER_BYTES - 4]);
        bytes[TRAILER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<(Trailer, u32)> {
        let bytes = bytes.get(..TRAILER_BYTES)?;
        let (header, seed) = Header::decode(bytes).ok()?;
        let mut input = Input(&bytes[HEADER_BYTES..]);
        let (directory_at, footer_bytes, footer_crc) = (input.u64()?, input.u32()?, input.u32()?);
        let magic: [u8; 8] = input.array()?;
        input.u32()?;
        let crc = crc32c_append(seed, &bytes[..TRAILER_BYTES - 4]);
        let good = magic == TRAILER_MAGIC && input.u32()? == crc;
        good.then_some((Trailer { header, directory_at, footer_bytes, footer_crc }, seed))
    }
}

/// Of a page or a footer, which are read without the frame around them.
pub(crate) fn crc(seed: u32, bytes: &[u8]) -> u32 {
    crc32c_append(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            origin: Origin::Compacted,
            era: 2,
            ordinal: 9,
            created_unix_ns: -5,
            position: 1 << 40,
            ended: (0..16).map(|i| Ended { ordinal: i, end: 70_000 }).collect(),
            replaces: (1..17).collect(),
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, seed) = header().encode();
        assert_eq!(Header::decode(&bytes), Ok((header(), seed)));
        let trailer =
            Trailer { header: header(), directory_at: 4096, footer_bytes: 99, footer_crc: 7 };
        let end = trailer.encode();
        assert_eq!(Trailer::decode(&end), Some((trailer, seed)));
        let mut frame = Vec::new();
        put_frame(Kind::Mark, seed, 4096, b"payload", &mut frame);
        let good = |frame: &[u8]| {
            let header = FrameHeader::decode(frame, seed, 4096)?;
            header.is_good(&frame[FRAME_HEADER_BYTES..], seed, 4096).then_some(header.kind)
        };
        assert_eq!(good(&frame), Some(Kind::Mark));
        assert_eq!(FrameHeader::decode(&frame, seed, 4097), None, "in another place");
        for bit in 0..8 {
            for at in 0..bytes.len() {
                let mut changed = bytes;
                changed[at] ^= 1 << bit;
                assert_eq!(Header::decode(&changed), Err(HeaderFault::Damaged));
            }
            for at in 0..end.len() {
                let mut changed = end;
                changed[at] ^= 1 << bit;
                assert_eq!(Trailer::decode(&changed), None);
            }
            for at in 0..frame.len() {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(good(&changed), None);
            }
        }
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let (mut bytes, _) = header().encode();
        bytes[8] = 2;
        let crc = crc32c_append(0, &bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(HeaderFault::Newer(2)));
    }
}
