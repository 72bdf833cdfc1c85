//! What became of each stream and each rule, for people and as JSON.

use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Translated, and it means something else in a case that is told.
    Changed,
    /// Without a counterpart.
    Lost,
    /// Left to whoever imports.
    ByHand,
}

/// The text that a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Text {
    /// eKuiper's statement.
    Theirs,
    /// The rule's SQL.
    Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    pub of: Text,
    /// Counted from 1.
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    pub kind: NoteKind,
    pub place: Option<Place>,
    pub text: String,
    pub remedy: String,
}

impl Note {
    fn new(kind: NoteKind, text: impl Into<String>, remedy: impl Into<String>) -> Note {
        Note { kind, place: None, text: shortened(text.into()), remedy: shortened(remedy.into()) }
    }

    pub fn changed(text: impl Into<String>, remedy: impl Into<String>) -> Note {
        Note::new(NoteKind::Changed, text, remedy)
    }

    pub fn lost(text: impl Into<String>, remedy: impl Into<String>) -> Note {
        Note::new(NoteKind::Lost, text, remedy)
    }

    pub fn by_hand(text: impl Into<String>, remedy: impl Into<String>) -> Note {
        Note::new(NoteKind::ByHand, text, remedy)
    }

    /// At a place of eKuiper's text.
    pub fn at(mut self, start: datafusion::sql::sqlparser::tokenizer::Location) -> Note {
        if start.line > 0 {
            let (line, column) = (start.line as u32, start.column as u32);
            self.place = Some(Place { of: Text::Theirs, line, column });
        }
        self
    }
}

/// What a file says is repeated up to here.
pub fn shortened(text: String) -> String {
    const CHARACTERS: usize = 400;
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(CHARACTERS).map(clean).collect();
    if text.chars().nth(CHARACTERS).is_some() {
        short.push('…');
    }
    short
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    pub name: String,
    /// A table of eKuiper's, and no stream.
    pub table: bool,
    /// What is read in its place.
    pub tables: BTreeSet<String>,
    /// The tags that rules need there.
    pub columns: Vec<String>,
    pub notes: Vec<Note>,
}

impl StreamReport {
    pub fn new(name: &str, table: bool) -> StreamReport {
        let (tables, columns, notes) = (BTreeSet::new(), Vec::new(), Vec::new());
        StreamReport { name: name.to_owned(), table, tables, columns, notes }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    pub id: String,
    /// The rule's name here.
    pub name: String,
    /// `live` or `draft`.
    pub stage: &'static str,
    pub notes: Vec<Note>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub streams: Vec<StreamReport>,
    pub rules: Vec<RuleReport>,
    /// Of the export as a whole.
    pub others: Vec<Note>,
}

impl Report {
    /// Rules that are translated, and rules that are kept as drafts.
    pub fn counts(&self) -> (usize, usize) {
        let live = self.rules.iter().filter(|rule| rule.stage == "live").count();
        (live, self.rules.len() - live)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NoteKind::Changed => "changed",
            NoteKind::Lost => "not translated",
            NoteKind::ByHand => "to do",
        })?;
        if let Some(Place { of, line, column }) = &self.place {
            let of = match of {
                Text::Theirs => "eKuiper's SQL",
                Text::Rule => "the rule's SQL",
            };
            write!(f, ", line {line}, column {column} of {of}")?;
        }
        write!(f, ": {}; {}", self.text, self.remedy)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stream in &self.streams {
            let kind = if stream.table { "table" } else { "stream" };
            let tables: Vec<&str> = stream.tables.iter().map(String::as_str).collect();
            match tables.is_empty() {
                true => writeln!(f, "{kind} {}", shortened(stream.name.clone()))?,
                false => {
                    let name = shortened(stream.name.clone());
                    writeln!(f, "{kind} {name}: read from {}", tables.join(", "))?;
                }
            }
            if !stream.columns.is_empty() {
                let what = if stream.table { "columns" } else { "tags" };
                writeln!(f, "  {what} needed: {}", stream.columns.join(", "))?;
            }
            stream.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))?;
        }
        for rule in &self.rules {
            let named = match rule.id == rule.name {
                true => String::new(),
                false => format!(", called {}", rule.name),
            };
            writeln!(f, "rule {}{named}: {}", rule.id, rule.stage)?;
            rule.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))?;
        }
        self.others.iter().try_for_each(|note| writeln!(f, "{note}"))?;
        let (live, drafts) = self.counts();
        writeln!(f, "{live} rules are translated, {drafts} are drafts")
    }
}
