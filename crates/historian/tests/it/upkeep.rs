//! Retention and compaction, seen from outside.

use crate::feed::{FOLDER, Feeder, SECOND, START, definition, open, options, read, samples};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_historian::{
    Buckets, Historian, Keep, Kept, Need, Options, ReadError, Retention, Scan, TagInfo, Trouble,
};
use tagwerk_model::{DataType, TagId, Value};
use tagwerk_testkit::simulated::{HandClock, Random, machine};

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
fn the_chunks_of_a_tag_come_to_lie_side_by_side() {
    let (env, disk, clock) = machine();
    let (historian, _) = open(&env, options());
    let mut feeder = Feeder::new(definition(1, &[1, 2, 3].map(|tag| (tag, DataType::Int32, ""))));
    while historian.stats().compactions < 3 {
        let at = feeder.blocks.len() as i64;
        let values = [at, at * 7 % 5, -at].map(|value| Some(Value::I64(value)));
        let (block, batch) = feeder.add(START + at * SECOND, &values);
        historian.append(block, batch).unwrap();
        clock.advance(Duration::from_secs(1));
        while historian.maintain(&ok).unwrap().more {}
        assert!(feeder.blocks.len() < 5_000, "nothing was put in order");
    }
    let request = Scan { tags: vec![TagId(1)], ..Scan::default() };
    let need = Need { area: true, ends: true, ..Need::default() };
    let folded = |reads: u64| {
        let folds: Vec<_> =
            historian.folds(&request, None, need).flat_map(Result::unwrap).collect();
        assert_eq!(folds[0].fold.samples, feeder.blocks.len() as u64);
        disk.reads() - reads
    };
    folded(0);
    let (chunks, reads) = (feeder.blocks.len() as u64 / 16, folded(disk.reads()));
    assert!(reads * 4 < chunks, "{reads} reads for {chunks} chunks");
    feeder.check(&historian, "in order of tags");
    drop(historian);
    disk.kill();
    let (historian, _) = open(&env, options());
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
    let expired = |trouble: &Trouble| matches!(trouble, Trouble::Expired { samples: 1.., .. });
    let rolled = |trouble: &Trouble| matches!(trouble, Trouble::RolledUp { samples: 1.. });
    assert!(troubles.iter().any(expired) || troubles.iter().any(rolled), "{troubles:?}");
}

fn ages(samples: u64, minutes: u64, hours: u64) -> Kept {
    let keep = |seconds| Keep::For(Duration::from_secs(seconds));
    Kept { samples: keep(samples), minutes: keep(minutes), hours: keep(hours), ..Kept::default() }
}

#[test]
fn old_samples_become_rollups_that_say_the_same() {
    let (env, disk, clock) = machine();
    clock.set_wall(START, true);
    let rule_of = |tag: &TagInfo| (tag.id != TagId(2)).then_some(0);
    let retention =
        Retention { rules: vec![ages(4_000, 40_000, 1_000_000)], rule_of: Arc::new(rule_of) };
    let options = Options { retention, ..options() };
    let (historian, _) = open(&env, options.clone());
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 30_000, 5);
    let first = (read(&historian, 3)[0].0 - START) / SECOND;
    assert!(first > 135_000 && first <= 146_000, "{first} s of 150000 s");
    assert_eq!(read(&historian, 2).len(), 30_000, "another rule");
    let rollups = historian.usage().rollup_bytes;
    assert!(rollups[0] > 0 && rollups[1] > 0, "{rollups:?}");
    feeder.check_folds(&historian, "rolled up");
    let last =
        Scan { tags: vec![TagId(1)], from_unix_ns: START + 120_000 * SECOND, ..Scan::default() };
    let minutes = Buckets { width_ns: 60 * SECOND, origin_ns: 0 };
    let rows: Vec<_> = historian
        .folds(&last, Some(minutes), Need { ends: true, area: true, ..Need::default() })
        .flat_map(Result::unwrap)
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0].fold.max_time <= pair[1].fold.min_time));
    assert!(rows.iter().all(|row| minutes.start(row.fold.max_time) == row.start));
    let minutes_of = 30_000 / 60;
    assert!((minutes_of - 3..minutes_of + 80).contains(&rows.len()), "{}", rows.len());
    let day = historian.chart(TagId(1), START, START + 150_000 * SECOND, 400).unwrap();
    assert!(day.rolled_up_to.is_some_and(|at| at > START + 120_000 * SECOND), "{day:?}");
    let values = day.points.iter().filter_map(|point| point.value.as_ref()?.as_ref().as_f64());
    assert_eq!(values.fold(f64::MIN, f64::max), 4.9);
    drop(historian);
    disk.kill();
    let (historian, _) = open(&env, options);
    feeder.replay(&historian);
    feeder.check_folds(&historian, "opened again");
}

