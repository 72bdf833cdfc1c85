//! Every type in every order, writes, bits, function 23, exceptions and silence, by every framing.

use crate::rig::{Device, Peer, Way, plan};
use serde_json::{Value as Json, json};
use tagwerk_component::{Fault, WriteSent};
use tagwerk_model::{DataType, Quality, Value};

const NUMBERS: [&str; 10] = [
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
];
const ORDERS_16: [&str; 2] = ["AB", "BA"];
const ORDERS_WIDE: [&str; 4] = ["ABCD", "BADC", "CDAB", "DCBA"];
const ORDERS_64: [&str; 8] = [
    "ABCDEFGH", "BADCFEHG", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC", "GHEFCDAB", "HGFEDCBA",
];

fn orders(data_type: &str) -> Vec<&'static str> {
    match data_type {
        "int8" | "uint8" | "int16" | "uint16" => ORDERS_16.to_vec(),
        "int32" | "uint32" | "float32" => ORDERS_WIDE.to_vec(),
        _ => [&ORDERS_WIDE[..], &ORDERS_64].concat(),
    }
}

/// A tag as the driver is told, and as pymodbus's client is asked.
struct Point {
    address: String,
    data_type: DataType,
    item: Json,
}

fn point(number: usize, area: &str, offset: usize, data_type: &str, order: Option<&str>) -> Point {
    let order_text = order.map_or(String::new(), |order| format!("#{order}"));
    let item = json!({
        "name": format!("t{number:04}"), "area": area, "offset": offset, "type": data_type,
        "bit": null, "bytes": null, "order": order,
    });
    let data_type = DataType::from_name(data_type).unwrap();
    Point { address: format!("{area}:{offset}{order_text}"), data_type, item }
}

/// Every type in every order, at places below 900 of the peer's pattern.
fn points() -> Vec<Point> {
    let (mut points, mut offset) = (Vec::new(), 0);
    for area in ["holding", "input"] {
        for data_type in NUMBERS {
            for order in orders(data_type) {
                offset = (offset + 7) % 890;
                points.push(point(points.len(), area, offset, data_type, Some(order)));
            }
        }
        for bit in [0, 7, 15] {
            let mut one = point(points.len(), area, 40, "bool", None);
            one.address = format!("{area}:40.{bit}");
            one.item["bit"] = bit.into();
            points.push(one);
        }
        for (offset, data_type, bytes) in [(1100, "text", 16), (20, "bytes", 250)] {
            let mut one = point(points.len(), area, offset, data_type, None);
            one.address = format!("{area}:{offset}/{bytes}");
            one.item["bytes"] = bytes.into();
            points.push(one);
        }
    }
    for area in ["coil", "discrete"] {
        for offset in [0, 1, 9, 100, 301, 511] {
            points.push(point(points.len(), area, offset, "bool", None));
        }
    }
    points
}

