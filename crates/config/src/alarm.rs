//! Checks alarms: what raises them, for which tags, and how they are treated.

use crate::check::{Checker, Names};
use crate::checked::{AlarmCondition, CheckedAlarm, CheckedDevice, CheckedTag};
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
use tagwerk_model::{DataType, Value, limits};

/// The longest delay: a month.
const DELAY_MAX: std::time::Duration = std::time::Duration::from_secs(31 * 86_400);
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
    /// The limit, in the tag's unit.
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
        for node in list.items() {
            match self.alarm(node, &mut alarms.names, devices) {
                Some(alarm) => {
                    alarms.instances += self.count(node, &alarm, devices);
                    alarms.instances += self.count_of_rules(&alarm);
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
        let hysteresis = form.hysteresis.optional();
        let numbers = (form.limit.optional(), form.range.optional(), hysteresis);
        let condition = self.condition(node, form.condition.get()?, numbers);
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

    /// What is compared, from the keys that this comparison needs; others are mistakes.
    fn condition(
        &mut self,
        node: Node<'s>,
        comparison: Comparison,
        (limit, range, hysteresis): (Option<f64>, Option<[f64; 2]>, Option<f64>),
    ) -> Option<AlarmCondition> {
        let (word, needs): (&str, &[&str]) = match comparison {
            Comparison::Above => ("above", &["limit", "hysteresis"]),
            Comparison::Below => ("below", &["limit", "hysteresis"]),
            Comparison::Outside => ("outside", &["range", "hysteresis"]),
            Comparison::Equals => ("equals", &["value"]),
            Comparison::NotEquals => ("not_equals", &["value"]),
            Comparison::Bad => ("bad", &[]),
        };
        for key in ["limit", "range", "value", "hysteresis"] {
            let Some(given) = node.get(key).filter(|_| !needs.contains(&key)) else { continue };
            let problem = format!("`{key}` means nothing for the condition `{word}`");
            self.report.error(given, problem, format!("remove `{key}`"));
        }
        if let Some(key) = needs.first().filter(|key| node.get(key).is_none()) {
            let example = match *key {
                "range" => "range: [1, 5]",
                "value" => "value: true",
                _ => "limit: 95",
            };
            let problem = format!("the condition `{word}` has no `{key}`");
            self.report.error(node, problem, format!("write one, such as `{example}`"));
            return None;
        }
        let hysteresis = hysteresis.unwrap_or(0.0);
        Some(match comparison {
            Comparison::Above => AlarmCondition::Above { limit: limit?, hysteresis },
            Comparison::Below => AlarmCondition::Below { limit: limit?, hysteresis },
            Comparison::Outside => {
                let [low, high] = range?;
                if low > high || 2.0 * hysteresis > high - low {
                    let problem = if low > high {
                        format!("the range from {low} to {high} is empty")
                    } else {
                        "the hysteresis is more than half of the range".to_owned()
                    };
                    let remedy = "write the lower limit first, and a hysteresis that leaves values \
                                  at which the alarm is over";
                    self.report.error(node.get("range").unwrap_or(node), problem, remedy);
                }
                AlarmCondition::Outside { low, high, hysteresis }
            }
            Comparison::Equals => AlarmCondition::Equals(self.scalar(node)?),
            Comparison::NotEquals => AlarmCondition::NotEquals(self.scalar(node)?),
            Comparison::Bad => AlarmCondition::Bad,
        })
    }

    fn scalar(&mut self, node: Node<'s>) -> Option<Value> {
        let given = node.get("value")?;
        let scalar = match given.to_json() {
            Json::Bool(flag) => Some(Value::Bool(flag)),
            Json::String(text) => Some(Value::Text(text.into())),
            Json::Number(number) => number
                .as_i64()
                .map(Value::I64)
                .or_else(|| number.as_u64().map(Value::U64))
                .or_else(|| number.as_f64().map(Value::F64)),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        if scalar.is_none() {
            let problem = "the value is no number, text, true or false";
            self.report.error(given, problem, "write a value that the tag can have");
        }
        scalar
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

fn fits(condition: &AlarmCondition, tag: &CheckedTag) -> bool {
    let text = tag.published == DataType::Text;
    let flag = tag.published == DataType::Bool;
    let number = !text && !flag && !matches!(tag.published, DataType::Bytes | DataType::List);
    match condition {
        AlarmCondition::Bad => true,
        AlarmCondition::Equals(value) | AlarmCondition::NotEquals(value) => match value {
            Value::Bool(_) => flag,
            Value::Text(_) => text,
            _ => number,
        },
        _ => number,
    }
}
