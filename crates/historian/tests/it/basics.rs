//! What goes in comes out, from memory, from disk and after a restart.

use crate::feed::{
    Feeder, SECOND, START, batch, block, definition, journal_set, open, options, read, read_range,
};
use std::time::Duration;
use tagwerk_historian::{Piece, Scan};
use tagwerk_model::{DataType, Quality, TagId, Value};
use tagwerk_testkit::simulated::machine;

fn ok(_: u64) -> Result<(), tagwerk_journal::CommitError> {
    Ok(())
}

fn values(i: i64) -> [Option<Value>; 6] {
    [
        Some(Value::F64(20.0 + (i % 7) as f64 / 100.0)),
        Some(Value::I64(i64::MIN + i)),
        (i % 5 != 0).then_some(Value::Bool(i % 3 == 0)),
        Some(Value::Text(format!("state {}", i % 4).into())),
        Some(Value::U64(u64::MAX - i as u64)),
        Some(Value::List([Value::I64(i), Value::Text("x".into())].into())),
    ]
}

fn feeder() -> Feeder {
    Feeder::new(definition(
        1,
        &[
            (10, DataType::Float64, "°C"),
            (11, DataType::Int64, ""),
            (12, DataType::Bool, ""),
            (13, DataType::Text, ""),
            (14, DataType::Uint64, "pcs"),
            (15, DataType::List, ""),
        ],
    ))
}

#[test]
fn samples_come_back_from_memory_and_disk_and_after_a_restart() {
    let (env, _disk, clock) = machine();
    let (historian, _) = open(&env, options());
    let mut feeder = feeder();
    for i in 0..500 {
        let (block, batch) = feeder.add(START + i * SECOND, &values(i));
        historian.append(block, batch).unwrap();
        clock.advance(Duration::from_secs(1));
        historian.maintain(&ok).unwrap();
        if i % 97 == 0 {
            feeder.check(&historian, "growing");
        }
    }
    feeder.check(&historian, "at the end");
    assert!(historian.position() > 0 && historian.stats().segments > 2, "{:?}", historian.stats());
    let window = read_range(&historian, 10, START + 100 * SECOND, START + 200 * SECOND, false);
    assert_eq!(window, feeder.wanted[&10][100..200]);
    let mut backwards =
        read_range(&historian, 10, START + 100 * SECOND, START + 200 * SECOND, true);
    backwards.reverse();
    assert_eq!(backwards, window);
    drop(historian);

    let (historian, opened) = open(&env, options());
    assert_eq!((opened.cut.len(), opened.quarantined.len()), (0, 0), "{opened:?}");
    feeder.replay(&historian);
    feeder.check(&historian, "after a restart");
    assert_eq!(historian.tags().len(), 6);
    historian.seal_all(&ok).unwrap();
    assert_eq!(historian.position(), feeder.next);
    feeder.check(&historian, "sealed");
    drop(historian);

    let (historian, opened) = open(&env, options());
    assert_eq!((opened.position, opened.recovered.len()), (feeder.next, 0));
    feeder.check(&historian, "after a clean stop");
    feeder.replay(&historian);
    assert_eq!(historian.usage().samples, 3_000);
    let by_tag = historian.usage_by_tag().unwrap();
    assert!(by_tag.iter().all(|usage| usage.samples == 500), "{by_tag:?}");
    let tag = historian.tag(TagId(10)).unwrap();
    assert_eq!((&*tag.device, &*tag.name, &*tag.unit), ("press", "tag 10", "°C"));
}

#[test]
fn late_samples_are_merged_in_order() {
    let (env, _disk, _clock) = machine();
    let (historian, _) = open(&env, options());
    let mut feeder = Feeder::new(definition(1, &[(1, DataType::Float64, "")]));
    for i in 0..300i64 {
        // Every third is late by a minute or two, some by hours.
        let late = if i % 3 == 0 { 60 + i % 40 } else { 0 } + if i % 50 == 7 { 9_000 } else { 0 };
        let at = START + (i - late) * SECOND + i;
        let (block, batch) = feeder.add(at, &[Some(Value::F64(i as f64))]);
        historian.append(block, batch).unwrap();
        historian.maintain(&ok).unwrap();
    }
    feeder.check(&historian, "late");
    let from = START - 8_900 * SECOND;
    let window = read_range(&historian, 1, from, START + 20 * SECOND, false);
    let mut wanted: Vec<_> = feeder.wanted[&1]
        .iter()
        .filter(|(at, _)| *at >= from && *at < START + 20 * SECOND)
        .cloned()
        .collect();
    wanted.sort_by_key(|sample| sample.0);
    assert_eq!(window, wanted);
}

