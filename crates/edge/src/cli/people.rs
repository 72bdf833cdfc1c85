//! Commands about users and tokens.

use super::client::Client;
use super::table;
use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use hyper::Method;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use tagwerk_api::{List, NewToken, NewUser, Role, Token, TokenMade, User, UserChange};

#[derive(Subcommand)]
pub enum Command {
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Users
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        name: String,
        #[arg(long, value_enum)]
        role: RoleName,
        /// How long it works, such as 720h; for ever when missing
        #[arg(long)]
        expires: Option<String>,
    },
    /// List the tokens
    List,
    /// Remove a token
    Remove { id: String },
}

/// Passwords are read from standard input, so that no list of processes shows them.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is read from standard input
    Create {
        name: String,
        #[arg(long, value_enum)]
        role: RoleName,
    },
    /// List the users
    List,
    /// Give a user another role
    Role {
        name: String,
        #[arg(value_enum)]
        role: RoleName,
    },
    /// Set a user's password, read from standard input
    Password { name: String },
    /// Remove a user
    Remove { name: String },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum RoleName {
    Viewer,
    Operator,
    Engineer,
    Admin,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Engineer => Role::Engineer,
            RoleName::Admin => Role::Admin,
        }
    }
}

fn role_text(role: Role) -> String {
    format!("{role:?}").to_lowercase()
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Token(command) => token(&client, command).await?,
        Command::User(command) => user(&client, command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn token(client: &Client, command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create { name, role, expires } => {
            let life = match expires.as_deref().map(tagwerk_component::Duration::parse) {
                Some(None) => bail!("--expires is no duration such as 720h"),
                Some(Some(life)) => Some(crate::show::milliseconds(life.0)),
                None => None,
            };
            let new = NewToken { name, role: role.role(), expires_in_ms: life };
            let answer = client.send_json(Method::POST, "/api/v1/tokens", &new).await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => println!("{}", answer.parse::<TokenMade>()?.token),
            }
        }
        TokenCommand::List => {
            let answer = client.get("/api/v1/tokens").await?;
            if client.json {
                println!("{}", answer.text());
                return Ok(());
            }
            let list: List<Token> = answer.parse()?;
            let time = |time: Option<tagwerk_api::Time>| time.map(|t| t.0).unwrap_or_default();
            let rows: Vec<Vec<String>> = list
                .items
                .into_iter()
                .map(|t| {
                    let expires = time(t.expires_at);
                    vec![t.id, t.name, role_text(t.role), time(t.last_used), expires]
                })
                .collect();
            table::print(&["ID", "NAME", "ROLE", "LAST USED", "EXPIRES"], &rows);
        }
        TokenCommand::Remove { id } => {
            let path = format!("/api/v1/tokens/{}", crate::show::encoded(&id));
            client.send(Method::DELETE, &path, &[], "".into()).await?;
        }
    }
    Ok(())
}

async fn user(client: &Client, command: UserCommand) -> anyhow::Result<()> {
    let path = |name: &str| format!("/api/v1/users/{}", crate::show::encoded(name));
    match command {
        UserCommand::Create { name, role } => {
            let password = read_password()?;
            let new = NewUser { username: name, password, role: role.role() };
            client.send_json(Method::POST, "/api/v1/users", &new).await?;
        }
        UserCommand::List => {
            let answer = client.get("/api/v1/users").await?;
            if client.json {
                println!("{}", answer.text());
                return Ok(());
            }
            let list: List<User> = answer.parse()?;
            let rows: Vec<Vec<String>> = list
                .items
                .into_iter()
                .map(|u| {
                    let last = u.last_login.map(|t| t.0).unwrap_or_default();
                    vec![u.username, role_text(u.role), last]
                })
                .collect();
            table::print(&["USER", "ROLE", "LAST LOGIN"], &rows);
        }
        UserCommand::Role { name, role } => {
            let change = UserChange { role: Some(role.role()), password: None };
            client.send_json(Method::PUT, &path(&name), &change).await?;
        }
        UserCommand::Password { name } => {
            let change = UserChange { role: None, password: Some(read_password()?) };
            client.send_json(Method::PUT, &path(&name), &change).await?;
        }
        UserCommand::Remove { name } => {
            client.send(Method::DELETE, &path(&name), &[], "".into()).await?;
        }
    }
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    read_hidden("Password")
}

/// A line of standard input, asked for where a person sits there.
pub fn read_hidden(what: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        eprintln!("{what} (it will be visible):");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
