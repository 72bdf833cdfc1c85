use super::*;

const NULL: Quality = Quality::BAD_NO_DATA;
const KIND: Quality = Quality::BAD_ENCODING;
const RANGE: Quality = Quality::BAD_OUT_OF_RANGE;

fn check(json: &str, data_type: DataType, expected: Result<Value, Quality>) {
    let parsed: Json = serde_json::from_str(json).unwrap();
    let got = of_json(&parsed, data_type).map_err(|bad| {
        assert!(!bad.reason.is_empty());
        bad.quality
    });
    assert_eq!(got, expected, "{json} as {data_type}");
}

#[test]
fn whole_numbers_keep_every_digit_or_are_bad() {
    use DataType::{Int8, Int16, Int64, Uint8, Uint32, Uint64};
    for (json, data_type, expected) in [
        ("0", Int8, Ok(Value::I64(0))),
        ("-128", Int8, Ok(Value::I64(-128))),
        ("128", Int8, Err(RANGE)),
        ("-1", Uint8, Err(RANGE)),
        ("256", Uint8, Err(RANGE)),
        ("1.0", Int16, Ok(Value::I64(1))),
        ("1e3", Int16, Ok(Value::I64(1000))),
        ("1.5", Int16, Err(KIND)),
        ("4294967295", Uint32, Ok(Value::U64(4_294_967_295))),
        ("9007199254740993", Int64, Ok(Value::I64(9_007_199_254_740_993))),
        ("-9223372036854775808", Int64, Ok(Value::I64(i64::MIN))),
        ("9223372036854775808", Int64, Err(RANGE)),
        ("18446744073709551615", Uint64, Ok(Value::U64(u64::MAX))),
        ("18446744073709551616", Uint64, Err(RANGE)),
        ("1e19", Uint64, Err(RANGE)),
        ("\"18446744073709551615\"", Uint64, Ok(Value::U64(u64::MAX))),
        ("\" 42 \"", Int8, Ok(Value::I64(42))),
        ("\"1e2\"", Uint8, Ok(Value::U64(100))),
        ("\"abc\"", Int8, Err(KIND)),
        ("\"\"", Int8, Err(KIND)),
        ("true", Int8, Err(KIND)),
        ("[1]", Int8, Err(KIND)),
        ("{}", Int8, Err(KIND)),
        ("null", Int8, Err(NULL)),
    ] {
        check(json, data_type, expected);
    }
}

#[test]
fn floats_are_finite() {
    use DataType::{Float32, Float64};
    for (json, data_type, expected) in [
        ("21.5", Float64, Ok(Value::F64(21.5))),
        ("-3", Float64, Ok(Value::F64(-3.0))),
        ("0.1", Float32, Ok(Value::F64(f64::from(0.1_f32)))),
        ("1e300", Float64, Ok(Value::F64(1e300))),
        ("1e300", Float32, Err(RANGE)),
        ("\"21.5\"", Float64, Ok(Value::F64(21.5))),
        ("\"NaN\"", Float64, Err(RANGE)),
        ("\"inf\"", Float64, Err(RANGE)),
        ("\"1,5\"", Float64, Err(KIND)),
        ("false", Float64, Err(KIND)),
        ("null", Float32, Err(NULL)),
    ] {
        check(json, data_type, expected);
    }
}

#[test]
fn truth_values_and_texts() {
    use DataType::{Bool, Bytes, Text};
    let text = |text: &str| Ok(Value::Text(text.into()));
    for (json, data_type, expected) in [
        ("true", Bool, Ok(Value::Bool(true))),
        ("0", Bool, Ok(Value::Bool(false))),
        ("1", Bool, Ok(Value::Bool(true))),
        ("2", Bool, Err(KIND)),
        ("1.0", Bool, Err(KIND)),
        ("\"true\"", Bool, Ok(Value::Bool(true))),
        ("\"on\"", Bool, Err(KIND)),
        ("null", Bool, Err(NULL)),
        ("\"ä\\n\"", Text, text("ä\n")),
        ("12", Text, text("12")),
        ("18446744073709551615", Text, text("18446744073709551615")),
        ("true", Text, text("true")),
        ("[1, {\"a\": null}]", Text, text("[1,{\"a\":null}]")),
        ("{\"a\": 1}", Text, text("{\"a\":1}")),
        ("null", Text, Err(NULL)),
        ("\"00fF\"", Bytes, Ok(Value::Bytes([0, 255].into()))),
        ("\"\"", Bytes, Ok(Value::Bytes([].into()))),
        ("\"0\"", Bytes, Err(KIND)),
        ("\"zz\"", Bytes, Err(KIND)),
        ("\"äa\"", Bytes, Err(KIND)),
        ("1", Bytes, Err(KIND)),
    ] {
        check(json, data_type, expected);
    }
    let long = format!("\"{}\"", "x".repeat(limits::VALUE_BYTES_MAX + 1));
    check(&long, Text, Err(RANGE));
}

#[test]
fn lists_hold_plain_values() {
    let list = |items: &[Value]| Ok(Value::List(items.into()));
    for (json, expected) in [
        ("[]", list(&[])),
        (
            "[1, -1, 18446744073709551615, 1.5, true, \"x\"]",
            list(&[
                Value::I64(1),
                Value::I64(-1),
                Value::U64(u64::MAX),
                Value::F64(1.5),
                Value::Bool(true),
                Value::Text("x".into()),
            ]),
        ),
        ("[1, null]", Err(KIND)),
        ("[[1]]", Err(KIND)),
        ("[{}]", Err(KIND)),
        ("1", Err(KIND)),
        ("\"x\"", Err(KIND)),
        ("{}", Err(KIND)),
        ("null", Err(NULL)),
    ] {
        check(json, DataType::List, expected);
    }
    let long = format!("[{}1]", "1,".repeat(limits::LIST_ITEMS_MAX));
    check(&long, DataType::List, Err(RANGE));
}

#[test]
fn a_type_is_suggested_for_an_example() {
    for (json, expected) in [
        ("1", Some(DataType::Int64)),
        ("18446744073709551615", Some(DataType::Uint64)),
        ("1.5", Some(DataType::Float64)),
        ("\"\"", Some(DataType::Text)),
        ("false", Some(DataType::Bool)),
        ("[1]", Some(DataType::List)),
        ("[{}]", None),
        ("{}", None),
        ("null", None),
    ] {
        assert_eq!(suggested(&serde_json::from_str(json).unwrap()), expected, "{json}");
    }
}
