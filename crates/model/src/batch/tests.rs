use super::*;
use crate::tag::{TagDefinition, TagId, TagSetDefinition};

pub(crate) fn set(types: &[DataType]) -> Arc<TagSet> {
    Arc::new(TagSet::new(TagSetDefinition {
        id: 7,
        device: "boiler".into(),
        group: "fast".into(),
        tags: types
            .iter()
            .enumerate()
            .map(|(i, t)| TagDefinition {
                id: TagId(i as u32 + 10),
                name: format!("t{i}").into(),
                data_type: *t,
                unit: "".into(),
            })
            .collect(),
    }))
}

#[test]
fn values_come_back_in_the_order_of_the_set() {
    let types =
        [DataType::Uint16, DataType::Bool, DataType::Uint64, DataType::Float64, DataType::Text];
    let mut builder = BatchBuilder::new(set(&types), vec![None, None, None, None, None].into());
    builder.put_text(4, "auto");
    builder.put_f64(3, 1.5);
    builder.put_u64(2, u64::MAX);
    builder.put_bool(1, true);
    builder.put_quality(0, Quality::BAD_TIMEOUT);
    let batch = builder.batch(5, 6, 5);
    let values: Vec<_> = batch.samples().map(|s| s.value).collect();
    assert_eq!(
        values,
        [
            None,
            Some(ValueRef::Bool(true)),
            Some(ValueRef::U64(u64::MAX)),
            Some(ValueRef::F64(1.5)),
            Some(ValueRef::Text("auto"))
        ]
    );
    let kept = batch.filtered(|s| s.index >= 2).unwrap();
    assert_eq!(kept.rows, Rows::Some(vec![2, 3, 4]));
    assert_eq!(kept.samples().next().unwrap().value, Some(ValueRef::U64(u64::MAX)));
    assert!(batch.filtered(|_| false).is_none());
}

#[test]
fn what_was_not_read_is_bad_and_nothing_is_forced_into_a_type() {
    let types = [DataType::Uint16, DataType::Int16, DataType::Float64, DataType::Text];
    let mut builder = BatchBuilder::new(
        set(&types),
        vec![None, None, Some(Scale { slope: 0.1, offset: 1.0 }), None].into(),
    );
    builder.put_i64(0, -1);
    builder.put_u64(2, 20);
    builder.put_u64(3, 1);
    let batch = builder.batch(0, 0, 4);
    assert_eq!(batch.quality(0), Quality::BAD_ENCODING);
    assert_eq!(batch.quality(1), Quality::BAD_WAITING);
    assert_eq!(batch.samples().nth(2).unwrap().value, Some(ValueRef::F64(3.0)));
    assert_eq!(batch.quality(3), Quality::BAD_ENCODING);
    builder.put_f64(2, f64::NAN);
    assert_eq!(builder.batch(0, 0, 4).quality(2), Quality::BAD_OUT_OF_RANGE);
}
