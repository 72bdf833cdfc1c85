//! Checks sinks and the tags that they choose.

use crate::check::{Checker, Names};
use crate::checked::{CheckedDevice, CheckedSink, settings_fingerprint};
use crate::document::SinkForm;
use crate::names::check_name;
use crate::pattern::TagPattern;
use crate::rule::RULE_OUTPUT_GROUP;
use crate::source::{Node, shortened};
use serde::Deserialize;
use tagwerk_component::{Findings, SinkRequest};

/// Tags compared, over all patterns of a document, in search of one that matches. Beyond: patterns
/// are taken to match, since a warning is not worth the wait.
const COMPARISONS_MAX: usize = 20_000_000;

impl<'s> Checker<'s> {
    pub fn sink(
        &mut self,
        node: Node<'s>,
        names: &mut Names<'s>,
        devices: &[CheckedDevice],
    ) -> Option<CheckedSink> {
        let form = SinkForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "sink", names);
        let description = form.description.optional();
        self.description(node, description);
        let patterns = self.patterns(node, ("the sink", "send"), devices);
        let kind = form.kind.get().and_then(|kind| {
            Checker::component(&mut self.report, node, "kind", "kind of sink", kind, &self.sinks)
        })?;
        let settings = self.settings(node, ("sinks", name), &kind)?;
        let request = SinkRequest { name: name.unwrap_or("?"), settings: &settings.value };
        let mut findings = Findings::new();
        let plan = kind.component.check(&request, &mut findings);
        self.take_over(node, &findings, &settings, |_| None);
        if plan.is_none() && findings.errors() == 0 {
            let problem = format!("the sink `{}` refuses its settings", kind.spec.name);
            self.report.error(node, problem, "compare them with the sink's reference");
        }
        let (Some(name), Some(plan)) = (name, plan) else {
            self.incomplete = true;
            return None;
        };
        Some(CheckedSink {
            name: name.into(),
            description: description.map(Into::into),
            sink: kind.component,
            kind: kind.spec.name,
            enabled: form.enabled.optional().unwrap_or(true),
            plan,
            tags: patterns,
            from: form.from.optional().unwrap_or_default(),
            order: form.order.optional().unwrap_or_default(),
            backlog_bytes_max: form.backlog_bytes_max.optional(),
            backlog_age_max: form.backlog_age_max.optional().map(|age| age.0),
            settings_fingerprint: settings_fingerprint(kind.spec.name, &settings.value),
        })
    }

    /// Those under `tags` of `owner`, which is told with what it does with tags.
    pub fn patterns(
        &mut self,
        owner: Node<'s>,
        (who, does): (&str, &str),
        devices: &[CheckedDevice],
    ) -> Vec<TagPattern> {
        let Some(list) = owner.get("tags").filter(|node| node.form() == crate::source::Form::List)
        else {
            return vec![TagPattern::all()];
        };
        if list.len() == 0 {
            let remedy =
                format!("remove `tags` to {does} all, or write patterns such as `boiler-1/*`");
            self.report.warning(list, format!("{who} chooses no tags"), remedy);
        }
        let mut patterns = Vec::with_capacity(list.len());
        let mut comparisons = 0;
        // Devices with mistakes are not among those built: what they hold cannot be told.
        let known = self.report.errors() == 0 && !self.incomplete;
        for item in list.items() {
            let Ok(text) = <&str>::deserialize(item) else { continue };
            let Some(pattern) = TagPattern::parse(text) else {
                let problem = format!("`{}` is not a pattern of tags", shortened(text));
                let remedy = "write `device/tag` or `device/group/tag`, with `*` and `?`";
                self.report.error(item, problem, remedy);
                continue;
            };
            if known
                && !matches_any(&pattern, devices, &mut comparisons)
                && !matches_any_rule(&pattern, &self.rules, &mut comparisons)
            {
                let problem = format!("`{}` matches no tag", shortened(text));
                let remedy = "compare it with the names of devices, groups and tags";
                self.report.warning(item, problem, remedy);
            }
            patterns.push(pattern);
        }
        patterns
    }
}

/// The columns of a rule are not known here: that it is chosen from is enough.
fn matches_any_rule(pattern: &TagPattern, rules: &[&str], comparisons: &mut usize) -> bool {
    rules.iter().any(|rule| {
        *comparisons += 1;
        *comparisons > COMPARISONS_MAX || pattern.matches_group(rule, RULE_OUTPUT_GROUP)
    })
}

fn matches_any(pattern: &TagPattern, devices: &[CheckedDevice], comparisons: &mut usize) -> bool {
    for device in devices {
        for group in &device.groups {
            *comparisons += 1;
            if !pattern.matches_group(&device.name, &group.name) {
                continue;
            }
            for tag in &group.tags {
                *comparisons += 1;
                if *comparisons > COMPARISONS_MAX
                    || pattern.matches(&device.name, &group.name, &tag.name)
                {
                    return true;
                }
            }
        }
    }
    *comparisons > COMPARISONS_MAX
}
