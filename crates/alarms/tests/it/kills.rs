//! Alarms of an edge that is killed again and again, beside those of one that is not.

use crate::many::{batch, definition, set};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_alarms::alarm::{ChangeKind, Condition, Treatment};
use tagwerk_alarms::{Action, Board, By, ChangeQuery, Keeper, Watch, Watched};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{CommitBy, Journal, Options, Stream};
use tagwerk_model::{DataType, TagId, codec};
use tagwerk_testkit::simulated::{HandClock, Random, SimDisk, machine};

const S: i64 = 1_000_000_000;
const FOLDER: &str = "/journal";

struct Machine {
    env: Env,
    disk: SimDisk,
    clock: Arc<HandClock>,
    running: Option<(Journal, Keeper, Board)>,
    runtime: tokio::runtime::Runtime,
}

fn watches() -> Vec<Watch> {
    let watched = |id: u32| Watched {
        id: TagId(id),
        device: "boiler".into(),
        name: ["", "flow", "temperature", "return"][id as usize].into(),
        unit: "°C".into(),
        data_type: DataType::Float64,
    };
    let watch = |name, condition, treatment, tags: &[u32]| Watch {
        definition: definition(name, condition, treatment),
        tags: tags.iter().map(|id| watched(*id)).collect(),
    };
    let delays = Treatment { on_delay_ns: 7 * S, off_delay_ns: 3 * S, ..Treatment::default() };
    let counted = Treatment { n_of_m: Some((2, 4)), latching: true, ..Treatment::default() };
    vec![
        watch("hot", Condition::Above { limit: 70.0, hysteresis: 15.0 }, delays, &[1, 2, 3]),
        watch("cold", Condition::Below { limit: 20.0, hysteresis: 0.0 }, counted, &[2]),
        watch("lost", Condition::Bad, delays, &[1]),
    ]
}

impl Machine {
    fn new() -> Machine {
        let (env, disk, clock) = machine();
        clock.set_wall(1_795_000_000 * S, true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut machine = Machine { env, disk, clock, running: None, runtime };
        machine.start();
        machine
    }

    fn start(&mut self) {
        let mut options = Options { commit_by: CommitBy::Caller, ..Options::default() };
        options.reserve_bytes = 0;
        for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
            (stream.segment_bytes, stream.tail_bytes) = (256 * 1024, 16 * 1024);
        }
        let (journal, _) = Journal::open(&self.env, Path::new(FOLDER), options).unwrap();
        let (keeper, board) = Keeper::open(&self.env, &journal);
        board.define(watches());
        self.running = Some((journal, keeper, board));
    }

    fn kill(&mut self) {
        let (journal, ..) = self.running.take().unwrap();
        drop(journal);
        self.disk.kill();
    }

    fn append(&self, values: [Option<f64>; 3]) {
        let (journal, ..) = self.running.as_ref().unwrap();
        let batch = batch(values);
        let set = Arc::new(tagwerk_journal::TagSet {
            id: 1,
            revision: 1,
            tags: vec![1, 2, 3],
            dictionary: codec::encode_definition(&set().definition),
        });
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let now: Moment = self.env.clock.now();
        journal.append_block(Stream::Samples, &set, 3, now, &payload).unwrap();
    }

    fn step(&mut self) {
        let (journal, keeper, _) = self.running.as_mut().unwrap();
        while keeper.step() {}
        journal.commit(Stream::Samples).unwrap();
    }

    /// Refused or not: both machines do the same.
    fn operate(&mut self, alarm: &str, tag: &str, action: Action) -> bool {
        let (_, _, board) = self.running.as_ref().unwrap();
        let by = By { name: "eve".into(), comment: Some("seen".into()) };
        self.runtime.block_on(board.operate((alarm, "boiler", tag), &action, &by)).is_ok()
    }

