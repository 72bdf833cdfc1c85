//! The head of a sealed file, as it comes from outside.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_auth::SealedHead;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = SealedHead::decode(bytes) {
        let again = SealedHead::decode(&head.encode());
        assert_eq!(again, Ok(head));
    }
});
