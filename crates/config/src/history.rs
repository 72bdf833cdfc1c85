//! Checks how long history keeps what.

use crate::check::Checker;
use crate::checked::{CheckedDevice, CheckedKeep};
use crate::document::KeepForm;
use crate::source::Node;
use serde::Deserialize;
use std::time::Duration;

/// Samples are written once they are so old, or sooner.
const SAMPLES_MIN: Duration = Duration::from_secs(3_600);

impl<'s> Checker<'s> {
    pub fn history(&mut self, node: Node<'s>, devices: &[CheckedDevice]) -> Vec<CheckedKeep> {
        let Some(list) = node.get("keep") else { return Vec::new() };
        list.items().filter_map(|rule| self.keep(rule, devices)).collect()
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
