//! Alarms of an edge that is killed again and again, beside those of one that is not.

use crate::many::{batch, definition, set};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_alarms::alarm::{
    ChangeKind, ChatterBound, Condition, Reference, Scalar, Suppression, Treatment,
};
use tagwerk_alarms::{Action, Board, By, ChangeQuery, Keeper, Watch, Watched, WatchedBy};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{CommitBy, Journal, Options, Stream};
use tagwerk_model::{DataType, TagId, codec};
use tagwerk_testkit::simulated::{HandClock, Random, SimDisk, machine};

const S: i64 = 1_000_000_000;
const FOLDER: &str = "/journal";

pub struct Machine {
    env: Env,
    disk: SimDisk,
    pub clock: Arc<HandClock>,
    pub running: Option<(Journal, Keeper, Board)>,
    runtime: tokio::runtime::Runtime,
    changes_max: u32,
    watches: fn() -> Vec<Watch>,
}

fn watches() -> Vec<Watch> {
    let watched = |id: u32| Watched {
        id: TagId(id),
        device: "boiler".into(),
        name: ["", "flow", "temperature", "return"][id as usize].into(),
        unit: "°C".into(),
        data_type: DataType::Float64,
    };
    let suppression = Arc::new(Suppression {
        tag: TagId(2),
        equals: Scalar::I64(0),
        reason: "temperature is 0".into(),
    });
    let reference = Arc::new(Reference { tag: TagId(3), name: "return".into() });
    let watch = |name, condition, treatment, tags: &[u32]| Watch {
        definition: definition(name, condition, treatment),
        tags: tags
            .iter()
            .map(|id| WatchedBy {
                watched: watched(*id),
                reference: (name == "apart").then(|| reference.clone()),
                suppression: (name == "rises").then(|| suppression.clone()),
            })
            .collect(),
    };
    let delays = Treatment { on_delay_ns: 7 * S, off_delay_ns: 3 * S, ..Treatment::default() };
    let counted = Treatment { n_of_m: Some((2, 4)), latching: true, ..Treatment::default() };
    let chatter = ChatterBound { changes: 3, span_ns: 30 * S, steady_ns: 8 * S };
    let chatters = Treatment { off_delay_ns: S, chatter, ..Treatment::default() };
    let rising = Condition::Rising { limit: 40.0, hysteresis: 10.0, per_ns: 9 * S };
    let falling = Condition::Falling { limit: 30.0, hysteresis: 0.0, per_ns: S };
    let apart = Condition::Deviation { limit: 40.0, hysteresis: 5.0 };
    vec![
        watch("hot", Condition::Above { limit: 70.0, hysteresis: 15.0 }, delays, &[1, 2, 3]),
        watch("cold", Condition::Below { limit: 20.0, hysteresis: 0.0 }, counted, &[2]),
        watch("lost", Condition::Bad, delays, &[1]),
        watch("flaps", Condition::Above { limit: 50.0, hysteresis: 0.0 }, chatters, &[1, 2, 3]),
        watch("silent", Condition::Stale { after_ns: 5 * S }, Treatment::default(), &[1, 2]),
        watch("quiet", Condition::Stale { after_ns: 4 * S }, chatters, &[3]),
        watch("rises", rising, chatters, &[1, 3]),
        watch("falls", falling, Treatment::default(), &[2]),
        watch("apart", apart, Treatment::default(), &[1]),
    ]
}

impl Machine {
    pub fn new(changes_max: u32, watches: fn() -> Vec<Watch>) -> Machine {
        let (env, disk, clock) = machine();
        clock.set_wall(1_795_000_000 * S, true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut machine =
            Machine { env, disk, clock, running: None, runtime, changes_max, watches };
        machine.start();
        machine
    }

    pub fn start(&mut self) {
        let mut options = Options { commit_by: CommitBy::Caller, ..Options::default() };
        options.reserve_bytes = 0;
        for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
            (stream.segment_bytes, stream.tail_bytes) = (256 * 1024, 16 * 1024);
        }
        let (journal, _) = Journal::open(&self.env, Path::new(FOLDER), options).unwrap();
        let (keeper, board) = Keeper::open_bounded(&self.env, &journal, self.changes_max);
        board.define((self.watches)());
        self.running = Some((journal, keeper, board));
    }

    fn end(&mut self) {
        let (_, keeper, _) = self.running.as_mut().unwrap();
        keeper.end();
    }

    pub fn kill(&mut self) {
        let (journal, ..) = self.running.take().unwrap();
        drop(journal);
        self.disk.kill();
    }

