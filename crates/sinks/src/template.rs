//! Text with placeholders, such as `tagwerk/{edge}/{device}`.

use std::borrow::Cow;
use tagwerk_component::{Findings, Place, nearest};

/// Longest text with placeholders.
const TEMPLATE_BYTES_MAX: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// One of the known names.
    Placeholder(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Unknown(String),
    Text(String),
}

impl Template {
    pub fn parse(text: &str, known: &'static [&'static str]) -> Result<Template, Problem> {
        if text.is_empty() {
            return Err(Problem::Text("there is nothing in it".into()));
        }
        if text.len() > TEMPLATE_BYTES_MAX {
            let length = text.len();
            return Err(Problem::Text(format!(
                "it has {length} bytes, the limit is {TEMPLATE_BYTES_MAX}"
            )));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, from_brace) = rest.split_at(at);
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let end = match from_brace.find('}') {
                Some(end) if end > 0 => end,
                Some(_) => return Err(Problem::Text("a `}` has no `{` before it".into())),
                None => return Err(Problem::Text("a `{` has no `}` after it".into())),
            };
            let name = &from_brace[1..end];
            match known.iter().find(|k| **k == name) {
                Some(name) => parts.push(Part::Placeholder(name)),
                None => return Err(Problem::Unknown(name.to_owned())),
            }
            rest = &from_brace[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    pub fn mentions(&self, name: &str) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(known) if *known == name))
    }

    /// The text with the value of each placeholder, by its name.
    pub fn render<'a>(&self, value: impl Fn(&str) -> Cow<'a, str>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Placeholder(name) => out.push_str(&value(name)),
            }
        }
        out
    }
}

/// A finding for text that is no template.
pub fn report(
    problem: Problem,
    place: Place,
    known: &'static [&'static str],
    findings: &mut Findings,
) {
    let list = known.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
    match problem {
        Problem::Unknown(name) => {
            let remedy = match nearest(&name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{{{meant}}}`? There are {list}"),
                None => format!("there are {list}"),
            };
            findings.error(place, format!("there is no placeholder `{{{name}}}`"), remedy);
        }
        Problem::Text(problem) => {
            findings.error(place, problem, format!("use plain text and the placeholders {list}"));
        }
    }
}
