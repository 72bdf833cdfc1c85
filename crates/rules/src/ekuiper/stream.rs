//! A stream or a table of eKuiper's: its columns, and where it comes from.

use super::Mapping;
use super::dialect;
use super::names;
use super::report::{Note, StreamReport};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};
use std::collections::BTreeMap;
use tagwerk_model::DataType;

/// What is known of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Unknown,
    Whole,
    Float,
    Text,
    Bool,
    Bytes,
    /// A time as a text or as milliseconds.
    Time,
    /// A list or a record.
    Nested,
    /// A list of texts.
    Texts,
}

impl Kind {
    fn named(word: &str) -> Option<Kind> {
        Some(match word.to_ascii_lowercase().as_str() {
            "bigint" => Kind::Whole,
            "float" => Kind::Float,
            "string" => Kind::Text,
            "datetime" => Kind::Time,
            "boolean" => Kind::Bool,
            "bytea" => Kind::Bytes,
            "array" | "struct" => Kind::Nested,
            _ => return None,
        })
    }

    pub fn or(self, other: Kind) -> Kind {
        if self == Kind::Unknown { other } else { self }
    }

    /// Of the tag that is made up for it.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Whole => DataType::Int64,
            Kind::Unknown | Kind::Float => DataType::Float64,
            Kind::Text | Kind::Time | Kind::Nested | Kind::Texts => DataType::Text,
            Kind::Bool => DataType::Bool,
            Kind::Bytes => DataType::Bytes,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Stream {
    pub name: String,
    /// A table of eKuiper's: looked up, and no stream.
    pub table: bool,
    pub columns: Vec<(String, Kind)>,
    /// By their names in small letters.
    options: BTreeMap<String, String>,
}

impl Stream {
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn source(&self) -> String {
        self.option("type").unwrap_or("mqtt").to_ascii_lowercase()
    }

    pub fn is_neuron(&self) -> bool {
        self.source() == "neuron"
    }

    pub fn kind(&self, column: &str) -> Option<Kind> {
        let same = |known: &&(String, Kind)| known.0.eq_ignore_ascii_case(column);
        self.columns.iter().find(same).map(|(_, kind)| *kind)
    }

    /// The statement that makes it.
    pub fn parse(name: &str, text: &str, table: bool) -> Result<Stream, Note> {
        let tokens = dialect::tokens(text)?;
        let mut parser = Tokens { tokens: &tokens, at: 0 };
        let (columns, options) = parser.definition().map_err(|at| {
            let found = parser.tokens.get(at);
            let start = found.map_or(Location::empty(), |token| token.span.start);
            let problem = match found {
                Some(token) => format!("`{}` is not understood in its statement", token.token),
                None => "its statement ends too early".to_owned(),
            };
            Note::lost(problem, "rules that read it take every column as a number").at(start)
        })?;
        Ok(Stream { name: name.to_owned(), table, columns, options })
    }

    /// What to do for rules that read it.
    pub fn tell(&self, mapping: &Mapping, told: &mut StreamReport) {
        let told = &mut told.notes;
        let mapped = mapping.get(&self.name).is_some();
        let source = self.source();
        match source.as_str() {
            "neuron" if mapped => {}
            "neuron" => {
                let remedy = format!(
                    "import Neuron's nodes as devices; where a rule does not say \
                    `node_name = …`, choose with --map {}=DEVICE",
                    self.name
                );
                told.push(Note::by_hand("it is Neuron's tags, of all nodes at once", remedy));
            }
            "memory" => {}
            // A device is made of it, when it is known what rules read.
            "mqtt" if !mapped => {}
            _ => told.push(self.by_hand(mapping)),
        }
        for (column, kind) in &self.columns {
            if matches!(kind, Kind::Nested | Kind::Texts) {
                let remedy = "make a tag of each value that rules use";
                told.push(Note::changed(format!("`{column}` is a list or a record"), remedy));
            }
        }
    }

    /// That somebody must see to its device.
    pub fn by_hand(&self, mapping: &Mapping) -> Note {
        let (source, topic) = (self.source(), self.option("datasource").unwrap_or_default());
        let device = names::target(mapping, &self.name);
        let from = match topic.is_empty() {
            true => format!("it is read from `{source}`"),
            false => format!("it is read from `{source}`, {topic}"),
        };
        let remedy = match mapping.get(&self.name).is_some() {
            true => format!("see that `{}` reads the same values", device.name()),
            false => format!(
                "make the device `{}` that reads the same values, or choose one with \
                 --map {}=DEVICE",
                device.name(),
                self.name
            ),
        };
        Note::by_hand(from, remedy)
    }
}

type Definition = (Vec<(String, Kind)>, BTreeMap<String, String>);

struct Tokens<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<&Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).map(|token| &token.token)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token.token == *wanted);
        self.at += usize::from(found);
        found
    }

    fn ahead(&self) -> Option<[&Token; 2]> {
        let [one, other] = self.tokens.get(self.at..self.at + 2)? else { return None };
        Some([&one.token, &other.token])
    }

    fn word(&mut self) -> Result<String, usize> {
        let at = self.at;
        match self.next() {
            Some(Token::Word(word)) => Ok(word.value.clone()),
            _ => Err(at),
        }
    }

    fn definition(&mut self) -> Result<Definition, usize> {
        for wanted in ["create", "stream table"] {
            let at = self.at;
            let word = self.word()?.to_ascii_lowercase();
            if !wanted.split(' ').any(|known| known == word) {
                return Err(at);
            }
        }
        self.word()?;
        let mut columns = Vec::new();
        if self.take(&Token::LParen) {
            while !self.take(&Token::RParen) {
                columns.push(self.column()?);
                self.take(&Token::Comma);
            }
        }
        let mut options = BTreeMap::new();
        if self.at < self.tokens.len() && !self.take(&Token::SemiColon) {
            let at = self.at;
            if !self.word()?.eq_ignore_ascii_case("with") || !self.take(&Token::LParen) {
                return Err(at);
            }
            while !self.take(&Token::RParen) {
                let (name, value) = self.option()?;
                options.insert(name.to_ascii_lowercase(), value);
                self.take(&Token::Comma);
            }
        }
        Ok((columns, options))
    }

    fn column(&mut self) -> Result<(String, Kind), usize> {
        let name = self.word()?;
        let at = self.at;
        let mut kind = Kind::named(&self.word()?).ok_or(at)?;
        if let Some([Token::LParen, Token::Word(item)]) = self.ahead()
            && item.value.eq_ignore_ascii_case("string")
        {
            kind = Kind::Texts;
        }
        let mut depth = 0;
        while self.tokens.get(self.at).is_some() {
            match &self.tokens[self.at].token {
                Token::LParen => depth += 1,
                Token::RParen if depth > 0 => depth -= 1,
                _ if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        Ok((name, kind))
    }

    fn option(&mut self) -> Result<(String, String), usize> {
        let name = self.word()?;
        if !self.take(&Token::Eq) {
            return Err(self.at);
        }
        let at = self.at;
        let value = match self.next() {
            Some(Token::DoubleQuotedString(text) | Token::SingleQuotedString(text)) => text.clone(),
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::Number(text, _)) => text.clone(),
            _ => return Err(at),
        };
        Ok((name, value))
    }
}
