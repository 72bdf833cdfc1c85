//! What a message costs: delivers 1,000-tag batches to a broker and prints rate and CPU time.
//!
//! `cargo run --release -p tagwerk-sinks --example mqtt_load -- mqtt://127.0.0.1:1883 [messages] [qos]`
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tagwerk_component::{Delivery, Findings, SinkContext, SinkRequest};
use tagwerk_env::Env;
use tagwerk_model::{BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition};

/// User and system time of this process so far, in microseconds.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks * 10_000
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "mqtt://127.0.0.1:1883".into());
    let count: u64 = arguments.next().map_or(5_000, |text| text.parse().unwrap());
    let qos: u8 = arguments.next().map_or(1, |text| text.parse().unwrap());
    let settings = json!({ "url": url, "qos": qos });
    let request = SinkRequest { name: "load", settings: &settings };
    let plan = tagwerk_sinks::SINKS[0].check(&request, &mut Findings::new()).unwrap();
    let context = SinkContext {
        env: Env::system(),
        edge: "e".into(),
        sink: "load".into(),
        secrets: std::sync::Arc::new(tagwerk_component::NoSecrets),
        certificates: std::sync::Arc::new(tagwerk_component::NoCertificates),
    };
    let mut session = plan.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));

    let tags = (0..1000u32)
        .map(|i| TagDefinition {
            id: TagId(i),
            name: format!("temperature_{i}").into(),
            data_type: match i % 4 {
                0 => DataType::Int32,
                1 => DataType::Float32,
                2 => DataType::Float64,
                _ => DataType::Bool,
            },
            unit: "".into(),
        })
        .collect();
    let definition =
        TagSetDefinition { id: 1, device: "device".into(), group: "group".into(), tags };
    let set = Arc::new(TagSet::new(definition));
    let mut builder = BatchBuilder::new(set.clone(), vec![None; 1000].into());
    let batches: Vec<_> = (0..50i64)
        .map(|round| {
            for index in 0..1000usize {
                let value = round * 7919 + index as i64;
                match index % 4 {
                    0 => builder.put_i64(index, value),
                    1 => builder.put_f64(index, f64::from(value as f32 * 0.37)),
                    2 => builder.put_f64(index, value as f64 * 0.123_456_789),
                    _ => builder.put_bool(index, value % 3 == 0),
                }
            }
            builder.batch(0, 1_700_000_000_000_000_000 + round, 1000)
        })
        .collect();

    let (start, cpu) = (Instant::now(), cpu_us());
    let mut receipts = VecDeque::new();
    for number in 0..count {
        if receipts.len() == plan.in_flight_max
            && let Some(receipt) = receipts.pop_front()
        {
            let receipt: tagwerk_component::Receipt = receipt;
            receipt.await.unwrap();
        }
        let batch = &batches[number as usize % batches.len()];
        let delivery = Delivery { batch, from: number, to: number + 1, epoch: 1, replayed: false };
        receipts.extend(session.deliver(&delivery).await.unwrap());
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_us() - cpu);
    println!(
        "{count} messages of 1,000 tags, QoS {qos}: {:.0} messages/s, {} µs CPU each, \
         {:.2} % of a core at 100,000 tags/s",
        count as f64 / seconds,
        cpu / count,
        (cpu / count) as f64 / 100.0,
    );
    session.close().await;
}
