//! What an SMTP server answers, line by line; RFC 5321 section 4.2. Pure: bytes in, a reply out.

/// Longest line of a reply. RFC 5321 allows 512; more than this is no mail server.
const LINE_BYTES_MAX: usize = 2_000;
/// Lines of one reply. More: the connection is given up.
const LINES_MAX: usize = 100;
/// Letters of a reply that a message repeats.
const EXCERPT_LETTERS_MAX: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// From 200 to 599.
    pub code: u16,
    pub lines: Vec<String>,
}

/// This is no SMTP server, or it has lost its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSmtp(pub String);

impl Reply {
    /// The first whole reply, and the bytes that it took. `None`: there is more to come.
    pub fn read(bytes: &[u8]) -> Result<Option<(Reply, usize)>, NotSmtp> {
        let (mut lines, mut taken, mut first) = (Vec::new(), 0, None);
        loop {
            let rest = &bytes[taken..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return match rest.len() > LINE_BYTES_MAX || !is_begin(rest) {
                    true => Err(strange(rest)),
                    false => Ok(None),
                };
            };
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            let (code, last, text) = split(line).ok_or_else(|| strange(line))?;
            if *first.get_or_insert(code) != code || lines.len() >= LINES_MAX {
                return Err(strange(line));
            }
            lines.push(text);
            taken += end + 1;
            if last {
                return Ok(Some((Reply { code, lines }, taken)));
            }
        }
    }

    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// It may be otherwise later.
    pub fn is_passing(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// The arguments of an extension that the answer to EHLO lists.
    pub fn extension(&self, name: &str) -> Option<Vec<&str>> {
        self.lines.iter().skip(1).find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            // Some old servers write `AUTH=PLAIN`.
            let first = words.next()?;
            let (word, joined) = first.split_once('=').map_or((first, None), |(w, j)| (w, Some(j)));
            word.eq_ignore_ascii_case(name).then(|| joined.into_iter().chain(words).collect())
        })
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{} {}", self.code, self.lines.join(" "));
        f.write_str(&shortened(text.trim_end()))
    }
}

/// Code, whether the line is the last, and its text.
fn split(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok().filter(|c| c.bytes().all(|b| b.is_ascii_digit()))?;
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    let (last, text) = match rest.split_first() {
        None => (true, &b""[..]),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (line.len() <= LINE_BYTES_MAX).then(|| (code, last, String::from_utf8_lossy(text).into()))
}

/// The beginning of a line that is not there yet.
fn is_begin(rest: &[u8]) -> bool {
    rest.iter().take(3).all(u8::is_ascii_digit)
}

fn strange(line: &[u8]) -> NotSmtp {
    NotSmtp(shortened(&String::from_utf8_lossy(&line[..line.len().min(EXCERPT_LETTERS_MAX)])))
}

fn shortened(text: &str) -> String {
    let letters = text.chars().take(EXCERPT_LETTERS_MAX);
    letters.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(u16, String, usize)>, NotSmtp> {
        let found = Reply::read(text.as_bytes())?;
        Ok(found.map(|(reply, taken)| (reply.code, reply.lines.join("|"), taken)))
    }

    #[test]
    fn replies_are_read() {
        assert_eq!(read("220 hello\r\n"), Ok(Some((220, "hello".into(), 11))));
        assert_eq!(read("250\r\n250 x"), Ok(Some((250, String::new(), 5))));
        assert_eq!(read("250-a\r\n250-b\n250 c\r\nrest"), Ok(Some((250, "a|b|c".into(), 20))));
        for part in ["", "2", "25", "250-a\r\n", "250-a\r\n25", "250 a"] {
            assert_eq!(read(part), Ok(None), "{part}");
        }
        let long = "x".repeat(3_000);
        let many = "250-a\r\n".repeat(101);
        for wrong in [
            "HTTP/1.1 400 Bad Request\r\n",
            "SSH",
            "199 a\r\n",
            "600 a\r\n",
            "250_a\r\n",
            "+50 a\r\n",
            "250-a\r\n251 b\r\n",
            "25\r\n",
            &format!("250 {long}"),
            &format!("250 {long}\r\n"),
            &many,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn extensions_are_found() {
        let text =
            "250-mail\r\n250-starttls\r\n250-AUTH=LOGIN\r\n250-Auth PLAIN login\r\n250 X\r\n";
        let (reply, _) = Reply::read(text.as_bytes()).unwrap().unwrap();
        assert_eq!(reply.extension("STARTTLS"), Some(vec![]));
        assert_eq!(reply.extension("AUTH"), Some(vec!["LOGIN"]));
        assert_eq!(reply.extension("mail"), None, "the first line is the server's name");
        assert_eq!(reply.to_string(), "250 mail starttls AUTH=LOGIN Auth PLAIN login X");
    }
}
