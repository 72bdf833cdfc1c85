//! Makes a device of its template: a tree as if a person had written it, in which every node knows the
//! node of the document that it comes from. Pure; what the tree means is checked as always.

use crate::builder::Builder;
use crate::conform::quoted;
use crate::document::OverrideForm;
use crate::placeholder::{self, Filled, Given, Wrong};
use crate::report::Report;
use crate::scalar::Scalar;
use crate::source::{Form, Node, Source, shortened};
use crate::template::Template;
use crate::value_types::ParameterKind;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use tagwerk_component::nearest;
use tagwerk_model::limits;

/// A device as its template makes it.
pub(crate) struct Expanded {
    pub source: Source,
    /// For each node of `source`, the node of the document.
    pub origins: Vec<u32>,
}

/// Values for the parameters, in their order.
pub(crate) enum Values<'s> {
    Given(Vec<Node<'s>>),
    /// Stand-ins, to look at a template that no device uses.
    Samples,
}

/// The device that `owner` describes, which is the template itself with samples. `None`: told why.
pub(crate) fn expand<'s>(
    owner: Node<'s>,
    template: &Template<'s>,
    values: Values<'s>,
    report: &mut Report,
) -> Option<Expanded> {
    let is_device = matches!(values, Values::Given(_));
    let before = report.errors();
    let mut tree = Tree {
        builder: Builder::new(0),
        origins: Vec::new(),
        bytes: 0,
        template,
        values,
        overrides: Overrides::default(),
        report,
        owner,
    };
    if is_device {
        tree.overrides = Overrides::read(owner, tree.report);
    }
    let whole = tree.device(is_device);
    let Tree { builder, origins, overrides, .. } = tree;
    overrides.tell_unused(report);
    if whole.is_none() && report.errors() == before {
        let max = limits::CONFIG_BYTES_MAX;
        let problem = format!("the device that the template makes has more than {max} bytes");
        report.error(owner, problem, "divide the template");
    }
    let (source, _) = builder.finish();
    (report.errors() == before).then_some(Expanded { source, origins })
}

struct Tree<'s, 'a> {
    builder: Builder,
    origins: Vec<u32>,
    bytes: usize,
    template: &'a Template<'s>,
    values: Values<'s>,
    overrides: Overrides<'s>,
    report: &'a mut Report,
    owner: Node<'s>,
}

/// What each step gives: `None` when the tree has become too large.
type Step = Option<()>;

