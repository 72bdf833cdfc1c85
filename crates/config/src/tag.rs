//! Checks one tag.

use crate::check::{Checker, Names};
use crate::checked::{CheckedFormula, CheckedTag};
use crate::conform::quoted;
use crate::document::TagForm;
use crate::names::check_tag_name;
use crate::scalar::Scalar;
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
        let address = form.address.optional();
        let formula = form.formula.optional();
        self.source_of(node, address, formula);
        let unit = self.unit(node, form.unit.optional());
        let access = form.access.optional().unwrap_or_default();
        let declared = form.data_type.get();
        match (formula, spec) {
            (None, Some(spec)) => self.allowed_by_driver(node, declared, access, spec),
            (None, None) => {}
            (Some(_), _) => self.computed(node, declared, access),
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
        let declared = declared?;
        if address.is_none() && formula.is_none() {
            return None;
        }
        Some(CheckedTag {
            name: name.unwrap_or("?").into(),
            address: address.unwrap_or_default().into(),
            formula: formula
                .map(|text| Box::new(CheckedFormula { text: text.into(), at: node.at() })),
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

    /// What the value comes from: the device, or other tags.
    fn source_of(&mut self, tag: Node<'s>, address: Option<&str>, formula: Option<&str>) {
        match (address, formula) {
            (Some(address), None) => self.address(tag, address),
            (None, Some(formula)) => self.formula(tag, formula),
            (None, None) => {
                let wrong = |key| tag.get(key).is_some_and(|n| n.scalar() != Some(Scalar::Null));
                // Of the wrong form, which was told.
                if !wrong("address") && !wrong("formula") {
                    let remedy = "add `address: …`, the tag's place in the device, or `formula: …`";
                    self.report.missing(tag, "address", remedy);
                }
            }
            (Some(_), Some(_)) => {
                let node = tag.get("formula").unwrap_or(tag);
                let problem = "the tag has an address and a formula";
                self.report.error(node, problem, "remove one of the two");
            }
        }
    }

    fn formula(&mut self, tag: Node<'s>, formula: &str) {
        let node = tag.get("formula").unwrap_or(tag);
        let max = limits::FORMULA_BYTES_MAX;
        if formula.trim().is_empty() {
            let remedy = "write an expression over tags, such as `steam / fuel`";
            self.report.error(node, "the formula is empty", remedy);
        } else if formula.len() > max {
            let problem = format!("the formula has {} bytes", formula.len());
            let remedy = format!("shorten it to {max} bytes, or write a rule");
            self.report.error(node, problem, remedy);
        }
    }

    /// A tag that is computed is no tag of the device's.
    fn computed(&mut self, tag: Node<'s>, declared: Option<DataType>, access: Access) {
        if access.writes() {
            let node = tag.get("access").unwrap_or(tag);
            let problem = "what a formula gives cannot be written";
            self.report.error(node, problem, "remove `access`, and write the tags that it reads");
        }
        if let Some(node) = tag.get("scale") {
            let problem = "`scale` is for what a device gives";
            self.report.error(node, problem, "scale in the formula: `value * 0.1 + 5`");
        }
        if matches!(declared, Some(DataType::List | DataType::Bytes)) {
            let node = tag.get("type").unwrap_or(tag);
            let problem = "a formula gives a number, a text or a bool";
            self.report.error(node, problem, "write one of those types");
        }
    }

    fn address(&mut self, tag: Node<'s>, address: &str) {
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
