use super::*;
use std::sync::Arc;
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, Value, ValueRef,
};

const ORIGIN: Origin = Origin { epoch: 3, from: 10, to: 12, replayed: true };

fn builder(types: &[(&str, DataType)]) -> BatchBuilder {
    let tags = types
        .iter()
        .enumerate()
        .map(|(i, (name, data_type))| TagDefinition {
            id: TagId(i as u32),
            name: (*name).into(),
            data_type: *data_type,
            unit: "°C".into(),
        })
        .collect();
    let set = Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: "d\"1".into(),
        group: "g".into(),
        tags,
    }));
    BatchBuilder::new(set.clone(), vec![None; set.len()].into())
}

/// One good, one bad, one uncertain with a source time.
fn mixed() -> SampleBatch {
    let mut builder =
        builder(&[("a", DataType::Int32), ("b", DataType::Int32), ("c\n", DataType::Float64)]);
    builder.put_i64(0, 5);
    builder.put_quality(1, Quality::BAD_TIMEOUT.with_detail(7));
    builder.put_f64(2, 0.5);
    builder.put_quality(2, Quality::UNCERTAIN_LAST_USABLE);
    builder.put_source_time(2, 1_700_000_000_999_999_999);
    builder.batch(0, 1_700_000_000_123_999_999, 3)
}

type Writer = fn(&SampleBatch, Choice, &mut Vec<u8>) -> bool;
const VALUES: Writer = |batch, choice, out| write_values(batch, choice, |_| true, out);
const TAGS: Writer = |batch, choice, out| write_tags(batch, choice, |_| true, out);
const INPUT: Writer = |batch, choice, out| write_filter_input(batch, "e1", choice, out);

#[track_caller]
fn check(write: Writer, batch: &SampleBatch, choice: Choice, expected: &str) {
    let mut out = b"left over".to_vec();
    write(batch, choice, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, expected);
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
}

const ALL: Choice = Choice { errors: true, origin: None };

#[test]
fn the_forms_are_those_of_neuron() {
    check(
        VALUES,
        &mixed(),
        ALL,
        "{\"timestamp\":1700000000123,\"node\":\"d\\\"1\",\"group\":\"g\",\
         \"values\":{\"a\":5,\"c\\n\":0.5},\"errors\":{\"b\":2148139015},\
         \"metas\":{\"c\\n\":{\"quality\":\"uncertain\",\"source_timestamp\":1700000000999}}}",
    );
    check(
        TAGS,
        &mixed(),
        ALL,
        "{\"timestamp\":1700000000123,\"node\":\"d\\\"1\",\"group\":\"g\",\"tags\":[\
         {\"name\":\"a\",\"value\":5},{\"name\":\"b\",\"error\":2148139015},\
         {\"name\":\"c\\n\",\"value\":0.5,\"quality\":\"uncertain\",\
         \"source_timestamp\":1700000000999}]}",
    );
    check(
        INPUT,
        &mixed(),
        ALL,
        "{\"timestamp\":1700000000123,\"node\":\"d\\\"1\",\"group\":\"g\",\
         \"edge\":\"e1\",\"device\":\"d\\\"1\",\"tags\":[\
         {\"name\":\"a\",\"value\":5,\"unit\":\"°C\",\"quality\":\"good\"},\
         {\"name\":\"b\",\"error\":2148139015,\"unit\":\"°C\",\"quality\":\"bad\"},\
         {\"name\":\"c\\n\",\"value\":0.5,\"unit\":\"°C\",\"quality\":\"uncertain\",\
         \"source_timestamp\":1700000000999}]}",
    );
}

#[test]
fn errors_can_be_left_out_and_the_sequence_put_in() {
    let choice = Choice { errors: false, origin: Some(ORIGIN) };
    check(
        VALUES,
        &mixed(),
        choice,
        "{\"timestamp\":1700000000123,\"node\":\"d\\\"1\",\"group\":\"g\",\
         \"values\":{\"a\":5,\"c\\n\":0.5},\"errors\":{},\
         \"metas\":{\"c\\n\":{\"quality\":\"uncertain\",\"source_timestamp\":1700000000999}},\
         \"epoch\":3,\"from\":10,\"to\":12,\"replayed\":true}",
    );
    check(
        TAGS,
        &mixed(),
        choice,
        "{\"timestamp\":1700000000123,\"node\":\"d\\\"1\",\"group\":\"g\",\"tags\":[\
         {\"name\":\"a\",\"value\":5},{\"name\":\"c\\n\",\"value\":0.5,\
         \"quality\":\"uncertain\",\"source_timestamp\":1700000000999}],\
         \"epoch\":3,\"from\":10,\"to\":12,\"replayed\":true}",
    );
}

#[test]
fn values_of_every_type_stay_exact() {
    let cases: &[(DataType, Value, &str)] = &[
        (DataType::Bool, Value::Bool(true), "true"),
        (DataType::Int64, Value::I64(i64::MIN), "-9223372036854775808"),
        (DataType::Uint64, Value::U64(u64::MAX), "18446744073709551615"),
        (DataType::Float32, Value::F64(f64::from(0.1f32)), "0.1"),
        (DataType::Float64, Value::F64(0.1), "0.1"),
        (DataType::Text, Value::Text("\u{7}ü".into()), "\"\\u0007ü\""),
        (DataType::Bytes, Value::Bytes([0, 255].into()), "\"00ff\""),
        (DataType::List, Value::List([Value::I64(1), Value::Bool(false)].into()), "[1,false]"),
    ];
    for (data_type, value, json) in cases {
        let mut builder = builder(&[("t", *data_type)]);
        builder.put(0, value.as_ref());
        let expected = format!(
            "{{\"timestamp\":0,\"node\":\"d\\\"1\",\"group\":\"g\",\"values\":{{\"t\":{json}}},\
             \"errors\":{{}},\"metas\":{{}}}}"
        );
        check(VALUES, &builder.batch(0, 0, 1), ALL, &expected);
    }
}

#[test]
fn a_batch_with_nothing_to_send_says_so() {
    let mut builder = builder(&[("a", DataType::Int32), ("b", DataType::Int32)]);
    builder.put(0, ValueRef::I64(1));
    let batch = builder.batch(0, -1, 2);
    let quiet = Choice { errors: false, origin: None };
    let mut out = Vec::new();
    for (choice, index, any) in
        [(ALL, 0, true), (ALL, 1, true), (quiet, 0, true), (quiet, 1, false)]
    {
        assert_eq!(write_values(&batch, choice, |s| s.index == index, &mut out), any);
        assert_eq!(write_tags(&batch, choice, |s| s.index == index, &mut out), any);
    }
    assert!(out.starts_with(b"{\"timestamp\":-1,"), "milliseconds before 1970 round down");
}
