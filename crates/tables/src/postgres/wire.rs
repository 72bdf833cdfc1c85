//! Messages of PostgreSQL's protocol 3.0, as far as a client that reads rows needs them. Pure.

/// A message of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    LoggedIn,
    Login(Asked),
    Ready,
    Fields(Vec<Field>),
    NoFields,
    /// Values as text.
    Row(Vec<Option<String>>),
    Complete,
    /// There are more rows than were asked for.
    Suspended,
    Refused {
        code: String,
        text: String,
    },
    /// Nothing that matters here.
    Remark,
}

/// How the server wants to know who this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Cleartext,
    Md5([u8; 4]),
    /// Its ways of SASL.
    Sasl(Vec<String>),
    SaslContinue(String),
    SaslFinal(String),
    Other(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub oid: u32,
}

/// Reads a message; none, where it is not one.
pub fn answer(kind: u8, body: &[u8]) -> Option<Answer> {
    let mut body = Body(body);
    Some(match kind {
        b'R' => match body.long()? {
            0 => Answer::LoggedIn,
            3 => Answer::Login(Asked::Cleartext),
            5 => Answer::Login(Asked::Md5(body.take(4)?.try_into().ok()?)),
            10 => {
                let mut ways = Vec::new();
                while let Some(way) = body.text().filter(|way| !way.is_empty()) {
                    ways.push(way);
                }
                Answer::Login(Asked::Sasl(ways))
            }
            11 => Answer::Login(Asked::SaslContinue(body.rest()?)),
            12 => Answer::Login(Asked::SaslFinal(body.rest()?)),
            other => Answer::Login(Asked::Other(other)),
        },
        b'Z' => Answer::Ready,
        b'T' => {
            let count = body.short()?;
            let mut fields = Vec::new();
            for _ in 0..count {
                let name = body.text()?;
                // The table's number and the column's, before the type's.
                body.take(6)?;
                let oid = body.long()?;
                // Size, modifier and form.
                body.take(8)?;
                fields.push(Field { name, oid });
            }
            Answer::Fields(fields)
        }
        b'n' => Answer::NoFields,
        b'D' => {
            let count = body.short()?;
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(match body.long()? {
                    u32::MAX => None,
                    length => {
                        let bytes = body.take(usize::try_from(length).ok()?)?;
                        Some(String::from_utf8_lossy(bytes).into_owned())
                    }
                });
            }
            Answer::Row(values)
        }
        b'C' | b'I' => Answer::Complete,
        b's' => Answer::Suspended,
        b'E' => {
            let (mut code, mut text) = (String::new(), String::new());
            loop {
                match body.take(1)? {
                    [0] => break,
                    [b'C'] => code = body.text()?,
                    [b'M'] => text = body.text()?,
                    _ => drop(body.text()?),
                }
            }
            Answer::Refused { code, text }
        }
        // Parsed, bound, parameters, keys, notices, notifications.
        b'1' | b'2' | b'3' | b'S' | b'K' | b'N' | b'A' | b't' => Answer::Remark,
        _ => return None,
    })
}

struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (own, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(own)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Up to a zero.
    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn rest(&mut self) -> Option<String> {
        String::from_utf8(self.0.to_vec()).ok()
    }
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
    out
}

pub fn tls_request() -> Vec<u8> {
    [8u32.to_be_bytes(), 80_877_103u32.to_be_bytes()].concat()
}

pub fn startup(username: &str, database: &str) -> Vec<u8> {
    let mut body = 196_608u32.to_be_bytes().to_vec();
    let pairs = [
        ("user", username),
        ("database", database),
        ("application_name", "tagwerk"),
        ("client_encoding", "UTF8"),
    ];
    for (key, value) in pairs {
        body.extend([key.as_bytes(), b"\0", value.replace('\0', "").as_bytes(), b"\0"].concat());
    }
    body.push(0);
    [(body.len() as u32 + 4).to_be_bytes().to_vec(), body].concat()
}

pub fn password(answer: &[u8]) -> Vec<u8> {
    framed(b'p', answer)
}

/// Statements of the edge's own.
pub fn query(text: &str) -> Vec<u8> {
    framed(b'Q', &[text.as_bytes(), b"\0"].concat())
}

/// One statement, and no other behind it: its columns, and so many rows of it as text.
pub fn ask(query: &str, rows: u32) -> Vec<u8> {
    let query = query.replace('\0', " ");
    let parse = framed(b'P', &[b"\0", query.as_bytes(), b"\0", &[0, 0]].concat());
    let bind = framed(b'B', &[0, 0, 0, 0, 0, 0, 0, 0]);
    let describe = framed(b'D', b"P\0");
    let execute = framed(b'E', &[&b"\0"[..], &rows.to_be_bytes()].concat());
    [parse, bind, describe, execute, framed(b'S', &[])].concat()
}

pub fn goodbye() -> Vec<u8> {
    framed(b'X', &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_read() {
        assert_eq!(answer(b'R', &[0, 0, 0, 0]), Some(Answer::LoggedIn));
        let ways = Asked::Sasl(vec!["SCRAM-SHA-256".to_owned()]);
        assert_eq!(answer(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"), Some(Answer::Login(ways)));
        let fields = b"\0\x01code\0\0\0\0\x01\0\x02\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
        let field = Field { name: "code".to_owned(), oid: 23 };
        assert_eq!(answer(b'T', fields), Some(Answer::Fields(vec![field])));
        let row = b"\0\x02\0\0\0\x011\xff\xff\xff\xff";
        assert_eq!(answer(b'D', row), Some(Answer::Row(vec![Some("1".to_owned()), None])));
        let refused = answer(b'E', b"SERROR\0C42P01\0Mno table\0\0");
        let (code, text) = ("42P01".to_owned(), "no table".to_owned());
        assert_eq!(refused, Some(Answer::Refused { code, text }));
        assert_eq!(answer(b'?', &[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in any::<u8>(), body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = answer(kind, &body);
        }
    }
}
