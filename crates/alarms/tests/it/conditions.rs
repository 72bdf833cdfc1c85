//! Conditions that look at more than one sample: silence, rates of change, and the distance of two tags.

use crate::many::{batch, definition};
use proptest::prelude::*;
use std::sync::Arc;
use tagwerk_alarms::alarm::{
    Alarms, ChangeKind, Condition, Memory, Noted, Reference, Scalar, Shown, Suppression, Target,
    Treatment, Verdict,
};
use tagwerk_model::{Quality, TagId, ValueRef, limits};

const S: i64 = 1_000_000_000;

/// One alarm of the first tag.
struct Bench {
    alarms: Alarms,
    noted: Vec<Noted>,
}

impl Bench {
    fn new(condition: Condition, treatment: Treatment, target: Target) -> Bench {
        let mut alarms = Alarms::default();
        alarms.define(vec![(definition("it", condition, treatment), vec![target])]);
        Bench { alarms, noted: Vec::new() }
    }

    fn take(&mut self, seconds: i64, values: [Option<f64>; 3]) {
        self.alarms.take(&batch(values), seconds * S, &mut self.noted);
    }

    fn pass(&mut self, seconds: i64) {
        self.alarms.advance(seconds * S, &mut self.noted);
    }

    fn told(&mut self) -> Vec<(i64, ChangeKind)> {
        self.noted.drain(..).map(|n| (n.change.at_ns / S, n.change.kind)).collect()
    }
}

fn plain(condition: Condition) -> Bench {
    Bench::new(condition, Treatment::default(), TagId(1).into())
}

#[test]
fn silence_is_told_at_its_own_time() {
    let mut bench = plain(Condition::Stale { after_ns: 300 * S });
    bench.pass(1_000);
    bench.pass(1_299);
    assert_eq!(bench.told(), []);
    bench.pass(5_000);
    bench.take(5_001, [None; 3]);
    use ChangeKind::{Cleared, Raised};
    assert_eq!(bench.told(), [(1_300, Raised)], "nothing was ever seen of it");
    bench.take(5_002, [Some(1.0), None, None]);
    bench.take(5_100, [None; 3]);
    bench.pass(5_301);
    assert_eq!(bench.told(), [(5_002, Cleared)]);
    bench.pass(9_000);
    assert_eq!(bench.told(), [(5_302, Raised)], "a bad value is no value");
}

#[test]
fn silence_with_a_delay_and_another_time() {
    let treatment = Treatment { on_delay_ns: 10 * S, ..Treatment::default() };
    let define = |after: i64| {
        let condition = Condition::Stale { after_ns: after * S };
        vec![(definition("it", condition, treatment), vec![TagId(1).into()])]
    };
    let mut bench = plain(Condition::Bad);
    bench.alarms.define(define(60));
    bench.take(100, [Some(1.0), None, None]);
    assert_eq!(bench.alarms.due_ns(), Some(160 * S));
    bench.alarms.define(define(90));
    bench.pass(500);
    assert_eq!(bench.told(), [(200, ChangeKind::Raised)]);
}

#[test]
fn a_rise_is_measured_over_a_span() {
    let rising = Condition::Rising { limit: 5.0, hysteresis: 1.0, per_ns: 60 * S };
    let mut bench = plain(rising);
    let mut value = 20.0;
    for second in 0..300 {
        // 6 a minute between 100 s and 200 s.
        value += if (100..200).contains(&second) { 0.1 } else { 0.0 };
        bench.take(second, [Some(value), None, None]);
    }
    let told = bench.told();
    assert_eq!(
        told.iter().map(|(_, kind)| *kind).collect::<Vec<_>>(),
        [ChangeKind::Raised, ChangeKind::Cleared]
    );
    assert!((148..154).contains(&told[0].0), "{told:?}");
    assert!((215..225).contains(&told[1].0), "{told:?}");
}

#[test]
fn a_fall_between_samples_farther_apart_than_the_span_is_taken_as_even() {
    let mut bench = plain(Condition::Falling { limit: 2.0, hysteresis: 0.0, per_ns: 60 * S });
    for (minute, value) in [(0, 100.0), (10, 81.0), (20, 60.0), (30, 60.0)] {
        bench.take(minute * 60, [Some(value), None, None]);
    }
    use ChangeKind::{Cleared, Raised};
    assert_eq!(bench.told(), [(1_200, Raised), (1_800, Cleared)]);
}

#[test]
fn two_tags_are_compared_when_both_are_known() {
    let apart = Condition::Deviation { limit: 5.0, hysteresis: 2.0 };
    let reference = Arc::new(Reference { tag: TagId(3), name: "boiler/return".into() });
    let target = Target { reference: Some(reference), ..TagId(1).into() };
    let mut bench = Bench::new(apart, Treatment::default(), target);
    bench.take(1, [Some(50.0), None, None]);
    bench.take(2, [Some(50.0), None, Some(55.0)]);
    assert_eq!(bench.told(), []);
    bench.take(3, [Some(50.0), None, Some(55.5)]);
    // Both went up in one read: they are not compared in between.
    bench.take(4, [Some(90.0), None, Some(95.5)]);
    bench.take(5, [Some(90.0), None, None]);
    bench.take(6, [Some(90.0), None, Some(93.5)]);
    bench.take(7, [Some(90.0), None, Some(93.0)]);
    use ChangeKind::{Cleared, Raised};
    assert_eq!(bench.told(), [(3, Raised), (7, Cleared)]);
}

fn off() -> Target {
    let reason = "flow is 0".into();
    let suppression = Suppression { tag: TagId(2), equals: Scalar::I64(0), reason };
    Target { suppression: Some(Arc::new(suppression)), ..TagId(1).into() }
}

