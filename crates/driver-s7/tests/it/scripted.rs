//! Against controllers that do as each test says: refused connections, late answers, answers in
//! pieces, nonsense, small PDUs, refused items and jobs. The clock stands still until nothing else
//! can happen.

use crate::rig::Device;
use serde_json::json;
use std::sync::Arc;
use tagwerk_component::{BrowseRequest, Fault, LinkContext, Session, WriteSent};
use tagwerk_env::{Env, SystemDisk};
use tagwerk_model::{Quality, Value};
use tagwerk_testkit::{FakeNet, PausedClock, Script, link_context};
use tokio::sync::Notify;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A PDU, given in hexadecimal, in its packet.
fn packet(pdu: &str) -> Vec<u8> {
    piece(&hex(pdu), 0x80)
}

fn piece(bytes: &[u8], last: u8) -> Vec<u8> {
    let mut packet = vec![3, 0, 0, bytes.len() as u8 + 7, 2, 0xF0, last];
    packet.extend(bytes);
    packet
}

/// A job with this number, parameter and data.
fn job(reference: u16, parameter: &str, data: &str) -> Vec<u8> {
    let (p, d) = (hex(parameter).len(), hex(data).len());
    packet(&format!("32010000 {reference:04X} {p:04X} {d:04X} {parameter} {data}"))
}

fn answer(reference: u16, parameter: &str, data: &str) -> Vec<u8> {
    packet(&answer_pdu(reference, parameter, data))
}

fn answer_pdu(reference: u16, parameter: &str, data: &str) -> String {
    let (p, d) = (hex(parameter).len(), hex(data).len());
    format!("32030000 {reference:04X} {p:04X} {d:04X} 0000 {parameter} {data}")
}

const CONNECT: &str = "03000016 11E00000000100 C0010A C1020100 C2020201";
const CONFIRMED: &str = "03000016 11D00001000200 C0010A C1020100 C2020201";
/// Bytes 0 to 1 of data block 1.
const ITEM: &str = "120A1002 0002 0001 84 000000";

/// A controller that takes the connection and grants PDUs of this length.
fn connected(pdu_bytes: u16) -> Script {
    Script::new()
        .expect(&hex(CONNECT))
        .send(&hex(CONFIRMED))
        .expect(&job(1, "F00000010001 00F0", ""))
        .send(&answer(1, &format!("F00000010001 {pdu_bytes:04X}"), ""))
}

struct Rig {
    net: FakeNet,
    device: Device,
    context: LinkContext,
}

impl Rig {
    fn new(script: Script, tags: &[&str]) -> Rig {
        Rig::with(json!({ "host": "plc", "cpu": "s7-1200" }), script, tags)
    }

    fn with(settings: serde_json::Value, script: Script, tags: &[&str]) -> Rig {
        let net = FakeNet::new();
        net.script("plc", 102, script);
        let clock = Arc::new(PausedClock::new());
        let env = Env { clock, disk: Arc::new(SystemDisk), net: Arc::new(net.clone()) };
        Rig { net, device: Device::new(settings, tags), context: link_context(env) }
    }

    async fn open(&self) -> Result<Box<dyn Session>, Fault> {
        self.device.plan.open.open(&self.context).await
    }

