//! Whether a server's certificate is to be trusted (Part 4, 6.1.3): a certificate or an authority
//! that a person trusted, the chain between, validity, revocation, and the names of host and
//! application.

use crate::settings::Trust;
use std::net::IpAddr;
use tagwerk_component::{Certificates, Fault};
use tagwerk_model::time::format_unix_ns;
use tagwerk_proto_opcua::limits::CHAIN_MAX;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// Authorities between a certificate and one that is trusted.
const DEPTH_MAX: usize = 8;

pub struct Peer<'a> {
    /// With its chain, one after the other.
    pub certificates: &'a [u8],
    pub host: &'a str,
    /// As the server says in its endpoint.
    pub application_uri: &'a str,
}

/// Lays a certificate that fails before a person, who is told what to do.
pub fn check(
    peer: &Peer<'_>,
    trust: Trust,
    store: &dyn Certificates,
    now_ns: i64,
) -> Result<(), Fault> {
    let leaf = tagwerk_proto_opcua::policy::leaf(peer.certificates);
    let trouble = |what: String| {
        Fault::Settings(format!("the certificates that the edge trusts cannot be read: {what}"))
    };
    let trusted = store.trusted().map_err(trouble)?;
    let revoked = store.revoked().map_err(trouble)?;
    let problem = match judge(peer, trust, &trusted, &revoked, now_ns) {
        Ok(()) => return Ok(()),
        Err(problem) => problem,
    };
    store.reject(crate::identity::PURPOSE, leaf, &problem.reason);
    let reason = problem.reason;
    Err(Fault::Settings(match problem.remedy {
        Remedy::Trust => format!(
            "the server at {} has a certificate that is not trusted: {reason}. Open the \
             Certificates page, compare the fingerprint with the server's, and trust it",
            peer.host
        ),
        Remedy::Server(remedy) => {
            format!("the certificate of the server at {} is refused: {reason}. {remedy}", peer.host)
        }
    }))
}

#[derive(Debug)]
struct Problem {
    reason: String,
    remedy: Remedy,
}

#[derive(Debug)]
enum Remedy {
    Trust,
    Server(&'static str),
}

fn judge(
    peer: &Peer<'_>,
    trust: Trust,
    trusted: &[Vec<u8>],
    revoked: &[Vec<u8>],
    now_ns: i64,
) -> Result<(), Problem> {
    let chain = parse_chain(peer.certificates);
    let Some(leaf) = chain.first() else {
        return server("it cannot be read", "Give the server a certificate of RSA, 2048 bits");
    };
    check_names(leaf, peer, trust)?;
    let anchors: Vec<X509Certificate<'_>> =
        trusted.iter().filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1)).collect();
    let lists: Vec<CertificateRevocationList<'_>> = revoked
        .iter()
        .filter_map(|der| Some(CertificateRevocationList::from_der(der).ok()?.1))
        .collect();
    let now = now_ns.div_euclid(1_000_000_000);
    // Issuers may be sent by the server or be known; only known ones end the search.
    let known: Vec<&X509Certificate<'_>> = chain.iter().skip(1).chain(&anchors).collect();
    let mut current = leaf;
    let mut any_trusted = false;
    for depth in 0..=DEPTH_MAX {
        check_validity(current, now_ns, now)?;
        check_algorithm(current)?;
        any_trusted |= anchors.iter().any(|anchor| same(anchor, current));
        let self_issued = current.issuer() == current.subject();
        if self_issued && (depth > 0 || current.verify_signature(None).is_ok()) {
            break;
        }
        let issuer = known.iter().find(|issuer| issues(issuer, current, depth));
        let Some(issuer) = issuer else { break };
        check_revoked(current, issuer, &lists, trust, now_ns, now)?;
        current = issuer;
    }
    match any_trusted {
        true => Ok(()),
        false => Err(Problem {
            reason: match same(current, leaf) {
                true if leaf.issuer() == leaf.subject() => {
                    "it signs itself and nobody has trusted it yet".to_owned()
                }
                true => format!("nobody has trusted it or its authority `{}`", leaf.issuer()),
                false => format!("its authority `{}` is not trusted", current.subject()),
            },
            remedy: Remedy::Trust,
        }),
    }
}

fn same(a: &X509Certificate<'_>, b: &X509Certificate<'_>) -> bool {
    a.tbs_certificate.as_ref() == b.tbs_certificate.as_ref()
        && a.signature_value.data == b.signature_value.data
}

