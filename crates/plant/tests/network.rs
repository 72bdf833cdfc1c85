//! The plant over real loopback sockets: its answers, every fault of the wire, the control port, and
//! the bench's device server under the baseline loop.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is its own master")]

use std::net::SocketAddr;

use serde_json::{Value, json};
use tagwerk_plant::device::OwnFaults;
use tagwerk_plant::{baseline, load, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A plant whose time stands still and which has no faults of its own.
async fn plant() -> (SocketAddr, SocketAddr) {
    let server = serve::Server::bind(&serve::Options {
        listen: anywhere(),
        control: anywhere(),
        seed: 1,
        time: serve::Time::Frozen,
        faults: OwnFaults::None,
    })
    .await
    .unwrap();
    let ports = (server.modbus, server.control);
    tokio::spawn(server.run());
    ports
}

async fn http(control: SocketAddr, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut stream = TcpStream::connect(control).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: plant\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

async fn get(control: SocketAddr, path: &str) -> Value {
    let (status, body) = http(control, "GET", path, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn post(control: SocketAddr, path: &str, body: Value) -> Value {
    let (status, answer) = http(control, "POST", path, Some(body.clone())).await;
    assert_eq!(status, 200, "{path} {body}: {answer}");
    answer
}

fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = transaction.to_be_bytes().to_vec();
    frame.extend([0, 0]);
    frame.extend((pdu.len() as u16 + 1).to_be_bytes());
    frame.push(unit);
    frame.extend(pdu);
    frame
}

fn read(function: u8, start: u16, count: u16) -> Vec<u8> {
    let mut pdu = vec![function];
    pdu.extend(start.to_be_bytes());
    pdu.extend(count.to_be_bytes());
    pdu
}

fn write_f32(start: u16, value: f32) -> Vec<u8> {
    let mut pdu = vec![16];
    pdu.extend(start.to_be_bytes());
    pdu.extend([0, 2, 4]);
    pdu.extend(value.to_be_bytes());
    pdu
}

struct Master {
    stream: TcpStream,
    transaction: u16,
}

impl Master {
    async fn connect(modbus: SocketAddr) -> Master {
        Master { stream: TcpStream::connect(modbus).await.unwrap(), transaction: 0 }
    }

    async fn send(&mut self, unit: u8, pdu: &[u8]) -> u16 {
        self.transaction += 1;
        let frame = frame(self.transaction, unit, pdu);
        self.stream.write_all(&frame).await.unwrap();
        self.transaction
    }

    async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    async fn frame(&mut self) -> (u16, u8, Vec<u8>) {
        let head = self.bytes(7).await;
        let length = u16::from_be_bytes([head[4], head[5]]);
        let pdu = self.bytes(usize::from(length) - 1).await;
        (u16::from_be_bytes([head[0], head[1]]), head[6], pdu)
    }

    async fn ask(&mut self, unit: u8, pdu: &[u8]) -> Vec<u8> {
        let sent = self.send(unit, pdu).await;
        let (transaction, from, answer) = self.frame().await;
        assert_eq!((transaction, from), (sent, unit));
        answer
    }

    async fn number(&mut self, unit: u8) -> u64 {
        number_in(&self.ask(unit, &read(4, 900, 4)).await)
    }
}

fn number_in(pdu: &[u8]) -> u64 {
    assert_eq!(pdu[..2], [4, 8]);
    u64::from_be_bytes(pdu[2..10].try_into().unwrap())
}

#[tokio::test]
async fn answers_are_numbered_per_unit() {
    let (modbus, control) = plant().await;
    let (mut one, mut two) = (Master::connect(modbus).await, Master::connect(modbus).await);
    assert_eq!(one.number(1).await, 1);
    assert_eq!(two.number(1).await, 2);
    assert_eq!(one.number(3).await, 1, "unit 3 counts for itself");
    // Neither a read beside it nor one of a part of it counts.
    one.ask(1, &read(4, 0, 10)).await;
    one.ask(1, &read(4, 901, 4)).await;
    assert_eq!(two.number(1).await, 3);
    // A larger read covers it too.
    let wide = one.ask(1, &read(4, 890, 20)).await;
    assert_eq!(wide[2 + 20..2 + 28], 4u64.to_be_bytes());
    let counts = get(control, "/counts").await;
    assert_eq!(counts["units"]["1"]["answer_number"], 4);
    assert_eq!(counts["units"]["1"]["answered"]["4"], 6);
    assert_eq!(counts["units"]["3"]["answer_number"], 1);
}

#[tokio::test]
async fn every_function_code_and_its_refusals() {
    let (modbus, _) = plant().await;
    let mut master = Master::connect(modbus).await;
    let mut check = async |unit: u8, pdu: &[u8], want: &[u8]| {
        let answer = master.ask(unit, pdu).await;
        assert_eq!(answer[..want.len()], *want, "{unit} {pdu:02x?}: {answer:02x?}");
    };
    check(1, &read(1, 0, 3), &[1, 1, 0b011]).await;
    check(1, &read(2, 0, 1), &[2, 1, 1]).await;
    check(1, &read(3, 0, 2), &[3, 4, 0x41, 0, 0, 0]).await; // 8.0 in ABCD
    check(3, &read(3, 0, 2), &[3, 4, 0, 0, 0x42, 0xb4]).await; // 90.0 in CDAB
    check(3, &read(3, 60, 8), b"\x03\x10OATS-250\0\0\0\0\0\0\0\0").await;
    check(1, &[5, 0, 2, 0xff, 0], &[5, 0, 2, 0xff, 0]).await;
    check(1, &[15, 0, 0, 0, 3, 1, 0b101], &[15, 0, 0, 0, 3]).await;
    check(1, &read(1, 0, 3), &[1, 1, 0b101]).await;
    check(1, &[6, 0, 4, 0, 80], &[6, 0, 4, 0, 80]).await;
    check(1, &write_f32(0, 9.5), &[16, 0, 0, 0, 2]).await;
    check(1, &read(3, 0, 2), &[3, 4, 0x41, 0x18, 0, 0]).await;
    check(1, &[43, 14, 1, 0], &[0xab, 1]).await;
    check(1, &read(4, 990, 20), &[0x84, 2]).await; // outside the area
    check(1, &[6, 0, 40, 0, 1], &[0x86, 2]).await; // read only
    check(1, &[6, 0, 4, 0, 101], &[0x86, 3]).await; // above the range
    check(1, &write_f32(0, f32::NAN), &[0x90, 3]).await;
    check(1, &read(4, 0, 126), &[0x84, 3]).await;
    check(99, &read(4, 0, 1), &[0x84, 11]).await;
}

#[tokio::test]
async fn a_refused_write_changes_nothing() {
    let (modbus, control) = plant().await;
    let mut master = Master::connect(modbus).await;
    // Pressure fits its range, level does not.
    let mut pdu = vec![16, 0, 0, 0, 4, 8];
    pdu.extend(6.0f32.to_be_bytes());
    pdu.extend(99.0f32.to_be_bytes());
    assert_eq!(master.ask(1, &pdu).await, [0x90, 3]);
    let state = get(control, "/state").await;
    assert_eq!(state["devices"]["boiler-1"]["pressure_setpoint"], 8.0);
}

async fn with_fault(fault: Value) -> (Master, SocketAddr) {
    let (modbus, control) = plant().await;
    post(control, "/fault", fault).await;
    (Master::connect(modbus).await, control)
}

#[tokio::test]
async fn fault_silent() {
    let (mut master, control) = with_fault(json!({"unit": 1, "kind": "silent"})).await;
    master.send(1, &write_f32(0, 9.0)).await;
    let second = master.send(1, &read(3, 0, 2)).await;
    let (transaction, _, pdu) = master.frame().await;
    assert_eq!(transaction, second, "the write is not answered");
    assert_eq!(pdu[2..], 9.0f32.to_be_bytes(), "but carried out");
    let log = get(control, "/log").await;
    assert_eq!(log["writes"][0]["outcome"], "done");
}

#[tokio::test]
async fn fault_slow() {
    let fault = json!({"unit": 1, "kind": "slow", "requests": 1, "value": 20});
    let (mut master, _) = with_fault(fault).await;
    assert_eq!(master.number(1).await, 1);
    assert_eq!(master.number(1).await, 2);
}

#[tokio::test]
async fn fault_exception() {
    let fault = json!({"unit": 1, "kind": "exception", "requests": 2, "value": 6});
    let (mut master, control) = with_fault(fault).await;
    assert_eq!(master.ask(1, &write_f32(0, 9.0)).await, [0x90, 6]);
    assert_eq!(master.ask(1, &read(4, 900, 4)).await, [0x84, 6]);
    assert_eq!(master.number(1).await, 1);
    assert_eq!(get(control, "/state").await["devices"]["boiler-1"]["pressure_setpoint"], 8.0);
    assert_eq!(get(control, "/log").await["writes"][0]["outcome"], "refused");
    assert_eq!(get(control, "/counts").await["units"]["1"]["refused"]["6"], 2);
}

#[tokio::test]
async fn fault_reset() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "reset"})).await;
    master.send(1, &read(4, 0, 1)).await;
    let why = master.stream.read_u8().await.unwrap_err();
    assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn fault_garbage() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "garbage", "value": 20})).await;
    let sent = master.send(1, &read(4, 900, 4)).await;
    let bytes = master.bytes(20).await;
    let mut right = vec![4, 8];
    right.extend(1u64.to_be_bytes());
    assert_ne!(bytes[..17], frame(sent, 1, &right));
    assert_eq!(master.number(1).await, 1, "garbage is no answer");
}

