//! Checks alarms: what raises them, for which tags, and how they are treated.

use crate::alarm_condition::{Compared, fits};
use crate::check::{Checker, Names};
use crate::checked::{CheckedAlarm, CheckedDevice};
use crate::document::{Deadband, Lenient, Part};
use crate::names::check_name;
use crate::pattern::TagPattern;
use crate::rule::RULE_OUTPUT_GROUP;
use crate::source::Node;
use crate::value_types::{AlarmPriority, Comparison};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use tagwerk_component::Duration;
use tagwerk_model::limits;

/// The longest delay: a month.
const DELAY_MAX: std::time::Duration = std::time::Duration::from_secs(31 * 86_400);
/// The shortest time over which a condition looks.
const SPAN_MIN: std::time::Duration = std::time::Duration::from_secs(1);
/// Samples that an alarm of n of m looks at.
const SAMPLES_MAX: u32 = 64;

/// A state that somebody must hear of. Each tag that is chosen has an alarm of its own.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Alarm", deny_unknown_fields)]
pub(crate) struct AlarmForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; unique.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// Which tags: `device/tag` or `device/group/tag`, with `*` and `?`.
    #[schemars(with = "Vec<String>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tags: Part,
    /// What the value is when the alarm is raised.
    pub condition: Lenient<Comparison>,
    /// The limit, in the tag's unit; of a rate of change: by how much within `per`.
    #[serde(default)]
    pub limit: Lenient<Option<f64>>,
    /// The two limits, in the tag's unit.
    #[serde(default)]
    pub range: Lenient<Option<[f64; 2]>>,
    /// The value that is compared with.
    #[serde(default)]
    #[schemars(with = "Option<Json>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    value: Part,
    /// How long there must be no value.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub after: Lenient<Option<Duration>>,
    /// The span within which the value changes.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub per: Lenient<Option<Duration>>,
    /// The tag that is compared with: `device/tag`, or `tag` for one of the same device.
    #[serde(default, borrow)]
    pub reference: Lenient<Option<&'s str>>,
    /// By how much the value must come back behind the limit until the alarm is over. Default: 0.
    #[serde(default)]
    #[schemars(with = "Option<Deadband>")]
    pub hysteresis: Lenient<Option<f64>>,
    /// How soon somebody must act. Default: medium.
    #[serde(default)]
    pub priority: Lenient<Option<AlarmPriority>>,
    /// The condition must be met for so long. Default: 0s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub on_delay: Lenient<Option<Duration>>,
    /// The condition must be over for so long. Default: 0s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub off_delay: Lenient<Option<Duration>>,
    /// `[n, m]`: the condition counts as met when it was in n of the last m samples.
    #[serde(default)]
    pub samples: Lenient<Option<[u32; 2]>>,
    /// True: the alarm stays when its condition is over, until somebody resets it. Default: false.
    #[serde(default)]
    pub latching: Lenient<Option<bool>>,
    /// False: nobody has to acknowledge it. Default: true.
    #[serde(default)]
    pub acknowledge: Lenient<Option<bool>>,
    /// While a tag has a value, such as that of a machine that is off, nobody is told.
    #[serde(default)]
    #[schemars(with = "Option<SuppressionForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    suppress_when: Part,
    /// False: the condition is not looked at. Default: true.
    #[serde(default)]
    pub enabled: Lenient<Option<bool>>,
    /// What it means, for those who read it.
    #[serde(default, borrow)]
    pub text: Lenient<Option<&'s str>>,
    /// What to do about it.
    #[serde(default, borrow)]
    pub response: Lenient<Option<&'s str>>,
}

/// When an alarm is suppressed by design.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Suppression", deny_unknown_fields)]
pub(crate) struct SuppressionForm<'s> {
    /// `device/tag`, or `tag` for one of the same device.
    #[serde(borrow)]
    pub tag: Lenient<&'s str>,
    /// The value that suppresses.
    #[schemars(with = "Json")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    equals: Part,
}

/// The alarms of a document.
#[derive(Default)]
pub(crate) struct Alarms<'s> {
    pub list: Vec<CheckedAlarm>,
    pub names: Names<'s>,
    /// Counting each tag.
    pub instances: usize,
}

