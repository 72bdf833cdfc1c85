//! Which addresses mean what, and what is said about wrong ones, as data; and that nothing at all
//! makes the reader of addresses break down.

use crate::address::Address;
use crate::point::{Form, Point, Shape};
use crate::settings::{Cpu, Settings};
use proptest::prelude::*;
use tagwerk_model::DataType;
use tagwerk_proto_s7::Area;

fn point(address: &str, data_type: &str) -> Result<Point, String> {
    let data_type = DataType::from_name(data_type).unwrap();
    Point::parse(address, data_type, Cpu::S1500).map_err(|wrong| wrong.to_string())
}

/// Area, block and start as text, then form, shape and length.
fn said(address: &str, data_type: &str) -> String {
    let point = point(address, data_type).unwrap_or_else(|why| panic!("{address}: {why}"));
    let codec = point.codec;
    let detail = if codec.length > 0 { format!(" {}", codec.length) } else { String::new() };
    let shape =
        if codec.shape == Shape::Plain { String::new() } else { format!(" {:?}", codec.shape) };
    format!("{} {:?}{shape}{detail}", point.span(), codec.form)
}

#[test]
fn addresses_are_read_as_engineers_write_them() {
    let check = |address: &str, data_type: &str, expected: &str| {
        assert_eq!(said(address, data_type), expected, "{address} as {data_type}");
        assert_eq!(said(&address.to_lowercase(), data_type), expected);
    };
    check("DB1.DBX0.3", "bool", "DB1 byte 0 Bit 3");
    check("%DB1.DBX0.0", "bool", "DB1 byte 0 Bit");
    check("DB12.DBB2", "uint8", "DB12 byte 2 U8");
    check("DB1.DBW4", "int16", "DB1 bytes 4 to 5 I16");
    check("DB1.DBD8", "float32", "DB1 bytes 8 to 11 F32");
    check("DB1.DBL16", "float64", "DB1 bytes 16 to 23 F64");
    check("DB1.8", "int64", "DB1 bytes 8 to 15 I64");
    check("DB1.8.7", "bool", "DB1 byte 8 Bit 7");
    check("DB1.W4", "uint16", "DB1 bytes 4 to 5 U16");
    check("DB1,DBW4", "uint16", "DB1 bytes 4 to 5 U16");
    check("M0.1", "bool", "flag byte 0 Bit 1");
    check("MX0.1", "bool", "flag byte 0 Bit 1");
    check("MB1", "int8", "flag byte 1 I8");
    check("MW2", "uint16", "flag bytes 2 to 3 U16");
    check("MD4", "int32", "flag bytes 4 to 7 I32");
    check("ML8", "uint64", "flag bytes 8 to 15 U64");
    check("M10", "int16", "flag bytes 10 to 11 I16");
    check("I0.0", "bool", "input byte 0 Bit");
    check("E0.0", "bool", "input byte 0 Bit");
    check("EW64", "int16", "input bytes 64 to 65 I16");
    check("IW64", "int16", "input bytes 64 to 65 I16");
    check("Q1.7", "bool", "output byte 1 Bit 7");
    check("A1.7", "bool", "output byte 1 Bit 7");
    check("AD4", "uint32", "output bytes 4 to 7 U32");
    check("VW100", "int16", "DB1 bytes 100 to 101 I16");
    check("V10.1", "bool", "DB1 byte 10 Bit 1");
    check("T5", "float64", "T5 S5Time Seconds");
    check("T5", "uint16", "T5 U16");
    check("C7", "uint16", "C7 Bcd");
    check("Z7", "uint16", "C7 Bcd");
    check("DB1.DBB10/20", "text", "DB1 bytes 10 to 29 Chars 20");
    check("DB1.DBB10/20", "bytes", "DB1 bytes 10 to 29 Bytes 20");
    check("MB10/1", "bytes", "flag byte 10 Bytes 1");
    check("DB1.STRING10.20", "text", "DB1 bytes 10 to 31 Text 20");
    check("DB1.STRING10", "text", "DB1 bytes 10 to 265 Text 254");
    check("DB1.WSTRING10.20", "text", "DB1 bytes 10 to 53 WideText 20");
    check("DB1.DBB20#DTL", "text", "DB1 bytes 20 to 31 Dtl Text");
    check("DB1.20#DTL", "int64", "DB1 bytes 20 to 31 Dtl Nanoseconds");
    check("DB1.DBB20#DT", "text", "DB1 bytes 20 to 27 DateAndTime Text");
    check("DB1.DBW20#DATE", "text", "DB1 bytes 20 to 21 Date Text");
    check("DB1.DBD20#TIME", "int64", "DB1 bytes 20 to 23 Time Nanoseconds");
    check("MW20#S5TIME", "float64", "flag bytes 20 to 21 S5Time Seconds");
    check("DB1.DBD20#TOD", "text", "DB1 bytes 20 to 23 TimeOfDay Text");
    check("DB1.20#TIME_OF_DAY", "int64", "DB1 bytes 20 to 23 TimeOfDay Nanoseconds");
    check("DB1.DBL20#LTIME", "int64", "DB1 bytes 20 to 27 LTime Nanoseconds");
    check("DB1.DBW60[8]#INT", "list", "DB1 bytes 60 to 75 I16 List 8");
    check("DB1.60[2]#LREAL", "list", "DB1 bytes 60 to 75 F64 List 2");
    check("DB65535.DBB65535", "uint8", "DB65535 byte 65535 U8");
}

