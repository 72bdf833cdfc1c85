//! From the first byte to the end of the login: encryption, who it is, and with which settings.

use crate::io::{Out, Reader};
use crate::refusal::Refusal;
use crate::server::{Arrived, Login, Plaintext, Shared};
use crate::settings::Settings;
use crate::wire::{self, Asked, Fields, Malformed, Stage, Start};
use std::net::IpAddr;
use std::time::Duration;
use tagwerk_auth::{Role, ScramExchange, ScramRefused};
use tagwerk_env::Stream;

const MECHANISM: &str = "SCRAM-SHA-256";
/// The name under which an API token is the password.
const TOKEN: &str = "token";
/// The one database.
const DATABASE: &str = "tagwerk";
/// Requests for encryption before a start. More: refused.
const REQUESTS_MAX: usize = 4;
/// The protocol's version 3.0; later minor versions are asked to come back to it.
const VERSION: u32 = 3 << 16;

/// None when the connection ended on the way.
pub async fn arrive(shared: &Shared, stream: Box<dyn Stream>, from: IpAddr) -> Option<Arrived> {
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut out) = (Reader::new(read), Out::new(write));
    let mut encrypted = false;
    for _ in 0..REQUESTS_MAX {
        match start(&mut reader).await? {
            Err(_) => {
                let refusal = Refusal::protocol("this is no start of a PostgreSQL connection");
                return end(&mut out, refusal).await;
            }
            Ok(Start::Cancel { pid, key }) => {
                shared.cancel(pid, key);
                return None;
            }
            Ok(Start::Gss) => {
                out.bytes.push(b'N');
                out.flush().await.ok()?;
            }
            Ok(Start::Ssl) => match &shared.parts.tls {
                Some(acceptor) if !encrypted => {
                    out.bytes.push(b'S');
                    out.flush().await.ok()?;
                    let stream = acceptor.accept(reader.join(out)?).await.ok()?;
                    let (read, write) = tokio::io::split(Box::new(stream) as Box<dyn Stream>);
                    (reader, out) = (Reader::new(read), Out::new(write));
                    encrypted = true;
                }
                _ => {
                    out.bytes.push(b'N');
                    out.flush().await.ok()?;
                }
            },
            Ok(Start::Session { version, parameters }) => {
                if let Err(refusal) = may_begin(shared, from, encrypted, version) {
                    return end(&mut out, refusal).await;
                }
                if version != VERSION {
                    back_to_version(&mut out, &parameters);
                }
                return log_in(shared, reader, out, from, &parameters).await;
            }
        }
    }
    end(&mut out, Refusal::protocol("too many requests for encryption")).await
}

fn may_begin(shared: &Shared, from: IpAddr, encrypted: bool, version: u32) -> Result<(), Refusal> {
    if version >> 16 != VERSION >> 16 {
        let text = format!("protocol {}.{} is not spoken here", version >> 16, version & 0xffff);
        return Err(Refusal::fatal("0A000", text).hint("use a client of PostgreSQL 7.4 or newer"));
    }
    let plain = shared.parts.plaintext == Plaintext::OnLoopback && from.is_loopback();
    if encrypted || plain {
        return Ok(());
    }
    let text = format!("SSL is required for connections from {from}");
    Err(Refusal::fatal("28000", text)
        .hint("set sslmode=require, or verify-full with the certificate"))
}

async fn start(reader: &mut Reader) -> Option<Result<Start, Malformed>> {
    loop {
        match reader.start() {
            Ok(Some(start)) => return Some(Ok(start)),
            Ok(None) if reader.more().await.ok()? => {}
            Ok(None) => return None,
            Err(malformed) => return Some(Err(malformed)),
        }
    }
}

async fn end<T>(out: &mut Out, refusal: Refusal) -> Option<T> {
    refusal.write(&mut out.bytes);
    out.close().await;
    None
}

/// Asks a client of a later minor version to speak this one, and names the options that it sent.
fn back_to_version(out: &mut Out, parameters: &[(String, String)]) {
    let options: Vec<&str> = parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|n| n.starts_with("_pq_."))
        .collect();
    wire::message(&mut out.bytes, b'v', |bytes| {
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend((options.len() as u32).to_be_bytes());
        options.iter().for_each(|option| wire::text(bytes, option));
    });
}

async fn log_in(
    shared: &Shared,
    mut reader: Reader,
    mut out: Out,
    from: IpAddr,
    parameters: &[(String, String)],
) -> Option<Arrived> {
    let value = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let Some(user) = value("user") else {
        return end(&mut out, Refusal::fatal("28000", "no user name was given")).await;
    };
    if value("replication").is_some_and(|asked| !["false", "off", "no", "0"].contains(&asked)) {
        let text = "there is nothing to replicate here";
        return end(&mut out, Refusal::fatal("0A000", text)).await;
    }
    let token = user == TOKEN && !shared.parts.door.is_user(user);
    let known = match token {
        true => by_token(shared, &mut reader, &mut out, from).await?,
        false => by_password(shared, &mut reader, &mut out, from, user).await?,
    };
    let login = match known {
        Ok(login) if login.role.includes(Role::Viewer) => login,
        Ok(_) => return end(&mut out, Refusal::fatal("28000", "this role may not read")).await,
        Err(refusal) => return end(&mut out, refusal).await,
    };
    let database = value("database").unwrap_or(DATABASE);
    if ![DATABASE, "postgres", user].contains(&database) {
        let shown: String = database.chars().take(64).collect();
        let refusal = Refusal::fatal("3D000", format!("database \"{shown}\" does not exist"))
            .hint(format!("the only one is {DATABASE}"));
        return end(&mut out, refusal).await;
    }
    wire::authentication(&mut out.bytes, 0, &[]);
    let settings = settings(shared, &mut out, &login, parameters);
    Some(Arrived { reader, out, login, settings })
}

