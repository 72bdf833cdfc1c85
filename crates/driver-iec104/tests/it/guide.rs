//! The guide's example is a configuration that passes.

use crate::rig::check;
use serde_json::json;
use std::path::Path;
use tagwerk_model::DataType;

#[test]
fn the_addresses_of_the_guide_are_taken() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/iec104.md");
    let text = std::fs::read_to_string(path).unwrap();
    let settings = json!({
        "host": "192.168.0.20", "common_address": 47, "time_zone": "+01:00",
        "interrogation_interval": "15m", "clock_sync": { "interval": "1h" },
        "counter_interrogation": { "interval": "15m", "mode": "freeze" },
        "command": "select_before_operate",
    });
    let between = |line: &str, from: &str, to: &str| {
        let rest = line.split_once(from)?.1;
        Some(rest.split_once(to)?.0.to_owned())
    };
    let mut count = 0;
    for line in text.lines().filter(|line| line.trim_start().starts_with("- { name:")) {
        let address = between(line, "address: \"", "\"").unwrap();
        let name = line.split_once("type: ").unwrap().1;
        let name = name.split([',', ' ']).next().unwrap();
        let data_type = DataType::from_name(name).unwrap();
        let checked = check(&settings, &[(&address, data_type)]);
        assert!(checked.is_ok(), "{address}: {:?}", checked.err());
        count += 1;
    }
    assert_eq!(count, 8);
    for key in settings.as_object().unwrap().keys() {
        assert!(text.contains(&format!("{key}: ")), "{key}");
    }
}