#[test]
fn wrong_addresses_are_told_with_a_remedy() {
    let check = |address: &str, data_type: &str, problem: &str, remedy: &str| {
        let said = point(address, data_type).expect_err(address);
        assert!(said.contains(problem), "{address}: {said}");
        assert!(said.contains(remedy), "{address}: {said}");
    };
    check("", "bool", "the address is empty", "DB1.DBW4");
    check("DB1.DBX0.8", "bool", "`.8` is not a bit from 0 to 7", "bit 0 of its first byte");
    check("DB1.DBX0.x", "bool", "not a bit from 0 to 7", "DB1.DBX0.3");
    check("DB1.DBX0", "bool", "a bit without its number", "X0.0");
    check("DB1.DBW4", "float32", "a word of 2 bytes cannot be `float32`", "`DB1.DBD4`");
    check("DB1.DBW4", "float32", "cannot be", "`uint16` or `int16`");
    check("DB1.DBD4", "bool", "cannot be `bool`", "`DB1.DBX4.0`");
    check("MW4", "uint8", "cannot be `uint8`", "MB4");
    check("DB1.DBW4.1", "bool", "picks a bit of a word", "DB1.DBX4.1");
    check("DB1.8", "bool", "needs its bit", "DB1.DBX0.3");
    check("DB1.8.1", "int16", "picks a bit", "type: bool");
    check("DB0.DBW4", "int16", "`DB0` is not a data block", "1 to 65535");
    check("DB70000.DBW4", "int16", "is not a data block", "1 to 65535");
    check("DBW4", "int16", "names no data block", "DB1.DBW4");
    check("DB1", "int16", "is a whole data block", "DB1.DBW0");
    check("DB", "int16", "names no data block", "DB1.DBW4");
    check("PEW64", "int16", "peripheral access", "`EW64`");
    check("PIW64", "int16", "peripheral access", "`IW64`");
    check("PQB4", "uint8", "peripheral access", "`QB4`");
    check("X4", "int16", "names no area", "areas are");
    check("holding:4", "int16", "names no area", "areas are");
    check("MQ4", "int16", "`Q` is not a width", "widths are");
    check("DB1.DBB65536", "uint8", "outside 0 to 65535", "65536 bytes");
    check("DB1.DBW65535", "uint16", "beyond byte 65535", "65536 bytes");
    check("DB1.DBB4", "text", "needs a length", "DB1.DBB10/20");
    check("DB1.DBB4/0", "text", "not a length", "DB1.DBB10/20");
    check("DB1.DBB4/20", "uint8", "which only `text` and `bytes` have", "leave it out");
    check("DB1.STRING10.255", "text", "characters from 1 to 254", "STRING[20]");
    check("DB1.STRING10.20", "int16", "a STRING cannot be `int16`", "type: text");
    check("DB1.STRING10.20/30", "text", "has already", "leave it out");
    check("DB1.DBB4#NOW", "text", "not an S7 type", "#DTL");
    check("DB1.DBB4#DTL", "float32", "`#DTL` cannot be `float32`", "`int64` or `text`");
    check("DB1.DBW4#DTL", "text", "takes 12 bytes", "DB1.DBB4#DTL");
    check("DB1.DBD4#TIME", "text", "cannot be `text`", "`int64` or `float64`");
    check("DB1.DBW4#INT", "int16", "elements of a list", "leave it out");
    check("DB1.DBW4[8]", "list", "does not say what its elements are", "#INT");
    check("DB1.DBW4", "list", "needs a number of elements", "#INT");
    check("DB1.DBW4[8]#INT", "int16", "cannot be `int16`", "type: list");
    check("DB1.DBD4[8]#INT", "list", "takes 2 bytes", "DB1.DBW10[8]#INT");
    check("DB1.DBW4[0]#INT", "list", "elements from 1 to 4096", "[8]");
    check("DB1.DBB4[2]#DTL", "list", "lists of `#DTL`", "#REAL");
    check("T5", "bool", "a timer cannot be `bool`", "float64");
    check("C5", "float64", "cannot be `float64`", "uint16");
    check("T99999", "uint16", "not the number", "T5");
    check("T5#TIME", "float64", "has its own form", "`T5`");
    let logo = Point::parse("T5", DataType::Uint16, Cpu::Logo).unwrap_err();
    assert!(logo.remedy.contains("IEC"), "{logo}");
    let timer = point("T5", "uint16").unwrap().check_write().unwrap_err();
    assert!(timer.remedy.contains("let the program load it"), "{timer}");
}

