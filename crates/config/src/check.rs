//! Checks a whole document: shape, then meaning, part by part, so that a mistake hides no other.

use crate::blame::Blame;
use crate::checked::{Checked, CheckedDevice, CheckedSink, CheckedTemplate, EdgeConfig};
use crate::document::{DocumentForm, EdgeForm, VERSION, document_schema};
use crate::names::{Wrong, check_name};
use crate::report::{LocatedFinding, Report};
use crate::rule::SqlCheck;
use crate::settings::Component;
use crate::shape::Shapes;
use crate::source::{Form, Node, Source, shortened};
use crate::syntax;
use crate::template::Templates;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use tagwerk_component::{Channel, Driver, Sink};
use tagwerk_model::limits;

/// The drivers, sinks and channels that a configuration may name.
#[derive(Clone, Copy)]
pub struct Catalogue {
    pub drivers: &'static [&'static dyn Driver],
    pub sinks: &'static [&'static dyn Sink],
    pub channels: &'static [&'static dyn Channel],
}

/// What became of a document.
pub struct Lint {
    /// In the order of the document; errors and warnings.
    pub findings: Vec<LocatedFinding>,
    /// Findings beyond [`limits::FINDINGS_MAX`], which are not listed.
    pub dropped: usize,
    /// `None` when any finding is an error.
    pub checked: Option<Checked>,
}

/// Finds everything that is wrong with a document, but for the SQL of rules. Pure; never panics.
pub fn lint(text: &[u8], catalogue: &Catalogue) -> Lint {
    lint_for(text, catalogue, Purpose::Apply, None)
}

/// As [`lint`], with the SQL of rules.
pub fn lint_with(text: &[u8], catalogue: &Catalogue, rules: &dyn SqlCheck) -> Lint {
    lint_for(text, catalogue, Purpose::Apply, Some(rules))
}

/// What a document is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be applied as it is.
    Apply,
    /// A device that is being set up: what it will read comes later.
    Trial,
}

pub(crate) fn lint_for(
    text: &[u8],
    catalogue: &Catalogue,
    purpose: Purpose,
    rules: Option<&dyn SqlCheck>,
) -> Lint {
    let (source, report) = match syntax::read(text) {
        Ok(read) => read,
        Err(finding) => return Lint { findings: vec![finding], dropped: 0, checked: None },
    };
    let mut checker = Checker::new(&source, report, catalogue, purpose);
    let checked = checker.document(rules);
    let mut report = checker.report;
    if checked.is_none() && report.errors() == 0 {
        report.error(
            source.root(),
            "a part of the document could not be read",
            "compare it with the reference of the configuration",
        );
    }
    let checked = checked.filter(|_| report.errors() == 0);
    let (findings, dropped) = report.finish(&source);
    Lint { findings, dropped, checked }
}

static DOCUMENT: LazyLock<Shapes> = LazyLock::new(|| Shapes {
    // Settings are checked against the schema of their component.
    any_is_checked_elsewhere: true,
    ..Shapes::compile(document_schema().as_value())
});

pub(crate) struct Checker<'s> {
    pub source: &'s Source,
    pub report: Report,
    pub drivers: Vec<Component<dyn Driver>>,
    pub sinks: Vec<Component<dyn Sink>>,
    pub channels: Vec<Component<dyn Channel>>,
    pub units: HashSet<Arc<str>>,
    /// Tags so far.
    pub tags: usize,
    /// Something could not be read: what is built is not the whole document.
    pub incomplete: bool,
    /// All devices of the document could be read.
    pub devices_complete: bool,
    /// The names of rules.
    pub rules: Vec<&'s str>,
    /// Where secrets are used, and their names.
    pub secrets: Vec<(String, String)>,
    pub purpose: Purpose,
    /// Nodes that templates have added.
    pub nodes_made: usize,
}

