//! Segments of history as they might be found on a damaged disk.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let image = tagwerk_historian::scan::scan(bytes);
    for chunk in image.chunks {
        assert!(chunk.offset < bytes.len() as u64);
        assert_eq!(chunk.times.len(), chunk.values.len());
    }
});
