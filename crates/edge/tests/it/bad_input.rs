//! Devices that answer wrongly, late, in pieces or not at all: no wrong value ever appears, the quality
//! says what is the matter, the next poll works, and nobody else notices. Writes are sent at most once,
//! whatever becomes of their answers.

use crate::rig::{Edge, Plant, Site, free_port, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tags of the victim beside its number, in one read.
const TAGS: [(&str, &str, &str); 6] = [
    ("drum_pressure", "input:0", "float32"),
    ("water_level", "input:2", "float32"),
    ("steam_flow", "input:4", "float32"),
    ("gas_temperature", "input:12", "int16"),
    ("fan_speed", "input:18", "uint16"),
    ("thermal_power", "input:26", "float32"),
];

fn reading_config(victim: &Plant, other: &Plant) -> String {
    let tags: String = TAGS
        .iter()
        .map(|(name, address, data_type)| {
            format!("          - {{ name: {name}, address: \"{address}\", type: {data_type} }}\n")
        })
        .collect();
    let (victim, other) = (victim.port(), other.port());
    format!(
        r##"
version: 1
edge: {{ name: bad-input }}
devices:
  - name: victim
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {victim}, unit: 1, timeout: 1s, retries: 0 }}
    groups:
      - name: numbered
        interval: 50ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
      - name: values
        interval: 50ms
        tags:
{tags}
  - name: bystander
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {other}, unit: 1, timeout: 5s }}
    groups:
      - name: numbered
        interval: 50ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
"##
    )
}

/// What a fault must show as: some sample of one of these qualities, or none that is bad.
struct Fault {
    order: Value,
    shown: &'static [&'static str],
}

fn faults() -> Vec<Fault> {
    const TIMEOUT: &[&str] = &["BadTimeout"];
    const LINK: &[&str] = &["BadNotConnected"];
    const NOTHING: &[&str] = &[];
    let fault = |order: Value, shown| Fault { order, shown };
    vec![
        fault(json!({ "kind": "wrong-transaction", "requests": 4 }), NOTHING),
        fault(json!({ "kind": "wrong-unit", "requests": 2 }), TIMEOUT),
        fault(json!({ "kind": "truncated", "requests": 2 }), TIMEOUT),
        fault(json!({ "kind": "truncated", "value": 3, "requests": 2 }), TIMEOUT),
        fault(json!({ "kind": "merged", "requests": 4 }), NOTHING),
        fault(json!({ "kind": "absurd-length", "requests": 2 }), LINK),
        fault(json!({ "kind": "trickle", "value": 2, "requests": 4 }), NOTHING),
        // Random bytes may begin like a frame whose end never comes.
        fault(json!({ "kind": "garbage", "requests": 4 }), &["BadNotConnected", "BadTimeout"]),
        fault(json!({ "kind": "garbage", "value": 2, "requests": 1 }), TIMEOUT),
        fault(json!({ "kind": "reset", "requests": 3 }), LINK),
        fault(json!({ "kind": "silent", "requests": 2 }), TIMEOUT),
        fault(json!({ "kind": "slow", "value": 100, "requests": 3 }), NOTHING),
        fault(json!({ "kind": "slow", "value": 1500, "requests": 2 }), TIMEOUT),
        fault(json!({ "kind": "exception", "value": 4, "requests": 3 }), &["BadDeviceFailure"]),
        fault(
            json!({ "kind": "exception", "value": 6, "requests": 3 }),
            &["BadResourceUnavailable"],
        ),
        fault(json!({ "kind": "exception", "value": 11, "requests": 2 }), TIMEOUT),
    ]
}

/// OPC UA's codes of the names above.
fn code(name: &str) -> u64 {
    match name {
        "BadTimeout" => 0x800A_0000,
        "BadNotConnected" => 0x808A_0000,
        "BadDeviceFailure" => 0x808B_0000,
        "BadResourceUnavailable" => 0x8004_0000,
        other => panic!("{other}"),
    }
}

