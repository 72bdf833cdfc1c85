//! What an HTTP server, or a proxy in its place, may answer to the sink `http`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_sinks::fuzz::http_answer(bytes));
