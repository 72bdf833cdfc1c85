//! Everything that an OPC UA server may send, and values that go both ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tagwerk_proto_opcua::fuzz::stream(bytes);
    tagwerk_proto_opcua::fuzz::answer(bytes);
});
