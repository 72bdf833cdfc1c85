//! A desk over made-up days: alarms come and go, and what is told is held against what should be.

use super::*;
use crate::episode::About;
use crate::plan::{ChannelOf, Level, Route};
use crate::quiet::{Quiet, Zone};
use crate::record::{Made, Replay, Snapshot};
use crate::words;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_alarms::alarm::{Priority, Shown};
use tagwerk_component::{BoxFuture, ChannelContext, ChannelPlan, OpenChannel, Told};

const S: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * S;
/// 2026-11-22 00:00 UTC, a Sunday.
const MIDNIGHT: i64 = 1_795_305_600 * S;

struct Deaf;

impl OpenChannel for Deaf {
    fn tell<'a>(
        &'a self,
        _: &'a ChannelContext,
        _: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>> {
        Box::pin(async move { Told::all(to, &Ok(String::new())) })
    }
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

pub(crate) fn route(levels: &[(i64, &[&str])]) -> Route {
    let level = |(after, to): &(i64, &[&str])| Level { after_ns: after * S, to: names(to) };
    Route {
        name: "r".into(),
        description: None,
        chooses: Arc::new(|_, _, _| true),
        priority_min: Priority::Low,
        levels: levels.iter().map(level).collect(),
        repeat_ns: None,
        cleared: false,
        acknowledged: false,
        quiet: Vec::new(),
        messages_per_hour_max: 360,
    }
}

pub(crate) fn plan(route: Route) -> Plan {
    let channel = |name: &str| ChannelOf {
        name: name.into(),
        kind: "deaf",
        description: None,
        plan: ChannelPlan { open: Arc::new(Deaf), recipients: names(&["x", "y"]) },
    };
    Plan {
        edge: "press-1".into(),
        zone: Zone::utc(),
        public_url: None,
        channels: ["a", "b", "c"].map(channel).to_vec(),
        routes: vec![route],
        responses: HashMap::new(),
    }
}

/// What the journal holds.
enum Record {
    Change(Heard),
    Made(Made),
    Outcome(Outcome),
    Snapshot(Snapshot),
}

/// A desk with its journal, and alarms that come and go by hand.
struct Rig {
    plan: Plan,
    desk: Desk,
    records: Vec<Record>,
    now_ns: i64,
    /// Of each alarm: active, and how often it was raised since it was acknowledged.
    alarms: HashMap<usize, (bool, u32)>,
    /// When, by which channel, and about what.
    told: Vec<(i64, Box<str>, Vec<Why>, Notice)>,
    delivers: bool,
}

impl Rig {
    fn new(plan: Plan, begin_ns: i64) -> Rig {
        let (desk, alarms) = (Desk::default(), HashMap::new());
        let mut rig = Rig {
            plan,
            desk,
            records: Vec::new(),
            now_ns: begin_ns,
            alarms,
            told: Vec::new(),
            delivers: true,
        };
        rig.desk.advance(begin_ns, &rig.plan);
        rig.snapshot();
        rig
    }

    fn snapshot(&mut self) {
        let position = Some(self.records.len() as u64);
        let parts = Snapshot::of(&self.desk, position);
        self.records.extend(parts.into_iter().map(Record::Snapshot));
    }

    fn change(&mut self, alarm: usize, kind: ChangeKind) {
        let (active, raised) = self.alarms.entry(alarm).or_default();
        match kind {
            ChangeKind::Raised if !*active => (*active, *raised) = (true, *raised + 1),
            ChangeKind::Cleared if *active => *active = false,
            ChangeKind::Acknowledged if *raised > 0 => *raised = 0,
            ChangeKind::Shelved => (*active, *raised) = (false, 0),
            _ => return,
        }
        let shown = match (*active, *raised > 0) {
            (true, true) => Shown::Unacknowledged,
            (true, false) => Shown::Acknowledged,
            (false, true) => Shown::ClearedUnacknowledged,
            (false, false) => Shown::Normal,
        };
        let heard = Heard {
            key: Key {
                alarm: format!("alarm-{alarm}").into(),
                device: "d".into(),
                tag: "t".into(),
            },
            kind,
            announced: true,
            shown,
            at_ns: self.now_ns,
            by: Some("anna".into()),
            comment: None,
            about: About {
                priority: [Priority::Low, Priority::High, Priority::Critical][alarm % 3],
                unix_ns: self.now_ns,
                value: None,
                unit: None,
                text: None,
            },
        };
        self.records.push(Record::Change(heard.clone()));
        self.desk.take(&heard, &self.plan);
    }

