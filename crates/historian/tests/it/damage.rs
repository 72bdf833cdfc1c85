//! Any byte of a segment may be anything: it always starts, never serves a wrong value, and loses
//! at most the chunks that are damaged.

use crate::crash::stride;
use crate::feed::{FOLDER, Feeder, SECOND, START, definition, open, options, read_lossy};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_historian::{Historian, Options, Trouble, scan};
use tagwerk_model::{DataType, Value};
use tagwerk_testkit::simulated::{Random, SimDisk, env, machine};

fn ok(_: u64) -> Result<(), tagwerk_journal::CommitError> {
    Ok(())
}

/// A small history of one complete and one growing segment, all of it stored.
fn store(options: Options) -> (SimDisk, Feeder, Vec<PathBuf>) {
    let (env, disk, _clock) = machine();
    let (historian, _) = open(&env, options);
    let set = definition(1, &[(1, DataType::Float64, ""), (2, DataType::Text, "")]);
    let mut feeder = Feeder::new(set);
    for i in 0..330i64 {
        let values =
            [Some(Value::F64(i as f64 * 1.01)), Some(Value::Text(format!("{}", i % 9).into()))];
        let (block, batch) = feeder.add(START + i * SECOND, &values);
        historian.append(block, batch).unwrap();
        historian.maintain(&ok).unwrap();
    }
    assert!(historian.stats().segments >= 2);
    drop(historian);
    disk.kill();
    let files = disk.files(Path::new(FOLDER));
    let segments = files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "hist"));
    let mut segments: Vec<PathBuf> = segments.collect();
    segments.sort_by_key(|path| !scan::scan(&image(&disk, path)).complete);
    (disk, feeder, segments)
}

fn image(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let mut image = Vec::new();
    disk.alter(path, |bytes| image = bytes.clone());
    image
}

/// Segments stay as they were written.
fn small() -> Options {
    Options { compact_bytes_max: 0, ..in_order() }
}

/// Complete ones are put in the order of tags.
fn in_order() -> Options {
    Options { segment_bytes: 5 * 1024 + 512, ..options() }
}

/// Samples that are missing, after checking that none is wrong, doubled or out of place.
fn missing(feeder: &Feeder, historian: &Historian, context: &str) -> usize {
    let mut missing = 0;
    for (tag, wanted) in &feeder.wanted {
        let mut left = wanted.iter();
        for sample in read_lossy(historian, *tag) {
            assert!(left.any(|wanted| *wanted == sample), "{context}: {sample:?} is wrong");
        }
        let found = read_lossy(historian, *tag).len();
        missing += wanted.len() - found;
    }
    missing
}

fn check(disk: &SimDisk, feeder: &Feeder, context: &str, lost_max: usize) {
    let (_, _, clock) = machine();
    let env = env(disk, &clock);
    let (historian, opened) = open(&env, small());
    // What lies above the position the journal gives again; what is below is lost with its chunk.
    feeder.replay(&historian);
    let lost = missing(feeder, &historian, context);
    assert!(lost <= lost_max, "{context}: {lost} samples are lost, {opened:?}");
}

#[test]
fn a_changed_byte_anywhere_costs_its_chunk_at_most() {
    for options in [small(), in_order()] {
        let (disk, feeder, segments) = store(options);
        for segment in &segments {
            let length = disk.length(segment);
            assert!(length > 4_200);
            // Between the copies of the header nothing is stored.
            let places = (0..640).chain(3_500..4_200).chain(4_200..length);
            for at in places.step_by(stride(if length > 9_000 { 13 } else { 7 })) {
                let changed = disk.fork();
                changed.alter(segment, |bytes| bytes[at] ^= 1 << (at % 8));
                check(&changed, &feeder, &format!("{} byte {at}", segment.display()), 16);
            }
        }
    }
}

#[test]
fn other_damage_is_survived() {
    [small(), in_order()].into_iter().for_each(survived);
}

