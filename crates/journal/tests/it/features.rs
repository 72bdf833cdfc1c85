//! Filters, retention, cursors, clocks, group commit: one behaviour per test.

use crate::basics::set;
use crate::crash::{FOLDER, small_options};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_journal::{
    Acknowledged, AppendError, CommitBy, CommitError, Cursor, Durability, Full, Gap, GapReason,
    Item, Journal, MissingReason, Moment, OpenError, Opened, Options, Reader, ReaderFilter, Span,
    Stream, TagSet,
};
use tagwerk_testkit::simulated::{Fault, HandClock, SimDisk, env, machine};

fn open_with(disk: &SimDisk, clock: &Arc<HandClock>, options: Options) -> (Journal, Opened) {
    Journal::open(&env(disk, clock), Path::new(FOLDER), options).unwrap()
}

fn open(disk: &SimDisk, clock: &Arc<HandClock>) -> (Journal, Opened) {
    open_with(disk, clock, small_options())
}

fn append(journal: &Journal, id: u32, bytes: usize) -> Span {
    let set = set(id, &[id * 10, id * 10 + 1]);
    let moment = Moment(1_000);
    journal.append_block(Stream::Samples, &set, 2, moment, &vec![id as u8; bytes]).unwrap()
}

fn drain(mut reader: Reader) -> Vec<Item> {
    std::iter::from_fn(|| reader.try_next()).collect()
}

fn all(journal: &Journal, stream: Stream) -> Vec<Item> {
    drain(journal.reader(stream, 0, ReaderFilter::default()))
}

fn gaps(journal: &Journal) -> Vec<Gap> {
    let items = all(journal, Stream::Record).into_iter();
    let gap = |item| match item {
        Item::Gap { gap, .. } => Some(gap),
        _ => None,
    };
    items.filter_map(gap).collect()
}

#[test]
fn a_second_opener_is_told_which_folder() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    let second = Journal::open(&env(&disk, &clock), Path::new(FOLDER), small_options());
    let Err(error @ OpenError::InUse { .. }) = second else { panic!("opened twice") };
    assert!(error.to_string().contains(FOLDER), "{error}");
    journal.close().unwrap();
    open(&disk, &clock);
}

#[test]
fn the_epoch_changes_exactly_after_an_unclean_end() {
    let (_, disk, clock) = machine();
    for (close, expected) in [(true, 1), (true, 1), (false, 1), (true, 2), (false, 2), (false, 3)] {
        let (journal, opened) = open(&disk, &clock);
        assert_eq!((journal.epoch(), opened.epoch), (expected, expected));
        append(&journal, 1, 10);
        if close {
            journal.close().unwrap();
        }
        drop(journal);
        disk.kill();
    }
    let (journal, _) = open(&disk, &clock);
    assert_eq!(journal.end(Stream::Samples), 12);
    assert_eq!(all(&journal, Stream::Samples).len(), 6);
}

#[test]
fn repeated_starts_without_data_do_not_pile_up_files() {
    let (_, disk, clock) = machine();
    for n in 0..20 {
        let (journal, _) = open(&disk, &clock);
        if n % 2 == 0 {
            journal.close().unwrap();
        }
    }
    assert!(disk.files(Path::new(FOLDER)).len() <= 6, "{:?}", disk.files(Path::new(FOLDER)));
}

#[test]
fn a_cursor_ahead_of_the_disk_makes_the_sequence_jump() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    append(&journal, 1, 10);
    journal.commit(Stream::Samples).unwrap();
    append(&journal, 1, 10);
    journal.save_cursor("hub", &Cursor::new(Stream::Samples, 4)).unwrap();
    journal.commit(Stream::Record).unwrap();
    drop(journal);
    // Of the unsynced block nothing arrives.
    disk.cut_power_losing_all();
    let (journal, opened) = open(&disk, &clock);
    let span = Span { from: 2, to: 4 };
    let gap = Gap { stream: Stream::Samples, span, reader: None, reason: GapReason::Unclean };
    assert_eq!(opened.gaps, vec![gap.clone()]);
    assert_eq!(gaps(&journal), vec![gap]);
    assert_eq!(append(&journal, 1, 10).from, 4);
    let items = all(&journal, Stream::Samples);
    assert!(
        matches!(&items[1], Item::Missing { span: s, reason: MissingReason::Unclean } if *s == span)
    );
}

