//! Sessions on a serial line in memory: silences, neighbours, noise, echoes, late answers.

use super::rig::{Device, context, counter, device, from_hex, log, to_hex};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_component::{
    DeviceRequest, Driver, Fault, Findings, LinkContext, Segment, Session, WriteSent,
};
use tagwerk_env::Clock;
use tagwerk_model::Value;
use tagwerk_proto_modbus::rtu::{Length, crc, request_length};
use tagwerk_testkit::{FakeNet, ManualClock, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// All devices' end of the line.
struct Far(DuplexStream);

impl Far {
    /// The next request, without its CRC.
    async fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            match request_length(&bytes) {
                Length::Known(count) if bytes.len() == count => break,
                Length::Unknown => panic!("no request: {}", to_hex(&bytes)),
                _ => bytes.push(self.0.read_u8().await.unwrap()),
            }
        }
        let body = &bytes[..bytes.len() - 2];
        assert_eq!(bytes[body.len()..], crc(body).to_le_bytes());
        to_hex(body)
    }

    async fn send(&mut self, hex: &str) {
        self.0.write_all(&from_hex(hex)).await.unwrap();
    }

    async fn answer(&mut self, hex: &str) {
        self.send(&framed(hex)).await;
    }

    async fn serve(&mut self, request: &str, answer: &str) {
        assert_eq!(self.request().await, request);
        self.answer(answer).await;
    }

    /// Whether anything is sent while others have their turns.
    async fn is_idle(&mut self) -> bool {
        let mut byte = [0];
        tokio::select! {
            biased;
            _ = self.0.read(&mut byte) => false,
            () = turns() => true,
        }
    }
}

async fn turns() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn framed(hex: &str) -> String {
    let body = from_hex(hex);
    format!("{}{}", to_hex(&body), to_hex(&crc(&body).to_le_bytes()))
}

struct Rig {
    device: Device,
    session: Box<dyn Session>,
    far: Far,
    context: LinkContext,
    net: FakeNet,
}

async fn rig_on(clock: Arc<dyn Clock>, mut settings: serde_json::Value, tags: &[&str]) -> Rig {
    settings["port"] = "/dev/ttyS7".into();
    let net = FakeNet::new();
    let ends = Arc::new(Mutex::new(None));
    net.serial_peer("/dev/ttyS7", {
        let ends = ends.clone();
        move |stream| {
            *ends.lock().unwrap() = Some(stream);
            async {}
        }
    });
    let context = context(&net, clock);
    let device = device(&settings, tags);
    let session = device.open(&context).await;
    turns().await;
    let far = Far(ends.lock().unwrap().take().expect("the port was opened"));
    Rig { device, session, far, context, net }
}

/// On a clock that jumps to the next timer when nothing else can happen.
async fn rig(settings: serde_json::Value, tags: &[&str]) -> Rig {
    rig_on(Arc::new(PausedClock::new()), settings, tags).await
}

impl Rig {
    async fn read(&mut self, part: impl AsyncFnOnce(&mut Far)) -> Result<Vec<String>, Fault> {
        let reading = self.device.read(self.session.as_mut());
        tokio::join!(reading, part(&mut self.far)).0
    }

    async fn write(
        &mut self,
        tag: usize,
        value: Value,
        part: impl AsyncFnOnce(&mut Far),
    ) -> Result<(), tagwerk_component::WriteFault> {
        let writing = self.device.write(self.session.as_mut(), tag, value);
        tokio::join!(writing, part(&mut self.far)).0
    }

    fn now(&self) -> tagwerk_env::Moment {
        self.context.env.clock.now()
    }
}

#[tokio::test]
async fn the_line_is_silent_between_messages() {
    // 3.5 characters of 11 bits; above 19200 baud 1.75 ms; or what the settings say.
    for (settings, silence) in [
        (json!({ "baud": 9600 }), Duration::from_nanos(4_010_416)),
        (json!({ "baud": 1200 }), Duration::from_nanos(32_083_333)),
        (json!({ "baud": 19200, "parity": "even" }), Duration::from_nanos(2_005_208)),
        (json!({ "baud": 115200 }), Duration::from_micros(1750)),
        (json!({ "baud": 9600, "silence": "25ms" }), Duration::from_millis(25)),
    ] {
        let clock = ManualClock::new();
        let mut rig = rig_on(Arc::new(clock.clone()), settings.clone(), &["h:0"]).await;
        let nearly = silence - Duration::from_nanos(1);
        for round in 0..3 {
            let values = rig.read(async |far| {
                clock.advance(nearly);
                assert!(far.is_idle().await, "{settings}, round {round}: too early");
                clock.advance(Duration::from_nanos(1));
                assert_eq!(far.request().await, "010300000001");
                // Long enough for the slowest line to carry the request.
                clock.advance(Duration::from_millis(200));
                far.answer("0103020007").await;
            });
            assert_eq!(values.await.unwrap(), ["7"]);
        }
    }
}