#[test]
fn a_machine_that_is_off_suppresses_its_alarms() {
    let low = Condition::Below { limit: 10.0, hysteresis: 0.0 };
    let mut bench = Bench::new(low.clone(), Treatment::default(), off());
    // It stops, and what it makes is too low at the same time: nobody is told.
    bench.take(1, [Some(5.0), Some(0.0), None]);
    assert!(bench.noted.iter().all(|noted| !noted.change.announced), "{:?}", bench.noted);
    assert_eq!(bench.alarms.instances()[0].alarm.suppressed(), Some("flow is 0"));
    bench.take(2, [Some(5.0), None, None]);
    assert_eq!(bench.alarms.instances()[0].alarm.shown(), Shown::Suppressed);
    // It starts, and what it makes is good again at the same time: nobody is told either.
    bench.take(3, [Some(50.0), Some(3.0), None]);
    assert!(bench.noted.iter().all(|noted| !noted.change.announced), "{:?}", bench.noted);
    use ChangeKind::{Cleared, Raised, Suppressed, Unsuppressed};
    let expected = [(1, Suppressed), (1, Raised), (3, Cleared), (3, Unsuppressed)];
    assert_eq!(bench.told(), expected);
    bench.take(4, [Some(5.0), Some(0.0), None]);
    bench.noted.clear();
    // An edit that does without ends it, also where no sample comes.
    let plain = vec![(definition("it", low, Treatment::default()), vec![TagId(1).into()])];
    bench.alarms.define(plain);
    bench.pass(9);
    assert_eq!(bench.noted[0].change.kind, Unsuppressed);
    assert!(bench.noted[0].change.announced);
}

fn numbers() -> impl Strategy<Value = Vec<(i64, Option<f64>)>> {
    let value = prop_oneof![
        8 => (-100.0..100.0f64).prop_map(Some),
        1 => Just(Some(f64::INFINITY)),
        1 => Just(Some(f64::NAN)),
        2 => Just(None),
    ];
    prop::collection::vec((0..20i64, value), 1..200)
}

/// The change since the newest value that is a span old, from all values.
fn reference(past: &[(i64, f64)], per: i64, now: i64, value: f64) -> Option<f64> {
    let (then, old) = past.iter().rev().find(|(then, _)| now - then >= per)?;
    Some((value - old) / ((now - then) as f64 / per as f64)).filter(|change| !change.is_nan())
}

proptest! {
    /// As long as samples are not closer than points may lie, nothing is thinned out, and the rate is
    /// that of all samples; always, points stay few, and what is stored comes back as it was.
    #[test]
    fn rates_are_those_of_the_samples(numbers in numbers(), per in 1..100i64) {
        let rising = Condition::Rising { limit: 3.0, hysteresis: 0.0, per_ns: per * S };
        let (mut memory, mut past, mut now) = (Memory::default(), Vec::new(), 0);
        for (after, value) in numbers {
            now += after.max(per / 20 + 1);
            let quality = if value.is_some() { Quality::GOOD } else { Quality::BAD_TIMEOUT };
            let sample = (value.map(ValueRef::F64), quality);
            let verdict = rising.take(&mut memory, false, now * S, sample);
            let known = value.filter(|value| !value.is_nan());
            let change = known.and_then(|value| reference(&past, per, now, value));
            prop_assert_eq!(verdict, change.map_or(Verdict::Unknown, |c| Verdict::from(c > 3.0)));
            past.extend(known.map(|value| (now, value)));
            let stored = serde_json::to_string(&memory).unwrap();
            memory = serde_json::from_str(&stored).unwrap();
        }
    }

    #[test]
    fn points_are_few_and_evenly_thinned(samples in prop::collection::vec(0..2_000_000_000i64, 1..600)) {
        let rising = Condition::Rising { limit: 3.0, hysteresis: 0.0, per_ns: 60 * S };
        let (mut memory, mut now, mut known) = (Memory::default(), 0, None);
        for after in samples {
            now += after;
            let sample = (Some(ValueRef::F64(now as f64 / S as f64)), Quality::GOOD);
            let verdict = rising.take(&mut memory, false, now, sample);
            // One a second is 60 a span, however samples come; known once a span has passed.
            known = known.or((verdict != Verdict::Unknown).then_some(now));
            prop_assert!(verdict != Verdict::NotMet);
            prop_assert!(known.is_none_or(|_| verdict == Verdict::Met));
            let Memory::Past(points) = &memory else { panic!("{memory:?}") };
            prop_assert!(points.len() <= limits::ALARM_RATE_POINTS_MAX);
            let within = points.iter().filter(|(then, _)| now - then >= 60 * S).count();
            prop_assert!(within <= 1, "only one is older than the span");
        }
    }

    /// However time is shown to it, silence is told at the same time.
    #[test]
    fn silence_does_not_depend_on_when_one_looks(
        samples in prop::collection::vec((1..30i64, any::<bool>()), 1..60),
        looks in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut benches = [0; 2].map(|_| plain(Condition::Stale { after_ns: 10 * S }));
        benches.iter_mut().for_each(|bench| bench.pass(0));
        let mut now = 0;
        for ((after, good), look) in samples.into_iter().zip(looks) {
            if look {
                (0..after).for_each(|second| benches[1].pass(now + second));
            }
            now += after;
            let value = good.then_some(1.0);
            benches.iter_mut().for_each(|bench| bench.take(now, [value, None, None]));
        }
        let told = benches.each_mut().map(|bench| {
            bench.pass(now + 100);
            bench.told()
        });
        prop_assert_eq!(&told[0], &told[1]);
        prop_assert!(!told[0].is_empty());
    }
}