    pub fn append(&self, values: [Option<f64>; 3]) {
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

    pub fn step(&mut self) {
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

    fn told(&self) -> Vec<Told> {
        let (_, _, board) = self.running.as_ref().unwrap();
        let query = ChangeQuery { limit: usize::MAX, ..ChangeQuery::default() };
        let changes = board.changes(&query).into_iter().map(|(_, c)| c);
        let mut told: Vec<_> = changes
            .map(|c| Told {
                alarm: c.alarm.into(),
                tag: c.tag.into(),
                kind: c.kind,
                unix_ns: c.unix_ns,
                by: c.by.map(Into::into),
                count: c.count,
            })
            .collect();
        told.reverse();
        told
    }

    /// How alarms are now.
    fn shown(&self) -> String {
        let (_, _, board) = self.running.as_ref().unwrap();
        let each = board.list().into_iter().map(|view| {
            let (raised, counted) = (view.raised, view.chattering);
            let (alarm, tag) = (&view.definition.name, &view.watched.name);
            let (since, why) = (view.since_unix_ns, view.suppressed);
            format!("{alarm} {tag} {:?} {raised} {counted:?} {since:?} {why:?}\n", view.shown)
        });
        each.collect::<String>() + &format!("{:?}", board.load().flood)
    }
}

#[derive(Debug, PartialEq)]
struct Told {
    alarm: String,
    tag: String,
    kind: ChangeKind,
    unix_ns: i64,
    by: Option<String>,
    count: Option<u64>,
}

/// One thing that happens to both machines. Returns whether they should be looked at.
fn happen(random: &mut Random, machines: &mut [&mut Machine; 2], now: i64) {
    let after = Duration::from_millis(random.below(4_000));
    machines.iter().for_each(|machine| machine.clock.advance(after));
    match random.below(12) {
        0 => {
            let alarm = ["hot", "cold", "lost", "flaps", "rises"][random.below(5) as usize];
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
                1 | 2 => Some(0.0),
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

fn run(seed: u64, changes_max: u32, spoil: fn(&Machine)) -> Vec<Told> {
    let mut random = Random::new(seed);
    let (mut plain, mut killed) =
        (Machine::new(changes_max, watches), Machine::new(changes_max, watches));
    plain.step();
    killed.step();
    for _ in 0..100 {
        let now = plain.env.clock.wall().unix_ns;
        happen(&mut random, &mut [&mut plain, &mut killed], now);
        if random.below(6) == 0 {
            // Killed, or ended in good order before: then it goes on from its states.
            if random.below(3) == 0 {
                killed.end();
            }
            killed.kill();
            spoil(&killed);
            killed.start();
        }
    }
    for seconds in [0, 200] {
        for machine in [&mut plain, &mut killed] {
            machine.clock.advance(Duration::from_secs(seconds));
            machine.step();
        }
        let (wanted, shown) = (plain.shown(), killed.shown());
        assert_eq!(wanted, shown, "seed {seed}: not what would have happened without kills");
    }
    let (wanted, told) = (plain.told(), killed.told());
    assert!(wanted.len() > 10, "{}", wanted.len());
    assert_eq!(wanted, told, "seed {seed}: not what would have happened without kills");
    told
}

fn has(told: &[Told], kind: ChangeKind) -> bool {
    told.iter().any(|told| told.kind == kind)
}

#[test]
fn alarms_that_are_killed_go_on_as_if_nothing_had_been() {
    let told: Vec<Told> = (0..20).flat_map(|seed| run(seed, 6_000, |_| {})).collect();
    use ChangeKind::{Chattering, Steady, Suppressed};
    assert!([Chattering, Steady, Suppressed].into_iter().all(|kind| has(&told, kind)));
}

#[test]
fn so_do_those_of_which_more_is_counted_than_written() {
    let told: Vec<Told> = (20..40).flat_map(|seed| run(seed, 7, |_| {})).collect();
    assert!(has(&told, ChangeKind::NotWritten));
}

/// The control: without what alarms wrote, they do not.
#[test]
#[should_panic(expected = "not what would have happened without kills")]
fn alarms_that_forget_are_noticed() {
    for seed in 0..20 {
        run(seed, 6_000, |machine| {
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
    let mut machine = Machine::new(6_000, watches);
    machine.append([Some(99.0), Some(99.0), None]);
    machine.kill();
    machine.start();
    machine.step();
    machine.clock.advance(Duration::from_secs(3));
    machine.step();
    assert_eq!(machine.told(), []);
    machine.append([Some(99.0), Some(50.0), Some(50.0)]);
    machine.clock.advance(Duration::from_secs(60));
    machine.step();
    let told = machine.told();
    let hot: Vec<_> = told.iter().filter(|told| told.alarm == "hot").collect();
    assert_eq!(hot.len(), 1);
    assert_eq!((hot[0].tag.as_str(), hot[0].kind), ("flow", ChangeKind::Raised));
}
