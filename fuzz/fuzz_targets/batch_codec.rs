//! Stored batches: whatever the bytes are, reading them ends in a batch or an error; what could be
//! read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use tagwerk_model::codec::{decode_batch, decode_definition, encode_batch};
use tagwerk_model::{DataType, TagDefinition, TagId, TagSet, TagSetDefinition};

/// One tag of every type.
static SET: LazyLock<Arc<TagSet>> = LazyLock::new(|| {
    let tags = DataType::ALL.into_iter().map(|data_type| TagDefinition {
        id: TagId(data_type as u32),
        name: data_type.name().into(),
        data_type,
        unit: "".into(),
    });
    let tags = tags.collect();
    Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: "device".into(),
        group: "group".into(),
        tags,
    }))
});

fuzz_target!(|bytes: &[u8]| {
    drop(decode_definition(1, bytes));
    let Ok(batch) = decode_batch(SET.clone(), bytes, 1, 2) else { return };
    batch.samples().for_each(|sample| drop(sample.value.map(|value| value.to_value())));
    let mut written = Vec::new();
    encode_batch(&batch, &mut written);
    let again = decode_batch(SET.clone(), &written, 1, 2).expect("what was written can be read");
    // NaN is not equal to itself; the stored forms are compared instead.
    let mut twice = Vec::new();
    encode_batch(&again, &mut twice);
    assert_eq!(written, twice);
});