#[tokio::test]
async fn fault_wrong_transaction() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "wrong-transaction"})).await;
    let sent = master.send(1, &read(4, 900, 4)).await;
    let (transaction, _, pdu) = master.frame().await;
    assert_ne!(transaction, sent);
    assert_ne!(number_in(&pdu), 1, "the wrong answer has other data");
    let (transaction, _, pdu) = master.frame().await;
    assert_eq!((transaction, number_in(&pdu)), (sent, 1));
}

#[tokio::test]
async fn fault_wrong_unit() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "wrong-unit"})).await;
    let sent = master.send(1, &read(4, 900, 4)).await;
    let (transaction, unit, _) = master.frame().await;
    assert_eq!((transaction, unit), (sent, 101));
    assert_eq!(master.number(1).await, 1);
}

#[tokio::test]
async fn fault_truncated() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "truncated", "value": 9})).await;
    master.send(1, &read(4, 900, 4)).await;
    let next = master.send(1, &read(4, 900, 4)).await;
    let cut = master.bytes(9).await;
    assert_eq!(cut[4..], [0, 11, 1, 4, 8]);
    let (transaction, _, pdu) = master.frame().await;
    assert_eq!((transaction, number_in(&pdu)), (next, 1));
}

#[tokio::test]
async fn fault_merged() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "merged"})).await;
    let sent = master.send(1, &read(4, 900, 4)).await;
    let first = master.frame().await;
    assert_eq!((first.0, number_in(&first.2)), (sent, 1));
    assert_eq!(master.frame().await, first);
    assert_eq!(master.number(1).await, 2);
}