    fn told(&self) -> Vec<(String, String, ChangeKind, i64, Option<String>)> {
        let (_, _, board) = self.running.as_ref().unwrap();
        let query = ChangeQuery { limit: usize::MAX, ..ChangeQuery::default() };
        let changes = board.changes(&query).into_iter().map(|(_, c)| c);
        let mut told: Vec<_> = changes
            .map(|c| (c.alarm.into(), c.tag.into(), c.kind, c.unix_ns, c.by.map(Into::into)))
            .collect();
        told.reverse();
        told
    }
}

/// One thing that happens to both machines. Returns whether they should be looked at.
fn happen(random: &mut Random, machines: &mut [&mut Machine; 2], now: i64) {
    let after = Duration::from_millis(random.below(4_000));
    machines.iter().for_each(|machine| machine.clock.advance(after));
    match random.below(12) {
        0 => {
            let alarm = ["hot", "cold", "lost"][random.below(3) as usize];
            let tag = ["flow", "temperature", "return"][random.below(3) as usize];
            let until_unix_ns = now + random.below(100) as i64 * S;
            let action = match random.below(6) {
                0 | 1 => Action::Acknowledge,
                2 => Action::Reset,
                3 => Action::Shelve { until_unix_ns },
                4 => Action::Unshelve,
                _ => Action::Acknowledge,
            };
            machines.iter_mut().for_each(|machine| machine.step());
            let done = machines.each_mut().map(|machine| machine.operate(alarm, tag, action));
            let what = "not what would have happened without kills";
            assert_eq!(done[0], done[1], "{action:?} of {alarm} {tag}: {what}");
        }
        1 => machines.iter_mut().for_each(|machine| machine.step()),
        _ => {
            let mut value = || match random.below(10) {
                0 => None,
                _ => Some(random.below(100) as f64),
            };
            let values = [value(), value(), value()];
            machines.iter().for_each(|machine| machine.append(values));
            if random.below(3) > 0 {
                machines.iter_mut().for_each(|machine| machine.step());
            }
        }
    }
}

fn run(seed: u64, spoil: fn(&Machine)) {
    let mut random = Random::new(seed);
    let (mut plain, mut killed) = (Machine::new(), Machine::new());
    plain.step();
    killed.step();
    for _ in 0..100 {
        let now = plain.env.clock.wall().unix_ns;
        happen(&mut random, &mut [&mut plain, &mut killed], now);
        if random.below(6) == 0 {
            killed.kill();
            spoil(&killed);
            killed.start();
        }
    }
    for machine in [&mut plain, &mut killed] {
        machine.clock.advance(Duration::from_secs(200));
        machine.step();
    }
    let (wanted, told) = (plain.told(), killed.told());
    assert!(wanted.len() > 10, "{}", wanted.len());
    assert_eq!(wanted, told, "seed {seed}: not what would have happened without kills");
}

#[test]
fn alarms_that_are_killed_go_on_as_if_nothing_had_been() {
    for seed in 0..30 {
        run(seed, |_| {});
    }
}

/// The control: without what alarms wrote, they do not.
#[test]
#[should_panic(expected = "not what would have happened without kills")]
fn alarms_that_forget_are_noticed() {
    for seed in 0..20 {
        run(seed, |machine| {
            for file in machine.disk.files(&Path::new(FOLDER).join("record")) {
                machine.disk.alter(&file, |bytes| {
                    let marks: Vec<usize> = (0..bytes.len().saturating_sub(12))
                        .filter(|at| bytes[*at..].starts_with(b"\"position\":"))
                        .collect();
                    for mark in marks {
                        bytes[mark] = b'!';
                    }
                });
            }
        });
    }
}

#[test]
fn what_nobody_judged_before_the_first_start_raises_nothing() {
    let mut machine = Machine::new();
    machine.append([Some(99.0), Some(99.0), None]);
    machine.kill();
    machine.start();
    machine.clock.advance(Duration::from_secs(60));
    machine.step();
    assert_eq!(machine.told(), []);
    machine.append([Some(99.0), Some(50.0), Some(50.0)]);
    machine.clock.advance(Duration::from_secs(60));
    machine.step();
    let told = machine.told();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.as_str(), told[0].1.as_str(), told[0].2),
        ("hot", "flow", ChangeKind::Raised)
    );
}
