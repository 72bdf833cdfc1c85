//! The edge against a foreign Modbus server: every type in every order of bytes, as pymodbus's own
//! client reads it from the same server, and writes as that client reads them back.

use crate::rig::{Edge, Program, Site, python, until};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One place in the server, and how the configuration says it.
#[derive(Clone)]
struct Point {
    device: &'static str,
    area: &'static str,
    offset: u16,
    data_type: &'static str,
    bit: Option<u8>,
    bytes: Option<u8>,
    order: Option<&'static str>,
    /// As configured, where that is not what the rest says.
    address: Option<String>,
    scale: Option<(f64, f64)>,
}

impl Point {
    fn new(area: &'static str, offset: u16, data_type: &'static str) -> Point {
        Point {
            device: "peer",
            area,
            offset,
            data_type,
            bit: None,
            bytes: None,
            order: None,
            address: None,
            scale: None,
        }
    }

    fn order(self, order: Option<&'static str>) -> Point {
        Point { order, ..self }
    }

    fn bytes(self, bytes: u8) -> Point {
        Point { bytes: Some(bytes), ..self }
    }

    fn address(self, address: &str) -> Point {
        Point { address: Some(address.to_owned()), ..self }
    }

    fn address_text(&self) -> String {
        if let Some(address) = &self.address {
            return address.clone();
        }
        let mut text = format!("{}:{}", self.area, self.offset);
        if let Some(bit) = self.bit {
            write!(text, ".{bit}").unwrap();
        }
        if let Some(bytes) = self.bytes {
            write!(text, "/{bytes}").unwrap();
        }
        if let Some(order) = self.order {
            write!(text, "#{order}").unwrap();
        }
        text
    }

    /// What the server's own client is asked; the device's default order is said explicitly.
    fn item(&self, name: &str) -> Value {
        let wide = matches!(
            self.data_type,
            "int32" | "uint32" | "float32" | "int64" | "uint64" | "float64"
        );
        let default = match self.device {
            "peer-badc" => "BADC",
            "peer-cdab" => "CDAB",
            "peer-dcba" => "DCBA",
            _ => "ABCD",
        };
        let order = self.order.or(wide.then_some(default));
        json!({
            "name": name, "area": self.area, "offset": self.offset, "type": self.data_type,
            "bit": self.bit, "bytes": self.bytes, "order": order,
        })
    }
}

const ORDERS_16: [Option<&str>; 5] = [None, Some("AB"), Some("BA"), Some("L"), Some("B")];
const ORDERS_WIDE: [Option<&str>; 9] = [
    None,
    Some("ABCD"),
    Some("BADC"),
    Some("CDAB"),
    Some("DCBA"),
    Some("LL"),
    Some("LB"),
    Some("BL"),
    Some("BB"),
];
const ORDERS_64: [Option<&str>; 8] = [
    Some("ABCDEFGH"),
    Some("BADCFEHG"),
    Some("CDABGHEF"),
    Some("DCBAHGFE"),
    Some("EFGHABCD"),
    Some("FEHGBADC"),
    Some("GHEFCDAB"),
    Some("HGFEDCBA"),
];

/// Numbers that can be written, with every order that the driver accepts for them.
fn orders(data_type: &str) -> Vec<Option<&'static str>> {
    match data_type {
        "int8" | "uint8" | "int16" | "uint16" => ORDERS_16.to_vec(),
        "int32" | "uint32" | "float32" => ORDERS_WIDE.to_vec(),
        _ => [&ORDERS_WIDE[..], &ORDERS_64].concat(),
    }
}

const NUMBERS: [&str; 10] = [
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
];

/// Places of `SPECIAL` in the peer.
const SPECIAL: [(u16, &str); 26] = [
    (1000, "float32"),
    (1002, "float32"),
    (1004, "float32"),
    (1006, "float32"),
    (1008, "float32"),
    (1010, "float32"),
    (1012, "float32"),
    (1014, "float32"),
    (1020, "float64"),
    (1024, "float64"),
    (1028, "float64"),
    (1032, "float64"),
    (1036, "float64"),
    (1040, "float64"),
    (1050, "int64"),
    (1054, "int64"),
    (1058, "uint64"),
    (1062, "uint64"),
    (1066, "int32"),
    (1068, "uint32"),
    (1070, "int16"),
    (1071, "uint16"),
    (1072, "int8"),
    (1073, "uint8"),
    (1074, "bool"),
    (1075, "bool"),
];