#[test]
fn a_changed_type_or_unit_leaves_what_was_kept_readable() {
    let (env, _disk, _clock) = machine();
    let (historian, _) = open(&env, options());
    let old = definition(1, &[(1, DataType::Int16, "bar")]);
    let new = definition(1, &[(1, DataType::Float32, "kPa")]);
    let renamed = definition(2, &[(1, DataType::Float32, "kPa")]);
    let mut seq = 0;
    for (set, revision, value) in
        [(&old, 1, Value::I64(3)), (&new, 2, Value::F64(300.0)), (&renamed, 1, Value::F64(301.5))]
    {
        for _ in 0..20 {
            let journal_set = journal_set(set, revision);
            let batch = batch(set, START + seq as i64, &[Some(value.clone())]);
            historian.append(&block(&journal_set, seq, &batch), &batch).unwrap();
            seq += 1;
        }
    }
    historian.seal_all(&ok).unwrap();
    drop(historian);
    let (historian, _) = open(&env, options());
    let request = Scan { tags: vec![TagId(1)], ..Scan::default() };
    let pieces: Vec<_> = historian.scan(&request).map(Result::unwrap).collect();
    let shapes: Vec<_> = pieces.iter().map(|p| (p.data_type, p.unit.to_string())).collect();
    assert_eq!(shapes[0], (DataType::Int16, "bar".to_owned()));
    assert_eq!(shapes.last().unwrap(), &(DataType::Float32, "kPa".to_owned()));
    assert_eq!(pieces.iter().map(|p| p.len()).sum::<usize>(), 60);
    let units = |pieces: &[Piece]| -> Vec<_> {
        let of = |p: &Piece| std::iter::repeat_n((p.data_type, p.unit.clone()), p.len());
        pieces.iter().flat_map(of).collect()
    };
    let together = Scan { together: 8_192, ..request };
    let together: Vec<_> = historian.scan(&together).map(Result::unwrap).collect();
    assert_eq!(units(&together), units(&pieces));
    assert!(together.len() <= pieces.len());
    assert_eq!(historian.tag(TagId(1)).unwrap().data_type, DataType::Float32);
}

#[test]
fn a_late_time_sync_corrects_what_was_stored_before() {
    let (env, _disk, _clock) = machine();
    let (historian, _) = open(&env, options());
    let set = definition(1, &[(1, DataType::Float64, "")]);
    let journal_set = journal_set(&set, 1);
    let wrong = 50 * 365 * 86_400 * SECOND;
    for i in 0..100u64 {
        let at = START + i as i64 * SECOND;
        let mut batch = batch(&set, at, &[Some(Value::F64(i as f64))]);
        let mut block = block(&journal_set, i, &batch);
        block.moment = tagwerk_env::Moment(1_000 + i * SECOND as u64);
        block.synchronised = i >= 80;
        if i < 80 {
            block.unix_ns -= wrong;
            batch.unix_ns -= wrong;
        }
        historian.append(&block, &batch).unwrap();
        historian.maintain(&ok).unwrap();
        if i == 79 {
            assert_eq!(read(&historian, 1)[0].0, START - wrong);
        }
    }
    let wanted: Vec<i64> = (0..100).map(|i| START + i * SECOND).collect();
    let times = |historian: &tagwerk_historian::Historian| {
        read(historian, 1).iter().map(|sample| sample.0).collect::<Vec<i64>>()
    };
    assert_eq!(times(&historian), wanted);
    historian.seal_all(&ok).unwrap();
    assert_eq!(times(&historian), wanted);
    assert_eq!(read_range(&historian, 1, START, START + 5 * SECOND, false).len(), 5);
    drop(historian);
    let (historian, _) = open(&env, options());
    assert_eq!(times(&historian), wanted, "what was learned is kept");
}

#[test]
fn a_chart_keeps_extremes_and_changes_of_quality() {
    let (env, _disk, _clock) = machine();
    let (historian, _) = open(&env, options());
    let mut feeder = Feeder::new(definition(1, &[(1, DataType::Float64, "")]));
    for i in 0..5_000i64 {
        let value = if i == 1_234 { 99.0 } else { (i % 10) as f64 };
        let value = (i != 3_333).then_some(Value::F64(value));
        let (block, batch) = feeder.add(START + i * SECOND, &[value]);
        historian.append(block, batch).unwrap();
        historian.maintain(&ok).unwrap();
    }
    let chart = historian.chart(TagId(1), START, START + 5_000 * SECOND, 100).unwrap();
    assert!(chart.thinned && chart.points.len() < 200, "{}", chart.points.len());
    let at = |i: i64| chart.points.iter().find(|point| point.unix_ns == START + i * SECOND);
    assert_eq!(at(1_234).unwrap().value, Some(Value::F64(99.0)));
    assert_eq!(at(3_333).unwrap().quality, Quality::BAD_TIMEOUT);
    assert!(chart.points.windows(2).all(|w| w[0].unix_ns <= w[1].unix_ns));
    let wide = historian.chart(TagId(1), i64::MIN, i64::MAX, 100).unwrap();
    assert_eq!(wide.points, chart.points);
    let few = historian.chart(TagId(1), START, START + 20 * SECOND, 100).unwrap();
    assert_eq!((few.points.len(), few.thinned), (20, false));
}
