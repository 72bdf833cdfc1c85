//! Checks templates, and the devices that are made of them.

use crate::blame::Blame;
use crate::check::{Checker, Names};
use crate::checked::CheckedDevice;
use crate::document::{DeviceForm, TemplateForm};
use crate::expand::{Values, expand};
use crate::names::check_name;
use crate::placeholder;
use crate::report::Report;
use crate::scalar::Scalar;
use crate::shape::Shapes;
use crate::source::Node;
use crate::template::{Template, Templates};
use schemars::SchemaGenerator;
use serde::Deserialize;
use std::mem::take;
use std::sync::LazyLock;
use tagwerk_model::limits;

static DEVICE: LazyLock<Shapes> = LazyLock::new(|| {
    let schema = SchemaGenerator::default().into_root_schema_for::<DeviceForm>();
    Shapes { any_is_checked_elsewhere: true, ..Shapes::compile(schema.as_value()) }
});

impl<'s> Checker<'s> {
    pub fn templates(&mut self, root: Node<'s>) -> Templates<'s> {
        let mut templates = Templates::read(root, &mut self.report);
        let mut names = Names::default();
        for template in &mut templates.list {
            let node = template.node;
            let Ok(form) = TemplateForm::deserialize(node) else { continue };
            let name = form.name.get();
            self.named(node, name.and_then(check_name));
            self.unique(node, name, "template", &mut names);
            self.description(node, form.description.optional());
            let driver = form.driver.get().and_then(|driver| {
                let list = &self.drivers;
                Checker::component(&mut self.report, node, "driver", "driver", driver, list)
            });
            template.sound &= driver.is_some();
            self.incomplete |= name.is_none() || form.version.get().is_none();
        }
        templates
    }

    /// The keys and types of a template that makes no device.
    pub fn unused_template(&mut self, template: &Template<'s>) {
        if !template.sound {
            return;
        }
        let mut unheard = Report::default();
        let made = expand(template.node, template, Values::Samples, &mut unheard);
        let Some(made) = made else { return };
        let mut found = Report::default();
        DEVICE.conform(made.source.root(), &mut found);
        let (raw, ..) = found.into_raw();
        for mut raw in raw.into_iter().filter(|raw| raw.at != 0) {
            raw.at = made.origins[raw.at as usize];
            if !placeholder::has_any(self.source.node(raw.at).text()) {
                self.report.take(raw);
            }
        }
    }

    pub fn device_of_template(
        &mut self,
        node: Node<'s>,
        templates: &mut Templates<'s>,
        blame: &mut Blame,
    ) -> Option<CheckedDevice> {
        let name_node = node.get("template")?;
        let Some(Scalar::Text(name)) = name_node.scalar() else { return None };
        let Some(index) = templates.find(name) else {
            templates.unknown(name_node, name, &mut self.report);
            return None;
        };
        let template = &mut templates.list[index];
        template.devices.extend(node.get("name").map(Node::text));
        if let Some(driver) = node.get("driver").filter(|n| n.scalar() != Some(Scalar::Null)) {
            let problem = "the driver of a device with a template is the template's";
            self.report.error(driver, problem, "remove it");
        }
        let values = template.values(node, &mut self.report);
        if !template.sound || self.nodes_made > limits::TEMPLATE_NODES_MAX {
            return None;
        }
        let made = expand(node, template, Values::Given(values?), &mut self.report)?;
        self.nodes_made += made.origins.len();
        if self.nodes_made > limits::TEMPLATE_NODES_MAX {
            let problem = format!(
                "templates add more than {} nodes to the configuration",
                limits::TEMPLATE_NODES_MAX
            );
            self.report.error(node, problem, "put the devices that follow on other edges");
            return None;
        }
        template.made += 1;
        let mut shape = Report::default();
        DEVICE.conform(made.source.root(), &mut shape);
        // What the device itself writes has been held against the document's shape.
        let mut found = shape.only(|at| template.holds(made.origins[at as usize]));
        let mut inner = Checker {
            source: &made.source,
            report: take(&mut found),
            drivers: take(&mut self.drivers),
            sinks: Vec::new(),
            channels: Vec::new(),
            units: take(&mut self.units),
            tags: self.tags,
            incomplete: false,
            devices_complete: false,
            rules: Vec::new(),
            secrets: take(&mut self.secrets),
            purpose: self.purpose,
            nodes_made: 0,
        };
        let device = inner.plain_device(made.source.root());
        self.drivers = inner.drivers;
        self.units = inner.units;
        self.tags = inner.tags;
        self.incomplete |= inner.incomplete;
        self.secrets = inner.secrets;
        let found = inner.report;
        blame.take(found, (node, &made), (index, template), self.source, &mut self.report);
        let mut device = device?;
        let tags = device.groups.iter_mut().flat_map(|group| &mut group.tags);
        for formula in tags.filter_map(|tag| tag.formula.as_mut()) {
            formula.at = made.origins[formula.at as usize];
        }
        Some(CheckedDevice { template: Some(name.into()), ..device })
    }
}