fn points() -> Vec<Point> {
    let mut points = Vec::new();
    let mut offset = 0;
    for area in ["holding", "input"] {
        for data_type in NUMBERS {
            for order in orders(data_type) {
                for _ in 0..2 {
                    offset = (offset + 7) % 900;
                    points.push(Point::new(area, offset, data_type).order(order));
                }
            }
            for device in ["peer-badc", "peer-cdab", "peer-dcba"] {
                points.push(Point { device, ..Point::new(area, offset + 3, data_type) });
            }
        }
        points.extend(SPECIAL.map(|(offset, data_type)| Point::new(area, offset, data_type)));
        for bit in 0..16 {
            for order in [None, Some("AB"), Some("BA")] {
                let point = Point::new(area, 40 + u16::from(bit), "bool").order(order);
                points.push(Point { bit: Some(bit), ..point });
            }
        }
        for (offset, bytes, order) in [
            (1100, 16, None),
            (1110, 20, Some("AB")),
            (1120, 3, None),
            (1124, 16, None),
            (1134, 16, Some("BA")),
            (1144, 8, None),
        ] {
            points.push(Point::new(area, offset, "text").bytes(bytes).order(order));
        }
        for (offset, bytes, order) in
            [(10, 7, None), (11, 8, Some("BA")), (13, 5, Some("BA")), (20, 250, Some("AB"))]
        {
            points.push(Point::new(area, offset, "bytes").bytes(bytes).order(order));
        }
        for (slope, zero) in [(0.1, -20.0), (-0.5, 0.0), (100.0 / 27648.0, 0.0)] {
            for data_type in ["int16", "uint16", "int32"] {
                let scale = Some((slope, zero));
                points.push(Point { scale, ..Point::new(area, 1075, data_type) });
            }
        }
    }
    points.extend((0..48).map(|offset| Point::new("coil", offset * 9, "bool")));
    points.extend((0..48).map(|offset| Point::new("discrete", offset * 9, "bool")));
    points.extend([
        Point::new("holding", 0, "uint16").address("40001"),
        Point::new("holding", 99, "uint16").address("400100"),
        Point::new("input", 10, "int32").address("30011"),
        Point::new("discrete", 4, "bool").address("10005"),
        Point::new("coil", 2, "bool").address("00003"),
        Point::new("coil", 301, "bool").address("c:301"),
        Point::new("holding", 5, "uint16").address("1!holding:5"),
        Point::new("holding", 5, "float32").address("H:5"),
        Point::new("holding", 1100, "text").bytes(16).address("holding:1100.16H"),
        Point::new("holding", 1134, "text").bytes(16).order(Some("BA")).address("41135.16L"),
    ]);
    points
}

struct Peer {
    program: Program,
    port: u64,
}

impl Peer {
    fn start() -> Peer {
        let mut program = Program::start("the pymodbus server", &mut python("modbus_peer.py"));
        let port = program.json()["port"].as_u64().unwrap();
        Peer { program, port }
    }

    /// What pymodbus's client reads, as text.
    fn read(&mut self, points: &BTreeMap<String, Point>) -> BTreeMap<String, String> {
        let items: Vec<Value> = points.iter().map(|(name, point)| point.item(name)).collect();
        self.program.tell(&json!({ "items": items }).to_string());
        serde_json::from_value(self.program.json()).unwrap()
    }
}

fn tags(points: &BTreeMap<String, Point>, device: &str, more: &str) -> String {
    let mut tags = String::new();
    for (name, point) in points.iter().filter(|(_, point)| point.device == device) {
        let (address, data_type) = (point.address_text(), point.data_type);
        let scale = point.scale.map_or(String::new(), |(slope, offset)| {
            format!(", scale: {{ slope: {slope:?}, offset: {offset:?} }}")
        });
        writeln!(
            tags,
            "          - {{ name: {name}, address: \"{address}\", type: {data_type}{scale}{more} }}"
        )
        .unwrap();
    }
    tags
}

fn device(name: &str, port: u64, settings: &str, tags: &str) -> String {
    format!(
        "  - name: {name}\n    driver: modbus-tcp\n    \
         settings: {{ host: 127.0.0.1, port: {port}, timeout: 5s{settings} }}\n    groups:\n      \
         - name: all\n        interval: 100ms\n        tags:\n{tags}"
    )
}

fn document(devices: &[String]) -> String {
    format!("version: 1\nedge: {{ name: foreign }}\ndevices:\n{}", devices.concat())
}

fn named(points: Vec<Point>) -> BTreeMap<String, Point> {
    points.into_iter().enumerate().map(|(i, point)| (format!("t{i:04}"), point)).collect()
}

