//! A store and a receiver's lines, as they might be found on a damaged disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_verify::{MemoryFolder, Other, STREAMS, verify};

/// Stands before each segment, of the streams in turn; before the first are the receiver's lines.
const CUT: &[u8] = b"--segment--";

fuzz_target!(|bytes: &[u8]| {
    let mut cuts: Vec<usize> =
        bytes.windows(CUT.len()).enumerate().filter(|(_, w)| *w == CUT).map(|(at, _)| at).collect();
    cuts.push(bytes.len());
    let mut store = MemoryFolder::default();
    for (number, pair) in cuts.windows(2).enumerate() {
        let name = format!("{:020}-{:010}.seg", number, 1);
        // Marks may overlap.
        let segment = bytes.get(pair[0] + CUT.len()..pair[1]).unwrap_or_default();
        store.segments.push((STREAMS[number % 3], name, segment.to_vec()));
    }
    let mut lines = &bytes[..cuts[0]];
    let report = verify(&store, Some(Other::Lines(&mut lines)), Some("sink/hub"))
        .expect("memory can be read");
    assert!(!report.to_string().is_empty());
    let same = verify(&store, Some(Other::Store(&store)), None).expect("memory can be read");
    assert!(same.compared.iter().all(|compared| compared.differs.numbers == 0));
});
