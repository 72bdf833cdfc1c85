//! Configurations at and beyond the size that the edge is made for.

use crate::rig::{Edge, Plant, Site, until};
use std::fmt::Write;
use std::time::Instant;

const TAGS: usize = 50_000;

fn small(plant: &Plant) -> String {
    format!(
        "version: 1\nedge: {{ name: large }}\ndevices:\n  - name: first\n    driver: modbus-tcp\n    \
         settings: {{ host: 127.0.0.1, port: {} }}\n    groups:\n      - name: g\n        \
         interval: 1s\n        tags:\n          - {{ name: t, address: \"input:0\", type: float32 }}\n",
        plant.port()
    )
}

fn apply(edge: &mut Edge, base: u64, document: &[u8]) -> crate::rig::Answer {
    edge.call("PUT", "/config", &format!("if-match: \"{base}\"\r\n"), document)
}

#[test]
fn fifty_thousand_tags_are_applied() {
    let plant = Plant::start();
    let mut document = small(&plant);
    for device in 0..TAGS / 1000 {
        writeln!(
            document,
            "  - name: d{device}\n    driver: modbus-tcp\n    \
             settings: {{ host: 127.0.0.1, port: {}, unit: {} }}\n    groups:\n      - name: g\n        \
             interval: 10s\n        tags:",
            plant.port(),
            device % 4 + 1
        )
        .unwrap();
        for tag in 0..1000 {
            let line = format!("{{ name: t{tag}, address: \"input:{}\", type: int16 }}", tag % 40);
            writeln!(document, "          - {line}").unwrap();
        }
    }
    let mut edge = Site::new(&small(&plant)).start_ready();
    edge.device("first");
    let begun = Instant::now();
    let answer = apply(&mut edge, 1, document.as_bytes()).expect(200).json();
    let (took, kib) = (begun.elapsed(), document.len() / 1024);
    eprintln!("{TAGS} tags ({kib} KiB) applied in {took:?}");
    assert_eq!(answer["revision"], 2);
    assert_eq!(edge.get("/status")["tags"]["total"], TAGS + 1);
    until("the new devices are read", || {
        let good = edge.get("/status")["tags"]["good"].as_u64()?;
        (good as usize > TAGS).then_some(())
    });
    let status = edge.get("/status");
    eprintln!("memory {}, CPU {} s", status["memory"], status["cpu_seconds"]);
}

#[test]
fn a_document_of_a_hundred_megabytes_is_refused_by_the_limit() {
    let plant = Plant::start();
    let mut edge = Site::new(&small(&plant)).start_ready();
    let line = b"# Nothing but remarks, as far as one can see.\n";
    let mut document = small(&plant).into_bytes();
    while document.len() < 100_000_000 {
        document.extend_from_slice(line);
    }
    let answer = apply(&mut edge, 1, &document);
    assert_eq!(answer.status, 413, "{}", answer.body);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "too_large");
    assert!(error["message"].as_str().unwrap().contains("67108864"), "{error}");
    assert_eq!(edge.get("/status")["config"]["revision"], 1, "what ran before still runs");
}