#[tokio::test]
async fn fault_trickle() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "trickle", "value": 1})).await;
    assert_eq!(master.number(1).await, 1);
}

#[tokio::test]
async fn fault_absurd_length() {
    let (mut master, _) = with_fault(json!({"unit": 1, "kind": "absurd-length"})).await;
    let sent = master.send(1, &read(4, 900, 4)).await;
    let head = master.bytes(17).await;
    assert_eq!(head[..2], sent.to_be_bytes());
    assert_eq!(head[4..6], [0xff, 0xff]);
    assert_eq!(master.number(1).await, 1);
}

#[tokio::test]
async fn faults_end_with_their_time_and_spare_other_units() {
    let (mut master, control) =
        with_fault(json!({"unit": 1, "kind": "exception", "seconds": 2})).await;
    assert_eq!(master.number(2).await, 1);
    assert_eq!(master.ask(1, &read(4, 0, 1)).await, [0x84, 4]);
    post(control, "/step", json!({"seconds": 1.9})).await;
    assert_eq!(master.ask(1, &read(4, 0, 1)).await, [0x84, 4]);
    post(control, "/step", json!({"steps": 1})).await;
    assert_eq!(master.number(1).await, 1);
    post(control, "/fault", json!({"kind": "exception", "requests": 100})).await;
    assert_eq!(master.ask(2, &read(4, 0, 1)).await, [0x84, 4]);
    post(control, "/fault", json!({"kind": "none"})).await;
    assert_eq!(master.number(2).await, 2);
}

