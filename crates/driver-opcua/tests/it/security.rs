//! Policies, identities, and whom to trust.

use crate::rig::{APPLICATION, Authority, Certified, Edge, Peer, Wish, plan, read};
use serde_json::{Value as Json, json};
use tagwerk_component::Fault;
use tagwerk_model::{DataType, Value};

const ALL: [&str; 6] = [
    "Basic256Sha256_Sign",
    "Basic256Sha256_SignAndEncrypt",
    "Aes128Sha256RsaOaep_Sign",
    "Aes128Sha256RsaOaep_SignAndEncrypt",
    "Aes256Sha256RsaPss_Sign",
    "Aes256Sha256RsaPss_SignAndEncrypt",
];
const TAGS: [(&str, DataType); 1] = [("nsu=urn:plant;s=Line1.Temp", DataType::Float64)];

/// Opens and reads a value; twice, since nothing may be forgotten the second time.
async fn check(edge: &Edge, peer: &Peer, settings: Json, expected: Result<(), &str>) {
    let mut all = json!({ "endpoint": peer.url() });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let device = plan(all, &TAGS);
    for _ in 0..2 {
        match (edge.open(&device).await, expected) {
            (Ok(mut session), Ok(())) => {
                let values = read(&mut *session, &device, &TAGS).await;
                assert_eq!(values[0].0, Some(Value::F64(20.5)), "{settings}");
            }
            (Err(Fault::Settings(text)), Err(part)) => {
                assert!(text.contains(part), "{settings}: {text}");
            }
            (Err(fault), _) => panic!("{settings}: {fault:?}\n{}", edge.log()),
            (Ok(_), Err(part)) => panic!("{settings}: let in, not {part}"),
        }
    }
}

#[tokio::test]
async fn every_policy_with_every_identity() {
    let certified = Certified::new(&Wish::default(), None);
    let mut server = certified.server(&ALL, &["anonymous", "user", "certificate"]);
    server["users"] = json!({ "edge": "päss" });
    let peer = Peer::start(server);
    let edge = Edge::new();
    edge.trust(&certified.certificate);
    edge.secrets.set("password", "päss");
    edge.secrets.set("wrong", "guess");
    let user = json!({ "identity": "user", "user": "edge", "password": { "secret": "password" } });
    for policy in ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] {
        for mode in ["sign", "sign_and_encrypt"] {
            for identity in [&user, &json!({ "identity": "certificate" })] {
                let mut settings = identity.clone();
                settings["security"] = json!(policy);
                settings["mode"] = json!(mode);
                check(&edge, &peer, settings, Ok(())).await;
            }
        }
    }
    check(&edge, &peer, user.clone(), Ok(())).await;
    assert!(edge.log().contains("Aes256_Sha256_RsaPss, SignAndEncrypt"), "the best by itself");
    let mut wrong = user.clone();
    wrong["password"] = json!({ "secret": "wrong" });
    check(&edge, &peer, wrong.clone(), Err("check `identity`, `user` and the secret")).await;
    wrong["password"] = json!({ "secret": "nobody-knows" });
    check(&edge, &peer, wrong, Err("the edge holds no secret `nobody-knows`")).await;
    let none = json!({ "security": "None" });
    check(&edge, &peer, none, Err("does not offer None")).await;
}

#[tokio::test]
async fn anonymous_over_a_secured_channel_and_none_only_when_asked_for() {
    let certified = Certified::new(&Wish::default(), None);
    let peer = Peer::start(certified.server(&["None", "Basic256Sha256_Sign"], &["anonymous"]));
    let edge = Edge::new();
    check(&edge, &peer, json!({ "security": "None" }), Ok(())).await;
    check(&edge, &peer, json!({}), Err("not trusted")).await;
    edge.trust(&certified.certificate);
    check(&edge, &peer, json!({}), Ok(())).await;
}