fn parse_chain(mut bytes: &[u8]) -> Vec<X509Certificate<'_>> {
    let mut chain = Vec::new();
    while chain.len() < CHAIN_MAX
        && let Ok((rest, certificate)) = X509Certificate::from_der(bytes)
    {
        chain.push(certificate);
        bytes = rest;
    }
    chain
}

/// Whether `issuer` is an authority that signed `certificate`, with `below` authorities in between.
fn issues(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>, below: usize) -> bool {
    let constraints = issuer.basic_constraints().ok().flatten();
    let authority = constraints.is_some_and(|constraints| {
        let deep = constraints.value.path_len_constraint.is_none_or(|n| below <= n as usize);
        constraints.value.ca && deep
    });
    let usage = issuer.key_usage().ok().flatten();
    authority
        && usage.is_none_or(|usage| usage.value.key_cert_sign())
        && issuer.subject() == certificate.issuer()
        && certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

fn check_validity(certificate: &X509Certificate<'_>, now_ns: i64, now: i64) -> Result<(), Problem> {
    let validity = certificate.validity();
    let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let text = |seconds: i64| format_unix_ns(seconds.saturating_mul(1_000_000_000));
    let whose = certificate.subject().to_string();
    if now < from {
        let reason = format!(
            "`{whose}` is valid only from {}, and it is {} here",
            text(from),
            format_unix_ns(now_ns)
        );
        return server(&reason, "Set the clocks of the edge and of the server");
    }
    if now > to {
        let reason = format!(
            "`{whose}` was valid until {}, and it is {} here",
            text(to),
            format_unix_ns(now_ns)
        );
        return server(&reason, "Give the server a new certificate, or set the clocks");
    }
    Ok(())
}

fn check_algorithm(certificate: &X509Certificate<'_>) -> Result<(), Problem> {
    let weak = [oid::OID_PKCS1_SHA1WITHRSA, oid::OID_PKCS1_MD5WITHRSAENC];
    if weak.contains(certificate.signature_algorithm.oid()) {
        return server(
            "it is signed by way of SHA-1 or MD5, which can be forged",
            "Give the server a certificate that is signed with SHA-256",
        );
    }
    Ok(())
}

fn check_revoked(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    lists: &[CertificateRevocationList<'_>],
    trust: Trust,
    now_ns: i64,
    now: i64,
) -> Result<(), Problem> {
    let mut found = false;
    for list in lists.iter().filter(|list| list.issuer() == issuer.subject()) {
        if list.verify_signature(issuer.public_key()).is_err() {
            continue;
        }
        let revoked = |entry: &x509_parser::revocation_list::RevokedCertificate<'_>| {
            entry.raw_serial() == certificate.raw_serial()
        };
        if let Some(entry) = list.iter_revoked_certificates().find(|entry| revoked(entry)) {
            let when = entry.revocation_date.timestamp().saturating_mul(1_000_000_000);
            let reason = format!(
                "`{}` was revoked by its authority on {}",
                certificate.subject(),
                format_unix_ns(when)
            );
            return server(&reason, "Give the server a new certificate");
        }
        match list.next_update() {
            Some(next) if next.timestamp() < now => {
                let reason = format!(
                    "the revocation list of `{}` should have been renewed by {}, and it is {} here",
                    issuer.subject(),
                    format_unix_ns(next.timestamp().saturating_mul(1_000_000_000)),
                    format_unix_ns(now_ns)
                );
                return server(&reason, "Put its new list on the Certificates page");
            }
            _ => found = true,
        }
    }
    if trust.require_revocation_list && !found {
        let reason = format!("there is no revocation list of `{}`", issuer.subject());
        return server(&reason, "Put it on the Certificates page");
    }
    Ok(())
}

fn check_names(leaf: &X509Certificate<'_>, peer: &Peer<'_>, trust: Trust) -> Result<(), Problem> {
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    if trust.check_application {
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let uris: Vec<&str> = uris.collect();
        if !uris.contains(&peer.application_uri) {
            let reason = format!(
                "it is for the application {uris:?}, and the server says that it is `{}`",
                peer.application_uri
            );
            return server(
                &reason,
                "Give the server a certificate of its own, or set `check_application: false` \
                 under `trust`",
            );
        }
    }
    if trust.check_host && !names.iter().any(|name| names_host(name, peer.host)) {
        let shown: Vec<String> = names.iter().filter_map(host_text).collect();
        let reason = format!("it is for the hosts {shown:?}, not for `{}`", peer.host);
        return server(
            &reason,
            "Use one of these names in `endpoint`, or set `check_host: false` under `trust`",
        );
    }
    Ok(())
}

fn names_host(name: &GeneralName<'_>, host: &str) -> bool {
    match name {
        GeneralName::DNSName(known) => known.eq_ignore_ascii_case(host),
        GeneralName::IPAddress(_) => {
            let wanted: Option<IpAddr> = host.parse().ok();
            wanted.is_some() && wanted == address(name)
        }
        _ => false,
    }
}

fn address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()
}

