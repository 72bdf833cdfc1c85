//! Reads a table by a query of a PostgreSQL server (protocol 3.0): one statement, in a transaction that
//! reads only and that the server itself ends in time. Rows are taken as they come; of a table that is
//! too large no more is read than its limit.

mod login;
mod wire;

pub use wire::{Answer, answer};

use crate::http::means;
use crate::source::{Context, TableFault, tls_settings};
use login::Login;
use tagwerk_config::TableSource;
use tagwerk_env::Stream;
use tagwerk_model::table::{Given, TableBuilder, parse_unix_ns};
use tagwerk_model::{ColumnType, Table, limits};
use tagwerk_tls::Peer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Field;

/// The server ends the statement before the edge gives up.
const STATEMENT_SECONDS: u64 = limits::TABLE_READ_TIME_MAX.as_secs() - 5;
/// The server answers to TLS with this.
const TLS_TAKEN: u8 = b'S';

pub async fn read(
    context: &Context,
    source: &TableSource,
    columns: &[(Box<str>, ColumnType)],
) -> Result<Table, TableFault> {
    let TableSource::Postgres { host, port, database, username, password, tls, query } = source
    else {
        return Err(TableFault::new("this is no query of PostgreSQL", "report it"));
    };
    let words = format!("the PostgreSQL server at {host}:{port}");
    let password = match password {
        None => None,
        Some(name) => {
            let text = context.secrets.get(name);
            Some(text.map_err(|why| TableFault::new(why, "store the secret"))?)
        }
    };
    let stream = context.env.net.connect(host, *port).await.map_err(|error| {
        let problem = format!("cannot connect to {words}: {error}");
        TableFault::new(problem, "check `host` and `port`, and the network between")
    })?;
    let mut line = Line { stream, words };
    if let Some(tls) = tls {
        line = line.encrypted(context, host, &tls_settings(tls)).await?;
    }
    let login = Login {
        username,
        password: password.as_ref().map(|text| text.expose().trim_end_matches(['\r', '\n'])),
        encrypted: tls.is_some(),
    };
    line.log_in(&login, database).await?;
    line.begin().await?;
    line.rows(query, columns).await
}

struct Line {
    stream: Box<dyn Stream>,
    /// How messages call the server.
    words: String,
}

impl Line {
    fn broken(&self, error: std::io::Error) -> TableFault {
        let problem = format!("the connection to {} broke: {error}", self.words);
        TableFault::new(problem, "see what the server's log says")
    }

    fn odd(&self) -> TableFault {
        let problem = format!("{} answers with what is not PostgreSQL's protocol", self.words);
        TableFault::new(problem, "check `host` and `port`")
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), TableFault> {
        let sent = self.stream.write_all(bytes).await;
        let sent = match sent {
            Ok(()) => self.stream.flush().await,
            sent => sent,
        };
        sent.map_err(|error| self.broken(error))
    }