impl<'s> Tree<'s, '_> {
    fn device(&mut self, is_device: bool) -> Step {
        let (owner, template) = (self.owner, self.template.node);
        self.begin(Form::Map, owner)?;
        if is_device {
            for key in ["name", "description", "enabled"] {
                self.pair_of(owner, key, Tree::copy)?;
            }
            self.pair_of(template, "driver", Tree::copy)?;
            self.settings()?;
        }
        self.groups(is_device)?;
        self.builder.end();
        Some(())
    }

    fn pair_of(
        &mut self,
        map: Node<'s>,
        name: &str,
        put: impl FnOnce(&mut Self, Node<'s>) -> Step,
    ) -> Step {
        let Some((key, value)) = map.pairs().find(|(key, _)| key.text() == name) else {
            return Some(());
        };
        self.scalar(key.text(), Form::Text, key)?;
        put(self, value)
    }

    /// The template's settings, and over them the device's, key by key.
    fn settings(&mut self) -> Step {
        let settings = |node: Node<'s>| node.get("settings");
        let ours = settings(self.owner).filter(|node| node.scalar() != Some(Scalar::Null));
        let theirs = settings(self.template.node).filter(|node| node.form() == Form::Map);
        let Some(whole) = ours.or(theirs) else { return Some(()) };
        self.scalar("settings", Form::Text, whole)?;
        if whole.form() != Form::Map {
            return self.copy(whole);
        }
        self.begin(Form::Map, whole)?;
        for (key, value) in theirs.iter().flat_map(|theirs| theirs.pairs()) {
            if ours.is_none_or(|ours| ours.get(key.text()).is_none()) {
                self.scalar(key.text(), Form::Text, key)?;
                self.fill(value)?;
            }
        }
        for (key, value) in ours.iter().flat_map(|ours| ours.pairs()) {
            self.scalar(key.text(), Form::Text, key)?;
            self.copy(value)?;
        }
        self.builder.end();
        Some(())
    }

    /// The template's groups with what the device overrides, then the device's own.
    fn groups(&mut self, is_device: bool) -> Step {
        let list = |node: Node<'s>| node.get("groups").filter(|list| list.form() == Form::List);
        let theirs = list(self.template.node);
        let ours = list(self.owner).filter(|_| is_device);
        let Some(place) = theirs.or(ours) else { return Some(()) };
        self.scalar("groups", Form::Text, place)?;
        self.begin(Form::List, place)?;
        for group in theirs.iter().flat_map(|list| list.items()) {
            self.group(group)?;
        }
        for group in ours.iter().flat_map(|list| list.items()) {
            self.copy(group)?;
        }
        self.builder.end();
        Some(())
    }

    fn group(&mut self, group: Node<'s>) -> Step {
        let name = self.name_of(group);
        let differs = name.and_then(|name| self.overrides.find(Part::Group, &name));
        if differs.is_some_and(|differs| differs.remove) {
            // Overrides of its tags have found what they are about.
            for tag in group.get("tags").iter().flat_map(|tags| tags.items()) {
                if let Some(name) = self.name_of(tag) {
                    self.overrides.find(Part::Tag, &name);
                }
            }
            return Some(());
        }
        self.begin(Form::Map, group)?;
        let interval = differs
            .and_then(|differs| differs.node.pairs().find(|(key, _)| key.text() == "interval"));
        for (key, value) in group.pairs().filter(|(key, _)| is_text(*key)) {
            if key.text() == "interval" && interval.is_some() {
                continue;
            }
            self.scalar(key.text(), Form::Text, key)?;
            match key.text() == "tags" && value.form() == Form::List {
                true => self.tags(value)?,
                false => self.fill(value)?,
            }
        }
        if let Some((key, value)) = interval {
            self.scalar("interval", Form::Text, key)?;
            self.copy(value)?;
        }
        self.builder.end();
        Some(())
    }

    fn tags(&mut self, list: Node<'s>) -> Step {
        self.begin(Form::List, list)?;
        for tag in list.items() {
            let differs = match self.overrides.is_empty() {
                true => None,
                false => self.name_of(tag).and_then(|name| self.overrides.find(Part::Tag, &name)),
            };
            match differs {
                None => self.fill(tag)?,
                Some(differs) if differs.remove => {}
                Some(differs) => self.tag(tag, differs.node)?,
            }
        }
        self.builder.end();
        Some(())
    }

    fn tag(&mut self, tag: Node<'s>, differs: Node<'s>) -> Step {
        self.begin(Form::Map, tag)?;
        for (key, value) in tag.pairs().filter(|(key, _)| is_text(*key)) {
            if differs.get(key.text()).is_none() {
                self.scalar(key.text(), Form::Text, key)?;
                self.fill(value)?;
            }
        }
        for (key, value) in differs.pairs() {
            let selects = matches!(key.text(), "tag" | "remove" | "group" | "interval");
            if !selects && value.scalar() != Some(Scalar::Null) {
                self.scalar(key.text(), Form::Text, key)?;
                self.copy(value)?;
            }
        }
        self.builder.end();
        Some(())
    }

    /// The name of a group or tag of the template, filled.
    fn name_of(&self, node: Node<'s>) -> Option<Cow<'s, str>> {
        let name = node.get("name")?.text();
        if !placeholder::has_any(name) {
            return Some(Cow::Borrowed(name));
        }
        match placeholder::fill(name, &|name| self.value(name)).ok()? {
            Filled::Parameter(name) => self.node_of(name).map(|node| Cow::Borrowed(node.text())),
            Filled::Whole(n) => Some(Cow::Owned(n.to_string())),
            Filled::Text(text) => Some(Cow::Owned(text)),
        }
    }

    /// A part of the document as it stands.
    fn copy(&mut self, node: Node<'s>) -> Step {
        self.put(node, false)
    }

    /// A part of the template with its placeholders filled.
    fn fill(&mut self, node: Node<'s>) -> Step {
        self.put(node, true)
    }

    fn put(&mut self, node: Node<'s>, fill: bool) -> Step {
        match node.form() {
            Form::List => {
                self.begin(Form::List, node)?;
                for item in node.items() {
                    self.put(item, fill)?;
                }
                self.builder.end();
                Some(())
            }
            Form::Map => {
                self.begin(Form::Map, node)?;
                for (key, value) in node.pairs().filter(|(key, _)| is_text(*key)) {
                    self.scalar(key.text(), key.form(), key)?;
                    self.put(value, fill)?;
                }
                self.builder.end();
                Some(())
            }
            Form::Plain | Form::Text if fill && placeholder::has_any(node.text()) => {
                self.filled(node)
            }
            form => self.scalar(node.text(), form, node),
        }
    }

    fn filled(&mut self, node: Node<'s>) -> Step {
        match placeholder::fill(node.text(), &|name| self.value(name)) {
            Ok(Filled::Parameter(name)) => match self.node_of(name) {
                Some(value) => self.scalar(value.text(), value.form(), node),
                None => {
                    let whole = matches!(self.value(name), Some(Given::Whole(_)));
                    self.scalar("1", if whole { Form::Plain } else { Form::Text }, node)
                }
            },
            Ok(Filled::Whole(n)) => self.scalar(&n.to_string(), Form::Plain, node),
            Ok(Filled::Text(text)) => self.scalar(&text, Form::Text, node),
            Err(wrong) => {
                self.unfillable(node, &wrong);
                self.scalar("", Form::Text, node)
            }
        }
    }

    /// Only the values can be the reason: the text itself has been checked in the template.
    fn unfillable(&mut self, node: Node<'s>, wrong: &Wrong<'_>) {
        if matches!(self.values, Values::Samples) {
            return;
        }
        let given = self.owner.get("parameters");
        let names = placeholder::names(node.text());
        let cause = names.iter().find_map(|name| given?.get(name));
        let problem = format!(
            "{wrong} (line {} of template `{}`: `{}`)",
            node.line(),
            self.template.name,
            shortened(node.text())
        );
        let place = cause.or(self.owner.get("template")).unwrap_or(self.owner);
        self.report.error(place, problem, format!("change {}", quoted(&names)));
    }

    fn node_of(&self, name: &str) -> Option<Node<'s>> {
        let Values::Given(values) = &self.values else { return None };
        let index = self.template.parameters.iter().position(|p| p.name == name)?;
        values.get(index).copied()
    }

    fn value(&self, name: &str) -> Option<Given<'s>> {
        let kind = self.template.parameter(name)?.kind;
        match (self.node_of(name), kind) {
            (Some(node), ParameterKind::Integer) => match node.scalar() {
                Some(Scalar::Integer(n)) => Some(Given::Whole(n)),
                _ => None,
            },
            (Some(node), _) => Some(Given::Text(node.text())),
            (None, ParameterKind::Integer) => Some(Given::Whole(1)),
            (None, _) => Some(Given::Text("x")),
        }
    }

    fn begin(&mut self, form: Form, origin: Node<'s>) -> Step {
        let entry = origin.entry();
        let place = (entry.line as usize, entry.column() as usize);
        // As deep as in the document, which is bounded.
        self.builder.begin(form, place).ok()?;
        self.origins.push(origin.at());
        Some(())
    }

    fn scalar(&mut self, text: &str, form: Form, origin: Node<'s>) -> Step {
        self.bytes += text.len();
        if self.bytes > limits::CONFIG_BYTES_MAX {
            return None;
        }
        let entry = origin.entry();
        self.builder.scalar(text, form, (entry.line as usize, entry.column() as usize));
        self.origins.push(origin.at());
        Some(())
    }
}

