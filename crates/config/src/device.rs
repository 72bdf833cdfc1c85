//! Checks devices and their groups, and has the driver check and plan them.

use crate::blame::Blame;
use crate::check::{Checker, Names, Purpose};
use crate::checked::{CheckedDevice, CheckedGroup, CheckedTag, settings_fingerprint};
use crate::document::{DeviceForm, GroupForm};
use crate::names::check_name;
use crate::scalar::Scalar;
use crate::settings::{Component, Settings};
use crate::source::{Form, Node};
use crate::template::Templates;
use serde::Deserialize;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Findings, GroupRequest, Segment, Spec, TagRequest,
};
use tagwerk_model::limits;

/// A group while its device is checked.
pub(crate) struct GroupDraft<'s> {
    node: Node<'s>,
    name: &'s str,
    interval: Duration,
    tags: Vec<CheckedTag>,
    /// The node of each tag.
    nodes: Vec<u32>,
}

impl<'s> Checker<'s> {
    pub fn device(
        &mut self,
        node: Node<'s>,
        names: &mut Names<'s>,
        templates: &mut Templates<'s>,
        blame: &mut Blame,
    ) -> Option<CheckedDevice> {
        let form = DeviceForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "device", names);
        if is_written(node, "template") {
            return self.device_of_template(node, templates, blame);
        }
        for key in ["parameters", "overrides"] {
            if let Some(given) = node.get(key).filter(|_| is_written(node, key)) {
                let problem = format!("`{key}` is for devices of a template");
                self.report.error(given, problem, "add `template: NAME`, or remove it");
            }
        }
        if !is_written(node, "driver") {
            let remedy = "add `driver: …`, a text such as `modbus-tcp`, or `template: …`";
            self.report.missing(node, "driver", remedy);
        }
        self.plain_device(node)
    }

    /// Checks a device without its name, which another has looked at.
    pub fn plain_device(&mut self, node: Node<'s>) -> Option<CheckedDevice> {
        let form = DeviceForm::deserialize(node).ok()?;
        let name = form.name.get();
        let description = form.description.optional();
        self.description(node, description);
        let driver = form.driver.optional().and_then(|driver| {
            Checker::component(&mut self.report, node, "driver", "driver", driver, &self.drivers)
        });
        let spec = driver.as_ref().map(|driver| driver.spec.clone());
        let groups = self.groups(node, spec.as_deref());
        let driver = driver?;
        let settings = self.settings(node, ("devices", name), &driver)?;
        let plan = self.plan(node, name.unwrap_or("?"), &driver, &settings, &groups);
        let (Some(name), Some(plan)) = (name, plan) else {
            self.incomplete = true;
            return None;
        };
        let draft =
            |group: GroupDraft<'_>| CheckedGroup::new(group.name, group.interval, group.tags);
        Some(CheckedDevice {
            name: name.into(),
            description: description.map(Into::into),
            template: None,
            driver: driver.component,
            driver_name: driver.spec.name,
            enabled: form.enabled.optional().unwrap_or(true),
            plan,
            settings_fingerprint: settings_fingerprint(driver.spec.name, &settings.value),
            groups: groups.into_iter().map(draft).collect(),
        })
    }

    fn groups(&mut self, device: Node<'s>, spec: Option<&Spec>) -> Vec<GroupDraft<'s>> {
        let Some(list) = device.get("groups").filter(|list| list.len() > 0) else {
            self.nothing_inside(device, "groups", "the device has no groups: nothing is read");
            return Vec::new();
        };
        if list.len() > limits::GROUPS_MAX {
            let problem = format!("the device has {} groups", list.len());
            let remedy = format!("keep {}, by merging groups", limits::GROUPS_MAX);
            self.report.error(list, problem, remedy);
        }
        let mut names = Names::default();
        let mut tag_names = Names::default();
        let mut drafts = Vec::new();
        for node in list.items() {
            match GroupForm::deserialize(node) {
                Ok(form) => {
                    drafts.push(self.group(node, form, spec, &mut names, &mut tag_names));
                }
                Err(_) => self.incomplete = true,
            }
        }
        drafts
    }

    fn group(
        &mut self,
        node: Node<'s>,
        form: GroupForm<'s>,
        spec: Option<&Spec>,
        names: &mut Names<'s>,
        tag_names: &mut Names<'s>,
    ) -> GroupDraft<'s> {
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "group", names);
        let interval = form.interval.get().map(|interval| interval.0);
        if let Some(interval) = interval {
            self.interval(node, interval);
        }
        self.incomplete |= name.is_none() || interval.is_none();
        let mut draft = GroupDraft {
            node,
            name: name.unwrap_or("?"),
            interval: interval.unwrap_or(limits::INTERVAL_MAX),
            tags: Vec::new(),
            nodes: Vec::new(),
        };
        let Some(list) = node.get("tags").filter(|list| list.len() > 0) else {
            self.nothing_inside(node, "tags", "the group has no tags: nothing is read");
            return draft;
        };
        draft.tags.reserve_exact(list.len());
        draft.nodes.reserve_exact(list.len());
        for tag in list.items() {
            match self.tag(tag, spec, tag_names) {
                Some(checked) => {
                    draft.tags.push(checked);
                    draft.nodes.push(tag.at());
                }
                None => self.incomplete = true,
            }
        }
        draft.formulas_last();
        draft
    }

    /// Warns of a list that is empty or left out. What is not a list has been reported as that.
    fn nothing_inside(&mut self, owner: Node<'s>, key: &str, problem: &str) {
        if self.purpose == Purpose::Trial {
            return;
        }
        if owner.get(key).is_none_or(|list| list.form() == Form::List) {
            self.report.warning(owner, problem, format!("add `{key}: [...]`"));
        }
    }

    fn interval(&mut self, group: Node<'s>, interval: Duration) {
        let (min, max) = (limits::INTERVAL_MIN, limits::INTERVAL_MAX);
        let remedy = match interval {
            i if i < min => format!("write `{}` or more", tagwerk_component::Duration(min)),
            i if i > max => format!("write `{}` or less", tagwerk_component::Duration(max)),
            _ => return,
        };
        let word = if interval < min { "short" } else { "long" };
        let node = group.get("interval").unwrap_or(group);
        self.report.error(
            node,
            format!("the interval {} is too {word}", tagwerk_component::Duration(interval)),
            remedy,
        );
    }

    /// Has the driver check the device and plan its reads.
    fn plan(
        &mut self,
        device: Node<'s>,
        name: &str,
        driver: &Component<dyn Driver>,
        settings: &Settings,
        groups: &[GroupDraft<'s>],
    ) -> Option<DevicePlan> {
        let request = DeviceRequest {
            name,
            settings: &settings.value,
            groups: groups.iter().map(GroupDraft::request).collect(),
        };
        let mut findings = Findings::new();
        let plan = driver.component.check(&request, &mut findings);
        let source = self.source;
        self.take_over(device, &findings, settings, |segments| match segments {
            [Segment::Key(list), Segment::Index(g), rest @ ..] if list == "groups" => {
                let group = groups.get(*g)?;
                match rest {
                    [Segment::Key(list), Segment::Index(t), ..] if list == "tags" => {
                        group.nodes.get(*t).map(|at| (source.node(*at), 4))
                    }
                    _ => Some((group.node, 2)),
                }
            }
            _ => None,
        });
        let whole = plan.as_ref().is_some_and(|plan| plan.groups.len() == groups.len());
        if !whole && findings.errors() == 0 {
            self.report.error(
                device,
                format!("the driver `{}` refuses the device without a reason", driver.spec.name),
                "compare its settings and addresses with the driver's reference",
            );
        }
        plan.filter(|_| whole)
    }
}

impl GroupDraft<'_> {
    /// The driver knows the tags before them by their places.
    fn formulas_last(&mut self) {
        if self.tags.iter().any(|tag| tag.formula.is_some()) {
            let mut both: Vec<_> = self.tags.drain(..).zip(self.nodes.drain(..)).collect();
            both.sort_by_key(|(tag, _)| tag.formula.is_some());
            (self.tags, self.nodes) = both.into_iter().unzip();
        }
    }

    fn request(&self) -> GroupRequest<'_> {
        let own = self.tags.iter().filter(|tag| tag.formula.is_none());
        let tags = own.map(|tag| TagRequest {
            name: &tag.name,
            address: &tag.address,
            data_type: tag.declared,
            read: tag.access.reads(),
            write: tag.access.writes(),
        });
        GroupRequest { name: self.name, interval: self.interval, tags: tags.collect() }
    }
}

/// Whether a key has a value.
fn is_written(node: Node<'_>, key: &str) -> bool {
    node.get(key).is_some_and(|value| value.scalar() != Some(Scalar::Null))
}