/// As the API shows a tag; `value` in the very letters.
#[derive(Deserialize)]
struct Shown {
    name: String,
    value: Box<RawValue>,
    text: Option<String>,
    quality: Value,
}

/// All tags of a device once each has been read.
fn shown(edge: &mut Edge, device: &str) -> BTreeMap<String, Shown> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Shown>,
        total: usize,
    }
    until("every tag has been read", || {
        let mut all = BTreeMap::new();
        loop {
            let path = format!("/devices/{device}/tags?limit=1000&group=all&offset={}", all.len());
            let page: Page =
                serde_json::from_str(&edge.call("GET", &path, "", b"").expect(200).body).unwrap();
            let waiting = |tag: &Shown| tag.quality["name"] == "BadWaitingForInitialData";
            if page.items.iter().any(waiting) {
                return None;
            }
            all.extend(page.items.into_iter().map(|tag| (tag.name.clone(), tag)));
            if all.len() >= page.total {
                return Some(all);
            }
        }
    })
}

/// Why what the edge shows is not what pymodbus's client read.
fn difference(point: &Point, read: &str, tag: &Shown) -> Option<String> {
    let (value, text) = (tag.value.get(), tag.text.as_deref().unwrap_or("nothing"));
    let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{text}: no number"));
    let same_f64 = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let is_float = point.data_type.starts_with("float");
    let same = match point.data_type {
        // No number at all: JSON and most receivers have no word for it.
        _ if is_float && !number(read).is_finite() => {
            value == "null" && tag.text.is_none() && tag.quality["name"] == "BadOutOfRange"
        }
        _ if tag.quality["severity"] != "good" => false,
        _ if let Some((slope, zero)) = point.scale => {
            // A tenth is a division by ten, which gives the decimal that people expect.
            let scaled = if slope == 0.1 { number(read) / 10.0 } else { number(read) * slope };
            same_f64(number(text), scaled + zero) && value == text
        }
        "float32" => {
            let (a, b) = (text.parse::<f32>().unwrap(), number(read) as f32);
            same_f64(f64::from(a), f64::from(b)) && value == text
        }
        "float64" => same_f64(number(text), number(read)) && value == text,
        "text" | "bytes" => text == read && serde_json::from_str::<String>(value).unwrap() == read,
        _ => text == read && value == read,
    };
    let (address, data_type) = (point.address_text(), point.data_type);
    (!same).then(|| {
        format!(
            "{} {address} {data_type}: pymodbus reads {read}, the edge shows {text} (value {value}, {})",
            point.device, tag.quality
        )
    })
}

