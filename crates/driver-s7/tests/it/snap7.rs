//! Against python-snap7's server: every type and area, reads beyond a PDU, writes, wrong addresses,
//! browsing.

use crate::rig::{Device, Peer};
use serde_json::json;
use tagwerk_component::{BrowseRequest, Fault, Session, WriteSent};
use tagwerk_env::Env;
use tagwerk_model::{Quality, Value};
use tagwerk_testkit::link_context;

async fn open(device: &Device) -> Box<dyn Session> {
    let context = link_context(Env::system());
    let session = device.plan.open.open(&context).await;
    session.unwrap_or_else(|fault| panic!("{fault}"))
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn settings(peer: &Peer) -> serde_json::Value {
    json!({ "host": "127.0.0.1", "port": peer.port, "cpu": "s7-400", "timeout": "10s" })
}

#[tokio::test]
async fn every_type_and_area_is_read_as_the_controller_holds_it() {
    let peer = Peer::start();
    let list = [1, -2, 300, -400].map(Value::I64);
    let expected = [
        ("DB1.DBX0.3 bool", Value::Bool(true)),
        ("DB1.DBX0.4 bool", Value::Bool(false)),
        ("DB1.DBB1 int8", Value::I64(-5)),
        ("DB1.DBB2 uint8", Value::U64(250)),
        ("DB1.DBW4 int16", Value::I64(-12345)),
        ("DB1.DBW6 uint16", Value::U64(54321)),
        ("DB1.DBD8 int32", Value::I64(-123_456_789)),
        ("DB1.DBD12 uint32", Value::U64(4_123_456_789)),
        ("DB1.DBL16 int64", Value::I64(-(1 << 62) - 1)),
        ("DB1.24 uint64", Value::U64(u64::MAX - 2)),
        ("DB1.DBD32 float32", Value::F64(3.5)),
        ("DB1.DBL40 float64", Value::F64(0.1)),
        ("DB1.STRING50.20 text", text("Kessel")),
        ("DB1.WSTRING80.10 text", text("€3")),
        ("DB1.DBB110/8 text", text("raw text")),
        ("DB1.DBB110/3 bytes", Value::Bytes((*b"raw").into())),
        ("DB1.DBW120#DATE text", text("2026-11-21")),
        ("DB1.DBD122#TIME float64", Value::F64(-1.5)),
        ("DB1.DBW126#S5TIME float64", Value::F64(15.0)),
        ("DB1.DBD128#TOD text", text("13:45:26.458")),
        ("DB1.132#DT text", text("2026-11-21T13:45:26.458Z")),
        ("DB1.140#DTL text", text("2026-11-21T13:45:26.458050307Z")),
        ("DB1.140#DTL int64", Value::I64(1_795_268_726_458_050_307)),
        ("DB1.DBL152#LTIME float64", Value::F64(1.5)),
        ("DB1.DBL160#LDT text", text("2026-11-21T13:45:26.458050307Z")),
        ("DB1.DBW200[4]#INT list", Value::List(list.into())),
        ("MB5 uint8", Value::U64(5)),
        ("MW2 uint16", Value::U64(0x0203)),
        ("M7.0 bool", Value::Bool(true)),
        ("I0.7 bool", Value::Bool(true)),
        ("E0.0 bool", Value::Bool(true)),
        ("Q0.1 bool", Value::Bool(true)),
        ("A0.0 bool", Value::Bool(false)),
        ("T1 float64", Value::F64(1.0)),
        ("T2 int64", Value::I64(15_000_000_000)),
        ("T7 float64", Value::F64(9_990.0)),
        ("C1 uint16", Value::U64(42)),
        ("Z2 uint16", Value::U64(987)),
    ];
    let tags: Vec<&str> = expected.iter().map(|(tag, _)| *tag).collect();
    let mut device = Device::new(settings(&peer), &tags);
    let mut session = open(&device).await;
    let found = device.read(&mut *session).await;
    for ((tag, expected), found) in expected.iter().zip(found) {
        assert_eq!(found.as_ref(), Ok(expected), "{tag}");
    }
}

#[tokio::test]
async fn what_does_not_fit_one_pdu_is_read_in_several() {
    let peer = Peer::start();
    let pattern = |at: usize| ((at * 7 + at / 256) & 0xFF) as u8;
    let mut tags: Vec<String> = (0..1000).map(|n| format!("DB2.DBB{} uint8", n * 2)).collect();
    tags.extend((0..30).map(|n| format!("DB2.DBB{} uint8", 2001 + n * 33)));
    tags.push("DB2.DBB0/3000 bytes".to_owned());
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    // Asked for 960, granted 480; then 240, then hardly anything.
    for pdu_size in [960, 240, 64] {
        let mut settings = settings(&peer);
        settings["pdu_size"] = pdu_size.into();
        let mut device = Device::new(settings, &tags);
        let mut session = open(&device).await;
        let found = device.read(&mut *session).await;
        for (n, value) in found[..1000].iter().enumerate() {
            assert_eq!(*value, Ok(Value::U64(pattern(n * 2).into())), "byte {}", n * 2);
        }
        for (n, value) in found[1000..1030].iter().enumerate() {
            assert_eq!(*value, Ok(Value::U64(pattern(2001 + n * 33).into())));
        }
        let whole: Vec<u8> = (0..3000).map(pattern).collect();
        assert_eq!(found[1030], Ok(Value::Bytes(whole.into())));
    }
}

#[tokio::test]
async fn a_wrong_address_takes_no_neighbours_along() {
    let peer = Peer::start();
    let tags = [
        "DB10.DBW0 uint16",
        "DB10.DBW10 uint16",
        "DB10.DBW12 uint16",
        "DB10.DBB11 uint8",
        "DB77.DBW0 uint16",
        "DB77.DBW2 uint16",
        "MB3 uint8",
    ];
    let mut device = Device::new(settings(&peer), &tags);
    let mut session = open(&device).await;
    assert_eq!(device.requests().len(), 1, "all in one job");
    let fault = device.read_once(&mut *session).await.unwrap_err();
    assert!(fault.to_string().contains("0x05 (address out of range)"), "{fault}");
    let out_of_range = Err(Quality::BAD_UNKNOWN_ADDRESS.with_detail(0x05));
    let missing = Err(Quality::BAD_UNKNOWN_ADDRESS.with_detail(0x0A));
    let expected = [
        Ok(Value::U64(0x0001)),
        Ok(Value::U64(0x0A0B)),
        out_of_range,
        Ok(Value::U64(11)),
        missing.clone(),
        missing,
        Ok(Value::U64(3)),
    ];
    assert_eq!(device.read(&mut *session).await, expected);
    assert_eq!(device.read(&mut *session).await, expected, "and again");
}

#[tokio::test]
async fn what_is_written_lies_in_the_controller() {
    let mut peer = Peer::start();
    let mut settings = settings(&peer);
    settings["read_back"] = true.into();
    let tags = [
        "DB3.STRING0.10 text",
        "DB3.WSTRING20.8 text",
        "DB3.DBW60 int16",
        "DB3.DBD64 float32",
        "DB3.DBL72 uint64",
        "DB3.DBB90/6 bytes",
        "DB3.DBB100/6 text",
        "DB3.110#DTL text",
        "DB3.DBD130#TIME float64",
        "DB3.DBW140[3]#UINT list",
        "MB200 uint8",
        "QW2 uint16",
        "DB77.DBW0 int16",
        "DB10.DBW12 int16",
        "DB10.STRING0.254 text",
    ];
    let device = Device::new(settings, &tags);
    let mut session = open(&device).await;
    let list = [1, 2, 65535].map(Value::U64);
    for (address, value, area, index, start, bytes) in [
        ("DB3.STRING0.10", text("Grün"), "DB", 3, 0, "0a044772fc6e"),
        ("DB3.WSTRING20.8", text("5 €"), "DB", 3, 20, "00080003003500 2020ac"),
        ("DB3.DBW60", Value::I64(-2), "DB", 3, 60, "fffe"),
        ("DB3.DBD64", Value::F64(42.0), "DB", 3, 64, "42280000"),
        ("DB3.DBL72", Value::U64(u64::MAX), "DB", 3, 72, "ffffffffffffffff"),
        ("DB3.DBB90/6", Value::Bytes([1, 2, 3, 4, 5, 6].into()), "DB", 3, 90, "010203040506"),
        ("DB3.DBB100/6", text("abc"), "DB", 3, 100, "616263000000"),
        (
            "DB3.110#DTL",
            text("2026-11-21T13:45:26.458050307Z"),
            "DB",
            3,
            110,
            "07ea0b15070d2d1a1b4d4b03",
        ),
        ("DB3.DBD130#TIME", Value::F64(-1.5), "DB", 3, 130, "fffffa24"),
        ("DB3.DBW140[3]#UINT", Value::List(list.into()), "DB", 3, 140, "00010002ffff"),
        ("MB200", Value::U64(7), "M", 0, 200, "07"),
        ("QW2", Value::U64(0x1234), "Q", 0, 2, "1234"),
    ] {
        let written = device.write(&mut *session, address, value).await;
        written.unwrap_or_else(|why| panic!("{address}: {}", why.fault));
        let bytes: String = bytes.chars().filter(|c| *c != ' ').collect();
        assert_eq!(peer.memory(area, index, start, bytes.len() / 2), bytes, "{address}");
    }
    for (address, value, why) in [
        ("DB77.DBW0", Value::I64(1), "the CPU refused writing 1 to DB77"),
        ("DB10.DBW12", Value::I64(1), "the CPU refused writing 1 to DB10"),
        ("DB3.DBW60", Value::I64(40_000), "does not fit int16"),
        ("DB3.STRING0.10", text("more than ten"), "room for 10"),
        // The block says that its string has room for none at all.
        ("DB10.STRING0.254", text("x"), "has room for 0"),
    ] {
        let fault = device.write(&mut *session, address, value).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No, "{address}");
        assert!(fault.fault.to_string().contains(why), "{address}: {}", fault.fault);
    }
    assert_eq!(peer.memory("DB", 10, 0, 12), "000102030405060708090a0b", "nothing went astray");
}

