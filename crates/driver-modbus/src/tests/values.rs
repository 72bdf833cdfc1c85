//! Values and bytes: every type in every order, against bytes put in order here by the letters of the
//! order's name; and that what is written reads back.

use super::settings;
use crate::codec::{Scratch, decode, encode};
use crate::point::{Codec, Point};
use proptest::prelude::*;
use tagwerk_model::{DataType, Value};

fn codec(address: &str, data_type: DataType) -> Codec {
    Point::parse(address, data_type, &settings("{}")).unwrap().codec
}

fn read(codec: Codec, data: &[u8]) -> Option<Value> {
    decode(codec, 0, data, &mut Scratch::default()).map(|value| value.to_value())
}

fn written(codec: Codec, value: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    encode(codec, value, &mut out).map(|()| out)
}

/// Names of orders and what they say of two, four and eight bytes.
const ORDERS: [(&str, &str, &str, &str); 16] = [
    ("", "AB", "ABCD", "ABCDEFGH"),
    ("#AB", "AB", "", ""),
    ("#BA", "BA", "", ""),
    ("#ABCD", "", "ABCD", "ABCDEFGH"),
    ("#BADC", "", "BADC", "BADCFEHG"),
    ("#CDAB", "", "CDAB", "GHEFCDAB"),
    ("#DCBA", "", "DCBA", "HGFEDCBA"),
    ("#LB", "", "BADC", "BADCFEHG"),
    ("#ABCDEFGH", "", "", "ABCDEFGH"),
    ("#BADCFEHG", "", "", "BADCFEHG"),
    ("#CDABGHEF", "", "", "CDABGHEF"),
    ("#DCBAHGFE", "", "", "DCBAHGFE"),
    ("#EFGHABCD", "", "", "EFGHABCD"),
    ("#FEHGBADC", "", "", "FEHGBADC"),
    ("#GHEFCDAB", "", "", "GHEFCDAB"),
    ("#HGFEDCBA", "", "", "HGFEDCBA"),
];

/// Big-endian bytes in the order that the letters name.
fn in_order(letters: &str, bytes: &[u8]) -> Vec<u8> {
    letters.bytes().map(|letter| bytes[usize::from(letter - b'A')]).collect()
}

#[test]
fn every_type_is_read_and_written_in_every_order() {
    let mut checked = 0;
    for (name, two, four, eight) in ORDERS {
        let mut check = |data_type, letters: &str, bytes: &[u8], value: Value| {
            if letters.is_empty() {
                return;
            }
            let codec = codec(&format!("h:0{name}"), data_type);
            let wire = in_order(letters, bytes);
            assert_eq!(read(codec, &wire), Some(value.clone()), "{data_type}{name}");
            if !matches!(data_type, DataType::Int8 | DataType::Uint8) {
                assert_eq!(written(codec, &value), Ok(wire), "{data_type}{name}");
            }
            checked += 1;
        };
        for seed in [0x0123_4567_89AB_CDEF_u64, 0xFEDC_BA98_7654_3210, 0x8000_0001_7FFF_00FE] {
            let bytes = seed.to_be_bytes();
            let (a, b) = (seed >> 48, seed >> 32);
            check(DataType::Uint8, two, &bytes[..2], Value::U64(a & 0xFF));
            check(DataType::Int8, two, &bytes[..2], Value::I64(i64::from(a as u8 as i8)));
            check(DataType::Uint16, two, &bytes[..2], Value::U64(a));
            check(DataType::Int16, two, &bytes[..2], Value::I64(i64::from(a as i16)));
            check(DataType::Uint32, four, &bytes[..4], Value::U64(b));
            check(DataType::Int32, four, &bytes[..4], Value::I64(i64::from(b as i32)));
            check(DataType::Uint64, eight, &bytes, Value::U64(seed));
            check(DataType::Int64, eight, &bytes, Value::I64(seed as i64));
        }
        // 12345.678 and -0.1 as IEEE 754 has them, from its own arithmetic: sign, exponent, fraction.
        check(DataType::Float32, four, &[0x46, 0x40, 0xE6, 0xB6], Value::F64(12345.677734375));
        check(DataType::Float32, four, &[0xC0, 0x20, 0, 0], Value::F64(-2.5));
        check(
            DataType::Float64,
            eight,
            &[0x40, 0xC8, 0x1C, 0xD6, 0xC8, 0xB4, 0x39, 0x58],
            Value::F64(12345.678),
        );
        check(
            DataType::Float64,
            eight,
            &[0xBF, 0xB9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9A],
            Value::F64(-0.1),
        );
    }
    assert_eq!(checked, 3 * (3 * 4 + 6 * 2 + 14 * 2) + 6 * 2 + 14 * 2);
}

