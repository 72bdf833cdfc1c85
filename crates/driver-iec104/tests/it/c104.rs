//! Against a server not written here: every type, every command, qualities, times, restarts.

use crate::peer::Peer;
use crate::rig::{Tag, last_reports, plan, read, reports, watch};
use serde_json::{Value as Json, json};
use std::time::Duration;
use tagwerk_component::{
    BrowseRequest, DevicePlan, Fault, LinkContext, Report, Session, WriteSent,
};
use tagwerk_env::{Clock, Env, SystemClock};
use tagwerk_model::DataType::{self, *};
use tagwerk_model::{Quality, Value};
use tagwerk_testkit::link_context;

/// 2026-03-04T05:06:07.089Z, as the server has it.
const AT: i64 = 1_772_600_767_089_000_000;
const BAD: Option<Value> = None;

fn float(value: f64) -> Option<Value> {
    Some(Value::F64(value))
}

/// Address (without time tag), type, value and quality of what the server holds.
fn points() -> Vec<(u32, &'static str, DataType, Option<Value>, Quality)> {
    let good = Quality::GOOD;
    let last = Quality::UNCERTAIN_LAST_USABLE;
    vec![
        (100, "M_SP_NA_1", Bool, Some(Value::Bool(true)), good),
        (101, "M_SP_NA_1", Bool, BAD, Quality::BAD.with_detail(0xC0)),
        (102, "M_SP_NA_1", Bool, Some(Value::Bool(true)), last.with_detail(0x10)),
        (103, "M_SP_NA_1", Bool, Some(Value::Bool(true)), Quality::UNCERTAIN.with_detail(0x20)),
        (110, "M_DP_NA_1", Uint8, Some(Value::U64(2)), good),
        (111, "M_DP_NA_1", Uint8, Some(Value::U64(0)), good),
        (120, "M_ST_NA_1", Int8, Some(Value::I64(-5)), good),
        (121, "M_ST_NA_1", Int8, Some(Value::I64(63)), Quality::UNCERTAIN.with_detail(0x200)),
        (130, "M_BO_NA_1", Uint32, Some(Value::U64(0xDEAD_BEEF)), good),
        (140, "M_ME_NA_1", Float32, float(-0.5), good),
        (150, "M_ME_NB_1", Int16, Some(Value::I64(-1234)), good),
        (151, "M_ME_NB_1", Int16, Some(Value::I64(32767)), Quality::UNCERTAIN.with_detail(1)),
        (160, "M_ME_NC_1", Float32, float(21.5), good),
        (170, "M_IT_NA_1", Int32, Some(Value::I64(123_456)), good),
        (171, "M_IT_NA_1", Int32, Some(Value::I64(-7)), good.with_detail(0xC00)),
        (172, "M_IT_NA_1", Int32, BAD, Quality::BAD.with_detail(0x80)),
    ]
}

struct Rig {
    peer: Peer,
    plan: DevicePlan,
    context: LinkContext,
}

