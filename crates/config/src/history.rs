//! Checks how long history keeps what.

use crate::check::Checker;
use crate::checked::{CheckedArchive, CheckedDevice, CheckedKeep};
use crate::document::KeepForm;
use crate::pattern::TagPattern;
use crate::source::Node;
use serde::Deserialize;
use std::time::Duration;

/// Samples are written once they are so old, or sooner.
const SAMPLES_MIN: Duration = Duration::from_secs(3_600);

/// A day of the archive is written once it is over, out of the samples themselves.
const ARCHIVED_MIN: Duration = Duration::from_secs(2 * 86_400);
/// Tags compared in search of one that is archived too late. Beyond, one is taken to be there.
const COMPARISONS_MAX: usize = 1_000_000;

impl<'s> Checker<'s> {
    pub fn history(
        &mut self,
        node: Node<'s>,
        devices: &[CheckedDevice],
        archive: Option<&CheckedArchive>,
    ) -> Vec<CheckedKeep> {
        let Some(list) = node.get("keep") else { return Vec::new() };
        let mut checked: Vec<CheckedKeep> = Vec::new();
        for rule in list.items() {
            let Some(kept) = self.keep(rule, devices) else { continue };
            if let Some(archive) = archive {
                self.archived(rule, &kept, &checked, archive, devices);
            }
            checked.push(kept);
        }
        checked
    }

    /// Samples must not be gone before the archive has them.
    fn archived(
        &mut self,
        node: Node<'s>,
        kept: &CheckedKeep,
        before: &[CheckedKeep],
        archive: &CheckedArchive,
        devices: &[CheckedDevice],
    ) {
        let Some(samples) = kept.samples.filter(|samples| *samples < ARCHIVED_MIN) else { return };
        let chosen = |patterns: &[TagPattern], (device, group, tag): (&str, &str, &str)| {
            patterns.iter().any(|pattern| pattern.matches(device, group, tag))
        };
        let mut comparisons = 0;
        let names = devices.iter().flat_map(|device| {
            let groups = device.groups.iter();
            groups.flat_map(|g| g.tags.iter().map(|tag| (&*device.name, &*g.name, &*tag.name)))
        });
        let both = names.into_iter().find(|name| {
            comparisons += 1;
            let earlier = before.iter().any(|rule| chosen(&rule.tags, *name));
            comparisons > COMPARISONS_MAX
                || (!earlier && chosen(&kept.tags, *name) && chosen(&archive.tags, *name))
        });
        if let Some((device, group, tag)) = both {
            let samples = tagwerk_component::Duration(samples);
            let problem = format!(
                "samples of `{device}/{group}/{tag}` are kept for {samples}, and may be gone \
                 before the archive has their day"
            );
            let place = node.get("samples").unwrap_or(node);
            self.report.error(place, problem, "write `48h` or more, or archive other tags");
        }
    }

    fn keep(&mut self, node: Node<'s>, devices: &[CheckedDevice]) -> Option<CheckedKeep> {
        let form = KeepForm::deserialize(node).ok()?;
        let time = |duration: Option<tagwerk_component::Duration>| duration.map(|d| d.0);
        let kept = CheckedKeep {
            tags: self.patterns(node, ("the rule", "keep"), devices),
            samples: time(form.samples.optional()),
            minutes: time(form.minutes.optional()),
            hours: time(form.hours.optional()),
            days: time(form.days.optional()),
            sample_bytes_max: form.sample_bytes_max.optional(),
        };
        if let Some(samples) = kept.samples.filter(|samples| *samples < SAMPLES_MIN) {
            let samples = tagwerk_component::Duration(samples);
            let problem = format!("samples are kept for {samples}, less than an hour");
            let place = node.get("samples").unwrap_or(node);
            let remedy = "write `1h` or more, or remove `samples` to keep them while there is room";
            self.report.error(place, problem, remedy);
        }
        self.order(node, &kept);
        Some(kept)
    }

    /// What is coarser is there for what is finer and gone.
    fn order(&mut self, node: Node<'s>, kept: &CheckedKeep) {
        let mut finer = ("samples", kept.samples);
        for (key, keep) in [("minutes", kept.minutes), ("hours", kept.hours), ("days", kept.days)] {
            if keep == Some(Duration::ZERO) {
                continue;
            }
            if finer.1.zip(keep).is_some_and(|(before, keep)| keep <= before) {
                let problem = format!("`{key}` are not kept longer than `{}`", finer.0);
                let place = node.get(key).unwrap_or(node);
                self.report.warning(place, problem, "what is coarser is kept for longer");
            }
            finer = (key, keep);
        }
    }
}
