//! Checks one device that is not part of a configuration yet, so that it can be tried before it is
//! saved.

use crate::check::{Catalogue, Purpose, lint_for};
use crate::checked::CheckedDevice;
use crate::report::LocatedFinding;
use crate::syntax;
use serde_json::{Value, json};

/// Where the template of a device is found.
#[derive(Clone, Copy)]
pub enum TemplateSource<'a> {
    None,
    /// A list, as under `templates:`.
    List(&'a Value),
    /// A configuration that has it.
    Document(&'a [u8]),
}

/// What became of a device.
pub struct DeviceLint {
    /// Paths begin within the device, or with `templates[…]`.
    pub findings: Vec<LocatedFinding>,
    /// Findings beyond the limit, which are not listed.
    pub dropped: usize,
    /// `None` when any finding is an error.
    pub device: Option<CheckedDevice>,
    /// As in [`crate::Checked::secrets`].
    pub secrets: Vec<(String, String)>,
}

/// What a device is called that has no name yet.
const NAMELESS: &str = "new";

/// Finds everything that is wrong with a device; groups and tags may be missing. Pure.
pub fn lint_device(
    device: &Value,
    templates: TemplateSource<'_>,
    catalogue: &Catalogue,
) -> DeviceLint {
    let mut device = device.clone();
    let mut prefix = "devices[0]".to_owned();
    if let Value::Object(keys) = &mut device {
        let name = keys.entry("name").or_insert_with(|| json!(NAMELESS));
        if name.as_str() == Some("") || name.is_null() {
            *name = json!(NAMELESS);
        }
        prefix = name.as_str().map_or(prefix, |name| format!("devices[{name}]"));
    }
    let template = device.get("template").and_then(Value::as_str).unwrap_or_default();
    let document = json!({
        "version": crate::VERSION,
        "edge": { "name": "edge" },
        "templates": templates.named(template),
        "devices": [device],
    });
    let lint = lint_for(document.to_string().as_bytes(), catalogue, Purpose::Trial, None);
    let within = |mut finding: LocatedFinding| {
        let rest = finding.path.strip_prefix(&prefix).or(finding.path.strip_prefix("devices[0]"));
        if let Some(rest) = rest {
            finding.path = rest.trim_start_matches('.').to_owned();
        }
        finding
    };
    let findings = lint.findings.into_iter().map(within).collect();
    let (device, secrets) = match lint.checked {
        Some(mut checked) => (checked.devices.pop(), checked.secrets),
        None => (None, Vec::new()),
    };
    DeviceLint { findings, dropped: lint.dropped, device, secrets }
}

impl TemplateSource<'_> {
    /// The template of this name, in a list; the others have no say.
    fn named(&self, name: &str) -> Vec<Value> {
        let list = match self {
            TemplateSource::None => return Vec::new(),
            TemplateSource::List(list) => list.as_array().cloned().unwrap_or_default(),
            TemplateSource::Document(text) => {
                let Ok((source, _)) = syntax::read(text) else { return Vec::new() };
                let templates = source.root().get("templates").into_iter();
                let named = templates.flat_map(|list| list.items());
                let named = named.filter(|item| item.get("name").is_some_and(|n| n.text() == name));
                return named.map(|item| item.to_json()).collect();
            }
        };
        list.into_iter().filter(|item| item["name"].as_str() == Some(name)).collect()
    }
}
