//! Which requests a group's tags become, as data; and that a million tags are planned.

use super::settings;
use crate::codec::Item;
use crate::plan::{Manner, Read, divide, reads};
use crate::point::Point;
use std::sync::Arc;
use tagwerk_component::ReadRequest;
use tagwerk_model::DataType;

/// The requests for tags such as `h:1 uint32`, each as its span and its tags: `holding:1+2 [0]`.
fn requests(json: &str, tags: &[&str]) -> Vec<ReadRequest> {
    let settings = settings(json);
    let wanted = tags.iter().enumerate().map(|(index, tag)| {
        let (address, data_type) = tag.split_once(' ').unwrap_or((tag, "uint16"));
        let data_type = DataType::from_name(data_type).unwrap();
        (index as u32, Point::parse(address, data_type, &settings).unwrap())
    });
    reads(wanted.collect(), &settings, &Arc::new(Manner::of(&settings)))
}

fn said(requests: &[ReadRequest]) -> String {
    let said: Vec<String> = requests
        .iter()
        .map(|request| {
            let Read { span, items, .. } = request.token.get();
            assert_eq!(request.tags, items.iter().map(|item| item.tag).collect::<Vec<_>>());
            for item in items {
                assert!(item.place + item.codec.width() <= span.count, "{item:?} in {span:?}");
            }
            let tags: Vec<String> =
                items.iter().map(|item| format!("{}@{}", item.tag, item.place)).collect();
            format!(
                "{}!{}:{}+{} [{}]",
                span.unit,
                span.area.name(),
                span.start,
                span.count,
                tags.join(" ")
            )
        })
        .collect();
    said.join("; ")
}

#[test]
fn tags_become_the_fewest_requests() {
    let check = |json: &str, tags: &[&str], expected: &str| {
        assert_eq!(said(&requests(json, tags)), expected, "{json} {tags:?}");
    };
    check("{}", &[], "");
    check("{}", &["h:5"], "1!holding:5+1 [0@0]");
    check("{}", &["h:7", "h:5"], "1!holding:5+3 [1@0 0@2]");
    check("{}", &["h:5", "h:5", "h:5 int32"], "1!holding:5+2 [0@0 1@0 2@0]");
    // A gap of eight is read along, of nine not.
    check("{}", &["h:0", "h:9"], "1!holding:0+10 [0@0 1@9]");
    check("{}", &["h:0", "h:10"], "1!holding:0+1 [0@0]; 1!holding:10+1 [1@0]");
    check(r#"{"gap": 0}"#, &["h:0", "h:1", "h:3"], "1!holding:0+2 [0@0 1@1]; 1!holding:3+1 [2@0]");
    // Across areas and units, never.
    check(
        "{}",
        &["h:0", "i:1", "c:2 bool", "d:3 bool", "2!h:1"],
        "1!coil:2+1 [2@0]; 1!discrete:3+1 [3@0]; 1!input:1+1 [1@0]; 1!holding:0+1 [0@0]; \
         2!holding:1+1 [4@0]",
    );
    // At most `size`, and a value stays whole.
    check(
        r#"{"size": 4}"#,
        &["h:0", "h:1", "h:2", "h:3 uint32"],
        "1!holding:0+3 [0@0 1@1 2@2]; 1!holding:3+2 [3@0]",
    );
    check(
        r#"{"size": 4}"#,
        &["h:0 uint32", "h:2 uint64", "h:3", "h:6"],
        "1!holding:0+2 [0@0]; 1!holding:2+4 [1@0 2@1]; 1!holding:6+1 [3@0]",
    );
    check("{}", &["h:0/250 text", "h:1/4 text"], "1!holding:0+125 [0@0 1@1]");
    check("{}", &["h:0", "h:124 uint32"], "1!holding:0+1 [0@0]; 1!holding:124+2 [1@0]");
    check("{}", &["h:65535", "h:65534"], "1!holding:65534+2 [1@0 0@1]");
    // Bits: sixteen times as many.
    check("{}", &["c:0 bool", "c:129 bool"], "1!coil:0+130 [0@0 1@129]");
    check("{}", &["c:0 bool", "c:130 bool"], "1!coil:0+1 [0@0]; 1!coil:130+1 [1@0]");
    check(r#"{"size": 1}"#, &["c:0 bool", "c:15 bool", "c:16 bool"], {
        "1!coil:0+16 [0@0 1@15]; 1!coil:16+1 [2@0]"
    });
    let every: Vec<String> = (0..1000).map(|n| format!("h:{n}")).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    assert_eq!(requests("{}", &every).len(), 8);
    let bits: Vec<String> = (0..4000).map(|n| format!("c:{n} bool")).collect();
    let bits: Vec<&str> = bits.iter().map(String::as_str).collect();
    assert_eq!(requests("{}", &bits).len(), 2);
}

#[test]
fn a_refused_request_is_divided_down_to_single_tags() {
    let whole = requests("{}", &["h:1", "h:2 uint32", "h:9", "h:3"]);
    assert_eq!(said(&whole), "1!holding:1+9 [0@0 1@1 3@2 2@8]");
    let halves = divide(whole[0].token.get()).unwrap();
    assert_eq!(said(&halves), "1!holding:1+3 [0@0 1@1]; 1!holding:3+7 [3@0 2@6]");
    let quarters = divide(halves[1].token.get()).unwrap();
    assert_eq!(said(&quarters), "1!holding:3+1 [3@0]; 1!holding:9+1 [2@0]");
    assert!(divide(quarters[0].token.get()).is_none());
}

#[test]
fn a_million_tags_are_planned_in_little_room() {
    assert_eq!(size_of::<Item>(), 8);
    assert_eq!(size_of::<Point>(), 6);
    let settings = settings("{}");
    let manner = Arc::new(Manner::of(&settings));
    // 16 units of 62,500 registers, in an order that is not that of their addresses.
    let wanted: Vec<(u32, Point)> = (0..1_000_000u32)
        .map(|tag| {
            let place = u64::from(tag) * 7_919 % 1_000_000;
            let address = format!("{}!h:{}", place / 62_500, place % 62_500);
            (tag, Point::parse(&address, DataType::Uint16, &settings).unwrap())
        })
        .collect();
    let requests = reads(wanted, &settings, &manner);
    assert_eq!(requests.len(), 16 * 500);
    let tags: usize = requests.iter().map(|request| request.tags.len()).sum();
    assert_eq!(tags, 1_000_000);
    assert_eq!(Arc::strong_count(&manner), 1 + requests.len());
}
