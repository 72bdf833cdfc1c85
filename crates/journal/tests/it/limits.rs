//! What is bounded: quarantine, backlogs, age; the reserve; and a disk that lets nothing be written.

use crate::basics::set;
use crate::crash::{FOLDER, small_options};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Clock;
use tagwerk_journal::{
    Acknowledged, AppendError, BacklogLimit, Cursor, Full, GapReason, Item, Journal, Options,
    ReaderFilter, Span, Stream,
};
use tagwerk_testkit::simulated::{HandClock, SimDisk, env, machine};

const HOUR: Duration = Duration::from_secs(3_600);

fn open(disk: &SimDisk, clock: &Arc<HandClock>, options: &Options) -> Journal {
    Journal::open(&env(disk, clock), Path::new(FOLDER), options.clone()).unwrap().0
}

fn append(journal: &Journal, clock: &HandClock, bytes: usize) -> Result<Span, AppendError> {
    journal.append_block(Stream::Samples, &set(1, &[1, 2]), 2, clock.now(), &vec![7; bytes])
}

/// Gaps of samples: the reader, its numbers, the reason.
fn gaps(journal: &Journal) -> Vec<(Option<String>, Span, GapReason)> {
    let mut reader = journal.reader(Stream::Record, 0, ReaderFilter::default());
    let mut found = Vec::new();
    while let Some(item) = reader.try_next() {
        if let Item::Gap { gap, .. } = item {
            found.push((gap.reader, gap.span, gap.reason));
        }
    }
    found
}

fn in_quarantine(disk: &SimDisk) -> (usize, usize) {
    let files = disk.files(&Path::new(FOLDER).join("quarantine"));
    (files.len(), files.iter().map(|path| disk.length(path)).sum())
}

#[test]
fn quarantine_keeps_the_newest_within_its_limit() {
    let (_, disk, clock) = machine();
    let options = Options { quarantine_bytes_max: 5_000, ..small_options() };
    let mut newest = Vec::new();
    for start in 0..12u8 {
        let journal = open(&disk, &clock, &options);
        let payload = vec![start + 1; 1_000];
        journal.append_block(Stream::Samples, &set(1, &[1]), 1, clock.now(), &payload).unwrap();
        append(&journal, &clock, 10).unwrap();
        Stream::ALL.into_iter().for_each(|stream| journal.commit(stream).unwrap());
        drop(journal);
        disk.kill();
        // The newest segment loses a byte in its middle.
        let path = disk.files(&Path::new(FOLDER).join("samples")).pop().unwrap();
        disk.alter(&path, |bytes| {
            let at = bytes.windows(900).position(|w| w == vec![start + 1; 900]).unwrap();
            bytes[at] ^= 0x80;
        });
        newest = vec![start + 1; 900];
    }
    open(&disk, &clock, &options);
    let (files, bytes) = in_quarantine(&disk);
    assert!((2..=4).contains(&files) && bytes <= 5_000, "{files} files, {bytes} bytes");
    let last = disk.files(&Path::new(FOLDER).join("quarantine")).pop().unwrap();
    let mut held = Vec::new();
    disk.alter(&last, |bytes| held = bytes.clone());
    assert!(held.windows(900).any(|window| window == newest), "{}", last.display());
}

#[test]
fn the_reserve_lets_the_record_go_on_and_comes_back() {
    let (_, disk, clock) = machine();
    let mut options = Options { reserve_bytes: 40 * 1024, ..small_options() };
    (options.samples.full, options.outputs.full) = (Full::Newest, Full::Newest);
    let journal = open(&disk, &clock, &options);
    assert!(journal.holds_reserve());
    for _ in 0..20 {
        append(&journal, &clock, 1_000).unwrap();
    }
    disk.fill(0);
    let refused = (0..40).find_map(|_| append(&journal, &clock, 1_000).err());
    assert!(matches!(refused, Some(AppendError::Full { .. })), "{refused:?}");
    for _ in 0..10 {
        journal.append_record(5, &[1; 1_000]).unwrap();
    }
    assert!(!journal.holds_reserve());
    // While there is no room it stays away.
    journal.observe_clock();
    assert!(!journal.holds_reserve());
    disk.empty();
    journal.observe_clock();
    assert!(journal.holds_reserve());
    append(&journal, &clock, 1_000).unwrap();
    // For the configuration, which is not the journal's.
    assert!(journal.release_reserve());
    assert!(!journal.release_reserve());
    journal.close().unwrap();
    drop(journal);
    assert!(open(&disk, &clock, &options).holds_reserve());
}

#[test]
fn a_disk_that_is_read_only_is_read_and_written_again_later() {
    for clean in [true, false] {
        let (_, disk, clock) = machine();
        let journal = open(&disk, &clock, &small_options());
        for _ in 0..10 {
            append(&journal, &clock, 500).unwrap();
        }
        journal.commit(Stream::Samples).unwrap();
        if clean {
            journal.close().unwrap();
        }
        drop(journal);
        disk.kill();
        disk.set_read_only(true);
        let (journal, opened) =
            Journal::open(&env(&disk, &clock), Path::new(FOLDER), small_options()).unwrap();
        assert!(opened.read_only);
        let count = |journal: &Journal| {
            let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
            std::iter::from_fn(|| reader.try_next()).filter(|i| matches!(i, Item::Block(_))).count()
        };
        assert_eq!(count(&journal), 10, "clean {clean}");
        assert!(matches!(append(&journal, &clock, 10), Err(AppendError::Io { .. })));
        assert!(journal.append_record(1, b"x").is_err());
        disk.set_read_only(false);
        assert_eq!(append(&journal, &clock, 500).unwrap().from, 20);
        journal.commit(Stream::Samples).unwrap();
        assert_eq!(count(&journal), 11);
        drop(journal);
        disk.cut_power_losing_all();
        assert_eq!(count(&open(&disk, &clock, &small_options())), 11, "clean {clean}");
    }
}

