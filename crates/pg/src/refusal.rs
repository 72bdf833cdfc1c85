//! Errors as PostgreSQL's clients know them: a SQLSTATE, words, and what to do.

use crate::wire;
use tagwerk_sql::{Fault, SqlError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub state: &'static str,
    pub message: String,
    pub hint: Option<String>,
    /// In the statement's characters, from 1.
    pub position: Option<usize>,
    /// The connection ends with it.
    pub fatal: bool,
}

impl Refusal {
    pub fn new(state: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { state, message: message.into(), hint: None, position: None, fatal: false }
    }

    pub fn fatal(state: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { fatal: true, ..Refusal::new(state, message) }
    }

    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }

    pub fn protocol(message: impl Into<String>) -> Refusal {
        Refusal::fatal("08P01", message)
    }

    pub fn canceled() -> Refusal {
        Refusal::new("57014", "canceling statement due to user request")
    }

    /// `text`: the statement that it is about.
    pub fn of(error: SqlError, text: &str) -> Refusal {
        let position = error.place.and_then(|(line, column)| position(text, line, column));
        let remedy = error.remedy();
        Refusal { position, ..Refusal::new(state(&error), error.message) }.hint(remedy)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let severity = if self.fatal { "FATAL" } else { "ERROR" };
        self.write_as(out, b'E', severity);
    }

    fn write_as(&self, out: &mut Vec<u8>, kind: u8, severity: &str) {
        wire::message(out, kind, |out| {
            let mut field = |code: u8, value: &str| {
                out.push(code);
                wire::text(out, value);
            };
            field(b'S', severity);
            field(b'V', severity);
            field(b'C', self.state);
            field(b'M', &self.message);
            if let Some(hint) = &self.hint {
                field(b'H', hint);
            }
            if let Some(position) = self.position {
                field(b'P', &position.to_string());
            }
            out.push(0);
        });
    }

    /// As a warning, which ends nothing.
    pub fn write_notice(&self, out: &mut Vec<u8>) {
        self.write_as(out, b'N', "WARNING");
    }
}

fn state(error: &SqlError) -> &'static str {
    let message = error.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match error.fault {
        Fault::TooLarge => "53200",
        Fault::TimedOut => "57014",
        Fault::Busy => "53300",
        Fault::Inside => "XX000",
        Fault::NotAllowed if says(&["read only", "ddl", "dml"]) => "25006",
        Fault::NotAllowed => "0A000",
        Fault::Statement if says(&["table '", "table function '"]) => "42P01",
        Fault::Statement if says(&["no field named", "column '"]) => "42703",
        Fault::Statement if says(&["invalid function", "no function matches"]) => "42883",
        Fault::Statement if says(&["divide by zero"]) => "22012",
        Fault::Statement if says(&["cast", "parsing timestamp", "parser error"]) => "22P02",
        Fault::Statement if says(&["not implemented", "unsupported"]) => "0A000",
        Fault::Statement => "42601",
    }
}

fn position(text: &str, line: u64, column: u64) -> Option<usize> {
    let before = usize::try_from(line).ok()?.checked_sub(1)?;
    let lines: usize = text.split('\n').take(before).map(|line| line.chars().count() + 1).sum();
    Some(lines + usize::try_from(column).ok()?)
}
