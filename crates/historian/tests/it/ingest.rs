//! History fed from a real journal, both on one disk that stops or fails at any operation: in the
//! end history holds what the journal holds, every sample once.

use crate::crash::stride;
use crate::feed::{START, batch, definition, journal_set, open, options, read};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_env::{BoxFuture, Clock, Env, Moment, WallTime};
use tagwerk_historian::{CURSOR, Historian, Options, run_ingest};
use tagwerk_journal::{CommitBy, Item, Journal, ReaderFilter, Stream};
use tagwerk_model::{DataType, TagSet, Value, codec};
use tagwerk_testkit::simulated::{Fault, HandClock, Random, SimDisk, env};
use tokio::sync::watch;

type OnPark = Box<dyn FnMut() + Send>;

/// A clock on which waiting is when other things happen.
struct ParkClock {
    hand: Arc<HandClock>,
    on_park: Mutex<Option<OnPark>>,
}

impl Clock for ParkClock {
    fn now(&self) -> Moment {
        self.hand.now()
    }

    fn wall(&self) -> WallTime {
        self.hand.wall()
    }

    fn boot_id(&self) -> [u8; 16] {
        self.hand.boot_id()
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        self.hand.sleep_until(moment)
    }

    fn park_until(&self, moment: Moment) {
        self.hand.advance(moment.since(self.hand.now()));
        if let Some(on_park) = &mut *self.on_park.lock().unwrap() {
            on_park();
        }
    }
}

struct Machine {
    disk: SimDisk,
    clock: Arc<HandClock>,
    counter: Arc<AtomicI64>,
    set: Arc<TagSet>,
}

impl Machine {
    fn new() -> Machine {
        let clock = HandClock::new();
        clock.set_wall(START, true);
        let set = definition(1, &[(1, DataType::Int64, "")]);
        Machine { disk: SimDisk::default(), clock, counter: Arc::default(), set }
    }

    fn journal(&self, env: &Env) -> Option<Journal> {
        let mut options =
            tagwerk_journal::Options { commit_by: CommitBy::Caller, ..Default::default() };
        options.samples.segment_bytes = 16 * 1024;
        options.outputs.segment_bytes = 8 * 1024;
        options.record.segment_bytes = 8 * 1024;
        Journal::open(env, Path::new("/journal"), options).ok().map(|opened| opened.0)
    }

    fn options(&self) -> Options {
        Options { seal_after: Duration::from_secs(2), ..options() }
    }

    /// One life: samples come while history waits for more.
    fn live(&self, parks: u64) {
        let clock = Arc::new(ParkClock { hand: self.clock.clone(), on_park: Mutex::new(None) });
        let mut env = env(&self.disk, &self.clock);
        env.clock = clock.clone();
        let Some(journal) = self.journal(&env) else { return };
        let folder = Path::new(crate::feed::FOLDER);
        let Ok((historian, _)) = Historian::open(&env, folder, self.options()) else { return };
        let (stop, stopped) = watch::channel(false);
        let (counter, set, appender) = (self.counter.clone(), self.set.clone(), journal.clone());
        let journal_set = journal_set(&set, 1);
        let (done, hand) = (AtomicU64::new(0), self.clock.clone());
        *clock.on_park.lock().unwrap() = Some(Box::new(move || {
            let done = done.fetch_add(1, Ordering::Relaxed);
            for _ in 0..7 {
                let i = counter.fetch_add(1, Ordering::Relaxed);
                hand.advance(Duration::from_millis(10));
                let batch = batch(&set, START + i, &[Some(Value::I64(i))]);
                let mut payload = Vec::new();
                codec::encode_batch(&batch, &mut payload);
                let moment = hand.now();
                let _ = appender.append_block(Stream::Samples, &journal_set, 1, moment, &payload);
            }
            if done >= parks {
                let _ = stop.send(true);
            }
        }));
        run_ingest(&historian, &journal, &env, stopped);
        if !self.failing() {
            assert_eq!(historian.position(), journal.end(Stream::Samples));
            assert_eq!(
                journal.cursor(CURSOR).map(|cursor| cursor.next()),
                Some(journal.end(Stream::Samples))
            );
        }
        *clock.on_park.lock().unwrap() = None;
    }

