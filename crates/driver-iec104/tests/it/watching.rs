//! What stations report, and what is said of tags that they do not: interrogations, several
//! stations on a link, counters, clocks, reads, browsing.

use crate::rig::{Far, Heard, Rig, counter, fault, float, plan, reports, settings, single, watch};
use serde_json::json;
use tagwerk_component::{BrowseRequest, Fault, WatchId};
use tagwerk_env::WallTime;
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_proto_iec104::{
    Cause, Cp24, Cp56, Element, Header, Object, Quality as Bits, Sign, TimeTag, TypeId,
};
use tokio::sync::mpsc;

const TAGS: [(&str, DataType); 3] = [
    ("M_ME_NC_1:1001", DataType::Float32),
    ("M_SP_NA_1:100", DataType::Bool),
    ("M_ME_NC_1:1002", DataType::Float32),
];

#[tokio::test(start_paused = true)]
async fn tags_that_nothing_reports_are_said_to_be_missing() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 21.5), single(100, true), float(7, 1.0)]).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 3).await.unwrap();
    assert_eq!((got[0].tag, got[0].value.clone()), (0, Some(Value::F64(21.5))));
    assert_eq!((got[1].tag, got[1].value.clone()), (1, Some(Value::Bool(true))));
    assert_eq!((got[2].tag, got[2].quality), (2, Quality::BAD_WAITING));
    assert_eq!(counter(&mut *session, "objects without a tag"), 1);
    assert!(rig.traced("station 47: no interrogation reported 1002"));

    // A group that is watched later has its present values at once.
    let both = [watch(1, &rig.plan), watch(2, &rig.plan)];
    session.watch(&both).await.unwrap();
    let got = reports(&mut *session, 3).await.unwrap();
    assert!(got.iter().all(|report| report.watch == WatchId(2)), "{got:?}");
    assert_eq!(got[2].quality, Quality::BAD_WAITING);
}