    fn raise(&mut self, alarm: usize) {
        self.change(alarm, ChangeKind::Raised);
    }

    /// Lets seconds pass.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now_ns += S;
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.desk.advance(self.now_ns, &self.plan);
        if self.delivers {
            let letters: Vec<u64> = self.desk.letters.keys().copied().collect();
            for id in letters {
                let outcome = Outcome {
                    id,
                    unix_ns: self.now_ns,
                    delivered: names(&["x", "y"]),
                    ..Outcome::default()
                };
                self.desk.settle(&outcome);
                self.records.push(Record::Outcome(outcome));
            }
        }
        for (place, taken) in self.desk.ready(&self.plan, self.now_ns) {
            let leg = &self.desk.legs[place];
            let (route, channel) = (leg.route.clone(), leg.channel.clone());
            let (id, way) = (self.desk.next_id, (&*route, &*channel));
            let told = leg.clone().take(taken, id, self.now_ns);
            let why = told.0.iter().map(|entry| entry.why).collect();
            let letter = words::letter(&self.plan, way, told, (id, self.now_ns, self.now_ns));
            self.told.push((self.now_ns, channel.clone(), why, letter.notice.clone()));
            let position = self.records.len() as u64;
            let made = Made { at_ns: self.now_ns, position, taken, letter: letter.clone() };
            self.records.push(Record::Made(made));
            self.desk.hand_over(way, taken, |_, _| letter);
        }
    }

    /// What a start after a kill at this moment makes of the journal.
    fn restarted(&self) -> Desk {
        let mut replay = Replay::default();
        for (seq, record) in self.records.iter().enumerate() {
            // As it comes back from disk.
            match record {
                Record::Change(heard) => replay.change(seq as u64, heard.clone()),
                Record::Made(made) => replay.made(through_json(made), &self.plan),
                Record::Outcome(outcome) => replay.outcome(&through_json(outcome)),
                Record::Snapshot(part) => replay.snapshot(through_json(part)),
            }
        }
        let (mut desk, _) = replay.end(self.records.len() as u64, &self.plan).unwrap();
        desk.advance(self.now_ns, &self.plan);
        desk
    }

    /// Seconds at which a channel told of the alarm.
    fn told_of(&self, alarm: usize, channel: &str) -> Vec<i64> {
        let name = format!("alarm-{alarm}");
        let of = |(_, by, _, notice): &&(i64, Box<str>, Vec<Why>, Notice)| {
            **by == *channel && notice.alarms.iter().any(|alarm| *alarm.alarm == *name)
        };
        self.told.iter().filter(of).map(|(at_ns, ..)| at_ns / S).collect()
    }

