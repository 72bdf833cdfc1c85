//! The driver against a scripted broker on a wire in memory, with time that jumps.

use crate::rig::{
    Broker, CONNACK, Rig, Row, counter, next_rows, plan, publish, publish_with, row, rows,
    settings, watches,
};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;
use tagwerk_component::{
    BrowseRequest, DevicePlan, Fault, Session, WatchId, WriteFault, WriteSent,
};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};

const NUMBERS: &[(&str, DataType)] = &[("x", DataType::Int64), ("y", DataType::Int64)];

fn two(x: i64, y: i64) -> Row {
    row(1, &[Value::I64(x), Value::I64(y)])
}

fn numbers() -> DevicePlan {
    plan(&settings(json!({})), &[NUMBERS])
}

/// What the driver sends within a moment, besides its keep-alive.
async fn nothing(broker: &mut Broker, session: &mut dyn Session) {
    let mut out = Vec::new();
    tokio::select! {
        packet = broker.packet() => panic!("it sends {packet:?}"),
        event = session.event(&mut out) => panic!("{event:?} {out:?}"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
}

/// The driver's next packet, while it waits for events.
async fn answer(broker: &mut Broker, session: &mut dyn Session) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    tokio::select! {
        packet = broker.packet() => packet,
        event = session.event(&mut out) => panic!("{event:?} {out:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_message_is_a_row_and_acknowledged_when_it_was_taken() {
    let rig = Rig::new();
    let (mut session, mut broker) = rig.watched(&numbers()).await;
    let message = r#"{"x": 1, "y": 2}"#;
    broker.send(&publish("a/b", Some(7), message)).await;
    broker.send(&publish("a/b", Some(8), message)).await;
    broker.send(&publish("a/c", None, r#"[{"x": 3}, {"y": 4}]"#)).await;
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)]);
    // The runtime has it, and says so by its next call; only then does the broker hear of it.
    assert!(tokio::time::timeout(Duration::from_secs(1), broker.packet()).await.is_err());
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)], "never merged");
    let missing = Err(Quality::BAD_NO_DATA);
    let partly = |values| Row { watch: 1, values, time: None };
    assert_eq!(
        next_rows(&mut *session, 2).await.unwrap(),
        [
            partly(vec![Ok(Value::I64(3)), missing.clone()]),
            partly(vec![missing, Ok(Value::I64(4))]),
        ]
    );
    assert_eq!(answer(&mut broker, &mut *session).await, (0x40, vec![0, 7]));
    assert_eq!(answer(&mut broker, &mut *session).await, (0x40, vec![0, 8]));
    nothing(&mut broker, &mut *session).await;
    assert_eq!(counter(&mut *session, "messages received"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_groups_of_a_device_have_a_row_each() {
    let rig = Rig::new();
    let settings = settings(json!({ "time": { "field": "t", "unit": "s" } }));
    let plan = plan(
        &settings,
        &[
            NUMBERS,
            &[("> c/d", DataType::Int8)],
            &[("$topic/2", DataType::Text), ("t", DataType::Int64)],
        ],
    );
    let (mut session, mut broker) = rig.watched(&plan).await;
    broker.send(&publish("a/b", None, r#"[{"x": 1, "y": 2, "t": 5}, {"x": 3, "y": 4}]"#)).await;
    let text = |text: &str| Ok(Value::Text(text.into()));
    let timed = |row: Row| Row { time: Some(5_000_000_000), ..row };
    assert_eq!(
        next_rows(&mut *session, 4).await.unwrap(),
        [
            timed(two(1, 2)),
            timed(Row { watch: 2, values: vec![text("b"), Ok(Value::I64(5))], time: None }),
            two(3, 4),
            Row { watch: 2, values: vec![text("b"), Err(Quality::BAD_NO_DATA)], time: None },
        ]
    );
    assert_eq!(counter(&mut *session, "times not read"), 1);
    assert!(rig.traced("no time: the field of the time is missing"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_a_bad_row_with_its_reason_in_the_log() {
    let rig = Rig::new();
    let (mut session, mut broker) = rig.watched(&numbers()).await;
    for (payload, values, reason) in [
        ("", [Quality::BAD_NO_DATA; 2], "a/b: the payload is empty"),
        ("no", [Quality::BAD_ENCODING; 2], "a/b: the payload is not JSON"),
        (
            r#"{"x": "a", "y": 1e30}"#,
            [Quality::BAD_ENCODING, Quality::BAD_OUT_OF_RANGE],
            "`a` is not a `int64`",
        ),
        (r#"{"x": null}"#, [Quality::BAD_NO_DATA; 2], ""),
    ] {
        broker.send(&publish("a/b", None, payload)).await;
        let values = values.into_iter().map(Err).collect();
        let expected = Row { watch: 1, values, time: None };
        assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [expected], "{payload}");
        assert!(rig.traced(reason), "{reason}");
    }
    // No rows, and so nothing that the runtime would have to take.
    broker.send(&publish("a/b", Some(3), "[]")).await;
    assert_eq!(answer(&mut broker, &mut *session).await, (0x40, vec![0, 3]));
    broker.send(&publish("elsewhere", Some(4), "{}")).await;
    assert_eq!(answer(&mut broker, &mut *session).await, (0x40, vec![0, 4]));
    let counters = session.counters();
    for (name, count) in
        [("payloads not read", 2), ("values not read", 2), ("messages for no device", 1)]
    {
        assert!(counters.contains(&(name, count)), "{name}: {counters:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_quality_two_is_taken_in_two_steps() {
    let rig = Rig::new();
    let (mut session, mut broker) = rig.watched(&numbers()).await;
    broker.send(&publish_with("a/b", Some((2, 9)), false, &[], r#"{"x": 1, "y": 2}"#)).await;
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)]);
    assert_eq!(answer(&mut broker, &mut *session).await, (0x50, vec![0, 9]));
    broker.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(answer(&mut broker, &mut *session).await, (0x70, vec![0, 9]));
}

/// The rows of three messages whose bytes arrive up to `cut`, in pieces of `piece`, with waiting given
/// up again and again; and the ids that were acknowledged.
async fn after_a_cut(cut: usize, piece: usize) -> (Vec<Row>, Vec<u8>, String) {
    let rig = Rig::new();
    let (mut session, mut broker) = rig.watched(&numbers()).await;
    let bytes: Vec<u8> = (1..=3_u16)
        .flat_map(|n| publish("a/b", Some(n), &format!(r#"{{"x": {n}, "y": 0}}"#)))
        .collect();
    let playing = async move {
        for part in bytes[..cut].chunks(piece) {
            broker.send(part).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_buf(&mut broker.0, &mut rest);
        let _ = tokio::time::timeout(Duration::from_millis(1), read).await;
        rest.chunks(4).map(|packet| packet[3]).collect::<Vec<u8>>()
    };
    let driving = async {
        let (mut found, mut out) = (Vec::new(), Vec::new());
        loop {
            tokio::select! {
                biased;
                event = session.event(&mut out) => {
                    found.extend(rows(&out));
                    out.clear();
                    if let Err(fault) = event {
                        return (found, fault.to_string());
                    }
                }
                () = tokio::time::sleep(Duration::from_micros(300)) => {}
            }
        }
    };
    let (acknowledged, (found, fault)) = tokio::join!(playing, driving);
    (found, acknowledged, fault)
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_break_at_any_byte() {
    let length = publish("a/b", Some(1), r#"{"x": 1, "y": 0}"#).len();
    for cut in 0..=3 * length {
        for piece in [1, 7, 1000] {
            let (found, acknowledged, fault) = after_a_cut(cut, piece).await;
            let whole = cut / length;
            let expected: Vec<Row> = (1..=whole).map(|n| two(n as i64, 0)).collect();
            assert_eq!(found, expected, "cut after {cut} bytes, in pieces of {piece}");
            let expected: Vec<u8> = (1..=whole).map(|n| n as u8).collect();
            assert_eq!(acknowledged, expected, "cut after {cut} bytes, in pieces of {piece}");
            assert!(fault.contains("closed the connection"), "{fault}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_with_what_to_do() {
    let rig = Rig::new();
    for (connack, words) in [
        ([0x20, 3, 0, 0x86, 0], "user name or password"),
        ([0x20, 3, 0, 0x85, 0], "change `client_id`"),
    ] {
        let (session, ..) = rig.connect(&numbers(), &connack).await;
        let Some(Fault::Settings(text)) = session.err() else { panic!("a fault of the settings") };
        assert!(text.contains(words) && text.contains("mqtt://broker:1883"), "{text}");
    }
    let (session, ..) = rig.connect(&numbers(), &[0x20, 3, 0, 0x88, 0]).await;
    assert!(matches!(session.err(), Some(Fault::Link(_))));
    let slow = plan(&settings(json!({ "connect_timeout": "2s" })), &[NUMBERS]);
    let (session, ..) = rig.connect(&slow, &[0x20, 3]).await;
    assert!(session.err().unwrap().to_string().contains("did not answer within 2s"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_bad_and_asked_for_again() {
    let rig = Rig::new();
    let plan = plan(&settings(json!({ "topics": ["a/+", "b"] })), &[NUMBERS]);
    let (session, mut broker, _) = rig.connect(&plan, CONNACK).await;
    let (mut session, watches) = (session.unwrap(), watches(1, &plan));
    let refuse = async {
        for code in [0x87, 0x8F] {
            let (_, body) = broker.packet().await;
            broker.send(&[0x90, 4, body[0], body[1], 0, code]).await;
        }
    };
    let (unwatched, ()) = tokio::join!(session.watch(&watches), refuse);
    let unwatched = unwatched.unwrap();
    assert_eq!((unwatched.len(), unwatched[0].id), (1, WatchId(1)));
    for words in ["refuses the subscription `a/+`: not authorized", "`b`: topic filter invalid"] {
        assert!(unwatched[0].reason.contains(words), "{}", unwatched[0].reason);
    }
    let values = vec![Err(Quality::BAD_NOT_READABLE); 2];
    let bad = Row { watch: 1, values, time: None };
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [bad]);
    let grants = async {
        let mut asked = 0;
        while asked < 2 {
            match broker.packet().await {
                (0x82, body) => {
                    broker.send(&[0x90, 4, body[0], body[1], 0, 1]).await;
                    asked += 1;
                }
                _ => broker.send(&[0xD0, 0]).await,
            }
        }
    };
    let (event, ()) = tokio::join!(next_rows(&mut *session, 1), grants);
    let text = event.unwrap_err().to_string();
    assert!(
        text.contains("grants the subscription") && text.contains("connecting again"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_subscription_without_an_answer_ends_the_connection() {
    let rig = Rig::new();
    let plan = plan(&settings(json!({ "ack_timeout": "3s" })), &[NUMBERS]);
    let (session, _broker, _) = rig.connect(&plan, CONNACK).await;
    let fault = session.unwrap().watch(&watches(1, &plan)).await.unwrap_err();
    let Fault::Link(text) = fault else { panic!("{fault:?}") };
    assert!(text.contains("did not acknowledge a subscription within 3s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn only_what_changes_is_told_to_the_broker() {
    let rig = Rig::new();
    let (first, second) = (numbers(), plan(&settings(json!({ "topics": ["c"] })), &[NUMBERS]));
    let (mut session, mut broker) = rig.watched(&first).await;
    let both = [watches(1, &first), watches(5, &second)].concat();
    let (unwatched, packets) = tokio::join!(session.watch(&both), broker.grant(1));
    assert!(unwatched.unwrap().is_empty());
    assert!(packets[0].ends_with(b"\0\x01c\x01"), "{packets:?}");
    // A neighbour that comes to a filter hears what the broker has kept, and nobody else does.
    let third = numbers();
    let all = [both, watches(9, &third)].concat();
    let (unwatched, _) = tokio::join!(session.watch(&all), broker.grant(1));
    assert!(unwatched.unwrap().is_empty());
    let message = r#"{"x": 1, "y": 2}"#;
    broker.send(&publish_with("a/b", None, true, &[], message)).await;
    broker.send(&publish("a/b", None, message)).await;
    let to = |watch| Row { watch, ..two(1, 2) };
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [to(9)]);
    assert_eq!(next_rows(&mut *session, 2).await.unwrap(), [to(1), to(9)]);
    let alone = watches(5, &second);
    assert!(session.watch(&alone).await.unwrap().is_empty());
    let (first, body) = answer(&mut broker, &mut *session).await;
    assert!(first == 0xA2 && body.ends_with(b"\0\x03a/+"), "{body:?}");
    broker.send(&[0xB0, 4, body[0], body[1], 0, 0]).await;
    nothing(&mut broker, &mut *session).await;
}

#[tokio::test(start_paused = true)]
async fn where_filters_overlap_the_broker_says_for_whom_a_message_is() {
    let rig = Rig::new();
    let (one, other) = (numbers(), plan(&settings(json!({ "topics": ["a/#"] })), &[NUMBERS]));
    let (session, mut broker, _) = rig.connect(&one, CONNACK).await;
    let mut session = session.unwrap();
    let both = [watches(1, &one), watches(2, &other)].concat();
    let (unwatched, packets) = tokio::join!(session.watch(&both), broker.grant(2));
    assert!(unwatched.unwrap().is_empty());
    // Packet id, length of the properties, and the property with the identifier.
    let identifier = |packet: &[u8]| packet[3..3 + usize::from(packet[2])].to_vec();
    assert_ne!(identifier(&packets[0]), identifier(&packets[1]));
    for packet in &packets {
        let watch = if packet.windows(3).any(|part| part == b"a/+") { 1 } else { 2 };
        let message = r#"{"x": 1, "y": 2}"#;
        broker.send(&publish_with("a/b", None, false, &identifier(packet), message)).await;
        let expected = Row { watch, ..two(1, 2) };
        assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [expected]);
    }
    // One that an earlier connection of a kept session asked for, and that nobody wants any more.
    broker.send(&publish_with("a/b", None, false, &[11, 1], "{}")).await;
    nothing(&mut broker, &mut *session).await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_session_brings_what_came_meanwhile() {
    let rig = Rig::new();
    let kept = json!({ "client_id": "edge7", "keep_session": "1h", "qos": 2, "retained": false });
    let plan = plan(&settings(kept), &[NUMBERS]);
    let (session, mut broker, hello) = rig.connect(&plan, &[0x20, 3, 1, 0, 0]).await;
    assert_eq!(hello[7], 0, "no clean start");
    assert!(hello.windows(5).any(|part| part == [17, 0, 0, 14, 16]), "3600 s: {hello:?}");
    assert!(rig.traced("has kept the session"));
    let mut session = session.unwrap();
    // The broker does not wait for the subscription.
    broker.send(&publish("a/b", Some(1), r#"{"x": 1, "y": 2}"#)).await;
    let watches = watches(1, &plan);
    let (unwatched, packets) = tokio::join!(session.watch(&watches), broker.grant(1));
    assert!(unwatched.unwrap().is_empty());
    assert_eq!(packets[0].last(), Some(&0b0010_0010), "QoS 2, nothing that was retained");
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)]);
    assert_eq!(answer(&mut broker, &mut *session).await, (0x40, vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_once() {
    let rig = Rig::new();
    let plan = plan(&settings(json!({ "silent_after": "10s", "keep_alive": "600s" })), &[NUMBERS]);
    let (mut session, mut broker) = rig.watched(&plan).await;
    let started = rig.context.env.clock.now();
    let passed = || rig.context.env.clock.now().since(started).as_secs();
    broker.send(&publish("a/b", None, r#"{"x": 1, "y": 2}"#)).await;
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)]);
    let silent = Row { watch: 1, values: vec![Err(Quality::BAD_TIMEOUT); 2], time: None };
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), std::slice::from_ref(&silent));
    assert_eq!(passed(), 10);
    let quiet = tokio::time::timeout(Duration::from_secs(100), next_rows(&mut *session, 1)).await;
    assert!(quiet.is_err(), "once is enough");
    broker.send(&publish("a/b", None, r#"{"x": 3, "y": 4}"#)).await;
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(3, 4)]);
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [silent]);
}

async fn write(
    answer: &[u8],
    address: &str,
) -> (Result<(), WriteFault>, (u8, Vec<u8>), Box<dyn Session>) {
    let rig = Rig::new();
    let plan = plan(&settings(json!({ "ack_timeout": "2s" })), &[&[(address, DataType::Float64)]]);
    let (session, mut broker, _) = rig.connect(&plan, CONNACK).await;
    let mut session = session.unwrap();
    let token = plan.groups[0].writes[0].clone().unwrap();
    let playing = async {
        let packet = broker.packet().await;
        if answer.first() == Some(&0) {
            drop(broker);
            return (packet, None);
        }
        broker.send(answer).await;
        (packet, Some(broker))
    };
    let (written, (packet, _broker)) =
        tokio::join!(session.write(&token, &Value::F64(21.5)), playing);
    (written, packet, session)
}

#[tokio::test(start_paused = true)]
async fn a_command_leaves_once_and_is_done_when_the_broker_has_taken_it() {
    let (written, packet, _session) = write(&[0x40, 2, 0, 1], "> c/d").await;
    written.unwrap();
    assert_eq!(packet, (0x32, b"\0\x03c/d\0\x01\x0021.5".to_vec()));
    let (written, packet, _session) = write(&[0x40, 2, 0, 1], "x > c = {\"v\": $value}").await;
    written.unwrap();
    assert!(packet.1.ends_with(b"{\"v\": 21.5}"));
    for (answer, sent, words) in [
        (&[0x40, 3, 0, 1, 0x10][..], WriteSent::No, "nobody subscribes to `c/d`"),
        (&[0x40, 3, 0, 1, 0x87], WriteSent::No, "not authorized"),
        (&[0x40, 3, 0, 1, 0x97], WriteSent::No, "quota exceeded"),
        (&[0x40], WriteSent::Perhaps, "did not acknowledge a command within 2s"),
        (&[0xE0, 1, 0x8B], WriteSent::Perhaps, "server shutting down"),
        (&[0], WriteSent::Perhaps, "closed the connection"),
    ] {
        let (written, _, mut session) = write(answer, "> c/d").await;
        let fault = written.unwrap_err();
        assert_eq!(fault.sent, sent, "{fault:?}");
        assert!(fault.fault.to_string().contains(words), "{fault:?}");
        let is_link = matches!(fault.fault, Fault::Link(_));
        assert_eq!(is_link, sent == WriteSent::Perhaps, "{fault:?}");
        if is_link {
            assert!(session.event(&mut Vec::new()).await.is_err(), "the link is gone");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_while_a_command_is_given_are_not_lost() {
    let rig = Rig::new();
    let groups: &[&[(&str, DataType)]] = &[NUMBERS, &[("> c", DataType::Int8)]];
    let plan = plan(&settings(json!({})), groups);
    let (mut session, mut broker) = rig.watched(&plan).await;
    let token = plan.groups[1].writes[0].clone().unwrap();
    let playing = async {
        let (_, body) = broker.packet().await;
        broker.send(&publish("a/b", Some(1), r#"{"x": 1, "y": 2}"#)).await;
        broker.send(&[0x40, 2, body[3], body[4]]).await;
    };
    let (written, ()) = tokio::join!(session.write(&token, &Value::I64(1)), playing);
    written.unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [two(1, 2)]);
}

fn builder(tags: &[(&str, DataType)]) -> BatchBuilder {
    let tags = tags.iter().map(|(name, data_type)| TagDefinition {
        id: TagId(0),
        name: (*name).into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let (device, group) = ("station".into(), "all".into());
    let definition = TagSetDefinition { id: 1, device, group, tags: tags.collect() };
    BatchBuilder::new(TagSet::new(definition).into(), vec![None; 2].into())
}

#[tokio::test(start_paused = true)]
async fn a_trial_waits_for_a_message() {
    let rig = Rig::new();
    let plan = numbers();
    let token = plan.groups[0].watch.clone().unwrap();
    let (session, mut broker, _) = rig.connect(&plan, CONNACK).await;
    let mut session = session.unwrap();
    let mut out = builder(NUMBERS);
    let playing = async {
        broker.grant(1).await;
        broker.send(&publish("a/b", None, r#"{"x": 1}"#)).await;
    };
    let (tried, ()) = tokio::join!(session.listen(&token, &mut out), playing);
    tried.unwrap();
    assert_eq!(out.value(0).to_value(), Value::I64(1));
    assert_eq!((out.quality(0), out.quality(1)), (Quality::GOOD, Quality::BAD_NO_DATA));
    // Nothing is asked for a second time within the trial.
    session.listen(&token, &mut out).await.unwrap();

    let (session, mut broker, _) = rig.connect(&plan, CONNACK).await;
    let mut session = session.unwrap();
    let (tried, _) = tokio::join!(session.listen(&token, &mut out), broker.grant(1));
    let Err(Fault::Refused { quality, reason }) = tried else { panic!("{tried:?}") };
    assert_eq!(quality, Quality::BAD_NO_DATA);
    assert!(reason.contains("no message came within 5 s on `a/+`"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn browsing_listens_and_shows_topics_with_their_fields() {
    let rig = Rig::new();
    let plan = numbers();
    let (mut session, mut broker) = rig.watched(&plan).await;
    for (topic, payload) in [("a/b", r#"{"x": 1, "in": {"z": "t"}}"#), ("a/c", "12"), ("b", "{}")] {
        broker.send(&publish(topic, None, payload)).await;
    }
    let token = plan.browse.as_ref();
    let request = |from| BrowseRequest { token, from, after: None };
    let page = session.browse(&request("")).await.unwrap();
    let topics: Vec<&str> = page.nodes.iter().map(|node| &*node.name).collect();
    assert_eq!((topics, page.more), (vec!["a/b", "a/c"], None));
    let page = session.browse(&request("a/b")).await.unwrap();
    let fields: Vec<&str> = page.nodes.iter().filter_map(|node| node.address.as_deref()).collect();
    assert_eq!(fields, ["in.z", "x", "$topic"]);
    // What was heard is reported nevertheless.
    let first = next_rows(&mut *session, 1).await.unwrap();
    assert_eq!(first[0].values[0], Ok(Value::I64(1)));
}

#[tokio::test(start_paused = true)]
async fn browsing_is_nothing_to_the_devices_that_run() {
    let rig = Rig::new();
    let other = plan(&settings(json!({ "topics": ["#"] })), &[NUMBERS]);
    let (mut session, mut broker) = rig.watched(&numbers()).await;
    let playing = async {
        let packet = broker.grant(1).await.remove(0);
        let identifier = packet[3..3 + usize::from(packet[2])].to_vec();
        assert_eq!(identifier[0], 11, "the trial's own subscription is told apart");
        // A broker may send one copy for each subscription that fits.
        broker.send(&publish_with("a/b", None, false, &identifier, "{}")).await;
        broker.send(&publish("c", None, "{}")).await;
        assert_eq!(broker.packet().await.0, 0xA2, "it ends with the trial");
    };
    let request = BrowseRequest { token: other.browse.as_ref(), from: "", after: None };
    let browsing = async {
        let page = session.browse(&request).await.unwrap();
        assert_eq!(page.nodes.len(), 2);
        tokio::time::timeout(Duration::from_secs(1), next_rows(&mut *session, 1)).await
    };
    let (rows, ()) = tokio::join!(browsing, playing);
    assert!(rows.is_err(), "nothing that is a row: {rows:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a broker sends, the session ends with a fault or goes on; it never panics or hangs.
    #[test]
    fn no_bytes_from_a_broker_panic(
        packets in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..24)), 0..8),
        version in prop_oneof![Just("5"), Just("3.1.1")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new();
            let plan = plan(&settings(json!({ "version": version })), &[NUMBERS]);
            let connack: &[u8] = if version == "5" { CONNACK } else { &[0x20, 2, 0, 0] };
            let (session, mut broker, _) = rig.connect(&plan, connack).await;
            let mut session = session.unwrap();
            for (first, body) in packets {
                broker.send(&[&[first, body.len() as u8][..], &body[..]].concat()).await;
            }
            drop(broker);
            let mut out = Vec::new();
            let _ = session.watch(&watches(1, &plan)).await;
            while session.event(&mut out).await.is_ok() {}
        });
    }
}