#[test]
fn an_empty_disk_that_is_read_only_opens() {
    let (_, disk, clock) = machine();
    disk.set_read_only(true);
    let journal = open(&disk, &clock, &small_options());
    assert!(append(&journal, &clock, 10).is_err());
    assert_eq!(journal.end(Stream::Samples), 0);
}

#[test]
fn a_backlog_beyond_its_bytes_is_given_up_with_a_gap_for_each_hole() {
    let (_, disk, clock) = machine();
    let journal = open(&disk, &clock, &small_options());
    let mut cursor = Cursor::new(Stream::Samples, 0);
    journal.save_cursor("slow", &cursor).unwrap();
    assert_eq!(cursor.acknowledge(Span { from: 4, to: 8 }), Acknowledged::Kept);
    for _ in 0..60 {
        append(&journal, &clock, 1_000).unwrap();
    }
    journal.save_cursor("slow", &cursor).unwrap();
    let limit = |bytes| BacklogLimit { bytes_max: Some(bytes), age_max: None };
    assert_eq!(journal.limit_backlog("slow", &limit(1 << 20)).unwrap(), None);
    assert_eq!(journal.limit_backlog("nobody", &limit(1)).unwrap(), None);
    let given_up = journal.limit_backlog("slow", &limit(30_000)).unwrap().unwrap();
    assert_eq!(journal.limit_backlog("slow", &limit(30_000)).unwrap(), None);
    // Frames are 1,048 bytes, of two samples; of 27,000 bytes some are descriptions.
    assert!((60..=76).contains(&given_up.to) && given_up.to.is_multiple_of(2), "{given_up:?}");
    let slow = Some("slow".to_owned());
    let holes = [Span { from: 0, to: 4 }, Span { from: 8, to: given_up.to }];
    let wanted = holes.map(|span| (slow.clone(), span, GapReason::Backlog));
    assert_eq!(gaps(&journal), wanted);
    assert_eq!(journal.cursor("slow").unwrap().next(), given_up.to);
    drop(journal);
    disk.kill();
    let journal = open(&disk, &clock, &small_options());
    assert_eq!(journal.cursor("slow").unwrap().next(), given_up.to);
    let mut reader = journal.reader(Stream::Samples, given_up.to, ReaderFilter::default());
    assert!(matches!(reader.try_next(), Some(Item::Block(b)) if b.span.from == given_up.to));
}

#[test]
fn a_backlog_beyond_its_age_is_given_up() {
    let (_, disk, clock) = machine();
    let journal = open(&disk, &clock, &small_options());
    journal.save_cursor("slow", &Cursor::new(Stream::Samples, 0)).unwrap();
    for _ in 0..48 {
        append(&journal, &clock, 1_000).unwrap();
        clock.advance(HOUR);
    }
    let limit = BacklogLimit { bytes_max: None, age_max: Some(12 * HOUR) };
    // A step of the wall clock makes nothing older.
    clock.set_wall(i64::MAX / 2, true);
    journal.observe_clock();
    let given_up = journal.limit_backlog("slow", &limit).unwrap().unwrap();
    assert_eq!(given_up, Span { from: 0, to: 72 });
    assert_eq!(journal.limit_backlog("slow", &limit).unwrap(), None);
}

#[test]
fn segments_go_by_age_and_never_by_a_wrong_clock() {
    let (_, disk, clock) = machine();
    let mut options = small_options();
    options.samples.age_max = Some(24 * HOUR);
    let journal = open(&disk, &clock, &options);
    clock.set_wall(1_700_000_000_000_000_000, true);
    journal.observe_clock();
    for _ in 0..100 {
        append(&journal, &clock, 10).unwrap();
        clock.advance(HOUR);
        journal.observe_clock();
    }
    // Segments end every three hours and a little, so a day is kept and not much more.
    let oldest = journal.oldest(Stream::Samples);
    assert!((140..=152).contains(&oldest), "{oldest}");
    journal.close().unwrap();
    drop(journal);
    // Twenty years ahead after the start of the machine, and back in 1970: nothing is older than the
    // machine has been running for.
    for wall in [2_400_000_000_000_000_000, 0] {
        clock.reboot();
        clock.set_wall(wall, false);
        let journal = open(&disk, &clock, &options);
        journal.observe_clock();
        assert_eq!(journal.oldest(Stream::Samples), oldest);
        journal.close().unwrap();
    }
    clock.advance(HOUR / 60);
    // A clock that is right says how long the machine was off.
    clock.set_wall(1_700_000_000_000_000_000 + 110 * HOUR.as_nanos() as i64, true);
    let journal = open(&disk, &clock, &options);
    journal.observe_clock();
    let now = journal.oldest(Stream::Samples);
    assert!(now > oldest && now < 200, "{now}");
}
