//! All alarms together, over batches of samples.

use std::sync::Arc;
use tagwerk_alarms::alarm::{
    AlarmKey, Alarms, ChangeKind, Condition, Definition, Noted, Priority, Shown, Treatment,
};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
};

const S: i64 = 1_000_000_000;

pub fn set() -> Arc<TagSet> {
    let tag = |id: u32, name: &str| TagDefinition {
        id: TagId(id),
        name: name.into(),
        data_type: DataType::Float64,
        unit: "°C".into(),
    };
    Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: "boiler".into(),
        group: "process".into(),
        tags: vec![tag(1, "flow"), tag(2, "temperature"), tag(3, "return")],
    }))
}

pub fn batch(values: [Option<f64>; 3]) -> SampleBatch {
    let set = set();
    let mut builder = BatchBuilder::new(set, vec![None; 3].into());
    for (index, value) in values.into_iter().enumerate() {
        match value {
            Some(value) => builder.put_f64(index, value),
            None => builder.put_quality(index, Quality::BAD_TIMEOUT),
        }
    }
    builder.batch(0, 0, 3)
}

pub fn definition(name: &str, condition: Condition, treatment: Treatment) -> Definition {
    Definition {
        name: name.into(),
        priority: Priority::High,
        condition,
        treatment,
        text: None,
        response: None,
    }
}

fn hot(limit: f64) -> Definition {
    let above = Condition::Above { limit, hysteresis: 1.0 };
    definition("hot", above, Treatment::default())
}

fn told(alarms: &Alarms, noted: &mut Vec<Noted>) -> Vec<(u32, i64, ChangeKind)> {
    let of = |n: Noted| {
        let instance = &alarms.instances()[n.place.unwrap()];
        (instance.tag.0, n.change.at_ns / S, n.change.kind)
    };
    noted.drain(..).map(of).collect()
}

#[test]
fn each_tag_has_an_alarm_of_its_own() {
    let (mut alarms, mut noted) = (Alarms::default(), Vec::new());
    let lost = definition(
        "lost",
        Condition::Bad,
        Treatment { on_delay_ns: 10 * S, ..Treatment::default() },
    );
    alarms.define(vec![
        (hot(90.0), vec![TagId(2).into(), TagId(3).into()]),
        (lost, vec![TagId(2).into()]),
    ]);
    alarms.take(&batch([Some(99.0), Some(95.0), Some(20.0)]), S, &mut noted);
    assert_eq!(told(&alarms, &mut noted), [(2, 1, ChangeKind::Raised)]);
    alarms.take(&batch([None, None, None]), 2 * S, &mut noted);
    assert_eq!((noted.len(), alarms.due_ns()), (0, Some(12 * S)));
    alarms.advance(60 * S, &mut noted);
    assert_eq!(told(&alarms, &mut noted), [(2, 12, ChangeKind::Raised)]);
    alarms.take(&batch([None, Some(50.0), Some(91.0)]), 70 * S, &mut noted);
    let mut all = told(&alarms, &mut noted);
    all.sort_by_key(|(tag, _, kind)| (*tag, *kind == ChangeKind::Raised));
    use ChangeKind::{Cleared, Raised};
    assert_eq!(all, [(2, 70, Cleared), (2, 70, Cleared), (3, 70, Raised)]);
}

#[test]
fn an_edit_keeps_what_is_still_there() {
    let (mut alarms, mut noted) = (Alarms::default(), Vec::new());
    let of = |tags: [u32; 2]| tags.map(|tag| TagId(tag).into()).to_vec();
    assert!(alarms.define(vec![(hot(90.0), of([2, 3]))]));
    assert!(!alarms.define(vec![(hot(90.0), of([2, 3]))]), "the same again");
    alarms.take(&batch([None, Some(95.0), Some(95.0)]), S, &mut noted);
    noted.clear();
    assert!(alarms.define(vec![(hot(97.0), of([1, 3]))]));
    let key = |tag| AlarmKey { name: "hot".into(), tag };
    assert_eq!(alarms.find(&key(2)), None);
    let shown =
        |alarms: &Alarms, tag| alarms.instances()[alarms.find(&key(tag)).unwrap()].alarm.shown();
    assert_eq!((shown(&alarms, 1), shown(&alarms, 3)), (Shown::Normal, Shown::Unacknowledged));
    alarms.take(&batch([None, None, Some(95.5)]), 2 * S, &mut noted);
    assert_eq!(told(&alarms, &mut noted), [(3, 2, ChangeKind::Cleared)]);
}

#[test]
fn what_was_written_down_goes_on() {
    let delayed = Treatment { on_delay_ns: 10 * S, ..Treatment::default() };
    let define = || {
        let above = Condition::Above { limit: 90.0, hysteresis: 0.0 };
        let mut alarms = Alarms::default();
        alarms.define(vec![(definition("hot", above, delayed), vec![TagId(2).into()])]);
        alarms
    };
    let (mut first, mut second, mut noted) = (define(), define(), Vec::new());
    first.take(&batch([None, Some(95.0), None]), S, &mut noted);
    let instance = &first.instances()[0];
    assert!(second.restore(&instance.key(), instance.alarm.clone()));
    assert!(!second.restore(&AlarmKey { name: "gone".into(), tag: 2 }, instance.alarm.clone()));
    second.advance(11 * S, &mut noted);
    assert_eq!(told(&second, &mut noted), [(2, 11, ChangeKind::Raised)]);
}
