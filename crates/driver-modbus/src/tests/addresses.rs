//! Addresses, right and wrong, from `addresses.txt`; settings and what check says of them.

use super::settings;
use crate::ModbusTcp;
use crate::point::Point;
use crate::settings::Settings;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Findings, GroupRequest, Segment, TagRequest,
};
use tagwerk_model::DataType;

/// What an address means, or why it is wrong.
fn meaning(address: &str, data_type: DataType, access: &str, settings: &Settings) -> String {
    let point = Point::parse(address, data_type, settings).and_then(|point| {
        if access.contains('r') {
            point.check_read(settings)?;
        }
        if access.contains('w') {
            point.check_write(settings)?;
        }
        Ok(point)
    });
    match point {
        Ok(Point { unit, area, offset, codec }) => format!(
            "{unit}!{}:{offset}+{} {:?} {}",
            area.name(),
            codec.width(),
            codec.form,
            codec.detail
        ),
        Err(wrong) if wrong.key == "address" => format!("! {wrong}"),
        Err(wrong) => format!("!{} {wrong}", wrong.key),
    }
}

#[test]
fn addresses_mean_what_the_table_says() {
    let (mut current, mut wrong) = (settings("{}"), Vec::new());
    for line in include_str!("addresses.txt").lines() {
        if let Some(json) = line.strip_prefix('@') {
            current = settings(json);
            continue;
        }
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        let parts: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
        let [address, data_type, access, expected] = parts[..] else { panic!("`{line}`") };
        let data_type = DataType::from_name(data_type).expect(line);
        let found = meaning(address, data_type, access, &current);
        if found != expected {
            wrong.push(format!("{address:26} | {:8} | {access:2} | {found}", data_type.name()));
        }
    }
    assert!(wrong.is_empty(), "found instead:\n{}", wrong.join("\n"));
}

fn check(
    json: &str,
    tags: &[(&str, DataType, bool, bool)],
) -> (Option<DevicePlan>, Vec<(String, String)>) {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let tags = tags
        .iter()
        .map(|(address, data_type, read, write)| TagRequest {
            name: "t",
            address,
            data_type: *data_type,
            read: *read,
            write: *write,
        })
        .collect();
    let group = GroupRequest { name: "g", interval: Duration::from_secs(1), tags };
    let device = DeviceRequest { name: "d", settings: &value, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = ModbusTcp.check(&device, &mut findings);
    let said = findings.list().iter().map(|finding| {
        let place: Vec<String> = finding
            .place
            .0
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => index.to_string(),
            })
            .collect();
        assert!(!finding.remedy.is_empty());
        (place.join("."), finding.problem.clone())
    });
    (plan, said.collect())
}

#[test]
fn settings_are_checked_and_everything_wrong_is_reported() {
    for (json, place, problem) in [
        (r#"{"host": ""}"#, "settings.host", "`host` is empty"),
        (r#"{"host": "tcp://plc"}"#, "settings.host", "`host` is a URL: `tcp://plc`"),
        (
            r#"{"host": "plc:502"}"#,
            "settings.host",
            "`host` contains a colon but is no IPv6 address: `plc:502`",
        ),
        (
            r#"{"host": "my plc"}"#,
            "settings.host",
            "`host` is neither a name nor an address: `my plc`",
        ),
        (r#"{"host": "p", "port": 0}"#, "settings.port", "`port` is 0, outside 1 to 65535"),
        (r#"{"host": "p", "size": 126}"#, "settings.size", "`size` is 126, outside 1 to 125"),
        (r#"{"host": "p", "gap": 125}"#, "settings.gap", "`gap` is 125, outside 0 to 124"),
        (
            r#"{"host": "p", "timeout": "5ms"}"#,
            "settings.timeout",
            "`timeout` is 5ms, outside 10ms to 1m",
        ),
        (r#"{"host": "p", "pause": "2m"}"#, "settings.pause", "`pause` is 2m, outside 0ms to 1m"),
    ] {
        let (plan, said) = check(json, &[]);
        assert_eq!(said, [(place.to_owned(), problem.to_owned())]);
        assert!(plan.is_none());
    }
    let (plan, said) = check(
        r#"{"host": "p", "retries": 9}"#,
        &[("holding:x", DataType::Int16, true, false), ("coil:1", DataType::Int16, true, false)],
    );
    assert!(plan.is_none());
    let places: Vec<&str> = said.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["settings.retries", "groups.0.tags.0.address", "groups.0.tags.1.type"]);
    assert_eq!(said[1].1, "`holding:x`: `x` behind the colon is not a number");
}

#[test]
fn devices_at_one_place_share_a_link() {
    for (json, link) in [
        (r#"{"host": "PLC1", "unit": 3}"#, "modbus-tcp://plc1:502"),
        (r#"{"host": "plc1", "port": 1502}"#, "modbus-tcp://plc1:1502"),
        (r#"{"host": "::1"}"#, "modbus-tcp://[::1]:502"),
        (r#"{"host": "[::1]"}"#, "modbus-tcp://[::1]:502"),
    ] {
        assert_eq!(check(json, &[]).0.unwrap().link, link);
    }
}

#[test]
fn broadcast_writes_are_warned_of_once() {
    let tag = ("0!coil:1", DataType::Bool, false, true);
    let (plan, said) = check(r#"{"host": "p"}"#, &[tag, tag]);
    assert_eq!(said.len(), 1);
    let plan = plan.unwrap();
    assert!(plan.groups[0].reads.is_empty(), "a tag without read access is not read");
    assert!(plan.groups[0].writes.iter().all(Option::is_some));
}

#[test]
fn the_driver_describes_itself_by_examples_that_pass_its_own_check() {
    let spec = ModbusTcp.spec();
    let current = settings("{}");
    for form in &spec.addresses {
        let fits = |t: &DataType| Point::parse(form.example, *t, &current).is_ok();
        assert!(spec.data_types.iter().any(fits), "{}", form.example);
    }
    let schema = spec.settings.as_value();
    for (key, property) in schema["properties"].as_object().unwrap() {
        let described = property["description"].as_str().is_some_and(|text| text.len() > 5);
        assert!(described, "{key} has no help");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["host"]));
    assert_eq!(schema["properties"]["size"]["maximum"], 125);
    assert_eq!(schema["properties"]["byte_order"]["default"], "ABCD");
    assert_eq!(schema["properties"]["write_single"]["default"], "auto");
}
