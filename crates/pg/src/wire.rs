//! Messages of the PostgreSQL protocol, version 3, as bytes: those of clients read, ours written. No
//! I/O. What a client sends is bounded before it is kept, and never trusted.

use tagwerk_model::limits;

/// What a connection begins with. Longer: refused, as PostgreSQL does.
const START_BYTES_MAX: usize = 10_000;
/// A message of a login.
const LOGIN_BYTES_MAX: usize = 4_096;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    TooLong,
    /// The length, or something inside, is not what the protocol says.
    Broken,
}

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Ssl,
    Gss,
    Cancel { pid: i32, key: [u8; 4] },
    Session { version: u32, parameters: Vec<(String, String)> },
}

/// A message of a client, and how many bytes it took; none while it is not whole.
pub type Read<T> = Result<Option<(T, usize)>, Malformed>;

pub fn start(bytes: &[u8]) -> Read<Start> {
    let Some(head) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length > START_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    if length < 8 {
        return Err(Malformed::Broken);
    }
    let Some(body) = bytes.get(4..length) else { return Ok(None) };
    let mut fields = Fields(body);
    let start = match fields.u32()? {
        SSL => Start::Ssl,
        GSS => Start::Gss,
        CANCEL => Start::Cancel { pid: fields.u32()? as i32, key: fields.array()? },
        version => {
            let mut parameters = Vec::new();
            loop {
                let name = fields.text()?;
                if name.is_empty() {
                    break;
                }
                parameters.push((name, fields.text()?));
            }
            Start::Session { version, parameters }
        }
    };
    Ok(Some((start, length)))
}

/// What a client sends after its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Query(String),
    Parse {
        name: String,
        text: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Close(Target),
    /// At most so many rows; zero for all.
    Execute {
        portal: String,
        rows: u32,
    },
    Flush,
    Sync,
    Terminate,
    /// An answer of a login, as it is.
    Login(Vec<u8>),
    /// Rows for a COPY that reads, which there is not: ignored, as PostgreSQL does.
    Copy,
    Call,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    pub portal: String,
    pub statement: String,
    pub formats: Vec<i16>,
    pub values: Vec<Option<Vec<u8>>>,
    pub results: Vec<i16>,
}

/// A prepared statement or a portal, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Statement(String),
    Portal(String),
}

/// The stage of a connection, which bounds its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Login,
    Session,
}

pub fn asked(bytes: &[u8], stage: Stage) -> Read<Asked> {
    let (Some(kind), Some(head)) = (bytes.first(), bytes.get(1..5)) else { return Ok(None) };
    let length = Fields(head).u32()? as usize;
    let most = match stage {
        Stage::Login => LOGIN_BYTES_MAX,
        Stage::Session => limits::POSTGRES_MESSAGE_BYTES_MAX,
    };
    if length > most {
        return Err(Malformed::TooLong);
    }
    if length < 4 {
        return Err(Malformed::Broken);
    }
    let Some(body) = bytes.get(5..1 + length) else { return Ok(None) };
    let mut fields = Fields(body);
    let asked = match (kind, stage) {
        (b'p', Stage::Login) => {
            let answer = std::mem::take(&mut fields.0);
            Asked::Login(answer.to_vec())
        }
        (b'X', _) => Asked::Terminate,
        (_, Stage::Login) => return Err(Malformed::Broken),
        (b'Q', _) => Asked::Query(fields.text()?),
        (b'P', _) => {
            let (name, text) = (fields.text()?, fields.text()?);
            let count = fields.u16()?;
            Asked::Parse { name, text, types: fields.list(count, Fields::u32)? }
        }
        (b'B', _) => Asked::Bind(bind(&mut fields)?),
        (b'D', _) => Asked::Describe(target(&mut fields)?),
        (b'C', _) => Asked::Close(target(&mut fields)?),
        (b'E', _) => Asked::Execute { portal: fields.text()?, rows: fields.u32()? },
        (b'H', _) => Asked::Flush,
        (b'S', _) => Asked::Sync,
        (b'F', _) => {
            fields.0 = &[];
            Asked::Call
        }
        (b'd' | b'c' | b'f', _) => {
            fields.0 = &[];
            Asked::Copy
        }
        _ => return Err(Malformed::Broken),
    };
    if !fields.0.is_empty() {
        return Err(Malformed::Broken);
    }
    Ok(Some((asked, 1 + length)))
}

