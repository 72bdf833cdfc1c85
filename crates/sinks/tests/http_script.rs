//! The sink `http` against servers in memory: time, order of starts, and answers that no real
//! server gives.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use rig::{batch, context, deliver, open_http, plan_of, set, set_of, text, with};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_component::{SinkContext, SinkFault, SinkSession};
use tagwerk_env::{Clock, Env};
use tagwerk_testkit::{FakeNet, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Bodies, in the order in which they came.
type Bodies = Arc<Mutex<Vec<String>>>;

/// A network with one server, which gives these answers in turn and then takes everything. After an
/// empty answer it ends the connection.
fn serve(answers: &[&str]) -> (SinkContext, Arc<PausedClock>, Bodies, FakeNet) {
    let (net, clock) = (FakeNet::new(), Arc::new(PausedClock::new()));
    let bodies = Bodies::default();
    let mut answers: Vec<String> = answers.iter().map(|answer| answer.to_string()).collect();
    answers.reverse();
    let answers = Arc::new(Mutex::new(answers));
    let seen = bodies.clone();
    net.peer("server", 80, move |mut stream| {
        let (answers, seen) = (answers.clone(), seen.clone());
        async move {
            while let Some(body) = read_request(&mut stream).await {
                seen.lock().unwrap().push(body);
                let answer = answers.lock().unwrap().pop().unwrap_or_else(|| OK.to_owned());
                if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let env = Env { net: Arc::new(net.clone()), clock: clock.clone(), ..Env::system() };
    (context(env), clock, bodies, net)
}

async fn read_request(stream: &mut DuplexStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split_once("content-length: ")?.1.split_once("\r\n")?.0.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(String::from_utf8(body).unwrap())
}

fn settings(more: Value) -> Value {
    with(json!({ "url": "http://server/x" }), more)
}

async fn deliver_one(settings: &Value, context: &SinkContext) -> Result<(), SinkFault> {
    let mut session = open_http(settings, context).await?;
    deliver(&mut *session, &batch(&set(1), 5), 0).await?.await
}

/// Values of the tags of list bodies.
fn lists(bodies: &Bodies) -> Vec<Vec<i64>> {
    let bodies = bodies.lock().unwrap();
    let list = |body: &String| -> Vec<i64> {
        let payloads: Vec<Value> = serde_json::from_str(body).unwrap();
        payloads.iter().map(|payload| payload["values"]["t0"].as_i64().unwrap()).collect()
    };
    bodies.iter().map(list).collect()
}

async fn hand_over(
    session: &mut dyn SinkSession,
    values: std::ops::Range<i64>,
) -> Vec<tagwerk_component::Receipt> {
    let set = set(1);
    let mut receipts = Vec::new();
    for value in values {
        receipts.push(deliver(session, &batch(&set, value), value as u64).await.unwrap());
    }
    receipts
}

#[tokio::test(start_paused = true)]
async fn samples_wait_for_others_as_long_as_they_may() {
    let (context, clock, bodies, _) = serve(&[]);
    let settings = settings(json!({ "body": "list", "linger": "5s", "batch_samples": 10 }));
    let mut session = open_http(&settings, &context).await.unwrap();
    let start = clock.now();
    let receipts = hand_over(&mut *session, 0..3).await;
    for receipt in receipts {
        receipt.await.unwrap();
    }
    assert_eq!(clock.now().since(start).as_secs(), 5, "the linger");
    for receipt in hand_over(&mut *session, 3..13).await {
        receipt.await.unwrap();
    }
    assert_eq!(clock.now().since(start).as_secs(), 5, "ten samples do not wait");
    assert_eq!(lists(&bodies), [vec![0, 1, 2], (3..13).collect()]);
}

#[tokio::test(start_paused = true)]
async fn what_the_runtime_has_handed_over_to_the_last_is_sent_at_once() {
    let (context, clock, bodies, _) = serve(&[]);
    let settings = settings(json!({ "body": "list", "linger": "5m", "batch_samples": 100_000 }));
    let window = plan_of(&tagwerk_sinks::Http, &settings).in_flight_max as i64;
    let mut session = open_http(&settings, &context).await.unwrap();
    let start = clock.now();
    for receipt in hand_over(&mut *session, 0..window).await {
        receipt.await.unwrap();
    }
    assert_eq!(clock.now(), start);
    assert_eq!(lists(&bodies), [(0..window).collect::<Vec<i64>>()]);
}

#[tokio::test(start_paused = true)]
async fn requests_have_one_address_and_at_most_so_many_bytes() {
    let (context, _, bodies, _) = serve(&[]);
    let more = json!({ "url": "http://server/{device}", "body": "list", "batch_bytes": 1024 });
    let mut session = open_http(&settings(more), &context).await.unwrap();
    let mut receipts = Vec::new();
    for (value, device) in [(0, "a"), (1, "a"), (2, "b"), (3, "a")] {
        let batch = batch(&set_of(device, 1), value);
        receipts.push(deliver(&mut *session, &batch, value as u64).await.unwrap());
    }
    // About 100 bytes each.
    receipts.extend(hand_over(&mut *session, 4..34).await);
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let lists = lists(&bodies);
    assert_eq!(lists[..3], [vec![0, 1], vec![2], vec![3]]);
    assert_eq!(lists.concat(), (0..34).collect::<Vec<i64>>());
    assert!(bodies.lock().unwrap().iter().all(|body| body.len() <= 1_024 + 2), "{lists:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_that_the_server_asks_for_is_waited() {
    let wait = "HTTP/1.1 503 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let (context, clock, bodies, _) = serve(&[wait]);
    let plan = plan_of(&tagwerk_sinks::Http, &settings(json!({})));
    let mut session = plan.open.open(&context).await.unwrap();
    let mut receipts = hand_over(&mut *session, 0..1).await;
    text(receipts.remove(0).await, "retry");
    let refused = clock.now();
    let mut session = plan.open.open(&context).await.unwrap();
    assert_eq!(clock.now().since(refused), Duration::from_secs(7));
    hand_over(&mut *session, 0..1).await.remove(0).await.unwrap();
    assert_eq!(bodies.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_in_time() {
    let (net, clock) = (FakeNet::new(), Arc::new(PausedClock::new()));
    net.peer("server", 80, |mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let env = Env { net: Arc::new(net), clock: clock.clone(), ..Env::system() };
    let context = context(env);
    let start = clock.now();
    let told = text(deliver_one(&settings(json!({ "timeout": "30s" })), &context).await, "retry");
    assert!(told.contains("within 30s"), "{told}");
    assert_eq!(clock.now().since(start).as_secs(), 30);
    let started = clock.now();
    let tls = json!({ "url": "https://server:80/x", "tls": { "verify": false } });
    let told = text(open_http(&tls, &context).await.map(drop), "retry");
    assert!(told.contains("did not answer within 10s"), "{told}");
    assert_eq!(clock.now().since(started).as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn requests_become_as_small_as_a_slow_network_needs() {
    let net = FakeNet::new();
    let bodies = Bodies::default();
    let seen = bodies.clone();
    net.peer("server", 80, move |mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(body) = read_request(&mut stream).await {
                // Larger ones take for ever.
                if body.len() > 20_000 {
                    std::future::pending::<()>().await;
                }
                seen.lock().unwrap().push(body);
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let clock = Arc::new(PausedClock::new());
    let context = context(Env { net: Arc::new(net), clock, ..Env::system() });
    let plan = plan_of(&tagwerk_sinks::Http, &settings(json!({ "body": "list" })));
    let (mut done, mut failures) = (0, 0);
    let set = set(100);
    // As the runtime does: after a failure again, from the first that was not taken.
    while done < 400 {
        let mut session = plan.open.open(&context).await.unwrap();
        while done < 400 {
            let mut receipts = Vec::new();
            for value in done..done + 50 {
                receipts.push(deliver(&mut *session, &batch(&set, value), 0).await.unwrap());
            }
            let mut failed = false;
            for receipt in receipts {
                match receipt.await {
                    Ok(()) => done += 1,
                    Err(fault) => failed = matches!(fault, SinkFault::Retry(_)),
                }
            }
            if failed {
                failures += 1;
                break;
            }
        }
    }
    assert!((1..20).contains(&failures), "{failures} times too large");
    let lists = lists(&bodies);
    assert_eq!(lists.concat()[..400], (0..400).collect::<Vec<i64>>());
    assert!(lists.len() < 60, "{} requests", lists.len());
}

#[tokio::test(start_paused = true)]
async fn answers_of_any_shape_are_borne() {
    let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n{}", "x".repeat(300_000));
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(300_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    let cut_json =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", " ".repeat(100_000));
    for (answer, expect, kind) in [
        (huge.as_str(), Value::Null, "delivered"),
        (cut_json.as_str(), json!({ "json": { "/a": 1 } }), "retry"),
        (long_head.as_str(), Value::Null, "retry"),
        (many.as_str(), Value::Null, "retry"),
        ("SSH-2.0-OpenSSH_9.2\r\n", Value::Null, "retry"),
        ("\0\0\0\0\r\n\r\n", Value::Null, "retry"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nab",
            Value::Null,
            "retry",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Value::Null, "retry"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Value::Null, "delivered"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", Value::Null, "delivered"),
        ("HTTP/1.1 999 \r\ncontent-length: 0\r\n\r\n", Value::Null, "retry"),
        ("", Value::Null, "retry"),
    ] {
        let (context, ..) = serve(&[answer]);
        let outcome = deliver_one(&settings(json!({ "expect": expect })), &context).await;
        let shown = answer.get(..40).unwrap_or(answer);
        match kind {
            "delivered" => assert_eq!(outcome, Ok(()), "{shown}"),
            _ => assert!(matches!(outcome, Err(SinkFault::Retry(_))), "{shown}: {outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_whole_request_counts() {
    let net = FakeNet::new();
    net.peer("server", 80, |mut stream| async move {
        let mut some = [0; 1_000];
        stream.read_exact(&mut some).await.unwrap();
        let early = b"HTTP/1.1 413 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(early).await.unwrap();
    });
    let env = Env { net: Arc::new(net), clock: Arc::new(PausedClock::new()), ..Env::system() };
    let context = context(env);
    let mut session = open_http(&settings(json!({})), &context).await.unwrap();
    let large = batch(&set(20_000), 1);
    let outcome = deliver(&mut *session, &large, 0).await.unwrap().await;
    assert!(text(outcome, "reject").contains("413"), "not taken for a broken connection");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_while_idle_is_no_fault() {
    let (net, clock) = (FakeNet::new(), Arc::new(PausedClock::new()));
    net.peer("server", 80, |mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
    });
    let env = Env { net: Arc::new(net.clone()), clock: clock.clone(), ..Env::system() };
    let mut session = open_http(&settings(json!({})), &context(env)).await.unwrap();
    for value in 0..5 {
        hand_over(&mut *session, value..value + 1).await.remove(0).await.unwrap();
        let idle = clock.now().after(Duration::from_secs(60));
        assert!(tagwerk_env::timeout(&*clock, idle, session.lost()).await.is_none());
    }
    assert_eq!(net.connections(), 5);
    session.close().await;
}
