//! How much of a core watched tags take: a server in this process sends every tag anew each round;
//! the time that the thread of the session was busy is printed for each value. `cargo run --release
//! -p tagwerk-driver-opcua --example measure_opcua -- 50000 20`
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DeviceRequest, Driver, Findings, GroupRequest, TagRequest, Watch, WatchId,
};
use tagwerk_driver_opcua::OpcUa;
use tagwerk_env::{BoxFuture, Env, Listener, Net, Stream};
use tagwerk_model::DataType;
use tagwerk_proto_opcua::variant::Array;
use tagwerk_proto_opcua::{
    DataValue, ExtensionObject, LocalizedText, NodeId, Put, Reader, Variant, builtin,
};
use tagwerk_testkit::link_context;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Hands out one end of a pipe; a server thread has the other.
struct Pipe;

impl Net for Pipe {
    fn connect<'a>(
        &'a self,
        _: &'a str,
        _: u16,
    ) -> BoxFuture<'a, std::io::Result<Box<dyn Stream>>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let _ = runtime.block_on(serve(theirs));
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }

    fn listen(&self, _: std::net::SocketAddr) -> BoxFuture<'_, std::io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(std::io::Error::other("nobody listens here")) })
    }
}

fn response(id: u32, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    NodeId::standard(id).encode(&mut out);
    out.put_i64(0);
    out.put_u32(0);
    out.put_u32(0);
    out.put_u8(0);
    out.put_count(0);
    ExtensionObject::put_null(&mut out);
    fill(&mut out);
    out
}

fn read_response(value: Variant) -> Vec<u8> {
    response(634, |out| {
        out.put_count(1);
        DataValue { value: Some(value), ..DataValue::default() }.encode(out);
        out.put_count(0);
    })
}

async fn say(
    stream: &mut DuplexStream,
    sequence: &mut u32,
    request: u32,
    body: &[u8],
) -> std::io::Result<()> {
    let parts: Vec<&[u8]> = body.chunks(60_000).collect();
    for (number, part) in parts.iter().enumerate() {
        *sequence += 1;
        let last = number + 1 == parts.len();
        let mut out = if last { b"MSGF".to_vec() } else { b"MSGC".to_vec() };
        out.put_u32(24 + part.len() as u32);
        for number in [1, 1, *sequence, request] {
            out.put_u32(number);
        }
        out.put_bytes(part);
        stream.write_all(&out).await?;
    }
    Ok(())
}