/// Those of the start. One that cannot be had is a warning: a client that names its time zone must
/// still come in.
fn settings(
    shared: &Shared,
    out: &mut Out,
    login: &Login,
    parameters: &[(String, String)],
) -> Settings {
    let mut settings = Settings::new(&shared.parts.version, &login.name);
    let plain = parameters.iter().filter(|(name, _)| {
        !["user", "database", "replication", "options"].contains(&name.as_str())
            && !name.starts_with("_pq_.")
    });
    let options = parameters.iter().find(|(name, _)| name == "options");
    let options = options.map(|(_, text)| command_line(text)).unwrap_or_default();
    for (name, value) in plain.cloned().chain(options) {
        if let Err(refusal) = settings.set(&name, Some(&value)) {
            refusal.write_notice(&mut out.bytes);
        }
    }
    settings.keep_as_begun();
    settings
}

/// `-c name=value --name=value`, with backslashes before spaces.
fn command_line(text: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, words.last_mut()) {
            ('\\', Some(word)) => word.extend(letters.next()),
            (' ', _) => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    let pairs = words.iter().filter_map(|word| {
        let word = word.trim_start_matches("--").trim_start_matches("-c");
        let (name, value) = word.split_once('=')?;
        Some((name.replace('-', "_"), value.to_owned()))
    });
    pairs.collect()
}

type Known = Result<Login, Refusal>;

async fn by_password(
    shared: &Shared,
    reader: &mut Reader,
    out: &mut Out,
    from: IpAddr,
    user: &str,
) -> Option<Known> {
    let door = &shared.parts.door;
    let verifier = match door.verifier(from, user) {
        Ok(verifier) => verifier,
        Err(wait) => return Some(Err(too_soon(wait))),
    };
    let mut offered = Vec::new();
    wire::text(&mut offered, MECHANISM);
    offered.push(0);
    wire::authentication(&mut out.bytes, 10, &offered);
    out.flush().await.ok()?;
    let Some(first) = first_message(&answer(reader).await?) else {
        return Some(Err(Refusal::protocol(format!("the login must be {MECHANISM}"))));
    };
    let malformed = || Some(Err(Refusal::protocol(format!("the {MECHANISM} messages are wrong"))));
    let begun = ScramExchange::begin(&*shared.parts.random, verifier, &first);
    let Ok((exchange, challenge)) = begun else { return malformed() };
    wire::authentication(&mut out.bytes, 11, challenge.as_bytes());
    out.flush().await.ok()?;
    let Ok(last) = String::from_utf8(answer(reader).await?) else { return malformed() };
    // Tries that were begun together must not all count as the first.
    if let Err(wait) = door.verifier(from, user) {
        return Some(Err(too_soon(wait)));
    }
    match exchange.end(&last) {
        Err(ScramRefused::Malformed) => malformed(),
        Err(ScramRefused::WrongPassword) => {
            door.failed(from, user).await;
            Some(Err(wrong_password(user)))
        }
        Ok(proof) => match door.passed(from, user) {
            Some(login) => {
                wire::authentication(&mut out.bytes, 12, proof.as_bytes());
                Some(Ok(login))
            }
            None => Some(Err(wrong_password(user))),
        },
    }
}

/// Of the client: the mechanism that it chose, and its first words.
fn first_message(bytes: &[u8]) -> Option<String> {
    let mut fields = Fields(bytes);
    let mechanism = fields.text().ok()?;
    let first = fields.value().ok()??;
    (mechanism == MECHANISM && fields.0.is_empty()).then(|| String::from_utf8(first).ok())?
}

/// A token is as hard to guess as a key, and it is sent whole, as it is over HTTP.
async fn by_token(
    shared: &Shared,
    reader: &mut Reader,
    out: &mut Out,
    from: IpAddr,
) -> Option<Known> {
    wire::authentication(&mut out.bytes, 3, &[]);
    out.flush().await.ok()?;
    let answer = answer(reader).await?;
    let secret = Fields(&answer).text().ok()?;
    let login = shared.parts.door.by_token(from, &secret).await;
    Some(login.ok_or_else(|| {
        let text = "the API token is wrong, expired or removed";
        Refusal::fatal("28P01", text).hint("make a new one under Users")
    }))
}

async fn answer(reader: &mut Reader) -> Option<Vec<u8>> {
    loop {
        match reader.asked(Stage::Login).ok()? {
            Some(Asked::Login(answer)) => return Some(answer),
            Some(_) => return None,
            None if reader.more().await.ok()? => {}
            None => return None,
        }
    }
}

fn wrong_password(user: &str) -> Refusal {
    let shown: String = user.chars().take(64).collect();
    let text = format!("password authentication failed for user \"{shown}\"");
    Refusal::fatal("28P01", text).hint(
        "check name and password; whose password is older than this edge's PostgreSQL port logs in to \
         the console once first",
    )
}

fn too_soon(wait: Duration) -> Refusal {
    let seconds = wait.as_secs_f64().ceil();
    let text = format!("too many failed logins; the next try is taken in {seconds} s");
    Refusal::fatal("28000", text).hint("wait, and check name and password meanwhile")
}
