//! Readers beside the writer: what they see is always a beginning of what came, without a gap.

use crate::feed::{Feeder, START, Sample, definition, options, read_together};
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_env::Env;
use tagwerk_historian::{Historian, Options, Scan};
use tagwerk_model::{DataType, TagId, Value};

#[test]
fn readers_see_every_sample_once_while_chunks_move() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { group_bytes: 300, segment_bytes: 6 * 1024, ..options() };
    let (historian, _) = Historian::open(&Env::system(), folder.path(), options).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for tag in [1, 2] {
            let (historian, done) = (&historian, &done);
            scope.spawn(move || {
                let mut before = 0;
                // By chunks, and by pieces of several, in turn.
                for together in [0, 8_192].into_iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let request = Scan { tags: vec![TagId(tag)], together, ..Scan::default() };
                    let found = read_together(historian, &request);
                    let in_turn = |(i, all): (usize, &(Sample, _, _))| all.0.0 == START + i as i64;
                    assert!(found.iter().enumerate().all(in_turn), "a gap or a double");
                    assert!(found.len() >= before, "samples went away");
                    before = found.len();
                }
            });
        }
        let set = definition(1, &[(1, DataType::Float64, ""), (2, DataType::Text, "")]);
        let mut feeder = Feeder::new(set);
        for i in 0..4_000i64 {
            let values =
                [Some(Value::F64(i as f64)), Some(Value::Text(format!("{}", i % 3).into()))];
            let (block, batch) = feeder.add(START + i, &values);
            historian.append(block, batch).unwrap();
            historian.maintain(&|_| Ok(())).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        feeder.check(&historian, "in the end");
        assert!(historian.stats().segments > 3);
    });
}