async fn serve(mut stream: DuplexStream) -> std::io::Result<()> {
    let (mut sequence, mut notification, mut items, mut next) = (0, 0, 0u32, 0u32);
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).await?;
        let length = u32::from_le_bytes(header[4..].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 8];
        stream.read_exact(&mut body).await?;
        if &header[..3] == b"HEL" {
            let mut ack = b"ACKF".to_vec();
            for number in [28, 0, 65_536, 65_536, 0, 0] {
                ack.put_u32(number);
            }
            stream.write_all(&ack).await?;
            continue;
        }
        let opening = &header[..3] == b"OPN";
        let mut reader = Reader::new(&body[if opening { 4 + 4 + 47 + 4 + 4 } else { 8 }..]);
        reader.u32().unwrap();
        let request = reader.u32().unwrap();
        if header[3] == b'C' {
            continue;
        }
        if opening {
            let body = response(449, |out| {
                [0, 1, 1].into_iter().for_each(|number| out.put_u32(number));
                out.put_i64(0);
                out.put_u32(3_600_000);
                out.put_string(None);
            });
            sequence += 1;
            let mut out = b"OPNF".to_vec();
            out.put_u32(8 + 4 + 51 + 8 + 8 + body.len() as u32 - 4 + 4 - 4);
            out.put_u32(1);
            out.put_text("http://opcfoundation.org/UA/SecurityPolicy#None");
            out.put_string(None);
            out.put_string(None);
            out.put_u32(sequence);
            out.put_u32(request);
            out.put_bytes(&body);
            let length = out.len() as u32;
            out[4..8].copy_from_slice(&length.to_le_bytes());
            stream.write_all(&out).await?;
            continue;
        }
        let asked = NodeId::decode(&mut reader).unwrap().standard_number().unwrap_or_default();
        let answer = match asked {
            428 => response(431, endpoints),
            461 => response(464, |out| {
                NodeId::standard(1).encode(out);
                NodeId::standard(2).encode(out);
                out.put_f64(60_000.0);
                [-1, -1, 0, 0, -1, -1, 0].into_iter().for_each(|number| out.put_i32(number));
            }),
            467 => response(470, |out| [-1, 0, 0].into_iter().for_each(|n| out.put_i32(n))),
            631 if body.windows(2).any(|pair| pair == 2255u16.to_le_bytes()) => {
                let items = vec![Variant::text("http://opcfoundation.org/UA/")];
                let builtin = builtin::STRING;
                read_response(Variant::Array(Box::new(Array {
                    builtin,
                    items,
                    dimensions: Vec::new(),
                })))
            }
            631 => read_response(Variant::UInt32(0)),
            787 => response(790, |out| {
                out.put_u32(1);
                out.put_f64(1_000.0);
                out.put_u32(100);
                out.put_u32(10);
            }),
            751 => {
                // As many as limits allow: the driver asks for 1000 at a time.
                items += 1_000;
                response(754, |out| {
                    out.put_count(1_000);
                    for _ in 0..1_000 {
                        out.put_u32(0);
                        out.put_u32(1);
                        out.put_f64(1_000.0);
                        out.put_u32(10);
                        ExtensionObject::put_null(out);
                    }
                    out.put_count(0);
                })
            }
            826 => {
                notification += 1;
                response(829, |out| {
                    out.put_u32(1);
                    out.put_count(0);
                    out.put_bool(false);
                    out.put_u32(notification);
                    out.put_i64(0);
                    out.put_count(1);
                    ExtensionObject::put(811, out, |out| {
                        out.put_count(10_000);
                        for _ in 0..10_000 {
                            out.put_u32(next);
                            next = (next + 1) % items.max(1);
                            let data = DataValue {
                                value: Some(Variant::Double(f64::from(next))),
                                source_ticks: Some(134_000_000_000_000_000 + i64::from(next)),
                                server_ticks: Some(134_000_000_000_000_000),
                                ..DataValue::default()
                            };
                            data.encode(out);
                        }
                        out.put_count(0);
                    });
                    out.put_count(0);
                    out.put_count(0);
                })
            }
            _ => return Ok(()),
        };
        say(&mut stream, &mut sequence, request, &answer).await?;
    }
}

fn endpoints(out: &mut Vec<u8>) {
    out.put_count(1);
    out.put_text("opc.tcp://pipe");
    out.put_text("urn:pipe");
    out.put_text("");
    LocalizedText::default().encode(out);
    [0, -1, -1, 0, -1, 1].into_iter().for_each(|number| out.put_i32(number));
    out.put_text("http://opcfoundation.org/UA/SecurityPolicy#None");
    out.put_count(0);
    out.put_text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary");
    out.put_u8(0);
}

/// Processor time of this thread.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let tags = arguments.next().unwrap_or(50_000) / 10_000 * 10_000;
    let rounds = arguments.next().unwrap_or(20);
    let addresses: Vec<String> = (0..tags).map(|n| format!("ns=2;s=Line1.Tag{n}")).collect();
    let tag = |address: &'static str| TagRequest {
        name: address,
        address,
        data_type: DataType::Float64,
        read: true,
        write: false,
    };
    let tags_of: Vec<TagRequest<'_>> =
        addresses.iter().map(|address| tag(Box::leak(address.clone().into()))).collect();
    let settings = json!({ "endpoint": "opc.tcp://pipe", "security": "None" });
    let interval = Duration::from_secs(1);
    let groups = vec![GroupRequest { name: "all", interval, tags: tags_of }];
    let request = DeviceRequest { name: "server", settings: &settings, groups };
    let plan = OpcUa.check(&request, &mut Findings::new()).unwrap();
    let mut env = Env::system();
    env.net = Arc::new(Pipe);
    let context = link_context(env);
    context.trace.switch(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut session = plan.open.open(&context).await.unwrap();
        let watch = Watch {
            id: WatchId(1),
            device: "server".into(),
            group: "all".into(),
            interval,
            token: plan.groups[0].watch.clone().unwrap(),
            known_to: None,
        };
        assert!(session.watch(&[watch]).await.unwrap().is_empty());
        let mut reports = Vec::new();
        let (start, mut count) = (busy(), 0);
        while count < tags * rounds {
            session.event(&mut reports).await.unwrap();
            count += reports.len();
            reports.clear();
        }
        let spent = busy() - start;
        let each = spent.as_nanos() as f64 / count as f64;
        let core = each * tags as f64 / 1e7;
        println!("{count} values, {each:.0} ns each: {tags} a second take {core:.2} % of a core");
    });
}
