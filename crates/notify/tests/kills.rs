//! The keeper on a simulated machine: what is told when the edge is killed between any two of its steps.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_alarms::alarm::{Condition, Definition, Priority, Treatment};
use tagwerk_alarms::{Action, By, Watch, Watched};
use tagwerk_component::{
    BoxFuture, ChannelContext, ChannelPlan, NoCertificates, NoSecrets, Notice, OpenChannel,
    SinkFault, Told,
};
use tagwerk_env::Env;
use tagwerk_journal::{CommitBy, Journal, Options};
use tagwerk_model::{DataType, TagId};
use tagwerk_notify::{Board, ChannelOf, Keeper, Level, Plan, Route, Tell, Zone};
use tagwerk_testkit::simulated::{HandClock, SimDisk, machine};

const S: i64 = 1_000_000_000;

/// People, who remember what they were told, whatever becomes of the edge.
#[derive(Clone, Default)]
struct People {
    told: Arc<Mutex<Vec<Notice>>>,
    away: Arc<Mutex<bool>>,
}

impl OpenChannel for People {
    fn tell<'a>(
        &'a self,
        _: &'a ChannelContext,
        notice: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>> {
        Box::pin(async move {
            if *self.away.lock().unwrap() {
                return Told::all(to, &Err(SinkFault::Retry("nobody is there".into())));
            }
            self.told.lock().unwrap().push(notice.clone());
            Told::all(to, &Ok("heard".into()))
        })
    }
}

struct Machine {
    env: Env,
    disk: SimDisk,
    clock: Arc<HandClock>,
    runtime: tokio::runtime::Runtime,
    people: People,
    news: Arc<Mutex<Vec<Tell>>>,
    running: Option<Running>,
}

struct Running {
    journal: Journal,
    judging: tagwerk_alarms::Keeper,
    alarms: tagwerk_alarms::Board,
    keeper: Keeper,
    board: Board,
}

impl Machine {
    fn new() -> Machine {
        let (env, disk, clock) = machine();
        clock.set_wall(1_795_000_000 * S, true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (people, news) = (People::default(), Arc::default());
        let mut machine = Machine { env, disk, clock, runtime, people, news, running: None };
        machine.start();
        machine
    }

    fn start(&mut self) {
        let mut options = Options { commit_by: CommitBy::Caller, ..Options::default() };
        options.reserve_bytes = 0;
        let (journal, _) = Journal::open(&self.env, Path::new("/journal"), options).unwrap();
        let (judging, alarms) = tagwerk_alarms::Keeper::open(&self.env, &journal);
        let held = (Arc::new(NoSecrets) as _, Arc::new(NoCertificates) as _);
        let news = self.news.clone();
        let tell = Arc::new(move |tell| news.lock().unwrap().push(tell));
        let (keeper, board) = {
            let _runtime = self.runtime.enter();
            Keeper::open(&self.env, &journal, alarms.clone(), held, tell)
        };
        board.define(plan(&self.people));
        alarms.define(vec![silent()]);
        self.running = Some(Running { journal, judging, alarms, keeper, board });
    }

    fn kill(&mut self) {
        let Running { journal, .. } = self.running.take().unwrap();
        drop(journal);
        self.disk.kill();
    }

    /// Lets time pass and everybody do their work.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.step();
            self.deliver();
            self.step();
        }
    }

    fn step(&mut self) {
        let running = self.running.as_mut().unwrap();
        while running.judging.step() {}
        while running.keeper.step() {}
    }

    /// What was handed to channels arrives; nobody takes the answer yet.
    fn deliver(&self) {
        self.runtime.block_on(async {
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        });
    }

    fn told(&self) -> Vec<(String, String)> {
        let told = self.people.told.lock().unwrap();
        told.iter().map(|notice| (notice.id.to_string(), notice.subject.clone())).collect()
    }

    fn acknowledge(&self) {
        let alarms = &self.running.as_ref().unwrap().alarms;
        let by = By { name: "eve".into(), comment: None };
        let key = ("silent", "boiler", "flow");
        self.runtime.block_on(alarms.operate(key, &Action::Acknowledge, &by)).unwrap();
    }
}

/// Raised five seconds after the first start, as no sample ever comes.
fn silent() -> Watch {
    let definition = Definition {
        name: "silent".into(),
        priority: Priority::High,
        condition: Condition::Stale { after_ns: 5 * S },
        treatment: Treatment::default(),
        text: None,
        response: None,
    };
    let watched = Watched {
        id: TagId(1),
        device: "boiler".into(),
        name: "flow".into(),
        unit: "".into(),
        data_type: DataType::Float64,
    };
    Watch { definition, tags: vec![watched.into()] }
}

