//! Sessions against a peer that does as each test says, over a pipe in memory and a clock that
//! stands still until nothing else can happen.

use crate::ModbusTcp;
use crate::channel::Channel;
use crate::link::Link;
use crate::session::ModbusSession;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, Session,
    TagRequest, Trace, WriteFault, WriteSent,
};
use tagwerk_env::{Clock, Env, Listener, Moment, Net, Stream, SystemDisk, WallTime};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::Instant;

/// Tokio's clock, which a test can hold still.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Moment {
        Moment(self.0.elapsed().as_nanos() as u64)
    }
    fn wall(&self) -> WallTime {
        WallTime { unix_ns: 0, synchronised: true }
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + Duration::from_nanos(moment.0)))
    }
    fn park_until(&self, _: Moment) {
        unreachable!("nothing here blocks");
    }
}

/// A network with one wire; `None` where nothing answers.
struct OneWire(Mutex<VecDeque<Option<DuplexStream>>>);

impl Net for OneWire {
    fn connect<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        let end = self.0.lock().unwrap().pop_front();
        Box::pin(async move {
            match end {
                Some(Some(end)) => Ok(Box::new(end) as Box<dyn Stream>),
                Some(None) => std::future::pending().await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
    fn listen(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        unreachable!("drivers do not listen");
    }
}

fn env(ends: Vec<Option<DuplexStream>>) -> Env {
    Env {
        clock: Arc::new(PausedClock(Instant::now())),
        disk: Arc::new(SystemDisk),
        net: Arc::new(OneWire(Mutex::new(ends.into()))),
    }
}

/// The far end of the wire.
struct Peer(DuplexStream);

impl Peer {
    /// The next request: its transaction, and unit and PDU in hexadecimal.
    async fn request(&mut self) -> (u16, String) {
        let mut header = [0; 6];
        self.0.read_exact(&mut header).await.unwrap();
        assert_eq!(header[2..4], [0, 0]);
        let mut rest = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]]))];
        self.0.read_exact(&mut rest).await.unwrap();
        let hex: String = rest.iter().map(|byte| format!("{byte:02X}")).collect();
        (u16::from_be_bytes([header[0], header[1]]), hex)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Answers with unit and PDU given in hexadecimal.
    async fn answer(&mut self, transaction: u16, hex: &str) {
        self.send(&frame(transaction, hex)).await;
    }

    /// Expects a request and answers it.
    async fn serve(&mut self, request: &str, answer: &str) {
        let (transaction, found) = self.request().await;
        assert_eq!(found, request);
        self.answer(transaction, answer).await;
    }

    /// Nothing more has been sent.
    fn idle(&mut self) {
        let mut byte = [0; 1];
        let mut reading = std::pin::pin!(self.0.read(&mut byte));
        let poll = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Pending), "more was sent");
    }
}

fn frame(transaction: u16, hex: &str) -> Vec<u8> {
    let body: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    let mut frame = transaction.to_be_bytes().to_vec();
    frame.extend([0, 0]);
    frame.extend((body.len() as u16).to_be_bytes());
    frame.extend(body);
    frame
}

struct Rig {
    plan: DevicePlan,
    session: Box<dyn Session>,
    out: BatchBuilder,
    peer: Peer,
    clock: Arc<dyn Clock>,
}

