//! Which devices a change of templates touches, and what changes in each.

use crate::diff::{Change, ChangeKind, TemplateChange, TouchedDevice};
use crate::diff::{by_name, compare, equal, push_item};
use crate::expand::{Expanded, Values, expand};
use crate::report::{LocatedFinding, Report};
use crate::scalar::Scalar;
use crate::source::{Form, Node, Source};
use crate::template::{Template, Templates};
use std::collections::HashMap;
use tagwerk_model::limits;

/// Changes listed for one device, and for all of them. More: counted.
const OF_DEVICE_MAX: usize = 100;
const OF_ALL_MAX: usize = 5_000;

/// One of the two documents.
struct Side<'s> {
    templates: Templates<'s>,
    devices: Vec<(&'s str, Node<'s>)>,
    by_name: HashMap<&'s str, Node<'s>>,
}

pub(crate) fn template_changes(
    old: &Source,
    new: &Source,
) -> (Vec<TemplateChange>, Vec<LocatedFinding>) {
    let (old, new_side) = (Side::new(old.root()), Side::new(new.root()));
    let mut changes = Vec::new();
    let mut report = Report::default();
    let mut bounds = Bounds { listed: OF_ALL_MAX, nodes: limits::TEMPLATE_NODES_MAX };
    for template in &new_side.templates.list {
        let before = old.template(template.name);
        let change = match before {
            None => ChangeKind::Added,
            Some(before) if equal(before.node, template.node) => continue,
            Some(_) => ChangeKind::Changed,
        };
        if let Some(before) = before {
            check_version(before.node, template.node, &mut report);
        }
        let devices = touched(template.name, &old, &new_side, &mut bounds);
        changes.push(TemplateChange { name: template.name.to_owned(), change, devices });
    }
    for template in &old.templates.list {
        if new_side.template(template.name).is_none() {
            let devices = touched(template.name, &old, &new_side, &mut bounds);
            let change = ChangeKind::Removed;
            changes.push(TemplateChange { name: template.name.to_owned(), change, devices });
        }
    }
    (changes, report.finish(new).0)
}

impl<'s> Side<'s> {
    fn new(root: Node<'s>) -> Side<'s> {
        let list = root.get("devices").filter(|list| list.form() == Form::List);
        let devices = list.map(by_name).unwrap_or_default();
        let by_name = devices.iter().rev().copied().collect();
        Side { templates: Templates::read(root, &mut Report::default()), devices, by_name }
    }

    fn template(&self, name: &str) -> Option<&Template<'s>> {
        self.templates.find(name).map(|index| &self.templates.list[index])
    }

    fn uses(&self, device: &str, template: &str) -> bool {
        let node = self.by_name.get(device).and_then(|node| node.get("template"));
        node.is_some_and(|node| node.scalar() == Some(Scalar::Text(template)))
    }

    /// A device as its template makes it; `None` for one without, or one that cannot be made.
    fn made(&self, device: Node<'s>, bounds: &mut Bounds) -> Option<Expanded> {
        let template = self.template(device.get("template")?.text())?;
        let mut unheard = Report::default();
        let values = template.values(device, &mut unheard)?;
        if !template.sound || bounds.nodes == 0 {
            return None;
        }
        let made = expand(device, template, Values::Given(values), &mut unheard)?;
        bounds.nodes = bounds.nodes.saturating_sub(made.origins.len());
        Some(made)
    }
}

struct Bounds {
    /// Changes that may still be listed.
    listed: usize,
    /// Nodes that may still be made.
    nodes: usize,
}

fn touched(
    template: &str,
    old: &Side<'_>,
    new: &Side<'_>,
    bounds: &mut Bounds,
) -> Vec<TouchedDevice> {
    let gone = old.devices.iter().filter(|(name, _)| !new.by_name.contains_key(name));
    let names = new.devices.iter().chain(gone).map(|(name, _)| *name);
    let of_template = |name: &&str| old.uses(name, template) || new.uses(name, template);
    names.filter(of_template).filter_map(|name| device(name, old, new, bounds)).collect()
}

/// `None` for a device in which nothing differs.
fn device(
    name: &str,
    old: &Side<'_>,
    new: &Side<'_>,
    bounds: &mut Bounds,
) -> Option<TouchedDevice> {
    let mut touched = TouchedDevice { name: name.to_owned(), changes: Vec::new(), more: 0 };
    let both = old.by_name.get(name).zip(new.by_name.get(name));
    let Some((before, after)) = both else { return Some(touched) };
    let (made_before, made_after) = (old.made(*before, bounds), new.made(*after, bounds));
    let before = made_before.as_ref().map_or(*before, |made| made.source.root());
    let after = made_after.as_ref().map_or(*after, |made| made.source.root());
    let mut path = "devices".to_owned();
    push_item(&mut path, name);
    let mut changes: Vec<Change> = Vec::new();
    compare(before, after, &mut path, &mut changes);
    let total = changes.len();
    changes.truncate(OF_DEVICE_MAX.min(bounds.listed));
    bounds.listed -= changes.len();
    touched.more = total - changes.len();
    touched.changes = changes;
    (total > 0).then_some(touched)
}

/// A change that keeps the version cannot be told from what was there before.
fn check_version(before: Node<'_>, after: Node<'_>, report: &mut Report) {
    let number = |node: Node<'_>| node.get("version").and_then(|v| v.text().parse::<u32>().ok());
    let (Some(old), Some(new)) = (number(before), number(after)) else { return };
    let same = |key: &str| match (before.get(key), after.get(key)) {
        (Some(a), Some(b)) => equal(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    if new > old || ["driver", "parameters", "settings", "groups"].into_iter().all(same) {
        return;
    }
    let name = after.get("name").map(Node::text).unwrap_or_default();
    let problem = match new == old {
        true => format!("the template `{name}` has changed, and is still version {old}"),
        false => format!("the template `{name}` has changed, and its version went back from {old}"),
    };
    let place = after.get("version").unwrap_or(after);
    report.warning(place, problem, format!("write `version: {}`", old.saturating_add(1)));
}