impl<'s> Checker<'s> {
    pub fn alarms(&mut self, root: Node<'s>, devices: &[CheckedDevice]) -> Alarms<'s> {
        let mut alarms = Alarms::default();
        let Some(list) = root.get("alarms") else { return alarms };
        // Devices with mistakes are not among those built: what they hold cannot be told.
        let known = self.report.errors() == 0 && !self.incomplete;
        for node in list.items() {
            match self.alarm(node, &mut alarms.names, devices) {
                Some(alarm) => {
                    alarms.instances += self.count(node, &alarm, devices);
                    alarms.instances += self.count_of_rules(&alarm);
                    if known {
                        self.others(node, &alarm, devices);
                    }
                    alarms.list.push(alarm);
                }
                None => self.incomplete = true,
            }
        }
        if alarms.instances > limits::ALARMS_MAX {
            let problem = format!("there are {} alarms, counting each tag", alarms.instances);
            let remedy = format!("choose fewer tags; an edge has {} at most", limits::ALARMS_MAX);
            self.report.error(list, problem, remedy);
        }
        alarms
    }

    fn alarm(
        &mut self,
        node: Node<'s>,
        names: &mut Names<'s>,
        devices: &[CheckedDevice],
    ) -> Option<CheckedAlarm> {
        let form = AlarmForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "alarm", names);
        let tags = self.patterns(node, ("the alarm", "watch"), devices);
        let compared = Compared {
            limit: form.limit.optional(),
            range: form.range.optional(),
            hysteresis: form.hysteresis.optional().unwrap_or(0.0),
            after: self.span(node, "after", form.after),
            per: self.span(node, "per", form.per),
            reference: self.tag_name(node.get("reference"), form.reference.optional()),
        };
        let condition = self.condition(node, form.condition.get()?, compared);
        let suppress_when = self.suppression(node);
        let delays = [("on_delay", form.on_delay), ("off_delay", form.off_delay)];
        let [on_delay, off_delay] = delays.map(|(key, delay)| self.delay(node, key, delay));
        let samples = form.samples.optional().map(|[n, m]| (n, m));
        if let Some((n, m)) = samples.filter(|(n, m)| !(1..=*m).contains(n) || *m > SAMPLES_MAX) {
            let problem = format!("{n} of {m} samples is no condition");
            let remedy = format!("write `[n, m]` with 1 ≤ n ≤ m ≤ {SAMPLES_MAX}");
            self.report.error(node.get("samples").unwrap_or(node), problem, remedy);
        }
        let (text, response) = (form.text.optional(), form.response.optional());
        self.lengths(node, [("text", text), ("response", response)]);
        Some(CheckedAlarm {
            name: name?.into(),
            tags,
            enabled: form.enabled.optional().unwrap_or(true),
            condition: condition?,
            priority: form.priority.optional().unwrap_or_default(),
            on_delay,
            off_delay,
            samples,
            latching: form.latching.optional().unwrap_or(false),
            acknowledge: form.acknowledge.optional().unwrap_or(true),
            suppress_when,
            text: text.map(Into::into),
            response: response.map(Into::into),
        })
    }

    /// Reports texts that are too long.
    pub fn lengths<const N: usize>(&mut self, node: Node<'s>, texts: [(&str, Option<&str>); N]) {
        let max = limits::DESCRIPTION_BYTES_MAX;
        for (key, text) in texts {
            if text.is_some_and(|text| text.len() > max) {
                let problem = format!("the {key} is longer than {max} bytes");
                self.report.error(node.get(key).unwrap_or(node), problem, "shorten it");
            }
        }
    }

    pub fn delay(
        &mut self,
        node: Node<'s>,
        key: &str,
        delay: Lenient<Option<Duration>>,
    ) -> std::time::Duration {
        let delay = delay.optional().map_or(std::time::Duration::ZERO, |delay| delay.0);
        if delay > DELAY_MAX {
            let problem = format!("a delay of {} is longer than a month", Duration(delay));
            self.report.error(node.get(key).unwrap_or(node), problem, "write a shorter one");
        }
        delay
    }

    /// A time over which a condition looks.
    fn span(
        &mut self,
        node: Node<'s>,
        key: &str,
        span: Lenient<Option<Duration>>,
    ) -> Option<std::time::Duration> {
        let span = span.optional()?.0;
        if !(SPAN_MIN..=DELAY_MAX).contains(&span) {
            let problem = format!("`{key}` is {}", Duration(span));
            let (least, most) = (Duration(SPAN_MIN), Duration(DELAY_MAX));
            let remedy = format!("write a time from {least} to {most}");
            self.report.error(node.get(key).unwrap_or(node), problem, remedy);
        }
        Some(span)
    }

    /// Tags of rules that have this alarm, at the least: a rule's columns are not known here.
    fn count_of_rules(&self, alarm: &CheckedAlarm) -> usize {
        let has = |rule: &&&str| {
            alarm.tags.iter().any(|pattern| pattern.means_device(rule, RULE_OUTPUT_GROUP))
        };
        self.rules.iter().filter(has).count()
    }

    /// Counts the tags that have this alarm, and looks whether they have such values.
    fn count(&mut self, node: Node<'s>, alarm: &CheckedAlarm, devices: &[CheckedDevice]) -> usize {
        let mut count = 0;
        let mut unfit: Option<String> = None;
        for device in devices {
            for group in &device.groups {
                let any = |pattern: &TagPattern| pattern.matches_group(&device.name, &group.name);
                if !alarm.tags.iter().any(any) {
                    continue;
                }
                for tag in &group.tags {
                    let chosen = |p: &TagPattern| p.matches(&device.name, &group.name, &tag.name);
                    if !alarm.tags.iter().any(chosen) {
                        continue;
                    }
                    count += 1;
                    if unfit.is_none() && !fits(&alarm.condition, tag) {
                        let of_type = tag.published.name();
                        unfit = Some(format!("`{}/{}`, a {of_type},", device.name, tag.name));
                    }
                }
            }
        }
        if let Some(tag) = unfit {
            let problem = format!("{tag} never has such a value");
            let remedy = "choose tags of a fitting type, or another condition";
            self.report.warning(node.get("condition").unwrap_or(node), problem, remedy);
        }
        count
    }
}
