//! One alarm through its life.

use proptest::prelude::*;
use tagwerk_alarms::alarm::{
    Alarm, Change, ChangeKind, ChatterBound, Operator, Refused, Shelf, Shown, Treatment, Verdict,
};

const S: i64 = 1_000_000_000;

struct Bench {
    treatment: Treatment,
    alarm: Alarm,
    changes: Vec<Change>,
}

impl Bench {
    fn new(treatment: Treatment) -> Bench {
        Bench { treatment, alarm: Alarm::default(), changes: Vec::new() }
    }

    fn sample(&mut self, seconds: i64, met: bool) -> Shown {
        let verdict = Verdict::from(met);
        self.alarm.observe(&self.treatment, seconds * S, verdict, &mut self.changes);
        self.alarm.shown()
    }

    fn pass(&mut self, seconds: i64) -> Shown {
        self.alarm.advance(&self.treatment, seconds * S, &mut self.changes);
        self.alarm.shown()
    }

    fn operate(&mut self, seconds: i64, operator: Operator) -> Result<Shown, Refused> {
        let changes = &mut self.changes;
        self.alarm.operate(&self.treatment, seconds * S, operator, changes)?;
        Ok(self.alarm.shown())
    }

    fn suppress(&mut self, seconds: i64, reason: Option<&str>) {
        self.alarm.suppress(&self.treatment, seconds * S, reason, &mut self.changes);
    }

    /// Seconds and kinds of what happened, and whether somebody heard of it.
    fn told(&mut self) -> Vec<(i64, ChangeKind, bool)> {
        self.changes.drain(..).map(|c| (c.at_ns / S, c.kind, c.announced)).collect()
    }
}

fn shelf(until: i64) -> Operator {
    Operator::Shelve(Shelf { by: "eve".into(), comment: "new sensor".into(), until_ns: until * S })
}

#[test]
fn an_alarm_is_raised_acknowledged_and_cleared() {
    let mut bench = Bench::new(Treatment::default());
    assert_eq!(bench.sample(1, false), Shown::Normal);
    assert_eq!(bench.sample(2, true), Shown::Unacknowledged);
    assert_eq!(bench.operate(3, Operator::Acknowledge), Ok(Shown::Acknowledged));
    assert_eq!(bench.operate(4, Operator::Acknowledge), Err(Refused::NothingToAcknowledge));
    assert_eq!(bench.sample(5, false), Shown::Normal);
    assert_eq!(bench.sample(6, true), Shown::Unacknowledged);
    assert_eq!(bench.sample(7, false), Shown::ClearedUnacknowledged);
    assert_eq!(bench.sample(8, true), Shown::Unacknowledged);
    assert_eq!(bench.alarm.unacknowledged(), 2);
    assert_eq!(bench.operate(9, Operator::Acknowledge), Ok(Shown::Acknowledged));
    use ChangeKind::{Acknowledged, Cleared, Raised};
    let expected = [
        (2, Raised, true),
        (3, Acknowledged, true),
        (5, Cleared, true),
        (6, Raised, true),
        (7, Cleared, true),
        (8, Raised, true),
        (9, Acknowledged, true),
    ];
    assert_eq!(bench.told(), expected);
}

#[test]
fn delays_run_by_the_clock_and_begin_anew_when_the_condition_is_over() {
    let delays = Treatment { on_delay_ns: 5 * S, off_delay_ns: 3 * S, ..Treatment::default() };
    let mut bench = Bench::new(delays);
    bench.sample(1, true);
    bench.sample(4, false);
    assert_eq!(bench.pass(7), Shown::Normal);
    bench.sample(10, true);
    assert_eq!(bench.alarm.due_ns(&bench.treatment), Some(15 * S));
    assert_eq!(bench.sample(20, true), Shown::Unacknowledged);
    bench.sample(30, false);
    bench.sample(32, true);
    assert_eq!(bench.pass(34), Shown::Unacknowledged);
    bench.sample(40, false);
    assert_eq!(bench.pass(99), Shown::ClearedUnacknowledged);
    assert_eq!(bench.told(), [(15, ChangeKind::Raised, true), (43, ChangeKind::Cleared, true)]);
}

#[test]
fn three_of_five_samples_raise_an_alarm() {
    let mut bench = Bench::new(Treatment { n_of_m: Some((3, 5)), ..Treatment::default() });
    let met = [true, false, true, false, false, true, true, false, true, false, false, false];
    for (second, met) in (1..).zip(met) {
        bench.sample(second, met);
    }
    use ChangeKind::{Cleared, Raised};
    let expected = [(7, Raised, true), (8, Cleared, true), (9, Raised, true), (11, Cleared, true)];
    assert_eq!(bench.told(), expected);
}

