//! Every byte of a small store is flipped and every length cut; what is damaged may be lost, the
//! rest is served, and nothing wrong ever is.

use crate::basics::set;
use crate::crash::{FOLDER, small_options};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_journal::{Cursor, Item, Journal, MissingReason, Moment, ReaderFilter, Span, Stream};
use tagwerk_testkit::simulated::{HandClock, SimDisk, env};

struct Store {
    disk: SimDisk,
    clock: Arc<HandClock>,
    wanted: BTreeMap<(Stream, u64), Vec<u8>>,
}

/// Two small segments of samples, one of record.
fn store(clean: bool) -> Store {
    let (disk, clock) = (SimDisk::default(), HandClock::new());
    let mut wanted = BTreeMap::new();
    for life in 0..2u8 {
        let env = env(&disk, &clock);
        let (journal, _) = Journal::open(&env, Path::new(FOLDER), small_options()).unwrap();
        for n in 0..6u8 {
            let payload = vec![life * 10 + n + 1; 20 + n as usize];
            let set = set(1 + n as u32 % 2, &[n as u32]);
            let span = journal.append_block(Stream::Samples, &set, 3, Moment(1), &payload).unwrap();
            wanted.insert((Stream::Samples, span.from), payload);
        }
        let payload = vec![0xAA + life; 30];
        let seq = journal.append_record(1, &payload).unwrap();
        wanted.insert((Stream::Record, seq), payload);
        journal.save_cursor("sink", &Cursor::new(Stream::Samples, 3)).unwrap();
        if clean || life == 0 {
            journal.close().unwrap();
        } else {
            for stream in Stream::ALL {
                journal.commit(stream).unwrap();
            }
        }
        drop(journal);
        disk.kill();
    }
    Store { disk, clock, wanted }
}

/// Opens the damaged store; returns how many of the wanted items are gone.
fn check(store: &Store, path: &Path, damage: impl FnOnce(&mut Vec<u8>), context: &str) -> usize {
    let disk = store.disk.fork();
    disk.alter(path, damage);
    let env = env(&disk, &store.clock);
    let opened = Journal::open(&env, Path::new(FOLDER), small_options());
    let (journal, _) = opened.unwrap_or_else(|error| panic!("{context}: {error}"));
    let mut served = 0;
    for stream in Stream::ALL {
        let mut reader = journal.reader(stream, 0, ReaderFilter::default());
        let mut position = 0;
        while let Some(item) = reader.try_next() {
            let (from, payload) = match &item {
                Item::Block(block) => {
                    assert_eq!(block.set.dictionary, vec![block.set.id as u8; 20], "{context}");
                    (block.span.from, &block.payload)
                }
                Item::Record(record) => (record.seq, &record.payload),
                Item::Gap { seq, .. } => {
                    position = seq + 1;
                    continue;
                }
                Item::Missing { span, .. } => {
                    assert_eq!(span.from, position, "{context}");
                    position = span.to;
                    continue;
                }
            };
            assert_eq!(from, position, "{context}: {stream} hides a loss");
            position = reader.position();
            assert_eq!(store.wanted.get(&(stream, from)), Some(&payload.to_vec()), "{context}");
            served += 1;
        }
        assert!(position <= journal.end(stream), "{context}");
    }
    let again = journal.append_block(Stream::Samples, &set(1, &[1]), 1, Moment(1), b"on").unwrap();
    // Where no trace of the number is left, the epoch tells the two apart.
    let reused = store.wanted.contains_key(&(Stream::Samples, again.from));
    assert!(!reused || journal.epoch() > 1, "{context}: number reused");
    store.wanted.len() - served
}

fn segments(store: &Store) -> Vec<PathBuf> {
    let mut files = store.disk.files(Path::new(FOLDER));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files
}

#[test]
fn a_flipped_byte_costs_at_most_its_frame() {
    for clean in [true, false] {
        let store = store(clean);
        for path in segments(&store) {
            for at in 0..store.disk.length(&path) {
                let context = format!("{} byte {at} clean {clean}", path.display());
                let lost = check(&store, &path, |bytes| bytes[at] ^= 0x41, &context);
                assert!(lost <= 1, "{context}: lost {lost}");
            }
        }
    }
}

#[test]
fn a_bad_middle_is_set_aside_and_counted_once() {
    let store = store(false);
    let path = Path::new(FOLDER).join("samples/00000000000000000018-0000000001.seg");
    let needle = [14; 23];
    let mut found = None;
    store.disk.alter(&path, |bytes| {
        let at = bytes.windows(23).position(|window| window == needle).unwrap();
        bytes[at + 5] ^= 1;
        found = Some(at);
    });
    let env = env(&store.disk, &store.clock);
    for start in 0..4 {
        let (journal, opened) = Journal::open(&env, Path::new(FOLDER), small_options()).unwrap();
        assert!(!opened.clean);
        if start > 0 {
            assert_eq!((opened.gaps.len(), opened.quarantined.len()), (0, 0), "start {start}");
            continue;
        }
        let gap = &opened.gaps[..];
        assert!(matches!(gap, [gap] if gap.span == Span { from: 27, to: 30 }), "{opened:?}");
        // The whole frame, its header included.
        assert_eq!(store.disk.length(&opened.quarantined[0]), 48 + 23);
        let mut reader = journal.reader(Stream::Samples, 24, ReaderFilter::default());
        assert!(matches!(reader.try_next(), Some(Item::Block(_))));
        let Some(Item::Missing { span, reason }) = reader.try_next() else { panic!() };
        assert_eq!((span, reason), (Span { from: 27, to: 30 }, MissingReason::Damaged));
        assert!(matches!(reader.try_next(), Some(Item::Block(_))));
    }
}

#[test]
fn a_zeroed_sector_never_serves_anything_wrong() {
    let store = store(false);
    for path in segments(&store) {
        for sector in 0..store.disk.length(&path).div_ceil(512) {
            let context = format!("{} sector {sector}", path.display());
            let zero = |bytes: &mut Vec<u8>| {
                let end = bytes.len().min(sector * 512 + 512);
                bytes[sector * 512..end].fill(0);
            };
            check(&store, &path, zero, &context);
        }
    }
}

#[test]
fn a_file_of_any_length_opens() {
    let store = store(true);
    for path in segments(&store) {
        for length in 0..store.disk.length(&path) {
            let context = format!("{} cut to {length}", path.display());
            check(&store, &path, |bytes| bytes.truncate(length), &context);
        }
    }
}