#[test]
fn a_filtered_reader_covers_what_it_does_not_deliver() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    for n in 0..40 {
        append(&journal, 1 + n % 2, 400);
    }
    let wanted = |set: &TagSet| set.tags.contains(&20);
    let filter = ReaderFilter { tags: Some(Arc::new(wanted)) };
    let mut reader = journal.reader(Stream::Samples, 0, filter);
    let mut covered = 0;
    while let Some(item) = reader.try_next() {
        let Item::Block(block) = item else { panic!("{item:?}") };
        assert_eq!((block.set.id, block.span.from), (2, covered + 2));
        covered = reader.position();
    }
    assert_eq!(covered, 80);
}

#[tokio::test]
async fn a_waiting_reader_wakes_and_the_end_is_the_close() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
    let waiting = tokio::spawn(async move {
        let mut spans = Vec::new();
        while let Some(item) = reader.next().await {
            spans.push(item);
        }
        spans.len()
    });
    tokio::task::yield_now().await;
    for _ in 0..10 {
        append(&journal, 1, 900);
        tokio::task::yield_now().await;
    }
    journal.close().unwrap();
    assert_eq!(waiting.await.unwrap(), 10);
    assert!(matches!(journal.append_record(1, b""), Err(AppendError::Closed)));
}

#[test]
fn retention_moves_cursors_with_a_gap_and_leaves_record_alone() {
    let (_, disk, clock) = machine();
    let mut options = small_options();
    options.samples.bytes_max = 40 * 1024;
    let (journal, _) = open_with(&disk, &clock, options.clone());
    let alarm = journal.append_record(5, b"alarm").unwrap();
    append(&journal, 1, 1000);
    let mut cursor = Cursor::new(Stream::Samples, 0);
    assert_eq!(cursor.acknowledge(Span { from: 0, to: 2 }), Acknowledged::Kept);
    journal.save_cursor("slow", &cursor).unwrap();
    for _ in 0..100 {
        append(&journal, 1, 1000);
    }
    let oldest = journal.oldest(Stream::Samples);
    assert!(oldest > 2);
    assert_eq!(journal.cursor("slow").unwrap().next(), oldest);
    let stats = journal.stats().samples;
    assert_eq!(stats.dropped, oldest);
    assert!(stats.bytes <= 40 * 1024, "{stats:?}");
    let gaps = gaps(&journal);
    assert!(gaps.iter().all(|gap| gap.reader.as_deref() == Some("slow")));
    assert_eq!(gaps.first().unwrap().span.from, 2);
    assert_eq!(gaps.last().unwrap().span.to, oldest);
    assert!(gaps.windows(2).all(|pair| pair[0].span.to == pair[1].span.from));
    let first = all(&journal, Stream::Samples).remove(0);
    let span = Span { from: 0, to: oldest };
    assert_eq!(first, Item::Missing { span, reason: MissingReason::Retention });
    let mut found = false;
    journal.records(&mut |item| {
        found |= matches!(&item, Item::Record(record) if record.seq == alarm);
        ControlFlow::Continue(())
    });
    assert!(found);
}

#[test]
fn cursors_outlive_any_number_of_record_segments() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    append(&journal, 1, 10);
    let mut early = Cursor::new(Stream::Samples, 0);
    assert_eq!(early.acknowledge(Span { from: 1, to: 2 }), Acknowledged::Kept);
    journal.save_cursor("early", &early).unwrap();
    journal.save_cursor("gone", &early).unwrap();
    journal.remove_cursor("gone").unwrap();
    for _ in 0..300 {
        journal.append_record(1, &[0; 1000]).unwrap();
    }
    assert!(journal.oldest(Stream::Record) > 0);
    drop(journal);
    disk.kill();
    let (journal, _) = open(&disk, &clock);
    let found = journal.cursor("early").unwrap();
    assert_eq!((found.next(), found.ranges()), (0, early.ranges()));
    assert_eq!(journal.cursors().len(), 1);
}

#[test]
fn limits_are_errors() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    let big = vec![0; 9000];
    assert!(matches!(journal.append_record(1, &big), Err(AppendError::Limit { .. })));
    let ahead = Cursor::new(Stream::Samples, 1);
    assert!(matches!(journal.save_cursor("a", &ahead), Err(AppendError::Limit { .. })));
    let cursor = Cursor::new(Stream::Samples, 0);
    assert!(matches!(journal.save_cursor("", &cursor), Err(AppendError::Limit { .. })));
    for n in 0..256 {
        journal.save_cursor(&format!("c{n}"), &cursor).unwrap();
    }
    assert!(matches!(journal.save_cursor("more", &cursor), Err(AppendError::Limit { .. })));
    let none = journal.append_block(Stream::Samples, &set(1, &[]), 0, Moment(0), b"");
    assert!(matches!(none, Err(AppendError::Limit { .. })));
}

