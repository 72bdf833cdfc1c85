//! The folder as those see it who read: one sequence of samples out of files and history.

use crate::feed::{DAY, START, Sample, name, numbers, samples};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tagwerk_archive::{Archive, Asked, Direction, Trouble, image, union};
use tagwerk_env::{Access, Disk};
use tagwerk_historian::Piece;
use tagwerk_model::TagId;
use tagwerk_testkit::simulated::SimDisk;

const FOLDER: &str = "/archive";

fn merged(first: &[&[i64]], second: &[&[i64]], direction: Direction) -> Vec<i64> {
    let pieces = |lists: &[&[i64]]| -> Vec<Result<Piece, ()>> {
        let mut all: Vec<Piece> = lists.iter().map(|times| numbers(1, times)).collect();
        if direction == Direction::Backward {
            all.reverse();
            all.iter_mut().for_each(Piece::reverse);
        }
        all.into_iter().map(Ok).collect()
    };
    let both = union(pieces(first).into_iter(), pieces(second).into_iter(), direction);
    let mut times: Vec<i64> = both.flat_map(|piece| piece.unwrap().times).collect();
    if direction == Direction::Backward {
        times.reverse();
    }
    times
}

/// Two stocks of pieces, and the times of both together.
type Union = (&'static [&'static [i64]], &'static [&'static [i64]], &'static [i64]);

#[test]
fn a_union_has_every_time_once() {
    let cases: [Union; 8] = [
        (&[], &[], &[]),
        (&[&[1, 2]], &[], &[1, 2]),
        (&[], &[&[1], &[2]], &[1, 2]),
        (&[&[5, 6]], &[&[1, 2], &[3]], &[1, 2, 3, 5, 6]),
        (&[&[1, 2, 3]], &[&[1, 2, 3]], &[1, 2, 3]),
        (&[&[1, 3], &[5]], &[&[1, 2, 3, 4], &[5, 6]], &[1, 2, 3, 4, 5, 6]),
        (&[&[1], &[2, 9]], &[&[2, 3], &[9]], &[1, 2, 3, 9]),
        // Two samples of one time in the first stay two.
        (&[&[1, 1], &[1, 4]], &[&[1], &[1, 2]], &[1, 1, 1, 2, 4]),
    ];
    for (first, second, wanted) in cases {
        assert_eq!(merged(first, second, Direction::Forward), wanted);
        assert_eq!(merged(first, second, Direction::Backward), wanted);
    }
}

struct Rig {
    disk: SimDisk,
    archive: Arc<Archive>,
    troubles: Arc<Mutex<Vec<Trouble>>>,
}

fn rig() -> Rig {
    let disk = SimDisk::default();
    disk.create_directories(Path::new(FOLDER)).unwrap();
    let troubles: Arc<Mutex<Vec<Trouble>>> = Arc::default();
    let told = troubles.clone();
    let tell = Arc::new(move |trouble: &Trouble| told.lock().unwrap().push(trouble.clone()));
    let archive = Archive::new(Arc::new(disk.clone()), Path::new(FOLDER), "edge-1".into(), tell);
    Rig { disk, archive, troubles }
}

impl Rig {
    fn put(&self, file: &str, bytes: &[u8]) -> PathBuf {
        let path = Path::new(FOLDER).join(file);
        let file = self.disk.open(&path, Access::CreateNew).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        path
    }

    fn put_day(&self, file: &str, times: &[i64]) -> PathBuf {
        let tags =
            [(name("press", "a"), numbers(1, times)), (name("press", "b"), numbers(2, times))];
        self.put(file, &image("edge-1", &tags).unwrap())
    }

    fn read(&self, from: i64, to: i64, direction: Direction) -> Vec<Sample> {
        let asked = Asked {
            name: name("press", "b"),
            tag: TagId(9),
            from_unix_ns: from,
            to_unix_ns: to,
            direction,
            cancel: None,
        };
        self.archive.pieces(asked).flat_map(|piece| samples(&piece.unwrap())).collect()
    }

    fn times(&self) -> Vec<i64> {
        self.read(i64::MIN, i64::MAX, Direction::Forward).into_iter().map(|s| s.0).collect()
    }
}

#[test]
fn days_and_their_parts_read_as_one_in_both_directions() {
    let rig = rig();
    rig.put_day("samples-2026-11-18.parquet", &[START, START + 5, START + 9]);
    rig.put_day("samples-2026-11-18.2.parquet", &[START + 3, START + 7]);
    rig.put_day("samples-2026-11-20.parquet", &[START + 2 * DAY]);
    rig.archive.refresh().unwrap();
    let all = [0, 3, 5, 7, 9, 2 * DAY].map(|time| START + time);
    assert_eq!(rig.times(), all);
    let mut backward = rig.read(i64::MIN, i64::MAX, Direction::Backward);
    backward.reverse();
    assert_eq!(backward, rig.read(i64::MIN, i64::MAX, Direction::Forward));
    let part = rig.read(START + 3, START + 9, Direction::Forward);
    assert_eq!(part.iter().map(|s| s.0 - START).collect::<Vec<_>>(), [3, 5, 7]);
    assert!(rig.archive.reaches_into(START, START + 1));
    assert!(!rig.archive.reaches_into(START + DAY, START + 2 * DAY));
    assert_eq!(rig.archive.tags().len(), 2);
    assert_eq!(*rig.troubles.lock().unwrap(), []);
}

#[test]
fn what_is_damaged_or_foreign_is_left_out_and_told_once() {
    let rig = rig();
    rig.put_day("samples-2026-11-18.parquet", &[START]);
    let broken = rig.put_day("samples-2026-11-19.parquet", &[START + DAY]);
    rig.put("samples-2026-11-20.parquet", b"not at all");
    let other = image("edge-2", &[(name("press", "b"), numbers(1, &[START + 3 * DAY]))]).unwrap();
    rig.put("samples-2026-11-21.parquet", &other);
    rig.put("notes.txt", b"of the operator");
    rig.put("samples-2026-02-30.parquet", b"no day");
    rig.put(".samples-2026-11-22.parquet.new", b"half");
    rig.archive.refresh().unwrap();
    // Good when it was found, and damaged afterwards.
    rig.disk.alter(&broken, |bytes| bytes[100] ^= 1);
    for _ in 0..3 {
        rig.archive.refresh().unwrap();
        assert_eq!(rig.times(), [START]);
    }
    let troubles = rig.troubles.lock().unwrap();
    let texts: Vec<&str> = troubles.iter().map(|trouble| trouble.text.as_str()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("2026-11-20") && texts[0].contains("no Parquet"), "{texts:?}");
    assert!(texts[1].contains("`edge-2`"), "{texts:?}");
    assert!(texts[2].contains("2026-11-19") && texts[2].contains("checksum"), "{texts:?}");
}

#[test]
fn files_that_are_gone_are_missed() {
    let rig = rig();
    let gone = rig.put_day("samples-2026-11-18.parquet", &[START]);
    rig.put_day("samples-2026-11-19.parquet", &[START + DAY]);
    rig.archive.refresh().unwrap();
    rig.disk.remove(&gone).unwrap();
    assert_eq!(rig.times(), [START + DAY]);
    rig.archive.refresh().unwrap();
    rig.archive.refresh().unwrap();
    let troubles = rig.troubles.lock().unwrap();
    assert_eq!(troubles.len(), 1);
    assert!(troubles[0].text.starts_with("1 archived files are gone"), "{:?}", troubles[0]);
}