fn survived(options: Options) {
    let (disk, feeder, segments) = store(options);
    let mut random = Random::new(5);
    for round in 0..250 * 20 / stride(20) as u64 {
        let changed = disk.fork();
        let segment = &segments[random.below(segments.len() as u64) as usize];
        let length = disk.length(segment) as u64;
        let at = random.below(length) as usize;
        let what = random.below(4);
        changed.alter(segment, |bytes| match what {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + 1 + random.below(3_000) as usize).min(bytes.len());
                bytes[at..end].fill(0);
            }
            2 => {
                let end = (at + 1 + random.below(200) as usize).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
            }
            _ => bytes.extend((0..random.below(5_000)).map(|byte| byte as u8)),
        });
        let context = format!("round {round}: {what} at {at} of {}", segment.display());
        check(&changed, &feeder, &context, usize::MAX);
    }
    // One file in the place of the other.
    let changed = disk.fork();
    let first = image(&changed, &segments[0]);
    changed.alter(&segments[1], |bytes| *bytes = first);
    check(&changed, &feeder, "swapped", usize::MAX);
}

/// NEGATIVE CONTROL: damage that its checksum covers up is not noticed by the checksums, but is by
/// this rig.
#[test]
fn the_rig_notices_a_wrong_value() {
    let (disk, mut feeder, _) = store(small());
    feeder.wanted.get_mut(&1).unwrap()[7].1 = Some(Value::F64(-1.0));
    let rig = std::panic::AssertUnwindSafe(|| check(&disk, &feeder, "control", 0));
    assert!(std::panic::catch_unwind(rig).is_err());
}

#[test]
fn an_image_says_what_the_file_holds() {
    let (disk, feeder, segments) = store(small());
    let image = image(&disk, &segments[0]);
    let whole = scan::scan(&image);
    assert!(whole.complete && whole.bad.is_empty(), "{:?}", whole.bad);
    let samples: usize = whole.chunks.iter().map(|chunk| chunk.times.len()).sum();
    assert!(samples > 100 && samples <= feeder.next as usize);
    for end in (0..image.len()).step_by(97) {
        let cut = scan::scan(&image[..end]);
        assert!(cut.chunks.iter().all(|chunk| whole.chunks.contains(chunk)));
    }
}

/// Lost samples are never lost in silence: not with the end of a file that was whole.
#[test]
fn a_file_that_was_whole_and_is_shorter_is_told() {
    let (disk, _, segments) = store(small());
    let (_, _, clock) = machine();
    let length = disk.length(&segments[0]);
    let (historian, _) = open(&env(&disk.fork(), &clock), small());
    let whole: usize = [1, 2].map(|tag| read_lossy(&historian, tag).len()).iter().sum();
    drop(historian);
    for at in [4_096, 4_500, length - 1_000, length - 100, length - 1] {
        let changed = disk.fork();
        changed.alter(&segments[0], |bytes| bytes.truncate(at));
        let (historian, opened) = open(&env(&changed, &clock), small());
        let there: usize = [1, 2].map(|tag| read_lossy(&historian, tag).len()).iter().sum();
        assert!(at > 4_500 || there < whole, "{at} of {length}: the cut costs nothing");
        let told = opened.damaged == [segments[0].clone()];
        assert!(told || there == whole, "{at} of {length}: {there} of {whole} samples");
    }
    let (_, opened) = open(&env(&disk, &clock), small());
    assert!(opened.damaged.is_empty(), "what grows and was cut off is not damaged");
}

/// Nor with the directory that said what there was.
#[test]
fn chunks_that_are_lost_with_their_directory_are_told() {
    let (disk, feeder, segments) = store(small());
    let image = image(&disk, &segments[0]);
    let whole = scan::scan(&image);
    let last = whole.chunks.last().unwrap().offset as usize;
    let header = [0xF7, 0x54, 0x77, 0x48, 4, 0, 0, 0];
    let directory = image.windows(header.len()).position(|window| window == header).unwrap();
    disk.alter(&segments[0], |bytes| bytes[last..directory + 200].fill(0));
    let (_, _, clock) = machine();
    let told: Arc<Mutex<Vec<Trouble>>> = Arc::default();
    let hears = told.clone();
    let on_trouble = move |trouble: &Trouble| hears.lock().unwrap().push(trouble.clone());
    let options = Options { on_trouble: Some(Arc::new(on_trouble)), ..small() };
    let (historian, _) = open(&env(&disk, &clock), options);
    feeder.replay(&historian);
    let lost = missing(&feeder, &historian, "zeros");
    assert!((1..=16).contains(&lost), "{lost}");
    clock.advance(Duration::from_secs(61));
    historian.maintain(&ok).unwrap();
    let told = told.lock().unwrap();
    let froms = told.iter().filter_map(|trouble| match trouble {
        Trouble::Damaged { from, .. } => Some(*from as usize),
        _ => None,
    });
    assert_eq!(froms.collect::<Vec<_>>(), [last]);
}