fn is_text(key: Node<'_>) -> bool {
    matches!(key.form(), Form::Plain | Form::Text)
}

/// What a device says differs from its template.
#[derive(Default)]
struct Overrides<'s> {
    groups: Of<'s>,
    tags: Of<'s>,
}

/// Overrides of groups, or of tags.
#[derive(Default)]
struct Of<'s> {
    by_name: HashMap<&'s str, Override<'s>>,
    /// The names that the template has, for the one that a user meant.
    seen: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Group,
    Tag,
}

#[derive(Clone, Copy)]
struct Override<'s> {
    node: Node<'s>,
    remove: bool,
    used: bool,
}

/// Names of the template kept for suggestions.
const SEEN_MAX: usize = 2_000;

impl<'s> Overrides<'s> {
    fn read(device: Node<'s>, report: &mut Report) -> Overrides<'s> {
        let mut overrides = Overrides::default();
        for node in device.get("overrides").iter().flat_map(|list| list.items()) {
            let Ok(form) = OverrideForm::deserialize(node) else { continue };
            let (part, name) = match (form.tag.optional(), form.group.optional()) {
                (Some(tag), None) => (Part::Tag, tag),
                (None, Some(group)) => (Part::Group, group),
                (Some(_), Some(_)) => {
                    let problem = "the override names both a tag and a group";
                    report.error(node, problem, "write one for each; tag names are unique");
                    continue;
                }
                (None, None) => {
                    let problem = "the override does not say what it is about";
                    report.error(node, problem, "add `tag: NAME` or `group: NAME`");
                    continue;
                }
            };
            let remove = form.remove.optional().unwrap_or(false);
            check_keys(node, part, remove, report);
            let new = Override { node, remove, used: false };
            if let Some(first) = overrides.of(part).by_name.insert(name, new) {
                let line = first.node.line();
                let problem = format!("`{name}` is overridden already, on line {line}");
                report.error(node, problem, "put both into one");
            }
        }
        overrides
    }

    fn of(&mut self, part: Part) -> &mut Of<'s> {
        match part {
            Part::Group => &mut self.groups,
            Part::Tag => &mut self.tags,
        }
    }

