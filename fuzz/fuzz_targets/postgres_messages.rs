//! What a PostgreSQL client, or somebody in its place, may send: starts, messages, values, statements.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_pg::fuzz::messages(bytes));
