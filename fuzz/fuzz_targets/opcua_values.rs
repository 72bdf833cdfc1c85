//! Structures that a server describes and sends, and addresses that a user writes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tagwerk_driver_opcua::fuzz::structure(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        tagwerk_driver_opcua::fuzz::address(text);
    }
});
