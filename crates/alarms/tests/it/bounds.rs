//! What alarms write at most, whatever happens in the plant.

use crate::kills::Machine;
use crate::many::definition;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_alarms::alarm::{Alarms, ChangeKind, Condition, Operator, Shown, Treatment};
use tagwerk_alarms::{CHANGE_KIND, ChangeQuery, Watch, Watched};
use tagwerk_journal::Item;
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, limits,
};

const S: i64 = 1_000_000_000;

fn hot(limit: f64) -> Condition {
    Condition::Above { limit, hysteresis: 0.0 }
}

fn one_watch() -> Vec<Watch> {
    let watched = Watched {
        id: TagId(2),
        device: "boiler".into(),
        name: "temperature".into(),
        unit: "°C".into(),
        data_type: DataType::Float64,
    };
    let definition = definition("hot", hot(90.0), Treatment::default());
    vec![Watch { definition, tags: vec![watched.into()] }]
}

/// Records of changes and of anything else, and the bytes in them.
fn written(machine: &Machine) -> [(usize, usize); 2] {
    let (journal, ..) = machine.running.as_ref().unwrap();
    let mut written = [(0, 0); 2];
    journal.records(&mut |item| {
        if let Item::Record(record) = item {
            let of = &mut written[usize::from(record.kind != CHANGE_KIND)];
            *of = (of.0 + 1, of.1 + record.payload.len());
        }
        ControlFlow::Continue(())
    });
    written
}

#[test]
fn a_hundred_thousand_flaps_write_a_few_kilobytes() {
    let mut machine = Machine::new(limits::ALARM_CHANGES_PER_MINUTE_MAX, one_watch);
    machine.step();
    for flap in 0..100_000 {
        let value = if flap % 2 == 0 { 99.0 } else { 20.0 };
        machine.append([None, Some(value), None]);
        machine.clock.advance(Duration::from_millis(100));
        // A kill now and then makes no difference.
        if flap % 30_000 == 29_999 {
            machine.step();
            machine.kill();
            machine.start();
        }
        if flap % 100 == 0 {
            machine.step();
        }
    }
    machine.step();
    let list = machine.running.as_ref().unwrap().2.list();
    assert_eq!(list[0].raised, 50_000, "its state goes on being judged");
    assert_eq!((list[0].shown, list[0].active), (Shown::ClearedUnacknowledged, false));
    assert_eq!(list[0].chattering, Some(100_000 - 20));
    let [(changes, bytes), (snapshots, snapshot_bytes)] = written(&machine);
    assert_eq!(changes, 21);
    assert!(bytes < 16_384, "{bytes}");
    // Those come with time, not with flaps: one a minute, and one at each start.
    assert!((150..175).contains(&snapshots), "{snapshots}");
    assert!(snapshot_bytes / snapshots < 1_024, "{snapshot_bytes}");

    machine.clock.advance(Duration::from_secs(61));
    machine.step();
    let (_, _, board) = machine.running.as_ref().unwrap();
    let last = board.changes(&ChangeQuery { limit: 1, ..ChangeQuery::default() }).remove(0).1;
    assert_eq!((last.kind, last.count), (ChangeKind::Steady, Some(100_000 - 20)));
    assert_eq!(last.shown(), Some(Shown::ClearedUnacknowledged));
    assert_eq!(last.unit.as_deref(), Some("°C"));
    assert_eq!(board.list()[0].chattering, None);
}

/// A plant that is upset: every alarm of a large edge in one moment, and again each minute.
#[test]
fn a_hundred_thousand_alarms_at_once_are_counted_beyond_a_bound() {
    let tag = |id: u32| TagDefinition {
        id: TagId(id),
        name: format!("t{id}").into(),
        data_type: DataType::Float64,
        unit: "".into(),
    };
    let set = Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: "plant".into(),
        group: "all".into(),
        tags: (0..1_000).map(tag).collect(),
    }));
    let mut builder = BatchBuilder::new(set, vec![None; 1_000].into());
    let mut batch = |value: f64| {
        (0..1_000).for_each(|index| builder.put_f64(index, value));
        builder.batch(0, 0, 1_000)
    };
    let mut alarms = Alarms::default();
    let kinds = (0..100).map(|limit| {
        let definition =
            definition(&format!("over-{limit}"), hot(f64::from(limit)), Treatment::default());
        (definition, (0..1_000).map(|id| TagId(id).into()).collect())
    });
    alarms.define(kinds.collect());
    let mut noted = Vec::new();
    let mut done = Vec::new();
    for minute in 0..3 {
        let value = if minute % 2 == 0 { 1_000.0 } else { -1_000.0 };
        alarms.take(&batch(value), (minute * 60 + 1) * S, &mut noted);
    }
    // What somebody does is told, however much is not.
    alarms.operate(99_999, 122 * S, Operator::Acknowledge, &mut done).unwrap();
    assert_eq!((done.len(), done[0].change.kind), (1, ChangeKind::Acknowledged));
    alarms.advance(600 * S, &mut noted);
    let max = limits::ALARM_CHANGES_PER_MINUTE_MAX as usize;
    assert_eq!(noted.len(), 3 * (max + 1));
    let counts = noted.iter().filter(|noted| noted.place.is_none());
    let counts: Vec<_> =
        counts.map(|n| (n.change.kind, n.change.at_ns / S, n.change.count)).collect();
    let held = 100_000 - max as u64;
    let summary = |at| (ChangeKind::NotWritten, at, held);
    assert_eq!(counts, [summary(61), summary(121), summary(181)]);
    assert_eq!(alarms.not_told(), 3 * held);
    assert!(alarms.instances().iter().all(|instance| instance.alarm.raised() == 2));
    assert_eq!(alarms.flood().at(121 * S), Some((S, 200_000)), "what is not written counts");
}