impl<'s> Checker<'s> {
    fn new(
        source: &'s Source,
        report: Report,
        catalogue: &Catalogue,
        purpose: Purpose,
    ) -> Checker<'s> {
        let drivers = catalogue.drivers.iter().map(|d| Component::new(*d, d.spec())).collect();
        let sinks = catalogue.sinks.iter().map(|s| Component::new(*s, s.spec())).collect();
        let channels = catalogue.channels.iter().map(|c| Component::new(*c, c.spec())).collect();
        Checker {
            source,
            report,
            drivers,
            sinks,
            channels,
            units: HashSet::new(),
            tags: 0,
            incomplete: false,
            devices_complete: false,
            rules: Vec::new(),
            secrets: Vec::new(),
            purpose,
            nodes_made: 0,
        }
    }

    fn document(&mut self, sql: Option<&dyn SqlCheck>) -> Option<Checked> {
        let root = self.source.root();
        DOCUMENT.conform(root, &mut self.report);
        if root.form() != Form::Map {
            return None;
        }
        self.version(root);
        let edge = root.get("edge").and_then(|node| self.edge(node));
        let functions = self.functions(root, sql);
        let mut templates = self.templates(root);
        let devices = self.devices(root, &mut templates);
        self.devices_complete = !self.incomplete;
        if let Some(sql) = sql.filter(|_| self.devices_complete) {
            self.formulas(&devices, sql);
        }
        self.rules = Checker::rule_names(root);
        let sinks = self.sinks(root, &devices);
        let mut alarms = self.alarms(root, &devices);
        let tables = self.tables(root);
        let rules = self.rules(root, (&devices, &tables), &mut alarms, sql);
        let archive = root.get("archive").and_then(|node| self.archive(node, &devices));
        let history = root.get("history");
        let keep = history.map(|node| self.history(node, &devices, archive.as_ref()));
        let notify = root.get("notify").map(|node| self.notify(node, &devices, &alarms.list));
        let templates = templates.list.iter().map(CheckedTemplate::new).collect();
        let secrets = std::mem::take(&mut self.secrets);
        let keep = keep.unwrap_or_default();
        let (edge, alarms) = (edge?, alarms.list);
        let notify = notify.flatten();
        let checked = Checked {
            edge,
            templates,
            devices,
            sinks,
            alarms,
            functions,
            rules,
            tables,
            keep,
            archive,
            notify,
            secrets,
        };
        Some(checked).filter(|_| !self.incomplete)
    }

    fn version(&mut self, root: Node<'s>) {
        let form = DocumentForm::deserialize(root).ok();
        let version = form.and_then(|form| form.version.get());
        if let (Some(version), Some(node)) = (version, root.get("version"))
            && version != VERSION
        {
            let problem = format!("version {version} is not known to this program");
            self.report.error(node, problem, format!("write `version: {VERSION}`"));
        }
    }

    fn edge(&mut self, node: Node<'s>) -> Option<EdgeConfig> {
        let form = EdgeForm::deserialize(node).ok()?;
        let name = form.name.get()?;
        self.named(node, check_name(name));
        let description = form.description.optional();
        self.description(node, description);
        Some(EdgeConfig { name: name.to_owned(), description: description.map(str::to_owned) })
    }

    fn devices(&mut self, root: Node<'s>, templates: &mut Templates<'s>) -> Vec<CheckedDevice> {
        let mut blame = Blame::default();
        let devices = self.device_list(root, templates, &mut blame);
        blame.settle(self.source, &templates.list, &mut self.report);
        for template in templates.list.iter().filter(|template| template.devices.is_empty()) {
            self.unused_template(template);
        }
        self.same_names(&devices, templates);
        devices
    }

    /// In SQL a device and a template of one name would be one table.
    fn same_names(&mut self, devices: &[CheckedDevice], templates: &Templates<'s>) {
        let names: HashSet<&str> = devices.iter().map(|device| &*device.name).collect();
        for template in templates.list.iter().filter(|template| names.contains(template.name)) {
            let node = template.node.get("name").unwrap_or(template.node);
            let problem = "a device has the same name, so that the template has no table in SQL";
            self.report.warning(node, problem, "give the template another name");
        }
    }

    fn device_list(
        &mut self,
        root: Node<'s>,
        templates: &mut Templates<'s>,
        blame: &mut Blame,
    ) -> Vec<CheckedDevice> {
        let Some(list) = root.get("devices") else { return Vec::new() };
        if list.len() > limits::DEVICES_MAX {
            let problem = format!("the edge has {} devices", list.len());
            let max = limits::DEVICES_MAX;
            self.report.error(list, problem, format!("keep {max}, put the others on other edges"));
        }
        let mut names = Names::default();
        let devices: Vec<_> =
            list.items().filter_map(|n| self.device(n, &mut names, templates, blame)).collect();
        self.incomplete |= devices.len() != list.len();
        devices
    }

    fn sinks(&mut self, root: Node<'s>, devices: &[CheckedDevice]) -> Vec<CheckedSink> {
        let Some(list) = root.get("sinks") else { return Vec::new() };
        if list.len() > limits::SINKS_MAX {
            let problem = format!("the edge has {} sinks", list.len());
            self.report.error(list, problem, format!("keep {}", limits::SINKS_MAX));
        }
        let mut names = Names::default();
        let sinks: Vec<_> =
            list.items().filter_map(|node| self.sink(node, &mut names, devices)).collect();
        self.incomplete |= sinks.len() != list.len();
        sinks
    }

    /// Reports what is wrong with the `name` of `owner`.
    pub fn named(&mut self, owner: Node<'s>, wrong: Wrong) {
        if let Some((problem, remedy)) = wrong {
            self.report.error(owner.get("name").unwrap_or(owner), problem, remedy);
        }
    }

    /// Reports a name that another of its kind has already.
    pub fn unique(
        &mut self,
        owner: Node<'s>,
        name: Option<&'s str>,
        kind: &str,
        names: &mut Names<'s>,
    ) {
        let Some(name) = name else { return };
        let node = owner.get("name").unwrap_or(owner);
        if let Some(first) = names.0.insert(name, node.at()) {
            let line = self.source.node(first).line();
            let name = shortened(name);
            let problem = format!("the {kind} `{name}` exists already, on line {line}");
            self.report.error(node, problem, "rename one of the two, or remove it");
        }
    }

    pub fn description(&mut self, owner: Node<'s>, description: Option<&str>) {
        let max = limits::DESCRIPTION_BYTES_MAX;
        if description.is_some_and(|text| text.len() > max) {
            let node = owner.get("description").unwrap_or(owner);
            let problem = format!("the description is longer than {max} bytes");
            self.report.error(node, problem, "shorten it");
        }
    }
}

/// The names of one kind in one place, each with the node that has it.
#[derive(Default)]
pub(crate) struct Names<'s>(HashMap<&'s str, u32>);
