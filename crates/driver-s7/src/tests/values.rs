//! Values from and to bytes, as data.

use crate::point::Point;
use crate::settings::Cpu;
use crate::value::{Scratch, decode, encode};
use proptest::prelude::*;
use tagwerk_model::{DataType, Quality, Value};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn codec(address: &str, data_type: &str) -> crate::point::Codec {
    let data_type = DataType::from_name(data_type).unwrap();
    Point::parse(address, data_type, Cpu::S300).unwrap().codec
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Bytes mean a value.
fn reads(address: &str, data_type: &str, bytes: &str, expected: Result<Value, Quality>) {
    let codec = codec(address, data_type);
    let bytes = hex(bytes);
    assert_eq!(bytes.len(), codec.width(), "{address}");
    let mut scratch = Scratch::default();
    let found = decode(codec, &bytes, &mut scratch).map(|value| value.to_value());
    assert_eq!(found, expected, "{address} as {data_type}");
}

/// Bytes mean a value, and the value is written as just these bytes.
fn both(address: &str, data_type: &str, bytes: &str, value: Value) {
    reads(address, data_type, bytes, Ok(value.clone()));
    let mut out = Vec::new();
    encode(codec(address, data_type), &value, &mut out).unwrap();
    assert_eq!(out, hex(bytes), "{address} as {data_type}");
}

fn refuses(address: &str, data_type: &str, value: Value, why: &str) {
    let mut out = Vec::new();
    let said = encode(codec(address, data_type), &value, &mut out).unwrap_err();
    assert!(said.contains(why), "{address}: {said}");
}

#[test]
fn numbers_are_high_byte_first() {
    both("MB0", "int8", "80", Value::I64(-128));
    both("MB0", "uint8", "FF", Value::U64(255));
    both("MW0", "int16", "FFFE", Value::I64(-2));
    both("MW0", "uint16", "0102", Value::U64(258));
    both("MD0", "int32", "80000000", Value::I64(i32::MIN.into()));
    both("MD0", "uint32", "FFFFFFFF", Value::U64(u32::MAX.into()));
    both("ML0", "int64", "8000000000000000", Value::I64(i64::MIN));
    both("ML0", "uint64", "FFFFFFFFFFFFFFFF", Value::U64(u64::MAX));
    both("MD0", "float32", "42280000", Value::F64(42.0));
    both("ML0", "float64", "3FB999999999999A", Value::F64(0.1));
    reads("M0.5", "bool", "20", Ok(Value::Bool(true)));
    reads("M0.5", "bool", "DF", Ok(Value::Bool(false)));
    reads("C1", "uint16", "0987", Ok(Value::U64(987)));
    reads("C1", "uint16", "0A00", Err(Quality::BAD_ENCODING));
    let list = Value::List([Value::I64(1), Value::I64(-1), Value::I64(256)].into());
    both("DB1.DBW0[3]#INT", "list", "0001 FFFF 0100", list);
    both("DB1.0[1]#REAL", "list", "3F800000", Value::List([Value::F64(1.0)].into()));
    refuses("MW0", "uint16", Value::I64(-1), "does not fit uint16");
    refuses("MD0", "float32", Value::U64(16_777_217), "cannot be held exactly");
    refuses("M0.0", "bool", Value::I64(2), "true or false");
    refuses("DB1.DBW0[3]#INT", "list", Value::List([Value::I64(1)].into()), "exactly 3");
}

#[test]
fn texts_keep_their_lengths() {
    reads("DB1.STRING0.6", "text", "06 03 4B 65 6C 00 00 00", Ok(text("Kel")));
    reads("DB1.STRING0.6", "text", "06 00 4B 65 6C 00 00 00", Ok(text("")));
    reads("DB1.STRING0.4", "text", "04 02 FC B0 00 00", Ok(text("ü°")));
    reads("DB1.STRING0.4", "text", "FE 09 4B 4B 4B 4B", Err(Quality::BAD_ENCODING));
    reads("DB1.WSTRING0.3", "text", "0003 0002 20AC 0041 0000", Ok(text("€A")));
    reads("DB1.WSTRING0.2", "text", "0002 0003 20AC 0041", Err(Quality::BAD_ENCODING));
    reads("DB1.DBB0/5", "text", "41 42 20 00 00", Ok(text("AB ")));
    reads("DB1.DBB0/3", "text", "41 20 20", Ok(text("A  ")));
    both("DB1.DBB0/3", "bytes", "010203", Value::Bytes([1, 2, 3].into()));
    let written = |address: &str, value: &str| {
        let mut out = Vec::new();
        encode(codec(address, "text"), &text(value), &mut out).unwrap();
        out
    };
    // What follows the declared length.
    assert_eq!(written("DB1.STRING0.6", "ü1"), hex("02 FC 31"));
    assert_eq!(written("DB1.WSTRING0.6", "€"), hex("0001 20AC"));
    assert_eq!(written("DB1.DBB0/4", "AB"), hex("41 42 00 00"));
    refuses("DB1.STRING0.2", "text", text("abc"), "room for 2");
    refuses("DB1.STRING0.9", "text", text("5 €"), "WSTRING");
    refuses("DB1.STRING0.9", "text", Value::I64(5), "is not text");
    refuses("DB1.DBB0/3", "bytes", Value::Bytes([1].into()), "exactly 3");
}

#[test]
fn times_are_nanoseconds_seconds_or_text() {
    let ns = |nanoseconds: i64| Value::I64(nanoseconds);
    both("MW0#DATE", "text", "0000", text("1990-01-01"));
    both("MW0#DATE", "text", "34A1", text("2026-11-21"));
    both("MW0#DATE", "int64", "0001", ns(631_238_400_000_000_000));
    both("MD0#TIME", "int64", "FFFFFFFF", ns(-1_000_000));
    both("MD0#TIME", "float64", "000005DC", Value::F64(1.5));
    both("MW0#S5TIME", "float64", "0127", Value::F64(1.27));
    both("MW0#S5TIME", "float64", "3999", Value::F64(9_990.0));
    both("MW0#S5TIME", "int64", "1999", ns(99_900_000_000));
    both("MD0#TOD", "text", "02F3B6BA", text("13:45:26.458"));
    both("MD0#TOD", "float64", "00000001", Value::F64(0.001));
    both("ML0#LTIME", "int64", "FFFFFFFFFFFFFFFF", ns(-1));
    both("ML0#LTOD", "text", "0000000000000001", text("00:00:00.000000001"));
    both("ML0#LDT", "text", "0000000000000001", text("1970-01-01T00:00:00.000000001Z"));
    // A Saturday is day 7.
    both("DB1.0#DT", "text", "26 11 21 13 45 26 45 87", text("2026-11-21T13:45:26.458Z"));
    both("DB1.0#DT", "text", "90 01 01 00 00 00 00 02", text("1990-01-01T00:00:00.000Z"));
    both(
        "DB1.0#DTL",
        "text",
        "07EA 0B 15 07 0D 2D 1A 1B4D4B03",
        text("2026-11-21T13:45:26.458050307Z"),
    );
    both("DB1.0#DTL", "int64", "07B2 01 01 05 00 00 00 00000007", ns(7));
    for (address, bytes) in [
        ("DB1.0#DT", "26 13 21 13 45 26 45 87"),
        ("DB1.0#DT", "26 02 30 13 45 26 45 87"),
        ("DB1.0#DT", "2A 01 01 13 45 26 45 87"),
        ("DB1.0#DTL", "07EA 0B 15 07 18 2D 1A 00000000"),
        ("DB1.0#DTL", "07EA 0B 15 07 17 2D 1A 3B9ACA00"),
        ("DB1.0#DTL", "0000 00 00 00 00 00 00 00000000"),
        ("MD0#TOD", "05265C00"),
    ] {
        reads(address, "int64", bytes, Err(Quality::BAD_ENCODING));
    }
    reads("MW0#S5TIME", "int64", "0A00", Err(Quality::BAD_ENCODING));
    refuses("MD0#TIME", "int64", ns(1), "whole milliseconds");
    refuses("MD0#TIME", "float64", Value::F64(3e6), "24 days");
    refuses("MW0#S5TIME", "float64", Value::F64(1.005), "S5TIME");
    refuses("MW0#S5TIME", "float64", Value::F64(-1.0), "S5TIME");
    refuses("MW0#DATE", "text", text("1989-12-31"), "1990");
    refuses("MW0#DATE", "text", text("2026-02-29"), "is not a date");
    refuses("MW0#DATE", "int64", ns(1), "whole days");
    refuses("MD0#TOD", "text", text("24:00:00"), "is not a time of day");
    refuses("DB1.0#DTL", "text", text("2026-11-21 13:45:26"), "is not an instant");
    refuses("DB1.0#DT", "text", text("2090-01-01T00:00:00Z"), "1990 to 2089");
    let mut out = Vec::new();
    let zoned = text("2026-11-21T14:45:26.458+01:00");
    encode(codec("DB1.0#DT", "text"), &zoned, &mut out).unwrap();
    assert_eq!(out, hex("26 11 21 13 45 26 45 87"));
}

proptest! {
    /// What can be written is read back as it was given.
    #[test]
    fn times_survive_the_way_there_and_back(
        seconds in 631_152_000i64..3_786_912_000,
        fine in 0..1_000_000_000i64,
    ) {
        let mut scratch = Scratch::default();
        for (address, step) in [("DB1.0#DTL", 1), ("ML0#LDT", 1), ("DB1.0#DT", 1_000_000)] {
            let nanoseconds = seconds * 1_000_000_000 + fine / step * step;
            for data_type in ["int64", "text"] {
                let codec = codec(address, data_type);
                let mut out = Vec::new();
                let given = match data_type {
                    "int64" => Value::I64(nanoseconds),
                    _ => {
                        let mut bytes = Vec::new();
                        let number = self::codec(address, "int64");
                        encode(number, &Value::I64(nanoseconds), &mut bytes).unwrap();
                        decode(codec, &bytes, &mut scratch).unwrap().to_value()
                    }
                };
                encode(codec, &given, &mut out).unwrap();
                prop_assert_eq!(decode(codec, &out, &mut scratch).unwrap().to_value(), given);
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut scratch = Scratch::default();
        for (address, data_type) in [
            ("DB1.0#DT", "text"), ("DB1.0#DTL", "text"), ("MD0#TOD", "text"),
            ("MW0#S5TIME", "int64"),
            ("DB1.STRING0", "text"), ("DB1.WSTRING0", "text"), ("C1", "uint16"),
            ("ML0#LTOD", "text"),
            ("DB1.0[100]#LREAL", "list"), ("DB1.DBB0/77", "text"), ("M0.7", "bool"),
            ("MW0#DATE", "text"), ("ML0#LDT", "text"), ("MD0#TIME", "float64"),
        ] {
            let _ = decode(codec(address, data_type), &bytes, &mut scratch);
        }
    }
}