fn settings(json: &str) -> Settings {
    let mut object: serde_json::Value = serde_json::from_str(json).unwrap();
    object["host"] = "plc".into();
    serde_json::from_value(object).unwrap()
}

#[test]
fn tsaps_and_pdus_follow_from_the_kind_of_controller() {
    let check = |json: &str, link: &str| assert_eq!(settings(json).link(), link, "{json}");
    check("{}", "s7://plc:102/01.00-02.01/960");
    check(r#"{"cpu": "s7-300"}"#, "s7://plc:102/01.00-02.02/240");
    check(r#"{"cpu": "s7-400", "connection": "pg"}"#, "s7://plc:102/01.00-01.03/480");
    check(r#"{"cpu": "s7-400", "rack": 1, "slot": 4}"#, "s7://plc:102/01.00-02.24/480");
    check(r#"{"cpu": "s7-1200", "slot": 0}"#, "s7://plc:102/01.00-02.00/240");
    check(r#"{"connection": "basic"}"#, "s7://plc:102/01.00-03.01/960");
    check(r#"{"cpu": "logo"}"#, "s7://plc:102/03.00-02.00/240");
    check(r#"{"cpu": "s7-200smart"}"#, "s7://plc:102/10.00-03.00/240");
    check(
        r#"{"local_tsap": "10.00", "remote_tsap": "0x2a01", "pdu_size": 480}"#,
        "s7://plc:102/10.00-2A.01/480",
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_words(
        text in prop_oneof![
            "[ -~]{0,24}",
            "(DB[0-9]{0,6}[.,])?[A-Z]{0,8}[0-9]{0,6}([./#\\[][0-9A-Z]{0,5}){0,4}",
            any::<String>(),
        ],
        type_index in 0..DataType::ALL.len(),
    ) {
        let data_type = DataType::ALL[type_index];
        match Point::parse(&text, data_type, Cpu::S300) {
            Ok(point) => {
                prop_assert!(point.span().bytes >= 1);
                prop_assert!(point.span().end() <= 1 << 16);
            }
            Err(wrong) => prop_assert!(!wrong.problem.is_empty() && !wrong.remedy.is_empty()),
        }
    }

    /// What is put together from parts is taken apart into the same.
    #[test]
    fn right_addresses_mean_what_they_say(
        block in 1..=65535u16, start in 0..=65000u16, bit in 0..8u8, letters in 0..5usize,
    ) {
        let width = ["X", "B", "W", "D", "L"][letters];
        let data_type = ["bool", "uint8", "uint16", "uint32", "uint64"][letters];
        let dot = if letters == 0 { format!(".{bit}") } else { String::new() };
        let point = point(&format!("DB{block}.DB{width}{start}{dot}"), data_type).unwrap();
        prop_assert_eq!((point.area, point.block, point.start), (Area::Block, block, start.into()));
        prop_assert_eq!(point.codec.width(), [1, 1, 2, 4, 8][letters]);
        if letters == 0 {
            prop_assert_eq!((point.codec.form, point.codec.length), (Form::Bit, bit.into()));
        }
        let address = Address::parse(&format!("db{block}.{start}{dot}")).unwrap();
        prop_assert_eq!((address.block, address.start), (block, start));
    }
}
