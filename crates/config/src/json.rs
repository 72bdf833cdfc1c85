//! Reads strict JSON (RFC 8259) into the tree. The YAML parser could, but holds every token of a flow
//! collection in memory before it gives out the first, which a large document cannot afford.

use crate::builder::{Builder, Place};
use crate::report::LocatedFinding;
use crate::source::Form;

/// Why a text is not JSON.
pub(crate) struct NotJson {
    pub place: Place,
    pub expected: &'static str,
}

pub(crate) enum Stop {
    NotJson(NotJson),
    Refused(LocatedFinding),
}

pub(crate) fn read(text: &str, builder: &mut Builder) -> Result<(), Stop> {
    let mut scanner = Scanner { text, at: 0, line: 1, column: 1, placed: 0 };
    let mut open: Vec<Form> = Vec::new();
    loop {
        // A value is due here.
        scanner.skip_space();
        let place = scanner.place();
        match scanner.peek() {
            Some(b'{') => {
                scanner.at += 1;
                builder.begin(Form::Map, place).map_err(Stop::Refused)?;
                scanner.skip_space();
                if scanner.peek() != Some(b'}') {
                    scanner.key(builder)?;
                    open.push(Form::Map);
                    continue;
                }
                scanner.at += 1;
                builder.end();
            }
            Some(b'[') => {
                scanner.at += 1;
                builder.begin(Form::List, place).map_err(Stop::Refused)?;
                scanner.skip_space();
                if scanner.peek() != Some(b']') {
                    open.push(Form::List);
                    continue;
                }
                scanner.at += 1;
                builder.end();
            }
            Some(b'"') => scanner.string(builder, place)?,
            _ => scanner.word(builder, place)?,
        }
        // A value has ended: close what ends with it.
        loop {
            scanner.skip_space();
            let Some(form) = open.last() else {
                return match scanner.peek() {
                    None => Ok(()),
                    Some(_) => Err(scanner.wrong("the end of the document")),
                };
            };
            let (close, expected) = match form {
                Form::Map => (b'}', "`,` or `}`"),
                _ => (b']', "`,` or `]`"),
            };
            match scanner.peek() {
                Some(b',') => {
                    scanner.at += 1;
                    if *form == Form::Map {
                        scanner.skip_space();
                        scanner.key(builder)?;
                    }
                    break;
                }
                Some(byte) if byte == close => {
                    scanner.at += 1;
                    builder.end();
                    open.pop();
                }
                _ => return Err(scanner.wrong(expected)),
            }
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
    /// The byte up to which `line` and `column` are counted.
    placed: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn place(&mut self) -> Place {
        let passed = &self.text[self.placed..self.at];
        match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.bytes().filter(|b| *b == b'\n').count();
                self.column = 1 + passed[last + 1..].chars().count();
            }
            None => self.column += passed.chars().count(),
        }
        self.placed = self.at;
        (self.line, self.column)
    }

    fn wrong(&mut self, expected: &'static str) -> Stop {
        while !self.text.is_char_boundary(self.at) {
            self.at -= 1;
        }
        Stop::NotJson(NotJson { place: self.place(), expected })
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn key(&mut self, builder: &mut Builder) -> Result<(), Stop> {
        let place = self.place();
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a key in double quotes"));
        }
        self.string(builder, place)?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("`:` after the key"));
        }
        self.at += 1;
        Ok(())
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self, builder: &mut Builder, place: Place) -> Result<(), Stop> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            .count();
        let word = &rest[..length];
        if !matches!(word, "true" | "false" | "null") && !is_number(word) {
            return Err(self.wrong("a value"));
        }
        self.at += length;
        builder.scalar(word, Form::Plain, place);
        Ok(())
    }

    fn string(&mut self, builder: &mut Builder, place: Place) -> Result<(), Stop> {
        self.at += 1;
        let begin = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let run = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            if let Some(text) = &mut unescaped {
                text.push_str(&self.text[run..self.at]);
            }
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let so_far = &self.text[begin..self.at];
                    let c = self.escape()?;
                    unescaped.get_or_insert_with(|| so_far.to_owned()).push(c);
                }
                _ => return Err(self.wrong("`\"` at the end of the text")),
            }
        }
        match &unescaped {
            Some(text) => builder.scalar(text, Form::Text, place),
            None => builder.scalar(&self.text[begin..self.at], Form::Text, place),
        };
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<char, Stop> {
        self.at += 2;
        let c = match self.text.as_bytes().get(self.at - 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => {
                self.at -= 1;
                return Err(self.wrong("a character that may follow `\\`"));
            }
        };
        Ok(c)
    }

    /// The character of `\uXXXX`, or of two of them that form a surrogate pair.
    fn code_point(&mut self) -> Result<char, Stop> {
        let code = match self.hexadecimal() {
            Some(high @ 0xd800..0xdc00) if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let low = self.hexadecimal().filter(|low| (0xdc00..0xe000).contains(low));
                low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            }
            other => other,
        };
        match code.and_then(char::from_u32) {
            Some(c) => Ok(c),
            None => Err(self.wrong("the four hexadecimal digits of a character after `\\u`")),
        }
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        let digit = |b: &u8| char::from(*b).to_digit(16);
        let value = digits.iter().try_fold(0, |value, b| Some(value * 16 + digit(b)?))?;
        self.at += 4;
        Some(value)
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 || (whole > 1 && digits.starts_with('0')) {
        return false;
    }
    let rest = match digits[whole..].strip_prefix('.') {
        None => &digits[whole..],
        Some(fraction) => {
            let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if count == 0 {
                return false;
            }
            &fraction[count..]
        }
    };
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::syntax;
    use proptest::prelude::*;
    use serde_json::Value;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(|f| Value::from(f + 0.5)),
            any::<String>().prop_map(|s| Value::from(s.replace('\u{7f}', ""))),
        ];
        let many = |inner: BoxedStrategy<Value>| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\é]{0,5}", inner, 0..20)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        };
        leaf.prop_recursive(4, 40, 8, move |inner| many(inner.boxed()))
            .prop_filter("a document", |v| v.is_object() || v.is_array())
    }

    proptest! {
        #[test]
        fn json_reads_back_as_it_was_written(value in any_json(), pretty: bool) {
            let text = match pretty {
                true => serde_json::to_string_pretty(&value),
                false => serde_json::to_string(&value),
            }.unwrap();
            let (source, _) = syntax::read(text.as_bytes()).map_err(|f| {
                TestCaseError::fail(f.to_string())
            })?;
            prop_assert_eq!(source.root().to_json(), value);
        }
    }

    #[test]
    fn surrogate_pairs_and_places_are_read() {
        let text = "[\n \"\\ud83d\\ude00\", 1e3]";
        let (source, _) = syntax::read(text.as_bytes()).unwrap_or_else(|f| panic!("{f}"));
        let items: Vec<_> = source.root().items().collect();
        assert_eq!(items[0].text(), "😀");
        assert_eq!((items[1].line(), items[1].entry().column()), (2, 18));
    }
}
