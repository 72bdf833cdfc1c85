//! Segments of history as they might be found on a damaged disk, and as somebody would forge them who also
//! computes checksums: behind those lie the decoders.
#![no_main]

use libfuzzer_sys::fuzz_target;

const HEADER_BYTES: usize = 512;
const FRAMES_AT: usize = 4096;
const FRAME_HEADER_BYTES: usize = 20;
const TRAILER_BYTES: usize = 544;
const PAGE_BYTES: usize = 4104;
const MARKER: [u8; 4] = [0xF7, 0x54, 0x77, 0x48];
const DIRECTORY: u8 = 4;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut forged = bytes.to_vec();
    if forge(&mut forged).is_some() {
        check(&forged);
    }
});

fn check(bytes: &[u8]) {
    let image = tagwerk_historian::scan::scan(bytes);
    for chunk in image.chunks {
        assert!(chunk.offset < bytes.len() as u64);
        assert_eq!(chunk.times.len(), chunk.values.len());
    }
}

fn put(bytes: &mut [u8], at: usize, sum: u32) -> Option<()> {
    bytes.get_mut(at..at + 4)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// Makes the checksums of `docs/reference/history.md` good.
fn forge(bytes: &mut [u8]) -> Option<()> {
    let seed = crc32c::crc32c(bytes.get(..HEADER_BYTES - 4)?);
    put(bytes, HEADER_BYTES - 4, seed)?;
    let mut at = FRAMES_AT;
    while bytes.len() >= at + FRAME_HEADER_BYTES {
        bytes[at..at + 4].copy_from_slice(&MARKER);
        let room = bytes.len() - at - FRAME_HEADER_BYTES;
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().ok()?) as usize;
        let length = if length > room { room.min(length % 4096) } else { length };
        bytes[at + 8..at + 12].copy_from_slice(&(length as u32).to_le_bytes());
        let place = crc32c::crc32c_append(seed, &(at as u64).to_le_bytes());
        let payload = at + FRAME_HEADER_BYTES..at + FRAME_HEADER_BYTES + length;
        if bytes[at + 4] == DIRECTORY {
            forge_pages(&mut bytes[payload.clone()], seed)?;
        }
        let sum = crc32c::crc32c_append(place, &bytes[payload.clone()]);
        put(bytes, at + 12, sum)?;
        let sum = crc32c::crc32c_append(place, &bytes[at..at + 16]);
        put(bytes, at + 16, sum)?;
        at = payload.end;
    }
    forge_trailer(bytes, seed)
}

fn forge_pages(directory: &mut [u8], seed: u32) -> Option<()> {
    for (number, page) in directory.chunks_exact_mut(PAGE_BYTES).enumerate() {
        let sum = crc32c::crc32c_append(seed ^ number as u32, &page[..PAGE_BYTES - 4]);
        put(page, PAGE_BYTES - 4, sum)?;
    }
    Some(())
}

fn forge_trailer(bytes: &mut [u8], seed: u32) -> Option<()> {
    let start = bytes.len().checked_sub(TRAILER_BYTES)?;
    let (header, rest) = bytes.split_at_mut(HEADER_BYTES);
    let trailer = rest.get_mut(start.checked_sub(HEADER_BYTES)?..)?;
    trailer[..HEADER_BYTES].copy_from_slice(header);
    trailer[HEADER_BYTES + 16..HEADER_BYTES + 24].copy_from_slice(b"TAGWERKE");
    let length = u32::from_le_bytes(trailer[HEADER_BYTES + 8..HEADER_BYTES + 12].try_into().ok()?);
    let footer = bytes.get(start.checked_sub(length as usize)?..start)?;
    let sum = crc32c::crc32c_append(seed, footer);
    put(bytes, start + HEADER_BYTES + 12, sum)?;
    let sum = crc32c::crc32c_append(seed, &bytes[start..bytes.len() - 4]);
    put(bytes, start + TRAILER_BYTES - 4, sum)
}
