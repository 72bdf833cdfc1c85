//! Whom the edge trusts is decided on one page.

use crate::process::Edge;
use serde_json::json;

fn made(name: &str) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap()
}

#[test]
fn a_certificate_is_trusted_shown_and_removed() {
    let mut edge = Edge::start();
    let engineer = edge.with_role("engineer");
    let pem = made("press.local").cert.pem();
    let list = engineer.post("/api/v1/certificates", &json!({ "pem": pem })).expect(200).json();
    let item = &list["trusted"][0];
    assert_eq!(item["names"], json!(["press.local"]));
    assert_eq!((&item["self_signed"], &item["key"]), (&json!(true), &json!("EC 256")));
    let print = item["fingerprint"].as_str().unwrap().to_owned();
    edge.kill();
    edge.restart();
    let engineer = edge.with_role("engineer");
    assert_eq!(engineer.get("/api/v1/certificates").expect(200).json(), list);
    let shown = engineer.get(&format!("/api/v1/certificates/{print}/pem"));
    assert_eq!(shown.expect(200).text().replace('\r', ""), pem.replace('\r', ""));
    engineer.send("DELETE", &format!("/api/v1/certificates/{print}"), None).expect(204);
    let gone = format!("/api/v1/certificates/{print}");
    engineer.send("DELETE", &gone, None).refusal(404, "not_found");
    engineer.get(&format!("{gone}/pem")).refusal(404, "not_found");
    engineer.send("POST", &format!("{gone}/trust"), None).refusal(404, "not_found");
    let events = edge.local().get("/api/v1/events?kind=certificate").json();
    assert!(events["items"][0]["text"].as_str().unwrap().contains("trusts"), "{events}");
}

#[test]
fn a_private_key_and_rubbish_are_refused() {
    let edge = Edge::start();
    let own = made("press");
    let with_key = own.signing_key.serialize_pem() + &own.cert.pem();
    for pem in [with_key.as_str(), "", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        let reply = edge.local().post("/api/v1/certificates", &json!({ "pem": pem }));
        let error = reply.refusal(400, "invalid");
        assert!(!error.to_string().contains(&own.signing_key.serialize_pem()[40..80]), "{error}");
    }
}

#[test]
fn certificates_are_kept_by_command_line() {
    let edge = Edge::start();
    let file = edge.data.path().join("press.pem");
    std::fs::write(&file, made("press").cert.pem()).unwrap();
    let output = edge.cli(&["certificate", "trust", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("trusted"), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let print = text.split_whitespace().last().unwrap().to_owned();
    let shown = edge.cli(&["certificate", "show", &print]);
    assert!(String::from_utf8(shown.stdout).unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert!(edge.cli(&["certificate", "remove", &print]).status.success());
    let list = String::from_utf8(edge.cli(&["certificate", "list"]).stdout).unwrap();
    assert!(!list.contains(&print), "{list}");
}
