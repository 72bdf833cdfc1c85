//! Collects findings while a document is checked and places them in its text at the end.

use crate::source::{Node, Source, push_key};
use serde::{Serialize, Serializer};
use std::fmt;
use tagwerk_component::{Place, Segment, Weight};
use tagwerk_model::limits;

/// One problem of a document, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocatedFinding {
    #[serde(serialize_with = "weight_name")]
    pub weight: Weight,
    /// Such as `devices[boiler-1].groups[process].tags[drum_pressure].address`, by position where
    /// there is no name; empty for the document as a whole.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for LocatedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.path.is_empty() {
            write!(f, ", {}", self.path)?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

fn weight_name<S: Serializer>(weight: &Weight, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
    })
}

impl LocatedFinding {
    pub(crate) fn error(
        (line, column): (usize, usize),
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> LocatedFinding {
        LocatedFinding {
            weight: Weight::Error,
            path: String::new(),
            line: u32::try_from(line).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(column).unwrap_or(u32::MAX).max(1),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// Keeps the first [`limits::FINDINGS_MAX`], errors before warnings, and counts the rest.
#[derive(Default)]
pub(crate) struct Report {
    list: Vec<Raw>,
    dropped: usize,
    errors: usize,
}

pub(crate) struct Raw {
    pub weight: Weight,
    pub at: u32,
    /// Lines below the node's first one, and characters behind its column.
    pub within: (u32, u32),
    /// What follows the path of the node: a key that is not in the document.
    pub rest: String,
    pub problem: String,
    pub remedy: String,
}

impl Report {
    pub fn error(&mut self, node: Node<'_>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(Weight::Error, node.at(), String::new(), problem.into(), remedy.into());
    }

    pub fn warning(
        &mut self,
        node: Node<'_>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Weight::Warning, node.at(), String::new(), problem.into(), remedy.into());
    }

    /// An error about a node of a tree that is still being built.
    pub fn error_at(&mut self, at: u32, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(Weight::Error, at, String::new(), problem.into(), remedy.into());
    }

    /// An error about a key that `map` lacks.
    pub fn missing(&mut self, map: Node<'_>, key: &str, remedy: impl Into<String>) {
        let problem = format!("`{key}` is missing");
        self.add(Weight::Error, map.at(), key.to_owned(), problem, remedy.into());
    }

    /// A component's finding, whose place is followed from `node` as far as the document goes.
    pub fn component(
        &mut self,
        node: Node<'_>,
        place: &Place,
        weight: Weight,
        problem: &str,
        remedy: &str,
    ) {
        let mut node = node;
        let mut segments = place.0.iter();
        let mut rest = String::new();
        for segment in segments.by_ref() {
            let next = match segment {
                Segment::Key(key) => node.get(key),
                Segment::Index(index) => node.items().nth(*index),
            };
            match next {
                Some(next) => node = next,
                None => {
                    push_segment(&mut rest, segment);
                    break;
                }
            }
        }
        segments.for_each(|segment| push_segment(&mut rest, segment));
        let remedy = if remedy.is_empty() { "correct this value" } else { remedy };
        self.add(weight, node.at(), rest, problem.to_owned(), remedy.to_owned());
    }

    pub fn dropped(&mut self, count: usize, errors: usize) {
        self.dropped += count;
        self.errors += errors;
    }

    pub fn errors(&self) -> usize {
        self.errors
    }

    /// The findings as they were reported, and how many more errors and warnings there were.
    pub fn into_raw(self) -> (Vec<Raw>, usize, usize) {
        let listed = self.list.iter().filter(|raw| raw.weight == Weight::Error).count();
        (self.list, self.dropped, self.errors - listed)
    }

    /// Only what was found at certain nodes.
    pub fn only(mut self, wanted: impl Fn(u32) -> bool) -> Report {
        let listed = |list: &[Raw]| list.iter().filter(|r| r.weight == Weight::Error).count();
        let before = listed(&self.list);
        self.list.retain(|raw| wanted(raw.at));
        self.errors -= before - listed(&self.list);
        self
    }

    /// A finding that another report had, about a node of this one's document.
    pub fn take(&mut self, raw: Raw) {
        self.push(raw);
    }

    /// About a place in a text, from 1 and 1. What is not a literal block has its place lost.
    pub fn in_text(
        &mut self,
        node: Node<'_>,
        weight: Weight,
        (line, column): (u32, u32),
        problem: String,
        remedy: String,
    ) {
        // A block is placed at its first line that is not empty.
        let empty = node.text().bytes().take_while(|byte| *byte == b'\n').count();
        let first = u32::try_from(empty).unwrap_or(u32::MAX).saturating_add(1);
        let within = match node.entry().is_literal() {
            true => (line.saturating_sub(first), column.saturating_sub(1)),
            false => (0, 0),
        };
        self.push(Raw { weight, at: node.at(), within, rest: String::new(), problem, remedy });
    }

    fn add(&mut self, weight: Weight, at: u32, rest: String, problem: String, remedy: String) {
        self.push(Raw { weight, at, within: (0, 0), rest, problem, remedy });
    }

    fn push(&mut self, raw: Raw) {
        let weight = raw.weight;
        self.errors += usize::from(weight == Weight::Error);
        if self.list.len() >= limits::FINDINGS_MAX {
            self.dropped += 1;
            let warning = self.list.iter().rposition(|raw| raw.weight == Weight::Warning);
            match (weight, warning) {
                (Weight::Error, Some(position)) => drop(self.list.remove(position)),
                _ => return,
            }
        }
        self.list.push(raw);
    }

    /// The findings in the order of the text, and how many more there were.
    pub fn finish(self, source: &Source) -> (Vec<LocatedFinding>, usize) {
        let mut list: Vec<LocatedFinding> = self
            .list
            .into_iter()
            .map(|raw| {
                let entry = source.node(raw.at).entry();
                let mut path = source.path(raw.at);
                match raw.rest.starts_with('[') || raw.rest.is_empty() {
                    true => path.push_str(&raw.rest),
                    false if path.is_empty() => path = raw.rest,
                    false => path = format!("{path}.{}", raw.rest),
                }
                LocatedFinding {
                    weight: raw.weight,
                    path,
                    line: entry.line.max(1).saturating_add(raw.within.0),
                    column: entry.column().max(1).saturating_add(raw.within.1),
                    problem: on_one_line(raw.problem),
                    remedy: on_one_line(raw.remedy),
                }
            })
            .collect();
        list.sort_by_key(|finding| (finding.line, finding.column));
        (list, self.dropped)
    }
}

/// Components quote what users wrote, line breaks and all.
fn on_one_line(text: String) -> String {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "\u{fffd}"),
        false => text,
    }
}

fn push_segment(path: &mut String, segment: &Segment) {
    match segment {
        Segment::Key(key) => push_key(path, key),
        Segment::Index(index) => path.push_str(&format!("[{index}]")),
    }
}
