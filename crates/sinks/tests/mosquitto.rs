//! The sink `mqtt` against a real Mosquitto.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use rig::{Broker, batch, context, deliver, env, open, set};
use serde_json::json;

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
