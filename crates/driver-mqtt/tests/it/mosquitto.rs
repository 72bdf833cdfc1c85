//! The driver against a real Mosquitto.

use crate::rig::{Row, next_rows, plan, row, watches};
use serde_json::{Value as Json, json};
use tagwerk_component::{DevicePlan, Fault, LinkContext, Session, WriteSent};
use tagwerk_env::Env;
use tagwerk_model::{DataType, Value};
use tagwerk_testkit::link_context;
use tagwerk_testkit::mosquitto::Broker;

const TAGS: &[(&str, DataType)] = &[("$topic/2", DataType::Text), ("n", DataType::Uint64)];

fn settings(broker: &Broker, more: Json) -> Json {
    let mut settings = json!({ "url": broker.url(), "topics": ["plant/+/state"] });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

async fn watched(plan: &DevicePlan, context: &LinkContext) -> Box<dyn Session> {
    let mut session = plan.open.open(context).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(session.watch(&watches(1, plan)).await.unwrap(), []);
    session
}

fn expected(topic: &str, n: u64) -> Row {
    row(1, &[Value::Text(topic.into()), Value::U64(n)])
}

fn lines(from: u64, to: u64) -> String {
    (from..to).map(|n| format!("{{\"n\": {n}}}\n")).collect()
}

#[tokio::test]
async fn messages_are_rows_in_every_version_and_quality_of_service() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    for version in ["3.1.1", "5"] {
        for qos in [0, 1, 2] {
            let plan = plan(&settings(&broker, json!({ "version": version, "qos": qos })), &[TAGS]);
            let mut session = watched(&plan, &context).await;
            let words = ["-t", "plant/7/state", "-q", &qos.to_string(), "-l"];
            broker.publish(&words, &format!("{{\"n\": {}}}\n{}", u64::MAX, lines(0, 199)));
            let found = next_rows(&mut *session, 200).await.unwrap();
            assert_eq!(found[0], expected("7", u64::MAX), "version {version}, QoS {qos}");
            for (n, found) in found[1..].iter().enumerate() {
                assert_eq!(*found, expected("7", n as u64), "version {version}, QoS {qos}");
            }
        }
    }
}

#[tokio::test]
async fn a_kept_session_brings_what_was_sent_meanwhile_and_what_was_not_taken() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    for version in ["3.1.1", "5"] {
        let id = format!("edge-{version}");
        let more = json!({ "version": version, "client_id": id, "keep_session": "1h" });
        let plan = plan(&settings(&broker, more), &[TAGS]);
        let mut session = watched(&plan, &context).await;
        broker.publish(&["-t", "plant/1/state", "-q", "1", "-l"], &lines(0, 3));
        let found = next_rows(&mut *session, 3).await.unwrap();
        assert_eq!(found[2], expected("1", 2));
        // A killed edge: two rows were acknowledged at most, the last one was not.
        drop(session);
        broker.publish(&["-t", "plant/2/state", "-q", "1", "-l"], &lines(3, 5));
        let mut session = watched(&plan, &context).await;
        let mut found = Vec::new();
        while found.last() != Some(&expected("2", 4)) {
            found.extend(next_rows(&mut *session, 1).await.unwrap());
        }
        let again = found.len() - 2;
        assert!((1..=3).contains(&again), "{found:?}");
        for (place, row) in found[..again].iter().enumerate() {
            assert_eq!(
                *row,
                expected("1", (3 - again + place) as u64),
                "what was not taken, in order"
            );
        }
        assert_eq!(found[again], expected("2", 3));
    }
}

#[tokio::test]
async fn retained_and_shared_subscriptions() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    broker.publish(&["-t", "plant/1/state", "-q", "1", "-r", "-s"], "{\"n\": 1}");
    let tags: &[(&str, DataType)] = &[("n", DataType::Uint64), ("$retain", DataType::Bool)];
    let values = |n, retained| row(1, &[Value::U64(n), Value::Bool(retained)]);
    for (retained, first) in [(true, values(1, true)), (false, values(2, false))] {
        let plan = plan(&settings(&broker, json!({ "retained": retained })), &[tags]);
        let mut session = watched(&plan, &context).await;
        broker.publish(&["-t", "plant/1/state", "-q", "1", "-s"], "{\"n\": 2}");
        assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [first]);
    }
    // This broker would send what it has kept to shared subscriptions, against the standard.
    broker.publish(&["-t", "plant/1/state", "-r", "-n"], "");
    let shared = settings(&broker, json!({ "topics": ["$share/edges/plant/+/state"] }));
    let plan = plan(&shared, &[TAGS]);
    let (mut one, mut other) = (watched(&plan, &context).await, watched(&plan, &context).await);
    broker.publish(&["-t", "plant/1/state", "-q", "1", "-l"], &lines(0, 2));
    let (a, b) = tokio::join!(next_rows(&mut *one, 1), next_rows(&mut *other, 1));
    let mut found = [a.unwrap(), b.unwrap()].concat();
    found.sort_by_key(|row| row.values[1] != Ok(Value::U64(0)));
    assert_eq!(found, [expected("1", 0), expected("1", 1)], "each message once");
}

