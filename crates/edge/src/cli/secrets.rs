//! Commands about secrets. A value goes in by standard input and never comes out.

use super::client::Client;
use super::people::read_hidden;
use super::table;
use clap::Subcommand;
use hyper::Method;
use std::process::ExitCode;
use tagwerk_api::{List, NewSecret, Secret};

#[derive(Subcommand)]
pub enum Command {
    /// Passwords and keys that the configuration names as `{secret: NAME}`
    #[command(subcommand)]
    Secret(SecretCommand),
}

/// Values are read from standard input, so that no list of processes shows them.
#[derive(Subcommand)]
pub enum SecretCommand {
    /// Store a secret; its value is read from standard input, and what uses it connects anew
    Set { name: String },
    /// List the names of the secrets and where they are used
    List,
    /// Remove a secret that nothing uses
    Remove { name: String },
}

pub async fn run(client: Client, Command::Secret(command): Command) -> anyhow::Result<ExitCode> {
    let path = |name: &str| format!("/api/v1/secrets/{}", crate::show::encoded(name));
    match command {
        SecretCommand::Set { name } => {
            let value = read_hidden("Value")?;
            let answer = client.send_json(Method::PUT, &path(&name), &NewSecret { value }).await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => print(vec![answer.parse()?]),
            }
        }
        SecretCommand::List => {
            let answer = client.get("/api/v1/secrets").await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => print(answer.parse::<List<Secret>>()?.items),
            }
        }
        SecretCommand::Remove { name } => {
            client.send(Method::DELETE, &path(&name), &[], "".into()).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(secrets: Vec<Secret>) {
    let rows: Vec<Vec<String>> = secrets
        .into_iter()
        .map(|secret| {
            let uses = match secret.used_by.is_empty() {
                true => "nothing".to_owned(),
                false => secret.used_by.join(", "),
            };
            vec![secret.name, secret.changed_at.0, secret.changed_by, uses]
        })
        .collect();
    table::print(&["SECRET", "CHANGED", "BY", "USED BY"], &rows);
}
