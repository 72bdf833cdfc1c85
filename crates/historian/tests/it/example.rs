//! The stored example of format version 1: it must be readable, and be written byte for byte the
//! same, for as long as version 1 is.

use crate::feed::{FOLDER, Feeder, SECOND, START, definition, open, options};
use std::path::{Path, PathBuf};
use tagwerk_env::Env;
use tagwerk_historian::{Historian, Options};
use tagwerk_model::{DataType, Value};
use tagwerk_testkit::simulated::machine;

const FILE: &str = "0000000000.hist";

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples-v1")
}

fn feeder() -> Feeder {
    let set = definition(
        7,
        &[
            (1, DataType::Bool, ""),
            (2, DataType::Int64, "pcs"),
            (3, DataType::Uint64, ""),
            (4, DataType::Float64, "°C"),
            (5, DataType::Float32, "bar"),
            (6, DataType::Text, ""),
            (7, DataType::Bytes, ""),
            (8, DataType::List, ""),
        ],
    );
    let mut feeder = Feeder::new(set);
    for i in 0..40i64 {
        let late = if i == 20 { 3 * SECOND + 1 } else { 0 };
        let good = i % 10 != 7;
        let values = [
            Value::Bool(i / 8 % 2 == 0),
            Value::I64(i64::MAX - i),
            Value::U64(i as u64 * 1_000),
            Value::F64(20.0 + (i % 6) as f64 / 100.0),
            Value::F64(f64::from(1.1f32 + i as f32 / 3.0)),
            Value::Text(format!("state {}", i % 3).into()),
            Value::Bytes([i as u8, 0xff].into()),
            Value::List([Value::I64(i), Value::Text("x".into())].into()),
        ];
        let values: Vec<_> = values.into_iter().map(|value| good.then_some(value)).collect();
        feeder.add(START + i * SECOND - late, &values);
    }
    feeder
}

#[test]
fn version_1_is_still_written_as_it_was() {
    let (env, disk, _clock) = machine();
    let (historian, _) = open(&env, options());
    feeder().replay(&historian);
    historian.seal_all(&|_| Ok(())).unwrap();
    let mut written = Vec::new();
    disk.alter(&Path::new(FOLDER).join(FILE), |bytes| written = bytes.clone());
    let path = stored().join(FILE);
    // Renews the example; only ever right before version 1 is released.
    if std::env::var_os("TAGWERK_WRITE_EXAMPLES").is_some() {
        std::fs::create_dir_all(stored()).unwrap();
        std::fs::write(&path, &written).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == written, "{FILE} differs");
}

#[test]
fn version_1_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(stored().join(FILE), folder.path().join(FILE)).unwrap();
    let (historian, opened) =
        Historian::open(&Env::system(), folder.path(), Options::default()).unwrap();
    assert_eq!((opened.segments, opened.samples, opened.cut.len()), (1, 320, 0), "{opened:?}");
    feeder().check(&historian, "the stored example");
    assert_eq!(&*historian.tag(tagwerk_model::TagId(4)).unwrap().unit, "°C");
}
