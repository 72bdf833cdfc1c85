//! A message of a broker, with a tag's address and its topic before it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tagwerk_driver_mqtt::fuzz::message(bytes));