#[tokio::test]
async fn what_comes_before_a_request_puts_it_off() {
    let clock = ManualClock::new();
    let mut rig = rig_on(Arc::new(clock.clone()), json!({}), &["h:0"]).await;
    let values = rig.read(async |far| {
        clock.advance(Duration::from_millis(3));
        far.send("FF").await;
        turns().await;
        clock.advance(Duration::from_millis(3));
        assert!(far.is_idle().await, "3 ms after the last byte");
        clock.advance(Duration::from_millis(2));
        assert_eq!(far.request().await, "010300000001");
        far.answer("0103020007").await;
    });
    assert_eq!(values.await.unwrap(), ["7"]);
    assert_eq!(counter(rig.session.as_mut(), "resynchronisations"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_port_is_opened_as_the_settings_say() {
    let settings = json!({
        "baud": 19200, "parity": "even", "stop_bits": 2, "flow": "hardware",
        "rs485": { "rts_on_send": false, "delay_before_send": "2ms", "termination": true },
    });
    let rig = rig(settings, &["h:0"]).await;
    let lines = rig.net.serial_lines();
    let rs485 = tagwerk_env::Rs485 {
        rts_on_send: tagwerk_env::Level::Low,
        delay_before: Duration::from_millis(2),
        delay_after: Duration::ZERO,
        full_duplex: false,
        termination: true,
    };
    let expected = tagwerk_env::SerialLine {
        path: "/dev/ttyS7".into(),
        baud: 19200,
        data_bits: 8,
        parity: tagwerk_env::Parity::Even,
        stop_bits: 2,
        flow: tagwerk_env::Flow::Hardware,
        rs485: Some(rs485),
    };
    assert_eq!(lines, [expected]);
    assert_eq!(log(&rig.context), ["Opened /dev/ttyS7 with 19200 baud 8E2, rtu"]);
}

#[test]
fn settings_of_a_line_are_checked() {
    for (settings, place, problem) in [
        (json!({ "port": "ttyUSB0" }), "port", "`port` is not a serial port's file: `ttyUSB0`"),
        (
            json!({ "port": "/dev/tty USB0" }),
            "port",
            "`port` is not a serial port's file: `/dev/tty USB0`",
        ),
        (
            json!({ "port": "/dev/ttyS0", "baud": 10 }),
            "baud",
            "`baud` is 10, outside 50 to 4000000",
        ),
        (json!({ "port": "/dev/ttyS0", "data_bits": 7 }), "data_bits", "RTU needs 8 data bits"),
        (
            json!({ "port": "/dev/ttyS0", "stop_bits": 3 }),
            "stop_bits",
            "`stop_bits` is 3, outside 1 to 2",
        ),
        (
            json!({ "port": "/dev/ttyS0", "flow": "software" }),
            "flow",
            "RTU sends bytes that software flow control would take for its own",
        ),
        (
            json!({ "port": "/dev/ttyS0", "silence": "2s" }),
            "silence",
            "`silence` is 2s, outside 0ms to 1s",
        ),
        (
            json!({ "port": "/dev/ttyS0", "write_read": true, "write_single": "always" }),
            "write_read",
            "`write_read` writes with function 23, `write_single: always` forbids that",
        ),
        (
            json!({ "port": "/dev/ttyS0", "rs485": { "delay_after_send": "3s" } }),
            "rs485.delay_after_send",
            "`delay_after_send` is 3s, more than 1s",
        ),
    ] {
        let mut findings = Findings::new();
        let request = DeviceRequest { name: "d", settings: &settings, groups: vec![] };
        assert!(crate::ModbusSerial.check(&request, &mut findings).is_none());
        let [finding] = findings.list() else { panic!("{:?}", findings.list()) };
        let path: Vec<String> = finding
            .place
            .0
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => index.to_string(),
            })
            .collect();
        assert_eq!(
            (path.join("."), finding.problem.as_str()),
            (format!("settings.{place}"), problem)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_port_is_told() {
    let net = FakeNet::new();
    let context = context(&net, Arc::new(PausedClock::new()));
    let device = device(&json!({ "port": "/dev/ttyUSB9" }), &["h:0"]);
    let fault = device.plan.open.open(&context).await.err().unwrap();
    assert_eq!(fault, Fault::Link("there is no serial port /dev/ttyUSB9".into()));
}

#[tokio::test(start_paused = true)]
async fn devices_that_disagree_about_the_line_are_told() {
    let mut rig = rig(json!({ "baud": 9600 }), &["h:0"]).await;
    for (settings, reason) in [
        (
            json!({ "port": "/dev/ttyS7", "baud": 19200, "unit": 2 }),
            "devices on /dev/ttyS7 disagree about the line: this device wants 19200 baud 8N1, rtu; \
             the port is open with 9600 baud 8N1, rtu; give all of them the same, or move one to \
             another port",
        ),
        (
            json!({ "port": "/dev/ttyS7", "silence": "20ms", "unit": 2 }),
            "devices on /dev/ttyS7 disagree about the line: this device wants another flow control, \
             silence, echo or RS-485 setting than the port is open with; give all of them the same, \
             or move one to another port",
        ),
    ] {
        let mut other = device(&settings, &["h:0"]);
        assert_eq!(other.plan.link, rig.device.plan.link);
        let fault = other.read(rig.session.as_mut()).await.unwrap_err();
        assert_eq!(fault, Fault::Settings(reason.into()));
        let fault = other.write(rig.session.as_mut(), 0, Value::U64(1)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No);
    }
    // The first one goes on.
    let values = rig.read(async |far| far.serve("010300000001", "0103020007").await).await;
    assert_eq!(values.unwrap(), ["7"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_costs_its_neighbours_one_timeout() {
    let mut rig = rig(json!({ "timeout": "300ms", "unit": 3 }), &["h:0"]).await;
    let settings = json!({ "port": "/dev/ttyS7", "timeout": "300ms", "unit": 4 });
    let mut neighbour = device(&settings, &["h:0"]);
    let begun = rig.now();
    let fault = rig.read(async |far| drop(far.request().await)).await.unwrap_err();
    let reason = "unit 3 at /dev/ttyS7 did not answer function 3 (read holding registers) within \
                  300ms";
    assert_eq!(fault, Fault::Silent(reason.into()));
    let (values, ()) = tokio::join!(neighbour.read(rig.session.as_mut()), async {
        assert_eq!(rig.far.request().await, "040300000001");
        // The late answer of unit 3, of the same function and length.
        rig.far.answer("0303020BAD").await;
        rig.far.answer("0403020008").await;
    });
    assert_eq!(values.unwrap(), ["8"]);
    // Two silences, and twice 8 characters on the line.
    assert!(rig.context.env.clock.now().since(begun) < Duration::from_millis(330));
    let counters = rig.session.counters();
    assert_eq!(counters[..2], [("late answers dropped", 1), ("foreign answers dropped", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_not_taken_for_that_to_another_request_of_the_same_unit() {
    let mut rig = rig(json!({ "timeout": "300ms", "gap": 0 }), &["h:0", "h:9"]).await;
    let fault = rig.read(async |far| drop(far.request().await)).await.unwrap_err();
    assert!(matches!(fault, Fault::Silent(_)));
    // The device is only slow: the first answer comes to the second, equal request; its own answer
    // comes while register 9 is asked for, and would fit there.
    let values = rig.read(async |far| {
        assert_eq!(far.request().await, "010300000001");
        far.answer("0103020007").await;
        // So something is asked first that cannot be confused.
        assert_eq!(far.request().await, "010400090001");
        far.answer("0103020007").await;
        far.answer("018401").await;
        assert_eq!(far.request().await, "010300090001");
        far.answer("0103020009").await;
    });
    assert_eq!(values.await.unwrap(), ["7", "9"]);
    assert_eq!(counter(rig.session.as_mut(), "late answers dropped"), 1);
    // All is settled: nothing is asked besides any more.
    let values = rig.read(async |far| {
        far.serve("010300000001", "0103020007").await;
        far.serve("010300090001", "0103020009").await;
    });
    assert_eq!(values.await.unwrap(), ["7", "9"]);
    assert!(log(&rig.context).iter().any(|line| line.starts_with("Too late, dropped: Unit 1")));
}

#[tokio::test(start_paused = true)]
async fn a_late_confirmation_confirms_no_other_write() {
    let mut rig = rig(json!({ "timeout": "300ms" }), &["h:0"]).await;
    let fault = rig.write(0, Value::U64(5), async |far| drop(far.request().await)).await;
    assert_eq!(fault.unwrap_err().sent, WriteSent::Perhaps);
    // The same value again: only an answer behind another question proves that it arrived.
    let written = rig.write(0, Value::U64(5), async |far| {
        assert_eq!(far.request().await, "010300000001");
        far.answer("010600000005").await;
        far.answer("0103020005").await;
        assert_eq!(far.request().await, "010600000005");
    });
    assert_eq!(written.await.unwrap_err().sent, WriteSent::Perhaps);
    // A device that is silent to the question gets no write.
    let written = rig.write(0, Value::U64(5), async |far| drop(far.request().await)).await;
    assert_eq!(written.unwrap_err().sent, WriteSent::No);
}

#[tokio::test(start_paused = true)]
async fn noise_is_counted_and_the_answer_behind_it_found() {
    let mut rig = rig(json!({}), &["h:0"]).await;
    let right = framed("0103020007");
    for (bytes, checksums, resyncs) in [
        (format!("FF00{right}"), 0, 1),
        (format!("0103020008{}{right}", &framed("0103020007")[10..]), 1, 1),
        (format!("{right}FFFF"), 0, 0),
    ] {
        let values = rig.read(async |far| {
            far.request().await;
            far.send(&bytes).await;
        });
        assert_eq!(values.await.unwrap(), ["7"], "{bytes}");
        let counters = rig.session.counters();
        assert_eq!(
            counters[2..4],
            [("checksum errors", checksums), ("resynchronisations", resyncs)],
            "{bytes}"
        );
    }
    // A damaged answer alone is none, and the message says where to look.
    let fault = rig.read(async |far| {
        far.request().await;
        far.send(&right.replace("0007", "0006")).await;
    });
    let text = fault.await.unwrap_err().to_string();
    assert!(text.ends_with("check baud, parity, wiring and termination"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_trickle_in() {
    let mut rig = rig(json!({}), &["h:0"]).await;
    let values = rig.read(async |far| {
        far.request().await;
        for byte in from_hex(&framed("0103020007")) {
            far.0.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    });
    assert_eq!(values.await.unwrap(), ["7"]);
}

#[tokio::test(start_paused = true)]
async fn echoes_are_noticed_and_confirm_nothing() {
    let mut rig = rig(json!({}), &["h:0"]).await;
    let echo = framed("010300000001");
    let values = rig.read(async |far| {
        far.request().await;
        far.send(&format!("{echo}{}", framed("0103020007"))).await;
    });
    assert_eq!(values.await.unwrap(), ["7"]);
    assert_eq!(counter(rig.session.as_mut(), "echoes dropped"), 1);
    // From now on the first copy of a write is not its confirmation.
    let fault = rig.write(0, Value::U64(7), async |far| {
        let request = far.request().await;
        far.answer(&request).await;
    });
    let fault = fault.await.unwrap_err();
    assert!(matches!(fault.fault, Fault::Silent(_)));
    assert_eq!(fault.sent, WriteSent::Perhaps);

    let mut rig = self::rig(json!({ "echo": true }), &["h:0"]).await;
    let written = rig.write(0, Value::U64(7), async |far| {
        let request = far.request().await;
        far.answer(&request).await;
        far.answer(&request).await;
    });
    written.await.unwrap();
    assert_eq!(counter(rig.session.as_mut(), "echoes dropped"), 1);
}

#[tokio::test(start_paused = true)]
async fn broadcasts_leave_devices_time() {
    let mut rig = rig(json!({ "baud": 9600, "turnaround": "150ms" }), &["0!h:10", "h:0"]).await;
    let written = rig.write(0, Value::U64(7), async |far| {
        assert_eq!(far.request().await, "0006000A0007");
    });
    written.await.unwrap();
    let sent = rig.now();
    let values = rig.read(async |far| far.serve("010300000001", "0103020007").await).await;
    assert_eq!(values.unwrap(), ["not read yet", "7"]);
    // From the end of the broadcast: 8 characters of 10 bits are 8.3 ms.
    assert!(rig.now().since(sent) >= Duration::from_micros(158_300));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_vanishes_is_a_lost_link() {
    let mut rig = rig(json!({}), &["h:0"]).await;
    let (near, _) = tokio::io::duplex(1);
    let fault = rig.read(async |far| {
        far.request().await;
        far.0 = near;
    });
    let reason = "the serial port /dev/ttyS7 is gone; check the adapter";
    assert_eq!(fault.await.unwrap_err(), Fault::Link(reason.into()));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_never_falls_silent_is_given_up() {
    let mut rig = rig(json!({ "timeout": "100ms" }), &["h:0"]).await;
    let begun = rig.now();
    let Rig { device, session, far, .. } = &mut rig;
    let fault = tokio::select! {
        read = device.read(session.as_mut()) => read.unwrap_err(),
        () = async {
            loop {
                far.send("55").await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => unreachable!("it speaks for ever"),
    };
    assert!(fault.to_string().starts_with("/dev/ttyS7 is never silent"), "{fault}");
    assert!(matches!(fault, Fault::Link(_)));
    assert!(rig.now().since(begun) < Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn ascii_is_spoken() {
    let mut rig = rig(json!({ "framing": "ascii", "parity": "even" }), &["h:107", "h:108"]).await;
    let values = rig.read(async |far| {
        let mut request = [0; 17];
        far.0.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, b":0103006B00028F\r\n");
        far.0.write_all(b"noise:010304000700\r:0103040007000").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        far.0.write_all(b"8E9\r\n").await.unwrap();
    });
    assert_eq!(values.await.unwrap(), ["7", "8"]);
    assert_eq!(rig.net.serial_lines()[0].data_bits, 7);
    let meanings = log(&rig.context);
    assert!(meanings.contains(&"Read holding registers 107 to 108 of unit 1".into()));
    assert!(meanings.contains(&"Unit 1 answers 0007 0008".into()));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Noise(Vec<u8>),
        /// Of another unit, or another function.
        Foreign(bool),
        Flipped(prop::sample::Index),
        Cut(prop::sample::Index),
        Right,
        Echo,
        Pause(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Step::Noise),
            any::<bool>().prop_map(Step::Foreign),
            any::<prop::sample::Index>().prop_map(Step::Flipped),
            any::<prop::sample::Index>().prop_map(Step::Cut),
            Just(Step::Right),
            Just(Step::Echo),
            (0..400u64).prop_map(Step::Pause),
        ]
    }

    /// Several exchanges, each answered by these steps: a value is the right one or none.
    async fn run(exchanges: Vec<Vec<Step>>) {
        let mut rig = rig(json!({ "timeout": "200ms" }), &["h:0"]).await;
        for (number, steps) in exchanges.iter().enumerate() {
            let value = format!("010302{:04X}", number + 1);
            let read = rig.read(async |far| {
                let request = from_hex(&framed(&far.request().await));
                let right = from_hex(&framed(&value));
                for step in steps {
                    let bytes = match step {
                        Step::Noise(bytes) => bytes.clone(),
                        Step::Foreign(true) => from_hex(&framed("0203020BAD")),
                        Step::Foreign(false) => from_hex(&framed("0104020BAD")),
                        Step::Flipped(at) => {
                            let mut bytes = right.clone();
                            bytes[at.index(right.len())] ^= 0x10;
                            bytes
                        }
                        Step::Cut(at) => right[..at.index(right.len())].to_vec(),
                        Step::Right => right.clone(),
                        Step::Echo => request.clone(),
                        Step::Pause(ms) => {
                            tokio::time::sleep(Duration::from_millis(*ms)).await;
                            Vec::new()
                        }
                    };
                    far.0.write_all(&bytes).await.unwrap();
                }
            });
            match read.await {
                // A late repetition of an equal request's answer is right as well, only older.
                Ok(values) => {
                    let value: usize = values[0].parse().unwrap();
                    assert!((1..=number + 1).contains(&value), "{value} in {number}");
                }
                Err(Fault::Silent(_)) => {}
                Err(fault) => panic!("{fault}"),
            }
            // Whatever is still under way has time to arrive.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        // One silence later all is well.
        let values = rig.read(async |far| {
            far.request().await;
            far.answer("0103021234").await;
        });
        assert_eq!(values.await.unwrap(), ["4660"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_line_makes_a_wrong_value(
            exchanges in prop::collection::vec(prop::collection::vec(step(), 0..6), 1..5),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(run(exchanges));
        }
    }
}
