//! The guide's example passes the check, and its addresses mean what its text says.

use crate::S7;
use std::time::Duration;
use tagwerk_component::{DeviceRequest, Driver, Findings, GroupRequest, TagRequest};
use tagwerk_model::DataType;

const GUIDE: &str = include_str!("../../../../docs/guides/s7.md");

/// What stands behind `key: ` in a line of the example, without its quotes.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {key}: "))?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([',', ' ']).next(),
    }
}

#[test]
fn the_guides_example_passes_the_check() {
    let tags: Vec<TagRequest<'_>> = GUIDE
        .lines()
        .filter(|line| line.contains("- { name: ") && line.contains("address: "))
        .map(|line| TagRequest {
            name: value(line, "name").unwrap(),
            address: value(line, "address").unwrap(),
            data_type: DataType::from_name(value(line, "type").unwrap()).unwrap(),
            read: true,
            write: value(line, "access") == Some("read_write"),
        })
        .collect();
    assert_eq!(tags.len(), 12);
    assert_eq!(tags.iter().filter(|tag| tag.write).count(), 2);
    let settings = serde_json::json!({ "host": "192.168.0.1", "cpu": "s7-1500" });
    let group = GroupRequest { name: "all", interval: Duration::from_secs(1), tags };
    let request = DeviceRequest { name: "press-1", settings: &settings, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = S7.check(&request, &mut findings);
    assert!(findings.list().is_empty(), "{:?}", findings.list());
    assert_eq!(plan.unwrap().groups[0].reads.len(), 1, "all of it is one job");
}