#[tokio::test]
async fn data_blocks_are_listed_with_their_bytes() {
    let peer = Peer::start();
    let device = Device::new(settings(&peer), &["MB0 uint8"]);
    let mut session = open(&device).await;
    let token = device.plan.browse.as_ref();
    let root = session.browse(&BrowseRequest { token, from: "", after: None }).await.unwrap();
    let named: Vec<_> = root.nodes.iter().map(|n| (&*n.id, n.description.as_deref())).collect();
    assert_eq!(
        named,
        [
            ("DB1", Some("400 bytes")),
            ("DB2", Some("3000 bytes")),
            ("DB3", Some("400 bytes")),
            ("DB10", Some("12 bytes")),
        ]
    );
    let page = session.browse(&BrowseRequest { token, from: "DB10", after: None }).await.unwrap();
    assert_eq!((page.nodes.len(), page.more), (1, None));
    assert_eq!(page.nodes[0].address.as_deref(), Some("DB10.DBB0/12"));
    assert_eq!(page.nodes[0].value, Some(Value::Bytes((0..12).collect())));
    // Through all pages of a long block.
    let (mut after, mut bytes) = (None, 0);
    loop {
        let request = BrowseRequest { token, from: "DB2", after: after.as_deref() };
        let page = session.browse(&request).await.unwrap();
        for node in &page.nodes {
            let Some(Value::Bytes(value)) = &node.value else { panic!("{node:?}") };
            bytes += value.len();
        }
        after = page.more;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(bytes, 3000);
    let missing = session.browse(&BrowseRequest { token, from: "DB99", after: None }).await;
    let Err(Fault::Refused { reason, .. }) = missing else { panic!("{missing:?}") };
    assert!(reason.contains("0x0A (object does not exist)"), "{reason}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told() {
    let peer = Peer::start();
    let device = Device::new(settings(&peer), &["MB0 uint8"]);
    drop(peer);
    let context = link_context(Env::system());
    let fault = device.plan.open.open(&context).await.err().expect("nobody is there");
    assert!(matches!(&fault, Fault::Link(_)), "{fault}");
    assert!(fault.to_string().contains("check `host`, `port`"), "{fault}");
}
