//! The addresses and settings of the guide are taken as they stand there.

use crate::rig::check;
use serde_json::json;
use tagwerk_model::DataType;

#[test]
fn the_devices_of_the_guide_pass() {
    let guide = include_str!("../../../../docs/guides/mqtt-devices.md");
    let url = "mqtt://192.168.0.10:1883";
    let settings = [
        json!({ "url": url, "client_id": "hall-7", "keep_session": "12h",
            "topics": ["plant/+/state"], "time": { "field": "ts", "unit": "ms" } }),
        json!({ "url": url, "client_id": "hall-7", "keep_session": "12h",
            "topics": ["plant/oven/state"], "silent_after": "1m" }),
    ];
    let devices: Vec<&str> = guide.split("    driver: mqtt\n").skip(1).collect();
    assert_eq!(devices.len(), settings.len());
    let mut links = Vec::new();
    for (device, settings) in devices.iter().zip(&settings) {
        for (key, value) in settings.as_object().unwrap() {
            let shown =
                value.as_str().map_or_else(|| format!("{key}: "), |v| format!("{key}: {v}"));
            assert!(device.contains(&shown), "{shown}");
        }
        let lines = device.lines().take_while(|line| line.starts_with("    "));
        let mut tags = Vec::new();
        for line in lines.filter(|line| line.trim_start().starts_with("- { name:")) {
            let (_, rest) = line.split_once("address: ").unwrap();
            let (address, rest) = rest.split_once(", type: ").unwrap();
            let address = address.trim_matches('"').replace("\\\"", "\"");
            let name = rest.split([',', ' ']).next().unwrap();
            tags.push((address, DataType::from_name(name).unwrap()));
        }
        let tags: Vec<_> = tags.iter().map(|(address, of)| (address.as_str(), *of)).collect();
        let plan = check(settings, &[&tags]).unwrap_or_else(|f| panic!("{:?}", f.list()));
        links.push(plan.link);
    }
    assert_eq!(links[0], links[1], "one connection");
}
