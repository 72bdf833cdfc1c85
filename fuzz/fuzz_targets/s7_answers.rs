//! What an S7 controller, or somebody in its place, may send, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_proto_s7::fuzz::stream(bytes));
