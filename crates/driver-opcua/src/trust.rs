//! Whether a server's certificate is to be trusted (Part 4, 6.1.3): a certificate or an authority that
//! a person trusted, the chain between, validity, revocation, and the names of host and application.

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

fn check_validity(
    certificate: &X509Certificate<'_>,
    now_ns: i64,
    now: i64,
) -> Result<(), Problem> {
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
