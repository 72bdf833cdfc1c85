//! Segments of the journal as they might be found on a damaged disk.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let scan = tagwerk_journal::scan::scan(bytes);
    assert!(scan.frames.iter().all(|frame| frame.offset < bytes.len() as u64));
});
