//! Checks one tag.

use crate::check::{Checker, Names};
use crate::checked::CheckedTag;
use crate::conform::quoted;
use crate::document::TagForm;
use crate::names::check_tag_name;
use crate::source::Node;
use crate::value_types::{Access, ReportOn, ScaleForm};
use serde::Deserialize;
use std::sync::Arc;
use tagwerk_component::{Ability, Spec};
use tagwerk_model::batch::published_type;
use tagwerk_model::{DataType, Kind, Scale, limits};

impl<'s> Checker<'s> {
    /// `None` when it lacks what a driver needs to know of it.
    pub fn tag(
        &mut self,
        node: Node<'s>,
        spec: Option<&Spec>,
        names: &mut Names<'s>,
    ) -> Option<CheckedTag> {
        self.count_tag(node);
        let form = TagForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_tag_name));
        self.unique(node, name, "tag", names);
        self.incomplete |= name.is_none();
        let description = form.description.optional();
        self.description(node, description);
        let address = form.address.get();
        self.address(node, address);
        let unit = self.unit(node, form.unit.optional());
        let access = form.access.optional().unwrap_or_default();
        let declared = form.data_type.get();
        if let Some(spec) = spec {
            self.allowed_by_driver(node, declared, access, spec);
        }
        let numeric = declared.is_none_or(is_numeric);
        let scale = form.scale.optional().and_then(|scale| self.scale(node, scale));
        let range = form.range.optional().map(|[low, high]| (low, high));
        let deadband = form.deadband.optional();
        for key in ["scale", "range", "deadband"] {
            self.only_on_numbers(node, key, numeric);
        }
        self.range(node, range, access);
        let report = form.report.optional();
        self.reporting(node, report, deadband, access);
        let (address, declared) = (address?, declared?);
        Some(CheckedTag {
            name: name.unwrap_or("?").into(),
            address: address.into(),
            unit,
            description: description.map(Into::into),
            scale,
            range,
            deadband,
            declared,
            published: published_type(declared, scale),
            access,
            on_change: report == Some(ReportOn::Change) || deadband.is_some(),
        })
    }

    fn count_tag(&mut self, node: Node<'s>) {
        self.tags += 1;
        if self.tags == limits::TAGS_MAX + 1 {
            let problem = format!("the edge has more than {} tags", limits::TAGS_MAX);
            self.report.error(node, problem, "put the devices that follow on other edges");
        }
    }

    fn address(&mut self, tag: Node<'s>, address: Option<&str>) {
        let Some(address) = address else { return };
        let node = tag.get("address").unwrap_or(tag);
        let max = limits::ADDRESS_BYTES_MAX;
        if address.is_empty() {
            self.report.error(node, "the address is empty", "write the tag's place in the device");
        } else if address.len() > max {
            let problem = format!("the address has {} bytes", address.len());
            self.report.error(node, problem, format!("shorten it to {max} bytes"));
        }
    }

    /// The unit, shared by all tags that have it.
    pub fn unit(&mut self, tag: Node<'s>, unit: Option<&str>) -> Arc<str> {
        let unit = unit.unwrap_or_default();
        let max = limits::UNIT_BYTES_MAX;
        if unit.len() > max {
            let node = tag.get("unit").unwrap_or(tag);
            let problem = format!("the unit has {} bytes", unit.len());
            self.report.error(node, problem, format!("shorten it to {max} bytes"));
        }
        if let Some(known) = self.units.get(unit) {
            return known.clone();
        }
        let unit: Arc<str> = unit.into();
        self.units.insert(unit.clone());
        unit
    }

    fn allowed_by_driver(
        &mut self,
        tag: Node<'s>,
        declared: Option<DataType>,
        access: Access,
        spec: &Spec,
    ) {
        if let Some(declared) = declared
            && !spec.data_types.contains(&declared)
        {
            let names: Vec<&str> = spec.data_types.iter().map(|t| t.name()).collect();
            let node = tag.get("type").unwrap_or(tag);
            let problem = format!("the driver `{}` has no type `{declared}`", spec.name);
            self.report.error(node, problem, format!("write one of {}", quoted(&names)));
        }
        let node = tag.get("access").unwrap_or(tag);
        if access.writes() && !spec.abilities.contains(&Ability::Write) {
            let problem = format!("the driver `{}` cannot write", spec.name);
            self.report.error(node, problem, "write `access: read`");
        }
        if access.reads() && !can_read(spec) {
            let problem = format!("the driver `{}` cannot read", spec.name);
            self.report.error(node, problem, "write `access: write`");
        }
    }

    fn scale(&mut self, tag: Node<'s>, scale: ScaleForm) -> Option<Scale> {
        match scale.line() {
            Ok(scale) => Some(scale),
            Err((problem, remedy)) => {
                self.report.error(tag.get("scale").unwrap_or(tag), problem, remedy);
                None
            }
        }
    }

    fn only_on_numbers(&mut self, tag: Node<'s>, key: &str, numeric: bool) {
        if numeric {
            return;
        }
        if let Some(node) = tag.get(key) {
            let data_type = tag.get("type").map(Node::text).unwrap_or_default();
            let problem = format!("`{key}` is for numbers, and the tag is of type `{data_type}`");
            self.report.error(node, problem, "remove it, or choose a type of number");
        }
    }

    fn range(&mut self, tag: Node<'s>, range: Option<(f64, f64)>, access: Access) {
        let Some((low, high)) = range else { return };
        let node = tag.get("range").unwrap_or(tag);
        if low >= high {
            let problem = format!("the range begins at {low} and ends at {high}");
            self.report.error(node, problem, "write the smaller number first");
        }
        if !access.writes() {
            let problem = "`range` bounds what may be written, and the tag is not written";
            self.report.error(node, problem, "remove it, or write `access: read_write`");
        }
    }

    fn reporting(
        &mut self,
        tag: Node<'s>,
        report: Option<ReportOn>,
        deadband: Option<f64>,
        access: Access,
    ) {
        if report == Some(ReportOn::Always) && deadband.is_some() {
            let node = tag.get("report").unwrap_or(tag);
            let problem = "`report: always` keeps every sample, `deadband` keeps some back";
            self.report.error(node, problem, "remove one of the two");
        }
        if !access.reads() {
            for key in ["report", "deadband"] {
                if let Some(node) = tag.get(key) {
                    let problem = format!("`{key}` is about reading, and the tag is only written");
                    self.report.error(node, problem, "remove it, or write `access: read_write`");
                }
            }
        }
    }
}

fn is_numeric(data_type: DataType) -> bool {
    matches!(data_type.kind(), Kind::I64 | Kind::U64 | Kind::F64)
}

fn can_read(spec: &Spec) -> bool {
    spec.abilities.iter().any(|ability| matches!(ability, Ability::Read | Ability::Subscribe))
}
