//! Every way in which a certificate can be wrong, against a real TLS server, each of them twice: a
//! second connection must be checked like the first.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::sync::Arc;
use tagwerk_component::{Findings, Place, Secret};
use tagwerk_env::{Env, WallTime};
use tagwerk_testkit::{FakeNet, ManualClock, MemoryCertificates, MemorySecrets};
use tagwerk_tls::{Means, Peer, TlsFault, TlsSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The clock of the tests stands at the beginning of 2026.
const NOW: &str = "2026-01-01T00:00:00.000Z";

struct Rig {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    clock: ManualClock,
    net: FakeNet,
    secrets: MemorySecrets,
    certificates: MemoryCertificates,
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, rcgen::Certificate) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key).unwrap();
    (Issuer::new(params, key), certificate)
}

/// A certificate for `plant.example`, good for all of 2025 and 2026.
fn params(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["plant.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

impl Rig {
    fn new() -> Rig {
        let (issuer, certificate) = authority("plant authority");
        let rig = Rig {
            folder: tempfile::tempdir().unwrap(),
            issuer,
            clock: ManualClock::new(),
            net: FakeNet::new(),
            secrets: MemorySecrets::default(),
            certificates: MemoryCertificates::default(),
        };
        rig.write("ca.pem", &certificate.pem());
        rig
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn settings(&self) -> TlsSettings {
        let ca_file = self.folder.path().join("ca.pem").to_str().unwrap().to_owned();
        TlsSettings { ca_file: Some(ca_file), ..TlsSettings::default() }
    }

    /// A server that echoes, with a certificate of the rig's authority or signed by itself.
    fn serve(&self, params: &CertificateParams, signed: Signed, clients: Clients) {
        let key = KeyPair::generate().unwrap();
        let certificate = match signed {
            Signed::ByAuthority => params.signed_by(&key, &self.issuer).unwrap(),
            Signed::ByItself => params.self_signed(&key).unwrap(),
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(
            tokio_rustls::rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap();
        let builder = match clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::Known => {
                let mut roots = RootCertStore::empty();
                let pem = std::fs::read(self.folder.path().join("ca.pem")).unwrap();
                use tokio_rustls::rustls::pki_types::CertificateDer;
                use tokio_rustls::rustls::pki_types::pem::PemObject;
                roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
                let provider = tokio_rustls::rustls::crypto::ring::default_provider();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider.into())
                        .build()
                        .unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        self.net.peer("plant.example", 443, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.unwrap();
                    }
                }
            }
        });
    }

    /// One byte there and back.
    async fn talk(&self, settings: &TlsSettings) -> Result<(), TlsFault> {
        use tagwerk_env::{Clock, Net};
        let env = Env {
            clock: Arc::new(self.clock.clone()),
            net: Arc::new(self.net.clone()),
            ..Env::system()
        };
        let means = Means { env: &env, secrets: &self.secrets, certificates: &self.certificates };
        let stream = self.net.connect("plant.example", 443).await.unwrap();
        let peer = Peer { host: "plant.example", words: "the plant" };
        let mut stream = tagwerk_tls::connect(means, peer, settings, stream).await?;
        let fault = |error: std::io::Error| {
            TlsFault::of_io(&error, "the plant", self.clock.wall())
                .unwrap_or_else(|| panic!("{error}"))
        };
        stream.write_all(b"x").await.map_err(fault)?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(fault)?;
        assert_eq!(&byte, b"x");
        Ok(())
    }

    /// Twice the same fault, which must be of this kind and say all of these words.
    async fn check(&self, settings: &TlsSettings, kind: &str, words: &[&str]) {
        for attempt in 1..=2 {
            let fault = self.talk(settings).await.unwrap_err();
            let found = match &fault {
                TlsFault::Settings(_) => "settings",
                TlsFault::Passing(_) => "passing",
            };
            assert_eq!(found, kind, "attempt {attempt}: {fault}");
            for word in words {
                assert!(fault.to_string().contains(word), "attempt {attempt}: {word}: {fault}");
            }
        }
    }
}

enum Signed {
    ByAuthority,
    ByItself,
}

enum Clients {
    Anybody,
    Known,
}

#[tokio::test]
async fn a_good_certificate_passes() {
    let rig = Rig::new();
    rig.serve(&params(1), Signed::ByAuthority, Clients::Anybody);
    rig.talk(&rig.settings()).await.unwrap();
    rig.talk(&rig.settings()).await.unwrap();
}

#[tokio::test]
async fn one_out_of_its_time_says_both_times() {
    let rig = Rig::new();
    let mut expired = params(1);
    expired.not_after = date_time_ymd(2025, 6, 1);
    rig.serve(&expired, Signed::ByAuthority, Clients::Anybody);
    let words = ["it expired at 2025-06-01T00:00:00.000Z", NOW];
    rig.check(&rig.settings(), "settings", &words).await;
    let mut early = params(2);
    early.not_before = date_time_ymd(2026, 6, 1);
    rig.serve(&early, Signed::ByAuthority, Clients::Anybody);
    let words = ["it is not valid yet, only from 2026-06-01T00:00:00.000Z", NOW];
    rig.check(&rig.settings(), "settings", &words).await;
}

#[tokio::test]
async fn a_clock_that_was_never_set_is_named_and_passes_with_time() {
    let rig = Rig::new();
    rig.serve(&params(1), Signed::ByAuthority, Clients::Anybody);
    rig.clock.set_wall(WallTime { unix_ns: 5_000_000_000, synchronised: false });
    let words = ["1970-01-01T00:00:05.000Z", "no time source has set this clock"];
    rig.check(&rig.settings(), "passing", &words).await;
    rig.clock.set_wall(WallTime { unix_ns: 1_767_225_600_000_000_000, synchronised: true });
    rig.talk(&rig.settings()).await.unwrap();
}

#[tokio::test]
async fn strangers_are_not_trusted() {
    let rig = Rig::new();
    rig.serve(&params(1), Signed::ByItself, Clients::Anybody);
    let unknown = ["is not trusted", "its issuer is unknown, or it signed itself", "tls.ca_file"];
    rig.check(&rig.settings(), "settings", &unknown).await;
    rig.talk(&TlsSettings { verify: false, ..rig.settings() }).await.unwrap();
    rig.check(&rig.settings(), "settings", &unknown).await;
    rig.serve(&params(1), Signed::ByAuthority, Clients::Anybody);
    let (_, other) = authority("other authority");
    let ca_file = Some(rig.write("other.pem", &other.pem()));
    rig.check(&TlsSettings { ca_file, ..rig.settings() }, "settings", &unknown[..2]).await;
    let server_name = Some("elsewhere.example".to_owned());
    let misnamed = TlsSettings { server_name, ..rig.settings() };
    let words = ["it is for another name: ", "plant.example", "not elsewhere.example"];
    rig.check(&misnamed, "settings", &words).await;
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let rig = Rig::new();
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 12, 1),
        next_update: date_time_ymd(2026, 12, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(7),
            revocation_time: date_time_ymd(2025, 11, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&rig.issuer).unwrap();
    rig.certificates.revoked.lock().unwrap().push(list.der().to_vec());
    rig.serve(&params(8), Signed::ByAuthority, Clients::Anybody);
    rig.talk(&rig.settings()).await.unwrap();
    rig.serve(&params(7), Signed::ByAuthority, Clients::Anybody);
    rig.check(&rig.settings(), "settings", &["it was revoked"]).await;
}

#[tokio::test]
async fn the_edge_shows_its_own_certificate() {
    let rig = Rig::new();
    rig.serve(&params(1), Signed::ByAuthority, Clients::Known);
    rig.check(&rig.settings(), "settings", &["alert", "tls.certificate_file"]).await;
    let key = KeyPair::generate().unwrap();
    let own = params(9).signed_by(&key, &rig.issuer).unwrap();
    let certificate_file = Some(rig.write("own.pem", &own.pem()));
    let with_file = TlsSettings {
        certificate_file: certificate_file.clone(),
        key_file: Some(rig.write("own.key", &key.serialize_pem())),
        ..rig.settings()
    };
    rig.talk(&with_file).await.unwrap();
    let secret = |name: &str| TlsSettings {
        key_file: None,
        key: Some(Secret { secret: name.to_owned() }),
        ..with_file.clone()
    };
    rig.secrets.set("key", &key.serialize_pem());
    rig.talk(&secret("key")).await.unwrap();
    rig.check(&secret("absent"), "settings", &["no secret `absent`"]).await;
    rig.secrets.set("junk", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    rig.check(&secret("junk"), "settings", &["the secret `junk` holds no private key"]).await;
    rig.secrets.set("other", &KeyPair::generate().unwrap().serialize_pem());
    rig.check(&secret("other"), "settings", &["do not fit together"]).await;
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let rig = Rig::new();
    rig.serve(&params(1), Signed::ByAuthority, Clients::Anybody);
    let with = |file: String| TlsSettings { ca_file: Some(file), ..rig.settings() };
    let empty = rig.write("empty.pem", "");
    rig.check(&with(empty), "settings", &["holds no certificate in PEM"]).await;
    rig.check(&with("/absent".to_owned()), "settings", &["cannot read `/absent`"]).await;
}

#[tokio::test]
async fn what_is_not_tls_is_said_to_be_none() {
    let rig = Rig::new();
    rig.net.peer("plant.example", 443, |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    rig.check(&rig.settings(), "passing", &["something that is not TLS"]).await;
}

#[test]
fn settings_say_what_is_wrong_and_where() {
    let check = |settings: serde_json::Value| {
        let settings: TlsSettings = serde_json::from_value(settings).unwrap();
        let mut findings = Findings::new();
        settings.check(&Place::settings("tls"), &mut findings);
        findings.list().iter().map(|f| f.problem.clone()).collect::<Vec<_>>()
    };
    use serde_json::json;
    let none: [&str; 0] = [];
    assert_eq!(check(json!({})), none);
    assert_eq!(check(json!({ "certificate_file": "/c", "key": { "secret": "k" } })), none);
    assert_eq!(check(json!({ "certificate_file": "/c" })), ["there is a certificate but no key"]);
    assert_eq!(check(json!({ "key_file": "/k" })), ["there is a key but no certificate"]);
    let twice = json!({ "certificate_file": "/c", "key_file": "/k", "key": { "secret": "k" } });
    assert_eq!(check(twice), ["the key is given twice, as a file and as a secret"]);
    assert_eq!(check(json!({ "server_name": "a b", "verify": false })).len(), 2);
}
