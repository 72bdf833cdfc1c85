//! The sink `mqtt` against a scripted broker on a wire in memory, with time paused.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod rig;

use proptest::prelude::*;
use rig::{batch, context, deliver, env, plan, set, text, with};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tagwerk_component::{SinkContext, SinkFault, SinkSession};
use tagwerk_env::{BoxFuture, Env, Listener, Net, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A network whose one connection is the wire it was given.
struct OneWire(Mutex<Option<DuplexStream>>);

impl Net for OneWire {
    fn connect<'a>(
        &'a self,
        _host: &'a str,
        _port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        let wire = self.0.lock().unwrap().take();
        Box::pin(async move {
            match wire {
                Some(wire) => Ok(Box::new(wire) as Box<dyn Stream>),
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
    fn listen(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// The broker's end of the wire.
struct Peer(DuplexStream);

impl Peer {
    /// Reads one packet: its first byte and its body.
    async fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.unwrap();
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = self.0.read_u8().await.unwrap();
            length |= usize::from(byte & 127) << shift;
            shift += 7;
            if byte & 128 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (first, body)
    }

    /// Reads a PUBLISH and returns its packet id.
    async fn publish(&mut self) -> [u8; 2] {
        let (first, body) = self.packet().await;
        assert_eq!(first >> 4, 3);
        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
        [body[2 + topic], body[3 + topic]]
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }
}

fn wire(bytes: usize) -> (SinkContext, Peer) {
    let (ours, theirs) = tokio::io::duplex(bytes);
    let net = Arc::new(OneWire(Mutex::new(Some(ours))));
    (context(Env { net, ..env() }), Peer(theirs))
}

fn settings(more: serde_json::Value) -> serde_json::Value {
    with(json!({ "url": "mqtt://broker" }), more)
}

const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

/// Connects with MQTT 5; the broker answers `connack`.
async fn connected(
    more: serde_json::Value,
    connack: &[u8],
    bytes: usize,
) -> (Result<Box<dyn SinkSession>, SinkFault>, Peer) {
    let (context, mut peer) = wire(bytes);
    let plan = plan(&settings(more));
    let broker = async {
        assert_eq!(peer.packet().await.0, 0x10);
        peer.send(connack).await;
    };
    let (session, ()) = tokio::join!(plan.open.open(&context), broker);
    (session, peer)
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    for (version, connack, kind, words) in [
        ("5", [0x20, 3, 0, 0x86, 0], "settings", "bad user name or password (0x86)"),
        ("5", [0x20, 3, 0, 0x87, 0], "settings", "not authorized (0x87)"),
        ("5", [0x20, 3, 0, 0x84, 0], "settings", "try `version: \"3.1.1\"`"),
        ("5", [0x20, 3, 0, 0x85, 0], "settings", "change `client_id`"),
        ("5", [0x20, 3, 0, 0x88, 0], "retry", "server unavailable"),
        ("5", [0x20, 3, 0, 0x97, 0], "retry", "quota exceeded"),
        ("5", [0x20, 2, 0, 1, 0], "retry", "if it speaks only MQTT 3.1.1"),
        ("3.1.1", [0x20, 2, 0, 1, 0], "settings", "does not speak MQTT 3.1.1"),
        ("3.1.1", [0x20, 2, 0, 2, 0], "settings", "does not accept the client id"),
        ("3.1.1", [0x20, 2, 0, 3, 0], "retry", "not available"),
        ("3.1.1", [0x20, 2, 0, 4, 0], "settings", "user name or password are wrong"),
        ("3.1.1", [0x20, 2, 0, 5, 0], "settings", "may not connect"),
        ("5", [0x90, 3, 0, 1, 0], "retry", "broke the MQTT protocol"),
        ("5", [0xFF; 5], "retry", "broke the MQTT protocol"),
    ] {
        let (session, _peer) = connected(json!({ "version": version }), &connack, 4096).await;
        let text = text(session.map(drop), kind);
        assert!(text.contains(words) && text.contains("mqtt://broker:1883"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing_is_given_up() {
    let (session, _peer) = connected(json!({ "connect_timeout": "3s" }), &[0x20, 3], 4096).await;
    let text = text(session.map(drop), "retry");
    assert!(text.contains("did not answer within 3s"), "{text}");
    let (context, peer) = wire(4096);
    drop(peer);
    let plan = plan(&settings(json!({})));
    rig::text(plan.open.open(&context).await.map(drop), "retry");
    let refused = rig::text(plan.open.open(&context).await.map(drop), "retry");
    assert!(refused.contains("cannot connect to the broker at mqtt://broker:1883"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_cannot_do_is_told_at_once() {
    let lower_qos = [0x20, 5, 0, 0, 2, 0x24, 0];
    let (session, _peer) = connected(json!({}), &lower_qos, 4096).await;
    assert!(text(session.map(drop), "settings").contains("write `qos: 0`"));
    let no_retain = [0x20, 5, 0, 0, 2, 0x25, 0];
    let (session, _peer) = connected(json!({ "retain": true }), &no_retain, 4096).await;
    assert!(text(session.map(drop), "settings").contains("remove `retain`"));
}

#[tokio::test(start_paused = true)]
async fn a_reason_in_the_acknowledgement_decides_what_happens_next() {
    for (qos, code, kind) in [
        (1, 0x00, ""),
        (1, 0x10, ""),
        (1, 0x80, "retry"),
        (1, 0x83, "retry"),
        (1, 0x87, "settings"),
        (1, 0x90, "reject"),
        (1, 0x97, "retry"),
        (1, 0x99, "reject"),
        (2, 0x00, ""),
        (2, 0x87, "settings"),
        (2, 0x99, "reject"),
    ] {
        let (session, mut peer) = connected(json!({ "qos": qos }), CONNACK, 4096).await;
        let mut session = session.unwrap();
        let receipt = deliver(&mut *session, &batch(&set(1), 1), 0).await.unwrap();
        let id = peer.publish().await;
        let kind_of_ack = if qos == 1 { 0x40 } else { 0x50 };
        peer.send(&[kind_of_ack, 3, id[0], id[1], code]).await;
        if qos == 2 && code < 0x80 {
            assert_eq!(peer.packet().await, (0x62, id.to_vec()));
            peer.send(&[0x70, 2, id[0], id[1]]).await;
        }
        match kind {
            "" => receipt.await.unwrap(),
            kind => drop(text(receipt.await, kind)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_acknowledgement_ends_the_connection() {
    let (session, mut peer) = connected(json!({ "ack_timeout": "2s" }), CONNACK, 4096).await;
    let mut session = session.unwrap();
    let set = set(1);
    let first = deliver(&mut *session, &batch(&set, 1), 0).await.unwrap();
    let second = deliver(&mut *session, &batch(&set, 2), 1).await.unwrap();
    let id = peer.publish().await;
    peer.publish().await;
    peer.send(&[0x40, 2, id[0], id[1]]).await;
    first.await.unwrap();
    let words = text(second.await, "retry");
    assert!(words.contains("did not acknowledge a message within 2s"), "{words}");
    assert_eq!(session.lost().await, SinkFault::Retry(words.clone()));
    assert_eq!(text(deliver(&mut *session, &batch(&set, 3), 2).await.map(drop), "retry"), words);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_no_data_holds_delivery_up_only_so_long() {
    let (session, _peer) = connected(json!({ "ack_timeout": "2s" }), CONNACK, 64).await;
    let mut session = session.unwrap();
    let fault = deliver(&mut *session, &batch(&set(10), 1), 0).await.map(drop);
    let words = text(fault, "retry");
    assert!(words.contains("took no data for 2s"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_is_lost_after_one_and_a_half_keep_alives() {
    let (session, mut peer) = connected(json!({ "keep_alive": "4s" }), CONNACK, 4096).await;
    let mut session = session.unwrap();
    let start = tokio::time::Instant::now();
    let answering = async {
        for _ in 0..3 {
            assert_eq!(peer.packet().await.0, 0xC0);
            peer.send(&[0xD0, 0]).await;
        }
        assert_eq!(peer.packet().await.0, 0xC0);
        std::future::pending::<()>().await;
    };
    let fault = tokio::select! {
        fault = session.lost() => fault,
        () = answering => unreachable!("it never ends"),
    };
    assert_eq!(start.elapsed().as_millis(), 3 * 4000 + 6000);
    let words = text(Err::<(), _>(fault), "retry");
    assert!(words.contains("did not answer whether it is still there"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_packet_in_two_halves_is_one_packet() {
    let (session, mut peer) = connected(json!({}), CONNACK, 4096).await;
    let mut session = session.unwrap();
    let receipt = deliver(&mut *session, &batch(&set(1), 1), 0).await.unwrap();
    let id = peer.publish().await;
    for byte in [0x40, 2, id[0], id[1]] {
        peer.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    receipt.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn receipts_fail_with_retry_whatever_ends_the_connection() {
    for (bytes, kind, words) in [
        (&[][..], "retry", "closed the connection"),
        (&[0xE0, 0][..], "retry", "no reason given (0x00)"),
        (&[0xE0, 1, 0x8B][..], "retry", "server shutting down (0x8B)"),
        (
            &[0xE0, 1, 0x8E][..],
            "settings",
            "another client uses the client id `tagwerk-edge1-cloud`",
        ),
        (CONNACK, "retry", "a second CONNACK"),
        (&[0x40, 2, 0xFF, 0xFF][..], "retry", "broke the MQTT protocol"),
        (&[0xF7, 0xFF, 0xFF, 0xFF, 0xFF][..], "retry", "broke the MQTT protocol"),
    ] {
        let (session, mut peer) = connected(json!({}), CONNACK, 4096).await;
        let mut session = session.unwrap();
        let receipt = deliver(&mut *session, &batch(&set(1), 1), 0).await.unwrap();
        peer.publish().await;
        peer.send(bytes).await;
        if bytes.is_empty() {
            drop(peer);
        }
        assert!(text(receipt.await, "retry").contains(words), "{words}");
        let lost = text(Err::<(), _>(session.lost().await), kind);
        assert!(lost.contains(words), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_broker_limits_packet_size_and_messages_in_flight() {
    // Maximum Packet Size 200, Receive Maximum 2.
    let connack = [0x20, 11, 0, 0, 8, 0x27, 0, 0, 0, 200, 0x21, 0, 2];
    let more = json!({ "ack_timeout": "2s", "topic": "t/{tag}" });
    let (session, mut peer) = connected(more, &connack, 65536).await;
    let mut session = session.unwrap();
    let set = set(3);
    let small = batch(&set, 1);
    let answering = async {
        for _ in 0..3 {
            let id = peer.publish().await;
            peer.send(&[0x40, 2, id[0], id[1]]).await;
        }
        peer
    };
    let (receipt, _peer) = tokio::join!(deliver(&mut *session, &small, 0), answering);
    receipt.unwrap().await.unwrap_or_else(|fault| panic!("{fault}"));

    let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 60];
    let (session, _peer) = connected(json!({}), &connack, 65536).await;
    let mut session = session.unwrap();
    let receipt = deliver(&mut *session, &batch(&set, 1), 0).await.unwrap();
    let words = text(receipt.await, "reject");
    assert!(words.contains("takes at most 60") && words.contains("bytes"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn closing_says_goodbye_and_dropping_ends_the_task() {
    let more = json!({ "status_topic": "s/{edge}", "version": "3.1.1" });
    let (context, mut peer) = wire(4096);
    let plan = plan(&settings(more));
    let broker = async {
        let (_, hello) = peer.packet().await;
        assert_eq!(hello[7], 0b0010_1110, "will, retained, QoS 1, and a clean session");
        peer.send(&[0x20, 2, 0, 0]).await;
        let (first, body) = peer.packet().await;
        assert_eq!(first, 0x33);
        assert!(body.ends_with(b"online"));
        peer.send(&[0x40, 2, body[9], body[10]]).await;
        peer
    };
    let (session, mut peer) = tokio::join!(plan.open.open(&context), broker);
    session.unwrap().close().await;
    let (first, body) = peer.packet().await;
    assert_eq!((first, &body[..]), (0x31, &b"\0\x07s/edge1offline"[..]));
    assert_eq!(peer.packet().await, (0xE0, vec![]));
    assert_eq!(peer.0.read(&mut [0]).await.unwrap(), 0);

    let (session, mut peer) = connected(json!({}), CONNACK, 4096).await;
    drop(session.unwrap());
    assert_eq!(peer.0.read(&mut [0]).await.unwrap(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a broker sends, before or after its CONNACK, the session ends with a fault of its own
    /// or goes on; it never panics (a panic would be told as such) and never hangs.
    #[test]
    fn no_bytes_from_a_broker_panic(
        greeting in prop_oneof![
            Just(CONNACK.to_vec()),
            Just(vec![0x20, 2, 0, 0]),
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 0..12).prop_map(|rest| {
                [vec![0x20, rest.len() as u8 + 3, 0, 0, rest.len() as u8], rest].concat()
            }),
        ],
        packets in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..24)), 0..8),
        version in prop_oneof![Just("5"), Just("3.1.1")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let more = json!({ "version": version, "qos": 2 });
            let (session, mut peer) = connected(more, &greeting, 65536).await;
            let Ok(mut session) = session else { return };
            let receipt = deliver(&mut *session, &batch(&set(1), 1), 0).await;
            for (first, body) in packets {
                let head = [first, body.len() as u8];
                if peer.0.write_all(&[&head[..], &body[..]].concat()).await.is_err() {
                    break;
                }
            }
            if let Ok(receipt) = receipt {
                drop(receipt.await);
            }
            drop(peer);
            let text = session.lost().await.to_string();
            assert!(!text.contains("task has failed"), "{text}");
        });
    }
}