#[tokio::test(start_paused = true)]
async fn an_interrogation_that_is_refused_or_not_answered_is_named() {
    let rig = Rig::new(json!({}), &TAGS[..1]);
    rig.station(|mut far| async move {
        far.start().await;
        let heard = far.asdu().await;
        far.mirror(&heard, Cause::UNKNOWN_COMMON_ADDRESS, Sign::Negative).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 1).await.unwrap();
    assert_eq!(got[0].quality, Quality::BAD_UNKNOWN_ADDRESS.with_detail(46));
    drop(session);

    let rig = Rig::new(json!({}), &TAGS[..1]);
    rig.station(|mut far| async move {
        far.start().await;
        far.asdu().await;
        far.acknowledge().await;
        // It is asked again after a minute.
        far.interrogated(&[float(1001, 3.0)]).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 2).await.unwrap();
    assert_eq!(got[0].quality, Quality::BAD_TIMEOUT);
    assert_eq!(got[1].value, Some(Value::F64(3.0)));
    assert_eq!(counter(&mut *session, "requests failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_lost_within_an_interrogation_is_interrogated_anew() {
    let rig = Rig::new(json!({}), &TAGS);
    let (tell, mut told) = mpsc::channel(8);
    rig.station(move |mut far| {
        let tell = tell.clone();
        async move {
            far.start().await;
            let heard = far.asdu().await;
            far.mirror(&heard, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
            far.data(Cause::INTERROGATED, &[float(1001, 1.0)]).await;
            tell.send(heard).await.unwrap();
        }
    });
    for _ in 0..2 {
        let mut session = rig.watched().await;
        let (got, _) = fault(&mut *session).await;
        assert_eq!(got.len(), 1, "what came is reported");
        assert!(matches!(told.recv().await, Some(Heard::Asdu { type_id: TypeId::C_IC_NA_1, .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn interrogations_come_at_their_interval_and_after_the_end_of_initialisation() {
    let rig = Rig::new(json!({ "interrogation_interval": "30s", "interrogation_group": 3 }), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        for n in 0..3u8 {
            far.interrogated(&[float(1001, n.into())]).await;
        }
        let header = Header::new(TypeId::M_EI_NA_1, Cause::INITIALISED, 47);
        let element = Element::EndOfInitialisation { cause: 0, changed: false };
        far.say(header, &[Object::new(0, element)]).await;
        far.interrogated(&[float(1001, 9.0)]).await;
        far.stay().await;
    });
    let begun = rig.context.env.clock.now();
    let mut session = rig.watched().await;
    let mut values = Vec::new();
    while values.len() < 4 {
        let got = reports(&mut *session, 1).await.unwrap();
        values.extend(got.into_iter().filter(|report| report.tag == 0).map(|r| r.value.unwrap()));
    }
    assert_eq!(values, [0.0, 1.0, 2.0, 9.0].map(Value::F64));
    let took = rig.context.env.clock.now().since(begun).as_secs_f64();
    assert!((60.0..61.0).contains(&took), "{took}");
    assert!(rig.traced("C_IC_NA_1 (interrogation), activation, station 47: qualifier 23"));
}

#[tokio::test(start_paused = true)]
async fn stations_of_one_address_share_a_link() {
    let rig = Rig::new(json!({}), &TAGS[..1]);
    let other = plan(&settings(json!({ "common_address": 48 })), &TAGS[..1]);
    assert_eq!(other.link, rig.plan.link);
    let apart = plan(&settings(json!({ "k": 20 })), &TAGS[..1]);
    assert_ne!(apart.link, rig.plan.link, "another k is another connection");
    rig.station(|mut far| async move {
        far.start().await;
        for value in [47.0, 48.0] {
            let heard = far.asdu().await;
            let Heard::Asdu { station, .. } = heard else { panic!() };
            assert_eq!(f32::from(station), value);
            let header = Header::new(TypeId::M_ME_NC_1, Cause::INTERROGATED, station);
            far.say(header, &[float(1001, value)]).await;
            far.mirror(&heard, Cause::ACTIVATION_TERMINATION, Sign::Positive).await;
        }
        far.stay().await;
    });
    let mut session = rig.open().await;
    session.watch(&[watch(47, &rig.plan), watch(48, &other)]).await.unwrap();
    let mut got = reports(&mut *session, 2).await.unwrap();
    got.sort_by_key(|report| report.watch);
    for (report, number) in got.iter().zip([47u16, 48]) {
        assert_eq!(report.watch, WatchId(number.into()));
        assert_eq!(report.value, Some(Value::F64(number.into())));
    }
}

/// What comes of one object for a tag.
async fn reported(
    tag: (&str, DataType),
    more: serde_json::Value,
    object: Object,
) -> (Option<Value>, Quality, Option<i64>) {
    let rig = Rig::new(more, &[tag]);
    rig.station(move |mut far: Far| async move {
        far.start().await;
        far.asdu().await;
        far.data(Cause::SPONTANEOUS, &[object]).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let report = reports(&mut *session, 1).await.unwrap().remove(0);
    (report.value, report.quality, report.source_time)
}

#[tokio::test(start_paused = true)]
async fn quality_bits_are_qualities() {
    let tag = ("M_ME_NC_1:1", DataType::Float32);
    for (bits, quality, detail) in [
        (0, Quality::GOOD, 0),
        (0x80, Quality::BAD, 0x80),
        (0xC0, Quality::BAD, 0xC0),
        (0x40, Quality::UNCERTAIN_LAST_USABLE, 0x40),
        (0x10, Quality::UNCERTAIN_LAST_USABLE, 0x10),
        (0x20, Quality::UNCERTAIN, 0x20),
        (0x01, Quality::UNCERTAIN, 0x01),
    ] {
        let object = Object::new(1, Element::Float { value: 1.5, quality: Bits(bits) });
        let value = (!quality.is_bad()).then_some(Value::F64(1.5));
        let wanted = (value, quality.with_detail(detail), None);
        assert_eq!(reported(tag, json!({}), object).await, wanted, "{bits:02x}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_tags_are_source_times() {
    let tag = ("M_SP_NA_1:1", DataType::Bool);
    let on = Element::Single { on: true, quality: Bits::GOOD };
    // The clock of the test begins at 2026-01-01T00:00:00Z.
    let time = Cp56::from_local_ms(1_767_225_600_000 + 3_600_000).unwrap();
    let at = |time| Object { address: 1, element: on, time: Some(TimeTag::Cp56(time)) };
    let zone = json!({ "time_zone": "+01:00" });
    let good = (Some(Value::Bool(true)), Quality::GOOD, Some(1_767_225_600_000_000_000));
    assert_eq!(reported(tag, zone.clone(), at(time)).await, good);
    let summer = Cp56 { summer: true, ..time };
    let hour = 3_600_000_000_000;
    let earlier = (good.0.clone(), good.1, good.2.map(|time| time - hour));
    assert_eq!(reported(tag, zone.clone(), at(summer)).await, earlier);
    let uncertain = (good.0.clone(), Quality::UNCERTAIN.with_detail(0x100), None);
    let invalid = Cp56 { time: Cp24 { invalid: true, ..time.time }, ..time };
    assert_eq!(reported(tag, zone.clone(), at(invalid)).await, uncertain);
    assert_eq!(reported(tag, zone, at(Cp56 { day: 0, ..time })).await, uncertain);
}

#[tokio::test(start_paused = true)]
async fn objects_that_do_not_fit_are_bad() {
    let on = single(1, true);
    for (address, data_type) in [("M_ME_NC_1:1", DataType::Float32), ("1", DataType::Float32)] {
        let got = reported((address, data_type), json!({}), on).await;
        assert_eq!((got.0, got.1), (None, Quality::BAD_ENCODING), "{address}");
    }
    let scaled = Object::new(1, Element::Scaled { value: 300, quality: Bits::GOOD });
    let got = reported(("1", DataType::Uint8), json!({}), scaled).await;
    assert_eq!((got.0, got.1), (None, Quality::BAD_OUT_OF_RANGE));
    let nan = float(1, f32::NAN);
    let got = reported(("1", DataType::Float32), json!({}), nan).await;
    assert_eq!((got.0, got.1), (None, Quality::BAD_OUT_OF_RANGE));
    let between = Object::new(1, Element::Double { state: 0, quality: Bits::GOOD });
    let got = reported(("1", DataType::Bool), json!({}), between).await;
    assert_eq!((got.0, got.1), (None, Quality::BAD_OUT_OF_RANGE));
    let got = reported(("1", DataType::Uint8), json!({}), between).await;
    assert_eq!((got.0, got.1), (Some(Value::U64(0)), Quality::GOOD));
}

#[tokio::test(start_paused = true)]
async fn counters_are_frozen_and_read() {
    let more = json!({ "counter_interrogation":
        { "interval": "15m", "mode": "freeze_and_reset", "group": 2 } });
    let rig = Rig::new(more, &[("M_IT_NA_1:170", DataType::Int32)]);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[]).await;
        let freeze = far.asdu().await;
        far.mirror(&freeze, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
        let read = far.asdu().await;
        // The end of the freeze comes late.
        far.mirror(&freeze, Cause::ACTIVATION_TERMINATION, Sign::Positive).await;
        far.mirror(&read, Cause::ACTIVATION_CONFIRMATION, Sign::Positive).await;
        let counter = tagwerk_proto_iec104::Counter { value: 4711, ..Default::default() };
        far.data(Cause::new(39), &[Object::new(170, Element::Counter(counter))]).await;
        far.mirror(&read, Cause::ACTIVATION_TERMINATION, Sign::Positive).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 1).await.unwrap();
    assert_eq!(got[0].value, Some(Value::I64(4711)), "nothing was said to be missing before");
    assert!(rig.traced("activation, station 47: freeze and reset counter group 2"));
    assert!(rig.traced("activation, station 47: read counter group 2"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_not_synchronised_is_not_handed_on() {
    for (when, sent) in [("synchronised", 0), ("always", 1)] {
        let more =
            json!({ "clock_sync": { "interval": "1h", "when": when }, "time_zone": "+02:00" });
        let mut rig = Rig::new(more, &TAGS[..1]);
        let clock = tagwerk_testkit::ManualClock::new();
        clock.set_wall(WallTime { unix_ns: 1_767_225_600_000_000_000, synchronised: false });
        rig.context.env.clock = std::sync::Arc::new(clock);
        rig.station(|mut far| async move {
            far.start().await;
            far.interrogated(&[]).await;
            far.asdu().await;
            far.data(Cause::SPONTANEOUS, &[float(1001, 1.0)]).await;
            far.stay().await;
        });
        let mut session = rig.watched().await;
        if sent == 1 {
            reports(&mut *session, 1).await.unwrap();
            assert!(rig.traced("2026-01-01 02:00:00.000"));
        } else {
            let got = reports(&mut *session, 1).await.unwrap();
            assert_eq!(got[0].quality, Quality::BAD_WAITING);
        }
        let counters = session.counters();
        assert!(counters.contains(&("clock synchronisations", sent)), "{counters:?}");
        assert!(counters.contains(&("clock synchronisations withheld", 1 - sent)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_read_by_interrogation_and_a_single_tag_by_itself() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 21.5), single(100, true)]).await;
        far.stay().await;
    });
    let mut session = rig.open().await;
    let got = rig.read(&mut *session).await.unwrap();
    assert_eq!(got[0], (Some(Value::F64(21.5)), Quality::GOOD, None));
    assert_eq!(got[1], (Some(Value::Bool(true)), Quality::GOOD, None));
    assert_eq!(got[2], (None, Quality::BAD_WAITING, None));
    drop(session);

    let rig = Rig::new(json!({}), &TAGS[..1]);
    rig.station(|mut far| async move {
        far.start().await;
        let (mut reads, mut values) = (0, [1.0, 6.0, 7.0].into_iter());
        loop {
            let heard = far.asdu().await;
            match heard {
                Heard::Closed => return,
                Heard::Asdu { type_id: TypeId::C_RD_NA_1, .. } => {
                    reads += 1;
                    match reads {
                        1 => far.data(Cause::REQUESTED, &[float(1001, 1.0)]).await,
                        2 => {
                            far.mirror(&heard, Cause::UNKNOWN_OBJECT_ADDRESS, Sign::Negative).await
                        }
                        3 => far.mirror(&heard, Cause::UNKNOWN_TYPE, Sign::Negative).await,
                        _ => panic!("it was told that it cannot"),
                    }
                }
                interrogation => {
                    let value = values.next().unwrap();
                    far.data(Cause::INTERROGATED, &[float(1001, value)]).await;
                    let end = Cause::ACTIVATION_TERMINATION;
                    far.mirror(&interrogation, end, Sign::Positive).await;
                }
            }
        }
    });
    let mut session = rig.open().await;
    let value = |value| Ok(vec![(Some(Value::F64(value)), Quality::GOOD, None)]);
    assert_eq!(rig.read(&mut *session).await, value(1.0));
    let Err(Fault::Refused { quality, .. }) = rig.read(&mut *session).await else { panic!() };
    assert_eq!(quality, Quality::BAD_UNKNOWN_ADDRESS.with_detail(47));
    assert_eq!(rig.read(&mut *session).await, value(6.0), "asked as a whole instead");
    assert_eq!(rig.read(&mut *session).await, value(7.0), "and from then on");
}

#[tokio::test(start_paused = true)]
async fn a_station_is_browsed_by_type() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        let many: Vec<Object> = (1..=1001).map(|n| float(n, n as f32)).collect();
        far.interrogated(&[&[single(5, true)], &many[..]].concat()).await;
        loop {
            let heard = far.asdu().await;
            if heard == Heard::Closed {
                return;
            }
            far.mirror(&heard, Cause::UNKNOWN_TYPE, Sign::Negative).await;
        }
    });
    let mut session = rig.open().await;
    let token = rig.plan.browse.as_ref();
    let mut page =
        async |from, after| session.browse(&BrowseRequest { token, from, after }).await.unwrap();
    let root = page("", None).await;
    let names: Vec<_> = root.nodes.iter().map(|node| (node.id.as_str(), node.inside)).collect();
    assert_eq!(names, [("M_SP_NA_1", true), ("M_ME_NC_1", true)]);
    assert_eq!(root.nodes[1].description.as_deref(), Some("1001 points"));
    let first = page("M_ME_NC_1", None).await;
    assert_eq!(first.nodes.len(), 1000);
    let rest = page("M_ME_NC_1", first.more.as_deref()).await;
    assert_eq!((rest.nodes.len(), &rest.more), (1, &None));
    let node = &rest.nodes[0];
    assert_eq!(node.address.as_deref(), Some("M_ME_NC_1:1001"));
    assert_eq!((node.data_type, &node.value), (Some(DataType::Float32), &Some(Value::F64(1001.0))));
}
