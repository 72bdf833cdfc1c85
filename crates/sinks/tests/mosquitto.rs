//! The sink `mqtt` against a real Mosquitto.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use rig::{batch, context, context_with, deliver, env, file, open, set, text, with};
use serde_json::json;
use tagwerk_testkit::mosquitto::Broker;
use tagwerk_testkit::write_certificates;

#[tokio::test]
async fn messages_arrive_in_every_version_and_quality_of_service() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = context(env());
    let set = set(2);
    for version in ["3.1.1", "5"] {
        for qos in [0, 1, 2] {
            let settings = json!({ "url": broker.url(), "version": version, "qos": qos });
            let mut subscriber = broker.subscribe("tagwerk/#", "%q %r %t %C %P %p", 3).await;
            let mut session = open(&settings, &context).await.unwrap();
            for value in 0..3 {
                let receipt = deliver(&mut *session, &batch(&set, value), value as u64).await;
                receipt.unwrap().await.unwrap();
            }
            for value in 0..3 {
                let beside = match version {
                    "5" => format!(
                        "application/json epoch:7 from:{value} to:{} replayed:{}",
                        value + 1,
                        value % 2 == 0
                    ),
                    _ => " ".into(),
                };
                let payload = format!(
                    "{{\"timestamp\":1700000000123,\"node\":\"boiler\",\"group\":\"fast\",\
                     \"values\":{{\"t0\":{value},\"t1\":{value}}},\"errors\":{{}},\"metas\":{{}}}}"
                );
                assert_eq!(
                    subscriber.next().await,
                    format!("{qos} 0 tagwerk/edge1/boiler/fast {beside} {payload}"),
                    "version {version}"
                );
            }
            session.close().await;
        }
    }
}

#[tokio::test]
async fn a_tag_in_the_topic_makes_a_message_per_tag() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = context(env());
    let settings = json!({ "url": broker.url(), "topic": "p/{device}/{tag}", "format": "tags",
        "sequence": true, "retain": true });
    let mut subscriber = broker.subscribe("p/#", "%t %p", 200).await;
    let mut session = open(&settings, &context).await.unwrap();
    let receipt = deliver(&mut *session, &batch(&set(200), 4), 1).await.unwrap();
    receipt.await.unwrap();
    for index in 0..200 {
        assert_eq!(
            subscriber.next().await,
            format!(
                "p/boiler/t{index} {{\"timestamp\":1700000000123,\"node\":\"boiler\",\
                 \"group\":\"fast\",\"tags\":[{{\"name\":\"t{index}\",\"value\":4}}],\
                 \"epoch\":7,\"from\":1,\"to\":2,\"replayed\":false}}"
            )
        );
    }
    let mut late = broker.subscribe("p/boiler/t7", "%r %t", 1).await;
    assert_eq!(late.next().await, "1 p/boiler/t7");
}

#[tokio::test]
async fn a_filter_makes_the_messages() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = context(env());
    let filter = ".edge as $edge | .tags[] | {topic: \"f/\\($edge)/\\(.name)\", \
                  payload: {v: .value, u: .unit, q: .quality}}, .name";
    let settings =
        json!({ "url": broker.url(), "topic": "f/{group}", "format": "jq", "filter": filter });
    let mut subscriber = broker.subscribe("f/#", "%t %p", 2).await;
    let mut session = open(&settings, &context).await.unwrap();
    let receipt = deliver(&mut *session, &batch(&set(1), i64::MAX), 0).await.unwrap();
    receipt.await.unwrap();
    let expected = "f/edge1/t0 {\"v\":9223372036854775807,\"u\":\"bar\",\"q\":\"good\"}";
    assert_eq!(subscriber.next().await, expected);
    assert_eq!(subscriber.next().await, "f/fast t0");

    let endless = json!({ "url": broker.url(), "format": "jq", "filter": "def f: f; f" });
    let mut session = open(&endless, &context).await.unwrap();
    for from in 0..2 {
        let result = deliver(&mut *session, &batch(&set(1), 1), from).await.map(drop);
        assert_eq!(text(result, "reject"), "the filter does not end");
    }
    session.close().await;
}

#[tokio::test]
async fn the_status_topic_follows_the_connection() {
    let broker = Broker::start("allow_anonymous true").await;
    let context = context(env());
    for version in ["3.1.1", "5"] {
        let settings = json!({ "url": broker.url(), "version": version,
            "status_topic": format!("status{version}/{{edge}}/{{sink}}") });
        let topic = format!("status{version}/#");
        let mut subscriber = broker.subscribe(&topic, "%t %p", 4).await;
        let session = open(&settings, &context).await.unwrap();
        let topic = format!("status{version}/edge1/cloud");
        assert_eq!(subscriber.next().await, format!("{topic} online"));
        session.close().await;
        assert_eq!(subscriber.next().await, format!("{topic} offline"));
        let session = open(&settings, &context).await.unwrap();
        assert_eq!(subscriber.next().await, format!("{topic} online"));
        drop(session);
        assert_eq!(subscriber.next().await, format!("{topic} offline"), "by the will");
    }
}