#[test]
fn a_damaged_rollup_costs_itself_and_nothing_else() {
    let (env, disk, clock) = machine();
    clock.set_wall(START, true);
    let retention =
        Retention { rules: vec![ages(4_000, 400_000, 1_000_000)], rule_of: Arc::new(|_| Some(0)) };
    let options = Options { retention, ..options() };
    let (historian, _) = open(&env, options.clone());
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 3_000, 5);
    historian.seal_all(&ok).unwrap();
    drop(historian);
    // The first payload byte behind a frame's header of the kind of rollups.
    let header = [0xF7, 0x54, 0x77, 0x48, 5, 0, 0, 0];
    let mut damaged = false;
    for file in disk.files(Path::new(FOLDER)) {
        disk.alter(&Path::new(FOLDER).join(file), |bytes| {
            let place = bytes.windows(header.len()).position(|window| window == header);
            if let Some(place) = place.filter(|_| !damaged) {
                bytes[place + 20] ^= 1;
                damaged = true;
            }
        });
    }
    assert!(damaged);
    let (historian, _) = open(&env, options);
    let mut lost = 0;
    for tag in 1..=3 {
        let request = Scan { tags: vec![TagId(tag)], ..Scan::default() };
        let (mut there, mut told) = (0, 0);
        for rows in historian.folds(&request, None, Need::default()) {
            match rows {
                Ok(rows) => there += rows.iter().map(|row| row.fold.samples).sum::<u64>(),
                Err(ReadError::Damaged { samples, .. }) => told += u64::from(samples),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(there + told, 3_000, "tag {tag}");
        lost += told;
    }
    assert!((1..1_500).contains(&lost), "{lost}");
}

/// The control of those that compare folds with what was fed.
#[test]
#[should_panic(expected = "one that was never fed")]
fn a_sample_that_no_fold_counts_is_noticed() {
    let (env, _disk, clock) = machine();
    let (historian, _) = open(&env, options());
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 50, 5);
    feeder.check_folds(&historian, "all of them");
    feeder.wanted.get_mut(&3).unwrap().push((START, Some(Value::I64(1))));
    feeder.check_folds(&historian, "one that was never fed");
}

#[test]
fn what_a_rule_s_samples_may_take_holds_and_rules_may_change() {
    let (env, _disk, clock) = machine();
    clock.set_wall(START, true);
    let (historian, _) = open(&env, options());
    let mut feeder = feeder();
    feed(&historian, &mut feeder, &clock, 6_000, 5);
    assert_eq!(read(&historian, 3).len(), 6_000);
    let size = |tag| {
        let usage = historian.usage_by_tag().unwrap();
        usage.iter().find(|usage| usage.tag == tag).map_or(0, |usage| usage.bytes)
    };
    let limit = size(3) / 2;
    let kept = Kept { sample_bytes_max: Some(limit), ..Kept::default() };
    let rule_of = |tag: &TagInfo| (tag.id == TagId(3)).then_some(0);
    historian.set_retention(Retention { rules: vec![kept], rule_of: Arc::new(rule_of) });
    feed(&historian, &mut feeder, &clock, 3_000, 5);
    let left = read(&historian, 3).len();
    assert!((1_000..5_500).contains(&left), "{left}");
    assert_eq!(read(&historian, 1).len(), 9_000, "without a rule");
    feeder.check_folds(&historian, "rolled up by size");
}

#[test]
fn when_room_is_scarce_samples_become_rollups_and_nothing_is_left_out() {
    let (env, _disk, clock) = machine();
    clock.set_wall(START, true);
    let options = Options { bytes_max: 700 * 1024, segment_bytes: 128 * 1024, ..options() };
    let (historian, _) = open(&env, options.clone());
    let mut feeder = feeder();
    let mut random = Random::new(5);
    for i in 0..50_000 {
        let (a, b) = (random.below(u64::MAX) as f64 / 3.0, random.below(u64::MAX) as i32);
        let values = [Some(Value::F64(a)), None, Some(Value::I64(b.into()))];
        let (block, batch) = feeder.add(START + i * SECOND, &values);
        historian.append(block, batch).unwrap();
        clock.advance(Duration::from_secs(1));
        while historian.maintain(&ok).unwrap().more {}
    }
    let usage = historian.usage();
    assert!(usage.bytes <= options.bytes_max, "{usage:?}");
    assert!(usage.samples < 140_000, "{usage:?}");
    feeder.check_folds(&historian, "squeezed");
}

#[test]
fn samples_go_at_the_age_of_their_tag_and_a_jump_of_the_clock_removes_none() {
    let (env, _disk, clock) = machine();
    clock.set_wall(START, true);
    let none = Keep::For(Duration::ZERO);
    let only = |seconds| Kept {
        samples: Keep::For(Duration::from_secs(seconds)),
        minutes: none,
        hours: none,
        days: none,
        sample_bytes_max: None,
    };
    let rule_of = |tag: &TagInfo| (tag.id != TagId(3)).then_some(usize::from(tag.id == TagId(1)));
    let retention =
        Retention { rules: vec![only(1_000), only(40_000)], rule_of: Arc::new(rule_of) };
    let (historian, _) = open(&env, Options { retention, ..options() });
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
