use super::*;
use crate::batch::BatchBuilder;
use proptest::prelude::*;

fn set(types: &[DataType]) -> Arc<TagSet> {
    Arc::new(TagSet::new(TagSetDefinition {
        id: 3,
        device: "d".into(),
        group: "g".into(),
        tags: types
            .iter()
            .enumerate()
            .map(|(i, t)| TagDefinition {
                id: TagId(i as u32),
                name: format!("tag{i}").into(),
                data_type: *t,
                unit: "bar".into(),
            })
            .collect(),
    }))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        any::<f32>().prop_map(|v| Value::F64(f64::from(v))),
        ".{0,20}".prop_map(|s| Value::Text(s.into())),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|b| Value::Bytes(b.into())),
        proptest::collection::vec(any::<i64>().prop_map(Value::I64), 0..5)
            .prop_map(|l| Value::List(l.into())),
    ]
}

fn data_type(kind: Kind) -> DataType {
    DataType::ALL.into_iter().rev().find(|t| t.kind() == kind).unwrap()
}

/// Bit patterns, so that NaN compares.
fn bits(batch: &SampleBatch) -> String {
    let floats: Vec<u64> = batch.columns.f64s.iter().map(|v| v.to_bits()).collect();
    let mut plain = batch.clone();
    plain.columns.f64s.clear();
    format!("{plain:?}{floats:?}")
}

proptest! {
    #[test]
    fn batches_come_back_bit_for_bit(
        samples in proptest::collection::vec((value(), any::<u32>(), any::<bool>()), 1..60),
        times in proptest::option::of(any::<i64>()),
        expected in any::<u32>(),
    ) {
        let types: Vec<DataType> = samples.iter().map(|(v, ..)| data_type(v.kind())).collect();
        let set = set(&types);
        let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
        for (i, (value, quality, _)) in samples.iter().enumerate() {
            builder.put(i, value.as_ref());
            if quality % 3 == 0 {
                builder.put_quality(i, Quality(*quality));
            }
            if let Some(time) = times {
                builder.put_source_time(i, time.wrapping_add(i as i64));
            }
        }
        let whole = builder.batch(1, 2, expected);
        let part = whole.filtered(|s| samples[s.index].2);
        for batch in [Some(whole), part].into_iter().flatten() {
            let mut bytes = Vec::new();
            encode_batch(&batch, &mut bytes);
            let back = decode_batch(set.clone(), &bytes, 1, 2).unwrap();
            prop_assert_eq!(bits(&back), bits(&batch));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let types: Vec<DataType> = DataType::ALL.into();
        let _ = decode_batch(set(&types), &bytes, 0, 0);
        let mut versioned = vec![1];
        versioned.extend(&bytes);
        let _ = decode_batch(set(&types), &versioned, 0, 0);
        let _ = decode_definition(1, &versioned);
    }
}

#[test]
fn definitions_come_back() {
    let set = set(&[DataType::Float32, DataType::Text]);
    let bytes = encode_definition(&set.definition);
    assert_eq!(decode_definition(3, &bytes).unwrap(), set.definition);
    assert_eq!(decode_definition(3, &[9]).unwrap_err(), DecodeError::Version(9));
}

#[test]
fn a_thousand_words_take_two_bytes_each() {
    let set = set(&[DataType::Uint16; 1000]);
    let mut builder = BatchBuilder::new(set.clone(), vec![None; 1000].into());
    (0..1000).for_each(|i| builder.put_u64(i, (i * 50) as u64));
    let mut bytes = Vec::new();
    encode_batch(&builder.batch(0, 0, 1000), &mut bytes);
    assert!(bytes.len() < 2_030, "{} bytes", bytes.len());
}
