//! Days go into the folder once, whole, whatever happens on the way.

use crate::feed::{DAY, Feed, SECOND, START, Sample, hours, name, samples};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_archive::{Archive, Asked, Direction, Done, KeepError, Keeper, Plan};
use tagwerk_env::{Disk, SystemDisk};
use tagwerk_historian::Historian;
use tagwerk_model::TagId;
use tagwerk_testkit::simulated::{Fault, Random, SimDisk, machine};

const FOLDER: &str = "/archive";

fn archive(disk: &SimDisk) -> Arc<Archive> {
    let tell = Arc::new(|trouble: &tagwerk_archive::Trouble| panic!("{}", trouble.text));
    Archive::new(Arc::new(disk.clone()), Path::new(FOLDER), "edge-1".into(), tell)
}

fn keeper(disk: &SimDisk, historian: &Historian, keep: Option<Duration>) -> Keeper {
    Keeper::new(archive(disk), historian.clone(), Plan { tags: Arc::new(|_| true), keep })
}

fn folder() -> SimDisk {
    let disk = SimDisk::default();
    disk.create_directories(Path::new(FOLDER)).unwrap();
    disk
}

/// What the steps until nothing is left have written and removed.
fn all(keeper: &mut Keeper, now: i64) -> Result<Vec<String>, KeepError> {
    let file = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut done = Vec::new();
    loop {
        match keeper.step(now, now)? {
            Done::Wrote { path, samples } => done.push(format!("{} {samples}", file(path))),
            Done::Removed { path } => done.push(format!("removed {}", file(path))),
            Done::Nothing => return Ok(done),
        }
    }
}

fn archived(disk: &SimDisk, tag: u32) -> Vec<Sample> {
    let archive = archive(disk);
    archive.refresh().unwrap();
    let asked = Asked {
        name: name("press", &format!("tag {tag}")),
        tag: TagId(tag),
        from_unix_ns: i64::MIN,
        to_unix_ns: i64::MAX,
        direction: Direction::Forward,
        cancel: None,
    };
    archive.pieces(asked).flat_map(|piece| samples(&piece.unwrap())).collect()
}

#[test]
fn each_day_that_is_over_becomes_a_file_once() {
    let (env, _, _) = machine();
    let (mut feed, disk) = (Feed::new(&env), folder());
    feed.add_days(0, 1);
    feed.add_days(2, 3);
    feed.add(START + 3 * DAY + 1);
    let mut keeping = keeper(&disk, &feed.historian, None);
    // Of the third day not all is known to be there.
    let now = START + 3 * DAY + 2;
    assert!(matches!(keeping.step(now, START + 3 * DAY - 1).unwrap(), Done::Wrote { .. }));
    assert_eq!(keeping.step(now, START + 3 * DAY - 1).unwrap(), Done::Nothing);
    assert_eq!(all(&mut keeping, now).unwrap(), ["samples-2026-11-20.parquet 288"]);
    for tag in [1, 2] {
        let mut wanted = feed.read(tag);
        wanted.pop();
        assert_eq!(archived(&disk, tag), wanted);
    }
    let before = disk.operations();
    assert_eq!(all(&mut keeping, now).unwrap(), [""; 0]);
    assert_eq!(all(&mut keeper(&disk, &feed.historian, None), now).unwrap(), [""; 0]);
    assert_eq!(disk.operations(), before, "nothing is touched again");
}

#[test]
fn late_samples_get_a_file_of_their_own() {
    let (env, _, _) = machine();
    let (mut feed, disk) = (Feed::new(&env), folder());
    feed.add_days(0, 2);
    let now = START + 2 * DAY + 1;
    let mut keeping = keeper(&disk, &feed.historian, None);
    assert_eq!(all(&mut keeping, now).unwrap().len(), 2);
    for late in [7 * SECOND, 8 * SECOND] {
        feed.add(START + late);
    }
    assert_eq!(all(&mut keeping, now).unwrap(), [""; 0], "it looks for them every hour");
    let now = now + 3_600 * SECOND;
    let wrote = ["samples-2026-11-18.2.parquet 4"];
    assert_eq!(all(&mut keeping, now).unwrap(), wrote);
    feed.add(START + 9 * SECOND);
    // By a process that knows nothing of the one before.
    let mut keeping = keeper(&disk, &feed.historian, None);
    assert_eq!(all(&mut keeping, now).unwrap(), ["samples-2026-11-18.3.parquet 2"]);
    assert_eq!((archived(&disk, 1), archived(&disk, 2)), (feed.read(1), feed.read(2)));
}

