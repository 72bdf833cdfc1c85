//! Talking to a mail server, from its greeting to the mail that it took; RFC 5321, 3207 and 4954.
//!
//! Written here and not taken from a library for three reasons: sockets and time are the edge's, TLS is
//! the same as everywhere, and each recipient has an answer of its own.

use super::reply::{NotSmtp, Reply};
use super::settings::{Security, Settings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tagwerk_component::{ChannelContext, SinkFault, Told};
use tagwerk_env::Stream;
use tagwerk_tls::{Means, Peer, TlsFault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of answers that are held. A reply of a hundred lines has room.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// An open connection, and how messages call the other side.
pub struct Dialogue<'a> {
    context: &'a ChannelContext,
    settings: &'a Settings,
    words: String,
    stream: Box<dyn Stream>,
    held: Vec<u8>,
}

impl<'a> Dialogue<'a> {
    /// Connects, encrypts and logs in.
    pub async fn open(
        context: &'a ChannelContext,
        settings: &'a Settings,
    ) -> Result<Dialogue<'a>, SinkFault> {
        let words = words(settings);
        let stream = context.env.net.connect(&settings.server, settings.port()).await;
        let stream = stream
            .map_err(|error| SinkFault::Retry(format!("cannot connect to {words}: {error}")))?;
        let mut dialogue = Dialogue { context, settings, words, stream, held: Vec::new() };
        if settings.security == Security::Tls {
            dialogue = dialogue.encrypt().await?;
        }
        let greeting = dialogue.reply().await?;
        dialogue.expect(&greeting, "its greeting")?;
        let mut offered = dialogue.hello().await?;
        if settings.security == Security::Starttls {
            if offered.extension("STARTTLS").is_none() {
                return Err(SinkFault::Settings(format!(
                    "{} offers no STARTTLS, and nothing is sent without; check `port`, or write \
                     `security: tls`, or `none` where the network is trusted",
                    dialogue.words
                )));
            }
            let answer = dialogue.ask("STARTTLS").await?;
            dialogue.expect(&answer, "STARTTLS")?;
            // What came in clear text behind the answer could be from anyone (CVE-2011-0411).
            if !dialogue.held.is_empty() {
                return Err(SinkFault::Settings(format!(
                    "{} goes on in clear text after STARTTLS; somebody may be between",
                    dialogue.words
                )));
            }
            dialogue = dialogue.encrypt().await?;
            offered = dialogue.hello().await?;
        }
        if let Some(username) = &settings.username {
            dialogue.log_in(username, &offered).await?;
        }
        Ok(dialogue)
    }

    /// Hands the mail over; who is refused does not hold back the others.
    pub async fn send(&mut self, mail: &str, to: &[Box<str>]) -> Result<Vec<Told>, SinkFault> {
        let from = format!("MAIL FROM:<{}>", self.settings.from);
        let answer = self.ask(&from).await?;
        self.expect(&answer, "the address in `from`")?;
        let (mut told, mut taken) = (Vec::new(), Vec::new());
        for to in to {
            let answer = self.ask(&format!("RCPT TO:<{to}>")).await?;
            match answer.is_good() {
                true => taken.push(to.clone()),
                false => {
                    let text = format!("{} refuses {to}: {answer}", self.words);
                    let fault = match answer.is_passing() {
                        true => SinkFault::Retry(text),
                        false => SinkFault::Reject(text),
                    };
                    told.push(Told { recipient: to.clone(), result: Err(fault) });
                }
            }
        }
        if taken.is_empty() {
            return Ok(told);
        }
        let answer = self.ask("DATA").await?;
        self.expect_mail(&answer)?;
        // No line of a mail begins with a dot.
        self.write(&format!("{mail}.\r\n")).await?;
        let answer = self.reply().await?;
        self.expect_mail(&answer)?;
        told.extend(Told::all(&taken, &Ok(answer.to_string())));
        Ok(told)
    }

    /// Says goodbye. The mail is delivered whatever the answer is.
    pub async fn close(mut self) {
        let _ = self.ask("QUIT").await;
    }

    async fn hello(&mut self) -> Result<Reply, SinkFault> {
        let name = match &self.settings.hello {
            Some(name) => name.clone(),
            None => host_name(&self.context.edge),
        };
        let answer = self.ask(&format!("EHLO {name}")).await?;
        self.expect(&answer, "EHLO")?;
        Ok(answer)
    }

    async fn encrypt(self) -> Result<Dialogue<'a>, SinkFault> {
        let Dialogue { context, settings, words, stream, held } = self;
        let (secrets, certificates) = (&*context.secrets, &*context.certificates);
        let means = Means { env: &context.env, secrets, certificates };
        let peer = Peer { host: &settings.server, words: &words };
        let tls = settings.tls.clone().unwrap_or_default();
        let stream =
            tagwerk_tls::connect(means, peer, &tls, stream).await.map_err(|fault| match fault {
                TlsFault::Settings(text) => SinkFault::Settings(text),
                TlsFault::Passing(text) => SinkFault::Retry(text),
            })?;
        Ok(Dialogue { context, settings, words, stream, held })
    }

    async fn log_in(&mut self, username: &str, offered: &Reply) -> Result<(), SinkFault> {
        let secret = self.settings.password.as_ref().map_or("", |secret| &secret.secret);
        let password = self.context.secrets.get(secret).map_err(SinkFault::Settings)?;
        let password = password.expose().trim_end_matches(['\r', '\n']);
        let ways = offered.extension("AUTH").unwrap_or_default();
        let offers = |way: &str| ways.iter().any(|offered| offered.eq_ignore_ascii_case(way));
        let answer = if offers("PLAIN") {
            let proof = STANDARD.encode(format!("\0{username}\0{password}"));
            self.ask(&format!("AUTH PLAIN {proof}")).await?
        } else if offers("LOGIN") {
            let mut answer = self.ask("AUTH LOGIN").await?;
            for part in [username, password] {
                if answer.code == 334 {
                    answer = self.ask(&STANDARD.encode(part)).await?;
                }
            }
            answer
        } else {
            return Err(SinkFault::Settings(format!(
                "{} offers no way to log in that the edge knows (PLAIN, LOGIN); it offers: {}",
                self.words,
                if ways.is_empty() { "none".to_owned() } else { ways.join(", ") }
            )));
        };
        match answer.code == 235 {
            true => Ok(()),
            false if answer.is_passing() => {
                Err(SinkFault::Retry(format!("{} lets nobody in now: {answer}", self.words)))
            }
            false => Err(SinkFault::Settings(format!(
                "{} does not let `{username}` in: {answer}; check `username` and the secret \
                 `{secret}`",
                self.words
            ))),
        }
    }

    /// What is wrong with this is wrong with the settings.
    fn expect(&self, answer: &Reply, what: &str) -> Result<(), SinkFault> {
        let text = || format!("{} refuses {what}: {answer}", self.words);
        match answer.is_good() {
            true => Ok(()),
            false if answer.is_passing() => Err(SinkFault::Retry(text())),
            false => Err(SinkFault::Settings(text())),
        }
    }

    /// What is wrong with this is wrong with the mail.
    fn expect_mail(&self, answer: &Reply) -> Result<(), SinkFault> {
        let text = || format!("{} does not take the mail: {answer}", self.words);
        match answer.is_good() {
            true => Ok(()),
            false if answer.is_passing() => Err(SinkFault::Retry(text())),
            false => Err(SinkFault::Reject(text())),
        }
    }

    async fn ask(&mut self, command: &str) -> Result<Reply, SinkFault> {
        self.write(&format!("{command}\r\n")).await?;
        self.reply().await
    }

    async fn write(&mut self, text: &str) -> Result<(), SinkFault> {
        let written = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| self.broken(&error))
    }

    async fn reply(&mut self) -> Result<Reply, SinkFault> {
        let mut buffer = [0; 4096];
        loop {
            match Reply::read(&self.held) {
                Ok(Some((reply, taken))) => {
                    self.held.drain(..taken);
                    return Ok(reply);
                }
                Ok(None) => {}
                Err(NotSmtp(line)) => {
                    return Err(SinkFault::Retry(format!(
                        "{} answers with something that is not SMTP ({line}); check `port` and \
                         `security`",
                        self.words
                    )));
                }
            }
            let read = self.stream.read(&mut buffer).await.map_err(|error| self.broken(&error))?;
            if read == 0 || self.held.len() + read > HELD_BYTES_MAX {
                return Err(SinkFault::Retry(format!(
                    "the connection to {} ended before its answer was complete; check `port` and \
                     `security`",
                    self.words
                )));
            }
            self.held.extend_from_slice(&buffer[..read]);
        }
    }

    fn broken(&self, error: &std::io::Error) -> SinkFault {
        match TlsFault::of_io(error, &self.words, self.context.env.clock.wall()) {
            Some(TlsFault::Settings(text)) => SinkFault::Settings(text),
            Some(TlsFault::Passing(text)) => SinkFault::Retry(text),
            None => SinkFault::Retry(format!("the connection to {} broke: {error}", self.words)),
        }
    }
}

/// How messages call the server.
pub fn words(settings: &Settings) -> String {
    match settings.server.contains(':') {
        true => format!("the mail server at [{}]:{}", settings.server, settings.port()),
        false => format!("the mail server at {}:{}", settings.server, settings.port()),
    }
}

/// An edge's name may have letters that a host's cannot.
fn host_name(edge: &str) -> String {
    let name: String =
        edge.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    match name.is_empty() {
        true => "tagwerk".to_owned(),
        false => name,
    }
}