#[tokio::test]
async fn garbage_costs_only_its_own_connection() {
    let (modbus, _) = plant().await;
    let mut master = Master::connect(modbus).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 600], &[0, 1, 0, 0, 0, 1, 1]] {
        let mut broken = TcpStream::connect(modbus).await.unwrap();
        broken.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // Closed, or reset for the bytes nobody read.
        let _ = broken.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
    assert_eq!(master.number(1).await, 1);
}

#[tokio::test]
async fn requests_in_one_piece_are_all_answered() {
    let (modbus, _) = plant().await;
    let mut master = Master::connect(modbus).await;
    let mut bytes = Vec::new();
    for transaction in 1..=50 {
        bytes.extend(frame(transaction, 1, &read(4, 900, 4)));
    }
    master.stream.write_all(&bytes).await.unwrap();
    for transaction in 1..=50 {
        let answer = master.frame().await;
        assert_eq!((answer.0, number_in(&answer.2)), (transaction, u64::from(transaction)));
    }
}

#[tokio::test]
async fn writes_are_logged_by_number() {
    let (modbus, control) = plant().await;
    let mut master = Master::connect(modbus).await;
    master.ask(1, &write_f32(0, 6.5)).await;
    master.ask(3, &[5, 0, 1, 0xff, 0]).await;
    let log = get(control, "/log").await;
    let want = json!([
        {"number": 1, "unit": 1, "function": 16, "address": 0, "values": [0x40d0, 0],
         "plant_ms": 0, "outcome": "done"},
        {"number": 2, "unit": 3, "function": 5, "address": 1, "values": [1],
         "plant_ms": 0, "outcome": "done"},
    ]);
    assert_eq!(log["writes"], want);
    assert_eq!(get(control, "/log?since=1").await["writes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_control_port_sets_and_steps() {
    let (_, control) = plant().await;
    let tag = |name: &'static str| async move {
        get(control, "/state").await["devices"]["packer-1"][name].clone()
    };
    post(control, "/set", json!({"unit": 3, "tag": "speed_setpoint", "value": 60})).await;
    post(control, "/set", json!({"unit": 3, "tag": "recipe", "value": "CORN-500"})).await;
    post(control, "/set", json!({"unit": 3, "tag": "lifetime_counter", "value": u64::MAX})).await;
    assert_eq!(post(control, "/step", json!({"seconds": 30})).await["plant_ms"], 30_000);
    assert!((tag("actual_speed").await.as_f64().unwrap() - 60.0).abs() < 1.0);
    assert_eq!(tag("recipe").await, "CORN-500");
    assert_eq!(tag("lifetime_counter").await, u64::MAX, "a forced value stays");
    post(control, "/set", json!({"unit": 3, "tag": "lifetime_counter", "value": null})).await;
    assert_ne!(tag("lifetime_counter").await, u64::MAX);
    for (path, body) in [
        ("/set", json!({"unit": 3, "tag": "nothing", "value": 1})),
        ("/set", json!({"unit": 9, "tag": "recipe", "value": "x"})),
        ("/set", json!({"unit": 3, "tag": "recipe", "value": 5})),
        ("/set", json!({"unit": 3, "tag": "speed_setpoint", "value": 1e300})),
        ("/step", json!({"seconds": 1, "steps": 1})),
        ("/fault", json!({"unit": 1, "kind": "unheard-of"})),
        ("/fault", json!([])),
    ] {
        let (status, answer) = http(control, "POST", path, Some(body)).await;
        assert_eq!(status, 400, "{path}: {answer}");
    }
    assert_eq!(http(control, "GET", "/nothing", None).await.0, 404);
}

async fn device_server(options: load::Options) -> (SocketAddr, SocketAddr) {
    let server = load::Server::bind(&options).await.unwrap();
    let ports = (server.modbus, server.control);
    tokio::spawn(server.run());
    ports
}

fn load_options() -> load::Options {
    load::Options {
        listen: anywhere(),
        control: anywhere(),
        devices: 4,
        registers: 300,
        threads: 1,
        change_every_ms: None,
    }
}

#[tokio::test]
async fn load_answers_with_the_register_numbers() {
    let (modbus, control) = device_server(load_options()).await;
    let mut master = Master::connect(modbus).await;
    let answer = master.ask(77, &read(3, 10, 3)).await;
    assert_eq!(answer, [3, 6, 0, 10, 0, 11, 0, 12]);
    assert_eq!(master.ask(1, &read(4, 299, 1)).await, [4, 2, 1, 43]);
    assert_eq!(master.ask(1, &read(3, 299, 2)).await, [0x83, 2]);
    assert_eq!(master.ask(1, &read(3, 0, 0)).await, [0x83, 3]);
    assert_eq!(master.ask(1, &[6, 0, 0, 0, 0]).await, [0x86, 1]);
    let mut bytes = Vec::new();
    for transaction in 1..=200 {
        bytes.extend(frame(transaction, 1, &read(3, 0, 125)));
    }
    master.stream.write_all(&bytes).await.unwrap();
    for transaction in 1..=200 {
        let (got, _, pdu) = master.frame().await;
        assert_eq!((got, pdu.len()), (transaction, 252));
    }
    let counts = get(control, "/counts").await;
    assert_eq!(counts["requests"], 205);
    assert_eq!(counts["registers"], 3 + 1 + 200 * 125);
    assert_eq!(counts["connections"], 1);
    assert_eq!(get(control, "/connections").await[0]["requests"], 205);
}

#[tokio::test]
async fn load_records_when_its_counter_changed() {
    let options = load::Options { change_every_ms: Some(1), ..load_options() };
    let (modbus, control) = device_server(options).await;
    let mut master = Master::connect(modbus).await;
    let value = loop {
        let answer = master.ask(1, &read(3, 0, 2)).await;
        assert_eq!(answer[4..], [0, 1], "only register 0 changes");
        match u16::from_be_bytes([answer[2], answer[3]]) {
            0..3 => {}
            value => break value,
        }
    };
    let changes = get(control, "/changes").await;
    let changes = changes.as_array().unwrap();
    assert!(changes.iter().any(|change| change[0] == value), "{value}: {changes:?}");
    for (at, change) in changes.iter().enumerate() {
        assert_eq!(change[0], at + 1);
    }
    assert!(changes.windows(2).all(|two| two[0][1].as_u64() <= two[1][1].as_u64()));
}

#[tokio::test]
async fn the_baseline_reads_every_register_of_every_device() {
    for threads in [1, 2] {
        let options = load::Options { threads, ..load_options() };
        let (modbus, control) = device_server(options).await;
        let report = baseline::run(&baseline::Options {
            modbus,
            devices: 4,
            registers: 300,
            interval_ms: 20,
            seconds: 0.1,
            size: 125,
        })
        .await
        .unwrap();
        assert!(report.requests >= 12, "{report:?}");
        assert_eq!(report.requests % 3, 0, "{report:?}");
        assert_eq!(report.registers, report.requests * 100, "{report:?}");
        assert_eq!(report.broken, 0);
        assert_eq!(get(control, "/counts").await["requests"], report.requests);
    }
}