#[test]
fn every_type_in_every_order_is_what_pymodbus_reads() {
    let mut peer = Peer::start();
    let points = named(points());
    let settings = [
        ("peer", ""),
        ("peer-badc", ", byte_order: BADC"),
        ("peer-cdab", ", byte_order: CDAB"),
        ("peer-dcba", ", byte_order: DCBA"),
    ];
    let devices =
        settings.map(|(name, more)| device(name, peer.port, more, &tags(&points, name, "")));
    let mut edge = Site::new(&document(&devices)).start_ready();
    let read = peer.read(&points);
    assert_eq!(read.len(), points.len());
    let mut wrong = Vec::new();
    for (name, _) in settings {
        for (tag, shown) in shown(&mut edge, name) {
            wrong.extend(difference(&points[&tag], &read[&tag], &shown));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    eprintln!("{} tags compared", points.len());
}

/// Values to write, for every form in which they can lie, and what pymodbus should then read.
fn values(data_type: &str) -> Vec<Value> {
    match data_type {
        "int16" => vec![json!(i16::MIN), json!(-2)],
        "uint16" => vec![json!(u16::MAX), json!(0x1234)],
        "int32" => vec![json!(i32::MIN), json!(-19_088_744)],
        "uint32" => vec![json!(u32::MAX), json!(0x1234_5678)],
        "int64" => vec![json!(i64::MIN), json!(0x0123_4567_89ab_cdef_i64)],
        "uint64" => vec![json!(u64::MAX), json!((1u64 << 53) + 1)],
        "float32" => vec![json!(-0.1), json!(3.4028234663852886e38), json!(1.401298464324817e-45)],
        // Numbers on which quick readers of decimals are one bit off.
        "float64" => vec![
            json!(0.1),
            json!(5e-324),
            json!(1.7976931348623157e308),
            json!(2.2250738585072014e-308),
            json!(9007199254740992.0),
            json!(7.205759403792794e16),
            json!(1.2345678901234567e-200),
            json!(6.0221407621e23),
        ],
        _ => vec![json!(true), json!(false)],
    }
}

#[test]
fn what_is_written_is_what_pymodbus_reads_back() {
    let mut peer = Peer::start();
    let mut points = Vec::new();
    let mut offset = 3000;
    for data_type in NUMBERS.into_iter().filter(|t| !t.ends_with("int8")) {
        for order in orders(data_type) {
            offset += 4;
            points.push(Point::new("holding", offset, data_type).order(order));
        }
    }
    points.push(Point::new("coil", 100, "bool"));
    points.push(Point::new("holding", offset + 4, "bool"));
    let strings = points.len();
    for (bytes, order) in [(7, None), (8, Some("AB")), (7, Some("BA")), (8, Some("BA"))] {
        for data_type in ["text", "bytes"] {
            offset += 12;
            points.push(Point::new("holding", offset, data_type).bytes(bytes).order(order));
        }
    }
    let scaled = points.len();
    for (data_type, slope) in [("int16", 0.1), ("uint16", 0.25), ("int32", -0.001)] {
        offset += 12;
        let scale = Some((slope, 5.0));
        points.push(Point { scale, ..Point::new("holding", offset, data_type) });
    }
    let points = named(points);
    let all = tags(&points, "peer", ", access: read_write");
    let mut edge = Site::new(&document(&[device("peer", peer.port, "", &all)])).start_ready();
    shown(&mut edge, "peer");

    let mut written = 0;
    for round in 0..8 {
        let mut expected = BTreeMap::new();
        for (i, (name, point)) in points.iter().enumerate() {
            let (value, raw) = match point.data_type {
                _ if i >= scaled => {
                    let (slope, zero) = point.scale.unwrap();
                    // A whole number of raw steps, and one between two of them.
                    let raw = 17.0 + round as f64;
                    let between = if round % 2 == 0 { 0.0 } else { 0.3 };
                    (json!((raw + between) * slope + zero), raw.to_string())
                }
                "text" => (json!(["Kessel", "Größe", ""][round % 3]), String::new()),
                "bytes" if point.bytes == Some(7) => (json!("00ff0102030405"), String::new()),
                "bytes" => (json!("00ff010203040506"), String::new()),
                other => {
                    let values = values(other);
                    let Some(value) = values.get(round) else { continue };
                    (value.clone(), String::new())
                }
            };
            if (strings..scaled).contains(&i) && round > 2 {
                continue;
            }
            let command = json!({ "device": "peer", "tag": name, "value": value });
            let outcome = edge.write(command);
            assert_eq!(outcome["state"], "done", "{}: {outcome}", point.address_text());
            written += 1;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            expected.insert(name.clone(), if raw.is_empty() { text } else { raw });
        }
        let chosen = points.clone().into_iter().filter(|(name, _)| expected.contains_key(name));
        let read = peer.read(&chosen.collect());
        for (name, expected) in expected {
            let (point, read) = (&points[&name], &read[&name]);
            let same = match point.data_type {
                "float32" => {
                    read.parse::<f64>().unwrap() as f32 == expected.parse::<f32>().unwrap()
                }
                "float64" => read.parse::<f64>() == expected.parse::<f64>(),
                _ => *read == expected,
            };
            let address = point.address_text();
            assert!(same, "{address}: {expected} was written, pymodbus reads {read}");
        }
    }
    eprintln!("{written} writes compared");
}

#[test]
fn an_address_that_the_server_refuses_is_bad_alone() {
    let peer = Peer::start();
    let points: Vec<Point> =
        (5000..5012).map(|offset| Point::new("holding", offset, "uint16")).collect();
    let points = named(points);
    let all = tags(&points, "peer", "");
    let mut edge = Site::new(&document(&[device("peer", peer.port, "", &all)])).start_ready();
    let shown = shown(&mut edge, "peer");
    for (name, point) in &points {
        let tag = &shown[name];
        let (value, quality) = (tag.value.get(), &tag.quality);
        if [5004, 5009].contains(&point.offset) {
            assert_eq!((value, &tag.text), ("null", &None), "{}", point.offset);
            assert_eq!(quality["severity"], "bad");
            assert_eq!(quality["name"], "BadNodeIdUnknown");
            assert_eq!(quality["reason"], "the device has no such address (code 2)");
        } else {
            assert_eq!(value, (point.offset - 4950).to_string(), "{}", point.offset);
            assert_eq!(quality["severity"], "good", "{}", point.offset);
        }
    }
    let device = edge.device("peer");
    assert_eq!(device["state"], "online");
    assert_eq!(device["tags"]["bad"], 2);
    assert_eq!(device["counters"]["panics"], 0);
}
