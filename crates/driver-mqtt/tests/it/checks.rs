//! The contract that every driver keeps, and what is checked of addresses.

use crate::rig::{check, settings};
use serde_json::json;
use tagwerk_model::DataType;

#[test]
fn keeps_the_contract_of_a_driver() {
    tagwerk_testkit::conformance::driver(&tagwerk_driver_mqtt::Mqtt);
}

#[test]
fn addresses_must_fit_the_tag_and_the_format() {
    for (format, address, data_type, words) in [
        ("json", "a.b", DataType::Float64, ""),
        ("json", "$payload", DataType::List, ""),
        ("json", "$retain", DataType::Bool, ""),
        ("json", "$retain", DataType::Int8, "it cannot be a `int8`"),
        ("json", "$qos", DataType::Text, "it cannot be a `text`"),
        ("json", "$topic", DataType::Int8, "it cannot be a `int8`"),
        ("json", "$topic/2", DataType::Int8, ""),
        ("json", "a > b", DataType::Int8, ""),
        ("json", "> b", DataType::Int8, ""),
        ("json", "a > b/#", DataType::Int8, "cannot stand in the topic"),
        ("json", "a > b = {}", DataType::Int8, "no place for the value"),
        ("text", "a", DataType::Int8, "a payload that is not JSON has no fields"),
        ("text", "$payload", DataType::Int8, ""),
        ("text", "$payload", DataType::List, "it cannot be a `list`"),
        ("bytes", "$payload", DataType::Text, ""),
        ("bytes", "$payload", DataType::Int8, "it cannot be a `int8`"),
    ] {
        let checked = check(&settings(json!({ "format": format })), &[&[(address, data_type)]]);
        let problem = checked.err().map_or_else(String::new, |f| f.list()[0].problem.clone());
        let as_expected =
            if words.is_empty() { problem.is_empty() } else { problem.contains(words) };
        assert!(as_expected, "{format} {address} {data_type}: {problem}");
    }
}