fn plan(people: &People) -> Plan {
    let channel = |name: &str| ChannelOf {
        name: name.into(),
        kind: "people",
        description: None,
        plan: ChannelPlan { open: Arc::new(people.clone()), recipients: vec!["all".into()] },
    };
    let level = |after, to: &str| Level { after_ns: after * S, to: vec![to.into()] };
    let route = Route {
        name: "night".into(),
        description: None,
        chooses: Arc::new(|_, _, _| true),
        priority_min: Priority::Low,
        levels: vec![level(0, "shift"), level(600, "chief")],
        repeat_ns: None,
        cleared: false,
        acknowledged: false,
        quiet: Vec::new(),
        messages_per_hour_max: 60,
    };
    Plan {
        edge: "press-1".into(),
        zone: Zone::utc(),
        public_url: None,
        channels: vec![channel("shift"), channel("chief")],
        routes: vec![route],
        responses: Default::default(),
    }
}

#[test]
fn what_is_told_is_not_told_again_after_a_kill() {
    let mut machine = Machine::new();
    machine.pass(10);
    assert_eq!(machine.told().len(), 1, "{:?}", machine.told());
    for _ in 0..5 {
        machine.kill();
        machine.start();
        machine.pass(30);
    }
    assert_eq!(machine.told().len(), 1, "{:?}", machine.told());
    machine.pass(600);
    let told = machine.told();
    assert_eq!(told[1].1, "Not acknowledged, high: silent on boiler/flow (press-1)");
    assert_eq!(told.len(), 2, "{told:?}");
    let channels = machine.running.as_ref().unwrap().board.channels();
    assert_eq!(channels[0].tally.delivered, 1, "counted through all kills");
}

#[test]
fn a_notice_that_was_under_way_at_a_kill_comes_again_as_the_same() {
    let mut machine = Machine::new();
    while machine.told().is_empty() {
        machine.clock.advance(Duration::from_secs(1));
        machine.step();
        machine.deliver();
    }
    // It arrived, and the edge never came to know.
    machine.kill();
    machine.start();
    machine.pass(20);
    let told = machine.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_notice_waits_for_people_through_kills_and_says_that_it_is_late() {
    let mut machine = Machine::new();
    *machine.people.away.lock().unwrap() = true;
    machine.pass(10);
    machine.kill();
    machine.start();
    machine.pass(800);
    let board = machine.running.as_ref().unwrap().board.clone();
    let channels = board.channels();
    assert_eq!(channels[0].failing.as_ref().unwrap().1, "nobody is there");
    assert_eq!((channels[0].notices, channels[1].notices), (1, 1), "the chief's too");
    machine.kill();
    *machine.people.away.lock().unwrap() = false;
    machine.start();
    machine.pass(5);
    let subjects: Vec<String> = machine.told().into_iter().map(|(_, subject)| subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    let late = subjects.iter().find(|subject| subject.starts_with("High: silent")).unwrap();
    assert!(late.contains("(late: raised at "), "{late}");
    let news = machine.news.lock().unwrap();
    let failing = news.iter().filter(|news| matches!(news, Tell::Failing { .. })).count();
    assert!(failing <= 4, "told once a start and channel: {news:?}");
}

#[test]
fn after_a_day_a_notice_is_given_up() {
    let mut machine = Machine::new();
    *machine.people.away.lock().unwrap() = true;
    machine.pass(20);
    for _ in 0..24 * 13 {
        machine.clock.advance(Duration::from_secs(300));
        machine.pass(1);
    }
    let channels = machine.running.as_ref().unwrap().board.channels();
    assert_eq!((channels[0].tally.given_up, channels[0].notices), (1, 0));
    assert_eq!(machine.told(), []);
    let news = machine.news.lock().unwrap();
    assert!(news.iter().any(|news| matches!(news, Tell::GivenUp { .. })), "{news:?}");
}

#[test]
fn an_acknowledgement_ends_it_through_a_kill() {
    let mut machine = Machine::new();
    machine.pass(10);
    machine.acknowledge();
    machine.kill();
    machine.start();
    machine.pass(1_000);
    assert_eq!(machine.told().len(), 1, "{:?}", machine.told());
}
