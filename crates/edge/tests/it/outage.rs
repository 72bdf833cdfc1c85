//! The broker away for as many samples as five minutes bring, and the edge restarted meanwhile.

use crate::rig::{Broker, Numbers, Plant, Site, Subscriber, until};

/// Polls of each group while the broker is away. At 50 ms they are as many samples as five minutes at
/// 1 s, and for the journal and the sink only their number counts.
const POLLS: u64 = 300;

fn config(plant: &Plant, broker: &Broker) -> String {
    let (port, url) = (plant.port(), broker.url());
    format!(
        r##"
version: 1
edge: {{ name: outage }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: {port}, unit: 1, timeout: 5s }}
    groups:
      - name: fast
        interval: 50ms
        tags:
          - {{ name: number, address: "input:900", type: uint64 }}
          - {{ name: pressure, address: "input:0", type: float32 }}
  - name: packer
    driver: modbus-tcp
    settings: {{ host: localhost, port: {port}, unit: 3, timeout: 5s }}
    groups:
      - name: counters
        interval: 50ms
        tags:
          - {{ name: number, address: "input:900#ABCD", type: uint64 }}
      - name: more
        interval: 50ms
        tags:
          - {{ name: number_too, address: "input:900#ABCD", type: uint64 }}
sinks:
  - name: cloud
    kind: mqtt
    from: oldest
    settings: {{ url: "{url}", qos: 1, topic: "out/{{device}}/{{group}}" }}
"##
    )
}

#[test]
fn nothing_of_an_outage_is_missing_and_the_order_holds_even_over_a_restart() {
    let (plant, mut broker) = (Plant::start(), Broker::start());
    let mut subscriber = Subscriber::start(&broker, "out/#");
    let site = Site::new(&config(&plant, &broker));
    let mut edge = site.start_ready();
    until("samples arrive", || {
        let some = |numbers: Vec<u64>| numbers.len() > 20;
        (some(subscriber.numbers("out/", "boiler", "number"))
            && some(subscriber.numbers("out/", "packer", "number_too")))
        .then_some(())
    });

    broker.stop();
    let polls_pass = |what: &str, polls: u64| {
        // Both groups of the packer read its number.
        let (boiler, packer) = (plant.answer_number(1) + polls, plant.answer_number(3) + 2 * polls);
        until(what, || {
            (plant.answer_number(1) >= boiler && plant.answer_number(3) >= packer).then_some(())
        });
    };
    polls_pass("the first half of the outage", POLLS / 2);
    let sink = edge.get("/sinks")["items"][0].clone();
    assert_ne!(sink["state"], "connected", "{sink}");
    assert!(sink["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{sink}");
    assert!(edge.program.terminate().success());
    let mut edge = site.start_ready();
    polls_pass("the second half of the outage", POLLS / 2);
    let backlog = edge.get("/sinks")["items"][0]["backlog_samples"].as_u64().unwrap();
    assert!(backlog >= 4 * POLLS, "only {backlog} samples wait");
    broker.start_again();
    polls_pass("some more afterwards", 20);

    let last = [plant.answer_number(1), plant.answer_number(3)];
    let arrived = until("everything arrives", || {
        let boiler = subscriber.numbers("out/", "boiler", "number");
        let messages = subscriber.collect().iter();
        let packer: Vec<u64> = messages
            .filter(|m| m.payload["node"] == "packer")
            .filter_map(|m| {
                let values = &m.payload["values"];
                values.get("number").or(values.get("number_too"))?.as_u64()
            })
            .collect();
        (boiler.contains(&last[0]) && packer.contains(&last[1])).then_some([boiler, packer])
    });
    for (arrived, last) in arrived.iter().zip(last) {
        let proof = Numbers { arrived, first: 1, last }.prove();
        assert_eq!(proof.missing, [0; 0]);
        assert_eq!(proof.disordered, [0; 0]);
        // What was under way when the broker went may come twice: at most the sink's window.
        assert!(proof.repeated <= 64, "{} samples came twice", proof.repeated);
    }
    until("the sink has caught up", || {
        let sink = edge.get("/sinks")["items"][0].clone();
        (sink["state"] == "connected" && sink["backlog_samples"].as_u64()? < 50).then_some(())
    });
}
