//! A store and a receiver's lines, as they might be found on a damaged disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_verify::{MemoryFolder, Other, STREAMS, verify};

/// Starts the next piece: a segment of the next stream, at last the receiver's lines.
const CUT: &[u8] = b"TAGWERKJ";

fuzz_target!(|bytes: &[u8]| {
    let mut cuts: Vec<usize> =
        bytes.windows(CUT.len()).enumerate().filter(|(_, w)| *w == CUT).map(|(at, _)| at).collect();
    cuts.push(bytes.len());
    let mut store = MemoryFolder::default();
    for (number, pair) in cuts.windows(2).enumerate() {
        let name = format!("{:020}-{:010}.seg", number, 1);
        store.segments.push((STREAMS[number % 3], name, bytes[pair[0]..pair[1]].to_vec()));
    }
    let mut lines = &bytes[..cuts[0]];
    let report = verify(&store, Some(Other::Lines(&mut lines)), Some("sink/hub")).expect("memory can be read");
    assert!(!report.to_string().is_empty());
    let same = verify(&store, Some(Other::Store(&store)), None).expect("memory can be read");
    assert!(same.compared.iter().all(|compared| compared.differs.numbers == 0));
});