    fn failing(&self) -> bool {
        self.disk.fails()
    }

    /// What the journal holds must be what history holds.
    fn check(&self, context: &str) {
        let env = env(&self.disk, &self.clock);
        let journal = self.journal(&env).unwrap();
        let mut wanted = Vec::new();
        let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
        while let Some(item) = reader.try_next() {
            let Item::Block(block) = item else { continue };
            let batch = codec::decode_batch(self.set.clone(), &block.payload, 0, 0).unwrap();
            wanted.extend(batch.columns.i64s);
        }
        drop(reader);
        drop(journal);
        let (historian, _) = open(&env, self.options());
        let mut found: Vec<i64> = read(&historian, 1)
            .into_iter()
            .map(|sample| match sample.1 {
                Some(Value::I64(value)) => value,
                other => panic!("{context}: {other:?}"),
            })
            .collect();
        found.sort_unstable();
        // A full disk makes the journal drop its oldest samples, which history has by then.
        let oldest = wanted.first().copied().unwrap_or(i64::MAX);
        let dropped = found.partition_point(|value| *value < oldest);
        assert_eq!(found[dropped..], wanted, "{context}");
        assert!(found.windows(2).all(|w| w[0] < w[1]), "{context}: doubled");
        let full = context.starts_with("Full");
        assert!(dropped == 0 || full, "{context}: {dropped} that the journal does not have");
    }
}

#[test]
fn history_follows_the_journal_over_restarts() {
    let machine = Machine::new();
    for _ in 0..4 {
        machine.live(30);
        machine.disk.kill();
        machine.check("restarted");
    }
    assert!(machine.counter.load(Ordering::Relaxed) > 800);
}

#[test]
fn stopped_at_every_operation_history_holds_what_the_journal_holds() {
    let lived = || {
        let machine = Machine::new();
        machine.live(20);
        machine.disk.kill();
        machine
    };
    let machine = lived();
    let start = machine.disk.operations();
    machine.live(40);
    let end = machine.disk.operations();
    assert!(end - start > 200, "{}", end - start);
    for at in (start..end).step_by(stride(11)) {
        for fault in [Fault::Stop, Fault::Io, Fault::Full] {
            let machine = lived();
            machine.disk.fail_at(at, fault);
            machine.live(40);
            let mut random = Random::new(at);
            match at % 3 {
                0 => machine.disk.kill(),
                1 => machine.disk.cut_power_losing_all(),
                _ => machine.disk.cut_power(&mut random),
            }
            machine.disk.heal();
            if at % 2 == 0 {
                machine.clock.reboot();
            }
            machine.live(5);
            machine.disk.kill();
            machine.check(&format!("{fault:?} at {at}"));
        }
    }
}

/// NEGATIVE CONTROL: a history that stores what the journal has not committed holds samples that
/// the journal does not know after a power cut.
#[test]
fn without_waiting_for_the_journal_the_rig_notices() {
    let machine = Machine::new();
    machine.live(5);
    machine.disk.kill();
    let env = env(&machine.disk, &machine.clock);
    let journal = machine.journal(&env).unwrap();
    let (historian, _) = open(&env, machine.options());
    let set = journal_set(&machine.set, 1);
    let end = journal.end(Stream::Samples);
    for i in 1_000..1_050 {
        let batch = batch(&machine.set, START + i, &[Some(Value::I64(i))]);
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let moment = machine.clock.now();
        journal.append_block(Stream::Samples, &set, 1, moment, &payload).unwrap();
    }
    let mut reader = journal.reader(Stream::Samples, end, ReaderFilter::default());
    while let Some(Item::Block(block)) = reader.try_next() {
        let batch = codec::decode_batch(machine.set.clone(), &block.payload, 0, block.unix_ns);
        historian.append(&block, &batch.unwrap()).unwrap();
    }
    historian.seal_all(&|_| Ok(())).unwrap();
    drop((reader, historian, journal));
    machine.disk.cut_power_losing_all();
    let check = std::panic::AssertUnwindSafe(|| machine.check("not committed"));
    assert!(std::panic::catch_unwind(check).is_err());
}
