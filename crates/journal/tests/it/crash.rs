//! The machine stops, loses power or fails at every single operation of a run; what was promised
//! must hold after each.

use crate::basics::set;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_journal::{
    Acknowledged, CommitBy, Cursor, Item, Journal, Moment, Options, ReaderFilter, Span, Stream,
};
use tagwerk_testkit::simulated::{Fault, HandClock, Random, SimDisk, env};

pub const FOLDER: &str = "/journal";

pub fn small_options() -> Options {
    let mut options = Options {
        commit_by: CommitBy::Caller,
        reserve_bytes: 4096,
        quarantine_bytes_max: 64 * 1024,
        ..Options::default()
    };
    for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
        stream.segment_bytes = 8 * 1024;
        stream.bytes_max = 160 * 1024;
        stream.tail_bytes = 2048;
    }
    options
}

/// Everything ever handed in, and what was promised about it.
#[derive(Default, Clone)]
struct Model {
    /// By stream, epoch and first sequence.
    appended: BTreeMap<(Stream, u32, u64), (u64, Vec<u8>)>,
    durable: [u64; 3],
    /// Dropped on purpose; may come back after a power cut, in part.
    dropped: [u64; 3],
    cursor: u64,
    cursor_durable: u64,
    /// Epochs in which something was appended.
    epochs: BTreeSet<u32>,
}

struct Run {
    disk: SimDisk,
    clock: Arc<HandClock>,
    model: Model,
    random: Random,
    options: Options,
}

fn index(stream: Stream) -> usize {
    Stream::ALL.iter().position(|other| *other == stream).unwrap()
}

impl Run {
    fn new(seed: u64) -> Run {
        Run {
            disk: SimDisk::default(),
            clock: HandClock::new(),
            model: Model::default(),
            random: Random::new(seed),
            options: small_options(),
        }
    }

    fn fork(&self) -> Run {
        Run {
            disk: self.disk.fork(),
            clock: self.clock.clone(),
            model: self.model.clone(),
            random: self.random.clone(),
            options: self.options.clone(),
        }
    }

    fn open(&mut self) -> Result<Journal, tagwerk_journal::OpenError> {
        let env = env(&self.disk, &self.clock);
        let (journal, opened) = Journal::open(&env, Path::new(FOLDER), self.options.clone())?;
        if !opened.clean {
            assert!(!self.model.epochs.contains(&journal.epoch()), "epoch given out twice");
        }
        self.note_dropped(&journal);
        Ok(journal)
    }

    /// A life of the program; the disk may fail at any point of it.
    fn live(&mut self, journal: &Journal, steps: usize) {
        for _ in 0..steps {
            self.clock.advance(Duration::from_millis(3));
            match self.random.below(12) {
                0..=6 => self.append_block(journal),
                7 => self.append_record(journal),
                8 => self.save_cursor(journal),
                9 | 10 => self.durable(journal),
                _ => journal.observe_clock(),
            }
            self.note_dropped(journal);
        }
    }

    fn note_dropped(&mut self, journal: &Journal) {
        for stream in Stream::ALL {
            let dropped = &mut self.model.dropped[index(stream)];
            *dropped = journal.oldest(stream).max(*dropped);
        }
    }

    fn append_block(&mut self, journal: &Journal) {
        let stream = [Stream::Samples, Stream::Outputs][self.random.below(2) as usize];
        let set = set(1 + self.random.below(3) as u32, &[1, 2]);
        let count = 1 + self.random.below(9) as u32;
        let byte = self.random.below(256) as u8;
        let payload = vec![byte; self.random.below(1500) as usize];
        if let Ok(span) = journal.append_block(stream, &set, count, Moment(5), &payload) {
            self.model.epochs.insert(journal.epoch());
            let key = (stream, journal.epoch(), span.from);
            assert_eq!(self.model.appended.insert(key, (span.to, payload)), None, "{key:?} twice");
        }
    }

    fn append_record(&mut self, journal: &Journal) {
        let payload = vec![self.random.below(256) as u8; self.random.below(300) as usize];
        if let Ok(seq) = journal.append_record(9, &payload) {
            self.model.epochs.insert(journal.epoch());
            let key = (Stream::Record, journal.epoch(), seq);
            assert_eq!(self.model.appended.insert(key, (seq + 1, payload)), None);
        }
    }