#[tokio::test]
async fn passwords_come_from_a_file_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = file(folder.path(), "passwords");
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c", &passwords, "plant", "s3cret"])
        .output()
        .unwrap();
    assert!(made.status.success());
    // Mosquitto started by root gives its rights up, and then must read the file.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&passwords, readable).unwrap();
    let open_folder = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open_folder).unwrap();
    std::fs::write(folder.path().join("right"), "s3cret\n").unwrap();
    std::fs::write(folder.path().join("wrong"), "secret\n").unwrap();
    let broker = Broker::start_in(folder, "allow_anonymous false\npassword_file @/passwords").await;
    let context = context_with(env(), &[("right", "s3cret"), ("wrong", "secret")]);
    for version in ["3.1.1", "5"] {
        let secret = |name: &str| {
            json!({ "url": broker.url(), "version": version, "username": "plant",
                "password": { "secret": name } })
        };
        open(&secret("right"), &context).await.unwrap().close().await;
        text(open(&secret("wrong"), &context).await.map(drop), "settings");
        let words = text(open(&secret("absent"), &context).await.map(drop), "settings");
        assert!(words.contains("no secret `absent`"), "{words}");
        let settings = |name: &str| {
            json!({ "url": broker.url(), "version": version, "username": "plant",
                "password_file": file(broker.directory.path(), name) })
        };
        let mut session = open(&settings("right"), &context).await.unwrap();
        let receipt = deliver(&mut *session, &batch(&set(1), 1), 0).await.unwrap();
        receipt.await.unwrap();
        let words = text(open(&settings("wrong"), &context).await.map(drop), "settings");
        assert!(words.contains("refuses the connection"), "{words}");
        let words = text(open(&settings("missing"), &context).await.map(drop), "settings");
        assert!(words.contains("cannot read the password file"), "{words}");
        let nobody = json!({ "url": broker.url(), "version": version });
        text(open(&nobody, &context).await.map(drop), "settings");
    }
}

#[tokio::test]
async fn tls_checks_the_broker_and_shows_the_edge() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let other = tempfile::tempdir().unwrap();
    write_certificates(other.path());
    let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open_to_all).unwrap();
    let lines = "allow_anonymous true\ncafile @/ca.pem\ncertfile @/server.pem\n\
                 keyfile @/server.key\nrequire_certificate true";
    let broker = Broker::start_in(folder, lines).await;
    let own = |name: &str| file(broker.directory.path(), name);
    let url = format!("mqtts://127.0.0.1:{}", broker.port);
    let client = json!({ "ca_file": own("ca.pem"), "certificate_file": own("client.pem"),
        "key_file": own("client.key") });
    let context = context(env());
    let settings = |tls: serde_json::Value| json!({ "url": url, "tls": tls });

    let mut session = open(&settings(client.clone()), &context).await.unwrap();
    for value in 0..20 {
        // More than one TLS record each.
        let receipt = deliver(&mut *session, &batch(&set(3000), value), 0).await.unwrap();
        receipt.await.unwrap();
    }
    session.close().await;

    let stranger = with(client.clone(), json!({ "ca_file": file(other.path(), "ca.pem") }));
    for _ in 0..2 {
        let words = text(open(&settings(stranger.clone()), &context).await.map(drop), "settings");
        assert!(words.contains("is not trusted") && words.contains("tls.ca_file"), "{words}");
    }
    let misnamed = with(client.clone(), json!({ "server_name": "elsewhere.example" }));
    let words = text(open(&settings(misnamed), &context).await.map(drop), "settings");
    assert!(words.contains("it is for another name"), "{words}");
    let unknown = json!({ "ca_file": own("ca.pem") });
    let words = text(open(&settings(unknown), &context).await.map(drop), "settings");
    assert!(words.contains("tls.certificate_file"), "{words}");
    let mismatched = with(client, json!({ "key_file": own("server.key") }));
    let words = text(open(&settings(mismatched), &context).await.map(drop), "settings");
    assert!(words.contains("do not fit together"), "{words}");
    let absent = json!({ "ca_file": own("absent.pem") });
    let words = text(open(&settings(absent), &context).await.map(drop), "settings");
    assert!(words.contains("cannot read"), "{words}");
    let key = std::fs::read_to_string(own("client.key")).unwrap();
    let context = context_with(env(), &[("client-key", &key)]);
    let secret = json!({ "ca_file": own("ca.pem"), "certificate_file": own("client.pem"),
        "key": { "secret": "client-key" } });
    open(&settings(secret), &context).await.unwrap().close().await;
}

#[tokio::test]
async fn receipts_fail_with_retry_when_the_broker_stops() {
    let mut broker = Broker::start("allow_anonymous true").await;
    let context = context(env());
    let settings = json!({ "url": broker.url(), "qos": 2 });
    let mut session = open(&settings, &context).await.unwrap();
    let set = set(100);
    // A stopped process takes data and answers nothing.
    broker.freeze();
    let mut receipts = Vec::new();
    for value in 0..5 {
        receipts.push(deliver(&mut *session, &batch(&set, value), 0).await.unwrap());
    }
    broker.stop();
    for receipt in receipts {
        text(receipt.await, "retry");
    }
    text(Err::<(), _>(session.lost().await), "retry");
    text(deliver(&mut *session, &batch(&set, 9), 9).await.map(drop), "retry");
    session.close().await;
    let words = text(open(&settings, &context).await.map(drop), "retry");
    assert!(words.contains("cannot connect to the broker at mqtt://127.0.0.1:"), "{words}");
}
