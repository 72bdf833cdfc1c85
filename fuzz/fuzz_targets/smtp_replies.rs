//! What a mail server, or whatever answers in its place, may say to the channel `email`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_sinks::fuzz::smtp_replies(bytes));
