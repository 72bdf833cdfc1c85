//! What may stand inside the frames of an IEC 60870-5-104 station, with fields of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_proto_iec104::fuzz::asdu(bytes));