#[test]
fn what_latches_stays_until_somebody_has_seen_and_reset_it() {
    let mut bench = Bench::new(Treatment { latching: true, ..Treatment::default() });
    bench.sample(1, true);
    assert_eq!(bench.operate(2, Operator::Reset), Err(Refused::StillMet));
    assert_eq!(bench.sample(3, false), Shown::ClearedUnacknowledged);
    assert_eq!(bench.operate(4, Operator::Reset), Err(Refused::NotAcknowledged));
    assert_eq!(bench.operate(5, Operator::Acknowledge), Ok(Shown::Latched));
    assert_eq!(bench.operate(6, Operator::Reset), Ok(Shown::Normal));
    assert_eq!(bench.operate(7, Operator::Reset), Err(Refused::NotLatched));
}

#[test]
fn what_happens_on_the_shelf_is_told_when_it_comes_back() {
    let mut bench = Bench::new(Treatment::default());
    assert_eq!(bench.operate(5, shelf(5)), Err(Refused::ShelvedInThePast));
    assert_eq!(bench.operate(5, shelf(60)), Ok(Shown::Shelved));
    assert_eq!(bench.sample(10, true), Shown::Shelved);
    assert_eq!(bench.pass(60), Shown::Unacknowledged);
    assert_eq!(bench.operate(61, Operator::Unshelve), Err(Refused::NotShelved));
    use ChangeKind::{Raised, Shelved, Unshelved};
    let expected = [(5, Shelved, false), (10, Raised, false), (60, Unshelved, true)];
    assert_eq!(bench.told(), expected);
}

#[test]
fn nobody_hears_of_what_is_suppressed_or_out_of_service() {
    let mut bench = Bench::new(Treatment::default());
    bench.suppress(1, Some("boiler is off"));
    assert_eq!(bench.sample(2, true), Shown::Suppressed);
    bench.suppress(3, None);
    assert_eq!(bench.alarm.shown(), Shown::Unacknowledged);
    assert_eq!(bench.operate(4, Operator::TakeOutOfService), Ok(Shown::OutOfService));
    assert_eq!(bench.operate(5, shelf(9)), Err(Refused::OutOfService));
    assert_eq!(bench.sample(6, false), Shown::OutOfService);
    assert_eq!(bench.operate(7, Operator::ReturnToService), Ok(Shown::ClearedUnacknowledged));
    use ChangeKind::{Cleared, InService, OutOfService, Raised, Suppressed, Unsuppressed};
    let expected = [
        (1, Suppressed, false),
        (2, Raised, false),
        (3, Unsuppressed, true),
        (4, OutOfService, false),
        (6, Cleared, false),
        (7, InService, false),
    ];
    assert_eq!(bench.told(), expected);
}

fn chatter(changes: u32, span: i64, steady: i64) -> ChatterBound {
    ChatterBound { changes, span_ns: span * S, steady_ns: steady * S }
}

#[test]
fn what_changes_too_often_is_counted_until_it_is_steady() {
    let mut bench = Bench::new(Treatment { chatter: chatter(3, 60, 60), ..Treatment::default() });
    for second in 1..=9 {
        bench.sample(second, second % 2 == 1);
    }
    assert_eq!((bench.alarm.chattering(), bench.alarm.raised()), (Some(6), 5));
    assert_eq!(bench.operate(10, Operator::Acknowledge), Ok(Shown::Acknowledged));
    assert_eq!(bench.alarm.due_ns(&bench.treatment), Some(69 * S));
    bench.sample(68, false);
    assert_eq!(bench.pass(127), Shown::Normal);
    assert_eq!(bench.alarm.chattering(), Some(7));
    // At its own time, before what the sample says.
    bench.sample(130, true);
    assert_eq!(bench.alarm.chattering(), None);
    let counts: Vec<u64> = bench.changes.iter().map(|change| change.count).collect();
    assert_eq!(counts, [0, 0, 0, 1, 0, 7, 0]);
    use ChangeKind::{Acknowledged, Chattering, Cleared, Raised, Steady};
    let expected = [
        (1, Raised, true),
        (2, Cleared, true),
        (3, Raised, true),
        (4, Chattering, true),
        (10, Acknowledged, true),
        (128, Steady, true),
        (130, Raised, true),
    ];
    assert_eq!(bench.told(), expected);
}

#[test]
fn as_many_changes_as_allowed_in_a_span_are_all_told() {
    let mut bench = Bench::new(Treatment { chatter: chatter(3, 10, 60), ..Treatment::default() });
    for start in [0, 10, 20, 30] {
        for n in 0..3 {
            bench.sample(start + n, (start / 10 + n) % 2 == 0);
        }
    }
    assert_eq!((bench.changes.len(), bench.alarm.chattering()), (12, None));
}

