//! Records of the ledger as they might be found on a damaged disk: kind, then body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_ledger::{MINUTE_KIND, Noted};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let kind = MINUTE_KIND + u16::from(*kind % 6);
    let noted = Noted::decode(kind, body);
    assert_eq!(noted, Noted::decode(kind, body));
});