    async fn opened(&self) -> Box<dyn Session> {
        self.open().await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn traced(&self) -> Vec<String> {
        self.context.trace.frames_after(0).iter().map(|frame| frame.meaning.to_string()).collect()
    }
}

fn count(session: &mut dyn Session, name: &str) -> u64 {
    let counters = session.counters();
    counters.iter().find(|(known, _)| *known == name).expect("a counter of this name").1
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_says_what_to_check() {
    let cases = [
        Script::new().expect(&hex(CONNECT)).send(&hex("0300000B 06800001000003")),
        Script::new().expect(&hex(CONNECT)),
        Script::new().expect(&hex(CONNECT)).wait(Arc::new(Notify::new())),
    ];
    let whys = ["transport selector is not known", "closed the connection", "did not confirm"];
    for (script, why) in cases.into_iter().zip(whys) {
        let rig = Rig::new(script, &["MB0 uint8"]);
        let fault = rig.open().await.err().expect("no connection");
        let said = fault.to_string();
        assert!(matches!(fault, Fault::Link(_)), "{said}");
        assert!(said.contains(why) && said.contains("TSAP 02.01"), "{said}");
        assert!(said.contains("check `cpu`, `rack` and `slot`"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_are_logged_with_their_meaning() {
    let script = connected(240)
        .expect(&job(2, &format!("0401 {ITEM}"), ""))
        .send(&answer(2, "0401", "FF040010 1234"))
        .expect(&job(3, &format!("0401 {ITEM}"), ""))
        .send(&answer(3, "0401", "0A000000"));
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    assert_eq!(rig.device.read(&mut *session).await, [Ok(Value::U64(0x1234))]);
    let fault = rig.device.read_once(&mut *session).await.unwrap_err();
    assert!(fault.to_string().contains("optimised block access"), "{fault}");
    assert_eq!(
        rig.traced(),
        [
            "Connect: TSAP 01.00 to TSAP 02.01",
            "Connection confirmed",
            "Job 1: Set up: PDUs of up to 240 bytes",
            "Answer 1: PDUs have up to 240 bytes",
            "Connected to plc:102; PDUs have up to 240 bytes",
            "Job 2: reading DB1 bytes 0 to 1",
            "Answer 2: read: 2 bytes",
            "Job 3: reading DB1 bytes 0 to 1",
            "Answer 3: read: 0x0A (object does not exist)",
        ]
    );
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_never_taken_for_another() {
    let go = Arc::new(Notify::new());
    let script = connected(240)
        .expect(&job(2, &format!("0401 {ITEM}"), ""))
        .wait(go.clone())
        .send(&answer(2, "0401", "FF040010 DEAD"))
        .expect(&job(3, &format!("0401 {ITEM}"), ""))
        .send(&answer(77, "0401", "FF040010 BEEF"))
        .send(&answer(3, "0401", "FF040010 1234"));
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let fault = rig.device.read_once(&mut *session).await.unwrap_err();
    assert_eq!(fault, Fault::Silent("plc:102 did not answer within 2s".into()));
    go.notify_one();
    assert_eq!(rig.device.read(&mut *session).await, [Ok(Value::U64(0x1234))]);
    let counters = session.counters();
    assert!(counters.contains(&("late answers dropped", 1)), "{counters:?}");
    assert!(counters.contains(&("foreign answers dropped", 1)), "{counters:?}");
    assert_eq!(count(&mut *session, "late answers dropped"), 0, "each is told once");
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn answers_come_in_pieces_and_together() {
    let whole = hex(&answer_pdu(2, "0401", "FF040010 1234"));
    let (low, high) = whole.split_at(9);
    let mut pieces = piece(low, 0);
    pieces.extend(piece(high, 0x80));
    let (first, second) = pieces.split_at(5);
    let mut together = answer(99, "0401", "FF040010 0000");
    together.extend(answer(3, "0401", "FF040010 5678"));
    let script = connected(240)
        .expect(&job(2, &format!("0401 {ITEM}"), ""))
        .send(first)
        .send(second)
        .expect(&job(3, &format!("0401 {ITEM}"), ""))
        .send(&together);
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    assert_eq!(rig.device.read(&mut *session).await, [Ok(Value::U64(0x1234))]);
    assert_eq!(rig.device.read(&mut *session).await, [Ok(Value::U64(0x5678))]);
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_ends_the_link() {
    for (bytes, why) in [
        (b"HTTP/1.1 400 Bad Request".to_vec(), "not ISO on TCP"),
        (packet("72010000"), "not S7 communication"),
        (packet("3203"), "not S7 communication"),
    ] {
        let script = connected(240).expect(&job(2, &format!("0401 {ITEM}"), "")).send(&bytes);
        let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
        let mut session = rig.opened().await;
        let fault = rig.device.read_once(&mut *session).await.unwrap_err();
        assert!(matches!(&fault, Fault::Link(said) if said.contains(why)), "{fault}");
    }
    // An answer in order whose insides are not: the tags are bad, the link stays.
    for data in ["FF040040 1234", "FF040008 12", "FF"] {
        let script = connected(240)
            .expect(&job(2, &format!("0401 {ITEM}"), ""))
            .send(&answer(2, "0401", data));
        let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
        let mut session = rig.opened().await;
        let fault = rig.device.read_once(&mut *session).await.unwrap_err();
        let quality = Quality::BAD_COMMUNICATION;
        assert!(matches!(fault, Fault::Refused { quality: q, .. } if q == quality), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_smaller_pdu_than_planned_is_kept_to() {
    // 240 asked, 64 granted: 46 bytes of one block, or four items, in a job.
    let script = connected(64)
        .expect(&job(2, "0401 120A1002 002D 0001 84 000000", ""))
        .send(&answer(2, "0401", &format!("FF040168 {}", "01".repeat(45))))
        .expect(&job(3, "0401 120A1002 0005 0001 84 000168", ""))
        .send(&answer(3, "0401", &format!("FF040028 {}", "02".repeat(5))));
    let tags: Vec<String> = (0..10).map(|n| format!("DB1.DBB{}/5 bytes", n * 5)).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let mut rig = Rig::new(script, &tags);
    assert_eq!(rig.device.requests().len(), 1);
    let mut session = rig.opened().await;
    let found = rig.device.read(&mut *session).await;
    assert_eq!(found[8], Ok(Value::Bytes([1; 5].into())), "a value is never torn");
    assert_eq!(found[9], Ok(Value::Bytes([2; 5].into())));
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_protected_cpu_is_told_as_such() {
    let denied = "32020000 0002 0000 0000 8104";
    let script = connected(240).expect(&job(2, &format!("0401 {ITEM}"), "")).send(&packet(denied));
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let fault = rig.device.read_once(&mut *session).await.unwrap_err();
    let said = fault.to_string();
    assert!(said.contains("error class 0x81 code 0x04"), "{said}");
    assert!(said.contains("permit access with PUT/GET"), "{said}");
    let quality = Quality::BAD_NOT_READABLE.with_detail(0x8104);
    assert!(matches!(fault, Fault::Refused { quality: q, .. } if q == quality));
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_of_one_item_spoils_only_its_tags() {
    let script = connected(240)
        .expect(&job(2, &format!("0402 {ITEM} 120A1002 0001 0002 84 000000"), ""))
        .send(&answer(2, "0402", "FF040010 1234 01000000"));
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16", "DB2.DBB0 uint8"]);
    let mut session = rig.opened().await;
    rig.device.read_once(&mut *session).await.unwrap();
    let failure = Quality::BAD_DEVICE_FAILURE.with_detail(1);
    assert_eq!(rig.device.values(), [Ok(Value::U64(0x1234)), Err(failure)]);
}

#[tokio::test(start_paused = true)]
async fn one_bit_is_written_alone_and_confirmed() {
    let script = connected(240)
        .expect(&job(2, "0501 120A1001 0001 0001 84 000015", "00030001 01"))
        .send(&answer(2, "0501", "FF"))
        .expect(&job(3, "0501 120A1001 0001 0000 83 000007", "00030001 00"))
        .send(&answer(3, "0501", "03"));
    let rig = Rig::new(script, &["DB1.DBX2.5 bool", "M0.7 bool"]);
    let mut session = rig.opened().await;
    rig.device.write(&mut *session, "DB1.DBX2.5", Value::Bool(true)).await.unwrap();
    let refused = rig.device.write(&mut *session, "M0.7", Value::Bool(false)).await.unwrap_err();
    assert_eq!(refused.sent, WriteSent::No);
    let said = refused.fault.to_string();
    assert!(said.contains("writing false to flag byte 0 with 0x03 (access denied)"), "{said}");
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_is_unknown_and_never_repeated() {
    let write = job(2, "0501 120A1002 0002 0001 84 000000", "00040010 0007");
    // The script ends with an error if anything but the read follows.
    let script = connected(240)
        .expect(&write)
        .expect(&job(3, &format!("0401 {ITEM}"), ""))
        .send(&answer(2, "0501", "FF"))
        .send(&answer(3, "0401", "FF040010 0007"));
    let mut rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let lost = rig.device.write(&mut *session, "DB1.DBW0", Value::U64(7)).await.unwrap_err();
    assert_eq!(lost.sent, WriteSent::Perhaps);
    assert!(matches!(&lost.fault, Fault::Silent(_)), "{}", lost.fault);
    assert!(lost.fault.to_string().contains("sent but not confirmed"), "{}", lost.fault);
    assert_eq!(rig.device.read(&mut *session).await, [Ok(Value::U64(7))]);
    assert_eq!(count(&mut *session, "late answers dropped"), 1);
    rig.net.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_write_on_a_connection_that_ended_is_not_sent() {
    let rig = Rig::new(connected(240), &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    rig.net.played().await;
    let lost = rig.device.write(&mut *session, "DB1.DBW0", Value::U64(7)).await.unwrap_err();
    assert_eq!(lost.sent, WriteSent::No);
    assert!(matches!(lost.fault, Fault::Link(_)));
    let mut reports = Vec::new();
    let fault = session.event(&mut reports).await.unwrap_err();
    assert_eq!(fault, Fault::Link("plc:102 closed the connection".into()));
}

#[tokio::test(start_paused = true)]
async fn what_a_program_overwrites_fails_the_read_back() {
    let script = connected(240)
        .expect(&job(2, "0501 120A1002 0002 0001 84 000000", "00040010 0007"))
        .send(&answer(2, "0501", "FF"))
        .expect(&job(3, &format!("0401 {ITEM}"), ""))
        .send(&answer(3, "0401", "FF040010 0008"));
    let settings = json!({ "host": "plc", "cpu": "s7-1200", "read_back": true });
    let rig = Rig::with(settings, script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let fault = rig.device.write(&mut *session, "DB1.DBW0", Value::U64(7)).await.unwrap_err();
    assert!(fault.fault.to_string().contains("the CPU holds 8"), "{}", fault.fault);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_never_written_in_two_parts() {
    let rig = Rig::new(connected(240), &["DB1.DBB0/213 bytes"]);
    let mut session = rig.opened().await;
    let value = Value::Bytes([0; 213].into());
    let fault = rig.device.write(&mut *session, "DB1.DBB0/213", value).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert!(fault.fault.to_string().contains("takes 212 in one job"), "{}", fault.fault);
}

/// An S7-1200 lists nothing, but a block's length can be found by trial.
#[tokio::test(start_paused = true)]
async fn blocks_that_are_not_listed_are_looked_into_by_number() {
    let refused = "32070000 0002 000C 0004 0001120812830200 00 00 D401 0A000000";
    let script = connected(240)
        .expect(&packet("32070000 0002 0008 0006 0001120411430200 FF090002 3041"))
        .send(&packet(refused));
    let rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let token = rig.device.plan.browse.as_ref();
    let request = BrowseRequest { token, from: "", after: None };
    let fault = session.browse(&request).await.unwrap_err();
    let said = fault.to_string();
    assert!(said.contains("look inside one by its number, such as `DB1`"), "{said}");
    rig.net.played().await;

    let mut script = connected(240)
        .expect(&packet("32070000 0002 0008 000C 0001120411430300 FF090008 3041 3030303037 41"))
        .send(&packet(refused));
    // A block of 20 bytes: byte 0 is there, then by halves.
    let (mut low, mut high, mut number) = (0u32, 1 << 16, 3);
    while low < high {
        let at = if number == 3 { 0 } else { (low + high) / 2 };
        let item = format!("0401 120A1002 0001 0007 84 {:06X}", at * 8);
        script = script.expect(&job(number, &item, ""));
        let found = if at < 20 { "FF040008 AA" } else { "05000000" };
        script = script.send(&answer(number, "0401", found));
        if at < 20 {
            low = at + 1
        } else {
            high = at
        }
        number += 1;
    }
    script = script.expect(&job(number, "0401 120A1002 0014 0007 84 000000", "")).send(&answer(
        number,
        "0401",
        &format!("FF0400A0 {}", "AB".repeat(20)),
    ));
    let rig = Rig::new(script, &["DB1.DBW0 uint16"]);
    let mut session = rig.opened().await;
    let request = BrowseRequest { token, from: "DB7", after: None };
    let page = session.browse(&request).await.unwrap();
    let addresses: Vec<_> = page.nodes.iter().filter_map(|n| n.address.as_deref()).collect();
    assert_eq!(addresses, ["DB7.DBB0/16", "DB7.DBB16/4"]);
    rig.net.played().await;
}
