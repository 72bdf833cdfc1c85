//! What an IEC 60870-5-104 station, or somebody in its place, may send, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_proto_iec104::fuzz::apdu(bytes));
