//! What a serial line in ASCII framing may bring: cuts, silences, echoes, noise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_proto_modbus::{fuzz, serial::Framing};

fuzz_target!(|bytes: &[u8]| fuzz::line(Framing::Ascii, bytes));