#[tokio::test]
async fn overlapping_devices_get_each_message_once() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    let one = plan(&settings(&broker, json!({})), &[TAGS]);
    let other = plan(&settings(&broker, json!({ "topics": ["plant/#"] })), &[TAGS]);
    let mut session = one.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));
    let both = [watches(1, &one), watches(2, &other)].concat();
    assert_eq!(session.watch(&both).await.unwrap(), []);
    broker.publish(&["-t", "plant/1/state", "-q", "1", "-l"], &lines(0, 10));
    let mut found = next_rows(&mut *session, 20).await.unwrap();
    found.sort_by_key(|row| row.watch);
    for (place, found) in found.iter().enumerate() {
        let n = (place % 10) as u64;
        assert_eq!(*found, Row { watch: 1 + place as u64 / 10, ..expected("1", n) });
    }
}

#[tokio::test]
async fn a_command_arrives_and_one_that_nobody_hears_failed() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    let address = "> plant/1/set = {\"target\": $value}";
    let plan = plan(&settings(&broker, json!({})), &[&[(address, DataType::Float64)]]);
    let mut session = plan.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));
    let token = plan.groups[0].writes[0].clone().unwrap();
    let fault = session.write(&token, &Value::F64(21.5)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert!(fault.fault.to_string().contains("nobody subscribes to `plant/1/set`"), "{fault:?}");
    let mut subscriber = broker.subscribe("plant/1/set", "%q %r %p", 1).await;
    session.write(&token, &Value::F64(21.5)).await.unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!(subscriber.next().await, "1 0 {\"target\": 21.5}");
}

#[tokio::test]
async fn the_rules_of_a_broker_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable).unwrap();
    std::fs::write(folder.path().join("acl"), "topic read plant/#\n").unwrap();
    let lines = "allow_anonymous true\nacl_file @/acl";
    let broker = Broker::start_in(folder, lines).await;
    let context = link_context(Env::system());
    let address = "> plant/1/set";
    let more = json!({ "topics": ["secret/#"] });
    let plan =
        plan(&settings(&broker, more), &[&[("n", DataType::Uint64), (address, DataType::Int8)]]);
    let mut session = plan.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));
    let unwatched = session.watch(&watches(1, &plan)).await.unwrap();
    // Some versions grant what they then never send.
    if let Some(unwatched) = unwatched.first() {
        assert!(unwatched.reason.contains("refuses the subscription `secret/#`"), "{unwatched:?}");
    }
    let token = plan.groups[0].writes[1].clone().unwrap();
    let fault = session.write(&token, &Value::I64(1)).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert!(fault.fault.to_string().contains("not authorized"), "{fault:?}");
}

#[tokio::test]
async fn a_broker_that_ends_is_a_lost_link() {
    let mut broker = Broker::start("allow_anonymous true").await;
    let context = link_context(Env::system());
    let plan = plan(&settings(&broker, json!({})), &[TAGS]);
    let mut session = watched(&plan, &context).await;
    broker.stop();
    let fault = next_rows(&mut *session, 1).await.unwrap_err();
    assert!(matches!(fault, Fault::Link(_)), "{fault:?}");
    let fault = plan.open.open(&context).await.map(drop).unwrap_err();
    assert!(fault.to_string().contains("cannot connect to the broker"), "{fault}");
    broker.start_again().await;
    let mut session = watched(&plan, &context).await;
    broker.publish(&["-t", "plant/9/state", "-s"], "{\"n\": 9}");
    assert_eq!(next_rows(&mut *session, 1).await.unwrap(), [expected("9", 9)]);
}