#[test]
fn a_late_time_sync_stamps_what_came_before_it_also_after_a_restart() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    append(&journal, 1, 10);
    clock.advance(Duration::from_secs(5));
    let synced_ns = 1_700_000_000_000_000_000;
    clock.set_wall(synced_ns, true);
    journal.observe_clock();
    // The block's moment is 1 µs of a clock that now stands at 5 s + 1 µs.
    let expected = (synced_ns - 5_000_000_000, true);
    for restarted in [false, true] {
        let journal = if restarted { open(&disk, &clock).0 } else { journal.clone() };
        let Item::Block(block) = all(&journal, Stream::Samples).remove(0) else { panic!() };
        assert_eq!((block.unix_ns, block.synchronised), expected, "restarted {restarted}");
        let mut found = 0;
        let (from, to) = (expected.0 - 1, expected.0 + 1);
        journal.look_back(10, from, to, &mut |_| {
            found += 1;
            ControlFlow::Continue(())
        });
        journal.look_back(99, from, to, &mut |_| panic!("another tag"));
        journal.look_back(10, from - 10, from, &mut |_| panic!("another time"));
        assert_eq!(found, 1);
        if !restarted {
            disk.kill();
            clock.reboot();
        }
    }
}

#[tokio::test]
async fn waiters_share_a_sync_and_a_failure_reaches_them() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    let last = (0..50).map(|_| append(&journal, 1, 10).last()).max().unwrap();
    let before = disk.syncs();
    for seq in 0..=last {
        journal.durable(Stream::Samples, seq).await.unwrap();
    }
    assert_eq!(disk.syncs(), before + 1);
    let never = journal.durable(Stream::Samples, last + 1).await;
    assert!(matches!(never, Err(CommitError::NotWritten { .. })), "{never:?}");

    let span = append(&journal, 1, 10);
    disk.fail_at(disk.operations(), Fault::Io);
    let failed = journal.durable(Stream::Samples, span.last()).await;
    assert!(matches!(failed, Err(CommitError::Failed { .. })), "{failed:?}");
    journal.durable(Stream::Samples, span.last()).await.unwrap();
    assert_eq!(journal.stats().samples.sync_failures, 1);
    assert!(!journal.stats().samples.failing);
    drop(journal);
    disk.cut_power_losing_all();
    let (journal, _) = open(&disk, &clock);
    assert_eq!(all(&journal, Stream::Samples).len(), 51);
}

#[tokio::test]
async fn the_commit_thread_answers_and_strict_appends_are_durable() {
    let (_, disk, clock) = machine();
    let mut options = Options { commit_by: CommitBy::Thread, ..small_options() };
    options.outputs.durability = Durability::Strict;
    let (journal, _) = open_with(&disk, &clock, options);
    let span = append(&journal, 1, 10);
    journal.durable(Stream::Samples, span.last()).await.unwrap();
    assert!(journal.committed(Stream::Samples) >= span.to);
    let span = journal.append_block(Stream::Outputs, &set(1, &[1]), 1, Moment(1), b"x").unwrap();
    assert_eq!(journal.committed(Stream::Outputs), span.to);
}

#[test]
fn an_epoch_is_durable_before_anything_is_appended_in_it() {
    let (_, disk, clock) = machine();
    for expected in 1..6 {
        let (journal, _) = open(&disk, &clock);
        assert_eq!(journal.epoch(), expected);
        append(&journal, 1, 10);
        drop(journal);
        disk.cut_power_losing_all();
    }
}

#[test]
fn the_last_durable_trace_of_the_sequence_is_not_dropped() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    append(&journal, 1, 1000);
    journal.commit(Stream::Samples).unwrap();
    let first = journal.stats().samples.segments;
    // A second segment, of which nothing is durable, fills while the disk is full.
    while journal.stats().samples.segments == first {
        append(&journal, 1, 1000);
    }
    disk.fail_at(disk.operations(), Fault::Full);
    let set = set(1, &[1]);
    while journal.append_block(Stream::Samples, &set, 1, Moment(1), &[1; 1000]).is_ok() {}
    assert!(journal.oldest(Stream::Samples) > 0);
    let committed = journal.committed(Stream::Samples);
    drop(journal);
    disk.cut_power_keeping_removals();
    assert!(open(&disk, &clock).0.end(Stream::Samples) >= committed);
}

