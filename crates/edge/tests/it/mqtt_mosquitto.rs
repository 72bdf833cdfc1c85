//! The way from the device to a subscriber behind Mosquitto, in both versions of MQTT: the plant numbers
//! its answers, so that every one of them must arrive, once and in order.

use crate::rig::{Broker, Message, Numbers, Plant, Proof, Site, Subscriber, until};

/// Polls of each device that must have arrived.
const POLLS: u64 = 320;

fn config(plant: &Plant, broker: &Broker) -> String {
    let (port, url) = (plant.port(), broker.url());
    // Two links, since two devices on one would take turns: `localhost` and its address.
    format!(
        r##"
version: 1
edge: {{ name: north }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {port}, unit: 1, timeout: 5s }}
    groups:
      - name: fast
        interval: 20ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
          - {{ name: pressure, address: "input:0", type: float32 }}
  - name: packer
    driver: modbus-tcp
    settings: {{ host: localhost, port: {port}, unit: 3, timeout: 5s }}
    groups:
      - name: fast
        interval: 25ms
        tags:
          - {{ name: number, address: "input:900#ABCD", type: uint64 }}
          - {{ name: light, address: "coil:3", type: bool, access: read_write, report: change }}
sinks:
  - name: five
    kind: mqtt
    from: oldest
    settings: {{ url: "{url}", version: "5", qos: 1, format: values, topic: "five/{{device}}/{{group}}" }}
  - name: three
    kind: mqtt
    from: oldest
    settings: {{ url: "{url}", version: "3.1.1", qos: 1, format: tags, sequence: true, topic: "three/{{device}}/{{group}}" }}
  - name: narrow
    kind: mqtt
    from: oldest
    tags: ["packer/*/light", "boiler/*/number"]
    settings: {{ url: "{url}", version: "5", qos: 1, topic: "narrow/{{device}}/{{group}}" }}
"##
    )
}

/// Ranges of the journal, as the receiver of one sink sees them.
fn assert_contiguous(messages: &[Message], sink: &str, read: impl Fn(&Message, &str) -> u64) {
    let messages = messages.iter().filter(|m| m.topic.starts_with(sink));
    let ranges: Vec<(u64, u64, u64)> =
        messages.map(|m| (read(m, "epoch"), read(m, "from"), read(m, "to"))).collect();
    assert!(ranges.len() > 100, "{sink}: only {} messages", ranges.len());
    for pair in ranges.windows(2) {
        let ((epoch, _, to), (next_epoch, from, next_to)) = (pair[0], pair[1]);
        assert_eq!(epoch, next_epoch, "{sink}: one start, one epoch");
        assert_eq!(to, from, "{sink}: each delivery begins where the one before it ended");
        assert!(next_to > from, "{sink}: {from} to {next_to}");
    }
}

#[test]
fn every_answer_arrives_once_and_in_order_in_both_versions() {
    let (plant, broker) = (Plant::start(), Broker::start());
    let mut subscriber = Subscriber::start(&broker, "#");
    let site = Site::new(&config(&plant, &broker));
    let mut edge = site.start_ready();
    let last = |unit| plant.answer_number(unit);
    let mut light = false;
    until("enough polls", || {
        // Now and then something changes that only `narrow` and the others hear of.
        light = !light;
        plant.set(3, "light", light.into());
        (last(1) >= POLLS && last(3) >= POLLS).then_some(())
    });
    let ends = [("boiler", last(1)), ("packer", last(3))];
    for topic in ["five", "three"] {
        for (device, last) in ends {
            let what = format!("{device}'s answer {last} on {topic}");
            let arrived = until(&what, || {
                let numbers = subscriber.numbers(topic, device, "number");
                numbers.contains(&last).then_some(numbers)
            });
            let last = *arrived.last().unwrap();
            let proof = Numbers { arrived: &arrived, first: 1, last }.prove();
            assert_eq!(proof, Proof::PERFECT, "{device} on {topic}");
        }
    }
    let narrow = until("the narrow sink's part", || {
        let numbers = subscriber.numbers("narrow", "boiler", "number");
        numbers.contains(&ends[0].1).then_some(numbers)
    });
    let last = *narrow.last().unwrap();
    assert_eq!(Numbers { arrived: &narrow, first: 1, last }.prove(), Proof::PERFECT);

    let status = edge.get("/status");
    for sink in status["sinks"].as_array().unwrap() {
        assert_eq!(sink["state"], "connected", "{sink}");
        assert_eq!(sink["rejected_messages"], 0, "{sink}");
        assert_eq!(sink["dropped_samples"], 0, "{sink}");
    }
    assert!(edge.program.terminate().success());

    let messages = subscriber.collect();
    assert!(messages.iter().all(|m| m.qos == 1 && !m.retain));
    let property = |m: &Message, key: &str| m.property(key).unwrap().parse().unwrap();
    assert_contiguous(messages, "five", property);
    assert_contiguous(messages, "three", |m, key| m.payload[key].as_u64().unwrap());
    assert_contiguous(messages, "narrow", property);
    let older = messages.iter().find(|m| m.topic.starts_with("three")).unwrap();
    assert_eq!(older.property("from"), None, "MQTT 3.1.1 has no user properties");
    let packer = |m: &&Message| m.topic == "narrow/packer/fast";
    let mut lights = messages.iter().filter(packer);
    assert!(lights.all(|m| m.payload["values"].as_object().unwrap().keys().eq(["light"])));
}
