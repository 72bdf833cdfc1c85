//! A server that means ill: nothing it sends may cost more than the limits say, or break anything.

use crate::rig::{Edge, batch, plan};
use serde_json::json;
use std::sync::Arc;
use tagwerk_component::Fault;
use tagwerk_driver_opcua::OpcUa;
use tagwerk_env::Env;
use tagwerk_model::{DataType, Quality};
use tagwerk_proto_opcua::{
    DataValue, ExtensionObject, LocalizedText, NodeId, Put, Reader, Variant, builtin,
};
use tagwerk_testkit::{FakeNet, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What the rogue does when it is asked to read something that is no housekeeping.
#[derive(Clone)]
enum Attack {
    /// None: the negative control.
    Answer,
    NeverFinal,
    EmptyChunks,
    ManyUnfinished,
    HugeChunk,
    HugeArray,
    DeepVariant,
    Flood,
    WrongSequence,
    Silence,
    TooFewResults,
    OtherProtocol,
}

fn head(kind: &[u8; 4], sequence: &mut u32, request: u32, body: &[u8]) -> Vec<u8> {
    let mut out = kind.to_vec();
    *sequence += 1;
    let token = if kind.starts_with(b"OPN") { None } else { Some(1) };
    let mut rest = Vec::new();
    rest.put_u32(1);
    match token {
        Some(token) => rest.put_u32(token),
        None => {
            rest.put_text("http://opcfoundation.org/UA/SecurityPolicy#None");
            rest.put_string(None);
            rest.put_string(None);
        }
    }
    rest.put_u32(*sequence);
    rest.put_u32(request);
    rest.put_bytes(body);
    out.put_u32(8 + rest.len() as u32);
    out.extend(rest);
    out
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

fn endpoints(out: &mut Vec<u8>) {
    out.put_count(1);
    out.put_text("opc.tcp://0.0.0.0:4840");
    out.put_text("urn:rogue");
    out.put_text("");
    LocalizedText::default().encode(out);
    out.put_u32(0);
    out.put_string(None);
    out.put_string(None);
    out.put_count(0);
    out.put_string(None);
    out.put_u32(1);
    out.put_text("http://opcfoundation.org/UA/SecurityPolicy#None");
    out.put_count(0);
    out.put_text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary");
    out.put_u8(0);
}

fn read_response(value: Variant) -> Vec<u8> {
    response(634, |out| {
        out.put_count(1);
        DataValue { value: Some(value), ..DataValue::default() }.encode(out);
        out.put_count(0);
    })
}

async fn serve(mut stream: DuplexStream, attack: Attack) -> std::io::Result<()> {
    let mut sequence = 0;
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
        let skip = if &header[..3] == b"OPN" { 4 + 4 + 47 + 4 + 4 } else { 8 };
        let mut reader = Reader::new(&body[skip..]);
        reader.u32().unwrap();
        let request = reader.u32().unwrap();
        let asked = NodeId::decode(&mut reader).unwrap().standard_number().unwrap();
        let mut say = |kind: &[u8; 4], body: &[u8]| head(kind, &mut sequence, request, body);
        let answer = match asked {
            446 => say(
                b"OPNF",
                &response(449, |out| {
                    for number in [0, 1, 1] {
                        out.put_u32(number);
                    }
                    out.put_i64(0);
                    out.put_u32(3_600_000);
                    out.put_string(None);
                }),
            ),
            428 => say(b"MSGF", &response(431, endpoints)),
            461 => say(
                b"MSGF",
                &response(464, |out| {
                    NodeId::standard(1).encode(out);
                    NodeId::standard(2).encode(out);
                    out.put_f64(60_000.0);
                    out.put_string(None);
                    out.put_string(None);
                    out.put_count(0);
                    out.put_count(0);
                    out.put_string(None);
                    out.put_string(None);
                    out.put_u32(0);
                }),
            ),
            467 => say(
                b"MSGF",
                &response(470, |out| {
                    out.put_string(None);
                    out.put_count(0);
                    out.put_count(0);
                }),
            ),
            631 if body.windows(2).any(|pair| pair == 2255u16.to_le_bytes()) => {
                let items = ["http://opcfoundation.org/UA/", "urn:rogue"].map(Variant::text);
                let array = tagwerk_proto_opcua::variant::Array {
                    builtin: builtin::STRING,
                    items: items.into(),
                    dimensions: Vec::new(),
                };
                say(b"MSGF", &read_response(Variant::Array(Box::new(array))))
            }
            631 if !body.windows(6).any(|text| text == b"attack") => {
                say(b"MSGF", &read_response(Variant::UInt32(0)))
            }
            631 => return attack_with(stream, attack, request, sequence).await,
            _ => return Ok(()),
        };
        stream.write_all(&answer).await?;
    }
}

async fn attack_with(
    mut stream: DuplexStream,
    attack: Attack,
    request: u32,
    mut sequence: u32,
) -> std::io::Result<()> {
    let part = vec![0; 60_000];
    let mut say = |kind: &[u8; 4], request, body: &[u8]| head(kind, &mut sequence, request, body);
    match attack {
        Attack::Answer => {
            stream.write_all(&say(b"MSGF", request, &read_response(Variant::Int32(7)))).await?;
        }
        Attack::NeverFinal => loop {
            stream.write_all(&say(b"MSGC", request, &part)).await?;
        },
        Attack::EmptyChunks => loop {
            stream.write_all(&say(b"MSGC", request, &[])).await?;
        },
        Attack::ManyUnfinished => {
            for other in 0.. {
                stream.write_all(&say(b"MSGC", other, &part[..10])).await?;
            }
        }
        Attack::HugeChunk => {
            let mut chunk = say(b"MSGF", request, &part);
            chunk[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
            stream.write_all(&chunk).await?;
        }
        Attack::HugeArray => {
            let body = response(634, |out| {
                out.put_count(1);
                out.put_bytes(&[1, 0x80 | builtin::DOUBLE]);
                out.put_i32(i32::MAX);
                out.put_bytes(&part);
            });
            stream.write_all(&say(b"MSGF", request, &body)).await?;
        }
        Attack::DeepVariant => {
            let body = response(634, |out| {
                out.put_count(1);
                out.put_u8(1);
                out.put_bytes(&[builtin::VARIANT; 50_000]);
            });
            stream.write_all(&say(b"MSGF", request, &body)).await?;
        }
        // Whole messages for nobody, for ever.
        Attack::Flood => loop {
            stream.write_all(&say(b"MSGF", 1_000_000, &part)).await?;
        },
        Attack::WrongSequence => {
            let body = read_response(Variant::Int32(7));
            say(b"MSGF", request, &body);
            stream.write_all(&say(b"MSGF", request, &body)).await?;
        }
        Attack::Silence => {}
        Attack::TooFewResults => {
            let body = response(634, |out| {
                out.put_count(0);
                out.put_count(0);
            });
            stream.write_all(&say(b"MSGF", request, &body)).await?;
        }
        Attack::OtherProtocol => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?,
    }
    std::future::pending().await
}

async fn check(attack: Attack, expected: Result<Quality, &str>) {
    let net = FakeNet::new();
    net.peer("rogue", 4840, move |stream| {
        let attack = attack.clone();
        async move { drop(serve(stream, attack).await) }
    });
    let mut env = Env::system();
    env.net = Arc::new(net);
    env.clock = Arc::new(PausedClock::new());
    let edge = Edge::with(env);
    let tags = [("ns=1;s=attack", DataType::Int32)];
    let settings = json!({ "endpoint": "opc.tcp://rogue", "security": "None" });
    let device = plan(settings, &tags);
    let mut session = edge.open(&device).await.unwrap();
    let mut out = batch(&tags);
    let read = session.read(&device.groups[0].reads[0], &mut out).await;
    match (read, expected) {
        (Ok(()), Ok(quality)) => assert_eq!(out.batch(0, 0, 1).quality(0), quality),
        (Err(Fault::Link(text) | Fault::Silent(text)), Err(part)) => {
            assert!(text.contains(part), "{text}");
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_rogue_server_costs_no_more_than_the_limits() {
    check(Attack::Answer, Ok(Quality::GOOD)).await;
    check(Attack::NeverFinal, Err("longer than was agreed")).await;
    check(Attack::EmptyChunks, Err("more chunks than was agreed")).await;
    check(Attack::ManyUnfinished, Err("too many messages are left unfinished")).await;
    check(Attack::HugeChunk, Err("a chunk is longer than was agreed")).await;
    check(Attack::HugeArray, Err("an array is longer than its message")).await;
    check(Attack::DeepVariant, Err("nested too deeply")).await;
    check(Attack::WrongSequence, Err("missing, repeated or reordered")).await;
    check(Attack::Silence, Err("no answer within 5000 ms")).await;
    check(Attack::TooFewResults, Err("the server gave 0 values where 1 were asked")).await;
    check(Attack::OtherProtocol, Err("does not speak OPC UA")).await;
}

/// On a clock that moves: while bytes come without end, nobody would move it by hand.
#[tokio::test]
async fn a_flood_does_not_keep_a_request_from_ending() {
    let net = FakeNet::new();
    net.peer("rogue", 4840, |stream| async { drop(serve(stream, Attack::Flood).await) });
    let mut env = Env::system();
    env.net = Arc::new(net);
    let edge = Edge::with(env);
    let tags = [("ns=1;s=attack", DataType::Int32)];
    let settings = json!({ "endpoint": "opc.tcp://rogue", "security": "None", "timeout": "300ms" });
    let device = plan(settings, &tags);
    let mut session = edge.open(&device).await.unwrap();
    let read = session.read(&device.groups[0].reads[0], &mut batch(&tags)).await;
    assert_eq!(read, Err(Fault::Silent("no answer within 300 ms".to_owned())));
    let counters = session.counters();
    assert!(counters.iter().any(|(name, count)| *name == "late answers dropped" && *count > 0));
}

#[test]
fn the_contract_of_a_driver_is_kept() {
    tagwerk_testkit::conformance::driver(&OpcUa);
}