    fn whys(&self, channel: &str) -> Vec<(i64, Vec<Why>)> {
        let of = self.told.iter().filter(|(_, by, ..)| **by == *channel);
        of.map(|(at_ns, _, why, _)| (at_ns / S, why.clone())).collect()
    }
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

fn assert_same(kept: &Desk, made_anew: &Desk) {
    assert_eq!(kept.episodes, made_anew.episodes);
    assert_eq!(kept.letters, made_anew.letters);
    assert_eq!(kept.next_id, made_anew.next_id);
    assert_eq!(kept.channels, made_anew.channels);
    let legs = |desk: &Desk| {
        let mut legs = desk.legs.clone();
        legs.sort_by(|a, b| (&a.route, &a.channel).cmp(&(&b.route, &b.channel)));
        legs
    };
    assert_eq!(legs(kept), legs(made_anew));
}

#[test]
fn an_alarm_is_told_escalated_and_repeated_until_it_is_acknowledged() {
    let mut way = route(&[(0, &["a"]), (600, &["b"])]);
    (way.repeat_ns, way.cleared, way.acknowledged) = (Some(5 * MINUTE), true, true);
    let mut rig = Rig::new(plan(way), 0);
    rig.raise(1);
    rig.pass(1_000);
    rig.change(1, ChangeKind::Acknowledged);
    rig.pass(1_000);
    rig.change(1, ChangeKind::Cleared);
    rig.pass(1_000);
    use Why::*;
    let expected = [
        (1, vec![Raised]),
        (301, vec![Repeated]),
        (601, vec![Repeated]),
        (901, vec![Repeated]),
        (1_001, vec![Acknowledged]),
        (2_001, vec![Cleared]),
    ];
    assert_eq!(rig.whys("a"), expected);
    let expected = [
        (601, vec![Escalated]),
        (901, vec![Repeated]),
        (1_001, vec![Acknowledged]),
        (2_001, vec![Cleared]),
    ];
    assert_eq!(rig.whys("b"), expected);
    assert_eq!(rig.desk.episodes.len(), 0);
}

#[test]
fn who_is_told_late_hears_nothing_of_what_was_over_or_seen_in_time() {
    let mut way = route(&[(60, &["a"]), (120, &["b"])]);
    way.cleared = true;
    let mut rig = Rig::new(plan(way), 0);
    (0..3).for_each(|alarm| rig.raise(alarm));
    rig.pass(30);
    rig.change(0, ChangeKind::Cleared);
    rig.change(1, ChangeKind::Acknowledged);
    rig.change(2, ChangeKind::Shelved);
    rig.pass(300);
    assert_eq!(rig.told.len(), 0);
    // It comes again, and nobody has acknowledged the first time.
    rig.raise(0);
    rig.pass(300);
    assert_eq!((rig.told_of(0, "a"), rig.told_of(0, "b")), (vec![391], vec![451]));
}

#[test]
fn an_alarm_that_comes_again_is_told_again() {
    let mut rig = Rig::new(plan(route(&[(0, &["a"]), (600, &["b"])])), 0);
    for _ in 0..4 {
        rig.raise(0);
        rig.pass(100);
        rig.change(0, ChangeKind::Cleared);
        rig.pass(100);
    }
    assert_eq!(rig.told_of(0, "a"), [1, 201, 401, 601]);
    // Since when nobody acknowledged it counts, not since when it came last.
    assert_eq!(rig.told_of(0, "b"), [601]);
    assert_eq!(rig.told.last().unwrap().3.alarms[0].occurrences, 4);
}

#[test]
fn a_flood_is_one_message() {
    let mut rig = Rig::new(plan(route(&[(0, &["a"])])), 0);
    (0..2_000).for_each(|alarm| rig.raise(alarm));
    rig.pass(60);
    assert_eq!(rig.told.len(), 1);
    let notice = &rig.told[0].3;
    assert_eq!((notice.alarms.len(), notice.more), (limits::NOTIFY_LISTED_MAX, 1_950));
    assert_eq!(notice.subject, "2000 alarms, the highest critical (press-1)");
    assert_eq!(&*notice.alarms[0].priority, "critical", "the most urgent first");
}

#[test]
fn during_an_outage_of_a_channel_alarms_gather() {
    let mut rig = Rig::new(plan(route(&[(0, &["a"])])), 0);
    rig.delivers = false;
    for alarm in 0..5 {
        rig.raise(alarm);
        rig.pass(60);
    }
    rig.change(3, ChangeKind::Acknowledged);
    rig.change(2, ChangeKind::Cleared);
    assert_eq!(rig.told.len(), 1, "one is tried, the others wait");
    rig.delivers = true;
    rig.pass(60);
    assert_eq!(rig.told.len(), 2);
    let names: Vec<&str> = rig.told[1].3.alarms.iter().map(|alarm| &*alarm.alarm).collect();
    assert_eq!(names, ["alarm-2", "alarm-1", "alarm-4"], "but for the one that somebody saw");
    assert_eq!(&*rig.told[1].3.alarms[0].state, "over");
}

#[test]
fn over_the_limit_of_an_hour_alarms_gather_and_critical_ones_do_not_wait_long() {
    let mut way = route(&[(0, &["a"])]);
    way.messages_per_hour_max = 3;
    let mut rig = Rig::new(plan(way), 0);
    for alarm in 0..6 {
        rig.raise(alarm * 3);
        rig.pass(20);
    }
    assert_eq!(rig.told.len(), 3);
    rig.raise(2);
    rig.pass(61);
    assert_eq!(rig.told_of(2, "a").len(), 1, "critical");
    assert_eq!(rig.told[3].3.alarms.len(), 1);
    rig.pass(3_600);
    assert_eq!(rig.told[4].3.alarms.len(), 3, "what was held back comes together");
}

#[test]
fn more_changes_than_are_written_are_told_on_every_route() {
    let mut rig = Rig::new(plan(route(&[(60, &["a"])])), 0);
    rig.change(0, ChangeKind::Shelved);
    let Some(Record::Change(heard)) = rig.records.pop() else { panic!() };
    rig.desk.take(&Heard { kind: ChangeKind::NotWritten, ..heard }, &rig.plan);
    rig.pass(100);
    assert_eq!(rig.told_of(0, "a"), [1]);
}

#[test]
fn a_letter_that_one_recipient_refuses_goes_on_to_the_other() {
    let mut rig = Rig::new(plan(route(&[(0, &["a"])])), 0);
    rig.delivers = false;
    rig.raise(0);
    rig.pass(2);
    let refused = vec![("x".into(), "no such user".into())];
    rig.desk.settle(&Outcome { id: 0, refused, ..Outcome::default() });
    assert_eq!(rig.desk.letters[&0].to, names(&["y"]));
    rig.desk.settle(&Outcome { id: 0, delivered: names(&["y"]), ..Outcome::default() });
    assert!(rig.desk.letters.is_empty() && rig.desk.legs[0].under_way.is_none());
    let tally = &rig.desk.channels["a"];
    assert_eq!((tally.delivered, tally.refused), (1, 1));
    rig.raise(3);
    rig.pass(86_500);
    let letter = rig.desk.letters[&1].clone();
    assert!(rig.desk.is_stale(&letter));
    let given_up = Some("it was down".into());
    rig.desk.settle(&Outcome { id: 1, given_up, ..Outcome::default() });
    assert_eq!(rig.desk.channels["a"].given_up, 2);
    assert!(rig.desk.letters.is_empty());
}

#[test]
fn what_a_new_plan_leads_nowhere_is_dropped_and_the_rest_goes_on() {
    let mut rig = Rig::new(plan(route(&[(0, &["a"]), (600, &["b"])])), 0);
    rig.delivers = false;
    rig.raise(0);
    rig.pass(2);
    rig.plan = plan(route(&[(0, &["c"]), (300, &["b"])]));
    assert_eq!(rig.desk.follow(&rig.plan), 1);
    rig.delivers = true;
    rig.pass(400);
    assert_eq!(rig.told_of(0, "b"), [301], "earlier than it was");
    rig.plan.routes[0].name = "other".into();
    rig.desk.follow(&rig.plan);
    rig.pass(4_000);
    assert_eq!(rig.told.len(), 2, "a new route tells of what comes after it");
}

/// Seconds until something happens, to which alarm, and what.
fn happenings() -> impl Strategy<Value = Vec<(i64, usize, ChangeKind)>> {
    use ChangeKind::{Acknowledged, Cleared, Raised};
    let kind = prop::sample::select(vec![Raised, Raised, Cleared, Cleared, Acknowledged]);
    prop::collection::vec((prop_oneof![0i64..5, 0i64..900], 0usize..3, kind), 1..20)
}

fn night(up_to: Priority) -> Quiet {
    Quiet { days: [true; 7], from: 22 * 60, to: 6 * 60, up_to }
}

proptest! {
    #[test]
    fn every_level_is_told_at_its_time_unless_somebody_acknowledged(what in happenings()) {
        let levels: &[(i64, &str)] = &[(0, "a"), (600, "b"), (1_200, "c")];
        let mut rig = Rig::new(plan(route(&[(0, &["a"]), (600, &["b"]), (1_200, &["c"])])), 0);
        // Since when each alarm is unacknowledged, in seconds, and until when.
        let mut open: HashMap<usize, i64> = HashMap::new();
        let mut spans: Vec<(usize, i64, i64)> = Vec::new();
        for (seconds, alarm, kind) in what {
            rig.pass(seconds);
            let now = rig.now_ns / S;
            let raised = |rig: &Rig| rig.alarms.get(&alarm).is_some_and(|(_, raised)| *raised > 0);
            let before = raised(&rig);
            rig.change(alarm, kind);
            match (before, raised(&rig)) {
                (false, true) => drop(open.insert(alarm, now)),
                (true, false) => spans.extend(open.remove(&alarm).map(|from| (alarm, from, now))),
                _ => {}
            }
        }
        rig.pass(3_000);
        let end = rig.now_ns / S;
        spans.extend(open.into_iter().map(|(alarm, from)| (alarm, from, end)));
        for (alarm, from, to) in spans {
            for (after, channel) in levels {
                // Within what gathers and keeps messages apart.
                let (due, latest) = (from + after, from + after + 12);
                let told = rig.told_of(alarm, channel);
                let in_time = told.iter().any(|at| (due..=latest).contains(at));
                prop_assert!(in_time || to <= latest, "{alarm} {channel} {from} {to}: {told:?}");
                if *after > 0 && to <= due {
                    let told = told.iter().any(|at| (from..=to).contains(at));
                    prop_assert!(!told, "{alarm} was acknowledged before {channel} was due");
                }
            }
        }
    }

    #[test]
    fn in_quiet_times_only_what_is_more_urgent_is_told(
        what in happenings(),
        begin in 0i64..86_400,
        up_to in prop::sample::select(vec![Priority::Low, Priority::High, Priority::Critical]),
    ) {
        let mut way = route(&[(0, &["a"]), (600, &["b"])]);
        (way.quiet, way.repeat_ns) = (vec![night(up_to)], Some(10 * MINUTE));
        let mut rig = Rig::new(plan(way), MIDNIGHT + begin * S);
        for (seconds, alarm, kind) in what {
            rig.pass(seconds);
            rig.change(alarm, kind);
        }
        rig.pass(900);
        let open: Vec<usize> = rig.alarms.iter().filter(|(_, a)| a.1 > 0).map(|a| *a.0).collect();
        while night(up_to).holds(rig.plan.zone, rig.now_ns) {
            rig.now_ns += 10 * MINUTE;
            rig.tick();
        }
        rig.pass(20);
        for (at_ns, _, _, notice) in &rig.told {
            let held = night(up_to).holds(rig.plan.zone, *at_ns).then_some(up_to.name());
            let order = ["low", "medium", "high", "critical"];
            let rank = |name: &str| order.iter().position(|known| *known == name).unwrap();
            let least = notice.alarms.iter().map(|alarm| rank(&alarm.priority)).min().unwrap();
            prop_assert!(held.is_none_or(|held| least > rank(held)), "{notice:?}");
        }
        for alarm in open {
            prop_assert!(!rig.told_of(alarm, "a").is_empty(), "{alarm} was never told");
        }
    }

    #[test]
    fn a_start_at_any_moment_goes_on_as_if_it_had_not_been(
        what in happenings(),
        outages in prop::collection::vec(any::<bool>(), 20),
        snapshots in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut way = route(&[(30, &["a", "b"]), (600, &["b"]), (1_200, &["a", "c"])]);
        (way.repeat_ns, way.cleared, way.acknowledged) = (Some(7 * MINUTE), true, true);
        (way.quiet, way.messages_per_hour_max) = (vec![night(Priority::Low)], 9);
        let mut rig = Rig::new(plan(way), MIDNIGHT + 21 * 60 * MINUTE);
        for (place, (seconds, alarm, kind)) in what.into_iter().enumerate() {
            rig.delivers = outages[place];
            rig.pass(seconds);
            if snapshots[place] {
                rig.snapshot();
            }
            rig.change(alarm, kind);
            let again = rig.restarted();
            assert_same(&rig.desk, &again);
            rig.desk = again;
        }
    }
}