    fn is_empty(&self) -> bool {
        self.groups.by_name.is_empty() && self.tags.by_name.is_empty()
    }

    fn find(&mut self, part: Part, name: &str) -> Option<Override<'s>> {
        let of = self.of(part);
        if of.by_name.is_empty() {
            return None;
        }
        if of.seen.len() < SEEN_MAX {
            of.seen.push(name.to_owned());
        }
        let found = of.by_name.get_mut(name)?;
        found.used = true;
        Some(*found)
    }

    fn tell_unused(self, report: &mut Report) {
        for (key, of) in [("group", self.groups), ("tag", self.tags)] {
            let mut unused: Vec<_> = of.by_name.into_iter().filter(|(_, o)| !o.used).collect();
            unused.sort_by_key(|(_, over)| over.node.at());
            for (name, over) in unused {
                let remedy = match nearest(name, of.seen.iter().map(String::as_str)) {
                    Some(near) => format!("write `{near}`"),
                    None => "compare it with the template, or remove the override".to_owned(),
                };
                let node = over.node.get(key).unwrap_or(over.node);
                let problem = format!("the template has no {key} `{}`", shortened(name));
                report.error(node, problem, remedy);
            }
        }
    }
}

fn check_keys(node: Node<'_>, part: Part, remove: bool, report: &mut Report) {
    let mut count = 0;
    for (key, _) in node.pairs() {
        let text = key.text();
        let wrong = match (part, remove) {
            (_, true) => !matches!(text, "tag" | "group" | "remove"),
            (Part::Tag, false) => text == "interval",
            (Part::Group, false) => !matches!(text, "group" | "remove" | "interval"),
        };
        count += usize::from(!matches!(text, "tag" | "group"));
        if wrong && remove {
            let problem = format!("`{}` of what is removed means nothing", shortened(text));
            report.error(key, problem, "remove the key, or `remove: true`");
        } else if wrong {
            let problem = format!("`{}` cannot be overridden here", shortened(text));
            let remedy = match part {
                Part::Tag => "write it in an override of the group",
                Part::Group => "of a group, only `interval` can differ; override its tags singly",
            };
            report.error(key, problem, remedy);
        }
    }
    if count == 0 {
        report.warning(node, "the override changes nothing", "add what differs, or remove it");
    }
}
