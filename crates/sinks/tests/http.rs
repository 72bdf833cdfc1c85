//! The sink `http` against a foreign HTTP server.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use rig::server::Server;
use rig::{
    batch, context, context_with, deliver, env, open_http, plan_of, set, set_of, text, with,
};
use serde_json::{Value, json};
use tagwerk_component::{SinkFault, SinkSession};

/// Delivers values of one tag, one after another, and waits for all receipts.
async fn deliver_values(
    session: &mut dyn SinkSession,
    values: std::ops::Range<i64>,
) -> Vec<Result<(), SinkFault>> {
    let set = set(1);
    let mut receipts = Vec::new();
    for value in values {
        receipts.push(deliver(session, &batch(&set, value), value as u64).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(receipt.await);
    }
    outcomes
}

/// The one delivery's outcome.
async fn deliver_one(settings: &Value) -> Result<(), SinkFault> {
    let mut session = open_http(settings, &context(env())).await?;
    deliver_values(&mut *session, 0..1).await.remove(0)
}

/// The values of `t0` in bodies of any form, in order of arrival.
fn values(bodies: &[String]) -> Vec<i64> {
    let mut values = Vec::new();
    for body in bodies {
        let payloads: Vec<Value> = match body.starts_with('[') {
            true => serde_json::from_str(body).unwrap(),
            false => body.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        };
        values.extend(payloads.iter().map(|payload| payload["values"]["t0"].as_i64().unwrap()));
    }
    values
}

#[tokio::test]
async fn each_form_arrives_with_its_headers() {
    let server = Server::start();
    let context = context_with(env(), &[("key", "k1"), ("word", "s3cret"), ("token", "abc")]);
    let plain = "{\"timestamp\":1700000000123,\"node\":\"a b\",\"group\":\"fast\",\
                 \"values\":{\"t0\":5},\"errors\":{},\"metas\":{}}";
    let url = server.url("in/{edge}/{sink}/{device}?g={group}");
    for (settings, body, headers) in [
        (json!({}), plain.to_owned(), json!({ "content-type": "application/json" })),
        (
            json!({ "method": "PUT",
                "headers": { "X-Key": { "secret": "key" }, "Content-Type": "x/y" } }),
            plain.to_owned(),
            json!({ "x-key": "k1", "content-type": "x/y" }),
        ),
        (
            json!({ "body": "list", "linger": "0s", "compression": "gzip",
                "auth": { "basic": { "username": "plant", "password": { "secret": "word" } } } }),
            format!("[{plain}]"),
            json!({ "authorization": "Basic cGxhbnQ6czNjcmV0", "content-encoding": "gzip" }),
        ),
        (
            json!({ "body": "lines", "linger": "0s", "auth": { "bearer": { "secret": "token" } } }),
            format!("{plain}\n"),
            json!({ "authorization": "Bearer abc", "content-type": "application/x-ndjson" }),
        ),
        (
            json!({ "body": "lines", "linger": "0s", "format": "jq",
                "filter": ".tags[] | \"\\(.name) v=\\(.value)\", \"2\"" }),
            "t0 v=5\n2\n".to_owned(),
            json!({ "content-type": "text/plain; charset=utf-8" }),
        ),
        (
            json!({ "body": "list", "linger": "0s", "format": "jq",
                "filter": ".tags[] | \"a\\\"b\", {topic: 1, payload: 2}" }),
            "[\"a\\\"b\",{\"topic\":1,\"payload\":2}]".to_owned(),
            json!({ "content-type": "application/json" }),
        ),
    ] {
        let mut session =
            open_http(&with(json!({ "url": url }), settings), &context).await.unwrap();
        let receipt = deliver(&mut *session, &batch(&set_of("a b", 1), 5), 40).await.unwrap();
        receipt.await.unwrap();
        session.close().await;
        let last = server.log().pop().unwrap();
        assert_eq!(last["target"], "/in/edge1/cloud/a%20b?g=fast");
        assert_eq!(last["body"], body);
        assert_eq!(last["headers"]["idempotency-key"], "edge1/cloud/7/40-41");
        for (name, value) in headers.as_object().unwrap() {
            assert_eq!(&last["headers"][name], value, "{name}");
        }
    }
    assert_eq!(server.log()[1]["method"], "PUT");
    // Several messages of one delivery are requests of their own, each with its own key.
    let several = json!({ "url": url, "format": "jq", "filter": ".tags[].value + (1, 2)" });
    let mut session = open_http(&several, &context).await.unwrap();
    deliver(&mut *session, &batch(&set(1), 5), 0).await.unwrap().await.unwrap();
    let log = server.log();
    let keys: Vec<&Value> = log[6..].iter().map(|r| &r["headers"]["idempotency-key"]).collect();
    assert_eq!(keys, ["edge1/cloud/7/0-1/0", "edge1/cloud/7/0-1/1"]);
}

#[tokio::test]
async fn what_answers_mean() {
    let server = Server::start();
    let settings = json!({ "url": server.url("x") });
    let page = json!({ "content-type": "text/html; charset=utf-8" });
    for (answer, kind, words) in [
        (
            json!({ "status": 503, "body": "busy" }),
            "retry",
            "answered 503 Service Unavailable: busy",
        ),
        (json!({ "status": 500 }), "retry", "500 Internal Server Error"),
        (
            json!({ "status": 200, "headers": page, "body": "<h1>Welcome" }),
            "retry",
            "log-in portal",
        ),
        (json!({ "status": 400, "body": "bad\nthing" }), "reject", "400 Bad Request: bad thing"),
        (json!({ "status": 415 }), "reject", "415 Unsupported Media Type"),
        (
            json!({ "status": 413, "chunked": true, "body": "far too much" }),
            "reject",
            "far too much",
        ),
        (
            json!({ "status": 308, "headers": { "location": "https://new/x" } }),
            "settings",
            "points to https://new/x",
        ),
        (json!({ "status": 401 }), "settings", "check `auth`"),
        (json!({ "status": 403 }), "settings", "check the rights"),
        (json!({ "status": 404 }), "settings", "check `url` and `method`"),
        (json!({ "cut": true }), "retry", "broke before its answer was complete"),
    ] {
        server.next(json!([answer]));
        let told = text(deliver_one(&settings).await, kind);
        assert!(told.contains(words), "{told}");
    }
    let proof = with(settings.clone(), json!({ "expect": { "json": { "/ok": true } } }));
    server
        .next(json!([{ "body": "{\"ok\":false}" }, { "body": "{\"ok\":true}", "chunked": true }]));
    let told = text(deliver_one(&proof).await, "retry");
    assert!(
        told.contains("without true at `/ok` that `expect` asks for: {\"ok\":false}"),
        "{told}"
    );
    deliver_one(&proof).await.unwrap();
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let server = Server::start();
    let plan = plan_of(&tagwerk_sinks::Http, &json!({ "url": server.url("x") }));
    let context = context(env());
    let mut session = plan.open.open(&context).await.unwrap();
    server.next(json!([{ "status": 429, "headers": { "retry-after": "3000" } }]));
    let outcome = deliver_values(&mut *session, 0..1).await.remove(0);
    assert!(text(outcome, "retry").contains("429 Too Many Requests and asks to wait 3000 s"));
    for _ in 0..2 {
        let told = text(plan.open.open(&context).await.map(drop), "retry");
        assert!(told.contains("asked to be left alone; still "), "{told}");
    }
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn only_the_poison_of_a_batch_is_rejected() {
    let server = Server::start();
    server.control(json!({ "poison": "\"t0\":5}" }));
    let settings = json!({ "url": server.url("x"), "body": "list", "batch_samples": 16 });
    let mut session = open_http(&settings, &context(env())).await.unwrap();
    let outcomes = deliver_values(&mut *session, 0..16).await;
    for (value, outcome) in outcomes.into_iter().enumerate() {
        match value {
            5 => {
                let told = text(outcome, "reject");
                assert!(told.contains("422 Unprocessable"), "{told}");
                assert!(told.contains("poison: xxx") && told.len() < 500, "{told}");
            }
            _ => outcome.unwrap(),
        }
    }
    let expected: Vec<i64> = (0..16).filter(|value| *value != 5).collect();
    assert_eq!(values(&server.taken()), expected, "all others once and in order");
}

#[tokio::test]
async fn too_large_a_request_is_divided() {
    let server = Server::start();
    server.control(json!({ "bytes_max": 500 }));
    let settings = json!({ "url": server.url("x"), "body": "lines", "batch_samples": 32 });
    let mut session = open_http(&settings, &context(env())).await.unwrap();
    for round in 0..2 {
        let first = round * 32;
        let outcomes = deliver_values(&mut *session, first..first + 32).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    assert_eq!(values(&server.taken()), (0..64).collect::<Vec<i64>>());
    let log = server.log();
    let refused = log.iter().filter(|request| request["status"] == 413).count();
    let late = log.iter().rev().take(8).filter(|request| request["status"] == 413).count();
    assert!(refused > 0 && late == 0, "what the server takes is remembered");
    server.control(json!({ "bytes_max": 10 }));
    let told = text(deliver_values(&mut *session, 64..65).await.remove(0), "reject");
    assert!(told.contains("413"), "{told}");
}

#[tokio::test]
async fn connections_are_used_again_and_their_end_is_no_fault() {
    let server = Server::start();
    let settings = json!({ "url": server.url("x") });
    let mut session = open_http(&settings, &context(env())).await.unwrap();
    let mut send = async |range: std::ops::Range<i64>| {
        let outcomes = deliver_values(&mut *session, range).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    };
    send(0..3).await;
    // The server ends the connection after an answer, without a word in the answer.
    server.next(json!([{ "close": true }]));
    send(3..4).await;
    send(4..6).await;
    // And here in the middle of a request: it is sent again, with the same key.
    server.next(json!([{ "cut": true }]));
    send(6..8).await;
    let log = server.log();
    let peers: Vec<&Value> = log.iter().map(|request| &request["peer"]).collect();
    assert!(peers[..4].iter().all(|peer| *peer == peers[0]), "{peers:?}");
    assert_ne!(peers[4], peers[3]);
    let key = |index: usize| &log[index]["headers"]["idempotency-key"];
    assert_eq!((log[6]["status"].is_null(), key(6)), (true, key(7)));
    assert_eq!(values(&server.taken()), (0..8).collect::<Vec<i64>>());
    server.next(json!([{ "cut": true }, { "cut": true }]));
    text(deliver_values(&mut *session, 8..9).await.remove(0), "retry");
    text(Err::<(), _>(session.lost().await), "retry");
}

#[tokio::test]
async fn nothing_is_lost_when_the_server_is_killed_with_a_request() {
    for (body, in_flight_max) in [("one", 1), ("list", 1), ("lines", 3)] {
        let mut server = Server::start();
        let settings = json!({ "url": server.url("x"), "body": body, "linger": "0s",
            "in_flight_max": in_flight_max });
        let context = context(env());
        let mut session = open_http(&settings, &context).await.unwrap();
        assert!(deliver_values(&mut *session, 0..4).await.iter().all(Result::is_ok));
        let mut taken = values(&server.taken());
        let before = server.log().len();
        server.next(json!([{ "hold": true }, { "hold": true }, { "hold": true }]));
        let receipt = deliver(&mut *session, &batch(&set(1), 4), 4).await.unwrap();
        while server.log().len() == before {
            tokio::task::yield_now().await;
        }
        let port = server.port;
        server.kill();
        let told = text(receipt.await, "retry");
        assert!(told.contains("the server at http://127.0.0.1:"), "{told}");
        text(Err::<(), _>(session.lost().await), "retry");
        text(open_http(&settings, &context).await.map(drop), "retry");
        let server = Server::start_with(port, &[]);
        let mut session = open_http(&settings, &context).await.unwrap();
        assert!(deliver_values(&mut *session, 4..8).await.iter().all(Result::is_ok));
        taken.extend(values(&server.taken()));
        taken.sort_unstable();
        assert_eq!(taken, (0..8).collect::<Vec<i64>>(), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = Server::start();
    server.next(json!([{ "hold": true }]));
    let settings = json!({ "url": server.url("x"), "timeout": "100ms" });
    let told = text(deliver_one(&settings).await, "retry");
    assert!(told.contains("did not take and answer a request within 100ms"), "{told}");
}

#[tokio::test]
async fn many_deliveries_arrive_in_order_or_at_least_once_each() {
    for (body, in_flight_max) in [("one", 1), ("list", 1), ("lines", 4)] {
        let server = Server::start();
        let settings = json!({ "url": server.url("x"), "body": body, "sequence": true,
            "batch_samples": 7, "linger": "10ms", "in_flight_max": in_flight_max });
        let mut session = open_http(&settings, &context(env())).await.unwrap();
        for start in (0..300).step_by(50) {
            let outcomes = deliver_values(&mut *session, start..start + 50).await;
            assert!(outcomes.iter().all(Result::is_ok));
        }
        let mut arrived = values(&server.taken());
        if in_flight_max > 1 {
            arrived.sort_unstable();
        }
        assert_eq!(arrived, (0..300).collect::<Vec<i64>>(), "{body}");
        let requests = server.log().len();
        assert!(body == "one" || requests < 100, "{requests} requests for 300 deliveries");
    }
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_fetched_again() {
    let server = Server::start();
    let oauth2 = |secret: &str| {
        json!({ "url": server.url("x"), "auth": { "oauth2": { "token_url": server.url("token"),
            "client_id": "id", "client_secret": { "secret": secret }, "scope": "write" } } })
    };
    let context = context_with(env(), &[("right", "s3cret"), ("wrong", "x")]);
    let mut session = open_http(&oauth2("right"), &context).await.unwrap();
    server.next(json!([{}, {}, { "status": 401 }]));
    assert!(deliver_values(&mut *session, 0..4).await.iter().all(Result::is_ok));
    let log = server.log();
    let shown: Vec<&Value> = log.iter().map(|r| &r["headers"]["authorization"]).collect();
    assert_eq!(shown, ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]);
    server.next(json!([{ "status": 401 }, { "status": 401 }]));
    let told = text(deliver_values(&mut *session, 4..5).await.remove(0), "settings");
    assert!(told.contains("does not accept the token"), "{told}");
    let told = text(open_http(&oauth2("wrong"), &context).await.map(drop), "settings");
    assert!(told.contains("invalid_client") && told.contains("auth.oauth2"), "{told}");
    let told = text(open_http(&oauth2("absent"), &context).await.map(drop), "settings");
    assert!(told.contains("no secret `absent`"), "{told}");
}

/// A certificate for this name and these years.
fn certificate(
    folder: &std::path::Path,
    issuer: Option<&rcgen::Issuer<'_, rcgen::KeyPair>>,
    name: &str,
    years: (i32, i32),
) -> Server {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let files = [folder.join("server.pem"), folder.join("server.key")];
    std::fs::write(&files[0], certificate.pem()).unwrap();
    std::fs::write(&files[1], key.serialize_pem()).unwrap();
    Server::start_tls(&files[0], &files[1])
}

#[tokio::test]
async fn tls_is_checked_at_every_connection() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let context = context(env());
    for (signed, name, years, words) in [
        (true, "127.0.0.1", (2020, 2090), ""),
        (
            true,
            "127.0.0.1",
            (2020, 2021),
            "it expired at 2021-01-01T00:00:00.000Z, and this edge's",
        ),
        (true, "127.0.0.1", (2080, 2090), "it is not valid yet, only from 2080-01-01"),
        (true, "elsewhere.example", (2020, 2090), "it is for another name"),
        (false, "127.0.0.1", (2020, 2090), "it signed itself"),
    ] {
        let server = certificate(folder.path(), signed.then_some(&issuer), name, years);
        let settings = json!({ "url": format!("https://127.0.0.1:{}/x", server.port),
            "tls": { "ca_file": ca_file } });
        for attempt in 1..=2 {
            let opened = open_http(&settings, &context).await;
            if words.is_empty() {
                let mut session = opened.unwrap();
                let outcomes = deliver_values(&mut *session, 0..5).await;
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                continue;
            }
            let told = text(opened.map(drop), "settings");
            assert!(told.contains(words), "attempt {attempt}: {told}");
        }
    }
    let server = Server::start();
    let settings = json!({ "url": format!("https://127.0.0.1:{}/x", server.port),
        "tls": { "ca_file": ca_file } });
    let told = text(open_http(&settings, &context).await.map(drop), "retry");
    assert!(told.contains("TLS"), "{told}");
}