#[test]
fn bits_texts_and_bytes_are_read() {
    let check = |address: &str, data_type, data: &[u8], value: Value| {
        assert_eq!(read(codec(address, data_type), data), Some(value), "{address} {data:02x?}");
    };
    let text = |text: &str| Value::Text(text.into());
    for bit in 0..16u32 {
        let register = (1u16 << bit).to_be_bytes();
        check(&format!("h:0.{bit}"), DataType::Bool, &register, Value::Bool(true));
        check(&format!("h:0.{}", (bit + 1) % 16), DataType::Bool, &register, Value::Bool(false));
        let exchanged = [register[1], register[0]];
        check(&format!("h:0.{bit}#BA"), DataType::Bool, &exchanged, Value::Bool(true));
    }
    check("h:0", DataType::Bool, &[0, 0], Value::Bool(false));
    check("h:0", DataType::Bool, &[1, 0], Value::Bool(true));
    check("c:0", DataType::Bool, &[0b1], Value::Bool(true));
    check("c:0", DataType::Bool, &[0b1111_1110], Value::Bool(false));
    check("h:0/4", DataType::Text, b"Pump", text("Pump"));
    check("h:0/4#BA", DataType::Text, b"uPpm", text("Pump"));
    check("h:0/3", DataType::Text, b"Pump", text("Pum"));
    check("h:0/3#BA", DataType::Text, b"uPpm", text("Pum"));
    check("h:0/8", DataType::Text, b"Pump\0\0\0\0", text("Pump"));
    check("h:0/8", DataType::Text, b"Pump\0 \0 ", text("Pump"));
    check("h:0/8", DataType::Text, b"Pump    ", text("Pump    "));
    check("h:0/8", DataType::Text, b"Pump  \0 ", text("Pump  "));
    check("h:0/4", DataType::Text, b"\0\0\0\0", text(""));
    check("h:0/4", DataType::Text, b"    ", text("    "));
    check("h:0/4", DataType::Text, b"a\0b\0", text("a\0b"));
    check("h:0/4", DataType::Text, "5 °".as_bytes(), text("5 °"));
    check("h:0/4", DataType::Text, b"5 \xB0C", text("5 °C"));
    check("h:0/4", DataType::Bytes, &[0, 1, 2, 0], Value::Bytes([0, 1, 2, 0].into()));
    check("h:0/3#BA", DataType::Bytes, &[0, 1, 2, 3], Value::Bytes([1, 0, 3].into()));
    assert_eq!(read(codec("h:0", DataType::Uint32), &[1, 2, 3]), None);
    assert_eq!(read(codec("h:0/5", DataType::Text), b"Pumps"), None);
}

#[test]
fn only_values_that_fit_are_written() {
    let check = |address: &str, data_type, value: Value, expected: Result<&[u8], &str>| {
        let found = written(codec(address, data_type), &value);
        assert_eq!(found, expected.map(<[u8]>::to_vec).map_err(str::to_owned), "{value:?}");
    };
    let text = |text: &str| Value::Text(text.into());
    check("c:0", DataType::Bool, Value::Bool(true), Ok(&[1]));
    check("c:0", DataType::Bool, Value::I64(0), Ok(&[0]));
    check("c:0", DataType::Bool, Value::I64(2), Err("2 is not true or false"));
    check("h:0", DataType::Bool, Value::Bool(true), Ok(&[0, 1]));
    check("h:0", DataType::Int16, Value::I64(-1), Ok(&[0xFF, 0xFF]));
    check("h:0", DataType::Int16, Value::F64(-2.0), Ok(&[0xFF, 0xFE]));
    check("h:0", DataType::Int16, Value::F64(0.5), Err("0.5 is not a whole number"));
    check("h:0", DataType::Int16, Value::F64(f64::NAN), Err("NaN is not a whole number"));
    let wide = Err("32768 does not fit int16, which holds -32768 to 32767");
    check("h:0", DataType::Int16, Value::U64(32768), wide);
    let negative = Err("-1 does not fit uint16, which holds 0 to 65535");
    check("h:0", DataType::Uint16, Value::I64(-1), negative);
    check("h:0", DataType::Uint64, Value::U64(u64::MAX), Ok(&[0xFF; 8]));
    check(
        "h:0",
        DataType::Int64,
        Value::F64(9.3e18),
        Err("9300000000000000000 does not fit int64, which holds -9223372036854775808 to \
             9223372036854775807"),
    );
    check("h:0", DataType::Float32, Value::F64(1.5), Ok(&[0x3F, 0xC0, 0, 0]));
    check("h:0", DataType::Float32, Value::I64(3), Ok(&[0x40, 0x40, 0, 0]));
    check(
        "h:0",
        DataType::Float32,
        Value::I64(16_777_217),
        Err("16777217 cannot be held exactly by float32"),
    );
    check(
        "h:0",
        DataType::Float32,
        Value::F64(1e39),
        Err("1e39 does not fit float32, which holds up to 3.4e38"),
    );
    check("h:0", DataType::Float64, Value::F64(f64::INFINITY), Err("inf is not a finite number"));
    check(
        "h:0",
        DataType::Float64,
        Value::U64(u64::MAX),
        Err("18446744073709551615 cannot be held exactly by float64"),
    );
    check("h:0", DataType::Uint16, text("5"), Err("\"5\" is not a whole number"));
    check("h:0/5", DataType::Text, text("Pump"), Ok(b"Pump\0\0"));
    check("h:0/5#BA", DataType::Text, text("Pumps"), Ok(b"uPpm\0s"));
    check(
        "h:0/3",
        DataType::Text,
        text("Pump"),
        Err("the text has 4 bytes, the tag has room for 3"),
    );
    check("h:0/4", DataType::Text, Value::I64(1), Err("1 is not text"));
    check("h:0/4", DataType::Bytes, Value::Bytes([1, 2, 3, 4].into()), Ok(&[1, 2, 3, 4]));
    check(
        "h:0/4",
        DataType::Bytes,
        Value::Bytes([1].into()),
        Err("1 bytes were given, the tag has exactly 4"),
    );
}