/// A session with a device of these tags, each as `address type`, all of them read and written
/// where that is possible.
async fn rig(json: &str, tags: &[&str]) -> Rig {
    let mut settings: serde_json::Value = serde_json::from_str(json).unwrap();
    settings["host"] = "plc".into();
    let parsed: Vec<(&str, DataType)> = tags
        .iter()
        .map(|tag| {
            let (address, name) = tag.split_once(' ').unwrap_or((tag, "uint16"));
            (address, DataType::from_name(name).unwrap())
        })
        .collect();
    let requests = parsed
        .iter()
        .map(|(address, data_type)| TagRequest {
            name: "t",
            address,
            data_type: *data_type,
            read: !address.starts_with("0!"),
            write: !address.contains(['i', '.']),
        })
        .collect();
    let group = GroupRequest { name: "g", interval: Duration::from_secs(1), tags: requests };
    let device = DeviceRequest { name: "d", settings: &settings, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = ModbusTcp.check(&device, &mut findings);
    let plan = plan.unwrap_or_else(|| panic!("{:?}", findings.list()));
    let definitions = parsed.iter().enumerate().map(|(index, (_, data_type))| TagDefinition {
        id: TagId(index as u32),
        name: format!("t{index}").into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let set = TagSet::new(TagSetDefinition {
        id: 1,
        device: "d".into(),
        group: "g".into(),
        tags: definitions.collect(),
    });
    let out = BatchBuilder::new(Arc::new(set), vec![None; tags.len()].into());
    let (near, far) = tokio::io::duplex(4096);
    let env = env(vec![Some(near)]);
    let session = plan.open.open(&tagwerk_testkit::link_context(env.clone())).await.unwrap();
    Rig { plan, session, out, peer: Peer(far), clock: env.clock }
}

impl Rig {
    /// Reads the group's first request while the peer does its part.
    async fn read(&mut self, part: impl AsyncFnOnce(&mut Peer)) -> Result<(), Fault> {
        let request = self.plan.groups[0].reads[0].clone();
        self.out.clear();
        let reading = self.session.read(&request, &mut self.out);
        tokio::join!(reading, part(&mut self.peer)).0
    }

    async fn write(
        &mut self,
        tag: usize,
        value: Value,
        part: impl AsyncFnOnce(&mut Peer),
    ) -> Result<(), WriteFault> {
        let token = self.plan.groups[0].writes[tag].clone().unwrap();
        let writing = self.session.write(&token, &value);
        tokio::join!(writing, part(&mut self.peer)).0
    }

    /// The values read, those that are bad with their quality's reason.
    fn values(&self) -> Vec<String> {
        let batch = self.out.batch(0, 0, 1);
        batch
            .samples()
            .map(|sample| match sample.value {
                Some(value) => value.to_text(DataType::Float64),
                None => sample.quality.reason(),
            })
            .collect()
    }

    fn counter(&mut self, name: &str) -> u64 {
        let counters = self.session.counters();
        counters.iter().find(|(known, _)| *known == name).expect("a counter's name").1
    }
}

fn refused(fault: &Fault) -> (Quality, &str) {
    match fault {
        Fault::Refused { quality, reason } => (*quality, reason),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_read_in_one_request() {
    let mut rig = rig("{}", &["h:10", "h:12 int32", "h:11 int16", "h:10.15 bool"]).await;
    let read = rig.read(async |peer| peer.serve("0103000A0004", "0103088001FFFE0001FFFF").await);
    assert_eq!(read.await, Ok(()));
    assert_eq!(rig.values(), ["32769", "131071", "-2", "true"]);
    rig.peer.idle();
    assert_eq!(rig.counter("bytes sent"), 12);
    assert_eq!(rig.counter("bytes received"), 0, "counted since the last call");
}

#[tokio::test(start_paused = true)]
async fn coils_are_read() {
    let mut rig = rig(r#"{"unit": 7}"#, &["c:3 bool", "c:12 bool", "c:4 bool"]).await;
    rig.read(async |peer| peer.serve("07010003000A", "0701020102").await).await.unwrap();
    assert_eq!(rig.values(), ["true", "true", "false"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_is_never_taken_for_the_right_one() {
    for wrong in [
        (0x5555, "0103020BAD"), // transaction
        (1, "0203020BAD"),      // unit
        (1, "0104020BAD"),      // function
        (1, "018402"),          // refusal of another function
    ] {
        let mut rig = rig("{}", &["h:0"]).await;
        rig.read(async |peer| {
            let (transaction, _) = peer.request().await;
            assert_eq!(transaction, 1);
            peer.answer(wrong.0, wrong.1).await;
            peer.answer(transaction, "0103020007").await;
        })
        .await
        .unwrap();
        assert_eq!(rig.values(), ["7"]);
        assert_eq!(rig.counter("foreign answers dropped"), 1);

        // Without the right one, it is as if nothing had come.
        let read = rig.read(async |peer| {
            let (transaction, _) = peer.request().await;
            peer.answer(wrong.0.wrapping_add(transaction).wrapping_sub(1), wrong.1).await;
        });
        let fault = read.await.unwrap_err();
        assert_eq!(
            fault,
            Fault::Silent(
                "unit 1 at plc:502 did not answer function 3 (read holding registers) within 1s"
                    .into()
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_dropped_and_not_given_to_the_next_request() {
    let mut rig = rig(r#"{"timeout": "200ms"}"#, &["h:0"]).await;
    let begun = rig.clock.now();
    let mut late = 0;
    let read = rig.read(async |peer| late = peer.request().await.0);
    assert!(matches!(read.await, Err(Fault::Silent(_))));
    assert_eq!(rig.clock.now().since(begun).as_millis(), 200);
    assert_eq!(rig.values(), ["not read yet"]);

    // It comes before the next request, and another in the middle of it.
    rig.peer.answer(late, "0103020BAD").await;
    let mut second = 0;
    let read = rig.read(async |peer| second = peer.request().await.0);
    assert!(matches!(read.await, Err(Fault::Silent(_))));
    assert_ne!(late, second);
    rig.read(async |peer| {
        let (third, _) = peer.request().await;
        peer.answer(second, "0103020BAD").await;
        peer.answer(third, "0103020008").await;
    })
    .await
    .unwrap();
    assert_eq!(rig.values(), ["8"]);
    let counters = rig.session.counters();
    assert_eq!(counters[..2], [("late answers dropped", 2), ("foreign answers dropped", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_may_be_cut_by_the_end_of_waiting() {
    let mut rig = rig("{}", &["h:0"]).await;
    let late = frame(1, "0103020BAD");
    let read = rig.read(async |peer| {
        peer.request().await;
        peer.send(&late[..8]).await;
    });
    assert!(matches!(read.await, Err(Fault::Silent(_))));
    rig.read(async |peer| {
        let (transaction, _) = peer.request().await;
        peer.send(&late[8..]).await;
        peer.answer(transaction, "0103020009").await;
    })
    .await
    .unwrap();
    assert_eq!(rig.values(), ["9"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_trickle_in_or_come_together_with_others() {
    let mut rig = rig("{}", &["h:0"]).await;
    rig.read(async |peer| {
        let (transaction, _) = peer.request().await;
        for byte in frame(transaction, "0103020007") {
            peer.send(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(rig.values(), ["7"]);

    rig.read(async |peer| {
        let (transaction, _) = peer.request().await;
        let mut both = frame(9999, "0103020BAD");
        both.extend(frame(transaction, "0103020008"));
        both.extend(frame(transaction, "0103020BAD"));
        peer.send(&both).await;
    })
    .await
    .unwrap();
    assert_eq!(rig.values(), ["8"]);
    // The repetition is found before the next request.
    rig.read(async |peer| peer.serve("010300000001", "0103020009").await).await.unwrap();
    assert_eq!(rig.values(), ["9"]);
    assert_eq!(rig.counter("foreign answers dropped"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_trickle_that_takes_too_long_is_silence() {
    let mut rig = rig("{}", &["h:0"]).await;
    let begun = rig.clock.now();
    let read = rig.read(async |peer| {
        let (transaction, _) = peer.request().await;
        for byte in frame(transaction, "0103020007") {
            peer.send(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    });
    assert!(matches!(read.await, Err(Fault::Silent(_))));
    assert!(rig.clock.now().since(begun).as_millis() >= 1000);
}

/// A clock that goes on by a millisecond whenever it is looked at, and never wakes anybody: what a
/// task sees that is kept busy.
struct BusyClock(AtomicU64);

impl Clock for BusyClock {
    fn now(&self) -> Moment {
        Moment(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
    fn wall(&self) -> WallTime {
        WallTime { unix_ns: 0, synchronised: true }
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn park_until(&self, _: Moment) {
        unreachable!("nothing here blocks");
    }
}

/// Always has another frame that nobody asked for, until it has had too many.
struct Flood(u32);

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0 += 1;
        if self.0 < 10_000 {
            space.put_slice(&frame(9999, "0103020BAD"));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_other_frames_does_not_hold_the_timer_up() {
    let Rig { plan, mut out, .. } = rig("{}", &["h:0"]).await;
    let clock = Arc::new(BusyClock(0.into()));
    let link = Link::new(clock, Trace::off(), Box::new(Flood(0)), "plc:502".into());
    let mut session = ModbusSession::new(Channel::Tcp(Box::new(link)), None);
    let read = session.read(&plan.groups[0].reads[0], &mut out).await;
    assert!(matches!(read, Err(Fault::Silent(_))), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_answer_may_still_come_is_not_used_again() {
    let mut rig = rig("{}", &["h:0"]).await;
    let mut abandoned = 0;
    let read = rig.read(async |peer| abandoned = peer.request().await.0);
    read.await.unwrap_err();
    for _ in 0..=u16::MAX {
        rig.read(async |peer| {
            let (transaction, _) = peer.request().await;
            assert_ne!(transaction, abandoned);
            peer.answer(transaction, "0103020007").await;
        })
        .await
        .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modbus_ends_the_connection() {
    for (bytes, reason) in [
        (
            "HTTP/1.1 400 Bad Request\r\n".as_bytes(),
            "the stream from plc:502 is not Modbus TCP: protocol identifier 21584 where 0 must be",
        ),
        (
            &[0, 1, 0, 0, 0xFF, 0xFF, 1, 3],
            "the stream from plc:502 is not Modbus TCP: a frame of length 65535, where 2 to 254 is \
             possible",
        ),
        (
            &[0, 1, 0, 0, 0, 1, 1],
            "the stream from plc:502 is not Modbus TCP: a frame of length 1, where 2 to 254 is \
             possible",
        ),
    ] {
        let mut rig = rig("{}", &["h:0"]).await;
        let read = rig.read(async |peer| {
            peer.request().await;
            peer.send(bytes).await;
        });
        assert_eq!(read.await, Err(Fault::Link(reason.into())));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_is_seen_at_once() {
    for part in [&b""[..], &[0, 1, 0, 0, 0, 5, 1, 3]] {
        let mut rig = rig("{}", &["h:0"]).await;
        let begun = rig.clock.now();
        let read = rig.read(async |peer| {
            peer.request().await;
            peer.send(part).await;
            peer.0.shutdown().await.unwrap();
        });
        assert_eq!(read.await, Err(Fault::Link("plc:502 closed the connection".into())));
        assert_eq!(rig.clock.now(), begun);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_wrong_size_makes_its_tags_bad_and_keeps_the_connection() {
    let mut rig = rig("{}", &["h:0", "h:1"]).await;
    let answer_to = "the answer to function 3 (read holding registers) of holding:0 to holding:1 (400001 to 400002) \
                     of unit 1 was not understood: ";
    for (answer, why) in [
        ("0103020007", "it has 2 bytes of data instead of 4"),
        ("010306000700080009", "it has 6 bytes of data instead of 4"),
        (
            "01030400070008FF",
            "function 3 (read holding registers) states 4 data bytes, but 5 are there or expected",
        ),
        ("0103", "function 3 (read holding registers) does not have 1 bytes"),
        ("0183", "an exception has 2 bytes, not 1"),
    ] {
        let fault = rig.read(async |peer| peer.serve("010300000002", answer).await).await;
        let fault = fault.unwrap_err();
        assert_eq!(refused(&fault), (Quality::BAD_COMMUNICATION, &*format!("{answer_to}{why}")));
    }
    rig.read(async |peer| peer.serve("010300000002", "01030400070008").await).await.unwrap();
    assert_eq!(rig.values(), ["7", "8"]);
}

#[tokio::test(start_paused = true)]
async fn exceptions_say_what_is_bad_and_keep_the_connection() {
    let mut rig = rig("{}", &["h:5", "h:6"]).await;
    let of = "the device refused function 3 (read holding registers) of holding:5 to holding:6 (400006 to 400007) of \
              unit 1 with exception";
    for (code, quality, name) in [
        (1, Quality::BAD_NOT_SUPPORTED, "illegal function"),
        (2, Quality::BAD_UNKNOWN_ADDRESS, "illegal data address"),
        (3, Quality::BAD_OUT_OF_RANGE, "illegal data value"),
        (4, Quality::BAD_DEVICE_FAILURE, "device failure"),
        (5, Quality::BAD_DEVICE_BUSY, "acknowledge: accepted, still working on it"),
        (6, Quality::BAD_DEVICE_BUSY, "device busy"),
        (8, Quality::BAD_DEVICE_FAILURE, "memory parity error"),
        (10, Quality::BAD_GATEWAY, "gateway path unavailable"),
        (99, Quality::BAD_DEVICE_FAILURE, "a code that Modbus does not define"),
    ] {
        let answer = format!("0183{code:02X}");
        let fault = rig.read(async |peer| peer.serve("010300050002", &answer).await).await;
        assert_eq!(
            refused(&fault.unwrap_err()),
            (quality.with_detail(code), &*format!("{of} {code} ({name})"))
        );
    }
    let fault = rig.read(async |peer| peer.serve("010300050002", "01830B").await).await;
    assert_eq!(
        fault,
        Err(Fault::Silent(format!("{of} 11 (gateway target device failed to respond)")))
    );
    rig.read(async |peer| peer.serve("010300050002", "01030400070008").await).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_read_in_parts() {
    let mut rig = rig("{}", &["h:0", "h:4"]).await;
    let whole = rig.plan.groups[0].reads[0].clone();
    rig.read(async |peer| peer.serve("010300000005", "018302").await).await.unwrap_err();
    let parts = rig.session.divide(&whole).unwrap();
    rig.out.clear();
    for (part, request, answer) in
        [(&parts[0], "010300000001", "0103020007"), (&parts[1], "010300040001", "018302")]
    {
        let reading = rig.session.read(part, &mut rig.out);
        let (result, ()) = tokio::join!(reading, rig.peer.serve(request, answer));
        if let Err(fault) = result {
            rig.out.put_quality(part.tags[0] as usize, refused(&fault).0);
        }
        assert!(rig.session.divide(part).is_none());
    }
    assert_eq!(rig.values(), ["7", "the device has no such address (code 2)"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_is_given_up_but_a_silent_unit_is_not() {
    let mut rig = rig(r#"{"timeout": "4s"}"#, &["h:0"]).await;
    for _ in 0..2 {
        let read = rig.read(async |peer| drop(peer.request().await));
        assert!(matches!(read.await, Err(Fault::Silent(_))));
    }
    // A single byte of anything shows that somebody is there.
    rig.peer.answer(1, "0103020BAD").await;
    for _ in 0..2 {
        let read = rig.read(async |peer| drop(peer.request().await));
        assert!(matches!(read.await, Err(Fault::Silent(_))));
    }
    let read = rig.read(async |peer| drop(peer.request().await)).await;
    let reason = "plc:502 sent nothing for 12 s, through 3 requests; the connection counts as lost";
    assert_eq!(read, Err(Fault::Link(reason.into())));
}

#[tokio::test(start_paused = true)]
async fn devices_that_need_a_pause_get_it() {
    let mut rig = rig(r#"{"pause": "50ms"}"#, &["h:0"]).await;
    let begun = rig.clock.now();
    for _ in 0..3 {
        rig.read(async |peer| peer.serve("010300000001", "0103020007").await).await.unwrap();
    }
    assert_eq!(rig.clock.now().since(begun).as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn values_are_written_with_the_functions_that_the_settings_name() {
    let tags = ["c:3 bool", "h:10 int16", "h:20 float32", "h:30/4 text", "h:40 bool"];
    let text = || Value::Text("ab".into());
    for (json, writes) in [
        (
            "{}",
            [
                (0, Value::Bool(true), "01050003FF00", "01050003FF00"),
                (1, Value::I64(-2), "0106000AFFFE", "0106000AFFFE"),
                (2, Value::F64(1.5), "0110001400 02043FC00000", "011000140002"),
                (3, text(), "0110001E00020461620000", "0110001E0002"),
                (4, Value::Bool(true), "010600280001", "010600280001"),
            ],
        ),
        (
            r#"{"write_single": "never", "byte_order": "CDAB"}"#,
            [
                (0, Value::Bool(true), "010F000300010101", "010F00030001"),
                (1, Value::I64(-2), "0110000A000102FFFE", "0110000A0001"),
                (2, Value::F64(1.5), "01100014000204 00003FC0", "011000140002"),
                (3, text(), "0110001E00020461620000", "0110001E0002"),
                (4, Value::Bool(false), "0110002800 01020000", "011000280001"),
            ],
        ),
    ] {
        let mut rig = rig(json, &tags).await;
        for (tag, value, request, answer) in writes {
            let request = request.replace(' ', "");
            let written = rig.write(tag, value, async |peer| peer.serve(&request, answer).await);
            assert_eq!(written.await, Ok(()));
        }
        rig.peer.idle();
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_does_not_fit_is_not_sent() {
    let mut rig = rig("{}", &["h:10 int16"]).await;
    let fault = rig.write(0, Value::I64(40_000), async |_| {}).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert_eq!(
        refused(&fault.fault),
        (
            Quality::BAD_OUT_OF_RANGE,
            "40000 was not written to holding:10 (400011) of unit 1: 40000 does not fit int16, which holds \
             -32768 to 32767"
        )
    );
    rig.peer.idle();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_answered_is_uncertain_and_never_sent_twice() {
    let mut rig = rig(r#"{"retries": 5}"#, &["h:10"]).await;
    let fault = rig.write(0, Value::U64(7), async |peer| drop(peer.request().await)).await;
    assert_eq!(
        fault,
        Err(WriteFault {
            sent: WriteSent::Perhaps,
            fault: Fault::Silent(
                "the write to holding:10 (400011) of unit 1 was sent but not confirmed: unit 1 at plc:502 \
                 did not answer function 6 (write one register) within 1s"
                    .into()
            ),
        })
    );
    rig.peer.idle();
    // Its late answer does not confirm the next write.
    rig.peer.answer(1, "0106000A0007").await;
    let fault = rig.write(0, Value::U64(7), async |peer| drop(peer.request().await)).await;
    assert_eq!(fault.unwrap_err().sent, WriteSent::Perhaps);
    rig.peer.idle();

    let fault = rig.write(0, Value::U64(7), async |peer| {
        peer.request().await;
        peer.0.shutdown().await.unwrap();
    });
    let fault = fault.await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
    assert!(matches!(fault.fault, Fault::Link(_)));

    // Known to be gone before: nothing leaves.
    let fault = rig.write(0, Value::U64(7), async |_| {}).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert_eq!(
        fault.fault.to_string(),
        "nothing was written to holding:10 (400011) of unit 1: plc:502 closed the connection"
    );
    rig.peer.idle();
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_says_whether_it_may_have_been_done() {
    let mut rig = rig("{}", &["h:10"]).await;
    for (code, quality, sent) in [
        (1, Quality::BAD_NOT_SUPPORTED, WriteSent::No),
        (2, Quality::BAD_UNKNOWN_ADDRESS, WriteSent::No),
        (3, Quality::BAD_OUT_OF_RANGE, WriteSent::No),
        (4, Quality::BAD_DEVICE_FAILURE, WriteSent::No),
        (5, Quality::BAD_DEVICE_BUSY, WriteSent::Perhaps),
        (6, Quality::BAD_DEVICE_BUSY, WriteSent::No),
        (10, Quality::BAD_GATEWAY, WriteSent::No),
    ] {
        let answer = format!("0186{code:02X}");
        let fault = rig
            .write(0, Value::U64(7), async |peer| peer.serve("0106000A0007", &answer).await)
            .await
            .unwrap_err();
        assert_eq!((refused(&fault.fault).0, fault.sent), (quality.with_detail(code), sent));
    }
    let fault =
        rig.write(0, Value::U64(7), async |peer| peer.serve("0106000A0007", "01860B").await).await;
    let fault = fault.unwrap_err();
    assert!(matches!(fault.fault, Fault::Silent(_)));
    assert_eq!(fault.sent, WriteSent::Perhaps);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_of_something_else_confirms_nothing() {
    let mut rig = rig("{}", &["h:10", "h:20 uint32", "c:1 bool"]).await;
    for (tag, value, answer) in [
        (0, Value::U64(7), "0106000A0008"),
        (0, Value::U64(7), "0106000B0007"),
        (0, Value::U64(7), "0106000A"),
        (1, Value::U64(7), "011000140001"),
        (1, Value::U64(7), "011000150002"),
        (2, Value::Bool(true), "010500010000"),
    ] {
        let fault = rig.write(tag, value, async |peer| {
            let (transaction, _) = peer.request().await;
            peer.answer(transaction, answer).await;
        });
        let fault = fault.await.unwrap_err();
        assert_eq!(
            (refused(&fault.fault).0, fault.sent),
            (Quality::BAD_COMMUNICATION, WriteSent::Perhaps)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_can_be_read_back() {
    let mut rig = rig(r#"{"read_back": true}"#, &["h:10 int16", "c:9 bool"]).await;
    let mut check = async |tag, value: Value, wire: [&str; 4]| {
        let written = rig.write(tag, value, async |peer| {
            peer.serve(wire[0], wire[1]).await;
            peer.serve(wire[2], wire[3]).await;
        });
        written.await
    };
    let register = |kept| ["0106000A0096", "0106000A0096", "0103000A0001", kept];
    let coil = |kept| ["01050009FF00", "01050009FF00", "010100090001", kept];
    assert_eq!(check(0, Value::I64(150), register("0103020096")).await, Ok(()));
    assert_eq!(check(1, Value::Bool(true), coil("010101FF")).await, Ok(()));
    for (tag, value, wire, reason) in [
        (
            0,
            Value::I64(150),
            register("0103020078"),
            "150 was written to holding:10 (400011) of unit 1, but the device kept 120",
        ),
        (
            1,
            Value::Bool(true),
            coil("01010100"),
            "true was written to coil:9 (000010) of unit 1, but the device kept false",
        ),
    ] {
        let fault = check(tag, value, wire).await.unwrap_err();
        assert_eq!(refused(&fault.fault), (Quality::BAD_OUT_OF_RANGE, reason));
        assert_eq!(fault.sent, WriteSent::No);
    }
    let fault = check(0, Value::I64(150), register("018302")).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
}

#[tokio::test(start_paused = true)]
async fn broadcasts_are_sent_and_not_waited_for() {
    let mut rig = rig("{}", &["0!h:10", "h:0"]).await;
    let begun = rig.clock.now();
    let mut broadcast = 0;
    let written = rig.write(0, Value::U64(7), async |peer| broadcast = peer.request().await.0);
    assert_eq!(written.await, Ok(()));
    assert_eq!(rig.clock.now(), begun);
    // Some answer all the same; that is neither late nor foreign.
    rig.peer.answer(broadcast, "0006000A0007").await;
    rig.read(async |peer| peer.serve("010300000001", "0103020007").await).await.unwrap();
    let counters = rig.session.counters();
    assert_eq!(counters[..2], [("late answers dropped", 0), ("foreign answers dropped", 0)]);
}

#[tokio::test(start_paused = true)]
async fn connecting_is_bounded_in_time() {
    let settings = serde_json::json!({ "host": "plc", "connect_timeout": "2s" });
    let device = DeviceRequest { name: "d", settings: &settings, groups: vec![] };
    let plan = ModbusTcp.check(&device, &mut Findings::new()).unwrap();
    let env = env(vec![None]);
    let begun = env.clock.now();
    let fault = plan.open.open(&tagwerk_testkit::link_context(env.clone())).await.err().unwrap();
    assert_eq!(env.clock.now().since(begun).as_secs(), 2);
    let expected = "no connection to plc:502 within 2s; check `host`, `port`, and whether a \
                    firewall is between";
    assert_eq!(fault, Fault::Link(expected.into()));
    let fault = plan.open.open(&tagwerk_testkit::link_context(env.clone())).await.err().unwrap();
    assert!(fault.to_string().starts_with("cannot connect to plc:502: connection refused;"));
}
