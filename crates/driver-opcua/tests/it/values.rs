//! Every type of value: read, reported, written, looked at.

use crate::rig::{Edge, Peer, plan, read, reports, watch};
use serde_json::json;
use tagwerk_component::{BrowseNode, BrowseRequest, Fault, Session, WriteSent};
use tagwerk_model::{DataType, Quality, Value};

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Name in the server, type of the tag, what it must say.
fn expected() -> Vec<(&'static str, DataType, Value)> {
    let corner = r#"{"X":1.5,"Name":"a\"b","Steps":[1,18446744073709551615]}"#;
    vec![
        ("Boolean", DataType::Bool, Value::Bool(true)),
        ("SByte", DataType::Int8, Value::I64(-128)),
        ("Byte", DataType::Uint8, Value::U64(255)),
        ("Int16", DataType::Int16, Value::I64(-32_768)),
        ("UInt16", DataType::Uint16, Value::U64(65_535)),
        ("Int32", DataType::Int32, Value::I64(-2_147_483_648)),
        ("UInt32", DataType::Uint32, Value::U64(4_294_967_295)),
        ("Int64", DataType::Int64, Value::I64(i64::MIN)),
        ("UInt64", DataType::Uint64, Value::U64(u64::MAX)),
        ("Float", DataType::Float32, Value::F64(1.5)),
        ("Double", DataType::Float64, Value::F64(0.1)),
        ("String", DataType::Text, text("Öl")),
        ("DateTime", DataType::Text, text("2026-11-21T04:15:06.789Z")),
        ("DateTime", DataType::Int64, Value::I64(1_795_234_506_789_000_000)),
        ("Guid", DataType::Text, text("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ("ByteString", DataType::Bytes, Value::Bytes([0, 255].into())),
        ("XmlElement", DataType::Text, text("<a/>")),
        ("StatusCode", DataType::Uint32, Value::U64(0x8034_0000)),
        ("StatusCode", DataType::Text, text("BadNodeIdUnknown")),
        ("LocalizedText", DataType::Text, text("hot")),
        ("QualifiedName", DataType::Text, text("3:name")),
        ("NodeId", DataType::Text, text("ns=2;s=x")),
        ("Int32Array", DataType::List, list((1..6).map(Value::I64))),
        ("DoubleArray", DataType::List, list([0.5, 1.5].map(Value::F64))),
        ("StringArray", DataType::List, list([text("a"), text("b")])),
        ("Matrix", DataType::List, list((1..7).map(Value::I64))),
        ("Enumeration", DataType::Int32, Value::I64(1)),
        ("Structure", DataType::Text, text(&format!(r#"{{"Corner":{corner},"Size":-7}}"#))),
        ("StructureArray", DataType::List, list([text(corner), text(corner)])),
        // What loses nothing is converted.
        ("Byte", DataType::Int64, Value::I64(255)),
        ("Float", DataType::Float64, Value::F64(1.5)),
        ("Int32", DataType::Float64, Value::F64(-2_147_483_648.0)),
    ]
}

#[tokio::test]
async fn every_type_is_read_and_reported() {
    let peer = Peer::start(json!({}));
    let edge = Edge::new();
    let expected = expected();
    let addresses: Vec<String> =
        expected.iter().map(|(name, ..)| format!("nsu=urn:plant;s=Line1.{name}")).collect();
    let tags: Vec<(&str, DataType)> =
        addresses.iter().zip(&expected).map(|(a, (_, t, _))| (a.as_str(), *t)).collect();
    let device = plan(json!({ "endpoint": peer.url(), "security": "None" }), &tags);
    let mut session = edge.open(&device).await.unwrap();
    let values = read(&mut *session, &device, &tags).await;
    for ((name, data_type, wanted), (value, quality)) in expected.iter().zip(values) {
        assert_eq!(
            value.as_ref(),
            Some(wanted),
            "{name} as {data_type}: {quality:?} {}",
            edge.log()
        );
    }
    let watches = [watch(&device, 1, None)];
    assert_eq!(session.watch(&watches).await.unwrap(), []);
    let all = reports(&mut *session, |all| all.len() >= tags.len()).await;
    assert_eq!(all.len(), tags.len(), "each once");
    for report in all {
        let (name, data_type, wanted) = &expected[report.tag as usize];
        assert_eq!(report.value.as_ref(), Some(wanted), "{name} as {data_type}");
        assert!(!report.past && report.quality.is_good());
        assert!(report.source_time.is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_fit_or_is_not_there_is_bad_by_itself() {
    let peer = Peer::start(json!({}));
    let edge = Edge::new();
    let tags = [
        ("nsu=urn:plant;s=Line1.Int32", DataType::Uint8),
        ("nsu=urn:plant;s=Line1.String", DataType::Float64),
        ("nsu=urn:plant;s=Line1.Double", DataType::Float32),
        ("nsu=urn:plant;s=Line1.Nothing", DataType::Int32),
        ("nsu=urn:elsewhere;s=x", DataType::Int32),
        // This server takes no index ranges, and must not pass off the whole for a part.
        ("nsu=urn:plant;s=Line1.Int32Array[1:2]", DataType::List),
        ("nsu=urn:plant;s=Line1.Count", DataType::Int64),
    ];
    let device = plan(json!({ "endpoint": peer.url(), "security": "None" }), &tags);
    let mut session = edge.open(&device).await.unwrap();
    let values = read(&mut *session, &device, &tags).await;
    let qualities: Vec<u32> = values.iter().map(|(_, quality)| quality.0).collect();
    let wrong = Quality::BAD_ENCODING.0;
    let unknown = Quality::BAD_UNKNOWN_ADDRESS.0;
    assert_eq!(qualities[..6], [wrong, wrong, wrong, unknown, unknown, wrong]);
    assert_eq!(values[6], (Some(Value::I64(0)), Quality::GOOD));
    let watches = [watch(&device, 1, None)];
    assert_eq!(session.watch(&watches).await.unwrap(), []);
    let mut all = reports(&mut *session, |all| all.len() >= tags.len()).await;
    all.sort_by_key(|report| report.tag);
    let qualities: Vec<u32> = all.iter().map(|report| report.quality.0).collect();
    assert_eq!(qualities[..6], [wrong, wrong, wrong, unknown, unknown, wrong]);
    let log = edge.log();
    for part in [
        "-2147483648 is out of the range of `uint8`",
        "the server has String, which `float64` cannot hold",
        "the server does not take index ranges",
        "2 nodes cannot be watched: nsu=urn:plant;s=Line1.Nothing, nsu=urn:elsewhere;s=x",
    ] {
        assert!(log.contains(part), "{part} is not in the log:\n{log}");
    }
}

#[tokio::test]
async fn values_are_written_as_the_server_has_them() {
    let mut peer = Peer::start(json!({}));
    let edge = Edge::new();
    let writes = [
        ("Boolean", DataType::Bool, Value::Bool(false), "Boolean False"),
        ("SByte", DataType::Int8, Value::I64(-5), "SByte -5"),
        ("Byte", DataType::Uint8, Value::U64(9), "Byte 9"),
        ("Int16", DataType::Int32, Value::I64(-300), "Int16 -300"),
        ("UInt64", DataType::Uint64, Value::U64(u64::MAX - 1), "UInt64 18446744073709551614"),
        ("Int64", DataType::Int64, Value::I64(i64::MAX), "Int64 9223372036854775807"),
        ("Float", DataType::Float32, Value::F64(2.5), "Float 2.5"),
        ("Double", DataType::Float64, Value::F64(1e300), "Double 1e+300"),
        ("String", DataType::Text, text("né"), "String 'né'"),
        ("ByteString", DataType::Bytes, Value::Bytes([1].into()), "ByteString b'\\x01'"),
        ("LocalizedText", DataType::Text, text("cold"), "LocalizedText LocalizedText("),
        ("DateTime", DataType::Text, text("2000-02-29T01:02:03.5Z"), "DateTime datetime"),
        ("Enumeration", DataType::Int32, Value::I64(0), "Int32 0"),
        ("DoubleArray", DataType::List, list([Value::F64(9.0)]), "Double [9.0]"),
    ];
    let addresses: Vec<String> =
        writes.iter().map(|(name, ..)| format!("nsu=urn:plant;s=Line1.{name}")).collect();
    let tags: Vec<(&str, DataType)> =
        addresses.iter().zip(&writes).map(|(a, w)| (a.as_str(), w.1)).collect();
    let device = plan(json!({ "endpoint": peer.url(), "security": "None" }), &tags);
    let mut session = edge.open(&device).await.unwrap();
    for ((name, _, value, shown), token) in writes.iter().zip(&device.groups[0].writes) {
        let written = session.write(token.as_ref().unwrap(), value).await;
        assert_eq!(written, Ok(()), "{name}");
        let bare = name.split('[').next().unwrap();
        let there = peer.tell(&format!("get {bare}"));
        assert!(there.starts_with(shown), "{name}: {there}");
    }
}

#[tokio::test]
async fn writes_that_cannot_be_are_refused_before_anything_is_sent() {
    let peer = Peer::start(json!({ "extra": 1 }));
    let edge = Edge::new();
    let tags = [
        ("nsu=urn:plant;s=Line1.Byte", DataType::Int32),
        ("nsu=urn:plant;s=Line1.Nothing", DataType::Int32),
        ("nsu=urn:plant;s=Line1.Extra0", DataType::Int32),
        ("nsu=urn:plant;s=Line1.Int32Array[0]", DataType::Int32),
    ];
    let device = plan(json!({ "endpoint": peer.url(), "security": "None" }), &tags);
    let mut session = edge.open(&device).await.unwrap();
    let tokens = &device.groups[0].writes;
    let expected = [
        (300, "300 is out of range of Byte"),
        (1, "BadNodeIdUnknown"),
        (1, "the server says Bad"),
        (1, "does not take index ranges"),
    ];
    for ((value, part), token) in expected.into_iter().zip(tokens) {
        let refused = session.write(token.as_ref().unwrap(), &Value::I64(value)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.sent, WriteSent::No);
        assert!(
            matches!(&refused.fault, Fault::Refused { reason, .. } if reason.contains(part)),
            "{refused:?}"
        );
    }
}

async fn browse(session: &mut dyn Session, from: &str) -> Vec<BrowseNode> {
    let mut nodes = Vec::new();
    let mut after = None;
    loop {
        let request = BrowseRequest { token: None, from, after: after.as_deref() };
        let page = session.browse(&request).await.unwrap();
        nodes.extend(page.nodes);
        after = page.more;
        if after.is_none() {
            return nodes;
        }
    }
}

#[tokio::test]
async fn the_server_can_be_looked_into() {
    let peer = Peer::start(json!({ "extra": 250 }));
    let edge = Edge::new();
    let device = plan(json!({ "endpoint": peer.url(), "security": "None" }), &[]);
    let mut session = edge.open(&device).await.unwrap();
    let root = browse(&mut *session, "").await;
    let line = root.iter().find(|node| node.name == "Line1").unwrap();
    assert!(line.inside && line.address.is_none());
    let inside = browse(&mut *session, &line.id).await;
    assert!(inside.len() > 250, "{}", inside.len());
    let temp = inside.iter().find(|node| node.name == "Temp").unwrap();
    assert_eq!(
        *temp,
        BrowseNode {
            id: "nsu=urn:plant;s=Line1.Temp".to_owned(),
            name: "Temp".to_owned(),
            inside: true,
            address: Some("nsu=urn:plant;s=Line1.Temp".to_owned()),
            data_type: Some(DataType::Float64),
            write: true,
            description: Some("of the oven".to_owned()),
            unit: Some("°C".to_owned()),
            value: Some(Value::F64(20.5)),
        }
    );
    let properties = browse(&mut *session, &temp.id).await;
    assert!(!properties[0].inside, "a property has nothing inside");
    let wrong = BrowseRequest { token: None, from: "nsu=urn:plant;s=None", after: None };
    assert!(matches!(session.browse(&wrong).await, Err(Fault::Refused { .. })));
}