fn host_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(known) => Some((*known).to_owned()),
        other => address(other).map(|address| address.to_string()),
    }
}

fn server(reason: &str, remedy: &'static str) -> Result<(), Problem> {
    Err(Problem { reason: reason.to_owned(), remedy: Remedy::Server(remedy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
        KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
        date_time_ymd,
    };
    use tagwerk_testkit::MemoryCertificates;

    struct Signer {
        der: Vec<u8>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority(name: &str, above: Option<&Signer>, ca: IsCa) -> Signer {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = ca;
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            None => params.self_signed(&key),
            Some(above) => params.signed_by(&key, &above.issuer),
        };
        let der = certificate.unwrap().der().to_vec();
        Signer { der, issuer: Issuer::new(params, key) }
    }

    fn ca(name: &str) -> Signer {
        authority(name, None, IsCa::Ca(BasicConstraints::Unconstrained))
    }

    fn leaf(host: &str, valid: (i32, i32), above: Option<&Signer>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "server");
        params.serial_number = Some(SerialNumber::from(7));
        let host = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.try_into().unwrap()),
        };
        params.subject_alt_names = vec![SanType::URI("urn:app".try_into().unwrap()), host];
        params.not_before = date_time_ymd(valid.0, 1, 1);
        params.not_after = date_time_ymd(valid.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            None => params.self_signed(&key),
            Some(above) => params.signed_by(&key, &above.issuer),
        };
        certificate.unwrap().der().to_vec()
    }

    fn list(signer: &Signer, serial: u64, until: i32) -> Vec<u8> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&signer.issuer).unwrap().der().to_vec()
    }

    const NOW: i64 = 1_795_000_000_000_000_000;
    const VALID: (i32, i32) = (2020, 2090);

    #[derive(Default)]
    struct Case<'a> {
        sent: Vec<&'a [u8]>,
        trusted: Vec<&'a [u8]>,
        revoked: Vec<Vec<u8>>,
        trust: Trust,
        host: &'a str,
        application: &'a str,
    }

    fn check(case: Case<'_>, expected: Result<(), &str>) {
        let store = MemoryCertificates::default();
        store.trusted.lock().unwrap().extend(case.trusted.iter().map(|der| der.to_vec()));
        store.revoked.lock().unwrap().extend(case.revoked);
        let or = |text: &'static str, given: &str| {
            if given.is_empty() { text.to_owned() } else { given.to_owned() }
        };
        let peer = Peer {
            certificates: &case.sent.concat(),
            host: &or("plc", case.host),
            application_uri: &or("urn:app", case.application),
        };
        let result = super::check(&peer, case.trust, &store, NOW);
        let rejected = store.rejected.lock().unwrap();
        assert_eq!(rejected.is_empty(), result.is_ok());
        match (result, expected) {
            (Ok(()), Ok(())) => {}
            (Err(Fault::Settings(text)), Err(part)) => assert!(text.contains(part), "{text}"),
            (result, expected) => panic!("{result:?}, not {expected:?}"),
        }
    }

    #[test]
    fn trust_is_in_a_certificate_or_comes_down_from_an_authority() {
        let (root, other) = (ca("plant"), ca("other"));
        let middle = authority("line", Some(&root), IsCa::Ca(BasicConstraints::Constrained(0)));
        let fake = authority("line", Some(&root), IsCa::ExplicitNoCa);
        let alone = leaf("plc", VALID, None);
        let direct = leaf("plc", VALID, Some(&root));
        let deep = leaf("plc", VALID, Some(&middle));
        let faked = leaf("plc", VALID, Some(&fake));
        let case = |sent: &[&'static [u8]], trusted: &[&'static [u8]], expected| {
            let (sent, trusted) = (sent.to_vec(), trusted.to_vec());
            check(Case { sent, trusted, ..Case::default() }, expected);
        };
        let keep = |der: &Vec<u8>| -> &'static [u8] { Box::leak(der.clone().into_boxed_slice()) };
        let (alone, direct, deep) = (keep(&alone), keep(&direct), keep(&deep));
        let (root, middle, fake) = (keep(&root.der), keep(&middle.der), keep(&fake.der));
        let (other, faked) = (keep(&other.der), keep(&faked));
        let namesake = keep(&ca("plant").der);
        case(&[alone], &[alone], Ok(()));
        case(&[alone], &[], Err("it signs itself and nobody has trusted it yet"));
        case(&[direct], &[direct], Ok(()));
        case(&[direct], &[root], Ok(()));
        case(&[direct], &[], Err("nobody has trusted it or its authority `CN=plant`"));
        case(&[direct], &[other], Err("not trusted"));
        case(&[direct], &[namesake], Err("not trusted"));
        case(&[direct, root], &[], Err("its authority `CN=plant` is not trusted"));
        case(&[deep, middle], &[root], Ok(()));
        case(&[deep], &[root], Err("not trusted"));
        case(&[deep], &[root, middle], Ok(()));
        case(&[deep], &[middle], Ok(()));
        case(&[faked, fake], &[root], Err("not trusted"));
        case(&[faked], &[fake], Err("not trusted"));
        // A chain that leads back to where it began.
        case(&[deep, middle, middle, middle], &[other], Err("not trusted"));
        case(&[b"no certificate"], &[root], Err("it cannot be read"));
    }

    #[test]
    fn what_was_revoked_is_refused_even_when_it_is_trusted_itself() {
        let root = ca("plant");
        let direct = leaf("plc", VALID, Some(&root));
        let case = |trusted: &[u8], revoked, require, expected| {
            let trust = Trust { require_revocation_list: require, ..Trust::default() };
            let (sent, trusted) = (vec![direct.as_slice()], vec![trusted, root.der.as_slice()]);
            check(Case { sent, trusted, revoked, trust, ..Case::default() }, expected);
        };
        case(&root.der, vec![list(&root, 8, 2090)], true, Ok(()));
        case(&root.der, vec![list(&root, 7, 2090)], false, Err("was revoked by its authority"));
        case(&direct, vec![list(&root, 7, 2090)], false, Err("was revoked by its authority"));
        case(&root.der, vec![list(&root, 8, 2021)], false, Err("should have been renewed by"));
        case(&root.der, vec![], true, Err("there is no revocation list of `CN=plant`"));
        // Of somebody who only has the same name.
        let forged = list(&ca("plant"), 7, 2090);
        case(&root.der, vec![forged.clone()], false, Ok(()));
        case(&root.der, vec![forged], true, Err("there is no revocation list"));
    }

    #[test]
    fn validity_and_names_are_checked_even_of_what_is_trusted() {
        let case = |host, valid, change: &dyn Fn(&mut Case<'_>), expected| {
            let der = leaf(host, valid, None);
            let (sent, trusted) = (vec![der.as_slice()], vec![der.as_slice()]);
            let mut case = Case { sent, trusted, ..Case::default() };
            change(&mut case);
            check(case, expected);
        };
        let plain = |_: &mut Case<'_>| {};
        case("plc", VALID, &plain, Ok(()));
        case("PLC", VALID, &plain, Ok(()));
        case("plc", (2020, 2021), &plain, Err("was valid until 2021-01-01T00:00:00.000Z"));
        case("plc", (2080, 2090), &plain, Err("is valid only from 2080-01-01T00:00:00.000Z"));
        case("plc2", VALID, &plain, Err("it is for the hosts [\"plc2\"], not for `plc`"));
        case("plc2", VALID, &|case| case.trust.check_host = false, Ok(()));
        case("10.0.0.1", VALID, &|case| case.host = "10.0.0.1", Ok(()));
        case("10.0.0.1", VALID, &|case| case.host = "10.0.0.2", Err("not for `10.0.0.2`"));
        case("fe80::1", VALID, &|case| case.host = "fe80:0::1", Ok(()));
        case("plc", VALID, &|case| case.application = "urn:x", Err("says that it is `urn:x`"));
        let unchecked = |case: &mut Case<'_>| {
            case.application = "urn:x";
            case.trust.check_application = false;
        };
        case("plc", VALID, &unchecked, Ok(()));
    }
}