/// Whether a value is what pymodbus's client says.
fn same(value: &Value, said: &str) -> bool {
    match value {
        Value::F64(v) => {
            let other: f64 = said.parse().unwrap();
            v.to_bits() == other.to_bits() || v.is_nan() && other.is_nan()
        }
        Value::Bytes(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() == said,
        other => other.as_ref().to_text(DataType::Float64) == said,
    }
}

fn tags(points: &[Point]) -> Vec<(String, DataType)> {
    points.iter().map(|point| (point.address.clone(), point.data_type)).collect()
}

#[tokio::test]
async fn every_type_in_every_order_is_read_as_pymodbus_reads_it() {
    for way in Way::ALL {
        let mut peer = Peer::start(way);
        for unit in [1, 2] {
            let points = points();
            let settings = peer.with(json!({ "unit": unit }));
            let mut device = Device::open(&settings, &tags(&points)).await;
            let values = device.read().await;
            let items: Vec<Json> = points.iter().map(|point| point.item.clone()).collect();
            let said = peer.read(unit, &items);
            assert_eq!(values.len(), said.len());
            let wrong: Vec<String> = values
                .iter()
                .zip(said.values())
                .zip(&points)
                .filter(|((value, said), _)| !same(value, said))
                .map(|((value, said), point)| format!("{}: {value:?}, {said}", point.address))
                .collect();
            assert!(wrong.is_empty(), "{way:?}, unit {unit}:\n{}", wrong.join("\n"));
            let counters = device.session.counters();
            let dropped = counters.iter().filter(|(name, _)| !name.starts_with("bytes"));
            assert!(dropped.clone().all(|(_, count)| *count == 0), "{way:?}: {counters:?}");
        }
    }
}

/// A value that tells every byte apart, as written and as pymodbus says it.
fn sample(data_type: &str) -> (Value, &'static str) {
    match data_type {
        "int16" => (Value::I64(-12345), "-12345"),
        "uint16" => (Value::U64(54321), "54321"),
        "int32" => (Value::I64(-1_234_567_890), "-1234567890"),
        "uint32" => (Value::U64(4_023_233_417), "4023233417"),
        "int64" => (Value::I64(-1_234_567_890_123_456_789), "-1234567890123456789"),
        "uint64" => (Value::U64(17_216_961_135_462_248_174), "17216961135462248174"),
        "float32" => (Value::F64(-12.346_980_094_909_668), "-12.346980094909668"),
        _ => (Value::F64(1.234_567_890_123_456_7e-3), "0.0012345678901234567"),
    }
}

#[tokio::test]
async fn what_is_written_is_what_pymodbus_reads() {
    for way in Way::ALL {
        let mut peer = Peer::start(way);
        for more in [
            json!({}),
            json!({ "write_single": "never", "read_back": true }),
            json!({ "write_read": true }),
        ] {
            let mut points = Vec::new();
            for data_type in NUMBERS.iter().filter(|name| !name.ends_with("int8")) {
                for order in orders(data_type) {
                    let offset = 3000 + points.len() * 4;
                    points.push(point(points.len(), "holding", offset, data_type, Some(order)));
                }
            }
            let coil = points.len();
            points.push(point(coil, "coil", 77, "bool", None));
            let mut device = Device::open(&peer.with(more.clone()), &tags(&points)).await;
            let mut expected = Vec::new();
            for (index, point) in points.iter().enumerate() {
                let (value, text) = match index == coil {
                    true => (Value::Bool(true), "true"),
                    false => sample(point.data_type.name()),
                };
                expected.push(text);
                let token = device.plan.groups[0].writes[index].clone().unwrap();
                let written = device.session.write(&token, &value).await;
                assert_eq!(written, Ok(()), "{way:?} {more} {}", point.address);
            }
            let items: Vec<Json> = points.iter().map(|point| point.item.clone()).collect();
            let said = peer.read(1, &items);
            let said: Vec<&str> = said.values().map(String::as_str).collect();
            assert_eq!(said, expected, "{way:?} {more}");
        }
    }
}

#[tokio::test]
async fn bits_are_changed_and_their_neighbours_kept() {
    for way in [Way::SerialRtu, Way::TcpAscii] {
        let mut peer = Peer::start(way);
        for (offset, bit_write) in [(3500, "mask"), (3510, "read_modify_write")] {
            let tags = [
                (format!("holding:{offset}"), DataType::Uint16),
                (format!("holding:{offset}.3"), DataType::Bool),
                (format!("holding:{offset}.15"), DataType::Bool),
            ];
            let settings = peer.with(json!({ "bit_write": bit_write, "read_back": true }));
            let mut device = Device::open(&settings, &tags).await;
            for (index, value, register) in [
                (0, Value::U64(0x7F0F), "32527"),
                (1, Value::Bool(false), "32519"),
                (2, Value::Bool(true), "65287"),
                (1, Value::Bool(true), "65295"),
            ] {
                let token = device.plan.groups[0].writes[index].clone().unwrap();
                assert_eq!(device.session.write(&token, &value).await, Ok(()), "{way:?}");
                let item = point(0, "holding", offset, "uint16", None).item;
                assert_eq!(peer.read(1, &[item])["t0000"], register, "{way:?} {bit_write}");
            }
        }
    }
}

#[tokio::test]
async fn refusals_and_silence_are_told_apart() {
    for way in Way::ALL {
        let peer = Peer::start(way);
        let tags = [("holding:5004".to_owned(), DataType::Uint16)];
        let mut device = Device::open(&peer.settings, &tags).await;
        let request = device.plan.groups[0].reads[0].clone();
        let fault = device.session.read(&request, &mut device.out).await.unwrap_err();
        let Fault::Refused { quality, .. } = &fault else { panic!("{way:?}: {fault}") };
        assert_eq!(*quality, Quality::BAD_UNKNOWN_ADDRESS.with_detail(2));
        let token = device.plan.groups[0].writes[0].clone().unwrap();
        let fault = device.session.write(&token, &Value::U64(1)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No, "{way:?}");

        // Nobody is unit 9; its neighbour answers right after.
        let at = [("holding:0".to_owned(), DataType::Uint16)];
        let silent = peer.with(json!({ "unit": 9, "timeout": "200ms" }));
        let (plan, mut out) = plan(&silent, &at);
        let request = &plan.groups[0].reads[0];
        let fault = device.session.read(request, &mut out).await.unwrap_err();
        assert!(matches!(fault, Fault::Silent(_)), "{way:?}: {fault}");
        let (plan, mut out) = self::plan(&peer.with(json!({ "unit": 2 })), &at);
        device.session.read(&plan.groups[0].reads[0], &mut out).await.unwrap();
        let words = device.context.trace.frames_after(0);
        let said = |text: &str| words.iter().any(|frame| &*frame.meaning == text);
        assert!(said("Read holding register 0 of unit 9"), "{way:?}");
        assert!(said("Unit 9 did not answer within 200ms"), "{way:?}");
    }
}
