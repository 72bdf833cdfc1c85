//! Single bits of registers, and writes with function 23.

use super::rig::{context, device, from_hex, log, to_hex};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tagwerk_component::{Fault, WriteFault, WriteSent};
use tagwerk_model::{Quality, Value};
use tagwerk_testkit::{FakeNet, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Writes one value to a device that expects these requests (unit and PDU) and gives these answers.
async fn write(
    settings: serde_json::Value,
    tag: &str,
    value: Value,
    exchanges: &[(&str, &str)],
) -> Result<Vec<String>, WriteFault> {
    let mut settings = settings;
    settings["host"] = "plc".into();
    let net = FakeNet::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let answers: Vec<Vec<u8>> = exchanges.iter().map(|(_, answer)| from_hex(answer)).collect();
    net.peer("plc", 502, {
        let seen = seen.clone();
        move |mut stream| {
            let (seen, answers) = (seen.clone(), answers.clone());
            async move {
                for answer in answers {
                    let mut header = [0; 6];
                    if stream.read_exact(&mut header).await.is_err() {
                        return;
                    }
                    let mut body = vec![0; usize::from(header[5])];
                    stream.read_exact(&mut body).await.unwrap();
                    seen.lock().unwrap().push(to_hex(&body));
                    header[5] = answer.len() as u8;
                    stream.write_all(&[&header[..], &answer].concat()).await.unwrap();
                }
                std::future::pending::<()>().await;
            }
        }
    });
    let context = context(&net, Arc::new(PausedClock::new()));
    let device = device(&settings, &[tag]);
    let mut session = device.open(&context).await;
    let result = device.write(session.as_mut(), 0, value).await;
    let expected: Vec<String> =
        exchanges.iter().map(|(request, _)| (*request).to_owned()).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
    result.map(|()| log(&context))
}

const ON: Value = Value::Bool(true);
const OFF: Value = Value::Bool(false);

#[tokio::test(start_paused = true)]
async fn a_bit_is_changed_in_the_device() {
    let on = "01160064FFF70008";
    let words = write(json!({}), "h:100.3 bool", ON, &[(on, on)]).await.unwrap();
    assert!(words.contains(
        &"Keep bits 0xFFF7 and set bits 0x0008 in holding register 100 of unit 1".into()
    ));
    let off = "01160064FFF70000";
    write(json!({}), "h:100.3 bool", OFF, &[(off, off)]).await.unwrap();
    // Bit 3 of a register whose bytes are exchanged is bit 11 on the wire.
    let exchanged = "01160064F7FF0800";
    write(json!({}), "h:100.3#BA bool", ON, &[(exchanged, exchanged)]).await.unwrap();
    let back = [(on, on), ("010300640001", "0103020008")];
    write(json!({ "read_back": true }), "h:100.3 bool", ON, &back).await.unwrap();
    let kept = [(on, on), ("010300640001", "0103020000")];
    let fault = write(json!({ "read_back": true }), "h:100.3 bool", ON, &kept).await.unwrap_err();
    assert_eq!(
        fault.fault.to_string(),
        "true was written to holding:100 (400101) of unit 1, but the device kept false"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_without_function_22_says_what_to_do() {
    let refusal = [("01160064FFF70008", "019601")];
    let fault = write(json!({}), "h:100.3 bool", ON, &refusal).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    let text = fault.fault.to_string();
    assert!(
        text.ends_with("set `bit_write: read_modify_write` if it has no function 22"),
        "{text}"
    );
    // A wrong confirmation confirms nothing.
    let other = [("01160064FFF70008", "01160064FFF70000")];
    let fault = write(json!({}), "h:100.3 bool", ON, &other).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::Perhaps);
}

#[tokio::test(start_paused = true)]
async fn a_bit_is_changed_with_its_register_around_it() {
    let settings = json!({ "bit_write": "read_modify_write" });
    let read = ("010300640001", "010302F0F0");
    let on = [read, ("01060064F0F8", "01060064F0F8")];
    write(settings.clone(), "h:100.3 bool", ON, &on).await.unwrap();
    let off = [read, ("01060064E0F0", "01060064E0F0")];
    write(settings.clone(), "h:100.12 bool", OFF, &off).await.unwrap();
    // When it cannot be read, nothing is written.
    let refused = [("010300640001", "018302")];
    let fault = write(settings, "h:100.3 bool", ON, &refused).await.unwrap_err();
    assert_eq!(fault.sent, WriteSent::No);
    assert!(matches!(fault.fault, Fault::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn registers_are_written_and_read_back_in_one() {
    let settings = || json!({ "write_read": true });
    let float = [("01170014000200140002043FC00000", "0117043FC00000")];
    write(settings(), "h:20 float32", Value::F64(1.5), &float).await.unwrap();
    let kept = [("01170014000100140001020007", "0117020006")];
    let fault = write(settings(), "h:20", Value::U64(7), &kept).await.unwrap_err();
    let reason = "7 was written to holding:20 (400021) of unit 1, but the device kept 6".to_owned();
    let fault_expected = Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason };
    assert_eq!(fault, WriteFault { sent: WriteSent::No, fault: fault_expected });
    let refusal = [("01170014000100140001020007", "019701")];
    let fault = write(settings(), "h:20", Value::U64(7), &refusal).await.unwrap_err();
    let text = fault.fault.to_string();
    assert!(text.ends_with("leave `write_read` out if it has no function 23"), "{text}");
    // Coils have no such function.
    let coil = [("01050009FF00", "01050009FF00")];
    write(settings(), "c:9 bool", ON, &coil).await.unwrap();
}
