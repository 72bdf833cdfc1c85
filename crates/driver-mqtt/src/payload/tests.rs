use super::*;
use crate::time::TimeUnit;

fn point(address: &str, data_type: DataType) -> Point {
    Point { index: 0, source: Source::parse(address).unwrap(), data_type }
}

fn message(payload: &[u8]) -> Message<'_> {
    Message { topic: "plant/7/state", payload, qos: 1, retain: false }
}

/// What each row of the payload has at the address.
fn read(
    payload: &[u8],
    format: Format,
    address: &str,
    data_type: DataType,
) -> Vec<Result<Value, Quality>> {
    let (message, form) = (message(payload), Form { format, time: None });
    let point = point(address, data_type);
    let rows = Rows::of(&message, &form);
    let value = |row: Row<'_>| row.value(&message, &point, format).map_err(|bad| bad.quality);
    rows.iter().map(value).collect()
}

fn json(payload: &str, address: &str, data_type: DataType) -> Vec<Result<Value, Quality>> {
    read(payload.as_bytes(), Format::Json, address, data_type)
}

#[test]
fn fields_are_found() {
    let payload =
        r#"{"a": {"b": [10, {"c": 11}], "": 12}, "x/y": 13, "0": 14, "~": 15, "n": null}"#;
    for (address, expected) in [
        ("a.b.0", Ok(10)),
        ("/a/b/1/c", Ok(11)),
        ("/a/", Ok(12)),
        ("/x~1y", Ok(13)),
        ("/0", Ok(14)),
        ("/~0", Ok(15)),
        ("n", Err(Quality::BAD_NO_DATA)),
        ("none", Err(Quality::BAD_NO_DATA)),
        ("a.b.2", Err(Quality::BAD_NO_DATA)),
        ("/a/b/00", Err(Quality::BAD_NO_DATA)),
        ("/a/b/+0", Err(Quality::BAD_NO_DATA)),
        ("/a/b/-", Err(Quality::BAD_NO_DATA)),
        ("/a/b/99999999999999999999999", Err(Quality::BAD_NO_DATA)),
        ("a.b.0.c", Err(Quality::BAD_NO_DATA)),
        ("a.b", Err(Quality::BAD_ENCODING)),
    ] {
        let expected = vec![expected.map(Value::I64)];
        assert_eq!(json(payload, address, DataType::Int64), expected, "{address}");
    }
}

