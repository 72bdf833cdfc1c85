//! The certificates' folder, with certificates made for the test.

use super::*;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SanType};

fn made(name: &str, authority: bool) -> (Vec<u8>, Vec<u8>, String) {
    let mut params = CertificateParams::new(vec!["press.local".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names.push(SanType::URI("urn:plant:press".try_into().unwrap()));
    params.subject_alt_names.push(SanType::IpAddress("192.0.2.7".parse().unwrap()));
    if authority {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().to_vec(), key.serialize_der(), certificate.pem())
}

fn open(data: &Path) -> CertificateStore {
    CertificateStore::open(&Env::system(), data)
}

#[test]
fn a_certificate_is_described_for_people() {
    let (der, _, pem) = made("press", true);
    let shown = describe(&der).unwrap();
    assert!(shown.subject.contains("CN=press"), "{shown:?}");
    assert!(shown.self_signed && shown.authority);
    assert_eq!(shown.uris, ["urn:plant:press"]);
    assert_eq!(shown.names, ["press.local", "192.0.2.7"]);
    assert_eq!(shown.key, "EC 256");
    assert_eq!(write_certificate(&der).replace("\r\n", "\n"), pem.replace("\r\n", "\n"));
    assert!(describe(&der[..der.len() - 1]).is_err());
    assert!(describe(&[&der[..], b"x"].concat()).unwrap_err().contains("1 bytes"));
}

#[test]
fn what_is_shown_and_not_trusted_is_folded_and_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (der, _, _) = made("press", false);
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = told.clone();
    store.announce(Box::new(move |purpose, text| {
        teller.lock().unwrap().push(format!("{purpose}: {text}"));
    }));
    for _ in 0..5 {
        store.reject("opcua press", &der, "nobody trusts it");
    }
    assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");
    let store = open(folder.path());
    let rejected = store.rejected();
    assert_eq!((rejected.len(), &*rejected[0].purpose), (1, "opcua press"));
    assert_eq!(rejected[0].der(), der);
    let print = fingerprint(&der);
    store.trust(&print).unwrap();
    assert!(store.rejected().is_empty());
    assert_eq!(open(folder.path()).trusted().unwrap(), std::slice::from_ref(&der));
    assert_eq!(store.certificate(&print), Some(der));
    store.remove(&print).unwrap();
    assert!(matches!(store.remove(&print), Err(CertificateRefused::NotFound(_))));
    assert!(open(folder.path()).trusted().unwrap().is_empty());
}

#[test]
fn strangers_cannot_fill_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 0..REJECTED_MAX + 8 {
        store.reject("opcua", format!("no certificate {number}").as_bytes(), "it is none");
    }
    store.reject("opcua", &vec![0; SHOWN_BYTES_MAX + 1], "too large");
    assert_eq!(store.rejected().len(), REJECTED_MAX);
    let files = Env::system().disk.list(&folder.path().join("certificates/rejected")).unwrap();
    assert_eq!(files.len(), REJECTED_MAX);
}

#[test]
fn the_edges_own_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, _) = made("edge", false);
    let identity = Identity { certificate, key };
    let store = open(folder.path());
    assert_eq!(store.own("opcua/line 1").unwrap(), None);
    store.keep_own("opcua/line 1", &identity).unwrap();
    let store = open(folder.path());
    assert_eq!(store.own("opcua/line 1").unwrap(), Some(identity.clone()));
    let refused = store.remove(&fingerprint(&identity.certificate)).unwrap_err();
    assert!(refused.to_string().contains("uses this certificate itself"), "{refused}");
}

#[test]
fn certificates_are_taken_in_every_form_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (der, key, pem) = made("a", true);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    for form in [pem.as_bytes(), &der, base64.as_bytes()] {
        let added = store.add(form).unwrap();
        assert!(matches!(&added[..], [Added::Certificate { .. }]), "{added:?}");
    }
    assert_eq!(store.trusted().unwrap().len(), 1, "three times the same");
    let identity = pem::write_identity(&Identity { certificate: der.clone(), key });
    let wrong: [&[u8]; 5] =
        [b"", b"hello", identity.as_bytes(), &der[..40], b"-----BEGIN CERTIFICATE-----\nAA"];
    for form in wrong {
        assert!(matches!(store.add(form), Err(CertificateRefused::Choice(_))), "{form:?}");
    }
}

#[test]
fn revocation_lists_are_kept_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign, rcgen::KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "plant authority");
    let issuer = rcgen::CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2027, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: 7.into(),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let pem = list.signed_by(&issuer).unwrap().pem().unwrap();
    let store = open(folder.path());
    let added = store.add(pem.as_bytes()).unwrap();
    assert!(matches!(&added[..], [Added::List { issuer }] if issuer.contains("plant authority")));
    let lists = open(folder.path()).revoked().unwrap();
    assert_eq!(describe_list(&lists[0]).unwrap().revoked, 1);
    store.remove(&fingerprint(&lists[0])).unwrap();
    assert!(open(folder.path()).revoked().unwrap().is_empty());
}
