//! Policies, identities, and whom to trust.

use crate::rig::{Authority, Certified, Edge, Peer, Wish, plan, read};
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

/// The whole matrix is tested beside the code; here, that sessions come by it.
#[tokio::test]
async fn an_authority_is_trusted_until_it_revokes() {
    let authority = Authority::new("plant");
    let certified = Certified::new(&Wish::default(), Some(&authority));
    let peer = Peer::start(certified.server(&["Basic256Sha256_SignAndEncrypt"], &["anonymous"]));
    let edge = Edge::new();
    check(&edge, &peer, json!({}), Err("Open the Certificates page")).await;
    let rejected = edge.certificates.rejected.lock().unwrap().clone();
    assert_eq!((rejected[0].0.as_str(), &rejected[0].1), ("opcua", &certified.certificate));
    edge.trust(&authority.certificate);
    check(&edge, &peer, json!({}), Ok(())).await;
    edge.certificates.revoked.lock().unwrap().push(authority.revoke(&[7], 2090));
    check(&edge, &peer, json!({}), Err("was revoked by its authority")).await;
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused_even_when_it_is_trusted() {
    let wish = Wish { host: "plc.example", ..Wish::default() };
    let certified = Certified::new(&wish, None);
    let peer = Peer::start(certified.server(&["Basic256Sha256_SignAndEncrypt"], &["anonymous"]));
    let edge = Edge::new();
    edge.trust(&certified.certificate);
    check(&edge, &peer, json!({}), Err("not for `127.0.0.1`")).await;
    check(&edge, &peer, json!({ "trust": { "check_host": false } }), Ok(())).await;
}