impl Rig {
    fn new(more: Json, tags: &[Tag<'_>]) -> Rig {
        let peer = Peer::start(&json!({}));
        let plan = plan(&peer.settings(more), tags);
        Rig { peer, plan, context: link_context(Env::system()) }
    }

    async fn open(&self) -> Box<dyn Session> {
        self.plan.open.open(&self.context).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// The times that the server's clock was set to, once it was: the answer to that takes its time.
    async fn clocks(&mut self, session: &mut dyn Session) -> Json {
        let clock = SystemClock::new();
        for _ in 0..200 {
            let clocks = self.peer.ask(&json!({ "do": "clocks" }));
            if clocks[0].is_string() {
                return clocks;
            }
            let deadline = clock.now().after(Duration::from_millis(100));
            let _ = tagwerk_env::timeout(&clock, deadline, reports(session, 1)).await;
        }
        panic!("the server's clock was never set");
    }

    /// Once the server is there again.
    async fn reopen(&self) -> Box<dyn Session> {
        loop {
            match self.plan.open.open(&self.context).await {
                Ok(session) => return session,
                Err(fault) => assert!(matches!(fault, Fault::Link(_)), "{fault}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Does what comes until the server has answered what it was told.
    async fn watched(&self) -> Box<dyn Session> {
        let mut session = self.open().await;
        session.watch(&[watch(1, &self.plan)]).await.unwrap();
        session
    }
}

#[tokio::test]
async fn every_type_with_and_without_time() {
    let mut wanted = Vec::new();
    let mut tags: Vec<(String, DataType)> = Vec::new();
    let mut tell = Vec::new();
    for (address, name, data_type, value, quality) in points() {
        tags.push((format!("{name}:{address}"), data_type));
        wanted.push((value.clone(), quality, None));
        // The same with time tags, two hundred further; sent on their own account.
        tags.push((format!("{name}:{}", address + 200), data_type));
        wanted.push((value, quality, Some(AT)));
        tell.push(address + 200);
    }
    let events = [
        ("M_ME_ND_1:141", Float32, float(0.25), Quality::GOOD, None),
        ("M_PS_NA_1:180", Uint16, Some(Value::U64(9)), Quality::GOOD, None),
        ("M_PS_NA_1:180.3", Bool, Some(Value::Bool(true)), Quality::GOOD, None),
        ("M_PS_NA_1:180@changes", Uint16, Some(Value::U64(8)), Quality::GOOD, None),
        (
            "M_ST_NA_1:121@moving",
            Bool,
            Some(Value::Bool(true)),
            Quality::UNCERTAIN.with_detail(0x200),
            None,
        ),
        ("M_IT_NA_1:170@sequence", Uint8, Some(Value::U64(7)), Quality::GOOD, None),
        ("101@quality", Uint8, Some(Value::U64(0xC0)), Quality::GOOD, None),
        ("M_EP_TD_1:500", Uint8, Some(Value::U64(2)), Quality::GOOD, Some(AT)),
        ("M_EP_TD_1:500@elapsed", Uint16, Some(Value::U64(250)), Quality::GOOD, Some(AT)),
        ("M_EP_TE_1:501", Uint8, Some(Value::U64(5)), Quality::UNCERTAIN.with_detail(8), Some(AT)),
        ("M_EP_TF_1:502.1", Bool, Some(Value::Bool(true)), Quality::GOOD, Some(AT)),
    ];
    for (address, data_type, value, quality, time) in events {
        tags.push((address.to_owned(), data_type));
        wanted.push((value, quality, time));
    }
    tell.extend([141, 180, 500, 501, 502, 170, 171, 172]);
    let borrowed: Vec<Tag<'_>> = tags.iter().map(|(a, t)| (a.as_str(), *t)).collect();
    let mut rig = Rig::new(json!({}), &borrowed);
    let mut session = rig.watched().await;
    // First what the interrogation brings, then what the server sends of itself.
    let all = |last: &std::collections::BTreeMap<_, _>| last.len() == tags.len();
    let mut last = last_reports(&mut *session, all).await.unwrap();
    rig.peer.tell(&json!({ "do": "transmit", "objects": tell }));
    let same = |report: &Report, index: usize| {
        (report.value.clone(), report.quality, report.source_time) == wanted[index]
    };
    let is_missing = |report: &Report| report.quality == Quality::BAD_WAITING;
    while last.values().any(is_missing) {
        last.extend(last_reports(&mut *session, |last| !last.is_empty()).await.unwrap());
    }
    rig.peer.answer();
    // Everything once more, from what the session has seen.
    session.watch(&[watch(2, &rig.plan)]).await.unwrap();
    let last = last_reports(&mut *session, all).await.unwrap();
    let wrong: Vec<String> = last
        .iter()
        .filter(|(tag, report)| !same(report, **tag as usize))
        .map(|(tag, report)| {
            format!("{}: {report:?}, wanted {:?}", tags[*tag as usize].0, wanted[*tag as usize])
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_command_direct_and_selected() {
    let commands: [(&str, DataType, Value, &str); 7] = [
        ("C_SC_NA_1", Bool, Value::Bool(true), "True"),
        ("C_DC_NA_1", Uint8, Value::U64(1), "OFF"),
        ("C_RC_NA_1", Bool, Value::Bool(true), "HIGHER"),
        ("C_SE_NA_1", Float32, Value::F64(-0.5), "-0.5"),
        ("C_SE_NB_1", Int16, Value::I64(-1234), "-1234"),
        ("C_SE_NC_1", Float32, Value::F64(2.5), "2.5"),
        ("C_BO_NA_1", Uint32, Value::U64(0xDEAD_BEEF), "11011110101011011011111011101111"),
    ];
    let mut tags = Vec::new();
    let mut wanted = Vec::new();
    for (number, (name, data_type, value, text)) in commands.iter().enumerate() {
        for (timed, first) in [("NA", 0), ("TA", 7)] {
            let name = match timed {
                "TA" => {
                    name.replace("_NA_", "_TA_").replace("_NB_", "_TB_").replace("_NC_", "_TC_")
                }
                _ => (*name).to_owned(),
            };
            for (option, base) in [("direct", 3000), ("sbo", 3100)] {
                if option == "sbo" && name.starts_with("C_BO") {
                    continue;
                }
                let object = base + first + number;
                tags.push((format!("{name}:{object}/{option}"), *data_type, value.clone()));
                wanted.push((name.clone(), object, (*text).to_owned(), option));
            }
        }
    }
    let borrowed: Vec<Tag<'_>> = tags.iter().map(|(a, t, _)| (a.as_str(), *t)).collect();
    let mut rig = Rig::new(json!({ "originator": 9 }), &borrowed);
    let mut session = rig.open().await;
    for (index, (address, _, value)) in tags.iter().enumerate() {
        let token = rig.plan.groups[0].writes[index].clone().unwrap();
        let done = session.write(&token, value).await;
        assert!(done.is_ok(), "{address}: {done:?}");
    }
    let received = rig.peer.ask(&json!({ "do": "received" }));
    let received = received.as_array().unwrap();
    for (name, object, text, option) in &wanted {
        let of: Vec<_> = received.iter().filter(|item| item["object"] == json!(object)).collect();
        let executed: Vec<_> = of.iter().filter(|item| item["select"] == json!(false)).collect();
        assert_eq!(executed.len(), 1, "{name} {option}: {of:?}");
        assert_eq!(executed[0]["type"], json!(name));
        let value = executed[0]["value"].as_str().unwrap().to_uppercase();
        assert!(value.contains(&text.to_uppercase()), "{name}: {value}");
        assert_eq!(executed[0]["from"], json!(9));
    }
}

#[tokio::test]
async fn commands_that_the_server_refuses() {
    let tags = [
        ("C_SC_NA_1:3900", Bool),
        ("C_SC_NA_1:3950", Bool),
        // This one must be selected first.
        ("C_SC_NA_1:3100/direct", Bool),
    ];
    let rig = Rig::new(json!({}), &tags);
    let mut session = rig.open().await;
    for (index, (address, _)) in tags.iter().enumerate() {
        let token = rig.plan.groups[0].writes[index].clone().unwrap();
        let fault = session.write(&token, &Value::Bool(true)).await.unwrap_err();
        assert_eq!(fault.sent, WriteSent::No, "{address}");
        assert!(matches!(fault.fault, Fault::Refused { .. }), "{address}: {fault:?}");
    }
}

#[tokio::test]
async fn ten_thousand_events_none_lost() {
    let mut rig = Rig::new(json!({}), &[("M_ME_NC_1:160", Float32)]);
    let mut session = rig.watched().await;
    reports(&mut *session, 1).await.unwrap();
    rig.peer.tell(&json!({ "do": "burst", "object": 160, "count": 10_000 }));
    let got = reports(&mut *session, 10_000).await.unwrap();
    assert!(got.iter().map(|report| report.value.clone()).eq((0..10_000).map(|n| float(n.into()))));
    rig.peer.answer();
}

#[tokio::test]
async fn clock_initialisation_and_restart() {
    let more = json!({ "clock_sync": { "interval": "1h", "when": "always" } });
    let mut rig = Rig::new(more, &[("M_ME_NC_1:160", Float32)]);
    let before = SystemClock::new().wall().unix_ns;
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 1).await.unwrap();
    assert_eq!(got[0].value, float(21.5));
    // The end of initialisation leads to another interrogation.
    rig.peer.tell(&json!({ "do": "set", "object": 160, "value": 22.5 }));
    rig.peer.tell(&json!({ "do": "initialised" }));
    while reports(&mut *session, 1).await.unwrap()[0].value != float(22.5) {}
    rig.peer.answer();
    rig.peer.answer();
    let clocks = rig.clocks(&mut *session).await;
    let first = clocks[0].as_str().unwrap();
    let second = tagwerk_model::format_unix_ns(before);
    assert_eq!(first[..13], second[..13], "in the same hour, unless it just struck");

    rig.peer.tell(&json!({ "do": "restart" }));
    let (_, text) = crate::rig::fault(&mut *session).await;
    assert!(text.contains("the connection broke"), "{text}");
    rig.peer.answer();
    let mut session = rig.reopen().await;
    session.watch(&[watch(2, &rig.plan)]).await.unwrap();
    let got = reports(&mut *session, 1).await.unwrap();
    assert_eq!(got[0].value, float(21.5), "interrogated anew");
}

#[tokio::test]
async fn reads_and_browsing() {
    let tags = [("M_ME_NC_1:160", Float32), ("M_IT_NA_1:170", Int32), ("M_ME_NC_1:9999", Float32)];
    let rig = Rig::new(json!({}), &tags);
    let names: Vec<(String, DataType)> = tags.iter().map(|(a, t)| ((*a).to_owned(), *t)).collect();
    let mut session = rig.open().await;
    let got = read(&rig.plan, &names, &mut *session).await.unwrap();
    assert_eq!(got[0], (float(21.5), Quality::GOOD, None));
    assert_eq!(
        got[1],
        (Some(Value::I64(123_456)), Quality::GOOD, None),
        "by its own interrogation"
    );
    assert_eq!(got[2].1, Quality::BAD_WAITING);

    let one = plan(&rig.peer.settings(json!({})), &tags[..1]);
    assert_eq!(one.link, rig.plan.link);
    let got = read(&one, &names[..1], &mut *session).await.unwrap();
    assert_eq!(got[0], (float(21.5), Quality::GOOD, None));
    let none = plan(&rig.peer.settings(json!({})), &tags[2..]);
    match read(&none, &names[2..], &mut *session).await {
        Err(Fault::Refused { quality, .. }) => {
            assert_eq!(quality, Quality::BAD_UNKNOWN_ADDRESS.with_detail(47));
        }
        other => panic!("{other:?}"),
    }

    let token = rig.plan.browse.as_ref();
    let request = BrowseRequest { token, from: "", after: None };
    let root = session.browse(&request).await.unwrap();
    let types: Vec<&str> = root.nodes.iter().map(|node| node.id.as_str()).collect();
    for wanted in ["M_SP_NA_1", "M_DP_NA_1", "M_ST_NA_1", "M_BO_NA_1", "M_ME_NA_1", "M_IT_NA_1"] {
        assert!(types.contains(&wanted), "{types:?}");
    }
    let request = BrowseRequest { token, from: "M_ME_NC_1", after: None };
    let page = session.browse(&request).await.unwrap();
    assert_eq!(page.nodes[0].address.as_deref(), Some("M_ME_NC_1:160"));
    assert_eq!(page.nodes[0].value, float(21.5));
}

#[tokio::test]
async fn another_common_address_is_refused() {
    let rig = Rig::new(json!({ "common_address": 99, "command_timeout": "1s" }), &[("1", Float32)]);
    let mut session = rig.watched().await;
    let got = reports(&mut *session, 1).await.unwrap();
    assert!(got[0].quality.is_bad(), "{got:?}");
}

#[tokio::test]
async fn over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = folder.path().join("certificate.pem");
    let key = folder.path().join("key.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let peer = Peer::start(&json!({ "tls": { "certificate": certificate, "key": key } }));
    let tags = [("M_ME_NC_1:160", Float32)];
    let context = link_context(Env::system());

    // The server asks for a certificate too, as IEC 62351-3 wants it.
    let tls = |name: &str| {
        json!({ "tls": { "ca_file": certificate, "server_name": name,
                         "certificate_file": certificate, "key_file": key } })
    };
    let trusted = tls("localhost");
    let plan = plan(&peer.settings(trusted), &tags);
    let mut session = plan.open.open(&context).await.unwrap_or_else(|fault| panic!("{fault}"));
    session.watch(&[watch(1, &plan)]).await.unwrap();
    assert_eq!(reports(&mut *session, 1).await.unwrap()[0].value, float(21.5));

    for _ in 0..2 {
        let plan = crate::rig::plan(&peer.settings(tls("elsewhere")), &tags);
        let Err(Fault::Settings(text)) = plan.open.open(&context).await else { panic!() };
        assert!(text.contains("it is for another name"), "{text}");
    }
}
