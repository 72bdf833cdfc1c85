//! A rule of eKuiper's, and the rule here that comes of it.

use super::report::{self, Note, RuleReport};
use super::statement::{self, Surroundings, Use};
use super::{Work, actions, options};
use serde_json::Value;

pub struct Rule {
    pub id: String,
    pub name: String,
    pub sql: String,
    /// Kept, and not run.
    pub draft: bool,
    /// Milliseconds; none: the default.
    pub lateness_ms: Option<u64>,
    pub labels: Vec<String>,
    pub text: Option<String>,
    pub writes: Vec<Write>,
    pub notes: Vec<Note>,
    pub uses: Vec<Use>,
    /// There is a statement to plan.
    pub planned: bool,
    /// Something in the statement has no counterpart, and is told.
    pub lost: bool,
    /// Columns that it gives, once it is planned.
    pub columns: Vec<(String, tagwerk_model::DataType)>,
}

/// A column that is written to a tag; all columns to the tags of their names, where none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub column: Option<String>,
    pub device: String,
    pub tag: Option<String>,
}

impl Rule {
    pub fn read(id: &str, document: &Value, work: &mut Work<'_>) -> Rule {
        let name = work.names.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let mut rule = Rule {
            id: id.to_owned(),
            name,
            sql: String::new(),
            draft: false,
            lateness_ms: None,
            labels: Vec::new(),
            text: None,
            writes: Vec::new(),
            notes: Vec::new(),
            uses: Vec::new(),
            planned: false,
            lost: false,
            columns: Vec::new(),
        };
        if !document.is_object() {
            let remedy = "export it anew, or write the rule by hand";
            rule.draft_for(Note::lost("its document is no JSON object", remedy));
            return rule;
        }
        options::read(document, &mut rule);
        match document["sql"].as_str().filter(|sql| !sql.trim().is_empty()) {
            Some(sql) => rule.statement(sql, document, work),
            None if document["graph"].is_object() => {
                let text = "it is a graph, and has no SQL";
                rule.draft_for(Note::lost(text, "write what it does as one SELECT, or as several"));
            }
            None => rule.draft_for(Note::lost("it has no SQL", "write the rule by hand")),
        }
        actions::read(document, &mut rule, work);
        rule
    }

    fn statement(&mut self, sql: &str, document: &Value, work: &Work<'_>) {
        let around = Surroundings {
            streams: &work.streams,
            mapping: work.mapping,
            names: &work.names,
            memory: &work.memory,
            rule: &self.name,
            event_time: document["options"]["isEventTime"].as_bool() == Some(true),
        };
        let made = statement::translate(sql, &around);
        self.planned = !made.uses.is_empty() && made.sql.len() <= SQL_BYTES_MAX;
        self.sql = made.sql;
        self.uses = made.uses;
        self.draft |= made.lost;
        self.notes.extend(made.notes);
        self.lost = made.lost;
        if self.sql.len() > SQL_BYTES_MAX {
            self.sql = if sql.len() <= SQL_BYTES_MAX { sql.to_owned() } else { String::new() };
            self.draft_for(Note::lost("its SQL is too long", "divide it into several rules"));
        }
    }

    pub fn draft_for(&mut self, note: Note) {
        self.draft = true;
        self.notes.push(note);
    }

    pub fn into_report(self) -> RuleReport {
        let stage = if self.draft { "draft" } else { "live" };
        RuleReport { id: report::shortened(self.id), name: self.name, stage, notes: self.notes }
    }
}

const SQL_BYTES_MAX: usize = tagwerk_model::limits::RULE_SQL_BYTES_MAX;