fn good(edge: &mut Edge, device: &str, tag: &str) -> Option<Value> {
    let tag = edge.tag(device, tag);
    (tag["quality"]["severity"] == "good").then(|| tag["value"].clone())
}

/// Everything that the journal has of a tag since a moment.
fn samples(edge: &mut Edge, device: &str, tag: &str, from: &str) -> Vec<Value> {
    let path = format!("/devices/{device}/tags/{tag}/samples?from={from}&points=10000");
    let answer = edge.get(&path);
    assert_eq!(answer["thinned"], false, "{tag}: {}", answer["from"]);
    answer["samples"].as_array().unwrap().clone()
}

#[test]
fn no_fault_of_a_device_makes_a_wrong_value() {
    // With time standing still every value but the number stays as it is.
    let victim = Plant::start_with(&["--frozen", "--no-faults"]);
    let other = Plant::start();
    let mut edge = Site::new(&reading_config(&victim, &other)).start_ready();
    let right: BTreeMap<&str, Value> = TAGS
        .into_iter()
        .map(|(tag, ..)| (tag, until("a first value", || good(&mut edge, "victim", tag))))
        .collect();
    for (tag, value) in &right {
        let (shown, plant) = (value.as_f64().unwrap(), victim.state("boiler-1", tag));
        let plant = plant.as_f64().unwrap();
        // Scaled in the plant's own words, raw here.
        let raw = if *tag == "gas_temperature" { plant * 10.0 } else { plant };
        assert!((shown - raw).abs() <= raw.abs() * 1e-3 + 0.5, "{tag}: {shown}, not {raw}");
    }
    let beginning = edge.get("/status")["now"].as_str().unwrap().to_owned();

    for Fault { order, shown } in faults() {
        let now = edge.get("/status")["now"].as_str().unwrap().to_owned();
        let mut strike = order.clone();
        strike["unit"] = json!(1);
        let before = struck(&victim);
        victim.fault(strike);
        let requests = order["requests"].as_u64().unwrap();
        if shown.is_empty() {
            // Answered rightly in the end: as many more as were struck, and one.
            until(&format!("the end of {order}"), || {
                (struck(&victim) > before + requests).then_some(())
            });
        }
        let number = victim.answer_number(1);
        until(&format!("right answers after {order}"), || {
            let later = good(&mut edge, "victim", "number")?.as_u64()? > number;
            let bad = bad_codes(&mut edge, &now);
            (later && (shown.is_empty() || !bad.is_empty())).then_some(())
        });
        // A fault that strikes several times may begin again after its first recovery.
        until(&format!("an end of {order}"), || {
            edge.program.still_runs();
            let quiet = edge.device("victim")["tags"]["bad"] == 0;
            let left = struck(&victim) > before + requests;
            (quiet && left).then_some(())
        });
        let bad = bad_codes(&mut edge, &now);
        let named: Vec<u64> = shown.iter().map(|name| code(name)).collect();
        for code in &bad {
            assert!(named.contains(code), "{order}: quality {code:#x}, not {shown:?}");
        }
        assert_eq!(bad.is_empty(), shown.is_empty(), "{order}: {bad:x?}");
        assert_eq!(edge.device("victim")["state"], "online", "after {order}");
    }

    for (tag, right) in &right {
        for sample in samples(&mut edge, "victim", tag, &beginning) {
            let as_it_should = match sample["quality"].as_str() {
                Some("good") => sample["value"] == *right,
                _ => sample["value"].is_null(),
            };
            assert!(as_it_should, "{tag}: {sample}, but the plant had {right} all the time");
        }
    }
    let numbers: Vec<u64> = samples(&mut edge, "victim", "number", &beginning)
        .iter()
        .filter_map(|sample| sample["value"].as_u64())
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.last().is_some_and(|last| *last <= victim.answer_number(1)));

    let bystander = samples(&mut edge, "bystander", "number", &beginning);
    assert!(bystander.iter().all(|sample| sample["quality"] == "good"), "it had no fault");
    let numbers: Vec<u64> = bystander.iter().filter_map(|s| s["value"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    assert_eq!(edge.device("bystander")["counters"]["errors"], 0);

    let counters = edge.device("victim")["counters"].clone();
    assert_eq!(counters["panics"], 0);
    for key in ["timeouts", "exceptions", "reconnects", "bytes_in", "bytes_out"] {
        assert!(counters[key].as_u64() > Some(0), "{key} in {counters}");
    }
    assert!(edge.program.terminate().success());
}

/// Requests that the plant has dealt with, in whatever way.
fn struck(plant: &Plant) -> u64 {
    let counts = plant.counts(1);
    let sum = |key: &str| {
        counts[key].as_object().map_or(0, |by| by.values().filter_map(Value::as_u64).sum::<u64>())
    };
    sum("answered") + sum("refused") + counts["unanswered"].as_u64().unwrap_or(0)
}

/// Reasons, without details, of the victim's bad samples since a moment.
fn bad_codes(edge: &mut Edge, from: &str) -> Vec<u64> {
    let mut codes: Vec<u64> = ["number", "drum_pressure"]
        .into_iter()
        .flat_map(|tag| samples(edge, "victim", tag, from))
        .filter(|sample| sample["quality"] == "bad")
        .map(|sample| sample["code"].as_u64().unwrap() & 0xFFFF_0000)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn writing_config(port: u16, interval: &str) -> String {
    format!(
        r##"
version: 1
edge: {{ name: at-most-once }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {port}, unit: 1, timeout: 300ms, retries: 0 }}
    groups:
      - name: settings
        interval: {interval}
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
          - {{ name: steam_demand, address: "holding:12", type: int32, access: read_write, range: [0, 7000] }}
"##
    )
}

/// The values of the writes to the tag that arrived at the plant, in order.
fn arrived(plant: &Plant) -> Vec<u64> {
    let writes = plant.writes().into_iter().filter(|write| write["address"] == 12);
    let value = |write: Value| {
        let word = |at: usize| write["values"][at].as_u64().unwrap();
        word(0) << 16 | word(1)
    };
    writes.map(value).collect()
}

fn command(id: &str, value: u64) -> Value {
    json!({ "id": id, "device": "boiler", "tag": "steam_demand", "value": value })
}

/// The device has been read, is online, and the read after the last write is over.
fn settle(edge: &mut Edge, plant: &Plant, reads: u64) {
    until("the device is back and has been read", || {
        edge.program.still_runs();
        let back = edge.device("boiler")["state"] == "online"
            && good(edge, "boiler", "number")?.as_u64()? == plant.answer_number(1)
            && plant.answer_number(1) > reads;
        back.then_some(())
    });
}

#[test]
fn a_write_whose_answer_is_lost_is_unknown_and_never_sent_twice() {
    let plant = Plant::start();
    // Read by schedule once; then only after each write, so that a fault strikes the write alone.
    let site = Site::new(&writing_config(plant.port(), "1h"));
    let mut edge = site.start_ready();
    settle(&mut edge, &plant, 0);
    let kinds =
        ["silent", "truncated", "wrong-unit", "silent", "reset", "absurd-length", "garbage"];
    let mut outcomes = Vec::new();
    for number in 0..50 {
        let (mut id, value) = (format!("write-{number}"), 1000 + number);
        let kind = kinds[number as usize % kinds.len()];
        for attempt in 1.. {
            let reads = plant.answer_number(1);
            plant.fault(json!({ "unit": 1, "kind": kind, "requests": 1 }));
            let outcome = edge.write(command(&id, value));
            let reason = outcome["reason"].as_str().unwrap_or_default().to_owned();
            // On a busy machine a read may time out by itself; the edge then asks a silent device for
            // something small first, which meets the fault in the write's place. What it says of the
            // write, that nothing was sent, is held against the plant's log below.
            if outcome["state"] == "failed" && reason.contains("nothing was sent") && attempt < 5 {
                plant.fault(json!({ "unit": 1, "kind": "none" }));
                settle(&mut edge, &plant, reads);
                id = format!("write-{number}-{attempt}");
                continue;
            }
            assert_eq!(outcome["state"], "unknown", "{kind}: {outcome}");
            assert!(!reason.is_empty(), "{outcome}");
            outcomes.push(outcome);
            settle(&mut edge, &plant, reads);
            break;
        }
    }
    let all: Vec<u64> = (1000..1050).collect();
    assert_eq!(arrived(&plant), all, "each was carried out once");

    // The same id again: answered from the record, also by an edge that was started anew.
    for (number, outcome) in outcomes.iter().enumerate() {
        if number == 25 {
            edge.program.kill();
            edge = site.start_ready();
        }
        let (id, value) = (outcome["id"].as_str().unwrap(), 1000 + number as u64);
        assert_eq!(edge.write(command(id, value)), *outcome);
    }
    let other = command(outcomes[7]["id"].as_str().unwrap(), 6000).to_string();
    let refused = edge.call("POST", "/commands", "", other.as_bytes()).expect(409);
    assert_eq!(refused.json()["error"]["code"], "conflict");
    let reads = plant.answer_number(1);
    assert_eq!(edge.write(command("one-more", 2000))["state"], "done");
    settle(&mut edge, &plant, reads);
    assert_eq!(arrived(&plant), [&all[..], &[2000]].concat());
}

#[test]
fn a_write_under_way_when_the_edge_is_killed_is_unknown_and_not_sent_again() {
    let plant = Plant::start();
    let site = Site::new(&writing_config(plant.port(), "1h"));
    let mut edge = site.start_ready();
    settle(&mut edge, &plant, 0);
    plant.fault(json!({ "unit": 1, "kind": "silent", "requests": 1 }));
    let mut order = command("in-the-air", 4321);
    order["wait_ms"] = json!(0);
    let body = order.to_string();
    edge.call("POST", "/commands", "", body.as_bytes()).expect(202);
    until("the write has arrived", || (!arrived(&plant).is_empty()).then_some(()));
    edge.program.kill();
    let mut edge = site.start_ready();
    settle(&mut edge, &plant, 0);
    let outcome = edge.get("/commands/in-the-air");
    assert_eq!(outcome["state"], "unknown", "{outcome}");
    assert_eq!(edge.write(command("in-the-air", 4321)), outcome);
    assert_eq!(arrived(&plant), [4321]);
}

#[test]
fn a_write_during_an_outage_ends_and_is_never_sent_later() {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let start = || Plant::start_with(&["--no-faults", "--listen", &listen]);
    let plant = start();
    let mut edge = Site::new(&writing_config(port, "50ms")).start_ready();
    until("a first value", || good(&mut edge, "boiler", "number"));

    // The device falls silent: first asked for something small, and nothing is written into the dark.
    plant.fault(json!({ "unit": 1, "kind": "silent", "requests": 3 }));
    until("the silence is noticed", || (edge.device("boiler")["state"] == "silent").then_some(()));
    let outcome = edge.write(command("into-silence", 1111));
    assert_eq!(outcome["state"], "failed", "{outcome}");
    until("it is back", || (edge.device("boiler")["state"] == "online").then_some(()));
    assert_eq!(arrived(&plant), [0; 0]);

    drop(plant);
    until("the outage is noticed", || (edge.device("boiler")["state"] == "offline").then_some(()));
    for number in 0..20 {
        let mut order = command(&format!("outage-{number}"), 3000 + number);
        order["expires_in_ms"] = json!(2000);
        let outcome = edge.write(order);
        let state = outcome["state"].as_str().unwrap().to_owned();
        assert!(["failed", "expired"].contains(&state.as_str()), "{outcome}");
        assert!(outcome["sent_at"].is_null(), "{outcome}");
    }
    let plant = start();
    until("polls after the outage", || (plant.answer_number(1) > 20).then_some(()));
    assert_eq!(edge.write(command("afterwards", 5000))["state"], "done");
    assert_eq!(arrived(&plant), [5000], "nothing of the outage was sent later");
}
