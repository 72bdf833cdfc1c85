//! What changed between two documents, by the names of their parts: moving a device is no change.

use crate::report::LocatedFinding;
use crate::scalar::Scalar;
use crate::source::{Form, Node, push_key};
use crate::syntax;
use serde::Serialize;
use std::collections::HashMap;

/// One difference of two documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// As in findings: `devices[boiler-1].groups[process].interval`.
    pub path: String,
    pub kind: ChangeKind,
    /// JSON of a small value, a summary of a large one; `None` for what was added.
    pub before: Option<String>,
    /// `None` for what was removed.
    pub after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// What two documents differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// What is written differently, in the order of the new document, with what was removed after its
    /// neighbours.
    pub changes: Vec<Change>,
    /// What that means for the devices of templates.
    pub templates: Vec<TemplateChange>,
    /// Warnings about the change itself, placed in the new document.
    pub findings: Vec<LocatedFinding>,
}

/// A template that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemplateChange {
    pub name: String,
    pub change: ChangeKind,
    /// The devices that it makes differ, in the order of the new document.
    pub devices: Vec<TouchedDevice>,
}

/// A device that a changed template touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TouchedDevice {
    pub name: String,
    /// What differs in the device as its template makes it; none for a device that comes or goes.
    pub changes: Vec<Change>,
    /// Changes that are not listed.
    pub more: usize,
}

impl IntoIterator for Diff {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

/// What leads from `old` to `new`. Compares what is written, not what it means: a default written out
/// is a change. Devices of a changed template are compared as the template makes them.
pub fn diff(old: &[u8], new: &[u8]) -> Result<Diff, LocatedFinding> {
    let (old, _) = syntax::read(old)?;
    let (new, _) = syntax::read(new)?;
    let mut changes = Vec::new();
    compare(old.root(), new.root(), &mut String::new(), &mut changes);
    let (templates, findings) = crate::touched::template_changes(&old, &new);
    Ok(Diff { changes, templates, findings })
}

pub(crate) fn compare(old: Node<'_>, new: Node<'_>, path: &mut String, changes: &mut Vec<Change>) {
    match (old.form(), new.form()) {
        (Form::Map, Form::Map) => {
            compare_named(by_key(old), by_key(new), push_key, path, changes);
        }
        (Form::List, Form::List) if is_named(old) && is_named(new) => {
            compare_named(by_name(old), by_name(new), push_item, path, changes);
        }
        _ if equal(old, new) => {}
        _ => changes.push(Change {
            path: path.clone(),
            kind: ChangeKind::Changed,
            before: Some(summary(old)),
            after: Some(summary(new)),
        }),
    }
}

pub(crate) fn push_item(path: &mut String, name: &str) {
    path.push('[');
    path.push_str(name);
    path.push(']');
}

fn compare_named<'a>(
    old: Vec<(&'a str, Node<'a>)>,
    new: Vec<(&'a str, Node<'a>)>,
    push: fn(&mut String, &str),
    path: &mut String,
    changes: &mut Vec<Change>,
) {
    let length = path.len();
    let before: HashMap<&str, Node<'_>> = old.iter().rev().copied().collect();
    let after: HashMap<&str, Node<'_>> = new.iter().rev().copied().collect();
    for (name, node) in new {
        push(path, name);
        match before.get(name) {
            Some(before) => compare(*before, node, path, changes),
            None => changes.push(Change {
                path: path.clone(),
                kind: ChangeKind::Added,
                before: None,
                after: Some(summary(node)),
            }),
        }
        path.truncate(length);
    }
    for (name, node) in old {
        if !after.contains_key(name) {
            push(path, name);
            changes.push(Change {
                path: path.clone(),
                kind: ChangeKind::Removed,
                before: Some(summary(node)),
                after: None,
            });
            path.truncate(length);
        }
    }
}

/// Whether every item has a name of its own; an empty list has.
fn is_named(list: Node<'_>) -> bool {
    let mut seen = std::collections::HashSet::new();
    list.items().all(|item| item.name().is_some_and(|name| seen.insert(name)))
}

fn by_key(map: Node<'_>) -> Vec<(&str, Node<'_>)> {
    map.pairs().map(|(key, value)| (key.text(), value)).collect()
}

pub(crate) fn by_name(list: Node<'_>) -> Vec<(&str, Node<'_>)> {
    list.items().filter_map(|item| Some((item.name()?, item))).collect()
}

pub(crate) fn equal(a: Node<'_>, b: Node<'_>) -> bool {
    match (a.form(), b.form()) {
        (Form::List, Form::List) => {
            a.len() == b.len() && a.items().zip(b.items()).all(|(a, b)| equal(a, b))
        }
        (Form::Map, Form::Map) => {
            a.pairs().count() == b.pairs().count()
                && a.pairs().all(|(k, a)| b.get(k.text()).is_some_and(|b| equal(a, b)))
        }
        _ => match (a.scalar(), b.scalar()) {
            (Some(Scalar::Float(a)), Some(Scalar::Float(b))) => a.to_bits() == b.to_bits(),
            (Some(Scalar::Huge), Some(Scalar::Huge)) => a.text() == b.text(),
            (a, b) => a == b,
        },
    }
}

/// Compact JSON, or what there is of what in a value too large to show.
fn summary(node: Node<'_>) -> String {
    const NODES_MAX: u32 = 32;
    const BYTES_MAX: usize = 256;
    if node.entry().span() <= NODES_MAX {
        let json = node.to_json().to_string();
        if json.len() <= BYTES_MAX {
            return json;
        }
    }
    match node.form() {
        Form::List => format!("a list of {}", node.len()),
        Form::Map => {
            let mut parts: Vec<String> = ["driver", "kind", "interval"]
                .iter()
                .filter_map(|key| Some(format!("{key} {}", node.get(key)?.text())))
                .collect();
            let tags = |node: Node<'_>| node.get("tags").map_or(0, Node::len);
            match node.get("groups") {
                Some(groups) => {
                    let count: usize = groups.items().map(tags).sum();
                    parts.push(format!("{} groups, {count} tags", groups.len()));
                }
                None if tags(node) > 0 => parts.push(format!("{} tags", tags(node))),
                None => parts.push(format!("{} keys", node.len())),
            }
            parts.join(", ")
        }
        Form::Plain | Form::Text => {
            let text = node.text();
            let end = text.char_indices().nth(BYTES_MAX / 4).map_or(text.len(), |(end, _)| end);
            format!("{:?}… ({} bytes)", &text[..end], text.len())
        }
    }
}
