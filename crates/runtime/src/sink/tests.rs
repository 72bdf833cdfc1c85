//! What goes first to a sink that has fallen behind, and what is given up.
#![allow(clippy::disallowed_methods)]

use super::{SinkLive, SinkOrder, SinkSetup, SinkTask, cursor_name, run};
use crate::dead::DeadLetters;
use crate::event::Events;
use crate::publish::journal_set;
use crate::set_table::SetTable;
use crate::view::SinkState;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Delivery, OpenSink, Receipt, SinkContext, SinkFault, SinkSession,
};
use tagwerk_config::{Start, TagPattern};
use tagwerk_env::Env;
use tagwerk_journal::{BacklogLimit, CommitBy, Cursor, Journal, Options, Stream};
use tagwerk_model::{
    DataType, Quality, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition, codec,
};
use tagwerk_testkit::{MemoryCertificates, MemorySecrets};
use tokio::sync::{Notify, watch};

/// From, to, replayed: as they arrived.
type Arrived = Arc<Mutex<Vec<(u64, u64, bool)>>>;

/// Takes everything, each at its turn.
struct Open {
    arrived: Arrived,
    changed: Arc<Notify>,
}

struct Session {
    arrived: Arrived,
    changed: Arc<Notify>,
}

impl OpenSink for Open {
    fn open<'a>(
        &'a self,
        _: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>> {
        let (arrived, changed) = (self.arrived.clone(), self.changed.clone());
        Box::pin(async move { Ok(Box::new(Session { arrived, changed }) as Box<dyn SinkSession>) })
    }
}

impl SinkSession for Session {
    fn deliver<'a>(
        &'a mut self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<Option<Receipt>, SinkFault>> {
        self.arrived.lock().push((delivery.from, delivery.to, delivery.replayed));
        self.changed.notify_one();
        let taken = async {
            tokio::task::yield_now().await;
            Ok(())
        };
        Box::pin(async { Ok(Some(Box::pin(taken) as Receipt)) })
    }

    fn lost(&mut self) -> BoxFuture<'_, SinkFault> {
        Box::pin(std::future::pending())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Rig {
    journal: Journal,
    env: Env,
    set: Arc<TagSet>,
    arrived: Arrived,
    changed: Arc<Notify>,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::system();
        let mut options =
            Options { commit_by: CommitBy::Caller, reserve_bytes: 0, ..Options::default() };
        (options.samples.segment_bytes, options.samples.tail_bytes) = (64 * 1024, 4 * 1024);
        let (journal, _) = Journal::open(&env, folder.path(), options).unwrap();
        let tag = TagDefinition {
            id: TagId(1),
            name: "level".into(),
            data_type: DataType::Bool,
            unit: "".into(),
        };
        let definition = TagSetDefinition {
            id: 1,
            device: "tank".into(),
            group: "fast".into(),
            tags: vec![tag],
        };
        Rig {
            journal,
            env,
            set: Arc::new(TagSet::new(definition)),
            arrived: Arrived::default(),
            changed: Arc::default(),
            _folder: folder,
        }
    }

    fn append(&self, count: usize) {
        for _ in 0..count {
            let moment = self.env.clock.now();
            let batch =
                SampleBatch::without_values(self.set.clone(), Quality::BAD, moment.0, 1_000);
            let mut payload = Vec::new();
            codec::encode_batch(&batch, &mut payload);
            let set = journal_set(&self.set);
            self.journal.append_block(Stream::Samples, &set, 1, moment, &payload).unwrap();
        }
    }

    fn task(
        &self,
        order: SinkOrder,
        backlog: BacklogLimit,
        stop: watch::Receiver<bool>,
    ) -> SinkTask {
        let name: Arc<str> = "cloud".into();
        let now = self.env.clock.now();
        let secrets = Arc::new(MemorySecrets::default());
        let clock = self.env.clock.clone();
        let events = Events::open(self.journal.clone(), clock, secrets.clone());
        let clock = self.env.clock.clone();
        let dead = DeadLetters::open(self.journal.clone(), clock, events.clone());
        let live = SinkLive::new(name.clone(), "fake", SinkState::Connecting, now, events);
        SinkTask {
            setup: SinkSetup {
                name,
                open: Arc::new(Open {
                    arrived: self.arrived.clone(),
                    changed: self.changed.clone(),
                }),
                in_flight_max: 8,
                tags: Arc::new([TagPattern::all()]),
                from: Start::Oldest,
                order,
                backlog,
            },
            dead,
            env: self.env.clone(),
            edge: "edge".into(),
            secrets,
            certificates: Arc::new(MemoryCertificates::default()),
            journal: self.journal.clone(),
            sets: Arc::new(SetTable::default()),
            live: Arc::new(live),
            stop,
        }
    }

    /// Runs the sink; new samples come while the backlog is on its way.
    async fn run(&self, order: SinkOrder, backlog: BacklogLimit, wanted: u64) {
        let (stop, stopped) = watch::channel(false);
        let task = Arc::new(self.task(order, backlog, stopped));
        let running = tokio::spawn(async move { run(&task).await });
        let mut fresh = 0;
        let count = || self.arrived.lock().iter().map(|(from, to, _)| to - from).sum::<u64>();
        while count() < wanted {
            self.changed.notified().await;
            if fresh < 20 {
                self.append(1);
                fresh += 1;
            }
        }
        // Until the cursor says so too.
        let done = || self.journal.cursor(&cursor_name("cloud")).map_or(0, |cursor| cursor.next());
        while done() < self.journal.end(Stream::Samples) {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        running.await.unwrap();
    }
}

