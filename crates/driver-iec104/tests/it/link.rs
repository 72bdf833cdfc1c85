//! The transport interface: t1, t2, t3, k, w, numbers, and whatever else may come over the wire.

use crate::rig::{Far, Heard, Rig, counter, fault, float, reports};
use serde_json::json;
use std::time::Duration;
use tagwerk_component::{Fault, WriteSent};
use tagwerk_model::{DataType, Value};
use tagwerk_proto_iec104::{Cause, Function, Sequence, encode_supervisory};
use tokio::sync::mpsc;

const TAGS: [(&str, DataType); 2] =
    [("M_ME_NC_1:1001", DataType::Float32), ("C_SC_NA_1:3001", DataType::Bool)];

fn seconds(rig: &Rig, since: tagwerk_env::Moment) -> f64 {
    rig.context.env.clock.now().since(since).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn a_silent_station_is_tested_and_given_up() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 21.5)]).await;
        // Once it answers the test, then never again.
        while far.hear().await != Heard::Function(Function::TestActivation) {}
        far.function(Function::TestConfirmation).await;
        far.stay().await;
    });
    let begun = rig.context.env.clock.now();
    let mut session = rig.watched().await;
    let (got, text) = fault(&mut *session).await;
    assert_eq!(got.len(), 1);
    assert!(text.contains("did not answer a test within 15 s (t1)"), "{text}");
    let took = seconds(&rig, begun);
    assert!((55.0..56.0).contains(&took), "twice t3, and t1: {took}");
    assert_eq!(counter(&mut *session, "tests sent"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_ends_after_t1() {
    let rig = Rig::new(json!({ "t1": "5s", "t2": "2s" }), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.stay().await;
    });
    let begun = rig.context.env.clock.now();
    let mut session = rig.watched().await;
    let (_, text) = fault(&mut *session).await;
    assert!(text.contains("did not acknowledge within 5 s (t1)"), "{text}");
    assert!((5.0..5.1).contains(&seconds(&rig, begun)));
}

#[tokio::test(start_paused = true)]
async fn a_station_that_does_not_start_is_no_link() {
    let rig = Rig::new(json!({ "t0": "3s" }), &TAGS);
    rig.station(|mut far| async move { far.stay().await });
    let Err(Fault::Link(text)) = rig.plan.open.open(&rig.context).await else { panic!() };
    assert!(text.contains("did not confirm the start of data transfer"), "{text}");
    rig.net.remove("rtu", 2404);
    let Err(Fault::Link(text)) = rig.plan.open.open(&rig.context).await else { panic!() };
    assert!(text.contains("cannot connect to rtu:2404"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_backup_host_is_tried() {
    let rig = Rig::new(json!({ "host": "gone", "backup_host": "rtu" }), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 1.0)]).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    assert_eq!(reports(&mut *session, 1).await.unwrap()[0].value, Some(Value::F64(1.0)));
    assert!(rig.traced("cannot connect to gone:2404"));
}

/// What the far end hears after it sent this many values, and when.
async fn acknowledged(count: u16) -> (Heard, f64) {
    let rig = Rig::new(json!({}), &TAGS);
    let (tell, mut told) = mpsc::channel(1);
    rig.station(move |mut far| {
        let tell = tell.clone();
        async move {
            far.start().await;
            far.asdu().await;
            far.acknowledge().await;
            for n in 0..count {
                far.data(Cause::SPONTANEOUS, &[float(1001, n.into())]).await;
            }
            tell.send(far.hear().await).await.unwrap();
            far.stay().await;
        }
    });
    let mut session = rig.watched().await;
    let begun = rig.context.env.clock.now();
    let heard = tokio::select! {
        heard = told.recv() => heard.unwrap(),
        _ = fault(&mut *session) => panic!("the link ended"),
    };
    (heard, seconds(&rig, begun))
}

#[tokio::test(start_paused = true)]
async fn w_frames_are_acknowledged_at_once_and_fewer_after_t2() {
    let (heard, after) = acknowledged(8).await;
    assert_eq!(heard, Heard::Acknowledged(8));
    assert!(after < 0.1, "{after}");
    let (heard, after) = acknowledged(3).await;
    assert_eq!(heard, Heard::Acknowledged(3));
    // The interrogation has no answer and is over after its own 10 s: nothing else is sent.
    assert!((10.0..10.1).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn what_k_holds_back_never_leaves() {
    let rig = Rig::new(json!({ "k": 1, "w": 1, "command_timeout": "1s" }), &TAGS);
    let (tell, mut told) = mpsc::channel(8);
    rig.station(move |mut far| {
        let tell = tell.clone();
        async move {
            far.start().await;
            loop {
                let heard = far.hear().await;
                if tell.send(heard.clone()).await.is_err() || heard == Heard::Closed {
                    return;
                }
            }
        }
    });
    let mut session = rig.watched().await;
    tokio::select! {
        biased;
        // The interrogation leaves first, and is never acknowledged.
        _ = fault(&mut *session) => panic!("the link ended"),
        heard = told.recv() => assert!(matches!(heard, Some(Heard::Asdu { .. }))),
    }
    let fault = rig.write(&mut *session, 1, Value::Bool(true)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No, "{fault:?}");
    drop(session);
    assert_eq!(told.recv().await, Some(Heard::Closed));
}

/// Plays what the station sends after it was started; the link must end with this text.
async fn ends_with<F, Playing>(play: F, text: &str)
where
    F: Fn(Far) -> Playing + Copy + Send + Sync + 'static,
    Playing: Future<Output = ()> + Send + 'static,
{
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(move |mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 21.5)]).await;
        play(far).await;
    });
    let mut session = rig.watched().await;
    let (got, fault) = fault(&mut *session).await;
    assert_eq!(got.len(), 1, "what came before is reported");
    assert!(fault.contains(text), "{fault}");
    assert!(rig.traced(text), "the communication log says it");
    let mut out = Vec::new();
    assert!(session.event(&mut out).await.is_err(), "the link stays gone");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_trusted_ends_the_link() {
    let garbage = |mut far: Far| async move {
        far.raw(b"HTTP/1.1 400 Bad Request\r\n").await;
        far.stay().await;
    };
    ends_with(garbage, "where a frame starts with 68H").await;
    let length = |mut far: Far| async move {
        far.raw(&[0x68, 0x03, 1, 0, 0]).await;
        far.stay().await;
    };
    ends_with(length, "a frame of length 3").await;
    let skipped = |mut far: Far| async move {
        far.send = far.send.next();
        far.data(Cause::SPONTANEOUS, &[float(1001, 1.0)]).await;
        far.stay().await;
    };
    ends_with(skipped, "sequence error: it sent number 4 where 3 is next").await;
    let unsent = |mut far: Far| async move {
        let mut bytes = Vec::new();
        encode_supervisory(Sequence::new(9), &mut bytes);
        far.raw(&bytes).await;
        far.stay().await;
    };
    ends_with(unsent, "sequence error: it acknowledged everything before 9").await;
    ends_with(|_| async {}, "the connection broke").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_only_not_understood_is_counted() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[float(1001, 21.5)]).await;
        let asdus: [&[u8]; 4] = [
            // A type that nobody knows; more objects than bytes; no object; test data.
            &[200, 1, 3, 0, 47, 0, 1, 0, 0, 1],
            &[13, 100, 3, 0, 47, 0, 0xE9, 3, 0, 0, 0, 0, 0, 0],
            &[13, 0, 3, 0, 47, 0],
            &[13, 1, 0x83, 0, 47, 0, 0xE9, 3, 0, 0, 0, 0x80, 0x3F, 0],
        ];
        for asdu in asdus {
            let mut bytes = Vec::new();
            let (send, receive) = (far.send, far.receive);
            tagwerk_proto_iec104::encode_information(send, receive, asdu, &mut bytes).unwrap();
            far.send = far.send.next();
            far.raw(&bytes).await;
        }
        far.function(Function::StopConfirmation).await;
        far.data(Cause::SPONTANEOUS, &[float(1001, 2.0)]).await;
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 2).await.unwrap();
    assert_eq!(got[1].value, Some(Value::F64(2.0)));
    let counters = session.counters();
    for (name, count) in [
        ("unknown types", 1),
        ("malformed ASDUs", 2),
        ("test ASDUs ignored", 1),
        ("unexpected frames", 1),
        ("sequence errors", 0),
        ("interrogations", 1),
    ] {
        assert!(counters.contains(&(name, count)), "{name}: {counters:?}");
    }
    assert!(rig.traced("type 200 is not known"));
    assert!(rig.traced("M_ME_NC_1 (short float), spontaneous, station 47: 1001 = 2"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_cut_anywhere_is_understood_though_waiting_is_called_off() {
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.asdu().await;
        far.acknowledge().await;
        let mut bytes = Vec::new();
        for n in 0..200u16 {
            let header = tagwerk_proto_iec104::Header::new(
                tagwerk_proto_iec104::TypeId::M_ME_NC_1,
                Cause::SPONTANEOUS,
                47,
            );
            bytes.extend(far.frame(header, &[float(1001, n.into())]));
        }
        for (piece, part) in bytes.chunks(7).enumerate() {
            far.raw(part).await;
            if piece % 3 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let mut got = Vec::new();
    while got.len() < 200 {
        // The runtime drops the future whenever something else is due.
        tokio::select! {
            biased;
            result = session.event(&mut got) => result.unwrap(),
            () = tokio::time::sleep(Duration::from_micros(300)) => {}
        }
    }
    let values: Vec<_> = got.iter().map(|report| report.value.clone().unwrap()).collect();
    let wanted: Vec<_> = (0..200u16).map(|n| Value::F64(n.into())).collect();
    assert_eq!(values, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_ten_thousand_events_is_complete_and_in_order() {
    const COUNT: u16 = 10_000;
    let rig = Rig::new(json!({}), &TAGS);
    rig.station(|mut far| async move {
        far.start().await;
        far.interrogated(&[]).await;
        for n in 0..COUNT {
            far.data(Cause::SPONTANEOUS, &[float(1001, n.into())]).await;
            // Its k: it waits for acknowledgements as a real station does.
            while far.send.since(far.acknowledged) >= 12 {
                far.hear().await;
            }
        }
        far.stay().await;
    });
    let mut session = rig.watched().await;
    let (mut got, mut values) = (Vec::new(), Vec::new());
    while values.last() != Some(&(COUNT - 1)) {
        session.event(&mut got).await.unwrap();
        values.extend(got.drain(..).filter_map(|report| match report.value {
            Some(Value::F64(value)) => Some(value as u16),
            _ => None,
        }));
    }
    assert!(values.into_iter().eq(0..COUNT));
}
