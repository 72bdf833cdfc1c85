//! Why TLS does not come about, in words and by what to do next.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::io;
use tagwerk_env::WallTime;
use tagwerk_model::format_unix_ns;

/// By what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// A person must change something: here, or on the other side.
    Settings(String),
    /// May pass by itself: connect again.
    Passing(String),
}

impl std::fmt::Display for TlsFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TlsFault::Settings(text) | TlsFault::Passing(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for TlsFault {}

impl TlsFault {
    /// What a failed handshake, read or write means. With TLS 1.3 the other side refuses a client's
    /// certificate only after the handshake, in the first read. `peer` is how messages call the
    /// other side. `None` when the error is none of TLS's.
    pub fn of_io(error: &io::Error, peer: &str, wall: WallTime) -> Option<TlsFault> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(match error {
            Error::InvalidCertificate(why) => of_certificate(why, peer, wall),
            Error::AlertReceived(alert) => of_alert(*alert, peer),
            Error::NoCertificatesPresented => {
                TlsFault::Settings(format!("{peer} shows no certificate"))
            }
            Error::PeerIncompatible(_) => TlsFault::Settings(format!(
                "{peer} has no version or method of TLS in common with this edge, which wants \
                 TLS 1.2 or 1.3 ({error})"
            )),
            Error::InvalidMessage(InvalidMessage::InvalidContentType)
            | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
                TlsFault::Passing(format!(
                    "{peer} answers with something that is not TLS; check the port, and whether a \
                     proxy is between"
                ))
            }
            other => TlsFault::Passing(format!("TLS with {peer} failed: {other}")),
        })
    }
}

fn of_certificate(why: &CertificateError, peer: &str, wall: WallTime) -> TlsFault {
    let untrusted = |words: &str, remedy: &str| {
        TlsFault::Settings(format!(
            "the certificate of {peer} is not trusted ({words}); check {remedy}"
        ))
    };
    let both = "`tls.ca_file` and `tls.server_name`";
    match why {
        CertificateError::UnknownIssuer => {
            untrusted("its issuer is unknown, or it signed itself", "`tls.ca_file`")
        }
        CertificateError::Revoked => {
            untrusted("it was revoked", "with whoever runs the other side")
        }
        CertificateError::BadSignature => {
            untrusted("its signature is not its issuer's", "`tls.ca_file`")
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let words = match names.is_empty() {
                true => format!("it is for another name: it has none, and not {}", shown(expected)),
                false => format!("it is for another name: {names}, not {}", shown(expected)),
            };
            untrusted(&words, "the host and `tls.server_name`")
        }
        CertificateError::NotValidForName => {
            untrusted("it is for another name", "the host and `tls.server_name`")
        }
        CertificateError::ExpiredContext { time, not_after } => {
            of_time(&format!("it expired at {}", instant(*not_after)), *time, peer, wall)
        }
        CertificateError::NotValidYetContext { time, not_before } => of_time(
            &format!("it is not valid yet, only from {}", instant(*not_before)),
            *time,
            peer,
            wall,
        ),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => untrusted(
            &format!(
                "the list of revoked certificates is of use only until {}",
                instant(*next_update)
            ),
            "whether there is a newer list",
        ),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            untrusted("it is not made for a server", both)
        }
        other => untrusted(&format!("{other}"), both),
    }
}

/// A certificate out of its time, or a clock that is wrong: says both times.
fn of_time(words: &str, time: UnixTime, peer: &str, wall: WallTime) -> TlsFault {
    let text = format!(
        "the certificate of {peer} is not trusted ({words}, and this edge's clock says {})",
        instant(time)
    );
    match wall.synchronised {
        true => TlsFault::Settings(format!("{text}; the other side needs a new one")),
        // A gateway without a battery starts in the past; then its clock is the likelier fault.
        false => TlsFault::Passing(format!(
            "{text}; no time source has set this clock yet: check the time, and the network's time \
             server"
        )),
    }
}

fn of_alert(alert: AlertDescription, peer: &str) -> TlsFault {
    let text = format!("{peer} ended TLS with the alert {alert:?}");
    match alert {
        AlertDescription::InternalError
        | AlertDescription::UserCanceled
        | AlertDescription::CloseNotify => TlsFault::Passing(text),
        AlertDescription::UnrecognisedName => {
            TlsFault::Settings(format!("{text}; check the host and `tls.server_name`"))
        }
        _ => TlsFault::Settings(format!(
            "{text}; check `tls.certificate_file` and its key, and whether the other side \
             trusts them"
        )),
    }
}

fn shown(name: &rustls::pki_types::ServerName<'_>) -> String {
    name.to_str().into_owned()
}

fn instant(time: UnixTime) -> String {
    format_unix_ns(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000_000_000))
}
