//! Decides where a person must mend what is wrong with devices of templates: in the template when it is
//! wrong in every device, in the device when its parameters make it wrong.

use crate::conform::quoted;
use crate::expand::Expanded;
use crate::placeholder;
use crate::report::{Raw, Report};
use crate::source::{Form, Node, Source, shortened};
use crate::template::Template;
use std::collections::HashMap;
use tagwerk_component::Weight;
use tagwerk_model::limits;

/// Different findings kept until it is known how many devices have each. More: counted as dropped.
const KEPT_MAX: usize = 10_000;

/// Findings about nodes that devices have from their templates.
#[derive(Default)]
pub(crate) struct Blame {
    found: Vec<Found>,
    index: HashMap<Key, usize>,
    dropped: (usize, usize),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The node of the template.
    at: u32,
    rest: String,
    /// With what the placeholders were filled taken out again.
    problem: String,
    error: bool,
}

struct Found {
    template: usize,
    at: u32,
    rest: String,
    weight: Weight,
    remedy: String,
    devices: usize,
    /// The first devices that have it, and the problem in their words.
    examples: Vec<(u32, String)>,
}

impl Blame {
    /// Sorts out what was found in one device: what it wrote itself is told at once.
    pub fn take(
        &mut self,
        found: Report,
        device: (Node<'_>, &Expanded),
        template: (usize, &Template<'_>),
        document: &Source,
        report: &mut Report,
    ) {
        let (raw, dropped, errors) = found.into_raw();
        report.dropped(dropped, errors);
        let (owner, expanded) = device;
        for raw in raw {
            let at = expanded.origins[raw.at as usize];
            if !template.1.holds(at) {
                report.take(Raw { at, ..raw });
                continue;
            }
            let filled = expanded.source.node(raw.at).text();
            self.keep(raw, at, document.node(at).text(), filled, owner.at(), template.0);
        }
    }

    fn keep(&mut self, raw: Raw, at: u32, text: &str, filled: &str, owner: u32, template: usize) {
        let problem = match placeholder::has_any(text) && !filled.is_empty() {
            true => raw.problem.replace(filled, text),
            false => raw.problem.clone(),
        };
        let error = raw.weight == Weight::Error;
        let key = Key { at, rest: raw.rest.clone(), problem, error };
        let index = *self.index.entry(key).or_insert(self.found.len());
        if index == self.found.len() {
            if index >= KEPT_MAX {
                self.dropped.0 += 1;
                self.dropped.1 += usize::from(error);
                return;
            }
            self.found.push(Found {
                template,
                at,
                rest: raw.rest,
                weight: raw.weight,
                remedy: raw.remedy,
                devices: 0,
                examples: Vec::new(),
            });
        }
        let found = &mut self.found[index];
        found.devices += 1;
        if found.examples.len() <= limits::FINDINGS_MAX {
            found.examples.push((owner, raw.problem));
        }
    }

    /// Tells everything that was kept back.
    pub fn settle(self, document: &Source, templates: &[Template<'_>], report: &mut Report) {
        report.dropped(self.dropped.0, self.dropped.1);
        for found in self.found {
            let template = &templates[found.template];
            match found.is_the_templates(document, template) {
                true => found.tell_in_template(document, report),
                false => found.tell_in_devices(document, template, report),
            }
        }
    }
}

impl Found {
    fn is_the_templates(&self, document: &Source, template: &Template<'_>) -> bool {
        if self.devices < template.made {
            return false;
        }
        // A single device is no evidence against what it chose itself.
        self.devices > 1
            || self
                .examples
                .iter()
                .all(|(owner, _)| chosen(document, document.node(*owner), self.at).is_empty())
    }

    fn tell_in_template(self, document: &Source, report: &mut Report) {
        let Some((owner, mut problem)) = self.examples.into_iter().next() else { return };
        if placeholder::has_any(document.node(self.at).text()) {
            let name = document.node(owner).get("name").map(Node::text).unwrap_or_default();
            problem = format!("{problem} (so in device `{}`)", shortened(name));
        }
        let Found { weight, at, rest, remedy, .. } = self;
        report.take(Raw { weight, at, within: (0, 0), rest, problem, remedy });
    }

    fn tell_in_devices(self, document: &Source, template: &Template<'_>, report: &mut Report) {
        let more = self.devices - self.examples.len();
        report.dropped(more, if self.weight == Weight::Error { more } else { 0 });
        let node = document.node(self.at);
        let text = match placeholder::has_any(node.text()) {
            true => format!(": `{}`", shortened(node.text())),
            false => String::new(),
        };
        for (owner, problem) in self.examples {
            let owner = document.node(owner);
            let chosen = chosen(document, owner, self.at);
            let given = owner.get("parameters");
            let place = chosen.first().and_then(|name| given?.get(name));
            let place = place.or_else(|| owner.get("template")).unwrap_or(owner);
            let missing = match self.rest.is_empty() {
                true => String::new(),
                false => format!(", `{}`", self.rest),
            };
            let problem = format!(
                "{problem} (template `{}`, line {}{missing}{text})",
                template.name,
                node.line()
            );
            let remedy = match chosen.is_empty() {
                true => format!("override it here, or in the template: {}", self.remedy),
                false => format!("change {}, or in the template: {}", quoted(&chosen), self.remedy),
            };
            let (weight, at) = (self.weight, place.at());
            let rest = String::new();
            report.take(Raw { weight, at, within: (0, 0), rest, problem, remedy });
        }
    }
}

/// The parameters in a text of the template that the device gives.
fn chosen<'s>(document: &'s Source, owner: Node<'_>, at: u32) -> Vec<&'s str> {
    let node = document.node(at);
    let given = owner.get("parameters").filter(|given| given.form() == Form::Map);
    let mut names = placeholder::names(node.text());
    names.retain(|name| given.is_some_and(|given| given.get(name).is_some()));
    names.dedup();
    names
}