#[tokio::test]
async fn in_order_what_has_waited_goes_first() {
    let rig = Rig::new();
    rig.append(500);
    rig.run(SinkOrder::Fifo, BacklogLimit::default(), 520).await;
    let arrived = rig.arrived.lock();
    assert!(arrived.windows(2).all(|pair| pair[0].1 == pair[1].0), "{arrived:?}");
    assert_eq!(arrived.iter().filter(|(_, _, replayed)| *replayed).count(), 500);
}

#[tokio::test]
async fn new_samples_overtake_and_everything_arrives_once() {
    let rig = Rig::new();
    rig.append(500);
    rig.run(SinkOrder::RealtimeFirst, BacklogLimit::default(), 520).await;
    {
        let arrived = rig.arrived.lock();
        let place = |number: u64| arrived.iter().position(|(from, _, _)| *from == number).unwrap();
        // The last of the new ones came long before the last of the old.
        assert!(place(519) < place(499), "{arrived:?}");
        for (from, _, replayed) in &*arrived {
            assert_eq!(*replayed, *from < 500);
        }
        let mut all: Vec<u64> = arrived.iter().flat_map(|(from, to, _)| *from..*to).collect();
        let in_order = |past: bool| {
            let of: Vec<_> = arrived.iter().filter(|(from, _, _)| (*from < 500) == past).collect();
            of.windows(2).all(|pair| pair[0].1 == pair[1].0)
        };
        assert!(in_order(true) && in_order(false));
        all.sort_unstable();
        assert_eq!(all, (0..520).collect::<Vec<u64>>());
    }
    let cursor = rig.journal.cursor(&cursor_name("cloud")).unwrap();
    assert_eq!(cursor.ranges(), []);
    assert_eq!(cursor.next(), 520);
}

#[tokio::test]
async fn a_backlog_over_its_limit_is_given_up_before_it_is_sent() {
    let rig = Rig::new();
    rig.append(3_000);
    let whole = rig.journal.stats().samples.bytes;
    let limit = BacklogLimit { bytes_max: Some(20_000), age_max: Some(Duration::from_secs(3_600)) };
    assert!(whole > 100_000);
    rig.journal.save_cursor(&cursor_name("cloud"), &Cursor::new(Stream::Samples, 0)).unwrap();
    rig.run(SinkOrder::RealtimeFirst, limit, 100).await;
    let first = rig.arrived.lock().iter().map(|(from, _, _)| *from).min().unwrap();
    assert!(first > 2_000, "{first}");
}