#[derive(Clone, Debug)]
enum Step {
    Sample(i64, Verdict),
    Pass(i64),
    Operate(Operator),
    Suppress(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Met),
        3 => Just(Verdict::NotMet),
        1 => Just(Verdict::Unknown),
    ];
    let step = prop_oneof![
        8 => (0..5i64, verdict).prop_map(|(after, verdict)| Step::Sample(after, verdict)),
        2 => (0..20i64).prop_map(Step::Pass),
        1 => Just(Step::Operate(Operator::Acknowledge)),
        1 => Just(Step::Operate(Operator::Reset)),
        1 => (1..2_000i64).prop_map(|until| Step::Operate(shelf(until))),
        1 => Just(Step::Operate(Operator::Unshelve)),
        1 => Just(Step::Operate(Operator::TakeOutOfService)),
        1 => Just(Step::Operate(Operator::ReturnToService)),
        1 => any::<bool>().prop_map(Step::Suppress),
    ];
    prop::collection::vec(step, 1..120)
}

fn treatments() -> impl Strategy<Value = Treatment> {
    let n_of_m = prop::option::of((1..5u32, 5..9u32));
    let bounds = (1..9u32, 1..30i64, 1..20i64);
    (0..10i64, 0..10i64, n_of_m, any::<bool>(), any::<bool>(), bounds).prop_map(
        |(on, off, n_of_m, latching, acknowledge, (changes, span, steady))| Treatment {
            on_delay_ns: on * S,
            off_delay_ns: off * S,
            n_of_m,
            latching,
            acknowledge,
            chatter: chatter(changes, span, steady),
        },
    )
}

fn take(bench: &mut Bench, now: &mut i64, step: &Step) {
    match step {
        Step::Sample(after, verdict) => {
            *now += after;
            let Bench { treatment, alarm, changes } = bench;
            alarm.observe(treatment, *now * S, *verdict, changes);
        }
        Step::Pass(after) => {
            *now += after;
            bench.pass(*now);
        }
        // What is refused is nothing that happened.
        Step::Operate(operator) => drop(bench.operate(*now, operator.clone())),
        Step::Suppress(on) => {
            bench.suppress(*now, on.then_some("off"));
        }
    }
}

proptest! {
    /// Stored and read at any step, an alarm goes on as if nothing had been; and when time is shown to
    /// it at any moment makes no difference.
    #[test]
    fn a_kill_at_any_step_changes_nothing(
        treatment in treatments(),
        steps in steps(),
        kills in prop::collection::vec(any::<bool>(), 120),
    ) {
        let (mut plain, mut killed) = (Bench::new(treatment), Bench::new(treatment));
        let (mut now, mut other) = (0, 0);
        for (step, kill) in steps.iter().zip(kills) {
            take(&mut plain, &mut now, step);
            take(&mut killed, &mut other, step);
            if kill {
                let stored = serde_json::to_string(&killed.alarm).unwrap();
                killed.alarm = serde_json::from_str(&stored).unwrap();
                killed.pass(other);
            }
            prop_assert_eq!(&plain.changes, &killed.changes);
        }
        prop_assert_eq!(plain.alarm, killed.alarm);
    }

    /// Raised and cleared take turns while all is told, times never go back, and what is told with what
    /// was counted is all that happened.
    #[test]
    fn changes_make_sense(treatment in treatments(), steps in steps()) {
        let (mut bench, mut now) = (Bench::new(treatment), 0);
        let all = Treatment { chatter: chatter(u32::MAX, 1, 1), ..treatment };
        let (mut other, mut then) = (Bench::new(all), 0);
        for step in &steps {
            take(&mut bench, &mut now, step);
            take(&mut other, &mut then, step);
            prop_assert_eq!(bench.alarm.shown(), other.alarm.shown());
        }
        let turns = other.changes.iter().map(|c| c.kind);
        let turns = turns.filter(|k| matches!(k, ChangeKind::Raised | ChangeKind::Cleared));
        for (place, kind) in turns.enumerate() {
            let raised = place % 2 == 0;
            prop_assert_eq!(kind == ChangeKind::Raised, raised);
        }
        prop_assert!(bench.changes.iter().map(|c| c.at_ns).is_sorted());
        let marks = [ChangeKind::Chattering, ChangeKind::Steady];
        let told = bench.changes.iter().filter(|c| !marks.contains(&c.kind)).count() as u64;
        let steady = bench.changes.iter().filter(|c| c.kind == ChangeKind::Steady);
        let counted = steady.map(|c| c.count).sum::<u64>() + bench.alarm.chattering().unwrap_or(0);
        prop_assert_eq!(told + counted, other.changes.len() as u64);
        prop_assert_eq!(bench.alarm.raised(), other.alarm.raised());
    }
}