#[test]
fn each_object_of_an_array_is_a_row() {
    let values = |payload: &str| json(payload, "v", DataType::Int8);
    assert_eq!(
        values(r#"[{"v": 1}, {"v": 2}, {}]"#),
        [Ok(Value::I64(1)), Ok(Value::I64(2)), Err(Quality::BAD_NO_DATA)]
    );
    assert_eq!(values("[]"), []);
    assert_eq!(json("[5, 6]", "/1", DataType::Int8), [Ok(Value::I64(6))]);
    assert_eq!(json(r#"[{"v": 1}, 2]"#, "/0/v", DataType::Int8), [Ok(Value::I64(1))]);
    assert_eq!(values("7"), [Err(Quality::BAD_NO_DATA)]);
    assert_eq!(json("7", "$payload", DataType::Int8), [Ok(Value::I64(7))]);
}

#[test]
fn what_stands_beside_the_payload_is_there_whatever_the_payload_is() {
    for payload in [&b"{}"[..], b"", b"no json", b"\xff\xfe"] {
        let value = |address, data_type| read(payload, Format::Json, address, data_type).remove(0);
        let text = |text: &str| Ok(Value::Text(text.into()));
        assert_eq!(value("$topic", DataType::Text), text("plant/7/state"));
        assert_eq!(value("$topic/1", DataType::Text), text("plant"));
        assert_eq!(value("$topic/2", DataType::Uint16), Ok(Value::U64(7)));
        assert_eq!(value("$topic/3", DataType::Uint16), Err(Quality::BAD_ENCODING));
        assert_eq!(value("$topic/4", DataType::Text), Err(Quality::BAD_NO_DATA));
        assert_eq!(value("$qos", DataType::Uint8), Ok(Value::U64(1)));
        assert_eq!(value("$retain", DataType::Bool), Ok(Value::Bool(false)));
        assert!(value("a", DataType::Text).is_err());
    }
}

#[test]
fn a_payload_that_is_no_json_is_a_row_without_values() {
    let qualities = |payload: &[u8]| read(payload, Format::Json, "a", DataType::Int8);
    assert_eq!(qualities(b"{\"a\": 1"), [Err(Quality::BAD_ENCODING)]);
    assert_eq!(qualities(b"{\"a\": 1} x"), [Err(Quality::BAD_ENCODING)]);
    assert_eq!(qualities(b"\xff"), [Err(Quality::BAD_ENCODING)]);
    assert_eq!(qualities(b" \n"), [Err(Quality::BAD_NO_DATA)]);
    // What arrived can be had nevertheless, to see what it is.
    let raw = read(b"oops", Format::Json, "$payload", DataType::Text);
    assert_eq!(raw, [Ok(Value::Text("oops".into()))]);
}

#[test]
fn limits_are_kept() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let quality = |payload: &str| json(payload, "a", DataType::Int8);
    assert_eq!(quality(&deep(limits::MESSAGE_DEPTH_MAX)), [Err(Quality::BAD_NO_DATA)]);
    assert_eq!(quality(&deep(limits::MESSAGE_DEPTH_MAX + 1)), [Err(Quality::BAD_ENCODING)]);
    let long = format!("{{\"a\": 1}}{}", " ".repeat(limits::MESSAGE_BYTES_MAX));
    assert_eq!(quality(&long), [Err(Quality::BAD_OUT_OF_RANGE)]);
    let rows = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    assert_eq!(quality(&rows(limits::MESSAGE_ROWS_MAX)).len(), limits::MESSAGE_ROWS_MAX);
    assert_eq!(quality(&rows(limits::MESSAGE_ROWS_MAX + 1)), [Err(Quality::BAD_OUT_OF_RANGE)]);
    let text = format!("\"{}\"", "x".repeat(limits::VALUE_BYTES_MAX));
    assert_eq!(json(&text, "$payload", DataType::Text), [Err(Quality::BAD_OUT_OF_RANGE)]);
}

#[test]
fn payloads_without_fields_are_one_value() {
    let text = |payload: &str, data_type| {
        read(payload.as_bytes(), Format::Text, "$payload", data_type).remove(0)
    };
    assert_eq!(text(" 21.5\n", DataType::Float64), Ok(Value::F64(21.5)));
    assert_eq!(text("true", DataType::Bool), Ok(Value::Bool(true)));
    assert_eq!(text(" a ", DataType::Text), Ok(Value::Text(" a ".into())));
    assert_eq!(text("00ff", DataType::Text), Ok(Value::Text("00ff".into())));
    assert_eq!(text("x", DataType::Int8), Err(Quality::BAD_ENCODING));
    assert_eq!(text("", DataType::Text), Ok(Value::Text("".into())));
    let bytes = |data_type| read(b"\x00\xff", Format::Bytes, "$payload", data_type).remove(0);
    assert_eq!(bytes(DataType::Bytes), Ok(Value::Bytes([0, 255].into())));
    assert_eq!(bytes(DataType::Text), Ok(Value::Text("00ff".into())));
    let raw = read(b"\xff", Format::Text, "$payload", DataType::Text);
    assert_eq!(raw, [Err(Quality::BAD_ENCODING)]);
}

#[test]
fn a_row_says_its_own_time() {
    let time = TimeOf { source: Source::parse("t").unwrap(), unit: TimeUnit::Ms };
    let form = Form { format: Format::Json, time: Some(time) };
    let times = |payload: &str| -> Vec<Option<i64>> {
        let rows = Rows::of(&message(payload.as_bytes()), &form);
        rows.iter().map(|row| row.time(&form).and_then(Result::ok)).collect()
    };
    assert_eq!(
        times(r#"[{"t": 1}, {"t": "x"}, {"t": 2}]"#),
        [Some(1_000_000), None, Some(2_000_000)]
    );
    assert_eq!(times("no"), [None]);
    assert!(Row::Plain.time(&Form::default()).is_none());
}
