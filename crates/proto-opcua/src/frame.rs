//! Chunks out of a byte stream (Part 6, 7.1.2): each begins with its kind and its length.

use crate::bytes::{Malformed, Result};
use crate::limits::CHUNK_BYTES_MAX;

/// Bytes that arrived and were not taken yet: never more than a chunk and a bit.
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

const CAPACITY: usize = CHUNK_BYTES_MAX + 8 * 1024;
const HEADER: usize = 8;

impl Default for FrameBuffer {
    fn default() -> FrameBuffer {
        FrameBuffer { bytes: vec![0; CAPACITY], start: 0, end: 0 }
    }
}

impl FrameBuffer {
    /// Where the next bytes go; never empty as long as chunks are taken.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were put there.
    pub fn arrived(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The next whole chunk, to be opened in place.
    pub fn take(&mut self) -> Result<Option<&mut [u8]>> {
        let waiting = &self.bytes[self.start..self.end];
        let Some((header, _)) = waiting.split_first_chunk::<HEADER>() else { return Ok(None) };
        let kind = &header[..3];
        if ![&b"ACK"[..], b"ERR", b"OPN", b"MSG", b"CLO"].contains(&kind) {
            return Err(Malformed("the other side does not speak OPC UA"));
        }
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if !(HEADER..=CHUNK_BYTES_MAX).contains(&length) {
            return Err(Malformed("a chunk is longer than was agreed"));
        }
        if waiting.len() < length {
            return Ok(None);
        }
        let start = self.start;
        self.start += length;
        Ok(Some(&mut self.bytes[start..start + length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_out_whole() {
        let mut frames = FrameBuffer::default();
        let stream = b"MSGF\x0a\0\0\0abMSGF\x09\0\0\0cMS";
        for piece in stream.chunks(3) {
            frames.space()[..piece.len()].copy_from_slice(piece);
            frames.arrived(piece.len());
        }
        assert_eq!(frames.take().unwrap().unwrap(), b"MSGF\x0a\0\0\0ab");
        assert_eq!(frames.take().unwrap().unwrap(), b"MSGF\x09\0\0\0c");
        assert_eq!(frames.take(), Ok(None));
        assert!(!frames.space().is_empty());
    }

    #[test]
    fn other_protocols_and_huge_lengths_are_refused() {
        for wrong in [b"HTTP/1.1", b"MSGF\xff\xff\xff\x7f", b"MSGF\x07\0\0\0"] {
            let mut frames = FrameBuffer::default();
            frames.space()[..8].copy_from_slice(wrong);
            frames.arrived(8);
            assert!(frames.take().is_err());
        }
    }
}
