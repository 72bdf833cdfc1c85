//! Report on change and deadband: which samples of a read are worth telling.
//!
//! Compares with what was last *reported*, so that a slow drift is told once it has gone far enough.

use tagwerk_config::CheckedTag;
use tagwerk_model::{Quality, SampleBatch, Value, ValueRef};

/// What was last reported of the tags of one group. `None` where no tag asks for it, so that groups
/// without deadbands pay nothing.
pub(crate) struct Report {
    rules: Box<[Option<Rule>]>,
    last: Box<[Option<Told>]>,
}

type Told = (Option<Value>, Quality);

#[derive(Clone, Copy)]
struct Rule {
    deadband: f64,
}

impl Report {
    pub fn new(tags: &[CheckedTag]) -> Option<Report> {
        let rules: Box<[Option<Rule>]> = tags
            .iter()
            .map(|tag| {
                (tag.on_change || tag.deadband.is_some())
                    .then(|| Rule { deadband: tag.deadband.unwrap_or(0.0) })
            })
            .collect();
        let last = vec![None; tags.len()].into();
        rules.iter().any(Option::is_some).then_some(Report { rules, last })
    }

    /// The samples to tell, with the number kept back in `suppressed`; `None` when there is nothing
    /// to tell.
    pub fn filter(&mut self, batch: &SampleBatch) -> (Option<SampleBatch>, u32) {
        let mut suppressed = 0;
        let kept = batch.filtered(|sample| {
            let Some(rule) = self.rules[sample.index] else { return true };
            let last = &mut self.last[sample.index];
            let tell = match last {
                None => true,
                Some((_, quality)) if *quality != sample.quality => true,
                Some((value, _)) => differs(value.as_ref().map(Value::as_ref), sample.value, rule),
            };
            if tell {
                *last = Some((sample.value.map(ValueRef::to_value), sample.quality));
            } else {
                suppressed += 1;
            }
            tell
        });
        (kept, suppressed)
    }
}

fn differs(old: Option<ValueRef<'_>>, new: Option<ValueRef<'_>>, rule: Rule) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => match (old.as_f64(), new.as_f64()) {
            (Some(a), Some(b)) if rule.deadband > 0.0 => (a - b).abs() > rule.deadband,
            _ => old != new,
        },
        (old, new) => old != new,
    }
}
