//! A main host and its backup.

use super::rig::{context, counter, device, log};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Fault, Findings};
use tagwerk_env::Clock;
use tagwerk_testkit::{FakeNet, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every read of one register with this value.
fn serve(net: &FakeNet, host: &str, port: u16, value: u8) {
    net.peer(host, port, move |mut stream| async move {
        let mut request = [0; 12];
        while stream.read_exact(&mut request).await.is_ok() {
            let answer = [request[0], request[1], 0, 0, 0, 5, 1, 3, 2, 0, value];
            stream.write_all(&answer).await.unwrap();
        }
    });
}

#[tokio::test(start_paused = true)]
async fn the_backup_is_used_until_the_main_host_is_back() {
    let net = FakeNet::new();
    let clock = Arc::new(PausedClock::new());
    let context = context(&net, clock.clone());
    let settings = json!({ "host": "main", "backup_host": "spare", "main_retry": "30s" });
    let mut device = device(&settings, &["h:0"]);
    let fault = device.plan.open.open(&context).await.err().unwrap();
    assert_eq!(
        fault,
        Fault::Link(
            "cannot connect to main:502: nobody listens there; check `host`, `port` and the \
             device's network. The backup: cannot connect to spare:502: nobody listens there; check \
             `host`, `port` and the device's network"
                .into()
        )
    );
    serve(&net, "spare", 502, 2);
    let mut session = device.open(&context).await;
    assert_eq!(device.read(session.as_mut()).await.unwrap(), ["2"]);
    let counters = session.counters();
    assert!(counters.contains(&("connections to the backup", 1)));
    assert!(counters.contains(&("requests through the backup", 1)));

    // An attempt that fails changes nothing, and neither does the end of waiting for one.
    let begun = clock.now();
    let mut reports = Vec::new();
    let waiting = session.event(&mut reports);
    let deadline = clock.now().after(Duration::from_secs(45));
    assert!(tagwerk_env::timeout(&*clock, deadline, waiting).await.is_none());
    assert_eq!(device.read(session.as_mut()).await.unwrap(), ["2"]);

    serve(&net, "main", 502, 1);
    session.event(&mut reports).await.unwrap();
    assert_eq!(clock.now().since(begun), Duration::from_secs(60));
    assert_eq!(device.read(session.as_mut()).await.unwrap(), ["1"]);
    assert_eq!(counter(session.as_mut(), "returns to the main host"), 1);
    let words = log(&context);
    for said in [
        "Connected to the backup spare:502",
        "The main host main:502 is still away: nobody listens there",
        "Back on the main host main:502",
    ] {
        assert!(words.contains(&said.to_owned()), "{said}: {words:?}");
    }
    // Nothing waits on the main host any more.
    let deadline = clock.now().after(Duration::from_secs(3600));
    let waiting = session.event(&mut reports);
    assert!(tagwerk_env::timeout(&*clock, deadline, waiting).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_never_idle_finds_its_main_host_too() {
    let net = FakeNet::new();
    let clock = Arc::new(PausedClock::new());
    let context = context(&net, clock.clone());
    let settings = json!({ "host": "main", "backup_port": 1502, "main_retry": "30s" });
    let mut device = device(&settings, &["h:0"]);
    serve(&net, "main", 1502, 2);
    let mut session = device.open(&context).await;
    serve(&net, "main", 502, 1);
    assert_eq!(device.read(session.as_mut()).await.unwrap(), ["2"]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(device.read(session.as_mut()).await.unwrap(), ["1"]);
}

#[test]
fn a_backup_that_is_the_main_host_is_no_backup() {
    use tagwerk_component::{DeviceRequest, Driver};
    for (settings, expected) in [
        (json!({ "host": "a", "backup_host": "a" }), "the backup is the main host itself"),
        (json!({ "host": "a", "backup_host": "" }), "`backup_host` is empty"),
        (
            json!({ "host": "a", "backup_host": "b", "main_retry": "10ms" }),
            "`main_retry` is 10ms, outside 1s to 24h",
        ),
    ] {
        let mut findings = Findings::new();
        let request = DeviceRequest { name: "d", settings: &settings, groups: vec![] };
        assert!(crate::ModbusTcp.check(&request, &mut findings).is_none());
        assert_eq!(findings.list()[0].problem, expected);
    }
}
