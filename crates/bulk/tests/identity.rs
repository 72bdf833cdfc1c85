//! What was exported is read back as it was, in both formats, whatever the texts hold.
#![allow(clippy::unwrap_used)]

#[path = "../../config/tests/fake/mod.rs"]
mod fake;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tagwerk_bulk::{Format, Mode, export, import, to_yaml};

/// Texts with what spreadsheets, CSV and XML take for something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-=+@'\"<>&;,\t\r\n _x0041_a-zÄß€0-9.{}\\[\\]:#|]{1,24}",
        "\\PC{1,12}",
        "[=+@-][0-9a-zA-Z()!|' ]{1,12}",
        Just("_x000D_".to_owned()),
    ]
    // A cell without anything but space counts as empty.
    .prop_filter("something", |text| !text.trim().is_empty())
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1_000_000i64..1_000_000).prop_map(|n| json!(n)),
        (-1e6..1e6f64).prop_map(|n| json!(n)),
        Just(json!(0.1)),
        Just(json!(1e-7)),
        Just(json!(9_007_199_254_740_993i64)),
    ]
}

fn setting() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        number(),
        any::<bool>().prop_map(Value::from),
        Just(json!("502")),
        Just(json!("true")),
        Just(json!("")),
        Just(json!(null)),
        Just(json!([1, "a"])),
        Just(json!({})),
        Just(json!({ "secret": "a" })),
        Just(json!({ "a.b": 1 })),
        text().prop_map(|text| json!({ "deep": { "deeper": text, "other": 1 } })),
    ]
}

fn tag(name: String) -> impl Strategy<Value = Value> {
    (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(prop_oneof![
            number().prop_map(|n| json!({ "slope": n, "offset": 1 })),
            number().prop_map(|n| json!({ "offset": n })),
            (number(), number()).prop_map(|(a, b)| json!({ "from": [a, b], "to": [b, a] })),
        ]),
        prop::option::of((number(), number())),
        prop::option::of(number()),
        prop::sample::select(vec!["read", "read_write", "write", ""]),
        text(),
    )
        .prop_map(move |(unit, description, scale, range, deadband, access, address)| {
            let mut keys = Map::new();
            let mut put = |key: &str, value: Option<Value>| {
                keys.extend(value.map(|value| (key.to_owned(), value)));
            };
            put("name", Some(json!(name)));
            put("address", Some(json!(address)));
            put("type", Some(json!("float64")));
            put("unit", unit.map(Value::from));
            put("description", description.map(Value::from));
            put("scale", scale);
            put("range", range.map(|(low, high)| json!([low, high])));
            put("deadband", deadband);
            put("access", Some(json!(access)).filter(|_| !access.is_empty()));
            put("report", Some(json!("change")).filter(|_| access == "read"));
            Value::Object(keys)
        })
}

fn device(name: String) -> impl Strategy<Value = Value> {
    let settings = prop::collection::btree_map("[a-z_]{1,8}", setting(), 0..5);
    let groups = prop::collection::vec(0..4usize, 0..3).prop_flat_map(|counts| {
        let mut number = 0;
        let groups: Vec<_> = counts
            .into_iter()
            .enumerate()
            .map(|(g, count)| {
                let tags: Vec<_> = (0..count)
                    .map(|_| {
                        number += 1;
                        tag(format!("t{number}"))
                    })
                    .collect();
                (Just(format!("g{g}")), tags)
            })
            .collect();
        groups
    });
    (settings, groups, prop::option::of(text()), prop::option::of(any::<bool>()), any::<bool>())
        .prop_map(move |(settings, groups, description, enabled, of_template)| {
            let mut device = json!({ "name": name });
            if of_template {
                device["template"] = json!("meter");
                device["parameters"] = json!({ "host": "h", "base": 5 });
                device["overrides"] =
                    json!([{ "tag": "a", "unit": "=1+1" }, { "tag": "b", "remove": true }]);
            } else {
                device["driver"] = json!("modbus-tcp");
            }
            if !settings.is_empty() {
                device["settings"] = json!(settings);
            }
            if let Some(description) = description {
                device["description"] = json!(description);
            }
            if let Some(enabled) = enabled {
                device["enabled"] = json!(enabled);
            }
            let groups: Vec<Value> = groups
                .into_iter()
                .map(|(name, tags)| match tags.is_empty() {
                    true => json!({ "name": name, "interval": "1s" }),
                    false => json!({ "name": name, "interval": "1s", "tags": tags }),
                })
                .collect();
            if !groups.is_empty() {
                device["groups"] = json!(groups);
            }
            device
        })
}