#[tokio::test]
async fn a_saved_cursor_is_durable_after_a_flush() {
    for commit_by in [CommitBy::Thread, CommitBy::Caller] {
        let (_, disk, clock) = machine();
        let options = Options { commit_by, ..small_options() };
        let (journal, _) = open_with(&disk, &clock, options);
        append(&journal, 1, 10);
        journal.save_cursor("hub", &Cursor::new(Stream::Samples, 2)).unwrap();
        journal.flush(Stream::Record).await.unwrap();
        drop(journal);
        disk.cut_power_losing_all();
        assert_eq!(open(&disk, &clock).0.cursor("hub").unwrap().next(), 2);
    }
}

#[test]
fn record_goes_on_when_the_disk_is_full_at_the_expense_of_samples() {
    let (_, disk, clock) = machine();
    let (journal, _) = open(&disk, &clock);
    for _ in 0..40 {
        append(&journal, 1, 1000);
    }
    journal.commit(Stream::Samples).unwrap();
    disk.fill(2 * 8 * 1024);
    for n in 0..40 {
        assert_eq!(journal.append_record(1, &[0; 500]).unwrap(), n);
    }
    assert_eq!(journal.oldest(Stream::Record), 0);
    assert!(journal.stats().samples.dropped > 0);
    assert!(journal.stats().record.full > 0);
}

/// Several writers, a quick reader, a slow one and retention at once, on the machine's own disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_readers_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = small_options();
    options.commit_by = CommitBy::Thread;
    options.samples.segment_bytes = 32 * 1024;
    let (journal, _) = Journal::open(&tagwerk_env::Env::system(), folder.path(), options).unwrap();
    let readers: Vec<_> = [false, true]
        .map(|slow| {
            let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
            tokio::spawn(async move {
                let (mut position, mut delivered, mut missing) = (0, 0, 0);
                while let Some(item) = reader.next().await {
                    let span = match item {
                        Item::Block(block) => {
                            let (number, rest) = block.payload.split_at(8);
                            let number = u64::from_le_bytes(number.try_into().unwrap());
                            assert!(rest.iter().all(|byte| *byte == number as u8));
                            assert_eq!(block.set.id as u64, number % 5);
                            delivered += block.span.count();
                            block.span
                        }
                        Item::Missing { span, reason: MissingReason::Retention } => {
                            missing += span.count();
                            span
                        }
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(span.from, position);
                    position = span.to;
                    if slow {
                        tokio::task::yield_now().await;
                    }
                }
                assert_eq!(delivered + missing, position);
                position
            })
        })
        .into();
    let writers: Vec<_> = (0..4u64)
        .map(|writer| {
            let journal = journal.clone();
            tokio::task::spawn_blocking(move || {
                for n in 0..1000 {
                    let number = writer * 1000 + n;
                    let mut payload = number.to_le_bytes().to_vec();
                    payload.resize(8 + (number % 700) as usize, number as u8);
                    let set = set((number % 5) as u32, &[1]);
                    journal.append_block(Stream::Samples, &set, 3, Moment(n), &payload).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    journal.durable(Stream::Samples, 11_999).await.unwrap();
    journal.close().unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 12_000);
    }
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn handles_go_between_threads() {
    assert_shared::<Journal>();
    assert_shared::<Reader>();
}

#[test]
fn a_full_disk_drops_the_oldest_or_refuses_and_heals() {
    for full in [Full::Oldest, Full::Newest] {
        let (_, disk, clock) = machine();
        let mut options = small_options();
        options.samples.full = full;
        let (journal, _) = open_with(&disk, &clock, options);
        for _ in 0..10 {
            append(&journal, 1, 1000);
        }
        disk.fail_at(disk.operations(), Fault::Full);
        let set = set(1, &[1]);
        let append = || journal.append_block(Stream::Samples, &set, 1, Moment(1), &[1; 1000]);
        let error = (0..20).find_map(|_| append().err()).unwrap();
        assert!(matches!(error, AppendError::Full { .. }), "{error}");
        let stats = journal.stats().samples;
        assert!(stats.full > 0 && stats.failing);
        assert_eq!(stats.dropped > 0, full == Full::Oldest);
        let end = journal.end(Stream::Samples);
        disk.heal();
        assert_eq!(append().unwrap().from, end);
        journal.commit(Stream::Samples).unwrap();
        assert!(!journal.stats().samples.failing);
    }
}