    fn save_cursor(&mut self, journal: &Journal) {
        let end = journal.end(Stream::Samples);
        let mut cursor = Cursor::new(Stream::Samples, self.model.cursor.min(end));
        let to = self.model.cursor + self.random.below(end + 1 - self.model.cursor.min(end));
        assert_eq!(cursor.acknowledge(Span { from: 0, to }), Acknowledged::Kept);
        if journal.save_cursor("sink", &cursor).is_ok() {
            self.model.cursor = to;
        }
    }

    fn durable(&mut self, journal: &Journal) {
        let stream = Stream::ALL[self.random.below(3) as usize];
        let end = journal.end(stream);
        let cursor = self.model.cursor;
        if journal.commit(stream).is_ok() {
            assert!(journal.committed(stream) >= end);
            let durable = &mut self.model.durable[index(stream)];
            *durable = end.max(*durable);
            if stream == Stream::Record {
                self.model.cursor_durable = cursor;
            }
        }
    }

    /// What must hold after any restart.
    fn check(&mut self, journal: &Journal, context: &str) {
        for stream in Stream::ALL {
            let durable = self.model.durable[index(stream)];
            assert!(journal.committed(stream) >= durable, "{context}: {stream} went back");
            let oldest = self.model.dropped[index(stream)];
            let mut served = BTreeMap::new();
            let mut reader = journal.reader(stream, 0, ReaderFilter::default());
            let mut position = 0;
            while let Some(item) = reader.try_next() {
                let (epoch, span, payload) = match item {
                    Item::Block(block) => (block.epoch, block.span, block.payload),
                    Item::Record(record) => {
                        let span = Span { from: record.seq, to: record.seq + 1 };
                        (record.epoch, span, record.payload)
                    }
                    Item::Gap { seq, .. } => {
                        position = seq + 1;
                        continue;
                    }
                    Item::Missing { span, .. } => {
                        assert_eq!(span.from, position, "{context}: {stream} out of order");
                        position = span.to;
                        continue;
                    }
                };
                assert_eq!(span.from, position, "{context}: {stream} out of order");
                position = span.to;
                let key = (stream, epoch, span.from);
                let Some((to, wanted)) = self.model.appended.get(&key) else {
                    // A failed append may have reached the disk; it was not promised, nor denied.
                    continue;
                };
                assert_eq!((*to, &wanted[..]), (span.to, &payload[..]), "{context}: {key:?} wrong");
                served.insert(span.from, epoch);
            }
            assert_eq!(reader.position(), journal.end(stream), "{context}: {stream} ends early");
            for ((of, epoch, from), (to, _)) in &self.model.appended {
                if *of == stream && *to <= durable && *from >= oldest {
                    let found = served.get(from);
                    assert_eq!(found, Some(epoch), "{context}: {stream} {from}..{to} lost");
                }
            }
        }
        let cursor = journal.cursor("sink").map_or(0, |cursor| cursor.next());
        assert!(cursor >= self.model.cursor_durable, "{context}: the cursor went back");
        // What was not durable is forgotten: it may be lost or there.
        self.model.cursor = cursor;
        self.model.cursor_durable = cursor;
        for stream in Stream::ALL {
            self.model.durable[index(stream)] = journal.committed(stream);
            let oldest = journal.oldest(stream);
            let mut reader = journal.reader(stream, oldest, ReaderFilter::default());
            let mut kept = Vec::new();
            while let Some(item) = reader.try_next() {
                match item {
                    Item::Block(block) => kept.push((stream, block.epoch, block.span.from)),
                    Item::Record(record) => kept.push((stream, record.epoch, record.seq)),
                    _ => {}
                }
            }
            self.model.appended.retain(|key, _| key.0 != stream || kept.contains(key));
        }
    }
}

/// One life with a fault at operation `at` (counted from the start of the second life), then a
/// restart; again with a kill and a power cut.
fn check_fault(base: &Run, at: u64, fault: Fault, seed: u64) {
    for power in [true, false] {
        let context = format!("{fault:?} at {at}, seed {seed}, power {power}");
        let mut run = base.fork();
        run.random = Random::new(seed * 31 + at);
        run.disk.fail_at(run.disk.operations() + at, fault);
        if let Ok(journal) = run.open() {
            run.live(&journal, 40);
            drop(journal);
        }
        match power {
            true => run.disk.cut_power(&mut Random::new(seed * 77 + at)),
            false => run.disk.kill(),
        }
        for life in 0..2 {
            let journal =
                run.open().unwrap_or_else(|error| panic!("{context}, life {life}: {error}"));
            run.check(&journal, &format!("{context}, life {life}"));
            run.live(&journal, 15);
            drop(journal);
            run.disk.cut_power(&mut Random::new(seed * 99 + at));
        }
    }
}