async fn trust_check(
    wish: Wish,
    authority: Option<&Authority>,
    settings: Json,
    prepare: impl FnOnce(&Edge, &[u8]),
    expected: Result<(), &str>,
) {
    let certified = Certified::new(&wish, authority);
    let peer = Peer::start(certified.server(&["Basic256Sha256_SignAndEncrypt"], &["anonymous"]));
    let edge = Edge::new();
    prepare(&edge, &certified.certificate);
    check(&edge, &peer, json!({ "trust": settings }), expected).await;
    let rejected = edge.certificates.rejected.lock().unwrap();
    assert_eq!(rejected.is_empty(), expected.is_ok());
    assert!(rejected.iter().all(|(purpose, der, reason)| {
        purpose == "opcua" && *der == certified.certificate && !reason.is_empty()
    }));
}

#[tokio::test]
async fn a_certificate_is_trusted_by_itself_or_through_its_authority() {
    let authority = Authority::new("plant");
    let other = Authority::new("other");
    let plain = || json!({});
    let trust_it = |edge: &Edge, certificate: &[u8]| edge.trust(certificate);
    let trust_authority = |edge: &Edge, _: &[u8]| edge.trust(&authority.certificate);
    trust_check(Wish::default(), None, plain(), trust_it, Ok(())).await;
    trust_check(Wish::default(), None, plain(), |_, _| {}, Err("Open the Certificates page")).await;
    trust_check(Wish::default(), Some(&authority), plain(), trust_authority, Ok(())).await;
    trust_check(Wish::default(), Some(&authority), plain(), trust_it, Ok(())).await;
    let trust_other = |edge: &Edge, _: &[u8]| edge.trust(&other.certificate);
    trust_check(Wish::default(), Some(&authority), plain(), trust_other, Err("not trusted")).await;
    let namesake = Authority::new("plant");
    let trust_namesake = |edge: &Edge, _: &[u8]| edge.trust(&namesake.certificate);
    trust_check(Wish::default(), Some(&authority), plain(), trust_namesake, Err("not trusted"))
        .await;
}

#[tokio::test]
async fn revocation_lists_are_looked_at() {
    let authority = Authority::new("plant");
    let with = |serials: &'static [u64], until| {
        let authority = &authority;
        move |edge: &Edge, _: &[u8]| {
            edge.trust(&authority.certificate);
            edge.certificates.revoked.lock().unwrap().push(authority.revoke(serials, until));
        }
    };
    let demand = || json!({ "require_revocation_list": true });
    trust_check(Wish::default(), Some(&authority), demand(), with(&[8], 2090), Ok(())).await;
    trust_check(Wish::default(), Some(&authority), json!({}), with(&[7], 2090), Err("was revoked"))
        .await;
    let late = Err("should have been renewed by");
    trust_check(Wish::default(), Some(&authority), json!({}), with(&[8], 2021), late).await;
    let trust_authority = |edge: &Edge, _: &[u8]| edge.trust(&authority.certificate);
    let missing = Err("there is no revocation list of");
    trust_check(Wish::default(), Some(&authority), demand(), trust_authority, missing).await;
    // Of somebody who only has the same name.
    let namesake = Authority::new("plant");
    let forged = |edge: &Edge, _: &[u8]| {
        edge.trust(&authority.certificate);
        edge.certificates.revoked.lock().unwrap().push(namesake.revoke(&[7], 2090));
    };
    trust_check(Wish::default(), Some(&authority), json!({}), forged, Ok(())).await;
}

#[tokio::test]
async fn validity_host_and_application_are_checked_even_of_what_is_trusted() {
    let trust_it = |edge: &Edge, certificate: &[u8]| edge.trust(certificate);
    let expired = Wish { valid: (2020, 2021), ..Wish::default() };
    trust_check(expired, None, json!({}), trust_it, Err("was valid until 2021-01-01")).await;
    let early = Wish { valid: (2080, 2090), ..Wish::default() };
    trust_check(early, None, json!({}), trust_it, Err("is valid only from 2080-01-01")).await;
    let elsewhere = || Wish { host: "plc.example", ..Wish::default() };
    trust_check(elsewhere(), None, json!({}), trust_it, Err("not for `127.0.0.1`")).await;
    trust_check(elsewhere(), None, json!({ "check_host": false }), trust_it, Ok(())).await;
    let other = || Wish { application: "urn:other", ..Wish::default() };
    trust_check(other(), None, json!({}), trust_it, Err(APPLICATION)).await;
    trust_check(other(), None, json!({ "check_application": false }), trust_it, Ok(())).await;
}