fn bind(fields: &mut Fields<'_>) -> Result<Bind, Malformed> {
    let (portal, statement) = (fields.text()?, fields.text()?);
    let count = fields.u16()?;
    let formats = fields.list(count, Fields::i16)?;
    let count = fields.u16()?;
    let values = fields.list(count, Fields::value)?;
    let count = fields.u16()?;
    Ok(Bind { portal, statement, formats, values, results: fields.list(count, Fields::i16)? })
}

fn target(fields: &mut Fields<'_>) -> Result<Target, Malformed> {
    match fields.array()? {
        [b'S'] => Ok(Target::Statement(fields.text()?)),
        [b'P'] => Ok(Target::Portal(fields.text()?)),
        _ => Err(Malformed::Broken),
    }
}

/// What is left of a message.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Broken)?;
        self.0 = rest;
        Ok(*array)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// Up to its zero byte.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed::Broken)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        String::from_utf8(text.to_vec()).map_err(|_| Malformed::Broken)
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::Broken)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// None for NULL, whose length is −1.
    pub fn value(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        match self.u32()? {
            u32::MAX => Ok(None),
            length => Ok(Some(self.bytes(length as usize)?.to_vec())),
        }
    }

    /// The message bounds the count: each takes at least two bytes.
    fn list<T>(
        &mut self,
        count: u16,
        one: fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        (0..count).map(|_| one(self)).collect()
    }
}

/// Writes one message: its kind, its length, and what `body` puts in.
pub fn message(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend([0; 4]);
    body(out);
    let length = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

pub fn text(out: &mut Vec<u8>, text: &str) {
    // A zero byte would end the field early.
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

/// A column as its rows are announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub type_oid: i64,
    pub size: i16,
    pub format: i16,
}

pub fn row_description(out: &mut Vec<u8>, fields: &[Field]) {
    message(out, b'T', |out| {
        out.extend((fields.len() as u16).to_be_bytes());
        for field in fields {
            text(out, &field.name);
            out.extend([0; 6]);
            out.extend((field.type_oid as u32).to_be_bytes());
            out.extend(field.size.to_be_bytes());
            out.extend((-1i32).to_be_bytes());
            out.extend(field.format.to_be_bytes());
        }
    });
}

pub fn parameter_description(out: &mut Vec<u8>, types: &[u32]) {
    message(out, b't', |out| {
        out.extend((types.len() as u16).to_be_bytes());
        types.iter().for_each(|oid| out.extend(oid.to_be_bytes()));
    });
}

pub fn complete(out: &mut Vec<u8>, tag: &str) {
    message(out, b'C', |out| text(out, tag));
}

pub fn setting(out: &mut Vec<u8>, name: &str, value: &str) {
    message(out, b'S', |out| {
        text(out, name);
        text(out, value);
    });
}

/// `I` idle, `T` in a transaction, `E` in one that failed.
pub fn ready(out: &mut Vec<u8>, state: u8) {
    message(out, b'Z', |out| out.push(state));
}

/// A step of the login: its number, and what belongs to it.
pub fn authentication(out: &mut Vec<u8>, step: u32, data: &[u8]) {
    message(out, b'R', |out| {
        out.extend(step.to_be_bytes());
        out.extend(data);
    });
}

pub fn copy_out(out: &mut Vec<u8>, columns: usize) {
    message(out, b'H', |out| {
        out.push(0);
        out.extend((columns as u16).to_be_bytes());
        out.extend(std::iter::repeat_n([0, 0], columns).flatten());
    });
}

/// For the fuzzer: bytes of a client, read as far as they go.
pub fn read_all(bytes: &[u8]) {
    // What it says does not matter, only that it comes back.
    let _ = start(bytes);
    for stage in [Stage::Login, Stage::Session] {
        let mut rest = bytes;
        while let Ok(Some((message, taken))) = asked(rest, stage) {
            if let Asked::Bind(bind) = &message {
                bind.values.iter().flatten().for_each(|value| crate::parameter::read_all(value));
            }
            rest = &rest[taken..];
        }
    }
}