    /// The next message but remarks of the server's; a refusal is an error.
    async fn next(&mut self) -> Result<Answer, TableFault> {
        loop {
            let mut head = [0; 5];
            let read = self.stream.read_exact(&mut head).await;
            read.map_err(|error| self.broken(error))?;
            let [kind, length @ ..] = head;
            let length = u32::from_be_bytes(length) as usize;
            let Some(length) = length.checked_sub(4) else { return Err(self.odd()) };
            if length > limits::TABLE_BYTES_MAX {
                let max = limits::TABLE_BYTES_MAX / 1024 / 1024;
                let problem = format!("{} sends a row of more than {max} MiB", self.words);
                return Err(TableFault::new(problem, "leave the large columns out of `query`"));
            }
            // Made as it comes: who only says that much is to come takes no memory.
            let mut body = Vec::new();
            let read = (&mut self.stream).take(length as u64).read_to_end(&mut body).await;
            read.map_err(|error| self.broken(error))?;
            if body.len() < length {
                return Err(self.broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
            match answer(kind, &body).ok_or_else(|| self.odd())? {
                Answer::Remark => {}
                Answer::Refused { code, text } => return Err(self.refused(&code, &text)),
                other => return Ok(other),
            }
        }
    }

    fn refused(&self, code: &str, text: &str) -> TableFault {
        let remedy = match code {
            "28000" | "28P01" => "check `username` and the secret of `password`",
            "3D000" => "correct `database`",
            "42501" => "give the user the right to read it",
            "57014" => "let the query give fewer rows, or add an index",
            "25006" => "write a SELECT: the edge only reads",
            _ => "correct `query`, or see the server's log",
        };
        let problem = format!("{} refuses: {text} ({code})", self.words);
        TableFault::new(problem, remedy)
    }

    async fn encrypted(
        mut self,
        context: &Context,
        host: &str,
        settings: &tagwerk_tls::TlsSettings,
    ) -> Result<Line, TableFault> {
        self.send(&wire::tls_request()).await?;
        let mut taken = [0];
        let read = self.stream.read_exact(&mut taken).await;
        read.map_err(|error| self.broken(error))?;
        if taken[0] != TLS_TAKEN {
            let problem = format!("{} does not encrypt", self.words);
            return Err(TableFault::new(problem, "switch `ssl` on there, or remove `tls`"));
        }
        let Line { stream, words } = self;
        let peer = Peer { host, words: &words };
        let connected = tagwerk_tls::connect(means(context), peer, settings, stream).await;
        let stream =
            connected.map_err(|fault| TableFault::new(fault.to_string(), "check `tls`"))?;
        Ok(Line { stream, words })
    }

    async fn log_in(&mut self, login: &Login<'_>, database: &str) -> Result<(), TableFault> {
        self.send(&wire::startup(login.username, database)).await?;
        let mut scram = None;
        loop {
            let answer = match self.next().await? {
                Answer::LoggedIn => break,
                Answer::Login(asked) => login.answer(asked, &mut scram)?,
                _ => return Err(self.odd()),
            };
            if let Some(answer) = answer {
                self.send(&wire::password(&answer)).await?;
            }
        }
        login.finish(scram.as_ref())?;
        self.ready().await
    }

    async fn ready(&mut self) -> Result<(), TableFault> {
        while !matches!(self.next().await?, Answer::Ready) {}
        Ok(())
    }

    /// A transaction in which nothing is written, and values are written in one way.
    async fn begin(&mut self) -> Result<(), TableFault> {
        let text = format!(
            "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; \
             SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"
        );
        self.send(&wire::query(&text)).await?;
        self.ready().await
    }

    async fn rows(
        &mut self,
        query: &str,
        columns: &[(Box<str>, ColumnType)],
    ) -> Result<Table, TableFault> {
        self.send(&wire::ask(query, limits::TABLE_ROWS_MAX as u32 + 1)).await?;
        let mut builder = TableBuilder::new(columns);
        let mut places: Vec<(Option<usize>, ColumnType)> = Vec::new();
        loop {
            match self.next().await? {
                Answer::Fields(fields) => {
                    for Field { name, oid } in fields {
                        let of = column_type(oid);
                        let place = builder.column(&name)?;
                        if let Some(own) = place {
                            if places.iter().any(|(known, _)| *known == place) {
                                let problem = format!("two columns are called `{name}`");
                                let remedy = "give one of them another name with AS";
                                return Err(TableFault::new(problem, remedy));
                            }
                            builder.expect(own, of);
                        }
                        places.push((place, of));
                    }
                }
                Answer::NoFields => {
                    let remedy = "write a SELECT";
                    return Err(TableFault::new("the query gives no columns", remedy));
                }
                Answer::Row(values) => {
                    builder.row()?;
                    for (value, (place, of)) in values.into_iter().zip(&places) {
                        if let (Some(place), Some(value)) = (place, value) {
                            builder.put(*place, given(value, *of))?;
                        }
                    }
                }
                Answer::Suspended | Answer::Complete => {}
                Answer::Ready => break,
                _ => return Err(self.odd()),
            }
        }
        // The server takes the end of the connection as well.
        let _ = self.send(&wire::goodbye()).await;
        Ok(builder.finish()?)
    }
}

/// Of the server's numbers for types (`pg_type.dat`); what has no type here is text.
fn column_type(oid: u32) -> ColumnType {
    match oid {
        16 => ColumnType::Bool,
        17 => ColumnType::Bytes,
        20 | 21 | 23 | 26 => ColumnType::Int64,
        700 | 701 | 1700 => ColumnType::Float64,
        1082 | 1114 | 1184 => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

fn given(text: String, of: ColumnType) -> Given {
    let meant = match of {
        ColumnType::Bool => match text.as_str() {
            "t" => Some(Given::Bool(true)),
            "f" => Some(Given::Bool(false)),
            _ => None,
        },
        ColumnType::Int64 => text.parse().ok().map(Given::Int),
        ColumnType::Float64 => text.parse().ok().map(Given::Float),
        ColumnType::Time => parse_unix_ns(&text).map(Given::Time),
        ColumnType::Bytes => text.strip_prefix("\\x").map(|hex| Given::Text(hex.into())),
        ColumnType::Text | ColumnType::Uint64 => None,
    };
    meant.unwrap_or_else(|| Given::Text(text.into()))
}
