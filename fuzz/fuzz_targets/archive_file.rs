//! Archived files as they might be found in a folder, and good ones with altered places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_archive::{TagName, image, scan};
use tagwerk_historian::{Piece, Values};
use tagwerk_model::{DataType, TagId};

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let tag = TagName { device: "press".into(), name: "pressure".into() };
    let values = Values::F64(vec![0.5, 0.25, f64::NAN]);
    let piece = Piece::new(TagId(1), DataType::Float64, "bar".into(), vec![1, 2, 3], values);
    image("edge-1", &[(tag, piece)]).expect("memory does not fail")
});

fuzz_target!(|bytes: &[u8]| {
    let _ = scan(bytes, "edge-1");
    let mut altered = GOOD.clone();
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % altered.len();
        altered[place] ^= change[2];
    }
    if let Ok(found) = scan(&altered, "edge-1") {
        let times: Vec<i64> = found.iter().flat_map(|(_, piece)| piece.times.clone()).collect();
        assert_eq!(times, [1, 2, 3]);
    }
});