/// A codec and a value of its type.
fn values() -> impl Strategy<Value = (Codec, Value)> {
    let name = |fits: fn(&(&str, &str, &str, &str)) -> bool| {
        let names: Vec<String> =
            ORDERS.iter().filter(|o| fits(o)).map(|o| format!("h:0{}", o.0)).collect();
        prop::sample::select(names)
    };
    let (two, four, eight) =
        (name(|o| !o.1.is_empty()), name(|o| !o.2.is_empty()), name(|o| !o.3.is_empty()));
    let order = prop::sample::select(vec!["", "#AB", "#BA"]);
    let i64s = |data_type, address: &str, v: i64| (codec(address, data_type), Value::I64(v));
    let u64s = |data_type, address: &str, v: u64| (codec(address, data_type), Value::U64(v));
    let f64s = |data_type, address: &str, v: f64| (codec(address, data_type), Value::F64(v));
    prop_oneof![
        any::<bool>().prop_map(|v| (codec("c:0", DataType::Bool), Value::Bool(v))),
        any::<bool>().prop_map(|v| (codec("h:0", DataType::Bool), Value::Bool(v))),
        (two.clone(), any::<i16>()).prop_map(move |(a, v)| i64s(DataType::Int16, &a, v.into())),
        (two, any::<u16>()).prop_map(move |(a, v)| u64s(DataType::Uint16, &a, v.into())),
        (four.clone(), any::<i32>()).prop_map(move |(a, v)| i64s(DataType::Int32, &a, v.into())),
        (four.clone(), any::<u32>()).prop_map(move |(a, v)| u64s(DataType::Uint32, &a, v.into())),
        (eight.clone(), any::<i64>()).prop_map(move |(a, v)| i64s(DataType::Int64, &a, v)),
        (eight.clone(), any::<u64>()).prop_map(move |(a, v)| u64s(DataType::Uint64, &a, v)),
        (four, any::<f32>()).prop_map(move |(a, v)| f64s(DataType::Float32, &a, v.into())),
        (eight, any::<f64>()).prop_map(move |(a, v)| f64s(DataType::Float64, &a, v)),
        (order.clone(), "[a-zA-Zäöü°]{0,20}").prop_map(|(order, text)| {
            let address = format!("h:0/{}{order}", text.len().max(1));
            (codec(&address, DataType::Text), Value::Text(text.into()))
        }),
        (order, prop::collection::vec(any::<u8>(), 1..251)).prop_map(|(order, bytes)| {
            let address = format!("h:0/{}{order}", bytes.len());
            (codec(&address, DataType::Bytes), Value::Bytes(bytes.into()))
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back((codec, value) in values()) {
        let finite = !matches!(value, Value::F64(v) if !v.is_finite());
        match written(codec, &value) {
            Ok(bytes) => prop_assert_eq!(read(codec, &bytes), Some(value)),
            Err(why) => prop_assert!(!finite, "{}", why),
        }
    }

    #[test]
    fn no_answer_panics(
        data in prop::collection::vec(any::<u8>(), 0..300),
        place in 0u16..2000,
        (codec, _) in values(),
    ) {
        let value = decode(codec, place, &data, &mut Scratch::default()).map(|v| v.to_value());
        let whole = match codec.form {
            crate::point::Form::Coil => usize::from(place) < data.len() * 8,
            _ => usize::from(place + codec.width()) * 2 <= data.len(),
        };
        prop_assert_eq!(value.is_some(), whole);
    }
}