/// Numbers as a spreadsheet knows them: 1 and 1.0 are the same.
fn leveled(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!(whole),
            None => match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => json!(float as i64),
                _ => value.clone(),
            },
        },
        Value::Array(items) => items.iter().map(leveled).collect(),
        Value::Object(keys) => {
            Value::Object(keys.iter().map(|(k, v)| (k.clone(), leveled(v))).collect())
        }
        other => other.clone(),
    }
}

/// The devices that a file makes, whatever the check says of them.
fn read_back(bytes: &[u8], current: &str, mode: Mode) -> Value {
    let found = import(bytes, Format::Auto, current, mode, &fake::LOOSE);
    let problems: Vec<_> =
        found.findings.iter().filter(|f| f.weight == tagwerk_config::Weight::Error).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let document = found.document.unwrap();
    tagwerk_config::document_value(document.as_bytes()).unwrap()["devices"].clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_export_is_read_back(devices in (device("d1".into()), device("d2".into()))) {
        let devices = vec![devices.0, devices.1];
        let document = to_yaml(&json!({
            "version": 1,
            "edge": { "name": "plant" },
            "templates": [{
                "name": "meter", "version": 1, "driver": "s7",
                "parameters": [{ "name": "host", "type": "text" }, { "name": "base", "type": "integer" }],
                "groups": [{ "name": "own", "interval": "1s", "tags": [
                    { "name": "a", "address": "x", "type": "bool" },
                    { "name": "b", "address": "x", "type": "bool" },
                ] }],
            }],
            "devices": devices,
        }));
        for format in [Format::Csv, Format::Xlsx] {
            let file = export(&document, format, None).unwrap();
            // The check of the document has its own tests, and would refuse most of these.
            let back = tagwerk_bulk::unchecked(&file, Format::Auto, &document, Mode::Replace);
            prop_assert_eq!(leveled(&back.unwrap()), leveled(&json!(devices)), "{:?}", format);
            let back = tagwerk_bulk::unchecked(&file, Format::Auto, &document, Mode::Merge);
            prop_assert_eq!(leveled(&back.unwrap()), leveled(&json!(devices)), "{:?}", format);
            if format == Format::Csv {
                let text = String::from_utf8(file).unwrap();
                for cell in csv::Reader::from_reader(text.as_bytes()).records().flat_map(|r| {
                    r.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()
                }) {
                    let runs = cell.starts_with(['=', '+', '@'])
                        || cell.starts_with('-') && cell.parse::<f64>().is_err();
                    prop_assert!(!runs, "{cell}");
                }
            }
        }
    }
}

#[test]
fn a_whole_document_is_read_back() {
    let document = include_str!("../../../cases/config/valid-full.yaml");
    let devices = tagwerk_config::document_value(document.as_bytes()).unwrap()["devices"].clone();
    for format in [Format::Csv, Format::Xlsx] {
        let file = export(document, format, None).unwrap();
        assert_eq!(leveled(&read_back(&file, document, Mode::Replace)), leveled(&devices));
        assert_eq!(leveled(&read_back(&file, document, Mode::Merge)), leveled(&devices));
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(export(document, Format::Csv, Some(&names(&["boiler-2"]))).is_err());
    let none = export(document, Format::Csv, Some(&[])).unwrap();
    assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1);
    for format in [Format::Csv, Format::Xlsx] {
        let example = tagwerk_bulk::example(format).unwrap();
        assert_eq!(read_back(&example, "", Mode::Replace)[0]["name"], "boiler-1");
    }
}