#[test]
fn files_are_removed_when_their_time_is_over_but_a_clock_that_jumps_empties_nothing() {
    let (env, _, _) = machine();
    let (mut feed, disk) = (Feed::new(&env), folder());
    feed.add_days(0, 5);
    let mut keeping = keeper(&disk, &feed.historian, None);
    assert_eq!(all(&mut keeping, START + 5 * DAY).unwrap().len(), 5);
    let mut keeping = keeper(&disk, &feed.historian, Some(hours(72)));
    let removed = ["removed samples-2026-11-18.parquet", "removed samples-2026-11-19.parquet"];
    assert_eq!(all(&mut keeping, START + 5 * DAY).unwrap(), removed);
    let years_later = START + 20 * 365 * DAY;
    assert_eq!(all(&mut keeping, years_later).unwrap(), [""; 0]);
    assert_eq!(archived(&disk, 1).len(), 3 * 144);
}

#[test]
fn a_kill_or_a_power_cut_at_any_step_leaves_whole_files_and_all_of_them_come() {
    let (env, _, _) = machine();
    let mut feed = Feed::new(&env);
    feed.add_days(0, 3);
    let now = START + 3 * DAY;
    let count = |disk: &SimDisk| {
        all(&mut keeper(disk, &feed.historian, None), now).unwrap();
        disk.operations()
    };
    let operations = count(&folder());
    assert!(operations > 10, "{operations}");
    let mut random = Random::new(4);
    let mut stopped = 0;
    for at in 0..operations {
        for cut in [false, true] {
            let disk = folder();
            disk.fail_at(at, Fault::Stop);
            stopped += u64::from(all(&mut keeper(&disk, &feed.historian, None), now).is_err());
            match cut {
                true => disk.cut_power(&mut random),
                false => disk.kill(),
            }
            // Every file that has its name is whole.
            let whole = archived(&disk, 1);
            assert!(whole.len().is_multiple_of(144), "at {at}: {}", whole.len());
            all(&mut keeper(&disk, &feed.historian, None), now).unwrap();
            assert_eq!(archived(&disk, 1), feed.read(1), "at {at}");
            assert_eq!(archived(&disk, 2), feed.read(2), "at {at}");
            assert_eq!(disk.files(Path::new(FOLDER)).len(), 3, "nothing else stays");
        }
    }
    assert!(stopped > operations, "{stopped}");
}

#[test]
fn a_full_or_failing_disk_is_told_and_tried_again() {
    let (env, _, _) = machine();
    let (mut feed, disk) = (Feed::new(&env), folder());
    feed.add_days(0, 2);
    let now = START + 2 * DAY;
    let mut keeping = keeper(&disk, &feed.historian, None);
    disk.fail_at(disk.operations(), Fault::Full);
    let error = all(&mut keeping, now).unwrap_err();
    assert!(error.remedy().contains("free some space"), "{error}: {}", error.remedy());
    assert_eq!(
        disk.files(Path::new(FOLDER)),
        [""; 0].map(PathBuf::from),
        "the space is given back"
    );
    disk.heal();
    for at in 0..4 {
        disk.fail_at(disk.operations() + at, Fault::Io);
        all(&mut keeping, now).unwrap_err();
        disk.heal();
    }
    all(&mut keeping, now).unwrap();
    assert_eq!(archived(&disk, 1), feed.read(1));
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let (env, _, _) = machine();
    let feed = Feed::new(&env);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("share");
    let archive = Archive::new(Arc::new(SystemDisk), &folder, "edge-1".into(), Arc::new(|_| {}));
    let plan = Plan { tags: Arc::new(|_| true), keep: None };
    let mut keeping = Keeper::new(archive, feed.historian.clone(), plan);
    let error = keeping.step(START, START).unwrap_err();
    assert!(matches!(error, KeepError::NoFolder { .. }), "{error}");
    assert!(!folder.exists());
}
