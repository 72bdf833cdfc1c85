//! Commands about certificates.

use super::client::Client;
use super::table;
use anyhow::Context;
use clap::Subcommand;
use hyper::Method;
use std::path::PathBuf;
use std::process::ExitCode;
use tagwerk_api::{Certificate, Certificates, NewCertificate};

/// Certificates or lists in one file.
const FILE_BYTES_MAX: u64 = 512 * 1024;

#[derive(Subcommand)]
pub enum Command {
    /// Certificates that the edge has, trusts, or was shown and did not trust
    #[command(subcommand)]
    Certificate(CertificateCommand),
}

#[derive(Subcommand)]
pub enum CertificateCommand {
    /// List them
    List,
    /// Trust one that was rejected, by its fingerprint, or those in a PEM file
    Trust {
        #[arg(value_name = "FINGERPRINT|FILE")]
        which: String,
    },
    /// Trust one no longer, forget a rejected one, or remove a revocation list
    Remove { fingerprint: String },
    /// Print one as PEM
    Show { fingerprint: String },
}

pub async fn run(
    client: Client,
    Command::Certificate(command): Command,
) -> anyhow::Result<ExitCode> {
    let path =
        |fingerprint: &str| format!("/api/v1/certificates/{}", crate::show::encoded(fingerprint));
    match command {
        CertificateCommand::List => {
            let answer = client.get("/api/v1/certificates").await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => print(answer.parse()?),
            }
        }
        CertificateCommand::Trust { which } => {
            let is_fingerprint =
                which.len() == 64 && which.bytes().all(|byte| byte.is_ascii_hexdigit());
            let answer = if is_fingerprint {
                let path = format!("{}/trust", path(&which.to_lowercase()));
                client.send(Method::POST, &path, &[], "".into()).await?
            } else {
                let pem = read_pem(&client, PathBuf::from(which))?;
                let new = NewCertificate { pem };
                client.send_json(Method::POST, "/api/v1/certificates", &new).await?
            };
            match client.json {
                true => println!("{}", answer.text()),
                false => print(answer.parse()?),
            }
        }
        CertificateCommand::Remove { fingerprint } => {
            client.send(Method::DELETE, &path(&fingerprint), &[], "".into()).await?;
        }
        CertificateCommand::Show { fingerprint } => {
            print!("{}", client.get(&format!("{}/pem", path(&fingerprint))).await?.text());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// PEM as it is; DER in base64.
fn read_pem(client: &Client, file: PathBuf) -> anyhow::Result<String> {
    use base64::Engine;
    let bytes = client
        .env()
        .disk
        .read(&file, FILE_BYTES_MAX)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|not_text| {
        base64::engine::general_purpose::STANDARD.encode(not_text.as_bytes())
    }))
}

fn print(list: Certificates) {
    let row = |standing: &str, certificate: Certificate, more: String| {
        vec![
            standing.to_owned(),
            certificate.subject,
            certificate.not_after.0,
            more,
            certificate.fingerprint,
        ]
    };
    let own = list.own.into_iter().map(|own| {
        let purpose = own.purpose.clone().unwrap_or_default();
        row("own", own, purpose)
    });
    let trusted = list.trusted.into_iter().map(|trusted| row("trusted", trusted, String::new()));
    let rejected = list.rejected.into_iter().map(|r| {
        let why = format!("{}: {}", r.purpose.unwrap_or_default(), r.reason);
        vec!["rejected".to_owned(), r.subject, r.not_after.0, why, r.fingerprint]
    });
    let lists = list.revocation_lists.into_iter().map(|list| {
        let next = list.next_update.map(|time| time.0).unwrap_or_default();
        vec!["revokes".to_owned(), list.issuer, next, format!("{} revoked", list.revoked), list.id]
    });
    let rows: Vec<Vec<String>> = own.chain(trusted).chain(rejected).chain(lists).collect();
    table::print(&["STANDING", "SUBJECT", "UNTIL", "FOR", "FINGERPRINT"], &rows);
}
