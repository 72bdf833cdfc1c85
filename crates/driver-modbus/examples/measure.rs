//! Measures planning and decoding: `cargo run --release -p tagwerk-driver-modbus --example measure`.

#![allow(clippy::disallowed_methods)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_component::{BoxFuture, DeviceRequest, Driver, Findings, GroupRequest, TagRequest};
use tagwerk_driver_modbus::ModbusTcp;
use tagwerk_env::{Env, Listener, Net, Stream};
use tagwerk_model::{BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every read with as many zeros as it asks for.
async fn answer_zeros(mut far: tokio::io::DuplexStream) {
    let mut request = [0; 12];
    while far.read_exact(&mut request).await.is_ok() {
        let bytes = request[11] * 2;
        let mut answer = vec![request[0], request[1], 0, 0, 0, bytes + 3, request[6], request[7]];
        answer.push(bytes);
        answer.resize(9 + usize::from(bytes), 0);
        if far.write_all(&answer).await.is_err() {
            return;
        }
    }
}

struct Pipe;

impl Net for Pipe {
    fn connect<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(4096);
            tokio::spawn(answer_zeros(far));
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
    fn listen(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        unreachable!("nothing here listens");
    }
}

fn builder(count: usize, data_type: DataType) -> BatchBuilder {
    let tags = (0..count).map(|index| TagDefinition {
        id: TagId(index as u32),
        name: index.to_string().into(),
        data_type,
        unit: "".into(),
    });
    let definition =
        TagSetDefinition { id: 1, device: "d".into(), group: "g".into(), tags: tags.collect() };
    BatchBuilder::new(Arc::new(TagSet::new(definition)), vec![None; count].into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = serde_json::json!({ "host": "plc", "byte_order": "CDAB" });
    let check = |addresses: &[String], data_type| {
        let tags = addresses.iter().map(|address| TagRequest {
            name: "t",
            address,
            data_type,
            read: true,
            write: false,
        });
        let group =
            GroupRequest { name: "g", interval: Duration::from_secs(1), tags: tags.collect() };
        let device = DeviceRequest { name: "d", settings: &settings, groups: vec![group] };
        let begun = Instant::now();
        let plan = ModbusTcp.check(&device, &mut Findings::new()).expect("the addresses are right");
        (plan, begun.elapsed())
    };

    let million: Vec<String> =
        (0..1_000_000).map(|n| format!("{}!holding:{}", n / 62_500, n % 62_500)).collect();
    let (_, took) = check(&million, DataType::Uint16);
    println!("planned 1,000,000 tags in {took:?}");

    let env = Env { net: Arc::new(Pipe), ..Env::system() };
    for (data_type, width) in [(DataType::Uint16, 1), (DataType::Float32, 2), (DataType::Int64, 4)]
    {
        let addresses: Vec<String> = (0..1000).map(|n| format!("holding:{}", n * width)).collect();
        let (plan, _) = check(&addresses, data_type);
        let mut out = builder(addresses.len(), data_type);
        let mut session = plan
            .open
            .open(&tagwerk_testkit::link_context(env.clone()))
            .await
            .expect("the pipe connects");
        const ROUNDS: u32 = 2_000;
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            out.clear();
            for request in &plan.groups[0].reads {
                session.read(request, &mut out).await.expect("the peer answers");
            }
        }
        let each = begun.elapsed() / ROUNDS;
        println!(
            "read 1000 {data_type} in {} requests: {each:?}, with the peer and the pipe",
            plan.groups[0].reads.len()
        );
    }
}
