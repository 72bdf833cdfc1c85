//! A store and a receiver's lines, as they might be found on a damaged disk, and as somebody would forge
//! them who also computes checksums.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_verify::{MemoryFolder, Other, STREAMS, verify};

/// Stands before each segment, of the streams in turn; before the first are the receiver's lines.
const CUT: &[u8] = b"--segment--";
const HEADER_BYTES: usize = 128;
const FRAMES_AT: usize = 4224;
const FRAME_HEADER_BYTES: usize = 48;
const MARKER: [u8; 4] = [0xF7, 0x54, 0x77, 0x46];

fuzz_target!(|bytes: &[u8]| {
    let mut cuts: Vec<usize> =
        bytes.windows(CUT.len()).enumerate().filter(|(_, w)| *w == CUT).map(|(at, _)| at).collect();
    cuts.push(bytes.len());
    let (mut found, mut forged) = (MemoryFolder::default(), MemoryFolder::default());
    for (number, pair) in cuts.windows(2).enumerate() {
        let name = format!("{:020}-{:010}.seg", number, 1);
        // Marks may overlap.
        let segment = bytes.get(pair[0] + CUT.len()..pair[1]).unwrap_or_default().to_vec();
        let mut other = segment.clone();
        let _ = forge(&mut other);
        found.segments.push((STREAMS[number % 3], name.clone(), segment));
        forged.segments.push((STREAMS[number % 3], name, other));
    }
    check(&found, &bytes[..cuts[0]]);
    check(&forged, &bytes[..cuts[0]]);
});

fn check(store: &MemoryFolder, mut lines: &[u8]) {
    let report = verify(store, Some(Other::Lines(&mut lines)), Some("sink/hub"))
        .expect("memory can be read");
    assert!(!report.to_string().is_empty());
    let same = verify(store, Some(Other::Store(store)), None).expect("memory can be read");
    assert!(same.compared.iter().all(|compared| compared.differs.numbers == 0));
}

/// Makes the checksums of `docs/reference/journal.md` good.
fn forge(bytes: &mut [u8]) -> Option<()> {
    let seed = crc32c::crc32c(bytes.get(..HEADER_BYTES - 4)?);
    bytes.get_mut(HEADER_BYTES - 4..HEADER_BYTES)?.copy_from_slice(&seed.to_le_bytes());
    let mut at = FRAMES_AT;
    while let Some(header) = bytes.get_mut(at..at + FRAME_HEADER_BYTES)
        && header[..4] == MARKER
    {
        let length = u32::from_le_bytes(header[8..12].try_into().ok()?) as usize;
        let payload = at + FRAME_HEADER_BYTES..(at + FRAME_HEADER_BYTES).checked_add(length)?;
        let place = crc32c::crc32c_append(seed, &(at as u64).to_le_bytes());
        let sum = crc32c::crc32c_append(place, bytes.get(payload.clone())?);
        bytes[at + 40..at + 44].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32c::crc32c_append(place, &bytes[at..at + 44]);
        bytes[at + 44..at + 48].copy_from_slice(&sum.to_le_bytes());
        at = payload.end;
    }
    Some(())
}
