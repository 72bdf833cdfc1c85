//! Retention and compaction, seen from outside.

use crate::feed::{Feeder, SECOND, START, definition, open, options, read, samples};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_historian::{AgeLimit, Historian, Options, Scan, Trouble};
use tagwerk_model::{DataType, TagId, Value};
use tagwerk_testkit::simulated::{HandClock, machine};

fn ok(_: u64) -> Result<(), tagwerk_journal::CommitError> {
    Ok(())
}

fn feeder() -> Feeder {
    Feeder::new(definition(
        1,
        &[(1, DataType::Float64, "°C"), (2, DataType::Text, ""), (3, DataType::Int32, "pcs")],
    ))
}

/// Small chunks, as of slow tags; some samples are late.
fn feed(historian: &Historian, feeder: &mut Feeder, clock: &HandClock, count: i64, every: i64) {
    for _ in 0..count {
        let i = feeder.blocks.len() as i64;
        let at = START + i * every * SECOND - if i % 7 == 3 { 90 * SECOND - i } else { 0 };
        let values = [
            Some(Value::F64((i % 50) as f64 / 10.0)),
            (i % 13 != 5).then(|| Value::Text(format!("state {}", i / 9 % 6).into())),
            Some(Value::I64(i)),
        ];
        let (block, batch) = feeder.add(at, &values);
        historian.append(block, batch).unwrap();
        clock.advance(Duration::from_secs(every as u64));
        while historian.maintain(&ok).unwrap().more {}
    }
}

fn sparse() -> Options {
    Options {
        seal_after: Duration::from_secs(20),
        segment_bytes: 6 * 1024,
        compact_step_bytes: 500,
        ..options()
    }
}

#[test]
fn compaction_fills_chunks_and_changes_no_sample() {
    let (env, disk, clock) = machine();
    let (historian, _) = open(&env, sparse());
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 30, 5);
    // Who has begun to read goes on through what compaction removes.
    let request = Scan { tags: vec![TagId(1), TagId(2)], ..Scan::default() };
    let mut reading = historian.scan(&request);
    let mut read_before = samples(&reading.next().unwrap().unwrap());
    let before: Vec<_> = feeder.wanted[&1].clone();
    feed(&historian, &mut feeder, &clock, 700, 5);
    let stats = historian.stats();
    assert!(stats.compactions > 2, "{stats:?}");
    feeder.check(&historian, "compacted");
    for piece in reading {
        let piece = piece.unwrap();
        if piece.tag == TagId(1) {
            read_before.extend(samples(&piece));
        }
    }
    let mut wanted = before;
    wanted.sort_by_key(|sample| sample.0);
    assert_eq!(read_before, wanted);
    let usage = historian.usage();
    assert!(usage.samples / usage.chunks >= 6, "{usage:?}");
    assert!(disk.files(Path::new("/history")).len() < 20);
    drop(historian);
    disk.kill();
    let (historian, opened) = open(&env, sparse());
    assert_eq!((opened.cut.len(), opened.quarantined.len()), (0, 0));
    feeder.replay(&historian);
    feeder.check(&historian, "opened again");
}

#[test]
fn the_oldest_segments_go_when_there_is_too_much() {
    let (env, _disk, clock) = machine();
    let troubles: Arc<Mutex<Vec<Trouble>>> = Arc::default();
    let told = troubles.clone();
    let options = Options {
        bytes_max: 40 * 1024,
        on_trouble: Some(Arc::new(move |trouble| told.lock().unwrap().push(trouble.clone()))),
        ..options()
    };
    let (historian, _) = open(&env, options);
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 3_000, 1);
    let usage = historian.usage();
    assert!(usage.bytes < 60 * 1024, "{usage:?}");
    let left = read(&historian, 3);
    let mut wanted = feeder.wanted[&3].clone();
    wanted.sort_by_key(|sample| sample.0);
    assert!(left.len() > 300 && left.len() < 2_500, "{}", left.len());
    let newest = &wanted[wanted.len() - 200..];
    assert_eq!(&left[left.len() - 200..], newest);
    let troubles = troubles.lock().unwrap();
    assert!(matches!(troubles[0], Trouble::Expired { samples: 1.., .. }), "{troubles:?}");
}

#[test]
fn samples_go_at_the_age_of_their_tag_and_a_jump_of_the_clock_removes_none() {
    let (env, _disk, clock) = machine();
    clock.set_wall(START, true);
    let limit = |tags: fn(TagId) -> bool, seconds| AgeLimit {
        tags: Arc::new(tags),
        age_max: Duration::from_secs(seconds),
    };
    let options = Options {
        ages: vec![limit(|tag| tag == TagId(2), 1_000), limit(|tag| tag == TagId(1), 40_000)],
        ..options()
    };
    let (historian, _) = open(&env, options);
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 4_000, 5);
    let first = |tag| (read(&historian, tag)[0].0 - START) / SECOND;
    assert!(first(2) > 10_000, "{} s of 20000 s", first(2));
    assert!(first(1) < 0 && first(3) < 0, "within their age, or without one");
    let before = (read(&historian, 1).len(), read(&historian, 3).len());
    // Twenty years ahead.
    clock.set_wall(START + 20 * 365 * 86_400 * SECOND, true);
    for _ in 0..50 {
        clock.advance(Duration::from_secs(60));
        while historian.maintain(&ok).unwrap().more {}
    }
    assert_eq!((read(&historian, 1).len(), read(&historian, 3).len()), before);
}