fn check_all_faults(fault: Fault, seed: u64, clean: bool) {
    let mut base = Run::new(seed);
    let journal = base.open().unwrap();
    base.live(&journal, 60);
    if clean {
        journal.close().unwrap();
        for stream in Stream::ALL {
            base.model.durable[index(stream)] = journal.end(stream);
        }
        base.model.cursor_durable = base.model.cursor;
    }
    drop(journal);
    base.disk.kill();
    let mut probe = base.fork();
    let before = probe.disk.operations();
    let journal = probe.open().unwrap();
    probe.live(&journal, 40);
    let operations = probe.disk.operations() - before + 5;
    for at in 0..operations {
        check_fault(&base, at, fault, seed);
    }
}

#[test]
fn a_stop_at_every_operation_loses_nothing_promised() {
    for seed in 0..6 {
        check_all_faults(Fault::Stop, seed, seed % 2 == 0);
    }
}

#[test]
fn an_io_error_at_every_operation_loses_nothing_promised() {
    for seed in 10..16 {
        check_all_faults(Fault::Io, seed, seed % 2 == 0);
    }
}

#[test]
fn a_full_disk_from_every_operation_on_loses_nothing_promised() {
    for seed in 20..24 {
        check_all_faults(Fault::Full, seed, seed % 2 == 0);
    }
}

#[test]
fn many_lives_with_power_cuts() {
    // `cargo xtask torture journal` asks for thousands.
    let seeds = std::env::var("TAGWERK_CRASH_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds: u64 = seeds.unwrap_or(30);
    for seed in 100..100 + seeds {
        let mut run = Run::new(seed);
        for life in 0..12 {
            let context = format!("seed {seed}, life {life}");
            let journal = run.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            run.check(&journal, &context);
            run.live(&journal, 50);
            if run.random.below(3) == 0 {
                journal.close().unwrap();
                drop(journal);
                continue;
            }
            drop(journal);
            let mut random = run.random.clone();
            match run.random.below(2) {
                0 => run.disk.kill(),
                _ => run.disk.cut_power(&mut random),
            }
        }
    }
    println!("{seeds} seeds, {} lives, nothing lost", seeds * 12);
}

/// A disk that takes long for a sync, under a program that writes much: dozens of segments are in the
/// kernel alone when it is killed.
#[test]
fn what_a_start_calls_committed_outlives_the_power_however_much_it_is() {
    for seed in 0..20 {
        let mut run = Run::new(seed);
        for stream in [&mut run.options.samples, &mut run.options.outputs] {
            stream.bytes_max = 1024 * 1024;
        }
        let journal = run.open().unwrap();
        for _ in 0..1_000 {
            run.append_block(&journal);
        }
        drop(journal);
        run.disk.kill();
        let journal = run.open().unwrap();
        run.check(&journal, &format!("seed {seed}, killed"));
        drop(journal);
        run.disk.cut_power(&mut Random::new(seed));
        let journal = run.open().unwrap();
        run.check(&journal, &format!("seed {seed}, without power"));
    }
}

/// Negative control: the same rig must notice a journal that keeps data in user space.
#[test]
fn a_journal_that_buffers_loses_data_when_killed() {
    let (disk, clock) = (SimDisk::default(), HandClock::new());
    let lost = |buffered| {
        let options = Options { buffered_for_test: buffered, ..small_options() };
        let env = env(&disk, &clock);
        let (journal, _) = Journal::open(&env, Path::new(FOLDER), options.clone()).unwrap();
        let begin = journal.end(Stream::Samples);
        for n in 0..4 {
            journal.append_block(Stream::Samples, &set(1, &[1]), 1, Moment(n), &[1; 50]).unwrap();
        }
        let end = journal.end(Stream::Samples);
        drop(journal);
        disk.kill();
        let (journal, _) = Journal::open(&env, Path::new(FOLDER), options).unwrap();
        assert!(end - begin == 4);
        end - journal.end(Stream::Samples)
    };
    assert_eq!(lost(None), 0);
    assert_eq!(lost(Some(4096)), 4);
}
